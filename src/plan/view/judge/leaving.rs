//! BEs that leave: what they have yet to move, and what keeps it where it is.

use crate::engine::Component;
use crate::engine::member::{Backend, Member as _};
use crate::plan::view::observed::Observed;
use crate::plan::view::verdict::Verdict;

/// From 95 % on a BE takes no more data; both engines move tablets away from 85 % on.
pub(super) const FULL: u8 = 85;

/// The tablets of the nodes that leave: until they are moved, they count as unhealthy.
pub(super) fn being_moved(seen: &Observed) -> u64 {
    let lists = seen.lists.iter().filter_map(|(_, list)| list.as_ref().ok());
    let leaving = lists.flatten().filter(|row| row.leaving);
    leaving.filter_map(|row| row.tablets).sum()
}

/// What is known of the tablets that nodes of one list are to leave, from one look.
pub(super) struct Leaves {
    /// The reason why they cannot move.
    stuck: Option<String>,
    /// No tablet of any table has yet to be moved.
    done: bool,
}

impl Leaves {
    pub(super) fn of(seen: &Observed, list: &[Backend], off: &[(String, String)]) -> Self {
        let stay: Vec<&Backend> = list
            .iter()
            .filter(|row| row.may_be(Component::Be) && row.is_up() && !row.leaving)
            .collect();
        let stops = seen.engine.sql.balance.stops_moves;
        let stops = off.iter().find(|(key, _)| key == stops);
        let is_full = |row: &&Backend| row.disk_used.is_some_and(|percent| percent >= FULL);
        let most = seen.most_replicas.filter(|most| *most > stay.len() as u64);
        let stuck = match (stay.len(), most, stops) {
            (0, ..) => Some("no other node that is alive stays".to_owned()),
            (1, Some(most), _) => Some(format!("1 BE stays, and a table has {most} replicas")),
            (count, Some(most), _) => Some(format!("{count} BEs stay, and a table has {most} replicas")),
            (_, _, Some((key, value))) => Some(format!("{key} = {value}")),
            _ if stay.iter().all(is_full) => Some(format!(
                "each BE that stays has a disk of which {FULL} % or more are used"
            )),
            _ => None,
        };
        let done = matches!(seen.tablets, Some(Ok(tablets)) if tablets.unhealthy == 0);
        Self { stuck, done }
    }

    pub(super) fn judge(&self, tablets: u64) -> Verdict {
        match &self.stuck {
            Some(why) if tablets > 0 && !self.done => Verdict::Stuck {
                tablets,
                why: why.clone(),
            },
            _ => Verdict::Leaving {
                tablets,
                needed: !self.done,
            },
        }
    }
}
