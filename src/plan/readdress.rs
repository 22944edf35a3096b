//! A member's host has changed: what its engine was observed to allow, what was seen to do damage and is refused, and
//! the way that works instead. Pure: the verb asks, says and looks again.

use crate::engine::member::{Backend, Frontend, FrontendRole};
use crate::engine::{Component, Engine};
use crate::exit::ExitCode;
use crate::plan::leader::Cluster;
use crate::plan::node::{Backends, Role};
use crate::plan::refusal::Refusal;
use crate::settings::Host;

/// From one host to another, in a cluster of this engine.
#[derive(Debug, Clone, Copy)]
pub struct Move<'a> {
    pub engine: &'static Engine,
    pub from: &'a Host,
    pub to: &'a Host,
}

/// What a member is listed as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Follower,
    Observer,
    Backend,
    ComputeNode,
}

impl Kind {
    pub const fn component(self) -> Component {
        match self {
            Self::Follower | Self::Observer => Component::Fe,
            Self::Backend => Component::Be,
            Self::ComputeNode => Component::Cn,
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Follower => "follower",
            Self::Observer => "observer",
            Self::Backend => "BE",
            Self::ComputeNode => "CN",
        }
    }

    pub const fn of(role: Role) -> Self {
        match role {
            Role::Seed | Role::Follower => Self::Follower,
            Role::Observer => Self::Observer,
            Role::Backend => Self::Backend,
            Role::ComputeNode => Self::ComputeNode,
        }
    }

    const fn of_row(role: FrontendRole) -> Self {
        match role {
            FrontendRole::Leader | FrontendRole::Follower => Self::Follower,
            FrontendRole::Observer => Self::Observer,
        }
    }
}

/// One row of the cluster's lists at one of the two hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub kind: Kind,
    pub port: u16,
    pub alive: bool,
    /// Of an FE: it is in the election group.
    pub joined: bool,
    pub leads: bool,
}

impl Move<'_> {
    /// What changes the host of such a member; `None` where the engine was not seen to do it.
    pub fn statement(&self, kind: Kind, port: u16) -> Option<String> {
        let rehost = self.engine.sql.rehost(kind.component())?;
        if matches!(self.to, Host::Address(_)) && !rehost.to_address {
            return None;
        }
        let text = rehost.statement.replace("{port}", &port.to_string());
        Some(
            text.replace("{from}", &self.from.to_string())
                .replace("{to}", &self.to.to_string()),
        )
    }

    /// The command line that says it.
    pub fn command(&self) -> String {
        format!("muster readdress --from {} --to {}", self.from, self.to)
    }

    /// What takes the old row away, for a node that joins anew.
    pub fn drop(&self, kind: Kind, port: u16) -> String {
        let sql = &self.engine.sql;
        let statement = match kind {
            Kind::Follower => sql.drop_follower,
            Kind::Observer => sql.drop_observer,
            Kind::Backend => sql.drop_backend,
            Kind::ComputeNode => sql.drop_compute_node.unwrap_or(sql.drop_backend),
        };
        statement.replace("{}", &self.from.with_port(port))
    }

    /// Drop it, and join anew: what always works, and what it costs.
    pub fn anew(&self, kind: Kind, port: u16) -> String {
        let cost = match kind {
            Kind::Follower | Kind::Observer => "its data is set aside and it gets the cluster's again",
            Kind::Backend => {
                "its data is set aside, the cluster makes new replicas of it from the other BEs, and a table with one \
                 replica loses what was on this one"
            }
            Kind::ComputeNode => "its cache is set aside",
        };
        format!(
            "run `{}` with any MySQL client, then start the node with LOCAL_HOST={} and REJOIN=1: {cost}",
            self.drop(kind, port),
            self.to
        )
    }

    /// Why it is not done, and the ways that work.
    fn impossible(&self, kind: Kind, port: u16) -> Refusal {
        let (name, component) = (self.engine.name, kind.component().name());
        let Some(rehost) = self.engine.sql.rehost(kind.component()) else {
            return Refusal::protect(
                format!("{name} has no statement that gives a {component} another host"),
                self.anew(kind, port),
            );
        };
        debug_assert!(!rehost.to_address, "refused only for being an address");
        Refusal::protect(
            format!(
                "{name} does not move {} {component} from {} to the address {}: only to a name",
                if component == "FE" { "an" } else { "a" },
                self.from,
                self.to
            ),
            format!(
                "give it a name that every host resolves to {to}: `muster readdress --from {from} --to NAME`, then start it \
                 with LOCAL_HOST=NAME; or {anew}",
                to = self.to,
                from = self.from,
                anew = self.anew(kind, port)
            ),
        )
    }

    /// What helps a node that is refused because its cluster lists it under `from`.
    pub fn hint(&self, kind: Kind, port: u16, joined: bool) -> String {
        let home = format!("if it has not moved, set LOCAL_HOST={}", self.from);
        if !joined || self.statement(kind, port).is_none() {
            let other = if joined && self.engine.sql.rehost(kind.component()).is_some() {
                format!(
                    "; or give it a name that every host resolves to {}, run `muster readdress --from {} --to NAME` in a \
                     container of another node, and start this one with LOCAL_HOST=NAME",
                    self.to, self.from
                )
            } else {
                String::new()
            };
            return format!("{home}; if it has, {}{other}", self.anew(kind, port));
        }
        format!(
            "{home}; if it has, run `{}` in a container of another node of this cluster, then start this one again",
            self.command()
        )
    }
}

/// What is known when the verb decides.
#[derive(Debug, Clone)]
pub struct Seen<'a> {
    pub cluster: &'a Cluster,
    pub backends: &'a Backends,
    /// Only members of this kind are meant.
    pub only: Option<Component>,
    /// Ports of the member's that somebody still listens on, at the old or the new host.
    pub open: &'a [String],
    /// `to` is an address, or a name that resolves.
    pub resolves: Result<(), String>,
    /// `to` is a name of `from`, so that nothing moves but the name.
    pub same_machine: bool,
}

/// What to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The cluster lists the new host and not the old one.
    Done(Vec<Listed>),
    /// Say these, one after the other.
    Say(Vec<(Listed, String)>),
    Refuse(Refusal),
}

/// The members of one host, as the cluster lists them.
pub fn listed(host: &Host, only: Option<Component>, cluster: &Cluster, backends: &Backends) -> Vec<Listed> {
    let here = |text: &str| Host::parse(text).is_ok_and(|listed| &listed == host);
    let frontend = |fe: &Frontend| Listed {
        kind: Kind::of_row(fe.role),
        port: fe.edit_log_port,
        alive: fe.alive,
        joined: fe.join,
        leads: fe.role == FrontendRole::Leader,
    };
    let backend = |kind| {
        move |be: &Backend| Listed {
            kind,
            port: be.heartbeat_port,
            alive: be.alive,
            joined: true,
            leads: false,
        }
    };
    let frontends = cluster.frontends.iter().filter(|fe| here(&fe.host)).map(frontend);
    let bes = backends.backends.iter().filter(|be| here(&be.host));
    let cns = backends.compute_nodes.iter().filter(|cn| here(&cn.host));
    frontends
        .chain(bes.map(backend(Kind::Backend)))
        .chain(cns.map(backend(Kind::ComputeNode)))
        .filter(|listed| only.is_none_or(|only| only == listed.kind.component()))
        .collect()
}

/// All that the lists say about this move: nothing is said to the leader unless all of it may be.
pub fn decide(way: &Move<'_>, seen: &Seen<'_>) -> Verdict {
    let at = |host| listed(host, seen.only, seen.cluster, seen.backends);
    let (old, new) = (at(way.from), at(way.to));
    let leader = &seen.cluster.leader.host;
    if way.from == way.to {
        return Verdict::Refuse(Refusal::new(
            ExitCode::Usage,
            format!("--from and --to are the same host, {}", way.to),
            "",
        ));
    }
    if old.is_empty() {
        if new.is_empty() {
            return Verdict::Refuse(Refusal::new(
                ExitCode::Configuration,
                format!(
                    "the cluster led by {leader} lists neither {} nor {}",
                    way.from, way.to
                ),
                format!("it lists {}", hosts(seen)),
            ));
        }
        return Verdict::Done(new);
    }
    let mut statements = Vec::new();
    for member in old {
        match one(way, seen, &new, &member) {
            Ok(statement) => statements.push((member, statement)),
            Err(refusal) => return Verdict::Refuse(refusal),
        }
    }
    Verdict::Say(statements)
}

fn one(way: &Move<'_>, seen: &Seen<'_>, new: &[Listed], member: &Listed) -> Result<String, Refusal> {
    let Listed { kind, port, .. } = *member;
    let leader = &seen.cluster.leader.host;
    let what = format!("{} {}", kind.name(), way.from.with_port(port));
    let is_fe = kind.component().is_fe();
    if let Some(other) = new
        .iter()
        .find(|other| other.kind.component() == kind.component() && (is_fe || other.port == port))
    {
        return Err(Refusal::protect(
            format!(
                "the cluster led by {leader} lists both {what} and {} {}",
                other.kind.name(),
                way.to.with_port(other.port)
            ),
            format!(
                "one of the two is too many; to give up the old one, run `{}`",
                way.drop(kind, port)
            ),
        ));
    }
    if member.leads {
        return Err(Refusal::protect(
            format!("{what} leads this cluster: it runs where it is listed"),
            "stop it first; another FE takes the lead",
        ));
    }
    // The election group has never met it (observed: "is not a member of the group").
    if !member.joined {
        return Err(Refusal::protect(
            format!("{what} is registered and never joined: there is nothing of it to move"),
            way.anew(kind, port),
        ));
    }
    let statement = way
        .statement(kind, port)
        .ok_or_else(|| way.impossible(kind, port))?;
    if let Err(why) = &seen.resolves {
        return Err(Refusal::new(
            ExitCode::Configuration,
            format!("{} does not resolve here: {why}", way.to),
            "every FE and BE has to resolve it to the new address: put it into DNS or into each host's hosts file first",
        ));
    }
    // Observed for an FE: the statement fails on a live one, and its leader forgets the old host all the same.
    let must_be_down = is_fe || !seen.same_machine;
    if must_be_down && member.alive {
        return Err(Refusal::protect(
            format!("{what} is alive, by the cluster led by {leader}"),
            "stop it; a member that has ended is shown alive for three heartbeats more",
        ));
    }
    if let Some(open) = seen.open.first().filter(|_| must_be_down) {
        return Err(Refusal::protect(
            format!("{what} may still run: {open} accepts connections"),
            "stop what listens there",
        ));
    }
    Ok(statement)
}

fn hosts(seen: &Seen<'_>) -> String {
    let frontends = seen.cluster.frontends.iter().map(|fe| format!("FE {}", fe.host));
    let bes = seen.backends.backends.iter().map(|be| format!("BE {}", be.host));
    let cns = seen
        .backends
        .compute_nodes
        .iter()
        .map(|cn| format!("CN {}", cn.host));
    frontends.chain(bes).chain(cns).collect::<Vec<_>>().join(", ")
}

/// What a person has to do after it.
pub fn remains(way: &Move<'_>, moved: &[Listed]) -> String {
    let kinds: Vec<&str> = moved
        .iter()
        .map(|member| member.kind.component().name())
        .collect();
    format!(
        "remains: start the {} with LOCAL_HOST={}; where MASTER_HOST says {}, let it say {}",
        kinds.join(" and the "),
        way.to,
        way.from,
        way.to
    )
}

#[cfg(test)]
#[path = "readdress_tests.rs"]
mod tests;
