//! When a node that a cluster does not list is taken for dropped. One look is not enough: a list that is read while
//! the leader changes is corrected by the next, and a leader of another cluster never listed it. Nor are many at a leader
//! that was cut off from its group a moment ago: it goes on showing the list it had, without those who joined since.

use crate::plan::leader::Cluster;

/// This many looks in a row, all of them at the same leader, show it, if a majority has answered its heartbeats since
/// the first of them.
pub const LOOKS: u32 = 3;

/// Looks that did not find this node, in a row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DropDetector {
    leader: Option<String>,
    looks: u32,
    /// The leader's pulse at the first of them.
    pulse: Option<i64>,
    foreign_looks: u32,
}

/// What a look that did not find this node amounts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missed {
    /// It may be so; look again.
    PerhapsDropped,
    /// Only the leader's next heartbeats can tell.
    HeartbeatPending,
    /// Somebody dropped it.
    Dropped,
    /// It is a cluster this node was never a member of: once proves nothing.
    PerhapsForeign,
    /// Nobody but a leader of another cluster answers where this node looks for its own.
    Foreign,
}

impl DropDetector {
    /// A believed leader does not list this node, which belongs to cluster `own` if that is known.
    pub fn missed(&mut self, cluster: &Cluster, own: Option<&str>) -> Missed {
        if own.is_some_and(|own| own != cluster.id) {
            let foreign_looks = self.foreign_looks + 1;
            *self = Self {
                foreign_looks,
                ..Self::default()
            };
            return if foreign_looks >= LOOKS {
                Missed::Foreign
            } else {
                Missed::PerhapsForeign
            };
        }
        self.foreign_looks = 0;
        let pulse = cluster.pulse();
        if self.leader.as_ref() != Some(&cluster.leader.host) {
            self.reset();
            self.leader = Some(cluster.leader.host.clone());
            self.pulse = pulse;
        }
        self.looks = self.looks.saturating_add(1);
        let lives = match (self.pulse, pulse) {
            (Some(first), Some(now)) => now > first,
            // Without a readable time there is nothing to hold against it.
            _ => true,
        };
        match (self.looks >= LOOKS, lives) {
            (false, _) => Missed::PerhapsDropped,
            (true, false) => Missed::HeartbeatPending,
            (true, true) => Missed::Dropped,
        }
    }

    /// This look found it, or no leader that may be believed.
    pub fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::{DropDetector, Missed};
    use crate::plan::leader::Cluster;
    use crate::plan::leader::tests::members;
    use crate::settings::{Endpoint, Host};

    /// `beat`: seconds since the first look.
    fn led_by(number: &str, id: &str, beat: u32) -> Cluster {
        let mut frontends = members(&format!("{number}L+ 9F+"));
        for fe in &mut frontends {
            fe.last_heartbeat = Some(format!("2026-03-01 00:00:{:02}", 10 + beat));
        }
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
    /// `.` a look that found it or nobody to believe. Their heartbeats go on, unless a `|` stops them.
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
            // It was cut off, and shows the list it had then.
            ("|aaaaaa", false),
            ("aa|aaa", true),
            ("|aab.aaaa", false),
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
        let mut detector = DropDetector::default();
        let mut last = Missed::PerhapsDropped;
        let (mut beat, mut stopped) = (0, false);
        for look in looks.chars() {
            beat += u32::from(!stopped);
            last = match look {
                'a' => detector.missed(&led_by("1", "77", beat), Some("77")),
                'b' => detector.missed(&led_by("2", "77", beat), Some("77")),
                'x' => detector.missed(&led_by("1", "88", beat), Some("77")),
                '|' => {
                    stopped = true;
                    last
                }
                _ => {
                    detector.reset();
                    Missed::PerhapsDropped
                }
            };
        }
        last
    }

    #[test]
    fn a_node_that_does_not_know_its_cluster_takes_the_one_it_is_shown() {
        let mut detector = DropDetector::default();
        let looks: Vec<Missed> = (0..3)
            .map(|beat| detector.missed(&led_by("1", "77", beat), None))
            .collect();
        assert_eq!(
            looks,
            [Missed::PerhapsDropped, Missed::PerhapsDropped, Missed::Dropped]
        );
    }
}
