//! Decides when a node that its cluster does not list is dropped. One look is not enough: a list that is read while the
//! leader changes may be outdated, and a leader of another cluster never lists this node. Several looks at a leader that
//! has just lost its majority are not enough either: it still shows its old list, without the nodes that joined later.

use crate::facts::record::Progress;
use crate::plan::leader::Cluster;

/// The number of consecutive looks at the same leader that prove a drop, if a majority has answered its heartbeats since
/// the first of them.
pub const LOOKS: u32 = 3;

/// Consecutive looks that did not find this node.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DropDetector {
    leader: Option<String>,
    looks: u32,
    /// The leader's last heartbeat at the first of them.
    pulse: Option<i64>,
    foreign_looks: u32,
}

/// The result of a look that did not find this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missed {
    /// Too few looks; look again.
    PerhapsDropped,
    /// Enough looks, but no heartbeat since the first: the leader may have lost its majority.
    HeartbeatPending,
    /// The node was dropped.
    Dropped,
    /// A leader of another cluster answered, too few times to prove anything.
    PerhapsForeign,
    /// Only a leader of another cluster answers.
    Foreign,
}

/// The reason why a confirmed leader of the own cluster does not list this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absence {
    /// The leader is this node's own engine, which knows itself by another host.
    OtherHost,
    /// No list has ever shown this host: `LOCAL_HOST` may be wrong.
    NeverListed,
    Dropped,
}

/// Decides why this node is not listed. `progress`: by its record; `own_engine`: the leader is the engine of this node, which
/// cannot have dropped itself.
pub const fn absence(progress: Progress, own_engine: bool) -> Absence {
    match (progress, own_engine) {
        (_, true) => Absence::OtherHost,
        (Progress::Planned, false) => Absence::NeverListed,
        (
            Progress::Added | Progress::Started | Progress::Joined | Progress::Founding | Progress::Dropped,
            false,
        ) => Absence::Dropped,
    }
}

impl DropDetector {
    /// Counts a look at a confirmed leader that does not list this node; `own` is this node's cluster, if known.
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
            // A leader without a readable heartbeat time is taken as alive.
            _ => true,
        };
        match (self.looks >= LOOKS, lives) {
            (false, _) => Missed::PerhapsDropped,
            (true, false) => Missed::HeartbeatPending,
            (true, true) => Missed::Dropped,
        }
    }

    /// Starts again: a look found this node, or no confirmed leader.
    pub fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::{Absence, DropDetector, Missed, absence};
    use crate::facts::record::Progress;
    use crate::plan::leader::Cluster;
    use crate::plan::leader::tests::members;
    use crate::settings::{Endpoint, Host};

    /// `beat`: seconds from the first look to the last heartbeat of the living follower; the leader hears itself on and on,
    /// and the dead follower was last heard from when its clock was fast.
    fn led_by(number: &str, id: &str, beat: u32, now: u32) -> Cluster {
        let mut frontends = members(&format!("{number}L+ 9F+ 8F--60"));
        for (fe, beat) in frontends.iter_mut().zip([now, beat]) {
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
    /// `.` a look that found it or no confirmed leader. The follower's heartbeats continue until a `|` stops them.
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
            // MASTER_HOST was changed to another cluster.
            ("xxxxxx", false),
            ("aaxa", false),
            ("aaxaa", false),
            // It lost its majority, and shows its old list.
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

    /// The result of the last of these looks.
    fn after(looks: &str) -> Missed {
        let mut detector = DropDetector::default();
        let mut last = Missed::PerhapsDropped;
        let (mut beat, mut stopped) = (0, false);
        for (now, look) in (0..).zip(looks.chars()) {
            beat += u32::from(!stopped);
            last = match look {
                'a' => detector.missed(&led_by("1", "77", beat, now), Some("77")),
                'b' => detector.missed(&led_by("2", "77", beat, now), Some("77")),
                'x' => detector.missed(&led_by("1", "88", beat, now), Some("77")),
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
    fn a_host_that_no_list_has_shown_and_one_that_its_own_engine_does_not_list_are_not_dropped() {
        let table = [
            (Progress::Joined, false, Absence::Dropped),
            (Progress::Started, false, Absence::Dropped),
            (Progress::Planned, false, Absence::NeverListed),
            (Progress::Joined, true, Absence::OtherHost),
            (Progress::Founding, true, Absence::OtherHost),
            (Progress::Planned, true, Absence::OtherHost),
        ];
        for (progress, own_engine, expected) in table {
            assert_eq!(
                absence(progress, own_engine),
                expected,
                "{progress:?} {own_engine}"
            );
        }
    }

    #[test]
    fn a_node_that_does_not_know_its_cluster_takes_the_one_it_is_shown() {
        let mut detector = DropDetector::default();
        let looks: Vec<Missed> = (0..3)
            .map(|beat| detector.missed(&led_by("1", "77", beat, beat), None))
            .collect();
        assert_eq!(
            looks,
            [Missed::PerhapsDropped, Missed::PerhapsDropped, Missed::Dropped]
        );
    }
}
