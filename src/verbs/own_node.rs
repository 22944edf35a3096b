//! The node that this container runs: a verb beside it does not take its ports for a stranger's.

use std::path::Path;

use crate::facts::home::Home;
use crate::facts::process;
use crate::facts::record::RecordCopy;
use crate::facts::status::Status;
use crate::settings::ImageSettings;
use crate::verbs::fe_endpoints;

/// The ports that the muster or the engine of this container holds, as far as its status file and its record tell.
pub(super) fn ports(home: &Home, image: &ImageSettings) -> Vec<u16> {
    let path = Status::path(&fe_endpoints::state_dir(home, image), home.component);
    let status = Status::read(&path, Path::new("/"));
    if status.is_none() && !process::runs(home, Path::new("/")) {
        return Vec::new();
    }
    let mut ports = Vec::new();
    if let RecordCopy::Present(record) = fe_endpoints::record(home, image).1 {
        ports.extend(record.ports.values().copied());
    }
    let keys: Vec<&str> = home
        .engine
        .ports_of(home.component)
        .map(|port| port.conf_key)
        .collect();
    // One that waits for its first start has no record.
    let decisions = status.map(|status| status.decisions).unwrap_or_default();
    let decided = decisions
        .iter()
        .filter(|line| keys.contains(&line.subject.as_str()));
    ports.extend(decided.filter_map(|line| line.value.parse::<u16>().ok()));
    ports
}
