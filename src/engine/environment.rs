//! What a vendor asks of the hosts of its engine, on its page about the environment and in its programs.

/// What `doctor` compares a host and a node with.
#[derive(Debug, PartialEq, Eq)]
pub struct Environment {
    /// The vendor's page.
    pub page: &'static str,
    /// The least `vm.max_map_count` of that page.
    pub map_count: u64,
    /// The `vm.overcommit_memory` of that page, if it names one.
    pub overcommit: Option<u64>,
    /// The build that works on an x86-64 machine without AVX2, if the vendor has one.
    pub without_avx2: Option<&'static str>,
    /// The first version with that demand, and the least and the last Java that its FE runs on; the newest first.
    pub java: &'static [((u16, u16), u32, Option<u32>)],
    /// Keys of an FE's conf that are for one start by hand.
    pub one_start: &'static [OneStart],
    /// Shows every setting of an FE, in the columns `Key` and `Value`.
    pub show_config: &'static str,
    /// What makes an FE answer that for itself, where it asks its leader otherwise.
    pub for_itself: Option<&'static str>,
}

/// A key that a person sets for one start, and has to take out again.
#[derive(Debug, PartialEq, Eq)]
pub struct OneStart {
    pub key: &'static str,
    /// The value that does it.
    pub value: &'static str,
    /// What the next start does with it, after "the next start".
    pub does: &'static str,
}
