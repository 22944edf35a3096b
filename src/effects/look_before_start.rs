//! Looks at the group of a member before its engine starts: over HTTP, without an account, all members at once.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::join;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use std::net::IpAddr;
use tokio::time::{Instant, timeout_at};

use crate::cluster::FeClient;
use crate::effects::ask_callers::leads_itself;
use crate::facts::data::ClusterToken;
use crate::facts::resolve::resolve;
use crate::plan::before_start::{MemberAnswer, lists};
use crate::plan::node::Node;
use crate::settings::Host;

/// The longest look. Members that are silent hold no start up for longer.
const LONGEST: Duration = Duration::from_secs(1);

/// Asks every member; ends with the first leader that lists this node. `token` is that of this node's own data.
pub(super) async fn look<C: FeClient>(
    client: &C,
    node: &Node,
    own: &[IpAddr],
    members: &[(Host, u16)],
    token: Option<&ClusterToken>,
) -> Vec<MemberAnswer> {
    let until = Instant::now() + LONGEST;
    let mut asking: FuturesUnordered<_> = members
        .iter()
        .map(|(host, port)| ask(client, host, *port, token))
        .collect();
    let mut answers = Vec::new();
    while let Ok(Some(answer)) = timeout_at(until, asking.next()).await {
        let Some(answer) = answer else { continue };
        let ends = lists(node, own, &answer);
        answers.push(answer);
        if ends {
            break;
        }
    }
    answers
}

async fn ask<C: FeClient>(
    client: &C,
    host: &Host,
    http_port: u16,
    token: Option<&ClusterToken>,
) -> Option<MemberAnswer> {
    let ha = client.ha(host, http_port).await?;
    let (mut own_leader, mut ours, mut voters) = (false, false, BTreeMap::new());
    if ha.leads {
        let ours_by_token = async {
            match token {
                Some(token) => client.is_ours(host, http_port, token).await,
                None => false,
            }
        };
        let names = ha.voters.iter().chain(&ha.leader).map(async |voter| {
            let addresses = match Host::parse(voter) {
                Ok(host) => resolve(&host).await.unwrap_or_default(),
                Err(_) => Vec::new(),
            };
            (voter.clone(), addresses)
        });
        let (itself, (is_ours, at)) = join(
            leads_itself(ha.leader.as_deref(), host),
            join(ours_by_token, join_all(names)),
        )
        .await;
        own_leader = itself;
        ours = is_ours;
        voters = at.into_iter().collect();
    }
    Some(MemberAnswer {
        from: host.clone(),
        leads_itself: own_leader,
        ours,
        voters,
        ha,
    })
}
