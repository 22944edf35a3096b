//! Writes the conf file for the engine: as a new file that is renamed, in place if the file itself is mounted, or in a
//! shadow home if the conf dir is read-only.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::effects::files::{self, WriteError};
use crate::file;
use crate::plan::Conf;
use crate::plan::ConfManner;

/// Writes the conf file and returns the home to start the engine in.
pub fn configure(conf: &Conf, home: &Path) -> Result<PathBuf, WriteError> {
    if !matches!(conf.manner, ConfManner::Shadow { .. }) {
        let dir = conf.path.parent().unwrap_or(home);
        for target in &conf.links {
            link(target, dir).map_err(|source| WriteError {
                path: dir.join(target.file_name().unwrap_or_default()),
                source,
            })?;
        }
    }
    if conf.replaced && conf.manner == ConfManner::Replace {
        keep(&conf.path).map_err(|source| WriteError {
            path: conf.path.clone(),
            source,
        })?;
    }
    match &conf.manner {
        // Also if it was written before the node was registered.
        ConfManner::Unchanged | ConfManner::Replace if is_written(conf) => {
            files::remove_abandoned(&conf.path);
            Ok(home.to_owned())
        }
        ConfManner::Unchanged => Ok(home.to_owned()),
        ConfManner::Replace => files::replace(&conf.path, conf.text.as_bytes()).map(|()| home.to_owned()),
        ConfManner::InPlace => {
            files::rewrite_in_place(&conf.path, conf.text.as_bytes()).map(|()| home.to_owned())
        }
        ConfManner::Shadow { dir } => {
            shadow(conf, home, dir).map_err(|source| WriteError {
                path: dir.clone(),
                source,
            })?;
            Ok(dir.clone())
        }
    }
}

fn is_written(conf: &Conf) -> bool {
    file::read(&conf.path, file::CONF).is_ok_and(|text| text == conf.text.as_bytes())
}

/// Links to a file of the conf folder under its own name.
fn link(target: &Path, dir: &Path) -> io::Result<()> {
    let path = dir.join(target.file_name().unwrap_or_default());
    if fs::read_link(&path).is_ok_and(|linked| linked == target) {
        return Ok(());
    }
    keep(&path)?;
    let new = with_end(&path, ".new");
    fs::remove_file(&new).ok();
    symlink(target, &new)?;
    fs::rename(&new, &path)
}

/// Keeps the file that was there before the first start as `<name>.bak`, as the vendor's entrypoint does.
fn keep(path: &Path) -> io::Result<()> {
    let kept = with_end(path, ".bak");
    if path.exists() && !path.is_symlink() && !kept.exists() {
        fs::rename(path, kept)?;
    }
    Ok(())
}

fn with_end(path: &Path, end: &str) -> PathBuf {
    let mut name = path.to_owned().into_os_string();
    name.push(end);
    PathBuf::from(name)
}

/// Checks that the conf file can be replaced, before anything is written.
pub fn try_out(conf: &Conf) -> Result<(), WriteError> {
    match &conf.manner {
        ConfManner::Replace => files::try_out(&conf.path, conf.text.as_bytes()),
        ConfManner::Unchanged | ConfManner::InPlace | ConfManner::Shadow { .. } => Ok(()),
    }
}

/// A home of links to the real one, with a `conf/` of its own, and a `bin/` of its own because the start scripts keep
/// their pid files there.
fn shadow(conf: &Conf, home: &Path, dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_symlink() {
            fs::remove_file(entry.path())?;
        } else if entry.file_name() == "bin" || entry.file_name() == "conf" {
            fs::remove_dir_all(entry.path())?;
        }
        // The engine created the rest: its logs, or data below this home.
    }
    fs::create_dir(dir.join("conf"))?;
    fs::create_dir(dir.join("bin"))?;
    for entry in fs::read_dir(home)? {
        let entry = entry?;
        let name = entry.file_name();
        if name != "bin" && name != "conf" && !dir.join(&name).exists() {
            symlink(entry.path(), dir.join(name))?;
        }
    }
    for entry in fs::read_dir(home.join("bin"))? {
        let entry = entry?;
        symlink(entry.path(), dir.join("bin").join(entry.file_name()))?;
    }
    for entry in fs::read_dir(home.join("conf"))? {
        let entry = entry?;
        let name = entry.file_name();
        let replaced = conf.links.iter().any(|link| link.file_name() == Some(&name))
            || conf.own_files.iter().any(|file| name == *file);
        if Some(name.as_os_str()) != conf.path.file_name() && !replaced {
            symlink(entry.path(), dir.join("conf").join(name))?;
        }
    }
    for target in &conf.links {
        link(target, &dir.join("conf"))?;
    }
    // Written even if the home has none.
    let own = dir.join("conf").join(conf.path.file_name().unwrap_or_default());
    files::replace(&own, conf.text.as_bytes()).map_err(|error| error.source)
}

#[cfg(test)]
mod tests {
    use super::configure;
    use crate::plan::{Conf, ConfManner};
    use std::fs;

    #[test]
    fn the_files_of_a_conf_folder_are_linked_and_the_shipped_ones_are_kept() {
        let root = tempfile::tempdir().unwrap();
        let (home, folder) = (root.path().join("fe"), root.path().join("folder"));
        fs::create_dir_all(home.join("conf")).unwrap();
        fs::create_dir(&folder).unwrap();
        for (name, text) in [("fe.conf", "shipped"), ("core-site.xml", "shipped xml")] {
            fs::write(home.join("conf").join(name), text).unwrap();
            fs::write(folder.join(name), "mounted").unwrap();
        }
        let conf = Conf {
            path: home.join("conf/fe.conf"),
            text: "mounted and ours".to_owned(),
            entries: Vec::new(),
            manner: ConfManner::Replace,
            links: vec![folder.join("core-site.xml")],
            own_files: &[],
            replaced: true,
        };
        // Twice: a restart finds its own files.
        for _ in 0..2 {
            assert_eq!(configure(&conf, &home).unwrap(), home);
        }
        let read = |name: &str| fs::read_to_string(home.join("conf").join(name)).unwrap();
        assert_eq!(read("fe.conf"), "mounted and ours");
        assert_eq!(read("fe.conf.bak"), "shipped");
        assert_eq!(read("core-site.xml.bak"), "shipped xml");
        assert_eq!(
            fs::read_link(home.join("conf/core-site.xml")).unwrap(),
            folder.join("core-site.xml")
        );
        assert_eq!(fs::read_to_string(folder.join("fe.conf")).unwrap(), "mounted");
    }

    #[test]
    fn a_conf_dir_that_cannot_be_written_gets_a_shadow_home() {
        let root = tempfile::tempdir().unwrap();
        let home = root.path().join("fe");
        for dir in ["bin", "conf", "lib", "meta"] {
            fs::create_dir_all(home.join(dir)).unwrap();
        }
        fs::write(home.join("conf/fe.conf"), "shipped").unwrap();
        fs::write(home.join("conf/core-site.xml"), "xml").unwrap();
        fs::write(home.join("conf/written.xml"), "of an earlier start").unwrap();
        fs::write(home.join("bin/start_fe.sh"), "#!/bin/sh").unwrap();
        let dir = root.path().join("shadow");
        let conf = Conf {
            path: home.join("conf/fe.conf"),
            text: "ours".to_owned(),
            entries: Vec::new(),
            manner: ConfManner::Shadow { dir: dir.clone() },
            links: Vec::new(),
            own_files: &["written.xml"],
            replaced: false,
        };
        // Twice: a restart finds the old one there.
        for _ in 0..2 {
            assert_eq!(configure(&conf, &home).unwrap(), dir);
        }
        assert_eq!(fs::read_to_string(dir.join("conf/fe.conf")).unwrap(), "ours");
        assert_eq!(fs::read_to_string(dir.join("conf/core-site.xml")).unwrap(), "xml");
        assert_eq!(fs::read_to_string(home.join("conf/fe.conf")).unwrap(), "shipped");
        // The engine makes a file of its own there.
        assert!(!dir.join("conf/written.xml").is_symlink());
        fs::write(dir.join("meta/x"), "").unwrap();
        assert!(home.join("meta/x").exists(), "data goes to the real home");
        fs::write(dir.join("bin/fe.pid"), "7").unwrap();
        assert!(!home.join("bin/fe.pid").exists());
    }
}
