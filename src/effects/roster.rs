//! What a cluster shows of one node: its row, or that there is none.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::net::lookup_host;
use tokio::time::timeout;

use crate::cluster::FeClient;
use crate::engine::Component;
use crate::engine::failure::Failure;
use crate::engine::member::Backend;
use crate::plan::leader::Cluster;
use crate::settings::Host;

/// How long one name may take to resolve.
const RESOLVE: Duration = Duration::from_secs(1);

/// What a member is known by.
#[derive(Debug, Clone, Copy)]
pub struct Identity<'a> {
    pub component: Component,
    pub host: &'a Host,
    /// Other spellings of it: the addresses of a name.
    pub also: &'a BTreeSet<Host>,
    pub identity_port: u16,
}

/// The row of this node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberRow {
    Alive,
    /// With what the cluster says about it.
    NotAlive(String),
    /// Nothing in the list can be this node.
    None,
}

impl Identity<'_> {
    fn is_at(&self, host: &str) -> bool {
        Host::parse(host).is_ok_and(|host| &host == self.host || self.also.contains(&host))
    }
}

/// The row of this node in the list of that cluster.
pub async fn row<C: FeClient>(
    client: &C,
    me: &Identity<'_>,
    cluster: &Cluster,
) -> Result<MemberRow, Failure> {
    if me.component == Component::Fe {
        if let Some(fe) = cluster.frontends.iter().find(|fe| me.is_at(&fe.host)) {
            return Ok(told(fe.alive && fe.join, &fe.error));
        }
        let listed = cluster.frontends.iter().map(|fe| (&fe.host, fe.edit_log_port));
        return Ok(by_name(me, listed).await);
    }
    let leader = cluster.endpoint();
    let list: Vec<Backend> = match me.component {
        Component::Cn => client.compute_nodes(&leader).await?,
        Component::Fe | Component::Be | Component::Broker => client.backends(&leader).await?,
    };
    let here = |be: &&Backend| me.is_at(&be.host) && be.heartbeat_port == me.identity_port;
    if let Some(be) = list.iter().find(here) {
        return Ok(told(
            be.alive && be.status.as_deref() != Some("SHUTDOWN"),
            &be.error,
        ));
    }
    let listed = list.iter().map(|be| (&be.host, be.heartbeat_port));
    Ok(by_name(me, listed).await)
}

fn told(alive: bool, error: &str) -> MemberRow {
    if alive {
        MemberRow::Alive
    } else {
        MemberRow::NotAlive(error.to_owned())
    }
}

/// A member can be given a name while it runs under its address: a row with a name of this host, or with one that
/// nobody here can resolve, may be this node.
async fn by_name<'l>(me: &Identity<'_>, listed: impl Iterator<Item = (&'l String, u16)>) -> MemberRow {
    for (host, port) in listed.filter(|(_, port)| *port == me.identity_port) {
        let Ok(Host::Name(name)) = Host::parse(host) else {
            continue;
        };
        let known = match timeout(RESOLVE, lookup_host((name.as_str(), port))).await {
            Ok(Ok(addresses)) => addresses
                .map(|address| Host::from(address.ip()))
                .any(|host| &host == me.host || me.also.contains(&host)),
            Ok(Err(_)) | Err(_) => true,
        };
        if known {
            return MemberRow::NotAlive(format!("{} may be listed as {name}", me.host));
        }
    }
    MemberRow::None
}
