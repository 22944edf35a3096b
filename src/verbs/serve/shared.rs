//! The view that all viewers share: the cluster is asked only while somebody waits for the answer, once at a time.

use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::plan::view::{View, targets};
use crate::verbs::asks::Asks;
use crate::verbs::status::clock;

/// How old a view may be that is shown.
const FRESH: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Shared<'a> {
    asks: &'a Asks,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    seen: Option<Rc<Seen>>,
    /// The last list that had all nodes: targets that vanish would silence every alert just then.
    targets: Option<Rc<str>>,
}

#[derive(Debug)]
pub(super) struct Seen {
    pub(super) view: View,
    /// As in RFC 3339.
    pub(super) at: String,
    since: Instant,
    pub(super) targets: Option<Rc<str>>,
}

impl<'a> Shared<'a> {
    pub(super) fn new(asks: &'a Asks) -> Self {
        Self {
            asks,
            known: Mutex::default(),
        }
    }

    /// What is seen now. Whoever comes while the cluster is asked waits for the same answer; if the one who asks goes away, the
    /// next one asks.
    pub(super) async fn seen(&self) -> Rc<Seen> {
        let mut known = self.known.lock().await;
        if let Some(seen) = &known.seen
            && seen.since.elapsed() < FRESH
        {
            return Rc::clone(seen);
        }
        let view = self.asks.look().await;
        if view.has_all_lists() {
            known.targets = Some(targets::targets(&view).into());
        }
        let seen = Rc::new(Seen {
            view,
            at: clock(),
            since: Instant::now(),
            targets: known.targets.clone(),
        });
        known.seen = Some(Rc::clone(&seen));
        seen
    }
}
