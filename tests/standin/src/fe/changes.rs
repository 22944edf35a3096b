//! What a statement makes of the membership, once it is the leader's to carry out.

use std::collections::BTreeSet;

use super::accounts::{self, Speaker};
use super::statement::Statement;
use crate::group::membership::{ADMIN, Broker, FeRole, Membership, NODE, Node, NodeKind};
use crate::profile::{Engine, Profile};

/// What a leader sees of the members when it is asked to change them.
pub(super) struct Seen {
    pub(super) profile: &'static Profile,
    /// Its own node name.
    pub(super) leader: String,
    /// The names of those that the last round found.
    pub(super) alive: BTreeSet<String>,
}

/// `host:port` in the engine's reading; blanks inside are dropped by the server.
pub(super) fn place(profile: &Profile, text: &str) -> Result<(String, u16), String> {
    let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let Some((host, port)) = text.rsplit_once(':') else {
        return Err(profile.invalid_host_port(&text));
    };
    // Observed: an IPv6 address needs its brackets.
    if profile.is_doris() && host.contains(':') && !host.starts_with('[') {
        return Err(profile.invalid_host_port(&text));
    }
    if host.is_empty() {
        return Err(profile.analysis("Host is null"));
    }
    let exception = |words: &str| profile.analysis(&format!("Encounter unknown exception: {words}"));
    let number: i64 = port
        .parse()
        .map_err(|_| exception(&format!("For input string: \"{port}\"")))?;
    let in_range = u16::try_from(number).ok().filter(|port| *port > 0);
    let port =
        in_range.ok_or_else(|| exception(&profile.analysis(&format!("Port is out of range: {number}"))))?;
    Ok((
        host.trim_start_matches('[').trim_end_matches(']').to_owned(),
        port,
    ))
}

pub(super) fn change(
    membership: &mut Membership,
    speaker: &Speaker,
    statement: &Statement,
    seen: &Seen,
) -> Result<(), String> {
    let profile = seen.profile;
    match statement {
        Statement::DropFrontend { role, at } => drop_frontend(membership, *role, at, seen),
        Statement::DropNodes { kind, at } => drop_nodes(profile, membership, *kind, at),
        Statement::Decommission { at, cancel } => decommission(profile, membership, at, *cancel),
        Statement::AddBroker { name, at } => add_brokers(profile, membership, name, at),
        Statement::DropBroker { name, at } => drop_brokers(profile, membership, name, at),
        Statement::DropAllBrokers { name } => {
            known_broker(membership, name)?;
            membership.brokers.retain(|broker| broker.name != *name);
            Ok(())
        }
        Statement::SetPassword { user, password } => {
            accounts::set_password(membership, speaker, user.as_deref(), password)
        }
        Statement::CreateUser {
            user,
            password,
            roles,
        } => accounts::create_user(membership, user, password, roles),
        Statement::DropUser { user } => {
            membership.accounts.retain(|account| account.user != *user);
            Ok(())
        }
        Statement::GrantRole { roles, user } => {
            grantable(profile, roles)?;
            accounts::change_roles(membership, user, |account| {
                account.roles.extend(roles.iter().cloned());
                // A privilege of Doris needs nobody to activate it.
                if profile.is_doris() {
                    account.default_roles.clone_from(&account.roles);
                }
            })
        }
        Statement::SetDefaultRole { user } => accounts::change_roles(membership, user, |account| {
            account.default_roles.clone_from(&account.roles);
        }),
        _ => Err("this statement changes nothing".to_owned()),
    }
}

/// Observed: nobody is granted Doris' role of root.
fn grantable(profile: &Profile, roles: &[String]) -> Result<(), String> {
    let is_known = |role: &&String| [NODE, ADMIN].contains(&role.as_str()) || role.ends_with("_PRIV");
    match roles.iter().find(|role| !is_known(role)) {
        Some(role) if profile.is_doris() => Err(format!("Can not grant role: {role}")),
        _ => Ok(()),
    }
}

fn drop_frontend(membership: &mut Membership, role: FeRole, at: &str, seen: &Seen) -> Result<(), String> {
    let (host, port) = place(seen.profile, at)?;
    let found = membership.frontend_at(&host, port).cloned();
    let found = found.ok_or_else(|| format!("frontend does not exist[{host}:{port}]"))?;
    if found.role != role {
        return Err(format!("{} does not exist[{host}:{port}]", role.word()));
    }
    if found.name == seen.leader {
        return Err("can not drop current master node.".to_owned());
    }
    if seen.profile.is_doris() && role == FeRole::Follower && seen.alive.contains(&found.name) {
        let followers = membership
            .frontends
            .iter()
            .filter(|fe| fe.role == FeRole::Follower);
        let (all, alive) = (
            followers.clone().count(),
            followers.filter(|fe| seen.alive.contains(&fe.name)).count(),
        );
        let majority = (all - 1) / 2 + 1;
        if alive - 1 < majority {
            return Err(format!(
                "Unable to drop this alive follower, because the quorum requirements are not met after this command \
                 execution. Current num alive followers {alive}, num followers {all}, majority after execution {majority}"
            ));
        }
    }
    membership.frontends.retain(|fe| fe.name != found.name);
    membership.group.retain(|node| node.name != found.name);
    membership.removed.push(found.name);
    Ok(())
}

fn drop_nodes(
    profile: &Profile,
    membership: &mut Membership,
    kind: NodeKind,
    at: &[String],
) -> Result<(), String> {
    let what = match kind {
        NodeKind::Backend => "backend",
        NodeKind::Compute => "compute node",
    };
    for one in at {
        if let (Engine::Doris, Ok(id)) = (profile.engine, one.parse::<u64>()) {
            if !membership.nodes.iter().any(|node| node.id == id) {
                return Err(format!("{what} does not exists[{id}]"));
            }
            membership.nodes.retain(|node| node.id != id);
            continue;
        }
        let (host, port) = place(profile, one)?;
        let is_it = |node: &Node| node.kind == kind && node.host == host && node.heartbeat_port == port;
        if !membership.nodes.iter().any(is_it) {
            return Err(format!("{what} does not exists[{host}:{port}]"));
        }
        membership.nodes.retain(|node| !is_it(node));
    }
    Ok(())
}

fn decommission(
    profile: &Profile,
    membership: &mut Membership,
    at: &[String],
    cancel: bool,
) -> Result<(), String> {
    for one in at {
        let (host, port) = place(profile, one)?;
        let found = membership
            .nodes
            .iter_mut()
            .find(|node| node.kind == NodeKind::Backend && node.host == host && node.heartbeat_port == port);
        let found = found.ok_or_else(|| format!("Backend does not exist[{host}:{port}]"))?;
        found.decommissioned = !cancel;
    }
    Ok(())
}

fn add_brokers(
    profile: &Profile,
    membership: &mut Membership,
    name: &str,
    at: &[String],
) -> Result<(), String> {
    for one in at {
        let (host, port) = place(profile, one)?;
        if membership
            .brokers
            .iter()
            .any(|b| b.name == name && b.host == host && b.port == port)
        {
            return Err(format!("Broker({host}:{port}) has already in brokers."));
        }
        membership.brokers.push(Broker {
            name: name.to_owned(),
            host,
            port,
        });
    }
    Ok(())
}

fn drop_brokers(
    profile: &Profile,
    membership: &mut Membership,
    name: &str,
    at: &[String],
) -> Result<(), String> {
    known_broker(membership, name)?;
    for one in at {
        let (host, port) = place(profile, one)?;
        let before = membership.brokers.len();
        membership
            .brokers
            .retain(|b| !(b.name == name && b.host == host && b.port == port));
        if membership.brokers.len() == before {
            return Err(format!("Broker({host}:{port}) has not in brokers."));
        }
    }
    Ok(())
}

fn known_broker(membership: &Membership, name: &str) -> Result<(), String> {
    let known = membership.brokers.iter().any(|broker| broker.name == name);
    if known {
        Ok(())
    } else {
        Err(format!("Unknown broker name({name})"))
    }
}
