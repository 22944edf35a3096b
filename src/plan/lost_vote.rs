//! Decides whether a vote of this node counts in its cluster although the data that it acknowledged writes with is gone. Such
//! a vote could elect a member that lags behind, and these writes would be gone for good (observed in both engines): the
//! record keeps it until the cluster shows the node alive again.

use crate::facts::record::{Progress, Record};
use crate::plan::leader::Belief;
use crate::plan::node::Node;

/// The `lost` of the record that is written next.
pub fn is_lost(node: &Node, belief: &Belief, record: Option<&Record>) -> bool {
    let recorded = record.is_some_and(|record| record.lost);
    if !node.data.is_empty() || !node.role.is_fe() {
        return recorded;
    }
    match belief {
        // `Join` is what the election group knows. It tells a member that lost its records too from a new node, and a first join
        // that was cut short before it had data from a member.
        Belief::Leader(cluster) => {
            let mut members = cluster.frontends.iter().filter(|fe| fe.join);
            members.any(|fe| node.identity().is_at(&fe.host))
        }
        Belief::Doubt(_) | Belief::Nobody => {
            let started = |record: &Record| matches!(record.progress, Progress::Started | Progress::Joined);
            recorded || record.is_some_and(started)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_lost;
    use crate::engine::{ALL, Component};
    use crate::facts::record::{Progress, Record};
    use crate::plan::data::Data;
    use crate::plan::join::tests::{led, node};
    use crate::plan::leader::Belief;
    use crate::plan::node::Role;
    use crate::settings::Host;

    #[test]
    fn the_list_of_the_cluster_tells_a_member_without_data_from_a_new_node_and_the_record_only_where_nobody_lists()
     {
        use Progress::{Added, Joined, Started};
        for (list, progress, expected) in [
            ("1L+ 2F+ 5F-", Some(Joined), true),
            // Its records are gone too.
            ("1L+ 2F+ 5F-", None, true),
            ("1L+ 2F+ 5f-", None, false),
            ("1L+ 2F+", None, false),
            // It was killed before its first data.
            ("1L+ 2F+ 5f-", Some(Started), false),
            ("", Some(Started), true),
            ("", Some(Added), false),
            ("", None, false),
        ] {
            let belief = if list.is_empty() {
                Belief::Nobody
            } else {
                led(list)
            };
            let mut record = progress.map(|progress| Record {
                engine: ALL[0],
                component: Component::Fe,
                role: "follower".to_owned(),
                host: Host::parse("10.0.0.5").unwrap(),
                ports: std::collections::BTreeMap::new(),
                cluster_id: None,
                members: Vec::new(),
                progress,
                first_steps: None,
                lost: false,
            });
            let mut node = node(Role::Follower, Data::Empty { known: None });
            let (why, cluster) = (String::new(), None);
            assert_eq!(
                is_lost(&node, &belief, record.as_ref()),
                expected,
                "{list} {progress:?}"
            );
            node.data = Data::Unfinished {
                keep: true,
                why,
                cluster,
            };
            for before in [false, true] {
                if let Some(record) = &mut record {
                    record.lost = before;
                    assert_eq!(
                        is_lost(&node, &belief, Some(record)),
                        before,
                        "until it is alive again"
                    );
                }
            }
        }
    }
}
