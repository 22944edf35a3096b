//! Whose turn it is. Hundreds of nodes may wait for one FE, and all find its port open within the same moment. The number
//! that its greeting gives a connection tells each of them how many have come before.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use crate::engine::failure::Failure;
use crate::settings::{Endpoint, Host};
use std::collections::BTreeMap;

/// So few are no crowd: the FEs and BEs of an ordinary cluster need no turns.
const CROWD: u32 = 24;
/// More cannot have come since the last look found the port closed: the engine counts from somewhere else.
const IMPLAUSIBLE: u32 = 20_000;

/// What this node has seen of the MySQL ports it asks at.
#[derive(Debug, Clone, Default)]
pub(super) struct Doors(Arc<Mutex<BTreeMap<Endpoint, Door>>>);

#[derive(Debug, Clone, Copy)]
enum Door {
    /// Nobody listened at the last look.
    Closed,
    /// It answered a statement here.
    Open(SocketAddr),
}

impl Doors {
    /// Where to connect without looking first who is there: it has answered already, and `follows` says that this is not
    /// the first question of a round.
    pub(super) fn open(&self, at: &Endpoint, follows: bool) -> Option<SocketAddr> {
        match (self.last(at)?, &at.host) {
            (Door::Open(address), Host::Address(_)) if follows => Some(address),
            _ => None,
        }
    }

    pub(super) fn saw(&self, at: &Endpoint, why: &Failure) {
        if *why == Failure::Refused {
            self.note(at, Door::Closed);
        }
    }

    pub(super) fn answered(&self, at: &Endpoint, address: SocketAddr) {
        self.note(at, Door::Open(address));
    }

    /// Whether whoever was given this number by an FE that has just opened its port may go on at once.
    pub(super) fn turn(&self, at: &Endpoint, number: u32) -> Result<(), Failure> {
        let was_closed = matches!(self.last(at), Some(Door::Closed));
        if let Ok(mut doors) = self.0.lock() {
            // Once: the next look is the turn.
            doors.remove(at);
        }
        if was_closed && (CROWD..IMPLAUSIBLE).contains(&number) {
            return Err(Failure::Crowded(number));
        }
        Ok(())
    }

    fn last(&self, at: &Endpoint) -> Option<Door> {
        self.0.lock().ok()?.get(at).copied()
    }

    fn note(&self, at: &Endpoint, door: Door) {
        if let Ok(mut doors) = self.0.lock() {
            doors.insert(at.clone(), door);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Doors;
    use crate::engine::failure::Failure;
    use crate::settings::{Endpoint, Host};

    fn fe() -> Endpoint {
        Endpoint {
            host: Host::parse("10.0.0.1").unwrap(),
            port: 9030,
        }
    }

    #[test]
    fn only_who_saw_the_port_closed_waits_for_a_turn_and_only_once() {
        for (number, waits) in [
            (3, false),
            (23, false),
            (24, true),
            (300, true),
            (1_000_000, false),
        ] {
            let doors = Doors::default();
            assert_eq!(doors.turn(&fe(), number), Ok(()), "it had not looked before");
            doors.saw(&fe(), &Failure::Refused);
            let turn = doors.turn(&fe(), number);
            assert_eq!(turn == Err(Failure::Crowded(number)), waits, "{number}");
            assert_eq!(doors.turn(&fe(), number + 1), Ok(()));
        }
    }

    #[test]
    fn who_has_answered_is_not_looked_at_again_in_the_same_round() {
        let doors = Doors::default();
        let address = "10.0.0.1:9030".parse().unwrap();
        assert_eq!(doors.open(&fe(), true), None);
        doors.answered(&fe(), address);
        assert_eq!(doors.open(&fe(), true), Some(address));
        assert_eq!(doors.open(&fe(), false), None);
        doors.saw(&fe(), &Failure::Refused);
        assert_eq!(doors.open(&fe(), true), None);
    }
}
