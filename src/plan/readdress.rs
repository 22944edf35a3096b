//! Decides how the host of a member is changed: by the statements that its engine was observed to accept. What was observed
//! to do damage is refused, with the steps that work instead. Pure: the verb runs the statements and checks the result.

use crate::engine::member::{Backend, Frontend, FrontendRole};
use crate::engine::{Component, Engine};
use crate::exit::ExitCode;
use crate::plan::leader::Cluster;
use crate::plan::node::Role;
use crate::plan::refusal::Refusal;
use crate::settings::Host;

/// The change of a member's host, in a cluster of this engine.
#[derive(Debug, Clone, Copy)]
pub struct Move<'a> {
    pub engine: &'static Engine,
    pub from: &'a Host,
    pub to: &'a Host,
    /// The name that the member was added under, if its list has names.
    pub name: &'a str,
}

/// The kind of a member in the cluster's lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Follower,
    Observer,
    /// A member that is no FE.
    Component(Component),
}

impl Kind {
    pub const fn component(self) -> Component {
        match self {
            Self::Follower | Self::Observer => Component::Fe,
            Self::Component(component) => component,
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Follower => "follower",
            Self::Observer => "observer",
            Self::Component(component) => component.name(),
        }
    }

    pub const fn of(role: Role) -> Self {
        match role {
            Role::Seed | Role::Follower => Self::Follower,
            Role::Observer => Self::Observer,
            Role::Component(component) => Self::Component(component),
        }
    }

    const fn of_row(role: FrontendRole) -> Self {
        match role {
            FrontendRole::Leader | FrontendRole::Follower => Self::Follower,
            FrontendRole::Observer => Self::Observer,
        }
    }
}

/// A member in the cluster's lists, at one of the two hosts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedMember {
    pub kind: Kind,
    pub port: u16,
    pub alive: bool,
    /// An FE has joined the election group; `true` for all others.
    pub joined: bool,
    pub is_leader: bool,
}

impl Move<'_> {
    /// The statement that changes the host of such a member; `None` if the engine was not observed to accept one.
    pub fn statement(&self, kind: Kind, port: u16) -> Option<String> {
        let rehost = self.engine.rehost(kind.component())?;
        if matches!(self.to, Host::Address(_)) && !rehost.to_address {
            return None;
        }
        let text = rehost
            .statement
            .replace("{from}:{port}", &self.from.with_port(port));
        Some(
            text.replace("{from}", &self.from.to_string())
                .replace("{to}", &self.to.to_string()),
        )
    }

    /// The command line for this change.
    pub fn command(&self) -> String {
        format!("muster readdress --from {} --to {}", self.from, self.to)
    }

    /// The statement that drops the old member, for a node that joins again.
    pub fn drop_statement(&self, kind: Kind, port: u16) -> String {
        let (sql, at) = (&self.engine.sql, self.from.with_port(port));
        match kind {
            Kind::Follower => sql.drop_follower.replace("{}", &at),
            Kind::Observer => sql.drop_observer.replace("{}", &at),
            Kind::Component(component) => self
                .engine
                .list(component)
                .map_or_else(String::new, |list| list.drop(&at, self.name)),
        }
    }

    /// The steps that always work: drop the member and join again. Names the cost.
    pub fn rejoin_steps(&self, kind: Kind, port: u16) -> String {
        let cost = match kind {
            Kind::Follower | Kind::Observer => "its data is set aside and copied from the cluster again",
            Kind::Component(Component::Cn) => "its cache is set aside",
            Kind::Component(Component::Broker) => "it keeps no data",
            Kind::Component(Component::Fe | Component::Be) => {
                "its data is set aside, the cluster makes new replicas from the other BEs, and a table with one replica loses \
                 its data on this BE"
            }
        };
        format!(
            "run `{}` with any MySQL client, then start the node with LOCAL_HOST={} and REJOIN=1: {cost}",
            self.drop_statement(kind, port),
            self.to
        )
    }

    /// The refusal of a change that the engine does not support, with the steps that work.
    fn unsupported(&self, kind: Kind, port: u16) -> Refusal {
        let (name, component) = (self.engine.name, kind.component().name());
        let Some(rehost) = self.engine.rehost(kind.component()) else {
            return Refusal::protect(
                format!("{name} has no statement that changes the host of a {component}"),
                self.rejoin_steps(kind, port),
            );
        };
        debug_assert!(!rehost.to_address, "refused only for being an address");
        Refusal::protect(
            format!(
                "{name} cannot change the host of {} {component} from {} to the address {}, only to a name",
                if component == "FE" { "an" } else { "a" },
                self.from,
                self.to
            ),
            format!(
                "choose a name that every host resolves to {to}, run `muster readdress --from {from} --to NAME`, and start the \
                 node with LOCAL_HOST=NAME; or {rejoin}",
                to = self.to,
                from = self.from,
                rejoin = self.rejoin_steps(kind, port)
            ),
        )
    }

    /// The hint for a node that is refused because its cluster lists it under `from`.
    pub fn hint(&self, kind: Kind, port: u16, joined: bool) -> String {
        let unmoved = format!("if this node has not moved, set LOCAL_HOST={}", self.from);
        if !joined || self.statement(kind, port).is_none() {
            let other = if joined && self.engine.rehost(kind.component()).is_some() {
                format!(
                    "; or choose a name that every host resolves to {}, run `muster readdress --from {} --to NAME` in a \
                     container of another node, and start this one with LOCAL_HOST=NAME",
                    self.to, self.from
                )
            } else {
                String::new()
            };
            return format!("{unmoved}; if it has, {}{other}", self.rejoin_steps(kind, port));
        }
        format!(
            "{unmoved}; if it has, run `{}` in a container of another node of this cluster, then start this one again",
            self.command()
        )
    }
}

/// Everything the decision rests on.
#[derive(Debug, Clone)]
pub struct Inputs<'a> {
    pub cluster: &'a Cluster,
    /// The BEs and CNs.
    pub backends: &'a [Backend],
    /// If set, only members of this component are changed.
    pub only: Option<Component>,
    /// Ports of the members that accept a connection, at the old or the new host.
    pub open: &'a [String],
    /// `to` is an address, or a name that resolves.
    pub resolves: Result<(), String>,
    /// `to` is a name of `from`: the machine stays the same.
    pub same_machine: bool,
}

/// The decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The cluster lists the new host and not the old one.
    Done(Vec<ListedMember>),
    /// Run these statements, in this order.
    Run(Vec<(ListedMember, String)>),
    Refuse(Refusal),
}

/// The members of one host, as the cluster lists them.
pub fn listed(
    host: &Host,
    only: Option<Component>,
    cluster: &Cluster,
    backends: &[Backend],
) -> Vec<ListedMember> {
    let here = |text: &str| Host::parse(text).is_ok_and(|listed| &listed == host);
    let frontend = |fe: &Frontend| ListedMember {
        kind: Kind::of_row(fe.role),
        port: fe.edit_log_port,
        alive: fe.alive,
        joined: fe.join,
        is_leader: fe.role == FrontendRole::Leader,
    };
    let backend = |be: &Backend| ListedMember {
        kind: Kind::Component(kind_of(be)),
        port: be.port,
        alive: be.alive,
        joined: true,
        is_leader: false,
    };
    let frontends = cluster.frontends.iter().filter(|fe| here(&fe.host)).map(frontend);
    let backends = backends.iter().filter(|be| here(&be.host)).map(backend);
    frontends
        .chain(backends)
        .filter(|listed| only.is_none_or(|only| only == listed.kind.component()))
        .collect()
}

/// A dead node of a list that does not tell its kind is moved like a BE, whatever it is.
fn kind_of(backend: &Backend) -> Component {
    backend.component.unwrap_or(Component::Be)
}

/// Decides for all members of the host: either every statement is run, or none.
pub fn decide(change: &Move<'_>, inputs: &Inputs<'_>) -> Verdict {
    let at = |host| listed(host, inputs.only, inputs.cluster, inputs.backends);
    let (old, new) = (at(change.from), at(change.to));
    let leader = &inputs.cluster.leader.host;
    if change.from == change.to {
        return Verdict::Refuse(Refusal::new(
            ExitCode::Usage,
            format!("--from and --to are the same host, {}", change.to),
            "",
        ));
    }
    if old.is_empty() {
        if new.is_empty() {
            return Verdict::Refuse(Refusal::new(
                ExitCode::Configuration,
                format!(
                    "the cluster led by {leader} lists neither {} nor {}",
                    change.from, change.to
                ),
                format!("it lists {}", hosts(inputs)),
            ));
        }
        return Verdict::Done(new);
    }
    let mut statements = Vec::new();
    for member in old {
        match decide_member(change, inputs, &new, &member) {
            Ok(statement) => statements.push((member, statement)),
            Err(refusal) => return Verdict::Refuse(refusal),
        }
    }
    Verdict::Run(statements)
}

fn decide_member(
    change: &Move<'_>,
    inputs: &Inputs<'_>,
    new: &[ListedMember],
    member: &ListedMember,
) -> Result<String, Refusal> {
    let ListedMember { kind, port, .. } = *member;
    let leader = &inputs.cluster.leader.host;
    let name = format!("{} {}", kind.name(), change.from.with_port(port));
    let is_fe = kind.component().is_fe();
    if let Some(other) = new
        .iter()
        .find(|other| other.kind.component() == kind.component() && (is_fe || other.port == port))
    {
        return Err(Refusal::protect(
            format!(
                "the cluster led by {leader} lists both {name} and {} {}",
                other.kind.name(),
                change.to.with_port(other.port)
            ),
            format!(
                "remove one of the two; to remove the old one, run `{}`",
                change.drop_statement(kind, port)
            ),
        ));
    }
    if member.is_leader {
        return Err(Refusal::protect(
            format!("{name} is the leader of this cluster, so it still runs at its old host"),
            "stop it first; another FE then becomes the leader",
        ));
    }
    // The election group does not have it (observed: "is not a member of the group").
    if !member.joined {
        return Err(Refusal::protect(
            format!("{name} is registered but has never joined, so its host cannot be changed"),
            change.rejoin_steps(kind, port),
        ));
    }
    let statement = change
        .statement(kind, port)
        .ok_or_else(|| change.unsupported(kind, port))?;
    if let Err(why) = &inputs.resolves {
        return Err(Refusal::new(
            ExitCode::Configuration,
            format!("{} does not resolve here: {why}", change.to),
            "add it to DNS or to the hosts file of every FE and BE first",
        ));
    }
    // Observed for an FE: on a live one the statement fails, but the leader has changed the host in its memory.
    let must_be_down = is_fe || !inputs.same_machine;
    if must_be_down && member.alive {
        return Err(Refusal::protect(
            format!("{name} is alive according to the leader {leader}"),
            "stop it; the cluster shows a stopped member as alive for up to three more heartbeats",
        ));
    }
    if let Some(open) = inputs.open.first().filter(|_| must_be_down) {
        return Err(Refusal::protect(
            format!("{name} may still run: {open} accepts connections"),
            "stop the process that listens there",
        ));
    }
    Ok(statement)
}

fn hosts(inputs: &Inputs<'_>) -> String {
    let frontends = inputs
        .cluster
        .frontends
        .iter()
        .map(|fe| format!("FE {}", fe.host));
    let backends = inputs
        .backends
        .iter()
        .map(|be| format!("{} {}", kind_of(be).name(), be.host));
    frontends.chain(backends).collect::<Vec<_>>().join(", ")
}

/// The steps that are left to the user.
pub fn remaining_steps(change: &Move<'_>, moved: &[ListedMember]) -> String {
    let kinds: Vec<&str> = moved
        .iter()
        .map(|member| member.kind.component().name())
        .collect();
    format!(
        "next: start the {} with LOCAL_HOST={}, and replace {} by {} in every MASTER_HOST that has it",
        kinds.join(" and the "),
        change.to,
        change.from,
        change.to
    )
}

#[cfg(test)]
#[path = "readdress_tests.rs"]
mod tests;
