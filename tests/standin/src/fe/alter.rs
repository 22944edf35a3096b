//! ALTER SYSTEM and the account statements, as the leader carries them out.

use super::Fe;
use super::accounts::{self, Speaker};
use super::answer::Answer;
use super::statement::Statement;
use crate::clock;
use crate::group::Unagreed;
use crate::group::membership::{Broker, FeRole, Frontend, Membership, Node, NodeKind};
use crate::group::replica::is_moved;
use crate::profile::JE;

const ANALYZING: &str = "Getting analyzing error. Detail message:";

impl Fe {
    pub(crate) async fn alter(&self, speaker: &Speaker, statement: &Statement) -> Answer {
        if matches!(
            statement,
            Statement::AddFrontend { .. } | Statement::AddNodes { .. }
        ) {
            if self.faults.is("add", "lock") {
                return Answer::refused("Failed to acquire globalStateMgr lock. Try again");
            }
            let answer = self.alter_in_time(speaker, statement).await;
            return self.spoil(statement, answer).await;
        }
        self.alter_in_time(speaker, statement).await
    }

    /// Observed on a leader without a majority: never an answer, the connection is closed after 40 s.
    async fn alter_in_time(&self, speaker: &Speaker, statement: &Statement) -> Answer {
        let limit = self
            .settings
            .scale
            .at_least(40.0, std::time::Duration::from_millis(200));
        let work = self.carry_out(speaker, statement);
        tokio::pin!(work);
        loop {
            // A slow disk or a member that starts slowly is not a lost majority.
            match tokio::time::timeout(limit, &mut work).await {
                Ok(answer) => return answer,
                Err(_) if self.group.state().quorum_lost.is_some() => return Answer::Closed,
                Err(_) => {}
            }
        }
    }

    /// The faults that follow an ADD which the cluster has taken.
    async fn spoil(&self, statement: &Statement, answer: Answer) -> Answer {
        if answer != Answer::Done {
            return answer;
        }
        if self.faults.is("add", "drop-after") {
            return Answer::Closed;
        }
        if self.faults.is("add", "lost-answer") {
            return Answer::Never;
        }
        if self.faults.is("add", "vanish") {
            let undo = match statement {
                Statement::AddFrontend { role, at } => Statement::DropFrontend {
                    role: *role,
                    at: at.clone(),
                },
                Statement::AddNodes { kind, at } => Statement::DropNodes {
                    kind: *kind,
                    at: at.clone(),
                },
                _ => return answer,
            };
            self.carry_out(&Speaker::default(), &undo).await;
        }
        answer
    }

    async fn carry_out(&self, speaker: &Speaker, statement: &Statement) -> Answer {
        let outcome = match statement {
            Statement::AddFrontend { role, at } => self.add_frontend(*role, at).await,
            Statement::AddNodes { kind, at } => self.add_nodes(*kind, at).await,
            Statement::CreateImage => self.create_image().await,
            other => {
                let leader = self.group.me.name.clone();
                self.agree(|membership| change(membership, speaker, other, &leader))
                    .await
            }
        };
        match outcome {
            Ok(()) => Answer::Done,
            Err(text) => Answer::refused(text),
        }
    }

    async fn agree(&self, change: impl FnOnce(&mut Membership) -> Result<(), String>) -> Result<(), String> {
        match self.group.propose(change).await {
            Ok(()) => Ok(()),
            Err(Unagreed::Refused(text)) => Err(text),
            Err(Unagreed::NotLeader) => Err("forward failed: unknown result".to_owned()),
            Err(Unagreed::Disk(error)) => Err(format!("{JE} {error}")),
        }
    }

    async fn add_frontend(&self, role: FeRole, at: &str) -> Result<(), String> {
        let (host, port) = self.stored_place(at).await?;
        self.agree(|membership| {
            if membership.frontends.iter().any(|fe| fe.host == host) {
                return Err(format!("FE with the same host: {host} already exists"));
            }
            let id = membership.next_id();
            let name = format!("{host}_{port}_{}", clock::now_millis());
            membership.frontends.push(Frontend {
                id,
                name,
                host,
                edit_log_port: port,
                role,
            });
            Ok(())
        })
        .await
    }

    async fn add_nodes(&self, kind: NodeKind, at: &[String]) -> Result<(), String> {
        let mut places = Vec::new();
        for one in at {
            places.push(self.stored_place(one).await?);
        }
        self.agree(|membership| {
            for (host, heartbeat_port) in places {
                let known = membership
                    .nodes
                    .iter()
                    .find(|n| n.host == host && n.heartbeat_port == heartbeat_port);
                if let Some(known) = known {
                    let what = match known.kind {
                        NodeKind::Backend => "Backend",
                        NodeKind::Compute => "Compute node",
                    };
                    return Err(format!(
                        "{what} already exists with same host {host} and port {heartbeat_port}"
                    ));
                }
                // Ids of backends start high in a fresh cluster; those of frontends do not.
                membership.last_id = membership.last_id.max(10_000);
                let id = membership.next_id();
                membership.nodes.push(Node {
                    id,
                    host,
                    heartbeat_port,
                    kind,
                    decommissioned: false,
                });
            }
            Ok(())
        })
        .await
    }

    /// In IP mode a name is resolved once, here, and the address is what the cluster keeps.
    async fn stored_place(&self, text: &str) -> Result<(String, u16), String> {
        let (host, port) = place(text)?;
        if host.parse::<std::net::IpAddr>().is_ok() {
            return Ok((host, port));
        }
        match self.network.resolve(&host).await {
            Ok(_) if self.identity.is_name => Ok((host, port)),
            Ok(address) => Ok((address.to_string(), port)),
            Err(_) if self.identity.is_name => Err(format!("unknown fqdn host: {host}")),
            Err(_) => Err(format!(
                "{ANALYZING} Unknown host: {host}: Name or service not known."
            )),
        }
    }

    async fn create_image(&self) -> Result<(), String> {
        let journal = self.group.state().journal.version.index + 1;
        self.agree(|membership| {
            membership.image_journal = journal;
            Ok(())
        })
        .await?;
        let bytes = serde_json::to_vec(&self.group.state().journal.membership).map_err(|e| e.to_string())?;
        self.image
            .write_checkpoint(journal, &bytes)
            .map_err(|error| error.to_string())
    }
}

/// `host:port` in the engine's reading; blanks inside are dropped by the server.
fn place(text: &str) -> Result<(String, u16), String> {
    let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let Some((host, port)) = text.rsplit_once(':') else {
        return Err(format!("{ANALYZING} Invalid host port: {text}."));
    };
    if host.is_empty() {
        return Err(format!("{ANALYZING} Host is null."));
    }
    let number: i64 = port
        .parse()
        .map_err(|_| format!("{ANALYZING} Encounter unknown exception: For input string: \"{port}\"."))?;
    let in_range = u16::try_from(number).ok().filter(|port| *port > 0);
    let port = in_range.ok_or_else(|| {
        format!("{ANALYZING} Encounter unknown exception: {ANALYZING} Port is out of range: {number}..")
    })?;
    Ok((
        host.trim_start_matches('[').trim_end_matches(']').to_owned(),
        port,
    ))
}

fn change(
    membership: &mut Membership,
    speaker: &Speaker,
    statement: &Statement,
    leader: &str,
) -> Result<(), String> {
    match statement {
        Statement::DropFrontend { role, at } => drop_frontend(membership, *role, at, leader),
        Statement::MoveFrontend { from, to } => move_frontend(membership, from, to),
        Statement::DropNodes { kind, at } => drop_nodes(membership, *kind, at),
        Statement::Decommission { at, cancel } => decommission(membership, at, *cancel),
        Statement::MoveBackend { from, to } => move_backend(membership, from, to),
        Statement::AddBroker { name, at } => add_brokers(membership, name, at),
        Statement::DropBroker { name, at } => drop_brokers(membership, name, at),
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
        Statement::GrantRole { roles, user } => accounts::change_roles(membership, user, |account| {
            account.roles.extend(roles.iter().cloned());
        }),
        Statement::SetDefaultRole { user } => accounts::change_roles(membership, user, |account| {
            account.default_roles.clone_from(&account.roles);
        }),
        _ => Err("this statement changes nothing".to_owned()),
    }
}

fn drop_frontend(membership: &mut Membership, role: FeRole, at: &str, leader: &str) -> Result<(), String> {
    let (host, port) = place(at)?;
    let found = membership.frontend_at(&host, port).cloned();
    let found = found.ok_or_else(|| format!("frontend does not exist[{host}:{port}]"))?;
    if found.role != role {
        return Err(format!("{} does not exist[{host}:{port}]", role.word()));
    }
    if found.name == leader {
        return Err("can not drop current master node.".to_owned());
    }
    membership.frontends.retain(|fe| fe.name != found.name);
    membership.group.retain(|node| node.name != found.name);
    membership.removed.push(found.name);
    Ok(())
}

fn move_frontend(membership: &mut Membership, from: &str, to: &str) -> Result<(), String> {
    if is_moved(from, to) {
        return Err(format!("{ANALYZING} Can't change ip to ip."));
    }
    let found = membership.frontends.iter_mut().find(|fe| fe.host == from);
    let found = found.ok_or_else(|| format!("frontend [{from}] not found"))?;
    let node = membership.group.iter_mut().find(|node| node.name == found.name);
    let node = node.ok_or_else(|| {
        format!(
            "{JE} Node: {} is not a member of the group: PALO_JOURNAL_GROUP",
            found.name
        )
    })?;
    to.clone_into(&mut found.host);
    to.clone_into(&mut node.host);
    Ok(())
}

fn drop_nodes(membership: &mut Membership, kind: NodeKind, at: &[String]) -> Result<(), String> {
    let what = match kind {
        NodeKind::Backend => "backend",
        NodeKind::Compute => "compute node",
    };
    for one in at {
        let (host, port) = place(one)?;
        let is_it = |node: &Node| node.kind == kind && node.host == host && node.heartbeat_port == port;
        if !membership.nodes.iter().any(is_it) {
            return Err(format!("{what} does not exists[{host}:{port}]"));
        }
        membership.nodes.retain(|node| !is_it(node));
    }
    Ok(())
}

fn decommission(membership: &mut Membership, at: &[String], cancel: bool) -> Result<(), String> {
    for one in at {
        let (host, port) = place(one)?;
        let found = membership
            .nodes
            .iter_mut()
            .find(|node| node.kind == NodeKind::Backend && node.host == host && node.heartbeat_port == port);
        let found = found.ok_or_else(|| format!("Backend does not exist[{host}:{port}]"))?;
        found.decommissioned = !cancel;
    }
    Ok(())
}

fn move_backend(membership: &mut Membership, from: &str, to: &str) -> Result<(), String> {
    // Observed for an FE; read in the source for a BE, which has the same check.
    if is_moved(from, to) {
        return Err(format!("{ANALYZING} Can't change ip to ip."));
    }
    let mut found = false;
    for node in membership.nodes.iter_mut().filter(|node| node.host == from) {
        to.clone_into(&mut node.host);
        found = true;
    }
    if found {
        Ok(())
    } else {
        Err(format!("backend [{from}] not found"))
    }
}

fn add_brokers(membership: &mut Membership, name: &str, at: &[String]) -> Result<(), String> {
    for one in at {
        let (host, port) = place(one)?;
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

fn drop_brokers(membership: &mut Membership, name: &str, at: &[String]) -> Result<(), String> {
    known_broker(membership, name)?;
    for one in at {
        let (host, port) = place(one)?;
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
