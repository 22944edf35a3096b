//! When the steps of a start were seen.

/// Engine seconds after the start, and after the first transition, at which things were seen to happen.
#[derive(Debug)]
pub(crate) struct Steps {
    pub(crate) files: f64,
    pub(crate) lock: f64,
    pub(crate) journal: f64,
    pub(crate) door: f64,
    pub(crate) elect: f64,
    pub(crate) can_write: f64,
    pub(crate) host_type: f64,
    pub(crate) services: f64,
    pub(crate) http: f64,
}

pub(crate) const FOUNDING: Steps = Steps {
    files: 3.96,
    lock: 4.1,
    journal: 4.3,
    door: 4.53,
    elect: 9.5,
    can_write: 2.0,
    host_type: 2.5,
    services: 4.27,
    http: 4.57,
};
pub(crate) const JOINING: Steps = Steps {
    files: 3.3,
    lock: 3.6,
    journal: 3.7,
    door: 3.8,
    elect: 4.3,
    can_write: 0.0,
    host_type: 0.7,
    services: 3.2,
    http: 3.5,
};
pub(crate) const RESTARTING: Steps = Steps {
    files: 2.5,
    lock: 2.6,
    journal: 2.7,
    door: 3.0,
    elect: 4.3,
    can_write: 0.5,
    host_type: 0.7,
    services: 2.2,
    http: 2.5,
};
