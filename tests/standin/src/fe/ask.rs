//! Who knows whom: what an FE asks the others before it shows the group, and whom it answers.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use tokio::task::JoinSet;

use super::Fe;
use crate::group::message::{Line, Message, Service};

impl Fe {
    /// Whether an address belongs to a registered FE.
    pub(crate) async fn is_member(&self, from: IpAddr) -> bool {
        let known = self.resolve_all(self.registered_hosts()).await;
        known.values().any(|known| *known == Some(from))
    }

    /// The address of each FE that is registered or in the group, by its host.
    pub(crate) async fn addresses(&self) -> BTreeMap<String, Option<IpAddr>> {
        let mut hosts = self.registered_hosts();
        hosts.extend(
            self.group
                .state()
                .journal
                .membership
                .group
                .iter()
                .map(|node| node.host.clone()),
        );
        self.resolve_all(hosts).await
    }

    fn registered_hosts(&self) -> Vec<String> {
        let state = self.group.state();
        let frontends = &state.journal.membership.frontends;
        frontends.iter().map(|frontend| self.host_of(frontend)).collect()
    }

    async fn resolve_all(&self, hosts: Vec<String>) -> BTreeMap<String, Option<IpAddr>> {
        let mut addresses = BTreeMap::new();
        for host in hosts {
            let address = self.network.resolve(&host).await.ok();
            addresses.insert(host, address);
        }
        addresses
    }

    /// Observed in Doris: whoever shows the group asks it first, through every FE that counts as alive. One that is silent holds
    /// the answer, until the leader's round has found it dead.
    pub(crate) async fn ask_members(&self) {
        if !self.settings.profile.group.shows_ask_members {
            return;
        }
        let patience = self.settings.scale.at_least(60.0, Duration::from_secs(10));
        let mut asked = JoinSet::new();
        for node in self.group.state().journal.membership.group.clone() {
            if node.name == self.group.me.name {
                continue;
            }
            let network = self.network.clone();
            asked.spawn(async move {
                if let Ok(stream) = network.connect(&node.host, node.port, patience).await
                    && let Ok(mut line) = Line::call(stream, Service::Learner).await
                    && line.say(&Message::WhoLeads { group: None }).await.is_ok()
                {
                    // What it says is known already; that it says something counts.
                    line.hear::<Message>(patience).await.ok();
                }
                node.name
            });
        }
        let mut changes = self.group.changes();
        let mut answered: Vec<String> = Vec::new();
        while self.awaits_another(&answered) {
            tokio::select! {
                Some(done) = asked.join_next() => answered.extend(done.ok()),
                _ = changes.changed() => {}
            }
        }
    }

    /// Whether a member that counts as alive has not answered yet.
    fn awaits_another(&self, answered: &[String]) -> bool {
        let state = self.group.state();
        let leader = state.leader().map(|leader| leader.name);
        state.journal.membership.group.iter().any(|node| {
            let pulse = state.pulses.frontends.get(&node.name);
            let is_alive = leader.as_ref() == Some(&node.name) || pulse.is_some_and(|pulse| pulse.alive);
            node.name != self.group.me.name && is_alive && !answered.contains(&node.name)
        })
    }
}
