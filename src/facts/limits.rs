//! The kernel limits that the engine inherits.

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};

/// `None` is unlimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    pub soft: Option<u64>,
    pub hard: Option<u64>,
}

/// The limits of every process that the engine starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessLimits {
    pub open_files: Option<Limit>,
    pub processes: Option<Limit>,
}

impl ProcessLimits {
    pub fn look() -> Self {
        Self {
            open_files: limit(Resource::RLIMIT_NOFILE),
            processes: limit(Resource::RLIMIT_NPROC),
        }
    }
}

fn limit(resource: Resource) -> Option<Limit> {
    let number = |limit| (limit != RLIM_INFINITY).then_some(limit);
    getrlimit(resource).ok().map(|(soft, hard)| Limit {
        soft: number(soft),
        hard: number(hard),
    })
}
