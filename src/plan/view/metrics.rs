//! A view as the text that Prometheus reads: what no node of the engine says of itself.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::verdict::REFERENCE;
use super::{ItselfSays, View};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfNode {
    kind: &'static str,
    host: String,
    port: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfVerdict {
    verdict: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfCluster {
    engine: &'static str,
    cluster: String,
}

/// The text, with every verdict that there is, so that one that is gone is 0 and not missing.
pub fn metrics(view: &View) -> String {
    let mut registry = Registry::with_prefix("muster");
    let mut gauge = |name: &str, help: &str, value: i64| {
        let gauge = Gauge::<i64>::default();
        gauge.set(value);
        registry.register(name, help, gauge);
    };
    gauge(
        "leader_believed",
        "A leader is believed",
        view.leader.is_ok().into(),
    );
    if let Some(quorum) = view.quorum {
        gauge("voters", "FEs that vote", number(quorum.voters));
        gauge(
            "voters_alive",
            "FEs that vote and are alive",
            number(quorum.alive),
        );
        gauge(
            "voters_may_fail",
            "FEs that may fail before there is no leader",
            number(quorum.may_fail()),
        );
    }
    if let Some(tablets) = view.tablets {
        gauge("tablets", "Tablets", number(tablets.all));
        gauge(
            "tablets_unhealthy",
            "Tablets of which a replica is missing or wrong",
            number(tablets.unhealthy),
        );
    }
    let cluster = Family::<OfCluster, Gauge>::default();
    let own = OfCluster {
        engine: view.engine.id,
        cluster: view.cluster_id.clone().unwrap_or_default(),
    };
    cluster.get_or_create(&own).set(1);
    registry.register("cluster_info", "The cluster that was looked at", cluster);
    let [alive, serves, silent] = [(); 3].map(|()| Family::<OfNode, Gauge>::default());
    for node in &view.nodes {
        let labels = OfNode {
            kind: node.component.id(),
            host: node.host.clone(),
            port: node.port,
        };
        if let Some(says) = &node.leader_says {
            alive.get_or_create(&labels).set(node.is_up().into());
            if let Some(seconds) = says.silent_for {
                silent.get_or_create(&labels).set(seconds);
            }
        }
        if node.itself_says != ItselfSays::NotAsked {
            let silent = matches!(node.itself_says, ItselfSays::Silent(_) | ItselfSays::NotReady(_));
            serves.get_or_create(&labels).set((!silent).into());
        }
    }
    registry.register("node_alive", "The leader shows the node as alive", alive);
    registry.register("node_serves", "The node says itself that it serves", serves);
    registry.register(
        "node_silent_seconds",
        "Time since the leader last heard the node",
        silent,
    );
    let verdicts = Family::<OfVerdict, Gauge>::default();
    for (id, ..) in REFERENCE {
        let count = view.all().filter(|(_, verdict)| verdict.id() == id).count();
        verdicts
            .get_or_create(&OfVerdict { verdict: id })
            .set(number(count));
    }
    registry.register("verdicts", "Findings of muster status, by their word", verdicts);
    let mut text = String::new();
    // Writing to a String cannot fail.
    encode(&mut text, &registry).unwrap_or_default();
    text
}

fn number(count: impl TryInto<i64>) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}
