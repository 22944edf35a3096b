//! The storage paths of a BE or CN: parses the conf value and reads the dirs.

use std::fs;
use std::io;
use std::path::Path;

use super::data::SET_ASIDE;
use super::dir_state::Place;
use super::mounts::Mounts;
use super::record::DATA_COPY;
use crate::file;

/// One entry of `/disk1,medium:SSD;/disk2`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageSpec {
    pub path: String,
    /// In upper case.
    pub medium: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoragePath {
    pub place: Place,
    pub medium: Option<String>,
    /// Nothing of the engine's is in it.
    pub empty: bool,
    pub cluster_id: ClusterIdFile,
}

/// `<storage>/cluster_id`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClusterIdFile {
    /// No such file, or an empty one: the id comes with the first heartbeat.
    Unset,
    Id(String),
    /// The engine will refuse it.
    Unreadable(String),
}

/// Splits the value of the conf key; other properties than the medium are passed over.
pub fn parse(value: &str) -> Vec<StorageSpec> {
    value
        .split(';')
        .filter_map(|entry| {
            let mut parts = entry.split(',').map(str::trim);
            let path = parts.next().filter(|path| !path.is_empty())?;
            let medium = parts
                .filter_map(|property| property.split_once(':'))
                .find(|(key, _)| key.trim().eq_ignore_ascii_case("medium"))
                .map(|(_, medium)| medium.trim().to_ascii_uppercase());
            Some(StorageSpec {
                path: path.to_owned(),
                medium,
            })
        })
        .collect()
}

impl StoragePath {
    pub fn look(path: &Path, medium: Option<String>, mounts: &Mounts) -> Self {
        Self {
            place: Place::look(path, mounts),
            medium,
            empty: is_empty(path),
            cluster_id: ClusterIdFile::read(&path.join("cluster_id")),
        }
    }
}

impl ClusterIdFile {
    fn read(path: &Path) -> Self {
        let bytes = match file::read(path, file::IDENTITY) {
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                return Self::Unset;
            }
            Err(error) => return Self::Unreadable(error.to_string()),
            Ok(bytes) => bytes,
        };
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim();
        if text.is_empty() || text == "-1" {
            Self::Unset
        } else if text.bytes().all(|b| b.is_ascii_digit()) {
            Self::Id(text.to_owned())
        } else {
            Self::Unreadable("it is not a number".to_owned())
        }
    }
}

/// True if it has only muster's files and those of a new file system; false if it cannot be listed.
fn is_empty(path: &Path) -> bool {
    match fs::read_dir(path) {
        Err(error) => error.kind() == io::ErrorKind::NotFound,
        Ok(entries) => entries.into_iter().all(|entry| {
            entry.is_ok_and(|entry| {
                let name = entry.file_name();
                let name = name.to_string_lossy();
                // muster's files: the record, an incomplete one after a kill, and data that was set aside.
                name == DATA_COPY
                    || name == "lost+found"
                    || name.starts_with(".muster")
                    || name.starts_with(SET_ASIDE)
            })
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::{ClusterIdFile, StoragePath, StorageSpec, parse};
    use crate::facts::fixture::tree;
    use crate::facts::mounts::Mounts;

    #[test]
    fn a_list_of_storage_paths_is_split_as_the_engine_does() {
        let spec = |path: &str, medium: Option<&str>| StorageSpec {
            path: path.to_owned(),
            medium: medium.map(str::to_owned),
        };
        let table = [
            ("/d1", vec![spec("/d1", None)]),
            ("/d1;/d2;", vec![spec("/d1", None), spec("/d2", None)]),
            (
                " /d1 , medium:ssd ; /d2",
                vec![spec("/d1", Some("SSD")), spec("/d2", None)],
            ),
            ("/d1,capacity:50,medium:HDD", vec![spec("/d1", Some("HDD"))]),
            ("${STORAGE}/d1", vec![spec("${STORAGE}/d1", None)]),
            (";;", vec![]),
            ("", vec![]),
        ];
        for (value, expected) in table {
            assert_eq!(parse(value), expected, "{value:?}");
        }
    }

    #[test]
    fn what_lies_in_a_storage_path_is_told() {
        let root = tree(&[
            ("fresh/lost+found/", ""),
            ("fresh/muster.json", "{}"),
            ("fresh/.muster.json.muster-new", ""),
            ("new/cluster_id", ""),
            ("used/cluster_id", "147889237"),
            ("used/data/0/", ""),
            ("unset/cluster_id", "-1\n"),
            ("broken/cluster_id", "147889237x"),
            ("dir/cluster_id/", ""),
        ]);
        let id = |text: &str| ClusterIdFile::Id(text.to_owned());
        let table = [
            ("fresh", true, Some(ClusterIdFile::Unset)),
            ("new", false, Some(ClusterIdFile::Unset)),
            ("used", false, Some(id("147889237"))),
            ("unset", false, Some(ClusterIdFile::Unset)),
            ("broken", false, None),
            ("dir", false, None),
            ("missing", true, Some(ClusterIdFile::Unset)),
        ];
        for (dir, empty, cluster_id) in table {
            let path = StoragePath::look(&root.path().join(dir), None, &Mounts::default());
            assert_eq!(path.empty, empty, "{dir}");
            match cluster_id {
                Some(expected) => assert_eq!(path.cluster_id, expected, "{dir}"),
                None => assert!(matches!(path.cluster_id, ClusterIdFile::Unreadable(_)), "{dir}"),
            }
            assert!(path.place.parent_exists, "{dir}");
        }
        let nowhere = StoragePath::look(
            &root.path().join("a/b"),
            Some("SSD".to_owned()),
            &Mounts::default(),
        );
        assert!(!nowhere.place.parent_exists && nowhere.medium.as_deref() == Some("SSD"));
    }
}
