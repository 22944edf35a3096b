//! The limits of the listeners: how many connections are open at once, how many calls are remembered, and what was left out.
//! A leader polls once in seconds and is done in milliseconds, so a host that needs more room than this is not one; but it may
//! share its address with one, so whatever was closed unheard is counted.

use std::collections::BTreeMap;
use std::net::IpAddr;

/// Connections of one address at once; its oldest makes room for the next one.
const EACH: usize = 16;
/// Connections at once of all addresses that are not named, so that they cannot use up the descriptors.
const STRANGERS: usize = 256;
/// Addresses of which what was left out is counted apart.
const COUNTED: usize = 8;

/// One open connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Open {
    pub from: IpAddr,
    /// It comes from a host of `MASTER_HOST` or a member of the record.
    pub named: bool,
}

/// The place of the connection that has to be closed for a new one, if any: `open` has the oldest first.
pub fn to_close(open: &[Open], new: Open) -> Option<usize> {
    let oldest_where = |full: usize, makes_room: &dyn Fn(&Open) -> bool| {
        let crowded = open.iter().filter(|other| makes_room(other)).count() >= full;
        open.iter().position(makes_room).filter(|_| crowded)
    };
    oldest_where(EACH, &|other| other.from == new.from).or_else(|| {
        // A named host takes no place of a stranger, and leaves none to it.
        oldest_where(STRANGERS, &|other| !other.named && !new.named)
    })
}

/// Counts what was closed or forgotten before it was heard.
#[derive(Debug, Default)]
pub struct Unheard {
    count: usize,
    from: BTreeMap<String, usize>,
}

impl Unheard {
    /// `source` is an address, or why none was known.
    pub fn add(&mut self, source: &str) {
        self.count += 1;
        if self.from.len() < COUNTED || self.from.contains_key(source) {
            *self.from.entry(source.to_owned()).or_default() += 1;
        }
    }

    /// The number, and the sources with the most first.
    pub fn take(&mut self) -> Option<(usize, Vec<String>)> {
        let Self { count, from } = std::mem::take(self);
        let mut from: Vec<(String, usize)> = from.into_iter().collect();
        from.sort_by_key(|(_, times)| std::cmp::Reverse(*times));
        (count > 0).then(|| (count, from.into_iter().map(|(source, _)| source).collect()))
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::{EACH, Open, STRANGERS, Unheard, to_close};

    fn stranger(number: usize) -> Open {
        let [high, low] = u16::try_from(number).unwrap().to_be_bytes();
        Open {
            from: IpAddr::from([10, 1, high, low]),
            named: false,
        }
    }

    fn named(number: usize) -> Open {
        Open {
            named: true,
            ..stranger(number)
        }
    }

    #[test]
    fn an_address_that_has_all_its_places_loses_its_oldest_and_nobody_else_loses_one() {
        let crowd: Vec<Open> = (0..STRANGERS).map(stranger).collect();
        let greedy = |open: fn(usize) -> Open| [vec![stranger(1)], vec![open(0); EACH]].concat();
        let table: [(&str, Vec<Open>, Open, Option<usize>); 8] = [
            ("nobody is there", vec![], stranger(0), None),
            ("it has room", vec![stranger(0); EACH - 1], stranger(0), None),
            ("its oldest", greedy(stranger), stranger(0), Some(1)),
            ("its oldest, though it is named", greedy(named), named(0), Some(1)),
            ("another one has room", greedy(stranger), stranger(2), None),
            ("the oldest stranger", crowd.clone(), stranger(9000), Some(0)),
            (
                "a named host finds room in any crowd",
                crowd.clone(),
                named(9000),
                None,
            ),
            (
                "and is not sent away by it",
                [vec![named(9000)], crowd].concat(),
                stranger(9001),
                Some(1),
            ),
        ];
        for (what, open, new, expected) in table {
            assert_eq!(to_close(&open, new), expected, "{what}");
        }
    }

    /// A load balancer connects once a second, and each connection lasts for two seconds at most.
    #[test]
    fn a_health_probe_fills_nothing() {
        assert_eq!(to_close(&[stranger(0), stranger(0)], stranger(0)), None);
    }

    #[test]
    fn what_was_left_out_is_counted_once_by_its_sources() {
        let mut unheard = Unheard::default();
        assert_eq!(unheard.take(), None);
        for source in ["10.0.0.7", "10.0.0.9", "10.0.0.9"] {
            unheard.add(source);
        }
        let sources = ["10.0.0.9", "10.0.0.7"].map(str::to_owned).to_vec();
        assert_eq!(unheard.take(), Some((3, sources)));
        assert_eq!(unheard.take(), None);
        for number in 0..100 {
            unheard.add(&number.to_string());
        }
        assert_eq!(
            unheard.take().map(|(count, from)| (count, from.len())),
            Some((100, 8))
        );
    }
}
