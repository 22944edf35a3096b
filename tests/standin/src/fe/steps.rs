//! When the steps of a start were seen.

/// Engine seconds after the start, and from `can_write` on after the first transition, at which things were seen to happen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Steps {
    /// The pid file and the lock of the data dir; `None`: there is no lock.
    pub(crate) lock_file: Option<f64>,
    pub(crate) files: f64,
    pub(crate) lock: f64,
    pub(crate) journal: f64,
    pub(crate) door: f64,
    pub(crate) elect: f64,
    pub(crate) can_write: f64,
    /// The node has been ready once, and says so in its files.
    pub(crate) settle: f64,
    pub(crate) rpc: f64,
    pub(crate) query: f64,
    pub(crate) arrow: f64,
    pub(crate) http: f64,
    /// Everything is open.
    pub(crate) served: f64,
}
