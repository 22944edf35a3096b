//! Tells why the engine ended.

use std::io;
use std::path::Path;

use super::Companion;
use super::kept::Kept;
use crate::effects::history::History;
use crate::effects::join_loop::{NotReady, Unproven, stamp};
use crate::effects::log_tail::find;
use crate::effects::set_aside::set_all_aside;
use crate::engine::Component;
use crate::engine::signature::OWN_DROP;
use crate::exit::chain;
use crate::facts::container::oom_kills;
use crate::facts::history::{Event, Word};
use crate::facts::record::{Progress, RecordCopy};
use crate::plan::DataDir;
use crate::plan::end_report::{self, CONSOLE};
use crate::plan::history::{self, Stop};
use crate::supervise::Ended;
use crate::verbs::Outcome;

/// Writes the end of the engine into the history of its node, and does nothing else.
pub(in crate::verbs) fn remember(ended: &Ended, kept: &str) {
    let Ok(kept) = serde_json::from_str::<Kept>(kept) else {
        return;
    };
    let Some(component) = Component::parse(&kept.component) else {
        return;
    };
    let history = History::of(&kept.state_dir, component);
    history.add(if ended.asked {
        Stop {
            unclean: (!ended.is_clean()).then(|| ended.code().number()),
            took: ended.stopping,
            ran: ended.lived,
            cut: !ended.drained,
        }
        .event()
    } else {
        history::ended(
            &end_report::derive(&[], ended.exit.number(), ended.lived),
            ended.exit.number(),
            ended.lived,
        )
    });
    // The end of the container does not wait for the disk.
}

impl Companion<'_> {
    /// Reports why the engine ended. The data of an interrupted first start is set aside, and a new start is prepared.
    pub(super) async fn report(&self, ended: &Ended, kept: &str, console: String) -> io::Result<Outcome> {
        let kept: Kept = serde_json::from_str(kept)?;
        let mut texts = vec![(CONSOLE.to_owned(), console)];
        texts.extend(kept.logs.texts());
        let report = end_report::derive(&texts, ended.exit.number(), ended.lived);
        let report = report.with_oom_kills(oom_kills(Path::new("/")));
        self.note(history::ended(&report, ended.exit.number(), ended.lived));
        let report = report.to_string();
        // The data of a member is never set aside, whatever the engine's last lines are.
        let store = kept.store();
        let was_alive = match RecordCopy::read(&store.state_copy(self.home.component)) {
            RecordCopy::Present(mut record) if record.progress == Progress::Joined => {
                if find(&[OWN_DROP], &texts).is_some() {
                    self.note(Event::new(
                        Word::Dropped,
                        "the engine ended with the words that its cluster has dropped it",
                    ));
                    // Its leader forgets an observer that it does not see, so that no look before the next start shows it.
                    record.progress = Progress::Dropped;
                    if let Err(error) = store.write(&record) {
                        tracing::error!("{}", chain(&error));
                    }
                }
                true
            }
            RecordCopy::Present(record) => record.progress == Progress::Dropped,
            RecordCopy::Missing | RecordCopy::Unreadable { .. } | RecordCopy::Newer { .. } => false,
        };
        if let Some(unproven) = kept.unproven.filter(|_| !was_alive) {
            let signature = match unproven {
                Unproven::Founding => self.home.engine.cut_founding,
                Unproven::Join => self.home.engine.cut_join,
            };
            if let Some(phrase) = find(signature, &texts) {
                report.trim().lines().for_each(|line| tracing::info!("{line}"));
                let why = format!("its first start was interrupted: the engine ended with `{phrase}`");
                let dirs: Vec<DataDir> = kept
                    .data_dirs
                    .iter()
                    .map(|path| DataDir {
                        path: path.clone(),
                        is_mount_point: kept.mount_points.contains(path),
                    })
                    .collect();
                return match set_all_aside(&dirs, stamp(), &why) {
                    Ok(()) => self.prepare().await,
                    Err(error) => Ok(Outcome::refused(&NotReady::from(error).0)),
                };
            }
        }
        Ok(Outcome {
            output: String::new(),
            report,
            code: ended.code(),
        })
    }
}
