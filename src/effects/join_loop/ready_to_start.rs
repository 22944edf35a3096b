//! The result of the join loop: a node that may start its engine, or every reason why it may not.

use serde::{Deserialize, Serialize};

use crate::effects::dir_lock::DirLocks;
use crate::effects::files::WriteError;
use crate::effects::reserve::Reservations;
use crate::effects::set_aside::SetAsideError;
use crate::exit::{ExitCode, chain};
use crate::facts::record::Record;
use crate::plan::Plan;
use crate::plan::refusal::Refusal;
use crate::settings::Endpoint;

/// A node that may start its engine.
#[derive(Debug)]
pub struct ReadyToStart {
    pub plan: Plan,
    /// The one member a joining FE enters by.
    pub helper: Option<String>,
    pub record: Record,
    /// Held until the engine listens itself.
    pub reservations: Reservations,
    /// Of the data dirs, until the engine has ended.
    pub locks: DirLocks,
    /// FEs to ask after the start.
    pub known: Vec<Endpoint>,
    /// A start that may end with the words of a first start that was cut short; then its data is set aside.
    pub unproven: Option<Unproven>,
}

/// The kind of a start that may end so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unproven {
    Founding,
    Join,
}

/// Every reason why the engine may not be started.
#[derive(Debug)]
pub struct NotReady(pub Vec<Refusal>);

impl From<Refusal> for NotReady {
    fn from(refusal: Refusal) -> Self {
        Self(vec![refusal])
    }
}

impl From<WriteError> for NotReady {
    fn from(error: WriteError) -> Self {
        let hint = "make room or make it writable; nothing was registered without being remembered";
        Self::from(Refusal::new(ExitCode::Taken, chain(&error), hint))
    }
}

impl From<SetAsideError> for NotReady {
    fn from(error: SetAsideError) -> Self {
        Self::from(Refusal::new(
            ExitCode::Taken,
            chain(&error),
            "move it away by hand, then start again",
        ))
    }
}
