//! The lines of `explain` for a plan: each decision with its value, its source and the reason.

use std::time::Duration;

use super::accounts::{FirstPassword, first_passwords};
use super::ask_list;
use super::conf_file::ConfManner;
use super::data::{Data, NamedBy};
use super::explain_line::ExplainLine;
use super::join::asking;
use super::node::{Asking, Role};
use super::{ConfEntry, Plan};
use crate::facts::Facts;
use crate::facts::record::{Progress, Record};
use crate::settings::{Bootstrap, Endpoint, Host, Settings, Source, is_secret_name, is_secret_value};

#[expect(clippy::too_many_lines, reason = "a list of lines")]
pub(super) fn decisions(
    settings: &Settings,
    facts: &Facts,
    plan: &Plan,
    entries: &[(ConfEntry, Source, String)],
    record: Option<&Record>,
) -> Vec<ExplainLine> {
    let home = &facts.home;
    let mut list = vec![
        ExplainLine::new(
            "engine",
            home.engine.name,
            Source::Image,
            "recognised by the files in the home dir",
        ),
        ExplainLine::new("home", home.dir.display(), home.dir_source.clone(), ""),
        ExplainLine::new(
            "component",
            home.component.id(),
            home.component_source.clone(),
            "",
        ),
    ];
    if let Some(version) = &facts.version {
        list.insert(
            1,
            ExplainLine::new("version", &version.text, Source::Image, "a constant in its jar"),
        );
    }
    let (role_source, role_why) = match plan.node.role {
        Role::Seed => (
            Source::Derived,
            "LOCAL_HOST is the first of MASTER_HOST".to_owned(),
        ),
        Role::Follower | Role::Observer => (
            settings
                .fe_role
                .as_ref()
                .map_or(Source::Derived, |role| role.source.clone()),
            "LOCAL_HOST is not the first of MASTER_HOST".to_owned(),
        ),
        Role::Component(_) => (Source::Derived, "follows from the component".to_owned()),
    };
    list.push(ExplainLine::new(
        "role",
        plan.node.role.name(),
        role_source,
        role_why,
    ));
    let host_why = match plan.node.host {
        Host::Address(_) => "members know this node by address",
        Host::Name(_) => "members know this node by name",
    };
    list.push(ExplainLine::new(
        "host",
        &plan.node.host,
        settings.local_host.source.clone(),
        host_why,
    ));
    if plan.node.is_named() {
        let (source, why) = match &settings.broker_name {
            Some(name) => (name.source.clone(), "requested"),
            None => (Source::Derived, "from the host; BROKER_NAME sets another"),
        };
        list.push(ExplainLine::new("name", &plan.node.name, source, why));
    }
    for choice in &plan.ports {
        list.push(ExplainLine::new(
            choice.port.conf_key,
            choice.number,
            choice.source.clone(),
            choice.why.clone(),
        ));
    }
    for (entry, source, why) in entries
        .iter()
        .filter(|(entry, _, _)| plan.ports.iter().all(|choice| choice.port.conf_key != entry.key))
    {
        list.push(ExplainLine::new(
            entry.key.clone(),
            displayed_value(entry),
            source.clone(),
            why.clone(),
        ));
    }
    let manner = match &plan.conf.manner {
        ConfManner::Unchanged => "not written: it has these values already".to_owned(),
        ConfManner::Replace => "muster writes its block at the end".to_owned(),
        ConfManner::InPlace => "rewritten in place, because it is a mount point or a link".to_owned(),
        ConfManner::Shadow { dir } => format!(
            "not writable: the engine is started from the copy {}",
            dir.display()
        ),
    };
    let (source, manner) = match &facts.conf_folder {
        Some(folder) if plan.conf.replaced => (
            folder.source.clone(),
            format!("read from {}; {manner}", facts.conf.read_from.display()),
        ),
        _ => (Source::Image, manner),
    };
    list.push(ExplainLine::new(
        "conf file",
        plan.conf.path.display(),
        source,
        manner,
    ));
    if let Some(folder) = facts.conf_folder.as_ref().filter(|_| !plan.conf.links.is_empty()) {
        let names = plan.conf.links.iter().filter_map(|link| link.file_name());
        let names: Vec<_> = names.map(|name| name.to_string_lossy()).collect();
        let why = format!("linked from {}", folder.dir.display());
        list.push(ExplainLine::new(
            "conf links",
            names.join(", "),
            folder.source.clone(),
            why,
        ));
    }
    let (data, place, copies) = match &plan.data_dir {
        Some(dir) => {
            let dir = dir.display();
            let copies = format!("{dir} and {}", plan.state_dir.display());
            (data_name(&plan.node.data), dir.to_string(), copies)
        }
        None => (
            "none",
            "this component keeps none".to_owned(),
            plan.state_dir.display().to_string(),
        ),
    };
    list.push(ExplainLine::new("data", data, Source::Derived, place));
    list.push(ExplainLine::new(
        "record",
        record.map_or("none", |record| progress_word(record.progress)),
        Source::Record,
        copies,
    ));
    let may_found = plan.node.role == Role::Seed && !plan.node.data.was_member();
    let accounts = first_passwords(home.engine, settings, plan.root_in_conf);
    if may_found && !accounts.is_empty() {
        let origins: Vec<String> = accounts.iter().map(FirstPassword::origin).collect();
        list.push(ExplainLine::new(
            "accounts",
            origins.join(", "),
            Source::Derived,
            "if this FE founds",
        ));
    }
    let asked = ask_list::endpoints(&ask_list::Inputs {
        master_hosts: &settings.master_hosts.value,
        query_ports: &plan.query_ports,
        members: &record.map(|record| record.members.clone()).unwrap_or_default(),
        not: home.component.is_fe().then_some(&plan.node.host),
    });
    let hosts = ask_list::by_host(&asked);
    let fes: Vec<String> = hosts.iter().map(|of| candidates(of)).collect();
    let (join, why) = join_line(plan, &fes.join(", "));
    list.push(ExplainLine::new("join", join, Source::Derived, why));
    list.push(ExplainLine::new(
        "stop grace",
        seconds(plan.stop_grace),
        settings
            .stop_grace
            .as_ref()
            .map_or(Source::Default, |grace| grace.source.clone()),
        "the time from a stop request to SIGKILL",
    ));
    if !plan.for_others.is_empty() {
        list.push(ExplainLine::new(
            "without effect",
            plan.for_others.join(", "),
            Source::Derived,
            "settings of other nodes",
        ));
    }
    list
}

/// `fe1:9031 (else 9030)`: a host and the ports that it is asked at.
fn candidates(endpoints: &[&Endpoint]) -> String {
    let Some((first, others)) = endpoints.split_first() else {
        return String::new();
    };
    let others: Vec<String> = others.iter().map(|other| other.port.to_string()).collect();
    if others.is_empty() {
        return first.to_string();
    }
    format!("{first} (else {})", others.join(", "))
}

/// The value of a conf key for logs and reports. Secrets are in the file only.
pub fn displayed_value(entry: &ConfEntry) -> &str {
    if is_secret_name(&entry.key) || is_secret_value(&entry.value) {
        "(a secret)"
    } else {
        &entry.value
    }
}

/// The first step of a start, and the reason.
fn join_line(plan: &Plan, fes: &str) -> (String, String) {
    let node = &plan.node;
    let founding = || match node.bootstrap {
        Bootstrap::Guarded => format!(
            "found a cluster after {}, unless one exists already",
            seconds(plan.guard_time)
        ),
        Bootstrap::Never => "wait for a leader; BOOTSTRAP=never forbids founding a cluster".to_owned(),
        Bootstrap::Force => "found a cluster at once".to_owned(),
    };
    let asks = if fes.is_empty() {
        "has no FE to ask".to_owned()
    } else {
        format!("asks {fes}")
    };
    match (asking(node), &node.data, node.role) {
        (_, Data::Dropped { .. }, _) if node.rejoin => (
            "set the data aside and join again".to_owned(),
            "REJOIN is set".to_owned(),
        ),
        (_, Data::Dropped { .. }, _) => ("refuse".to_owned(), "the cluster dropped this node".to_owned()),
        (_, Data::Moved(moved), _) => (
            "refuse, unless the cluster lists the new host".to_owned(),
            format!(
                "{} {}; it starts if the cluster lists {} instead; {asks}",
                match moved.named_by {
                    NamedBy::Record => "the cluster knows this node as",
                    NamedBy::Role => "image/ROLE says that the data belongs to",
                    NamedBy::Journal => "its journal says that the data belongs to",
                },
                moved.from,
                node.host
            ),
        ),
        (_, Data::UnfinishedFounding, _) => (
            "start at once".to_owned(),
            "its founding was interrupted, but may be complete".to_owned(),
        ),
        (Asking::Nobody, _, _) => (
            "start at once".to_owned(),
            "a member starts without asking other FEs".to_owned(),
        ),
        (Asking::Once, _, _) => (
            "ask once, then start".to_owned(),
            format!("its data was complete once, but it has no record; {asks}"),
        ),
        (Asking::Until, Data::Empty { known: None }, Role::Seed) => {
            (founding(), format!("listens for calls of a leader; {asks}"))
        }
        (Asking::Until, Data::Empty { known: Some(known) }, Role::Seed) => (
            "rejoin, never found a cluster".to_owned(),
            format!("{}; {asks}", known.sentence),
        ),
        (Asking::Until, Data::Unproven { .. }, _) => ("ask, then start or join again".to_owned(), asks),
        (Asking::Until, _, _) => ("wait for a leader, register once, then start".to_owned(), asks),
    }
}

fn data_name(data: &Data) -> &'static str {
    match data {
        Data::Empty { known: None } => "empty",
        Data::Empty { known: Some(_) } => "wiped",
        Data::Joined { .. } => "of a member",
        Data::Adopted { .. } => "of a member without a record",
        Data::Unfinished { keep: true, .. } => "of an unfinished join",
        Data::Unfinished { keep: false, .. } => "of an unfinished join, to be set aside",
        Data::UnfinishedFounding => "of an unfinished founding",
        Data::Dropped { .. } => "of a dropped member",
        Data::Unproven { .. } => "of an unfinished start",
        Data::Moved(_) => "of a member with another host",
    }
}

/// The name of a record's progress, as in the record file.
pub const fn progress_word(progress: Progress) -> &'static str {
    match progress {
        Progress::Planned => "planned",
        Progress::Added => "added",
        Progress::Started => "started",
        Progress::Joined => "joined",
        Progress::Founding => "founding",
        Progress::Dropped => "dropped",
    }
}

/// A duration in seconds, for messages.
pub fn seconds(duration: Duration) -> String {
    let text = format!("{:.1}", duration.as_secs_f64());
    format!("{} s", text.strip_suffix(".0").unwrap_or(&text))
}
