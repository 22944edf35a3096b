//! Reads the data dir of an FE, and checks for the proof that the FE was once ready. `plan/data` classifies it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::conf::Grammar;
use super::dir_state::{Place, PlaceState};
use super::mounts::Mounts;
use super::search::{self, Sought};
use crate::engine::valid::is_cluster_id;
use crate::engine::{JOURNAL_HOSTS, JOURNAL_NAME, ReadyProof};
use crate::file;
use crate::printable::excerpt;
use crate::settings::Secret;
use std::collections::BTreeMap;

/// The mark in the name of a data dir that was set aside: `<dir>.unfinished-<time>`, or `<dir>/unfinished-<time>`.
pub const SET_ASIDE: &str = "unfinished-";

/// The journal of an FE, below its data dir.
pub const JOURNAL_DIR: &str = "bdb";

/// The first file of a journal: it holds a founder's own entry for as long as it exists.
const FIRST_JOURNAL: &str = "00000000.jdb";

/// The most bytes of the journal that are searched, over all files: every start without a record reads it.
const JOURNAL_SEARCH: u64 = 256 << 20;

/// The journal's own log rotates at 10 MB.
const INFO_SEARCH: u64 = 64 << 20;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeData {
    pub place: Place,
    pub role: Option<RoleFile>,
    pub version: Option<VersionFile>,
    pub deploy_mode: Option<String>,
    /// `bdb/*.jdb`, by name.
    pub journals: Vec<String>,
    /// `image.<number>`, below `image/`: written by checkpoints and downloads.
    pub images: Vec<String>,
    pub journal_info: JournalInfo,
    /// This node's own name, as text of a member list in the journal.
    pub own_name: Sought,
    /// The hosts that its journal and images have for this node, the oldest first; empty if they were not read.
    pub own_hosts: Vec<String>,
    /// Files that exist and cannot be read.
    pub unreadable: Vec<String>,
    /// True if this FE was proven ready once, and still has every file that a start without a helper needs.
    pub ready: bool,
}

/// `image/ROLE`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RoleFile {
    /// A key without a value has an empty one.
    pub keys: BTreeMap<String, String>,
}

/// `image/VERSION`, without the cluster's token: that is a secret and stays in the file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct VersionFile {
    pub cluster_id: Option<String>,
    /// The other keys.
    pub keys: BTreeMap<String, String>,
}

/// The way this node entered its election group, from `bdb/je.info.*`. Not read, and so both false, if ROLE has proven
/// readiness already: the files of an old FE are long, and each start would read them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JournalInfo {
    /// It once started a new group.
    pub nascent_group: bool,
    /// It once joined an existing group.
    pub joined_as_replica: bool,
    /// Older parts of the log exist, or existed: the oldest are deleted, and the two lines with them.
    pub rotated: bool,
}

/// The id and the token of the cluster that this data belongs to: read only to be shown to a member.
#[derive(Debug)]
pub struct ClusterToken {
    pub cluster_id: String,
    pub token: Secret,
}

impl ClusterToken {
    /// Reads them from VERSION.
    pub fn read(dir: &Path) -> Option<Self> {
        let mut keys = keys(&read_small(&dir.join("image/VERSION")).ok()??);
        Some(Self {
            cluster_id: keys.remove("clusterId")?,
            token: Secret::new(keys.remove("token")?),
        })
    }
}

impl RoleFile {
    pub fn is_observer(&self) -> bool {
        self.key("role") == Some("OBSERVER")
    }

    pub fn key(&self, key: &str) -> Option<&str> {
        self.keys.get(key).map(String::as_str)
    }

    /// The node name inside the election group.
    pub fn name(&self) -> Option<&str> {
        self.key("name")
    }
}

impl FeData {
    /// Reads a data dir; `proof` is the evidence that this engine leaves once it was ready.
    pub fn look(dir: &Path, proof: ReadyProof, mounts: &Mounts) -> Self {
        let mut unreadable = Vec::new();
        let mut small = |name: &str| match read_small(&dir.join("image").join(name)) {
            Ok(file) => file,
            Err(why) => {
                unreadable.push(why);
                // It exists, so the dir is not empty.
                Some(String::new())
            }
        };
        let role = small("ROLE").map(|file| RoleFile { keys: keys(&file) });
        let version = small("VERSION").map(|file| {
            let mut keys = keys(&file);
            keys.remove("token");
            VersionFile {
                cluster_id: keys.remove("clusterId"),
                keys,
            }
        });
        let odd_id = version.as_ref().and_then(|version| version.cluster_id.clone());
        let odd_id = odd_id.filter(|id| !id.is_empty() && !is_cluster_id(id));
        let deploy_mode = small("DEPLOY_MODE");
        let mut list = |dir: PathBuf, counts: fn(&str) -> bool| {
            files(&dir, &counts).unwrap_or_else(|error| {
                unreadable.push(format!("{}: {error}", dir.display()));
                Vec::new()
            })
        };
        let is_journal = |name: &str| has_extension(name, "jdb");
        let journals = list(dir.join(JOURNAL_DIR), is_journal);
        let mut images = list(dir.join("image"), is_image);
        // Newer versions store them one level below.
        images.extend(
            list(dir.join("image").join("v2"), is_image)
                .into_iter()
                .map(|name| format!("v2/{name}")),
        );
        if let Some(id) = odd_id {
            let path = dir.join("image").join("VERSION");
            let id = excerpt(&id, 60);
            unreadable.push(format!(
                "{}: its clusterId `{id}` is not a number",
                path.display()
            ));
        }
        let mut data = Self {
            place: Place::look(dir, mounts),
            role,
            version,
            deploy_mode,
            journals,
            images,
            journal_info: JournalInfo::default(),
            own_name: Sought::NotSought,
            own_hosts: Vec::new(),
            unreadable,
            ready: false,
        };
        data.look_into_journal(dir, proof);
        data.ready = data.proves_readiness(proof);
        data
    }

    /// True if it holds no file that an FE reads. Data that was set aside and other files do not count.
    pub fn is_empty(&self) -> bool {
        matches!(self.place.state, PlaceState::Missing | PlaceState::Directory)
            && self.role.is_none()
            && self.version.is_none()
            && self.deploy_mode.is_none()
            && self.journals.is_empty()
            && self.images.is_empty()
            && self.unreadable.is_empty()
    }

    /// Checks the engine's proof of readiness. ROLE, VERSION and a journal must exist as well: an FE without one of them
    /// elects itself when it is started without a helper.
    pub fn proves_readiness(&self, proof: ReadyProof) -> bool {
        let (Some(role), Some(_), false) = (&self.role, &self.version, self.journals.is_empty()) else {
            return false;
        };
        match proof {
            // The key itself exists from the first write on.
            ReadyProof::RoleKeyFilled(key) => role.key(key).is_some_and(|value| !value.is_empty()),
            ReadyProof::JournalInfo => {
                let info = self.journal_info;
                info.joined_as_replica && !info.nascent_group || self.own_name == Sought::Found
            }
        }
    }

    fn look_into_journal(&mut self, dir: &Path, proof: ReadyProof) {
        if matches!(proof, ReadyProof::RoleKeyFilled(_)) && self.proves_readiness(proof) {
            return;
        }
        let bdb = dir.join(JOURNAL_DIR);
        let is_info = |name: &str| name.starts_with("je.info.") && !has_extension(name, "lck");
        let Ok(info) = files(&bdb, &is_info) else {
            return;
        };
        let info: Vec<PathBuf> = info.into_iter().map(|file| bdb.join(file)).collect();
        for path in &info {
            if let Err(error) = file::open(path) {
                self.unreadable.push(format!("{}: {error}", path.display()));
            }
        }
        let contains = |words: &str| search::in_files(&info, words.as_bytes(), INFO_SEARCH) == Sought::Found;
        self.journal_info = JournalInfo {
            nascent_group: contains("Nascent group"),
            joined_as_replica: contains("Joined group as a replica"),
            rotated: info.len() > 1,
        };
        let JournalInfo {
            nascent_group,
            joined_as_replica,
            rotated,
        } = self.journal_info;
        // Reading the journal itself is expensive; needed only for an engine without a better proof.
        let needed = nascent_group || (rotated && !joined_as_replica);
        if proof != ReadyProof::JournalInfo || !needed {
            return;
        }
        if let Some(text) = self.own_text() {
            let [images, journals] = self.member_files(dir);
            let sought = |files: &[PathBuf]| search::in_files(files, text.as_bytes(), JOURNAL_SEARCH);
            self.own_name = sought(&journals);
            // The engine deletes journal text once an image contains it. An image beside the first journal may be one that an
            // impostor was given before it elected itself (observed).
            if self.own_name == Sought::Absent && !self.journals.iter().any(|file| file == FIRST_JOURNAL) {
                self.own_name = sought(&images);
            }
        }
    }

    /// Reads the hosts of this node in the journal, for an engine whose ROLE does not tell. Reads everything: it is needed only
    /// where no record names the host.
    pub fn look_for_hosts(&mut self, dir: &Path) {
        let Some(name) = self.own_text() else { return };
        let files = self.member_files(dir).concat();
        let texts = JOURNAL_HOSTS.iter().map(|key| {
            let words = format!("{name}{key}");
            search::texts_after(&files, words.as_bytes(), JOURNAL_SEARCH)
        });
        // Without all of them the last one is not known.
        let all: Option<Vec<Vec<String>>> = texts.collect();
        self.own_hosts = all.unwrap_or_default().concat();
    }

    /// This node as the journal has it.
    fn own_text(&self) -> Option<String> {
        let name = self.role.as_ref().and_then(RoleFile::name)?;
        Some(JOURNAL_NAME.replace("{}", name))
    }

    /// The images and the journals, which hold members as text.
    fn member_files(&self, dir: &Path) -> [Vec<PathBuf>; 2] {
        let images = self.images.iter().map(|file| dir.join("image").join(file));
        let journals = self.journals.iter().map(|file| dir.join(JOURNAL_DIR).join(file));
        [images.collect(), journals.collect()]
    }
}

fn is_image(name: &str) -> bool {
    name.strip_prefix("image.")
        .is_some_and(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
}

fn has_extension(name: &str, extension: &str) -> bool {
    Path::new(name).extension().is_some_and(|end| end == extension)
}

fn keys(text: &str) -> BTreeMap<String, String> {
    Grammar::Properties.entries(text).into_iter().collect()
}

/// Reads a file; `None` if it does not exist.
fn read_small(path: &Path) -> Result<Option<String>, String> {
    match file::read(path, file::IDENTITY) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !path.is_symlink() => Ok(None),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

/// The file names in a dir that `counts` accepts, sorted; empty if the dir does not exist.
fn files(dir: &Path, counts: &dyn Fn(&str) -> bool) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if counts(&name) {
            found.push(name);
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests;
