//! A decommission over several looks: tablets that do not move. One look alone cannot tell.

use std::collections::BTreeMap;
use std::time::Duration;

use super::View;
use super::verdict::{Verdict, lasts};

/// After so many looks and so long without one tablet less a node is at a stand.
const LOOKS: u32 = 3;
const STAND: Duration = Duration::from_secs(300);

/// The nodes that leave, by component, host and port.
#[derive(Debug, Default)]
pub struct Moves(BTreeMap<(&'static str, String, u16), Mark>);

/// The fewest tablets so far, when they were first seen, and the looks since then.
#[derive(Debug, Clone, Copy)]
struct Mark {
    tablets: u64,
    since: Duration,
    looks: u32,
}

impl Moves {
    /// Takes another look, and says of a node at a stand that it is. `at`: the time since the first look.
    pub fn look(&mut self, view: &mut View, at: Duration) {
        let mut marks = BTreeMap::new();
        for node in &mut view.nodes {
            let key = (node.component.id(), node.host.clone(), node.port);
            for verdict in &mut node.verdicts {
                let Verdict::Leaving {
                    tablets,
                    needed: true,
                } = *verdict
                else {
                    continue;
                };
                let before = self.0.get(&key).filter(|mark| tablets >= mark.tablets);
                let mut mark = before.copied().unwrap_or(Mark {
                    tablets,
                    since: at,
                    looks: 0,
                });
                mark.looks += 1;
                let stands = at.saturating_sub(mark.since);
                if tablets > 0 && mark.looks >= LOOKS && stands >= STAND {
                    let seconds = i64::try_from(stands.as_secs()).unwrap_or(i64::MAX);
                    *verdict = Verdict::Stuck {
                        tablets,
                        why: format!("it had no fewer {} ago", lasts(seconds)),
                    };
                }
                marks.insert(key.clone(), mark);
            }
        }
        self.0 = marks;
    }
}
