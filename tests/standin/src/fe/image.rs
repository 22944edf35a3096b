//! The files in the data dir's `image/`: `DEPLOY_MODE`, ROLE, VERSION and the checkpoint.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::clock;
use crate::group::journal::MemberText;
use crate::group::membership::{FeRole, Membership};
use crate::profile::{Engine, Profile};
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

/// A checkpoint: the real one has the members as text too.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Checkpoint {
    #[serde(default)]
    members: Vec<MemberText>,
    membership: Membership,
}

impl Checkpoint {
    pub(crate) fn of(membership: &Membership) -> Self {
        Self {
            members: membership.frontends.iter().map(MemberText::of).collect(),
            membership: membership.clone(),
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct ImageDir {
    dir: PathBuf,
    checkpoints: PathBuf,
    engine: Engine,
}

impl ImageDir {
    pub(crate) fn of(meta_dir: &Path, profile: &Profile) -> Self {
        let dir = meta_dir.join("image");
        Self {
            checkpoints: dir.join(profile.fe.checkpoint_dir),
            dir,
            engine: profile.engine,
        }
    }

    /// The text of `DEPLOY_MODE`; a kill at its first moment leaves an empty one.
    pub(crate) fn deploy_mode(&self) -> Option<String> {
        let text = std::fs::read_to_string(self.dir.join("DEPLOY_MODE")).ok()?;
        let read = Properties::parse(&text);
        Some(read.get("deploy_mode").unwrap_or("null").to_owned())
    }

    /// Written in place, after `created`.
    pub(crate) fn write_deploy_mode(&self, created: impl FnOnce()) -> io::Result<()> {
        std::fs::create_dir_all(&self.dir)?;
        let mut file = std::fs::File::create(self.dir.join("DEPLOY_MODE"))?;
        created();
        let date = clock::properties_date(clock::now_millis());
        file.write_all(format!("{date}\ndeploy_mode=local\n").as_bytes())
    }

    pub(crate) fn role(&self) -> Option<RoleFile> {
        let read = Properties::parse(&std::fs::read_to_string(self.dir.join("ROLE")).ok()?);
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
        let role = role.word();
        let text = match self.engine {
            Engine::StarRocks => format!("role={role}\nhostType={host_type}\nname={name}\n"),
            Engine::Doris => format!("role={role}\nname={name}\n"),
        };
        self.write("ROLE", &text)
    }

    pub(crate) fn version(&self) -> Option<VersionFile> {
        Self::parse_version(&std::fs::read_to_string(self.dir.join("VERSION")).ok()?)
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
        let mode = match self.engine {
            Engine::StarRocks => "runMode=shared_nothing\n",
            Engine::Doris => "",
        };
        self.write(
            "VERSION",
            &format!("clusterId={cluster_id}\n{mode}token={token}\n"),
        )
    }

    pub(crate) fn version_text(&self) -> Option<String> {
        std::fs::read_to_string(self.dir.join("VERSION")).ok()
    }

    /// The newest checkpoint on disk and its journal id.
    pub(crate) fn checkpoint(&self) -> Option<(u64, Membership)> {
        let newest = self.checkpoint_ids().max()?;
        let bytes = std::fs::read(self.checkpoints.join(format!("image.{newest}"))).ok()?;
        let read: Checkpoint = serde_json::from_slice(&bytes).ok()?;
        Some((newest, read.membership))
    }

    /// The bytes of the checkpoint of that journal id.
    pub(crate) fn checkpoint_bytes(&self, journal_id: u64) -> Option<Vec<u8>> {
        std::fs::read(self.checkpoints.join(format!("image.{journal_id}"))).ok()
    }

    /// The journal id of the newest checkpoint, 0 without one.
    pub(crate) fn checkpoint_id(&self) -> u64 {
        self.checkpoint_ids().max().unwrap_or(0)
    }

    /// Whether the newest checkpoint has a member at that place.
    pub(crate) fn lists(&self, host: &str, port: u16) -> bool {
        let newest = self.checkpoint();
        newest.is_some_and(|(_, membership)| membership.frontend_at(host, port).is_some())
    }

    /// When it was written, in milliseconds since 1970; 0 without one.
    pub(crate) fn checkpoint_time(&self) -> u64 {
        let newest = self.checkpoint_id();
        let read = std::fs::metadata(self.checkpoints.join(format!("image.{newest}")));
        let written = read.and_then(|file| file.modified()).ok();
        let since = written.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
        since.map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(0))
    }

    fn checkpoint_ids(&self) -> impl Iterator<Item = u64> + use<> {
        let entries = std::fs::read_dir(&self.checkpoints)
            .into_iter()
            .flatten()
            .flatten();
        entries.filter_map(|entry| entry.file_name().to_str()?.strip_prefix("image.")?.parse().ok())
    }

    pub(crate) fn write_checkpoint(&self, journal_id: u64, bytes: &[u8]) -> io::Result<()> {
        write_image(&self.checkpoints, journal_id, bytes).map(drop)
    }

    fn write(&self, name: &str, body: &str) -> io::Result<()> {
        std::fs::create_dir_all(&self.checkpoints)?;
        let beside = self.dir.join(format!("{name}.part"));
        std::fs::write(
            &beside,
            format!("{}\n{body}", clock::properties_date(clock::now_millis())),
        )?;
        std::fs::rename(beside, self.dir.join(name))
    }
}

/// Writes `image.<journal id>` into a directory, and says where it is.
pub(crate) fn write_image(dir: &Path, journal_id: u64, bytes: &[u8]) -> io::Result<PathBuf> {
    std::fs::create_dir_all(dir)?;
    let beside = dir.join("image.part");
    let mut file = std::fs::File::create(&beside)?;
    file.write_all(bytes)?;
    file.sync_data()?;
    let image = dir.join(format!("image.{journal_id}"));
    std::fs::rename(beside, &image)?;
    Ok(image)
}
