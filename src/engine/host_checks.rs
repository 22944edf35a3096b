//! The demands of a start script on the host: some of them no container can meet by itself.

/// All demands of one start script.
#[derive(Debug, PartialEq, Eq)]
pub struct HostChecks {
    /// The variable that skips all of them with the value `true`, in scripts that mention it.
    pub skip: &'static str,
    pub checks: &'static [HostCheck],
}

/// One demand.
#[derive(Debug, PartialEq, Eq)]
pub struct HostCheck {
    pub demand: Demand,
    /// A word of the scripts that make it.
    pub word: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Demand {
    /// The least `vm.max_map_count`, which containers share with their host.
    MapCount(u64),
    /// No swap in use on the host.
    NoSwap,
    /// The least number of open files (`ulimit -n`).
    OpenFiles(u64),
}
