//! The files in `meta/image/`: ROLE, VERSION and the checkpoint.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::clock;
use crate::group::membership::{FeRole, Membership};
use crate::properties::Properties;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RoleFile {
    pub(crate) role: FeRole,
    pub(crate) name: String,
    /// `IP`, `FQDN`, or empty until the node was ready once; the key is there from the first write.
    pub(crate) host_type: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VersionFile {
    pub(crate) cluster_id: u32,
    pub(crate) token: String,
}

#[derive(Debug, Clone)]
pub(crate) struct ImageDir(PathBuf);

impl ImageDir {
    pub(crate) fn of(meta_dir: &Path) -> Self {
        Self(meta_dir.join("image"))
    }

    pub(crate) fn role(&self) -> Option<RoleFile> {
        let read = Properties::parse(&std::fs::read_to_string(self.0.join("ROLE")).ok()?);
        Some(RoleFile {
            role: FeRole::parse(read.get("role")?)?,
            name: read.get("name")?.to_owned(),
            host_type: read.get("hostType").unwrap_or_default().to_owned(),
        })
    }

    pub(crate) fn write_role(&self, file: &RoleFile) -> io::Result<()> {
        let RoleFile {
            role,
            name,
            host_type,
        } = file;
        self.write(
            "ROLE",
            &format!("role={}\nhostType={host_type}\nname={name}\n", role.word()),
        )
    }

    pub(crate) fn version(&self) -> Option<VersionFile> {
        Self::parse_version(&std::fs::read_to_string(self.0.join("VERSION")).ok()?)
    }

    pub(crate) fn parse_version(text: &str) -> Option<VersionFile> {
        let read = Properties::parse(text);
        let token = read.get("token")?.to_owned();
        Some(VersionFile {
            cluster_id: read.get("clusterId")?.parse().ok()?,
            token,
        })
    }

    pub(crate) fn write_version(&self, file: &VersionFile) -> io::Result<()> {
        let VersionFile { cluster_id, token } = file;
        self.write(
            "VERSION",
            &format!("clusterId={cluster_id}\nrunMode=shared_nothing\ntoken={token}\n"),
        )
    }

    pub(crate) fn version_text(&self) -> Option<String> {
        std::fs::read_to_string(self.0.join("VERSION")).ok()
    }

    /// The newest checkpoint on disk and its journal id.
    pub(crate) fn checkpoint(&self) -> Option<(u64, Membership)> {
        let newest = self.checkpoints().max()?;
        let bytes = std::fs::read(self.0.join(format!("v2/image.{newest}"))).ok()?;
        Some((newest, serde_json::from_slice(&bytes).ok()?))
    }

    fn checkpoints(&self) -> impl Iterator<Item = u64> + use<> {
        let entries = std::fs::read_dir(self.0.join("v2"))
            .into_iter()
            .flatten()
            .flatten();
        entries.filter_map(|entry| entry.file_name().to_str()?.strip_prefix("image.")?.parse().ok())
    }

    pub(crate) fn write_checkpoint(&self, journal_id: u64, bytes: &[u8]) -> io::Result<()> {
        let dir = self.0.join("v2");
        std::fs::create_dir_all(&dir)?;
        let beside = dir.join("image.part");
        let mut file = std::fs::File::create(&beside)?;
        file.write_all(bytes)?;
        file.sync_data()?;
        std::fs::rename(beside, dir.join(format!("image.{journal_id}")))
    }

    fn write(&self, name: &str, body: &str) -> io::Result<()> {
        std::fs::create_dir_all(self.0.join("v2"))?;
        let beside = self.0.join(format!("{name}.part"));
        std::fs::write(
            &beside,
            format!("{}\n{body}", clock::properties_date(clock::now_millis())),
        )?;
        std::fs::rename(beside, self.0.join(name))
    }
}
