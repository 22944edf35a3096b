//! The kernel limits that the engine inherits, and those of the host.

use std::path::Path;

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit};

use crate::file;

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

/// The values of the host that a start script may check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HostLimits {
    /// `vm.max_map_count`; `None` if it cannot be read.
    pub map_count: Option<u64>,
    /// Swap is in use, also if only the host has it.
    pub swap: bool,
    /// This process may exceed its hard limits.
    pub may_exceed: bool,
}

impl HostLimits {
    pub fn look(root: &Path) -> Self {
        let text = |path: &str| file::text_of_kernel(&root.join("proc").join(path)).ok();
        Self {
            map_count: text("sys/vm/max_map_count").and_then(|text| text.trim().parse().ok()),
            // The first line names the columns.
            swap: text("swaps").is_some_and(|text| text.lines().count() > 1),
            may_exceed: text("self/status").is_some_and(|text| has_resource_capability(&text)),
        }
    }
}

/// `CAP_SYS_RESOURCE`, capabilities(7).
fn has_resource_capability(status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & (1 << 24) != 0)
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

#[cfg(test)]
mod tests {
    use super::HostLimits;
    use crate::facts::fixture::tree;

    #[test]
    fn the_values_of_the_host_are_read_as_the_scripts_read_them() {
        let head = "Filename\tType\tSize\tUsed\tPriority\n";
        let swaps = format!("{head}/swap.img file 2097148 0 -2\n");
        let table = [
            (
                "65530\n",
                head,
                "CapEff:\t00000000a80425fb\n",
                (Some(65_530), false, false),
            ),
            (
                "2000000\n",
                swaps.as_str(),
                "CapEff:\t000001ffffffffff\n",
                (Some(2_000_000), true, true),
            ),
            ("no number\n", "", "", (None, false, false)),
        ];
        for (map_count, swaps, status, expected) in table {
            let root = tree(&[
                ("proc/sys/vm/max_map_count", map_count),
                ("proc/swaps", swaps),
                ("proc/self/status", status),
            ]);
            let limits = HostLimits::look(root.path());
            assert_eq!((limits.map_count, limits.swap, limits.may_exceed), expected);
        }
        let nothing = HostLimits::look(tree(&[]).path());
        assert_eq!((nothing.map_count, nothing.swap), (None, false));
    }
}
