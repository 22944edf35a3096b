//! What is done to a cluster, step by step: as text, so that what a run did can be read, kept, and played again.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, bail, ensure};
use hosts::{Engine, STARROCKS};

/// The hosts of a schedule and what they are given to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) engine: &'static Engine,
    /// FEs that vote: `fe1` is the seed.
    pub(crate) voters: u8,
    /// The last of all FEs, without a vote.
    pub(crate) observers: u8,
    pub(crate) bes: u8,
    /// `MASTER_HOST` names every FE, not the seed alone.
    pub(crate) all_masters: bool,
    /// `WAIT_TIMEOUT` in seconds, where it is not the default: whoever waits longer ends, and is started again.
    pub(crate) patience: Option<u32>,
}

impl Shape {
    pub(crate) const fn fes(&self) -> u8 {
        self.voters + self.observers
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let fes = (1..=self.fes()).map(|n| format!("fe{n}"));
        fes.chain((1..=self.bes).map(|n| format!("be{n}"))).collect()
    }

    /// Whether this host is an FE that does not vote.
    pub(crate) fn observes(&self, host: &str) -> bool {
        (self.voters + 1..=self.fes()).any(|n| host == format!("fe{n}"))
    }
}

/// What of a host stops where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Muster,
    Engine,
    All,
}

/// What of a host is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wiped {
    Data,
    State,
    Both,
}

/// One thing that happens. Hosts are called by their names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// One after the other, as fast as they can be started; who runs already is left alone.
    Start(Vec<String>),
    /// All in the same instant.
    Together(Vec<String>),
    /// Everything on the host at once.
    Kill(String),
    /// The engine alone. muster ends with it, and the container is started again.
    KillEngine(String),
    /// All hosts at once.
    PowerCut,
    Freeze(String, Part),
    Thaw(String),
    /// The host is killed if it runs.
    Wipe(String, Wiped),
    /// Nothing reaches the host.
    Cut(String),
    /// These hosts see one another and nobody else.
    Island(Vec<String>),
    /// Every cable is back where it was.
    Heal,
    /// A person drops the node at the leader, if there is one.
    Drop(String),
    /// The person sees the dropped node refuse, and has it join anew.
    Rejoin(String),
    /// The person sees the dropped node refuse, and takes it away.
    Remove(String),
    /// A client writes; what is acknowledged has to be there in the end.
    Write,
    /// Milliseconds in which nothing is done.
    Pause(u64),
    /// Until the cluster is one and complete.
    Whole,
}

impl Step {
    /// What it is counted as.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Start(_) => "start",
            Self::Together(_) => "start together",
            Self::Kill(_) => "kill all",
            Self::KillEngine(_) => "kill engine",
            Self::PowerCut => "power cut",
            Self::Freeze(_, Part::Muster) => "freeze muster",
            Self::Freeze(_, Part::Engine) => "freeze engine",
            Self::Freeze(_, Part::All) => "freeze all",
            Self::Thaw(_) => "thaw",
            Self::Wipe(_, Wiped::Data) => "wipe data",
            Self::Wipe(_, Wiped::State) => "wipe state",
            Self::Wipe(_, Wiped::Both) => "wipe both",
            Self::Cut(_) => "cut one",
            Self::Island(_) => "cut in two",
            Self::Heal => "heal",
            Self::Drop(_) => "drop",
            Self::Rejoin(_) => "rejoin",
            Self::Remove(_) => "remove",
            Self::Write => "write",
            Self::Pause(_) => "pause",
            Self::Whole => "whole",
        }
    }

    fn hosts(&self) -> Vec<&str> {
        match self {
            Self::Start(hosts) | Self::Together(hosts) | Self::Island(hosts) => {
                hosts.iter().map(String::as_str).collect()
            }
            Self::Kill(host)
            | Self::KillEngine(host)
            | Self::Freeze(host, _)
            | Self::Thaw(host)
            | Self::Wipe(host, _)
            | Self::Cut(host)
            | Self::Drop(host)
            | Self::Rejoin(host)
            | Self::Remove(host) => vec![host],
            Self::PowerCut | Self::Heal | Self::Write | Self::Pause(_) | Self::Whole => Vec::new(),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(hosts) => write!(f, "start {}", hosts.join(" ")),
            Self::Together(hosts) => write!(f, "start-together {}", hosts.join(" ")),
            Self::Kill(host) => write!(f, "kill {host}"),
            Self::KillEngine(host) => write!(f, "kill-engine {host}"),
            Self::PowerCut => write!(f, "power-cut"),
            Self::Freeze(host, Part::Muster) => write!(f, "freeze-muster {host}"),
            Self::Freeze(host, Part::Engine) => write!(f, "freeze-engine {host}"),
            Self::Freeze(host, Part::All) => write!(f, "freeze {host}"),
            Self::Thaw(host) => write!(f, "thaw {host}"),
            Self::Wipe(host, Wiped::Data) => write!(f, "wipe-data {host}"),
            Self::Wipe(host, Wiped::State) => write!(f, "wipe-state {host}"),
            Self::Wipe(host, Wiped::Both) => write!(f, "wipe-both {host}"),
            Self::Cut(host) => write!(f, "cut {host}"),
            Self::Island(hosts) => write!(f, "island {}", hosts.join(" ")),
            Self::Heal => write!(f, "heal"),
            Self::Drop(host) => write!(f, "drop {host}"),
            Self::Rejoin(host) => write!(f, "rejoin {host}"),
            Self::Remove(host) => write!(f, "remove {host}"),
            Self::Write => write!(f, "write"),
            Self::Pause(ms) => write!(f, "pause {ms}"),
            Self::Whole => write!(f, "whole"),
        }
    }
}

impl FromStr for Step {
    type Err = anyhow::Error;

    fn from_str(line: &str) -> anyhow::Result<Self> {
        let mut words = line.split_whitespace();
        let verb = words.next().context("an empty step")?;
        let rest: Vec<String> = words.map(str::to_owned).collect();
        let one = || match rest.as_slice() {
            [host] => Ok(host.clone()),
            _ => bail!("`{line}`: one host is expected"),
        };
        let some = || {
            ensure!(!rest.is_empty(), "`{line}`: hosts are expected");
            Ok(rest.clone())
        };
        let none = |step| {
            ensure!(rest.is_empty(), "`{line}`: nothing is expected after {verb}");
            Ok(step)
        };
        match verb {
            "start" => Ok(Self::Start(some()?)),
            "start-together" => Ok(Self::Together(some()?)),
            "kill" => Ok(Self::Kill(one()?)),
            "kill-engine" => Ok(Self::KillEngine(one()?)),
            "power-cut" => none(Self::PowerCut),
            "freeze" => Ok(Self::Freeze(one()?, Part::All)),
            "freeze-muster" => Ok(Self::Freeze(one()?, Part::Muster)),
            "freeze-engine" => Ok(Self::Freeze(one()?, Part::Engine)),
            "thaw" => Ok(Self::Thaw(one()?)),
            "wipe-data" => Ok(Self::Wipe(one()?, Wiped::Data)),
            "wipe-state" => Ok(Self::Wipe(one()?, Wiped::State)),
            "wipe-both" => Ok(Self::Wipe(one()?, Wiped::Both)),
            "cut" => Ok(Self::Cut(one()?)),
            "island" => Ok(Self::Island(some()?)),
            "heal" => none(Self::Heal),
            "drop" => Ok(Self::Drop(one()?)),
            "rejoin" => Ok(Self::Rejoin(one()?)),
            "remove" => Ok(Self::Remove(one()?)),
            "write" => none(Self::Write),
            "pause" => Ok(Self::Pause(one()?.parse().with_context(|| format!("`{line}`"))?)),
            "whole" => none(Self::Whole),
            _ => bail!("`{line}`: no such step"),
        }
    }
}

/// Hosts, and what is done to them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Schedule {
    pub(crate) shape: Shape,
    pub(crate) steps: Vec<Step>,
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shape {
            engine,
            voters,
            observers,
            bes,
            all_masters,
            patience,
        } = &self.shape;
        let masters = if *all_masters { "all" } else { "first" };
        let patience = patience.map_or_else(|| "default".to_owned(), |seconds| seconds.to_string());
        writeln!(
            f,
            "hosts engine={} voters={voters} observers={observers} bes={bes} masters={masters} patience={patience}",
            engine.id
        )?;
        self.steps.iter().try_for_each(|step| writeln!(f, "{step}"))
    }
}

impl FromStr for Schedule {
    type Err = anyhow::Error;

    /// Blank lines and what follows a `#` do not count.
    fn from_str(text: &str) -> anyhow::Result<Self> {
        let mut lines = text
            .lines()
            .map(|line| line.split_once('#').map_or(line, |(step, _)| step).trim())
            .filter(|line| !line.is_empty());
        let shape = shape(lines.next().context("an empty schedule")?)?;
        let steps: Vec<Step> = lines.map(str::parse).collect::<anyhow::Result<_>>()?;
        let names = shape.names();
        for step in &steps {
            for host in step.hosts() {
                ensure!(
                    names.iter().any(|name| name == host),
                    "`{step}`: there is no {host}"
                );
            }
        }
        Ok(Self { shape, steps })
    }
}

fn shape(line: &str) -> anyhow::Result<Shape> {
    let mut words = line.split_whitespace();
    ensure!(words.next() == Some("hosts"), "`{line}`: `hosts …` comes first");
    let mut shape = Shape {
        engine: &STARROCKS,
        voters: 1,
        observers: 0,
        bes: 0,
        all_masters: false,
        patience: None,
    };
    for word in words {
        let (name, value) = word
            .split_once('=')
            .with_context(|| format!("`{word}` has no value"))?;
        match (name, value) {
            ("engine", id) => {
                shape.engine = Engine::named(id).with_context(|| format!("no engine is called {id}"))?;
            }
            ("voters", _) => shape.voters = value.parse()?,
            ("observers", _) => shape.observers = value.parse()?,
            ("bes", _) => shape.bes = value.parse()?,
            ("masters", "all") => shape.all_masters = true,
            ("masters", "first") => shape.all_masters = false,
            ("patience", "default") => shape.patience = None,
            ("patience", _) => shape.patience = Some(value.parse()?),
            _ => bail!("`{word}` is not understood"),
        }
    }
    Ok(shape)
}

#[cfg(test)]
mod tests {
    use super::{Schedule, Step};

    #[test]
    fn what_is_printed_is_what_is_read() {
        let text = "hosts engine=doris voters=3 observers=1 bes=1 masters=all patience=6\n\
                    start fe1 fe2\nstart-together fe1 fe2\npause 20\nkill fe1\nkill-engine fe2\npower-cut\nfreeze fe1\nfreeze-muster fe1\n\
                    freeze-engine fe1\nthaw fe1\nwipe-data fe2\nwipe-state fe2\nwipe-both be1\ncut fe4\n\
                    island fe1 be1\nheal\ndrop fe3\nrejoin fe3\nremove fe3\nwrite\nwhole\n";
        let schedule: Schedule = text.parse().unwrap();
        assert_eq!(schedule.to_string(), text);
    }

    #[test]
    fn what_cannot_be_played_is_refused() {
        for text in [
            "",
            "start fe1",
            "hosts voters=1\nkill fe2",
            "hosts voters=1\nkill",
        ] {
            assert!(text.parse::<Schedule>().is_err(), "{text}");
        }
        assert!("heal fe1".parse::<Step>().is_err());
    }
}
