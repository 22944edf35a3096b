//! Decides: which limits of the kernel are raised for the engine. The images and compose files of the field forget them,
//! and a BE ends over it.

use serde::{Deserialize, Serialize};

use crate::engine::Component;
use crate::facts::limits::{Limit, ProcessLimits};

/// A limit an engine's process has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Limited {
    OpenFiles,
    Processes,
}

impl Limited {
    /// As Docker's `ulimits` call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OpenFiles => "nofile",
            Self::Processes => "nproc",
        }
    }
}

/// One that is too low.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Raise {
    pub limit: Limited,
    pub to: u64,
    /// What it cannot go above without a privilege; `None` is unlimited.
    pub hard: Option<u64>,
    /// Below this the engine does not work; an FE goes on with what it has.
    pub least: u64,
}

/// What the vendors ask for, and what a BE checks (`min_file_descriptor_number`) and a start script sets (`ulimit -u`).
/// No more than that: there are programs that close every descriptor they might have.
const WANTED: [(Limited, u64, u64); 2] = [
    (Limited::OpenFiles, 655_350, 60_000),
    (Limited::Processes, 65_535, 4_096),
];

pub fn raises(component: Component, now: &ProcessLimits) -> Vec<Raise> {
    let checked = component != Component::Fe;
    let wanted = WANTED.iter().filter_map(|(limit, to, least)| {
        let Limit { soft, hard } = match limit {
            Limited::OpenFiles => now.open_files?,
            Limited::Processes => now.processes?,
        };
        soft.filter(|soft| soft < to).map(|_| Raise {
            limit: *limit,
            to: *to,
            hard,
            least: if checked { *least } else { 0 },
        })
    });
    wanted.collect()
}

#[cfg(test)]
mod tests {
    use super::{Limited, Raise, raises};
    use crate::engine::Component;
    use crate::facts::limits::{Limit, ProcessLimits};

    #[test]
    fn what_is_too_low_is_raised_and_nothing_is_lowered() {
        let limit = |soft, hard| Some(Limit { soft, hard });
        let raise = |limit, to, hard, least| Raise {
            limit,
            to,
            hard,
            least,
        };
        let files = |hard| raise(Limited::OpenFiles, 655_350, hard, 60_000);
        let table = [
            (None, None, vec![]),
            (limit(None, None), limit(None, None), vec![]),
            (limit(Some(655_350), None), limit(Some(65_535), None), vec![]),
            (limit(Some(1 << 30), Some(1 << 30)), None, vec![]),
            (limit(Some(1024), Some(524_288)), None, vec![files(Some(524_288))]),
            (limit(Some(1024), None), None, vec![files(None)]),
            (
                limit(Some(1024), Some(4096)),
                limit(Some(100), Some(100)),
                vec![
                    files(Some(4096)),
                    raise(Limited::Processes, 65_535, Some(100), 4_096),
                ],
            ),
        ];
        for (open_files, processes, expected) in table {
            let now = ProcessLimits {
                open_files,
                processes,
            };
            assert_eq!(raises(Component::Be, &now), expected, "{now:?}");
            let least = raises(Component::Fe, &now).iter().map(|raise| raise.least).max();
            assert!(least.is_none_or(|least| least == 0), "{now:?}");
        }
    }
}
