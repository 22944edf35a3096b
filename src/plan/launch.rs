//! What will be started: the script, its arguments and what its environment gains and loses.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// One start of the engine, complete: whoever runs it decides nothing more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// The vendor's start script, absolute.
    pub script: PathBuf,
    pub args: Vec<String>,
    /// Variables the script gets in addition to the inherited environment.
    pub set: BTreeMap<String, String>,
    /// Variables that stay with us, secrets first of all.
    pub unset: Vec<String>,
    /// The working directory: the engine's home.
    pub dir: PathBuf,
}
