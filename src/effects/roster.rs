//! The row of one node in the lists of its cluster.

use futures_util::future::join_all;

use crate::cluster::FeClient;
use crate::engine::failure::Failure;
use crate::engine::member::Member;
use crate::facts::resolve::resolve;
use crate::plan::leader::Cluster;
use crate::plan::node::Identity;
use crate::settings::Host;

/// The row of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberRow {
    Alive,
    /// With the cluster's error about it.
    NotAlive(String),
    /// No row of the list can be this node.
    None,
}

/// The row of this node in the list of that cluster.
pub async fn row<C: FeClient>(
    client: &C,
    me: &Identity<'_>,
    cluster: &Cluster,
) -> Result<MemberRow, Failure> {
    let leader = cluster.endpoint();
    if me.component.is_fe() {
        return Ok(shown(me, &cluster.frontends).await);
    }
    Ok(shown(me, &client.members(&leader, me.component).await?).await)
}

async fn shown<M: Member>(me: &Identity<'_>, list: &[M]) -> MemberRow {
    match me.find(list) {
        Some(row) if row.is_up() => MemberRow::Alive,
        Some(row) => MemberRow::NotAlive(row.error().to_owned()),
        None => by_name(me, list).await,
    }
}

/// A member can be given a name while it runs under its address: a row with a name of this host, or with a name that does
/// not resolve here, may be this node.
async fn by_name<M: Member>(me: &Identity<'_>, list: &[M]) -> MemberRow {
    let at_its_port = list.iter().filter(|row| row.identity_port() == me.identity_port);
    let names = at_its_port
        .filter_map(|row| Host::parse(row.host()).ok())
        .filter(|host| matches!(host, Host::Name(_)));
    // All at once: a dead name server costs its deadline once.
    let resolving = names.map(async |name| match resolve(&name).await {
        Ok(addresses) if !addresses.iter().any(|address| me.is_at(&address.to_string())) => None,
        Ok(_) | Err(_) => Some(name),
    });
    match join_all(resolving).await.into_iter().flatten().next() {
        Some(name) => MemberRow::NotAlive(format!("{} may be listed as {name}", me.host)),
        None => MemberRow::None,
    }
}
