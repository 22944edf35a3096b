//! The FEs that a verb beside `run` asks: those of the settings, those of the record, and the one on this host.

use std::path::{Path, PathBuf};

use crate::engine::{Engine, PortName};
use crate::facts::home::Home;
use crate::facts::record::{MemberSeen, Record, RecordCopy, state_copy};
use crate::plan::ask_list;
use crate::settings::{Endpoint, ImageSettings, Settings};

/// The directory of the copy of the record that is found without a conf file.
pub(super) fn state_dir(home: &Home, image: &ImageSettings) -> PathBuf {
    match &image.state_dir {
        Some(dir) => dir.value.clone(),
        None => home.conf().parent().unwrap_or(Path::new("/")).to_owned(),
    }
}

/// That copy.
pub(super) fn record_path(home: &Home, image: &ImageSettings) -> PathBuf {
    state_dir(home, image).join(state_copy(home.component))
}

/// Its content.
pub(super) fn record(home: &Home, image: &ImageSettings) -> (PathBuf, RecordCopy) {
    let path = record_path(home, image);
    let copy = RecordCopy::read(&path);
    (path, copy)
}

/// All FEs to ask.
pub(super) fn endpoints(settings: &Settings, engine: &Engine, record: Option<&Record>) -> Vec<Endpoint> {
    let own = record.and_then(|record| {
        Some(MemberSeen {
            host: record.host.clone(),
            edit_log_port: 0,
            query_port: *record.ports.get(&PortName::Query)?,
            http_port: 0,
        })
    });
    let remembered = record.map(|record| record.members.clone()).unwrap_or_default();
    let members: Vec<MemberSeen> = remembered.into_iter().chain(own).collect();
    ask_list::endpoints(&ask_list::Inputs {
        master_hosts: &settings.master_hosts.value,
        query_ports: &ask_list::query_ports(settings, engine, None),
        members: &members,
        not: None,
    })
}
