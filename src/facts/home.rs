//! Finds the engine's home dir, the engine and the component of this container: by the files of the image, unless the
//! settings name them.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use crate::engine::{self, Component, Engine, Layout};
use crate::exit::ExitCode;
use crate::file;
use crate::settings::{ImageSettings, Source};
use std::collections::BTreeSet;

use super::conf::{self, Grammar};
use super::script::{self, ScriptProblem};

/// One engine's home dir, and the component that is to be started from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    pub dir: PathBuf,
    pub dir_source: Source,
    pub engine: &'static Engine,
    pub layout: &'static Layout,
    pub component: Component,
    pub component_source: Source,
    /// The start script and the scripts it calls.
    pub script: ScriptWords,
}

/// The words of shell scripts, without those of comment lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScriptWords {
    all: BTreeSet<String>,
    /// Those that begin a line which is not indented: no condition keeps such a command from being run.
    commands: BTreeSet<String>,
}

/// The reason why no home dir can be chosen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HomeProblem {
    #[error("no engine is installed: no start script in {}", list(looked))]
    NoHome { looked: Vec<PathBuf> },
    #[error("the home dir {}, from {source_name}, {}", dir.display(), if *exists { "is not a directory" } else { "does not exist" })]
    NotADirectory {
        dir: PathBuf,
        exists: bool,
        source_name: String,
    },
    #[error("no start script in {}: looked for {}", dir.display(), looked.join(", "))]
    NoScript { dir: PathBuf, looked: Vec<String> },
    #[error("cannot recognise the engine in {}: none of {} exists", dir.display(), looked.join(", "))]
    UnknownEngine { dir: PathBuf, looked: Vec<String> },
    #[error("ENGINE requests {requested}, but {} contains {found}", dir.display())]
    OtherEngine {
        dir: PathBuf,
        requested: &'static str,
        found: &'static str,
    },
    #[error("one container is one node, and this image has homes of several: {}", candidates(.0))]
    SeveralNodes(Vec<(PathBuf, Component)>),
    #[error("more than one home dir was found: {}", candidates(.0))]
    Ambiguous(Vec<(PathBuf, Component)>),
    #[error("{requested_by} requests {}, but only {} is installed", requested.id(), candidates(found))]
    OtherComponent {
        requested: Component,
        requested_by: String,
        found: Vec<(PathBuf, Component)>,
    },
    #[error(transparent)]
    Script(#[from] ScriptProblem),
}

/// A component that could be started from a dir.
#[derive(Debug, Clone)]
struct Candidate {
    dir: PathBuf,
    /// The dir with links resolved: one image links the CN's home to the BE's.
    real: PathBuf,
    engine: &'static Engine,
    layout: &'static Layout,
}

impl Candidate {
    fn named(self) -> (PathBuf, Component) {
        (self.dir, self.layout.component)
    }
}

/// Finds the home dir. `root` is `/`; only the vendors' default homes are searched below it, a requested dir is used as
/// it is.
pub fn find(requested: &ImageSettings, root: &Path) -> Result<Home, HomeProblem> {
    let (dirs, dir_source) = match &requested.home {
        Some(home) if !home.value.is_dir() => {
            return Err(HomeProblem::NotADirectory {
                dir: home.value.clone(),
                exists: home.value.symlink_metadata().is_ok(),
                source_name: home.source.to_string(),
            });
        }
        Some(home) => {
            // The script has another working directory than muster.
            let dir = std::path::absolute(&home.value).unwrap_or_else(|_| home.value.clone());
            let nested = nested_homes(&dir, requested);
            let is_above = candidates_in(&dir, requested).is_empty() && !nested.is_empty();
            (if is_above { nested } else { vec![dir] }, home.source.clone())
        }
        None => (default_homes(root), Source::Default),
    };
    let all: Vec<Candidate> = dirs
        .iter()
        .flat_map(|dir| candidates_in(dir, requested))
        .collect();
    let wanted = requested.component.as_ref().map(|component| component.value);
    let mut fitting: Vec<Candidate> = all
        .into_iter()
        .filter(|candidate| wanted.is_none_or(|component| candidate.layout.component == component))
        .collect();
    let is_requested_engine = |candidate: &Candidate| {
        requested
            .engine
            .as_ref()
            .is_none_or(|engine| engine.value.id == candidate.engine.id)
    };
    if fitting.iter().any(is_requested_engine) {
        fitting.retain(is_requested_engine);
    }
    let chosen = match one_per_dir(fitting).as_slice() {
        [] => return Err(nothing_fits(requested, &dirs, root)),
        [one] => one.clone(),
        many => {
            let named: Vec<_> = many.iter().cloned().map(Candidate::named).collect();
            let differ = |(at, (_, component)): (usize, &(PathBuf, Component))| {
                named.iter().take(at).all(|(_, other)| other != component)
            };
            return Err(if named.iter().enumerate().all(differ) {
                HomeProblem::SeveralNodes(named)
            } else {
                HomeProblem::Ambiguous(named)
            });
        }
    };
    check_engine(requested, &chosen)?;
    let script = read_scripts(&chosen)?;
    let (chosen, by_conf) = by_conf(chosen, requested);
    Ok(Home {
        dir: chosen.dir,
        dir_source,
        engine: chosen.engine,
        layout: chosen.layout,
        component: chosen.layout.component,
        component_source: by_conf.unwrap_or_else(|| {
            let component = requested.component.as_ref();
            component.map_or(Source::Image, |component| component.source.clone())
        }),
        script,
    })
}

impl HomeProblem {
    /// The remedy.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoHome { .. }
            | Self::NotADirectory { .. }
            | Self::NoScript { .. }
            | Self::UnknownEngine { .. } => {
                "set --home to the directory that holds bin/, conf/ and lib/ of the engine"
            }
            Self::SeveralNodes(_) => {
                "start one container of this image for each of them, with `command: fe` or `command: be` (COMPONENT is the \
                 same), and with MASTER_HOST and LOCAL_HOST; or set --home"
            }
            Self::Ambiguous(_) => "set COMPONENT or --home, or name the component after `run`",
            Self::Script(problem) => problem.hint(),
            Self::OtherComponent { .. } => {
                "set COMPONENT to the component of this image or leave it unset, or use another image"
            }
            Self::OtherEngine { .. } => "use an image of that engine, or leave ENGINE unset",
        }
    }

    /// The exit code: a script that cannot be started has the shell's own.
    pub const fn exit_code(&self) -> ExitCode {
        match self {
            Self::Script(problem) => problem.exit_code(),
            Self::NoScript { .. } | Self::NoHome { .. } => ExitCode::NotFound,
            _ => ExitCode::Configuration,
        }
    }
}

impl Home {
    /// The conf file the engine reads.
    pub fn conf(&self) -> PathBuf {
        self.dir.join(self.layout.conf)
    }

    /// The dir of the conf file.
    pub fn conf_dir(&self) -> PathBuf {
        let conf = self.conf();
        conf.parent().unwrap_or(&self.dir).to_owned()
    }

    /// The home of links that replaces this one if its conf file cannot be written.
    pub fn shadow(&self, state_dir: &Path) -> PathBuf {
        state_dir.join(format!("home-{}", self.component.id()))
    }

    /// True if the installed scripts accept a flag (`--helper`): an older script fails on an unknown one.
    pub fn knows_flag(&self, flag: &str) -> bool {
        self.script.all.contains(flag)
    }

    /// True if the installed scripts have that word.
    pub fn mentions(&self, word: &str) -> bool {
        self.script.all.contains(word)
    }

    /// True if the installed scripts run that command at every start.
    pub fn always_runs(&self, command: &str) -> bool {
        self.script.commands.contains(command)
    }
}

impl ScriptWords {
    /// Reads the words of a text. getopt's `-l 'word:'` is not parsed: a script that accepts a flag names it again, with its
    /// dashes, in a `case`.
    pub fn of(script: &str) -> Self {
        let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let lines = || script.lines().filter(|line| !line.trim_start().starts_with('#'));
        let words = |line: &'_ str| {
            let words = line.split(|c: char| !is_word(c)).filter(|word| !word.is_empty());
            words.map(str::to_owned).collect::<Vec<_>>()
        };
        let begins = lines().filter_map(|line| line.split(' ').next());
        Self {
            all: lines().flat_map(words).collect(),
            commands: begins.map(str::to_owned).collect(),
        }
    }

    fn extend(&mut self, other: Self) {
        self.all.extend(other.all);
        self.commands.extend(other.commands);
    }
}

fn homes_of(layout: &'static Layout, root: &Path) -> impl Iterator<Item = PathBuf> {
    std::iter::once(&layout.default_home)
        .chain(layout.other_homes)
        .map(|home| root.join(home.trim_start_matches('/')))
}

fn default_homes(root: &Path) -> Vec<PathBuf> {
    let mut homes = Vec::new();
    for layout in engine::ALL.iter().flat_map(|engine| engine.layouts) {
        for home in homes_of(layout, root) {
            if home.is_dir() && !homes.contains(&home) {
                homes.push(home);
            }
        }
    }
    homes
}

/// The components whose start script and whose engine's marker files are in this dir.
fn candidates_in(dir: &Path, requested: &ImageSettings) -> Vec<Candidate> {
    let real = fs::canonicalize(dir).unwrap_or_else(|_| dir.to_owned());
    let mut found = Vec::new();
    for engine in engine::ALL {
        let requested_engine = requested
            .engine
            .as_ref()
            .is_some_and(|requested| requested.value.id == engine.id);
        for layout in engine.layouts {
            let marked = is_marked(dir, layout) || (requested_engine && marked_engine(dir).is_none());
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

/// The home dirs one level below a dir that was set as the home: older images set it to the dir that holds `fe` and `be`.
fn nested_homes(dir: &Path, requested: &ImageSettings) -> Vec<PathBuf> {
    let layouts = engine::ALL.into_iter().flat_map(|engine| engine.layouts);
    let names: BTreeSet<_> = layouts
        .filter_map(|layout| Path::new(layout.default_home).file_name())
        .collect();
    let nested = names.into_iter().map(|name| dir.join(name));
    nested
        .filter(|below| !candidates_in(below, requested).is_empty())
        .collect()
}

fn is_marked(dir: &Path, layout: &Layout) -> bool {
    let in_script = |mark: &str| {
        let script = file::read(&dir.join(layout.script), file::SCRIPT).unwrap_or_default();
        String::from_utf8_lossy(&script).contains(mark)
    };
    layout.marks.iter().any(|mark| dir.join(mark).exists()) && layout.script_mark.is_none_or(in_script)
}

fn marked_engine(dir: &Path) -> Option<&'static Engine> {
    engine::ALL
        .into_iter()
        .find(|engine| engine.layouts.iter().any(|layout| is_marked(dir, layout)))
}

/// Chooses one component for each dir: by the dir's own name, or else the one listed first, the BE before the CN. Two names
/// of the same dir count once, with the name that matches a component.
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

/// The component by the conf, and the source of the line that makes it one: where two components have the same start script,
/// a line of the conf is all that tells them apart.
fn by_conf(chosen: Candidate, requested: &ImageSettings) -> (Candidate, Option<Source>) {
    if requested.component.is_some() && !requested.component_is_of_command() {
        return (chosen, None);
    }
    let others =
        chosen.engine.layouts.iter().filter(|other| {
            other.script == chosen.layout.script && other.component != chosen.layout.component
        });
    for layout in others {
        let lines = layout.fixed_conf.iter().map(|(key, value)| {
            let (found, source) = conf_line(&chosen, requested, key)?;
            (found == *value).then_some(source)
        });
        let sources: Option<Vec<Source>> = lines.collect();
        if let Some(source) = sources.and_then(|sources| sources.into_iter().next()) {
            return (Candidate { layout, ..chosen }, Some(source));
        }
    }
    (chosen, None)
}

/// The value of a conf key as the engine will read it, from the requests, the second conf file or the first one.
fn conf_line(chosen: &Candidate, requested: &ImageSettings, key: &str) -> Option<(String, Source)> {
    let in_file = |path: &str| {
        let bytes = file::read(&chosen.dir.join(path), file::CONF).ok()?;
        let text = conf::without_block(&String::from_utf8_lossy(&bytes));
        let mut lines = Grammar::of(chosen.layout.component)
            .entries(&text)
            .into_iter()
            .rev();
        let (_, value) = lines.find(|(name, _)| name == key)?;
        Some((value, Source::ConfFile))
    };
    let request = requested.conf.get(&chosen.layout.component).into_iter().flatten();
    chosen.layout.custom_conf.and_then(in_file).or_else(|| {
        let request = request.rev().find(|request| request.key == key);
        let request = request.map(|request| (request.value.clone(), request.source.clone()));
        request.or_else(|| in_file(chosen.layout.conf))
    })
}

fn check_engine(requested: &ImageSettings, chosen: &Candidate) -> Result<(), HomeProblem> {
    if let Some(requested) = &requested.engine
        && requested.value.id != chosen.engine.id
    {
        return Err(HomeProblem::OtherEngine {
            dir: chosen.dir.clone(),
            requested: requested.value.name,
            found: chosen.engine.name,
        });
    }
    Ok(())
}

/// The problem if no component of any dir is usable.
fn nothing_fits(requested: &ImageSettings, dirs: &[PathBuf], root: &Path) -> HomeProblem {
    let wanted = requested.component.as_ref().map(|component| component.value);
    let layouts = || engine::ALL.into_iter().flat_map(|engine| engine.layouts);
    let Some(dir) = dirs.first() else {
        let mut looked: Vec<PathBuf> = Vec::new();
        for home in layouts().flat_map(|layout| homes_of(layout, root)) {
            if !looked.contains(&home) {
                looked.push(home);
            }
        }
        return HomeProblem::NoHome { looked };
    };
    if let Some(component) = &requested.component {
        let here = dirs
            .iter()
            .flat_map(|dir| candidates_in(dir, requested))
            .collect();
        let found: Vec<_> = one_per_dir(here).into_iter().map(Candidate::named).collect();
        if !found.is_empty() {
            return HomeProblem::OtherComponent {
                requested: component.value,
                requested_by: component.source.to_string(),
                found,
            };
        }
    }
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
            looked: marks(&wanted_layouts),
        };
    }
    HomeProblem::NoScript {
        dir: dir.clone(),
        looked: names(wanted_layouts.iter().map(|layout| layout.script)),
    }
}

fn read_scripts(chosen: &Candidate) -> Result<ScriptWords, HomeProblem> {
    let mut words = ScriptWords::of(&script::read(
        &chosen.dir.join(chosen.layout.script),
        &chosen.dir,
    )?);
    // A missing inner script belongs to another version.
    for inner in chosen.layout.inner_scripts {
        if let Ok(bytes) = file::read(&chosen.dir.join(inner), file::SCRIPT) {
            words.extend(ScriptWords::of(&String::from_utf8_lossy(&bytes)));
        }
    }
    Ok(words)
}

/// What would identify one of these.
fn marks(layouts: &[&Layout]) -> Vec<String> {
    let files = layouts.iter().flat_map(|layout| layout.marks).copied();
    let mut marks = names(files);
    for layout in layouts {
        let mark = layout.script_mark.iter();
        marks.extend(mark.map(|mark| format!("{mark} in {}", layout.script)));
    }
    marks
}

/// Each name once, in the order of the table.
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

fn candidates(found: &[(PathBuf, Component)]) -> String {
    let mut text = String::new();
    for (index, (dir, component)) in found.iter().enumerate() {
        let and = if index == 0 { "" } else { " and " };
        // Writing to a String cannot fail.
        write!(text, "{and}{} ({})", dir.display(), component.name()).unwrap_or_default();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;

    use super::{HomeProblem, ScriptProblem, ScriptWords, find};
    use crate::engine::{Component, Engine};
    use crate::facts::fixture::{one_engine, other_engine, tree};
    use crate::settings::{ImageSettings, Source, Sourced};

    /// The files that make a dir the home of some components.
    fn installed(engine: &Engine, dir: &str, components: &[Component]) -> Vec<(String, &'static str)> {
        let mut files = Vec::new();
        for component in components {
            let layout = engine.layout(*component).unwrap();
            files.push((format!("{dir}/{}", layout.script), "#!/bin/sh\n"));
            files.push((format!("{dir}/{}", layout.marks[0]), ""));
        }
        files
    }

    fn default_home(engine: &Engine, component: Component) -> &'static str {
        engine.layout(component).unwrap().default_home
    }

    fn machine(files: &[(String, &str)]) -> tempfile::TempDir {
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
        tree(&files)
    }

    fn requested(home: Option<&Path>, component: Option<Component>) -> ImageSettings {
        ImageSettings {
            home: home.map(|value| Sourced {
                value: value.to_owned(),
                source: Source::Flag("--home"),
            }),
            component: component.map(|value| Sourced {
                value,
                source: Source::Environment("COMPONENT".to_owned()),
            }),
            ..ImageSettings::default()
        }
    }

    /// `<dir below the root> <component>`, or the problem.
    fn outcome(root: &Path, requested: &ImageSettings) -> String {
        match find(requested, root) {
            Ok(home) => format!(
                "{} {}",
                home.dir.strip_prefix(root).unwrap_or(&home.dir).display(),
                home.component.id()
            ),
            Err(problem) => problem.to_string().replace(&format!("{}/", root.display()), ""),
        }
    }

    /// The installed components, a link if the image has one, the request, the outcome.
    struct Row {
        installed: Vec<(&'static str, &'static [Component])>,
        link: Option<(&'static str, &'static str)>,
        component: Option<Component>,
        expected: String,
    }

    #[test]
    fn the_image_tells_home_and_component() {
        use Component::{Be, Cn, Fe};
        const BOTH: &[Component] = &[Be, Cn];
        let engine = one_engine();
        let [fe, be, cn] = [Fe, Be, Cn].map(|component| default_home(engine, component));
        // An image with all of them keeps them elsewhere.
        let [allin1, beside] = [Fe, Be].map(|component| engine.layout(component).unwrap().other_homes[0]);
        let row = |installed: &[(&'static str, &'static [Component])], component, expected: &str| Row {
            installed: installed.to_vec(),
            link: None,
            component,
            expected: expected.to_owned(),
        };
        let linked = |row| Row {
            link: Some((cn, "-> be")),
            ..row
        };
        let is = |home: &str, id: &str| format!("{} {id}", home.trim_start_matches('/'));
        let two = format!(
            "one container is one node, and this image has homes of several: {} (FE) and {} (BE)",
            fe.trim_start_matches('/'),
            be.trim_start_matches('/')
        );
        let table = [
            row(&[(fe, &[Fe])], None, &is(fe, "fe")),
            row(&[(be, BOTH)], None, &is(be, "be")),
            row(&[(be, BOTH)], Some(Cn), &is(be, "cn")),
            linked(row(&[(be, BOTH)], None, &is(be, "be"))),
            linked(row(&[(be, BOTH)], Some(Cn), &is(cn, "cn"))),
            row(&[(cn, BOTH)], None, &is(cn, "cn")),
            row(&[(fe, &[Fe]), (be, &[Be])], None, &two),
            row(&[(fe, &[Fe]), (be, &[Be])], Some(Be), &is(be, "be")),
            row(&[(allin1, &[Fe]), (beside, BOTH)], Some(Fe), &is(allin1, "fe")),
            row(&[(allin1, &[Fe]), (beside, BOTH)], Some(Be), &is(beside, "be")),
            row(&[(allin1, &[Fe]), (beside, BOTH)], Some(Cn), &is(beside, "cn")),
        ];
        for row in table {
            let homes = row.installed.iter();
            let mut files: Vec<_> = homes
                .flat_map(|(dir, held)| installed(engine, dir, held))
                .collect();
            files.extend(row.link.map(|(from, to)| (from.to_owned(), to)));
            let root = machine(&files);
            assert_eq!(
                outcome(root.path(), &requested(None, row.component)),
                row.expected,
                "{:?} {:?}",
                row.installed,
                row.component
            );
        }
    }

    #[test]
    fn a_named_home_is_taken_as_it_is() {
        let engine = one_engine();
        let mut files = installed(engine, default_home(engine, Component::Fe), &[Component::Fe]);
        files.extend(installed(
            engine,
            "/srv/compute/cn",
            &[Component::Be, Component::Cn],
        ));
        let root = machine(&files);
        let home = root.path().join("srv/compute/cn");
        let home = find(&requested(Some(&home), None), root.path()).unwrap();
        assert_eq!(
            (home.component, home.dir_source),
            (Component::Cn, Source::Flag("--home"))
        );
        assert_eq!(home.component_source, Source::Image);
    }

    #[test]
    fn a_dir_above_the_homes_stands_for_the_one_that_fits() {
        use Component::{Be, Fe};
        let engine = one_engine();
        let mut files = installed(engine, "db/fe", &[Fe]);
        files.extend(installed(engine, "one/fe", &[Fe]));
        files.extend(installed(engine, "db/be", &[Be]));
        let root = machine(&files);
        let table = [
            ("one", None, "one/fe fe"),
            ("db", Some(Fe), "db/fe fe"),
            ("db", Some(Be), "db/be be"),
            (
                "db",
                None,
                "one container is one node, and this image has homes of several: db/be (BE) and db/fe (FE)",
            ),
        ];
        for (dir, component, expected) in table {
            let requested = requested(Some(&root.path().join(dir)), component);
            assert_eq!(outcome(root.path(), &requested), expected, "{dir} {component:?}");
        }
    }

    /// The jars of both engines have the same name, and so have the start scripts.
    #[test]
    fn the_start_script_tells_whose_broker_it_is() {
        let [ours, other] =
            [one_engine(), other_engine()].map(|engine| engine.layout(Component::Broker).unwrap());
        assert_eq!((ours.script, ours.marks), (other.script, other.marks));
        for (text, expected) in [
            (ours.script_mark.unwrap(), Some(one_engine().id)),
            (other.script_mark.unwrap(), Some(other_engine().id)),
            ("com.example.broker", None),
        ] {
            let script = format!("#!/bin/sh\njava {text}.hdfs.BrokerBootstrap\n");
            let root = tree(&[
                (&format!("b/{}", ours.script), &script),
                (&format!("b/{}", ours.marks[0]), ""),
            ]);
            let found = find(&requested(Some(&root.path().join("b")), None), root.path());
            if let Some(id) = expected {
                let home = found.map(|home| (home.engine.id, home.component));
                assert_eq!(home, Ok((id, Component::Broker)));
            } else {
                let problem = found.unwrap_err().to_string();
                let looked = format!("{} in {}", ours.script_mark.unwrap(), ours.script);
                assert!(problem.contains(&looked), "{problem}");
            }
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let engine = one_engine();
        let fe = engine.layout(Component::Fe).unwrap();
        let root = machine(&[
            ("empty/".to_owned(), ""),
            (format!("no-engine/{}", fe.script), ""),
        ]);
        let problem =
            |dir: &str| find(&requested(Some(&root.path().join(dir)), None), root.path()).unwrap_err();
        assert!(matches!(
            find(&requested(None, None), root.path()),
            Err(HomeProblem::NoHome { looked }) if looked.contains(&root.path().join(fe.default_home.trim_start_matches('/')))
        ));
        assert!(matches!(
            problem("nowhere"),
            HomeProblem::NotADirectory { exists: false, .. }
        ));
        assert!(problem("empty").to_string().contains(fe.script));
        assert!(matches!(
            problem("no-engine"),
            HomeProblem::UnknownEngine { looked, .. } if looked.iter().any(|mark| mark == fe.marks[0])
        ));
    }

    #[test]
    fn a_script_that_cannot_be_executed_is_told_with_its_mode() {
        let engine = one_engine();
        let fe = engine.layout(Component::Fe).unwrap();
        let root = machine(&installed(engine, "fe", &[Component::Fe]));
        let home = root.path().join("fe");
        let script = home.join(fe.script);
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o644)).unwrap();
        let problem = find(&requested(Some(&home), None), root.path()).unwrap_err();
        assert_eq!(
            problem,
            HomeProblem::Script(ScriptProblem::NotExecutable { script, mode: 0o644 })
        );
        assert!(problem.to_string().ends_with("its mode is 0644"));
    }

    #[test]
    fn the_engine_that_was_asked_for_chooses_among_homes_but_does_not_overrule_their_files() {
        let (ours, other) = (one_engine(), other_engine());
        let mut requested = requested(None, None);
        requested.engine = Some(Sourced {
            value: ours,
            source: Source::Environment("ENGINE".to_owned()),
        });
        let mut files = installed(other, default_home(other, Component::Fe), &[Component::Fe]);
        let root = machine(&files);
        assert!(matches!(
            find(&requested, root.path()),
            Err(HomeProblem::OtherEngine { .. })
        ));
        files.extend(installed(
            ours,
            default_home(ours, Component::Fe),
            &[Component::Fe],
        ));
        let root = machine(&files);
        assert_eq!(
            find(&requested, root.path()).map(|home| home.engine.id),
            Ok(ours.id)
        );
    }

    #[test]
    fn a_flag_is_known_if_a_script_or_the_one_it_calls_names_it() {
        let engine = one_engine();
        let be = engine.layout(Component::Be).unwrap();
        let mut files = installed(engine, "be", &[Component::Be]);
        files.push((
            format!("be/{}", be.inner_scripts[0]),
            "# not here: --numa\ncase \"$1\" in --daemon) RUN=1 ;; --logconsole) LOG=1 ;; esac\nexec java --add-opens=java.base/java.lang=ALL-UNNAMED\n",
        ));
        let root = machine(&files);
        let home = find(&requested(Some(&root.path().join("be")), None), root.path()).unwrap();
        let table = [
            ("--logconsole", true),
            ("--daemon", true),
            ("--numa", false),
            ("--log", false),
            ("--add-opens", true),
        ];
        for (flag, known) in table {
            assert_eq!(home.knows_flag(flag), known, "{flag}");
        }
    }

    #[test]
    fn a_command_that_no_condition_guards_is_told_from_one_that_is() {
        let always = "set -e\nchmod 550 \"${HOME}/lib/engine\"\n";
        let guarded = "# chmod\nif [[ ! -x x ]]; then\n    chmod 550 x\nfi\nSKIP=\"${SKIP_CHECK:-no}\"\n";
        let [always, guarded] = [always, guarded].map(ScriptWords::of);
        assert!(always.commands.contains("chmod") && !guarded.commands.contains("chmod"));
        assert!(guarded.all.contains("chmod") && guarded.all.contains("SKIP_CHECK"));
        assert!(!guarded.all.contains("SKIP_CHECK:-no"));
    }
}
