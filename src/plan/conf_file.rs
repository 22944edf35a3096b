//! Decides the content of this node's conf file, and how it is written.

use std::path::PathBuf;

use super::conf::{self, ConfEntry};
use super::ports::Choice;
use super::{Prescribed, local_addresses};
use crate::engine::accounts::is_hash;
use crate::facts::Facts;
use crate::facts::conf_folder::ConfFolder;
use crate::settings::{Host, JAVA_OPTIONS, Settings, Source};

/// The content of the conf file, and how it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conf {
    pub path: PathBuf,
    pub text: String,
    /// The lines of muster's block.
    pub entries: Vec<ConfEntry>,
    pub manner: ConfManner,
    /// The files of the conf folder that `conf/` links to under their own names.
    pub links: Vec<PathBuf>,
    /// Files in `conf/` that the engine writes itself: not linked in a shadow home.
    pub own_files: &'static [&'static str],
    /// True if a file of the conf folder takes the place of the conf file, which is kept beside it.
    pub replaced: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfManner {
    /// The file has this content already.
    Unchanged,
    /// A new file is written beside it and renamed.
    Replace,
    /// The file itself is a mount point or a link.
    InPlace,
    /// The file and its dir, or a dir that the engine writes to, are read-only: `dir` is a home of links with a `conf/` of its own.
    Shadow { dir: PathBuf },
}

/// The lines of muster's block: ports first, then the address and the cluster, then the requested keys.
pub(super) fn entries(
    settings: &Settings,
    facts: &Facts,
    ports: &[Choice],
    prescribed: &Prescribed,
) -> Vec<(ConfEntry, Source, String)> {
    let mut entries: Vec<(ConfEntry, Source, String)> = ports
        .iter()
        .map(|choice| {
            let entry = ConfEntry {
                key: choice.port.conf_key.to_owned(),
                value: choice.number.to_string(),
            };
            (entry, choice.source.clone(), choice.why.clone())
        })
        .collect();
    let requests = settings
        .conf
        .get(&facts.home.component)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let is_requested = |key: &str| requests.iter().any(|request| request.key == key);
    if let Some(key) = facts.home.layout.networks_key
        && !is_requested(key)
        && let Some(address) = local_addresses(facts).first()
    {
        let width = if address.is_ipv4() { 32 } else { 128 };
        entries.push((
            ConfEntry {
                key: key.to_owned(),
                value: format!("{address}/{width}"),
            },
            Source::Derived,
            "the engine uses LOCAL_HOST only".to_owned(),
        ));
    }
    for (key, value) in facts.home.layout.fixed_conf {
        let line = ConfEntry {
            key: (*key).to_owned(),
            value: (*value).to_owned(),
        };
        let why = format!("makes this node a {}", facts.home.component.name());
        entries.push((line, facts.home.component_source.clone(), why));
    }
    if let (Some(key), Some(id)) = (facts.home.layout.cluster_id_key, &prescribed.cluster_id)
        && !is_requested(key)
    {
        entries.push((
            ConfEntry {
                key: key.to_owned(),
                value: id.clone(),
            },
            Source::Cluster,
            "the engine refuses heartbeats of other clusters".to_owned(),
        ));
    }
    let name_key = facts.home.engine.own_host.name_key();
    if let (Some(key), Host::Name(_)) = (name_key, &settings.local_host.value)
        && facts.home.component.is_fe()
        && !is_requested(key)
    {
        entries.push((
            ConfEntry {
                key: key.to_owned(),
                value: "true".to_owned(),
            },
            Source::Derived,
            "members know this FE by name".to_owned(),
        ));
    }
    for request in requests {
        if entries.iter().all(|(entry, _, _)| entry.key != request.key) {
            entries.push((
                ConfEntry {
                    key: request.key.clone(),
                    value: request.value.clone(),
                },
                request.source.clone(),
                "requested".to_owned(),
            ));
        }
    }
    for (key, value) in java_options(settings, facts) {
        // The last value of a key counts, and LOG_DIR has to stand before it.
        entries.retain(|(entry, _, _)| entry.key != key);
        let entry = ConfEntry {
            key: key.to_owned(),
            value,
        };
        let heap = settings.heap.get(&facts.home.component);
        let (source, why) = heap.map_or((Source::Derived, String::new()), |heap| {
            (heap.source.clone(), format!("-Xmx and -Xms are {}", heap.value))
        });
        entries.push((entry, source, why));
    }
    entries
}

/// True if the conf gives root a password when this FE founds. The engine ignores a text that is no hash.
pub(super) fn has_root_hash(facts: &Facts, conf: &Conf) -> bool {
    let Some(key) = facts.home.engine.accounts.root_hash_key else {
        return false;
    };
    let own = facts.conf.grammar.entries(&conf.text);
    let own = own.into_iter().rev().find(|(name, _)| name == key);
    let custom = facts.custom_conf.as_ref().and_then(|file| file.lookup(key));
    let hash = custom.or(own.map(|(_, hash)| hash));
    hash.is_some_and(|hash| is_hash(hash.trim()))
}

/// The lines of Java options with the requested heap. Which of them counts is the JDK's choice.
fn java_options(settings: &Settings, facts: &Facts) -> Vec<(&'static str, String)> {
    let component = facts.home.component;
    let Some(heap) = settings.heap.get(&component) else {
        return Vec::new();
    };
    let requests = settings.conf.get(&component).into_iter().flatten();
    let lines = JAVA_OPTIONS.iter().filter_map(|key| {
        let requested = requests.clone().find(|request| request.key == *key);
        let options = requested.map_or_else(
            || facts.conf.shell_line(key),
            |request| Some(request.value.clone()),
        )?;
        Some((*key, heap.value.replace_in(&options)?))
    });
    lines.collect()
}

/// A warning if the requested heap has no options to stand in.
pub(super) fn lost_heap(settings: &Settings, facts: &Facts) -> Option<String> {
    let component = facts.home.component;
    let heap = settings.heap.get(&component)?;
    java_options(settings, facts).is_empty().then(|| {
        format!(
            "{} has no effect: {} has no JAVA_OPTS with -Xmx; set {}_CONF__JAVA_OPTS, or that of the JDK",
            heap.source.name(),
            facts.conf.read_from.display(),
            component.id().to_ascii_uppercase()
        )
    })
}

pub(super) fn derive(facts: &Facts, entries: &[(ConfEntry, Source, String)]) -> Conf {
    let file = &facts.conf;
    let lines: Vec<ConfEntry> = entries.iter().map(|(entry, _, _)| entry.clone()).collect();
    let text = conf::render(&file.text, &lines, file.grammar);
    let folder = facts.conf_folder.as_ref();
    let linked: Vec<PathBuf> = folder.map(ConfFolder::files).unwrap_or_default();
    let linked: Vec<PathBuf> = linked
        .into_iter()
        .filter(|path| *path != file.read_from)
        .collect();
    let own_files = facts.home.layout.written_conf;
    let here = file.dir_writable || (linked.is_empty() && own_files.is_empty());
    let manner = if text == file.text && file.read_from == file.path && here {
        ConfManner::Unchanged
    } else if file.is_pinned && file.writable && here {
        ConfManner::InPlace
    } else if file.dir_writable && !file.is_pinned {
        ConfManner::Replace
    } else {
        ConfManner::Shadow {
            dir: facts.home.shadow(&facts.records.state_dir.path),
        }
    };
    Conf {
        path: file.path.clone(),
        text,
        entries: lines,
        manner,
        links: linked,
        own_files,
        replaced: file.read_from != file.path,
    }
}

/// The log dirs to search: an engine in a shadow home writes below that home.
pub(super) fn log_dirs(facts: &Facts, conf: &Conf) -> Vec<PathBuf> {
    let home = match &conf.manner {
        ConfManner::Shadow { dir } => dir,
        ConfManner::Unchanged | ConfManner::Replace | ConfManner::InPlace => &facts.home.dir,
    };
    let dirs = facts.log_dirs.iter().map(|log| {
        log.strip_prefix(&facts.home.dir)
            .map_or_else(|_| log.clone(), |below| home.join(below))
    });
    dirs.collect()
}

#[cfg(test)]
mod tests {
    use super::{ConfManner, derive, has_root_hash};
    use crate::engine::{ALL, Component};
    use crate::facts::fixture::{home_of, one_engine, other_engine, settings, tree};
    use crate::facts::gather;
    use crate::plan::Prescribed;

    #[test]
    fn the_conf_gives_root_a_password_if_the_last_value_of_the_key_is_a_hash() {
        const HASH: &str = "*14E65567ABDB5135D0CFD9A70B3032C179A49EE7";
        // The conf file, the file that the engine reads after it.
        let table = [
            (String::new(), String::new(), false),
            (format!("KEY = {HASH}\n"), String::new(), true),
            (format!("KEY = {HASH}\nKEY =\n"), String::new(), false),
            ("KEY = secret\n".to_owned(), String::new(), false),
            ("KEY = secret\n".to_owned(), format!("KEY={HASH}"), true),
            (format!("KEY = {HASH}\n"), "KEY = \n".to_owned(), false),
        ];
        for engine in ALL {
            let key = engine.accounts.root_hash_key;
            let layout = engine.layout(Component::Fe).unwrap();
            for (conf, custom, expected) in &table {
                let text = |text: &str| text.replace("KEY", key.unwrap_or("initial_root_password"));
                let custom_path = layout.custom_conf.unwrap_or("conf/none");
                let root = tree(&[
                    (&format!("home/{}", layout.conf), &text(conf)),
                    (&format!("home/{custom_path}"), &text(custom)),
                ]);
                let home = home_of(engine, &root.path().join("home"), Component::Fe);
                let facts = gather(&settings(), home, root.path());
                let found = has_root_hash(&facts, &derive(&facts, &[]));
                assert_eq!(
                    found,
                    *expected && key.is_some(),
                    "{} {conf} {custom}",
                    engine.name
                );
            }
        }
    }

    /// An engine that writes into the dir of its conf file needs that dir, also where its conf file needs no change.
    #[test]
    fn a_conf_dir_that_the_engine_writes_to_and_cannot_is_replaced_by_a_shadow_home() {
        // The file is mounted, it can be written, its dir can; for an engine that only reads it, and for one that writes there.
        let shadow = "shadow";
        let table = [
            (false, true, true, "replace", "replace"),
            (true, true, true, "in place", "in place"),
            (true, true, false, "in place", shadow),
            (true, false, true, shadow, shadow),
            (false, false, false, shadow, shadow),
        ];
        for (is_pinned, writable, dir_writable, reads, writes) in table {
            for (engine, expected) in [(one_engine(), reads), (other_engine(), writes)] {
                let layout = engine.layout(Component::Fe).unwrap();
                let root = tree(&[(&format!("home/{}", layout.conf), "a = 1\n"), ("tmp/", "")]);
                let home = home_of(engine, &root.path().join("home"), Component::Fe);
                let mut facts = gather(&settings(), home, root.path());
                (facts.conf.is_pinned, facts.conf.writable) = (is_pinned, writable);
                facts.conf.dir_writable = dir_writable;
                let entries = super::entries(&settings(), &facts, &[], &Prescribed::default());
                let conf = derive(&facts, &entries);
                let manner = match conf.manner {
                    ConfManner::Unchanged => "unchanged",
                    ConfManner::Replace => "replace",
                    ConfManner::InPlace => "in place",
                    ConfManner::Shadow { .. } => shadow,
                };
                assert_eq!(
                    manner, expected,
                    "{} {is_pinned} {writable} {dir_writable}",
                    engine.name
                );
                facts.conf.text = conf.text;
                let again = derive(&facts, &entries).manner;
                let unchanged = dir_writable || engine == one_engine();
                assert_eq!(again == ConfManner::Unchanged, unchanged, "{} again", engine.name);
            }
        }
    }
}
