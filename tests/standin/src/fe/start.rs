//! How an FE begins: its arguments, and what its files make of them.

use std::path::Path;

use crate::group::journal::{Journal, JournalDir};
use crate::group::membership::GroupNode;
use crate::halt::Halt;
use crate::profile::{Engine, Profile};

use super::image::{ImageDir, RoleFile, VersionFile};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Arguments {
    pub(crate) helpers: Vec<(String, u16)>,
    /// `IP` or `FQDN`, when given.
    pub(crate) host_type: Option<String>,
}

impl Arguments {
    pub(crate) fn parse(words: &[String]) -> Result<Self, Halt> {
        let mut parsed = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match word.trim_start_matches('-') {
                "helper" => parsed.helpers = helpers(words.next().map_or("", String::as_str))?,
                "host_type" => {
                    let given = words.next().map(|text| text.to_uppercase()).unwrap_or_default();
                    if given != "IP" && given != "FQDN" {
                        return Err(Halt::unlogged("-host_type need parameter FQDN or IP"));
                    }
                    parsed.host_type = Some(given);
                }
                _ => {}
            }
        }
        Ok(parsed)
    }
}

fn helpers(list: &str) -> Result<Vec<(String, u16)>, Halt> {
    let wrong = || {
        Halt::unlogged(format!(
            "helper's format seems was wrong [{list}], eg. host:port,host:port"
        ))
    };
    list.split(',')
        .map(|one| {
            let (host, port) = one.trim().rsplit_once(':').ok_or_else(wrong)?;
            let port = port.parse().map_err(|_| wrong())?;
            if host.is_empty() {
                return Err(Halt::fatal(
                    "Getting analyzing error. Detail message: Host is null.",
                ));
            }
            Ok((
                host.trim_start_matches('[').trim_end_matches(']').to_owned(),
                port,
            ))
        })
        .collect()
}

/// What the meta dir holds when an FE starts.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) role: Option<RoleFile>,
    pub(crate) version: Option<VersionFile>,
    pub(crate) has_checkpoint: bool,
    pub(crate) journal: Option<Journal>,
}

/// The way a start takes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// Neither file, no helper: a new cluster.
    Found,
    /// Ask a helper over HTTP for role and name.
    Join,
    /// Both files are there; helpers are not asked over HTTP.
    Restart,
}

impl Found {
    pub(crate) fn look(image: &ImageDir, journal: &JournalDir) -> Result<Self, Halt> {
        Ok(Self {
            role: image.role(),
            version: image.version(),
            has_checkpoint: image.checkpoint().is_some(),
            journal: journal.load().map_err(|error| {
                Halt::fatal(format!(
                    "error to open replicated environment. will exit. {error}"
                ))
            })?,
        })
    }

    pub(crate) fn way(&self, helpers: &[(String, u16)], profile: &Profile) -> Result<Way, Halt> {
        if profile.engine == Engine::StarRocks && self.has_checkpoint && self.journal.is_none() {
            return Err(Halt::fatal(
                "image exists, but bdb dir is empty, set start_with_incomplete_meta to true if you want to forcefully \
                 recover from image data, this may end with stale meta data, so please be careful.",
            ));
        }
        match (&self.role, &self.version) {
            (Some(_), Some(_)) if helpers.len() > 1 => Err(Halt::thrown(profile.two_helpers())),
            (Some(_), Some(_)) => Ok(Way::Restart),
            (None, None) if helpers.is_empty() => Ok(Way::Found),
            _ if helpers.is_empty() => Err(Halt::thrown(
                "role file and version file must both exist or both not exist. please specific one helper node to \
                 recover. will exit.",
            )),
            _ => Ok(Way::Join),
        }
    }

    /// A start without files of the group cannot replay what a checkpoint has already swallowed.
    pub(crate) fn needs_first_journal(&self) -> bool {
        !self.has_checkpoint && self.journal.is_none()
    }
}

/// What an electable node knows of its group on disk, which is where it looks for its helper.
pub(crate) fn local_group(journal: &Journal) -> Vec<&GroupNode> {
    journal.membership.electable().collect()
}

/// `ensureHelperInLocal`: the helper's text and port must be those of a voting member known here. A group that is
/// still empty accepts any.
pub(crate) fn check_helper(journal: &Journal, helper: &(String, u16), meta_dir: &Path) -> Result<(), Halt> {
    let local = local_group(journal);
    if local.is_empty()
        || local
            .iter()
            .any(|node| node.host == helper.0 && node.port == helper.1)
    {
        return Ok(());
    }
    let nodes: Vec<String> = local
        .iter()
        .map(|node| format!("Node:{} {}:{}", node.name, node.host, node.port))
        .collect();
    Err(Halt::fatal(format!(
        "bad environment {}/bdb! helper host {}:{} not in local {nodes:?}",
        meta_dir.display(),
        helper.0,
        helper.1
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn a_helper_without_a_port_is_refused_on_stdout() {
        let halt = Arguments::parse(&words("-helper 10.77.0.11")).unwrap_err();
        assert_eq!(
            halt.words,
            "helper's format seems was wrong [10.77.0.11], eg. host:port,host:port"
        );
        assert!(!halt.logged);
    }

    #[test]
    fn two_helpers_are_one_too_many_only_on_a_restart() {
        let Arguments { helpers, .. } = Arguments::parse(&words("--helper a:9010,b:9010")).unwrap();
        let empty = Found {
            role: None,
            version: None,
            has_checkpoint: false,
            journal: None,
        };
        let profile = Profile::parse("starrocks-3.5").unwrap();
        assert_eq!(empty.way(&helpers, profile).unwrap(), Way::Join);
        let role = RoleFile {
            role: crate::group::membership::FeRole::Follower,
            name: "n".into(),
            host_type: String::new(),
        };
        let version = VersionFile {
            cluster_id: 1,
            token: "t".into(),
        };
        let full = Found {
            role: Some(role),
            version: Some(version),
            has_checkpoint: false,
            journal: None,
        };
        assert!(full.way(&helpers, profile).is_err());
    }
}
