//! What no rule can see: under exactly these conditions a second founding is not held against the rules. A history in
//! which it comes to that ends there.

use crate::ground::Ground;
use crate::world::{Who, World};

impl Ground {
    /// The seed lost its data and both copies of its record, and for the whole guard no leader of its old cluster
    /// called it. (That nobody called and that no record is left is asked where this is.)
    pub const fn may_be_forgotten(&self, _world: &World, _who: Who) -> bool {
        true
    }
}
