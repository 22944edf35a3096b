//! What may be wrong with a host, a container, a node or the ways between nodes: a table of checks over facts that were gathered
//! before. Each finding says what is, what should be, why, and what to do.

mod cluster;
mod container;
mod host;
mod node;
pub mod print;
mod reach;
pub mod script;
#[cfg(test)]
pub(in crate::plan) mod tests;

use std::path::PathBuf;

use crate::engine::failure::Failure;
use crate::engine::{Component, Engine};
use crate::facts::Facts;
use crate::facts::disk::Disk;
use crate::facts::history::Event;
use crate::facts::host::HostFacts;
use crate::plan::view::View;
use crate::plan::{Plan, refusal::Refusal};

use self::script::HostSetting;

/// What is looked at.
#[derive(Debug)]
pub struct Examined<'a> {
    pub engine: &'static Engine,
    /// That of the node of this container.
    pub component: Option<Component>,
    pub host: &'a HostFacts,
    pub node: Option<Node<'a>>,
    /// The ports that were dialled from here.
    pub dialled: &'a [Dialled],
    /// The FEs that were asked for their settings.
    pub configs: &'a [Config],
    /// Hosts of the cluster's lists, as they are spelled there, with the addresses they have here.
    pub resolved: &'a [(String, Result<Vec<String>, String>)],
    /// `None`: nobody to ask is known.
    pub view: Option<&'a View>,
}

/// The node of this container.
#[derive(Debug)]
pub struct Node<'a> {
    pub facts: &'a Facts,
    /// What `run` would decide.
    pub plan: Result<&'a Plan, &'a [Refusal]>,
    /// The disks of its data.
    pub disks: &'a [Result<Disk, (PathBuf, String)>],
    /// The disk of `STATE_DIR`; `None` if it cannot be looked at.
    pub state_disk: Option<&'a Disk>,
    /// The image files that lie in the data dir of an FE itself.
    pub loose_images: usize,
    /// Its history, the oldest first.
    pub events: &'a [Event],
}

/// A port of another node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialled {
    pub component: Component,
    /// As the cluster spells it.
    pub host: String,
    pub port: u16,
    /// Its key in the conf file.
    pub key: &'static str,
    /// What this node dials it for.
    pub purpose: &'static str,
    pub answer: Result<(), Failure>,
}

/// The settings of one FE, by key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    pub host: String,
    pub keys: Result<Vec<(String, String)>, Failure>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    Host,
    Container,
    Node,
    Reach,
    Cluster,
}

impl Scope {
    pub const ALL: [Self; 5] = [
        Self::Host,
        Self::Container,
        Self::Node,
        Self::Reach,
        Self::Cluster,
    ];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Container => "container",
            Self::Node => "node",
            Self::Reach => "reach",
            Self::Cluster => "cluster",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The vendor recommends something else. It works as it is.
    Advice,
    /// It works until there is load, or until something else fails.
    Warning,
    /// It does not work, or data is lost.
    Error,
}

impl Severity {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Advice => "advice",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One check.
#[derive(Debug)]
pub struct Check {
    pub name: &'static str,
    pub scope: Scope,
    /// What it looks for, for the reference.
    pub about: &'static str,
    look: fn(&Examined<'_>) -> Looked,
}

impl Check {
    const fn new(
        scope: Scope,
        name: &'static str,
        about: &'static str,
        look: fn(&Examined<'_>) -> Looked,
    ) -> Self {
        Self {
            name,
            scope,
            about,
            look,
        }
    }
}

/// What a check saw.
#[derive(Debug)]
enum Looked {
    /// It does not apply: no such node, engine or machine.
    NotHere,
    /// It applies, and could not be looked at.
    Unseen(String),
    /// Nothing: it is as it should be.
    Found(Vec<Finding>),
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub severity: Severity,
    /// A sentence without a full stop.
    pub is: String,
    /// What it should be; empty: `is` says it.
    pub want: String,
    /// The reason; empty: `is` says it.
    pub why: String,
    /// What to do, in the imperative; empty: the command says it.
    pub fix: String,
    /// The command that does it, for a shell; empty: a command alone does not.
    pub command: String,
    /// The setting of the host that mends it.
    pub setting: Option<HostSetting>,
}

impl Finding {
    fn new(severity: Severity, is: impl Into<String>) -> Self {
        Self {
            severity,
            is: is.into(),
            want: String::new(),
            why: String::new(),
            fix: String::new(),
            command: String::new(),
            setting: None,
        }
    }

    fn want(mut self, want: impl Into<String>) -> Self {
        self.want = want.into();
        self
    }

    fn why(mut self, why: impl Into<String>) -> Self {
        self.why = why.into();
        self
    }

    fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = fix.into();
        self
    }

    fn set(mut self, setting: HostSetting) -> Self {
        self.command = setting.command();
        self.setting = Some(setting);
        self
    }
}

/// Every check, by scope.
pub const CHECKS: [&[Check]; 5] = [
    host::CHECKS,
    container::CHECKS,
    node::CHECKS,
    reach::CHECKS,
    cluster::CHECKS,
];

/// All checks, in the order of the report.
pub fn checks() -> impl Iterator<Item = &'static Check> {
    CHECKS.into_iter().flatten()
}

/// The result of all checks.
#[derive(Debug, Default)]
pub struct Examination {
    /// The heaviest first.
    pub findings: Vec<(&'static Check, Finding)>,
    pub passed: Vec<&'static Check>,
    pub unseen: Vec<(&'static Check, String)>,
    pub skipped: Vec<&'static Check>,
}

impl Examination {
    /// The number of findings of that weight.
    pub fn count(&self, severity: Severity) -> usize {
        let all = self.findings.iter();
        all.filter(|(_, finding)| finding.severity == severity).count()
    }
}

/// Runs the checks that `only` names by their name or their scope, or all, but those that `skip` names.
pub fn examine(examined: &Examined<'_>, only: &[String], skip: &[String]) -> Examination {
    let mut result = Examination::default();
    let is_in = |names: &[String], check: &Check| {
        names
            .iter()
            .any(|name| *name == check.name || *name == check.scope.word())
    };
    for check in checks().filter(|check| only.is_empty() || is_in(only, check)) {
        if is_in(skip, check) {
            result.skipped.push(check);
            continue;
        }
        match (check.look)(examined) {
            Looked::NotHere => {}
            Looked::Unseen(why) => result.unseen.push((check, why)),
            Looked::Found(found) if found.is_empty() => result.passed.push(check),
            Looked::Found(found) => result
                .findings
                .extend(found.into_iter().map(|finding| (check, finding))),
        }
    }
    result
        .findings
        .sort_by_key(|(_, finding)| std::cmp::Reverse(finding.severity));
    result
}

/// One value of the host against a rule.
fn compare<T>(value: Option<T>, file: &str, judge: impl FnOnce(T) -> Option<Finding>) -> Looked {
    match value {
        None => Looked::Unseen(format!("{file} cannot be read here")),
        Some(value) => Looked::Found(judge(value).into_iter().collect()),
    }
}
