//! What `explain` says of a plan: each decision with its value, its source and the reason.

use std::time::Duration;

use super::ask_list;
use super::conf_file::ConfManner;
use super::data::Data;
use super::explain_line::ExplainLine;
use super::join::asking;
use super::node::{Asking, Role};
use super::{ConfEntry, Plan};
use crate::facts::Facts;
use crate::facts::record::{Progress, Record};
use crate::settings::{Bootstrap, Host, Settings, Source, is_secret_name, is_secret_value};

#[expect(clippy::too_many_lines, reason = "one line of `explain` after the other")]
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
            "its files are in the home dir",
        ),
        ExplainLine::new("home", home.dir.display(), home.dir_source.clone(), ""),
        ExplainLine::new(
            "component",
            home.component.id(),
            home.component_source.clone(),
            "",
        ),
    ];
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
        Role::Backend | Role::ComputeNode => (Source::Derived, "as the component".to_owned()),
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
            shown(entry),
            source.clone(),
            why.clone(),
        ));
    }
    let manner = match &plan.conf.manner {
        ConfManner::Unchanged => "it says so already".to_owned(),
        ConfManner::Replace => "our block is written at its end".to_owned(),
        ConfManner::InPlace => "it is mounted itself or a link, so it is rewritten in place".to_owned(),
        ConfManner::Shadow { dir } => format!(
            "it cannot be written: the engine is started from {}",
            dir.display()
        ),
    };
    list.push(ExplainLine::new(
        "conf file",
        plan.conf.path.display(),
        Source::Image,
        manner,
    ));
    list.push(ExplainLine::new(
        "data",
        data_word(&plan.node.data),
        Source::Derived,
        plan.data_dir.display().to_string(),
    ));
    list.push(ExplainLine::new(
        "record",
        record.map_or("none", |record| progress_word(record.progress)),
        Source::Record,
        format!("{} and {}", plan.data_dir.display(), plan.state_dir.display()),
    ));
    let asked: Vec<String> = ask_list::endpoints(&ask_list::Inputs {
        master_hosts: &settings.master_hosts.value,
        query_port: plan.query_port,
        members: &record.map(|record| record.members.clone()).unwrap_or_default(),
        callers: &[],
        not: home.component.is_fe().then_some(&plan.node.host),
    })
    .iter()
    .map(ToString::to_string)
    .collect();
    let (join, why) = join_sentence(plan, &asked.join(", "));
    list.push(ExplainLine::new("join", join, Source::Derived, why));
    list.push(ExplainLine::new(
        "stop grace",
        seconds(plan.stop_grace),
        settings
            .stop_grace
            .as_ref()
            .map_or(Source::Default, |grace| grace.source.clone()),
        "from a stop request to SIGKILL",
    ));
    list
}

/// The value of a conf key as it may be shown: secrets go into the file only.
pub fn shown(entry: &ConfEntry) -> &str {
    if is_secret_name(&entry.key) || is_secret_value(&entry.value) {
        "(a secret)"
    } else {
        &entry.value
    }
}

/// What the joining will begin with.
fn join_sentence(plan: &Plan, asked: &str) -> (String, String) {
    let node = &plan.node;
    let founding = || match node.bootstrap {
        Bootstrap::Guarded => format!("found after {} if nobody contradicts", seconds(plan.guard_time)),
        Bootstrap::Never => "wait for a leader; BOOTSTRAP=never refuses to found".to_owned(),
        Bootstrap::Force => "found at once, whoever contradicts".to_owned(),
    };
    let nobody = if asked.is_empty() {
        "nobody to ask".to_owned()
    } else {
        format!("asks {asked}")
    };
    match (asking(node), &node.data, node.role) {
        (_, Data::Dropped { .. }, _) if node.rejoin => {
            ("set the data aside and join anew".to_owned(), "REJOIN".to_owned())
        }
        (_, Data::Dropped { .. }, _) => ("refuse".to_owned(), "it was dropped from its cluster".to_owned()),
        (_, Data::Moved(moved), _) => (
            "refuse, unless readdressed".to_owned(),
            format!(
                "this node is known to its cluster as {}: it starts if that lists {} in its place; {nobody}",
                moved.from, node.host
            ),
        ),
        (_, Data::UnfinishedFounding, _) => (
            "start at once".to_owned(),
            "its founding was cut short, and may have been ready after all".to_owned(),
        ),
        (Asking::Nobody, _, _) => ("start at once".to_owned(), "a member asks nobody".to_owned()),
        (Asking::Once, Data::Contradicted { .. }, _) => (
            "start after one look".to_owned(),
            format!("it met another cluster where it looked for its own; {nobody}"),
        ),
        (Asking::Once, _, _) => (
            "start after one look".to_owned(),
            format!("it was ready once, without a record; {nobody}"),
        ),
        (Asking::Until, Data::Empty { known: None }, Role::Seed) => {
            (founding(), format!("listens for the leader's calls; {nobody}"))
        }
        (Asking::Until, Data::Empty { known: Some(known) }, Role::Seed) => (
            "rejoin, never found".to_owned(),
            format!("{}; {nobody}", known.sentence),
        ),
        (Asking::Until, Data::Unproven { .. }, _) => ("ask, then start or join anew".to_owned(), nobody),
        (Asking::Until, _, _) => ("wait for a leader, register once, then start".to_owned(), nobody),
    }
}

fn data_word(data: &Data) -> &'static str {
    match data {
        Data::Empty { known: None } => "empty",
        Data::Empty { known: Some(_) } => "wiped",
        Data::Joined { .. } => "a member's",
        Data::Contradicted { .. } => "a member's, which met another cluster",
        Data::Adopted { .. } => "a member's, without a record",
        Data::Unfinished { keep: true, .. } => "an unfinished join's",
        Data::Unfinished { keep: false, .. } => "an unfinished join's, to be set aside",
        Data::UnfinishedFounding => "an unfinished founding's",
        Data::Dropped { .. } => "a dropped member's",
        Data::Unproven { .. } => "an unfinished start's",
        Data::Moved(_) => "a member's of another host",
    }
}

/// The word of a record's progress, as it stands in the file.
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

/// Seconds as people read them.
pub fn seconds(duration: Duration) -> String {
    let text = format!("{:.1}", duration.as_secs_f64());
    format!("{} s", text.strip_suffix(".0").unwrap_or(&text))
}
