//! Where the engine is, which engine it is, and what this container is meant to be: told by the files of the image
//! unless somebody said it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, eaccess};

use crate::engine::{self, Component, Engine, Layout};
use crate::settings::{ImageSettings, Source};

/// One engine's home dir, and the component that is to be started from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    pub dir: PathBuf,
    pub dir_source: Source,
    pub engine: &'static Engine,
    pub layout: &'static Layout,
    pub component: Component,
    pub component_source: Source,
    /// Every `--word` that the start script and the scripts it calls mention outside comments.
    pub script_flags: BTreeSet<String>,
}

/// Why no home dir can be named.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HomeProblem {
    #[error("no engine is installed here: none of {} holds a start script", list(looked))]
    NoHome { looked: Vec<PathBuf> },
    #[error("the home dir {} is not a directory", .0.display())]
    NotADirectory(PathBuf),
    #[error("no start script in {}: looked for {}{}", dir.display(), looked.join(", "), below(nested))]
    NoScript {
        dir: PathBuf,
        looked: Vec<String>,
        /// Homes one level below, when somebody named the dir that holds them.
        nested: Vec<PathBuf>,
    },
    #[error("which engine is in {} cannot be told: none of {} is there", dir.display(), looked.join(", "))]
    UnknownEngine { dir: PathBuf, looked: Vec<String> },
    #[error("ENGINE asks for {asked}, but {} holds {found}", dir.display())]
    OtherEngine {
        dir: PathBuf,
        asked: &'static str,
        found: &'static str,
    },
    #[error("there is more than one home dir: {}; COMPONENT or --home chooses one", candidates(.0))]
    Ambiguous(Vec<(PathBuf, Component)>),
    #[error("{} cannot be executed, its mode is {mode:04o}", script.display())]
    NotExecutable { script: PathBuf, mode: u32 },
    #[error("cannot read {}: {why}", script.display())]
    Unreadable { script: PathBuf, why: String },
    #[error(
        "{engine} is recognised in {}, this version of muster runs {} only",
        dir.display(),
        supported.join(" and ")
    )]
    Unsupported {
        dir: PathBuf,
        engine: &'static str,
        supported: Vec<&'static str>,
    },
}

/// One component that could be started from one dir.
#[derive(Debug, Clone)]
struct Candidate {
    dir: PathBuf,
    /// Links resolved: one image links the CN's home to the BE's.
    real: PathBuf,
    engine: &'static Engine,
    layout: &'static Layout,
}

/// Finds the home dir. `root` is `/`; only the vendors' default homes are looked for below it, what somebody named is
/// taken as it is.
pub fn find(asked: &ImageSettings, root: &Path) -> Result<Home, HomeProblem> {
    let (dirs, dir_source) = match &asked.home {
        Some(home) if !home.value.is_dir() => return Err(HomeProblem::NotADirectory(home.value.clone())),
        Some(home) => (vec![home.value.clone()], home.source.clone()),
        None => (default_homes(root), Source::Default),
    };
    let all: Vec<Candidate> = dirs.iter().flat_map(|dir| candidates_in(dir, asked)).collect();
    let wanted = asked.component.as_ref().map(|component| component.value);
    let fitting: Vec<Candidate> = all
        .into_iter()
        .filter(|candidate| wanted.is_none_or(|component| candidate.layout.component == component))
        .collect();
    let chosen = match one_per_dir(fitting).as_slice() {
        [] => return Err(nothing_fits(asked, &dirs, root)),
        [one] => one.clone(),
        many => {
            return Err(HomeProblem::Ambiguous(
                many.iter()
                    .map(|candidate| (candidate.dir.clone(), candidate.layout.component))
                    .collect(),
            ));
        }
    };
    check_engine(asked, &chosen)?;
    let script_flags = read_scripts(&chosen)?;
    Ok(Home {
        dir: chosen.dir,
        dir_source,
        engine: chosen.engine,
        layout: chosen.layout,
        component: chosen.layout.component,
        component_source: asked
            .component
            .as_ref()
            .map_or(Source::Image, |component| component.source.clone()),
        script_flags,
    })
}

impl Home {
    /// The start script.
    pub fn script(&self) -> PathBuf {
        self.dir.join(self.layout.script)
    }

    /// The conf file the engine reads.
    pub fn conf(&self) -> PathBuf {
        self.dir.join(self.layout.conf)
    }

    /// Whether the installed scripts know a flag (`--helper`): an older one would complain or refuse.
    pub fn knows_flag(&self, flag: &str) -> bool {
        self.script_flags.contains(flag)
    }
}

/// Every `--word` of a shell text, comment lines left out. getopt's `-l 'word:'` needs no reading: a script that
/// takes a flag names it once more, with its dashes, in a `case`.
pub fn flags_in(script: &str) -> BTreeSet<String> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    script
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .flat_map(|line| line.split(|c: char| !is_word(c)))
        .filter(|word| {
            word.strip_prefix("--")
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic()))
        })
        .map(str::to_owned)
        .collect()
}

fn default_homes(root: &Path) -> Vec<PathBuf> {
    let mut homes = Vec::new();
    for layout in engine::ALL.iter().flat_map(|engine| engine.layouts) {
        let home = root.join(layout.default_home.trim_start_matches('/'));
        if home.is_dir() && !homes.contains(&home) {
            homes.push(home);
        }
    }
    homes
}

/// The components whose start script and whose engine's marks are in this dir.
fn candidates_in(dir: &Path, asked: &ImageSettings) -> Vec<Candidate> {
    let real = fs::canonicalize(dir).unwrap_or_else(|_| dir.to_owned());
    let mut found = Vec::new();
    for engine in engine::ALL {
        let asked_for = asked
            .engine
            .as_ref()
            .is_some_and(|asked| asked.value.id == engine.id);
        for layout in engine.layouts {
            let marked = is_marked(dir, layout) || (asked_for && marked_engine(dir).is_none());
            if marked && dir.join(layout.script).exists() {
                found.push(Candidate {
                    dir: dir.to_owned(),
                    real: real.clone(),
                    engine,
                    layout,
                });
            }
        }
    }
    found
}

fn is_marked(dir: &Path, layout: &Layout) -> bool {
    layout.marks.iter().any(|mark| dir.join(mark).exists())
}

fn marked_engine(dir: &Path) -> Option<&'static Engine> {
    engine::ALL
        .into_iter()
        .find(|engine| engine.layouts.iter().any(|layout| is_marked(dir, layout)))
}

/// Two components of one dir are no ambiguity: the dir's own name decides, or else the one listed first, which is
/// the BE before the CN. Two names of one dir are one dir, by the name that fits.
fn one_per_dir(candidates: Vec<Candidate>) -> Vec<Candidate> {
    let is_named_so = |candidate: &Candidate| {
        candidate.dir.file_name() == Path::new(candidate.layout.default_home).file_name()
    };
    let mut chosen: Vec<Candidate> = Vec::new();
    for candidate in candidates {
        match chosen.iter_mut().find(|before| before.real == candidate.real) {
            Some(before) if !is_named_so(before) && is_named_so(&candidate) => *before = candidate,
            Some(_) => {}
            None => chosen.push(candidate),
        }
    }
    chosen
}

fn check_engine(asked: &ImageSettings, chosen: &Candidate) -> Result<(), HomeProblem> {
    if let Some(asked) = &asked.engine
        && asked.value.id != chosen.engine.id
    {
        return Err(HomeProblem::OtherEngine {
            dir: chosen.dir.clone(),
            asked: asked.value.name,
            found: chosen.engine.name,
        });
    }
    if !chosen.engine.supported {
        return Err(HomeProblem::Unsupported {
            dir: chosen.dir.clone(),
            engine: chosen.engine.name,
            supported: engine::ALL
                .iter()
                .filter(|engine| engine.supported)
                .map(|engine| engine.name)
                .collect(),
        });
    }
    Ok(())
}

/// What to say when no component of any dir fits.
fn nothing_fits(asked: &ImageSettings, dirs: &[PathBuf], root: &Path) -> HomeProblem {
    let wanted = asked.component.as_ref().map(|component| component.value);
    let layouts = || engine::ALL.into_iter().flat_map(|engine| engine.layouts);
    let Some(dir) = dirs.first() else {
        return HomeProblem::NoHome {
            looked: layouts()
                .map(|layout| root.join(layout.default_home.trim_start_matches('/')))
                .collect(),
        };
    };
    let wanted_layouts: Vec<&Layout> = layouts()
        .filter(|layout| wanted.is_none_or(|component| layout.component == component))
        .collect();
    let has_script = dirs.iter().find(|dir| {
        wanted_layouts
            .iter()
            .any(|layout| dir.join(layout.script).exists())
    });
    if let Some(dir) = has_script {
        return HomeProblem::UnknownEngine {
            dir: dir.clone(),
            looked: names(wanted_layouts.iter().flat_map(|layout| layout.marks).copied()),
        };
    }
    let nested = layouts()
        .filter_map(|layout| Path::new(layout.default_home).file_name())
        .map(|name| dir.join(name))
        .filter(|below| !candidates_in(below, asked).is_empty())
        .collect::<BTreeSet<_>>();
    HomeProblem::NoScript {
        dir: dir.clone(),
        looked: names(wanted_layouts.iter().map(|layout| layout.script)),
        nested: nested.into_iter().collect(),
    }
}

fn read_scripts(chosen: &Candidate) -> Result<BTreeSet<String>, HomeProblem> {
    let script = chosen.dir.join(chosen.layout.script);
    let unreadable = |error: &dyn std::fmt::Display| HomeProblem::Unreadable {
        script: script.clone(),
        why: error.to_string(),
    };
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &fs::metadata(&script)
            .map_err(|error| unreadable(&error))?
            .permissions(),
    );
    if eaccess(&script, AccessFlags::X_OK).is_err() {
        return Err(HomeProblem::NotExecutable {
            script,
            mode: mode & 0o7777,
        });
    }
    let mut flags = flags_in(&text_of(&script).map_err(|error| unreadable(&error))?);
    // An inner script that is not there belongs to another version.
    for inner in chosen.layout.inner_scripts {
        if let Ok(text) = text_of(&chosen.dir.join(inner)) {
            flags.append(&mut flags_in(&text));
        }
    }
    Ok(flags)
}

fn text_of(path: &Path) -> std::io::Result<String> {
    Ok(String::from_utf8_lossy(&fs::read(path)?).into_owned())
}

/// Each once, in the order of the table.
fn names<'a>(words: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for word in words {
        if !names.iter().any(|name| name == word) {
            names.push(word.to_owned());
        }
    }
    names
}

fn list(paths: &[PathBuf]) -> String {
    let texts: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
    texts.join(", ")
}

fn below(nested: &[PathBuf]) -> String {
    if nested.is_empty() {
        return String::new();
    }
    format!("; the home dir is one level below: {}", list(nested))
}

fn candidates(found: &[(PathBuf, Component)]) -> String {
    let mut text = String::new();
    for (index, (dir, component)) in found.iter().enumerate() {
        let and = if index == 0 { "" } else { " and " };
        // Writing to a String cannot fail.
        write!(text, "{and}{} ({})", dir.display(), component.name()).unwrap_or_default();
    }
    text
}
