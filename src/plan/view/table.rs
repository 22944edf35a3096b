//! A view for a person: at most 80 columns wide wherever the names of the hosts allow it, and nothing that moves a cursor.

#![expect(clippy::format_push_string, reason = "a short report, built once")]

use comfy_table::{ContentArrangement, Table, presets};

use crate::engine::Component;
use crate::engine::member::FrontendRole;
use crate::printable::{COLUMNS, fit};

use super::report::{Todo, todo};
use super::verdict::{Weight, lasts};
use super::{ItselfSays, Node, Quorum, View};

/// The view as text. `all`: nodes that are well, too; else BEs, CNs and brokers are counted.
pub fn text(view: &View, all: bool) -> String {
    let mut text = head(view);
    for component in Component::ALL {
        text.push_str(&of_component(view, component, all));
    }
    text.push('\n');
    text.push_str(&foot(view));
    text
}

fn head(view: &View) -> String {
    let mut parts = vec![view.engine.name.to_owned()];
    parts.push(match &view.cluster_id {
        Some(id) => format!("cluster {id}"),
        None => "cluster unknown".to_owned(),
    });
    parts.extend(view.quorum.map(quorum));
    for component in Component::ALL {
        let nodes = view.of(component).count();
        if nodes > 0 {
            parts.push(format!("{nodes} {}", component.name()));
        }
    }
    fit(&format!("{}\n", parts.join("  "))) + "\n"
}

/// How many voters are alive, and how many of them may fail.
pub fn quorum(of: Quorum) -> String {
    let margin = match of.may_fail() {
        0 => "none may fail".to_owned(),
        some => format!("{some} may fail"),
    };
    format!("{} of {} voters alive, {margin}", of.alive, of.voters)
}

fn of_component(view: &View, component: Component, all: bool) -> String {
    let nodes: Vec<&Node> = view.of(component).collect();
    if nodes.is_empty() {
        return String::new();
    }
    let shown: Vec<&&Node> = nodes
        .iter()
        .filter(|node| all || component.is_fe() || !node.verdicts.is_empty())
        .collect();
    let well = nodes.len() - shown.len();
    let mut text = String::new();
    if well > 0 {
        let other = if shown.is_empty() { "" } else { "other " };
        let name = component.name();
        text.push_str(&if well == 1 {
            format!("   1 {other}{name} is alive as it should be\n")
        } else {
            format!("   {well} {other}{name}s are alive as they should be\n")
        });
    }
    if shown.is_empty() {
        return text;
    }
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(u16::try_from(COLUMNS).unwrap_or(u16::MAX));
    let title = component.name();
    table.set_header(if component.is_fe() {
        vec!["", title, "role", "says itself", "behind", ""]
    } else {
        vec!["", title, "says itself", "version", ""]
    });
    for node in shown {
        let mark = match (&view.leader, node.needs_attention()) {
            (_, true) => "!",
            (Ok(leader), false) if component.is_fe() && leader.host == node.host => "*",
            _ => "",
        };
        let host = node.host.clone();
        let note = note(node);
        let cells = if component.is_fe() {
            let behind = node.leader_says.as_ref().and_then(|says| says.behind);
            let behind = behind.map_or_else(|| "-".to_owned(), |behind| behind.to_string());
            vec![
                mark.to_owned(),
                host,
                role(view, node).to_owned(),
                itself(node),
                behind,
                note,
            ]
        } else {
            let version = node.version.clone().unwrap_or_else(|| "-".to_owned());
            vec![mark.to_owned(), host, itself(node), version, note]
        };
        table.add_row(cells);
    }
    for line in table.lines() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// The word for the role of an FE.
pub fn role(view: &View, node: &Node) -> &'static str {
    let leads = view.leader.as_ref().is_ok_and(|leader| leader.host == node.host);
    match node.role {
        _ if leads => "leader",
        Some(FrontendRole::Leader | FrontendRole::Follower) => "follower",
        Some(FrontendRole::Observer) => "observer",
        None => "-",
    }
}

/// The word for what a node says itself.
pub fn itself(node: &Node) -> String {
    match &node.itself_says {
        ItselfSays::NotAsked => "-".to_owned(),
        ItselfSays::Silent(_) => "no answer".to_owned(),
        ItselfSays::NotReady(_) => "not ready".to_owned(),
        ItselfSays::Ready => "ready".to_owned(),
        ItselfSays::Leads => "leader".to_owned(),
        ItselfSays::Follows(_) if node.role == Some(FrontendRole::Observer) => "observer".to_owned(),
        ItselfSays::Follows(_) => "follower".to_owned(),
        ItselfSays::Leaderless => "no leader".to_owned(),
    }
}

fn note(node: &Node) -> String {
    let mut notes: Vec<String> = node
        .verdicts
        .iter()
        .map(|verdict| verdict.id().to_owned())
        .collect();
    let says = node.leader_says.as_ref();
    if let Some(seconds) = says.filter(|says| !says.alive).and_then(|says| says.silent_for) {
        notes.push(lasts(seconds));
    }
    if says.is_some_and(|says| says.stopping) {
        notes.push("stopping".to_owned());
    }
    notes.join(", ")
}

fn foot(view: &View) -> String {
    let mut text = String::new();
    if let Some(tablets) = view.tablets {
        text.push_str(&format!(
            "tablets: {} unhealthy of {}\n",
            tablets.unhealthy, tablets.all
        ));
    }
    text.push_str(&match &view.leader {
        Ok(leader) => format!(
            "asked: {} (leader, named by {} of {})\n",
            leader.endpoint, leader.named_by, leader.of
        ),
        Err(_) => "no leader is believed\n".to_owned(),
    });
    for (node, verdict) in view.all() {
        let subject = node.map(|node| format!("{} ", node.called())).unwrap_or_default();
        if verdict.weight() == Weight::Note {
            text.push_str(&format!("note: {subject}{}\n", verdict.say()));
        }
    }
    let todo = todo(view);
    if !todo.is_empty() {
        let things = if todo.len() == 1 { "thing" } else { "things" };
        text.push_str(&format!("\n{} {things} to do\n", todo.len()));
        for Todo {
            node,
            say,
            remedy,
            command,
            ..
        } in &todo
        {
            let subject = node.as_ref().map(|node| format!("{node} ")).unwrap_or_default();
            text.push_str(&format!("  {subject}{say}. {remedy}\n"));
            if !command.is_empty() {
                text.push_str(&format!("      {}\n", quoted(command)));
            }
        }
    }
    if !view.unseen.is_empty() {
        text.push_str("\nnot seen\n");
        for unseen in &view.unseen {
            text.push_str(&format!("  {}: {}\n", unseen.what, unseen.why));
        }
    }
    // A command stays one line: it is there to be copied.
    text.lines()
        .map(|line| {
            if line.starts_with("      ") {
                format!("{line}\n")
            } else {
                fit(line)
            }
        })
        .collect()
}

/// A command for a shell.
pub fn quoted(command: &[String]) -> String {
    let words: Vec<&str> = command.iter().map(String::as_str).collect();
    shlex::try_join(words).unwrap_or_default()
}
