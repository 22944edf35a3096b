//! When a node that a cluster does not list is taken for dropped. One look is not enough: a list that is read while
//! the leader changes is corrected by the next, and a leader of another cluster never listed it.

use crate::plan::leader::Cluster;

/// This many looks in a row, all of them at the same leader, show it.
pub const LOOKS: u32 = 3;

/// Looks that did not find this node, in a row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Misses {
    leader: Option<String>,
    looks: u32,
    strangers: u32,
}

/// What a look that did not find this node amounts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missed {
    /// It may be so; look again.
    Perhaps,
    /// Somebody dropped it.
    Dropped,
    /// It is a cluster this node was never a member of: once proves nothing.
    Stranger,
    /// Nobody but a leader of another cluster answers where this node looks for its own.
    Foreign,
}

impl Misses {
    /// A believed leader does not list this node, which belongs to cluster `own` if that is known.
    pub fn missed(&mut self, cluster: &Cluster, own: Option<&str>) -> Missed {
        if own.is_some_and(|own| own != cluster.id) {
            let strangers = self.strangers + 1;
            *self = Self {
                strangers,
                ..Self::default()
            };
            return if strangers >= LOOKS {
                Missed::Foreign
            } else {
                Missed::Stranger
            };
        }
        self.strangers = 0;
        if self.leader.as_ref() != Some(&cluster.leader.host) {
            self.forget();
            self.leader = Some(cluster.leader.host.clone());
        }
        self.looks += 1;
        if self.looks >= LOOKS {
            Missed::Dropped
        } else {
            Missed::Perhaps
        }
    }

    /// This look found it, or no leader that may be believed.
    pub fn forget(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::{Missed, Misses};
    use crate::plan::leader::Cluster;
    use crate::plan::leader::tests::members;
    use crate::settings::{Endpoint, Host};

    fn led_by(number: &str, id: &str) -> Cluster {
        let frontends = members(&format!("{number}L+ 9F+"));
        Cluster {
            id: id.to_owned(),
            leader: frontends[0].clone(),
            from: Endpoint {
                host: Host::parse(&frontends[0].host).unwrap(),
                port: 9030,
            },
            frontends,
        }
    }

    /// Each letter is a look: `a` and `b` are leaders of cluster 77 that do not list this node, `x` one of cluster 88,
    /// `.` a look that found it or nobody to believe.
    #[test]
    fn only_three_looks_in_a_row_at_the_same_leader_of_the_own_cluster_show_a_drop() {
        let table = [
            ("aaa", true),
            ("aa", false),
            ("aa.a", false),
            ("aa.aaa", true),
            // The leader changed: its list may be older than the one before.
            ("aab", false),
            ("aabbb", true),
            ("abababab", false),
            // Whatever MASTER_HOST was changed to.
            ("xxxxxx", false),
            ("aaxa", false),
            ("aaxaa", false),
        ];
        for (looks, dropped) in table {
            assert_eq!(after(looks) == Missed::Dropped, dropped, "{looks}");
        }
    }

    /// A seed that was rebuilt under the same address while this node still holds the old cluster's data.
    #[test]
    fn only_three_looks_in_a_row_at_another_cluster_show_that_ours_is_not_there() {
        let table = [
            ("xxx", true),
            ("xx", false),
            ("xx.x", false),
            ("xxax", false),
            ("aaxxx", true),
        ];
        for (looks, foreign) in table {
            assert_eq!(after(looks) == Missed::Foreign, foreign, "{looks}");
        }
    }

    /// What the last of these looks amounts to.
    fn after(looks: &str) -> Missed {
        let mut misses = Misses::default();
        let mut last = Missed::Perhaps;
        for look in looks.chars() {
            last = match look {
                'a' => misses.missed(&led_by("1", "77"), Some("77")),
                'b' => misses.missed(&led_by("2", "77"), Some("77")),
                'x' => misses.missed(&led_by("1", "88"), Some("77")),
                _ => {
                    misses.forget();
                    Missed::Perhaps
                }
            };
        }
        last
    }

    #[test]
    fn a_node_that_does_not_know_its_cluster_takes_the_one_it_is_shown() {
        let mut misses = Misses::default();
        let looks: Vec<Missed> = (0..3).map(|_| misses.missed(&led_by("1", "77"), None)).collect();
        assert_eq!(looks, [Missed::Perhaps, Missed::Perhaps, Missed::Dropped]);
    }
}
