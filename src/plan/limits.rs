//! Decides which kernel limits are raised for the engine. Many images and compose files do not set them, and a BE refuses to
//! start with low ones.

use serde::{Deserialize, Serialize};

use crate::engine::Component;
use crate::facts::limits::{Limit, ProcessLimits};

/// A limit of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LimitKind {
    OpenFiles,
    Processes,
}

impl LimitKind {
    /// The name in Docker's `ulimits`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OpenFiles => "nofile",
            Self::Processes => "nproc",
        }
    }
}

/// A limit that is too low.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Raise {
    pub limit: LimitKind,
    pub to: u64,
    /// The maximum without a privilege; `None` is unlimited.
    pub hard: Option<u64>,
    /// The minimum for the engine to work; 0 for an FE or a broker, which works with any.
    pub least: u64,
}

/// Each limit with the value that the vendors recommend, and the minimum that a BE checks (`min_file_descriptor_number`) or a
/// start script sets (`ulimit -u`). Higher values do harm: some programs close every descriptor up to the limit.
const RECOMMENDED: [(LimitKind, u64, u64); 2] = [
    (LimitKind::OpenFiles, 655_350, 60_000),
    (LimitKind::Processes, 65_535, 4_096),
];

/// The limits to raise.
pub fn raises(component: Component, now: &ProcessLimits) -> Vec<Raise> {
    let checked = matches!(component, Component::Be | Component::Cn);
    let raises = RECOMMENDED.iter().filter_map(|(limit, to, least)| {
        let Limit { soft, hard } = match limit {
            LimitKind::OpenFiles => now.open_files?,
            LimitKind::Processes => now.processes?,
        };
        soft.filter(|soft| soft < to).map(|_| Raise {
            limit: *limit,
            to: *to,
            hard,
            least: if checked { *least } else { 0 },
        })
    });
    raises.collect()
}

#[cfg(test)]
mod tests {
    use super::{LimitKind, Raise, raises};
    use crate::engine::Component;
    use crate::facts::limits::{Limit, ProcessLimits};

    #[test]
    fn a_low_limit_is_raised_and_none_is_lowered() {
        let limit = |soft, hard| Some(Limit { soft, hard });
        let raise = |limit, to, hard, least| Raise {
            limit,
            to,
            hard,
            least,
        };
        let files = |hard| raise(LimitKind::OpenFiles, 655_350, hard, 60_000);
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
                    raise(LimitKind::Processes, 65_535, Some(100), 4_096),
                ],
            ),
        ];
        for (open_files, processes, expected) in table {
            let now = ProcessLimits {
                open_files,
                processes,
            };
            assert_eq!(raises(Component::Be, &now), expected, "{now:?}");
            for component in [Component::Fe, Component::Broker] {
                let least = raises(component, &now).iter().map(|raise| raise.least).max();
                assert!(least.is_none_or(|least| least == 0), "{now:?}");
            }
        }
    }
}
