//! The folder whose files take the place of those of the same name in `conf/`: what Kubernetes makes of a `ConfigMap`. The
//! vendor's entrypoint links all that `ls` lists (`update_conf_from_configmap`), so hidden names such as `..data` do not count.

use std::io;
use std::path::{Path, PathBuf};

use super::home::Home;
use super::mounts::Mounts;
use crate::settings::{Source, Sourced};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfFolder {
    pub dir: PathBuf,
    pub source: Source,
    /// The names in it, sorted; the reason why it cannot be listed.
    pub names: Result<Vec<String>, String>,
    /// The names of files of `conf/` that stay, because they are mount points.
    pub mounted: Vec<String>,
}

impl ConfFolder {
    /// `None` if it is `conf/` itself.
    pub fn look(folder: &Sourced<PathBuf>, home: &Home, mounts: &Mounts) -> Option<Self> {
        let conf = home.conf_dir();
        if is_same(&folder.value, &conf) {
            return None;
        }
        let names = list(&folder.value).map_err(|error| error.to_string());
        let mounted = |name: &String| mounts.is_mount_point(&conf.join(name));
        let (mounted, names) = match names {
            Ok(names) => {
                let (mounted, names) = names.into_iter().partition(mounted);
                (mounted, Ok(names))
            }
            Err(why) => (Vec::new(), Err(why)),
        };
        Some(Self {
            dir: folder.value.clone(),
            source: folder.source.clone(),
            names,
            mounted,
        })
    }

    /// Its files.
    pub fn files(&self) -> Vec<PathBuf> {
        let names = self.names.iter().flatten();
        names.map(|name| self.dir.join(name)).collect()
    }

    /// The file that takes the place of this one.
    pub fn instead_of(&self, path: &Path) -> Option<PathBuf> {
        let name = path.file_name()?;
        let names = self.names.as_ref().ok()?;
        let found = names.iter().any(|known| name == known.as_str());
        found.then(|| self.dir.join(name))
    }
}

fn list(dir: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

fn is_same(one: &Path, other: &Path) -> bool {
    std::fs::canonicalize(one).is_ok_and(|one| std::fs::canonicalize(other).is_ok_and(|other| one == other))
}
