//! Finds the Java that an FE's start script will use, and the line of options in the conf that the script demands for it.

use std::fs;
use std::path::{Path, PathBuf};

use super::home::Home;
use crate::file;

/// An installed Java.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Java {
    pub home: PathBuf,
    /// 8, 11, 17.
    pub version: u32,
    /// The key of the conf with the options for this version, if the start script ends without it.
    pub options_key: Option<&'static str>,
}

/// Finds it by `JAVA_HOME`, or by `PATH` without one. `None` if no file tells its version.
pub fn find(home: &Home, java_home: Option<&str>, path: Option<&str>) -> Option<Java> {
    let dir = match java_home.filter(|dir| !dir.is_empty()) {
        Some(dir) => PathBuf::from(dir),
        None => in_path(path?)?,
    };
    // Below the dir of a JDK 8 is another one, with the same programs.
    let release = [dir.join("release"), dir.join("../release")];
    let text = release
        .iter()
        .find_map(|path| file::text(path, file::CONF).ok())?;
    let version = version(&text)?;
    let keys = home.layout.java_options.iter();
    let mut keys = keys.filter(|(since, _)| version >= *since).map(|(_, key)| *key);
    let script = file::text(&home.dir.join(home.layout.script), file::SCRIPT).unwrap_or_default();
    Some(Java {
        home: dir,
        version,
        options_key: keys.find(|key| script.contains(key)),
    })
}

fn in_path(path: &str) -> Option<PathBuf> {
    let mut programs = path.split(':').map(|dir| Path::new(dir).join("java"));
    let program = programs.find_map(|program| fs::canonicalize(program).ok())?;
    Some(program.parent()?.parent()?.to_owned())
}

/// `JAVA_VERSION="17.0.15"` or `JAVA_VERSION="1.8.0_352"`.
fn version(release: &str) -> Option<u32> {
    let line = release
        .lines()
        .find_map(|line| line.strip_prefix("JAVA_VERSION="))?;
    let number = line.trim().trim_matches('"');
    let number = number.strip_prefix("1.").unwrap_or(number);
    let digits = number.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::find;
    use crate::engine::{ALL, Component};
    use crate::facts::fixture::{home, tree};

    #[test]
    fn the_line_of_options_is_that_of_the_java_that_the_script_will_use() {
        let engine = ALL.into_iter().find(|engine| {
            engine
                .layouts
                .iter()
                .any(|layout| !layout.java_options.is_empty())
        });
        let layout = engine.unwrap().layout(Component::Fe).unwrap();
        let newest = "echo JAVA_OPTS_FOR_JDK_17 is not set";
        let both = "echo JAVA_OPTS_FOR_JDK_17; echo JAVA_OPTS_FOR_JDK_9";
        let (of_17, of_9) = (Some("JAVA_OPTS_FOR_JDK_17"), Some("JAVA_OPTS_FOR_JDK_9"));
        // The release file, the start script, the version, the key.
        let table = [
            ("JAVA_VERSION=\"17.0.15\"\n", newest, Some(17), of_17),
            (
                "IMPLEMENTOR=\"x\"\nJAVA_VERSION=\"21\"\n",
                newest,
                Some(21),
                of_17,
            ),
            ("JAVA_VERSION=\"11.0.2\"\n", both, Some(11), of_9),
            ("JAVA_VERSION=\"11.0.2\"\n", newest, Some(11), None),
            ("JAVA_VERSION=\"1.8.0_352\"\n", both, Some(8), None),
            ("JAVA_VERSION=\"17\"\n", "exec java", Some(17), None),
            ("", newest, None, None),
        ];
        for (release, script, version, key) in table {
            let root = tree(&[
                (&format!("home/{}", layout.script), script),
                ("jdk/release", release),
                ("jdk/bin/java", ""),
                ("bin/java", "-> ../jdk/bin/java"),
                ("empty/", ""),
            ]);
            let at = |dir: &str| root.path().join(dir).display().to_string();
            let mut home = home(&root.path().join("home"), Component::Fe);
            home.layout = layout;
            let path = format!("{}:{}", at("empty"), at("bin"));
            for (java_home, path) in [(Some(at("jdk")), None), (None, Some(path.as_str()))] {
                let java = find(&home, java_home.as_deref(), path);
                assert_eq!(java.as_ref().map(|java| java.version), version, "{release}");
                assert_eq!(java.and_then(|java| java.options_key), key, "{release}");
            }
            assert_eq!(find(&home, Some(&at("gone")), None), None);
            assert_eq!(find(&home, None, None), None);
        }
    }
}
