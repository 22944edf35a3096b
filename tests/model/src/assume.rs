//! What no rule can see: under exactly these conditions a second founding, or a lost write, is not held against the rules. A
//! history in which it comes to a second founding ends there; an election that would lose a write is left out.

use crate::ground::Ground;
use crate::world::Look;

impl Ground {
    /// The seed lost its data and both copies of its record (or was wiped before it had written down more than that it
    /// founds), and then nobody called it for a whole guard: no leader that
    /// lists it, no engine that wants its vote, no muster of a member. So all of them were off or cut off for as long, or
    /// did nothing that is heard: engines that have not begun to vote, and members whose muster had nothing left to watch.
    /// (That no record is left and that nobody called is asked where this is.)
    pub const fn may_be_forgotten(look: &Look) -> bool {
        look.guard >= 2
    }

    /// The leader died while a member that had lost its data was copying its log: from there on the engine votes, with what
    /// it has copied so far, and is not asked. `in_any_case`: with such votes alone there is a majority, whatever was started
    /// while nobody led.
    pub const fn may_be_copying(in_any_case: bool) -> bool {
        in_any_case
    }
}
