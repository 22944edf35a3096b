//! A view as one page of HTML for a browser: no script, nothing that is loaded from elsewhere, and no text of the cluster that
//! could be anything but text. The template escapes every value; what is shown of a text is one line of a limited length.

use askama::Template;

use crate::engine::Component;
use crate::printable;

use super::report::{Todo, todo};
use super::table::{itself, quorum, quoted, role};
use super::verdict::{Weight, lasts};
use super::{LeaderSays, Node, View, Whole};

/// What a browser may do with the page: lay it out by its own style, and nothing else. The hash is that of `templates/page.css`.
pub const POLICY: &str = "default-src 'none'; style-src 'sha256-cXmvff2iAgNYZkXZJlkC9RINqSXwRKMnHXWNBJvpjXI='; base-uri 'none'; form-action 'none'";

const STYLE: &str = include_str!("../../../templates/page.css");

/// The characters that are shown of a name, of a sentence and of a command. A name of a host has at most 253.
const NAME: usize = 253;
const SENTENCE: usize = 600;
const COMMAND: usize = 1_000;

#[derive(Template)]
#[template(path = "page.html")]
struct Page<'a> {
    policy: &'static str,
    style: &'static str,
    refresh: Option<u64>,
    word: &'static str,
    headline: &'static str,
    cluster: String,
    at: &'a str,
    /// The same for people.
    time: String,
    facts: Vec<(&'static str, String)>,
    todo: Vec<Thing>,
    notes: Vec<String>,
    groups: Vec<Group>,
    unseen: Vec<String>,
}

struct Thing {
    node: Option<String>,
    say: String,
    remedy: String,
    command: Option<String>,
}

/// The nodes of one component.
struct Group {
    title: String,
    name: &'static str,
    columns: Vec<&'static str>,
    rows: Vec<Row>,
}

struct Row {
    mark: &'static str,
    node: String,
    needs_attention: bool,
    /// By column.
    cells: Vec<(&'static str, String)>,
}

/// The page of a view that was seen `at` that time; it loads itself again after `refresh` seconds.
pub fn page(view: &View, at: &str, refresh: Option<u64>) -> String {
    let whole = view.whole();
    let notes = view.all().filter(|(_, verdict)| verdict.weight() == Weight::Note);
    let page = Page {
        policy: POLICY,
        style: STYLE,
        refresh,
        word: whole.word(),
        headline: headline(whole),
        cluster: cluster(view),
        at,
        time: at.replace('T', " ").replace('Z', " UTC"),
        facts: facts(view),
        todo: todo(view).into_iter().map(Thing::from).collect(),
        notes: notes
            .map(|(node, verdict)| {
                let subject = node.map(|node| node.called() + " ").unwrap_or_default();
                sentence(&format!("{subject}{}", verdict.say()))
            })
            .collect(),
        groups: Component::ALL
            .into_iter()
            .filter_map(|component| group(view, component))
            .collect(),
        unseen: view
            .unseen
            .iter()
            .map(|unseen| sentence(&format!("{}: {}", unseen.what, unseen.why)))
            .collect(),
    };
    // Strings only, so the template cannot fail.
    page.render().unwrap_or_default() + "\n"
}

const fn headline(whole: Whole) -> &'static str {
    match whole {
        Whole::Well => "Well",
        Whole::Attention => "Needs attention",
        Whole::NoLeader => "No leader",
        Whole::Refused => "Account refused",
    }
}

fn name(text: &str) -> String {
    printable::excerpt(text, NAME)
}

fn sentence(text: &str) -> String {
    printable::excerpt(text, SENTENCE)
}

fn cluster(view: &View) -> String {
    match &view.cluster_id {
        Some(id) => format!("{}, cluster {}", view.engine.name, name(id)),
        None => format!("{}, cluster unknown", view.engine.name),
    }
}

fn facts(view: &View) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    if let Some(of) = view.quorum {
        facts.push(("quorum", quorum(of)));
    }
    facts.push((
        "asked",
        match &view.leader {
            Ok(leader) => name(&format!(
                "{}, the leader, named by {} of {}",
                leader.endpoint, leader.named_by, leader.of
            )),
            Err(_) => "no leader is believed".to_owned(),
        },
    ));
    if let Some(tablets) = view.tablets {
        facts.push((
            "tablets",
            format!("{} unhealthy of {}", tablets.unhealthy, tablets.all),
        ));
    }
    facts
}

impl From<Todo> for Thing {
    fn from(todo: Todo) -> Self {
        let command = (!todo.command.is_empty()).then(|| {
            let command = quoted(&todo.command);
            // It is there to be copied: a part of it, or another spelling, would do something else.
            if printable::excerpt(&command, COMMAND) == command {
                command
            } else {
                "muster status --json has the command; it cannot be shown here".to_owned()
            }
        });
        Self {
            node: todo.node.as_deref().map(name),
            say: sentence(&todo.say),
            remedy: sentence(&todo.remedy),
            command,
        }
    }
}

fn group(view: &View, component: Component) -> Option<Group> {
    let nodes: Vec<&Node> = view.of(component).collect();
    let of_record = nodes.iter().any(|node| node.record_says.is_some());
    let columns: Vec<&'static str> = [
        component.is_fe().then_some("role"),
        Some("leader says"),
        Some("says itself"),
        of_record.then_some("record says"),
        component.is_fe().then_some("behind"),
        Some("version"),
        Some("found"),
    ]
    .into_iter()
    .flatten()
    .collect();
    let rows: Vec<Row> = nodes
        .iter()
        .map(|node| Row {
            mark: mark(view, node),
            node: title(node),
            needs_attention: node.needs_attention(),
            cells: columns
                .iter()
                .map(|column| (*column, cell(view, node, column)))
                .collect(),
        })
        .collect();
    let plural = if rows.len() == 1 { "" } else { "s" };
    (!rows.is_empty()).then(|| Group {
        title: format!("{} {}{plural}", rows.len(), component.name()),
        name: component.name(),
        columns,
        rows,
    })
}

fn mark(view: &View, node: &Node) -> &'static str {
    if node.needs_attention() {
        "! "
    } else if node.component.is_fe() && role(view, node) == "leader" {
        "* "
    } else {
        ""
    }
}

/// Its host, with the port that the cluster knows it by, and the name of a broker.
fn title(node: &Node) -> String {
    let host = name(&node.host);
    let port = if node.port == 0 {
        String::new()
    } else {
        format!(":{}", node.port)
    };
    let host = if host.contains(':') {
        format!("[{host}]")
    } else {
        host
    };
    let broker = node.name.as_deref().map(|own| format!(" {}", name(own)));
    format!("{host}{port}{}", broker.unwrap_or_default())
}

/// What stands in that column; empty if there is nothing to say.
fn cell(view: &View, node: &Node, column: &str) -> String {
    let says = node.leader_says.as_ref();
    let known = |text: String| if text == "-" { String::new() } else { text };
    match column {
        "role" => known(role(view, node).to_owned()),
        "leader says" => match says {
            Some(says) => by_leader(says),
            None if view.leader.is_ok() => "not listed".to_owned(),
            None => String::new(),
        },
        "says itself" => known(itself(node)),
        "record says" => node.record_says.unwrap_or_default().to_owned(),
        "behind" => says
            .and_then(|says| says.behind)
            .map_or_else(String::new, |behind| behind.to_string()),
        "version" => node.version.as_deref().map(name).unwrap_or_default(),
        _ => {
            let found: Vec<&str> = node.verdicts.iter().map(super::verdict::Verdict::id).collect();
            found.join(", ")
        }
    }
}

fn by_leader(says: &LeaderSays) -> String {
    let mut words = vec![match (says.joined, says.alive, says.silent_for) {
        (false, ..) => "not joined".to_owned(),
        (true, true, _) => "alive".to_owned(),
        (true, false, Some(seconds)) => format!("dead for {}", lasts(seconds)),
        (true, false, None) => "dead".to_owned(),
    }];
    if says.stopping {
        words.push("stopping".to_owned());
    }
    if says.leaving {
        let tablets = says.tablets.unwrap_or_default();
        words.push(format!("leaving with {tablets} tablets"));
    }
    if let Some(percent) = says.disk_used {
        words.push(format!("disk {percent} %"));
    }
    words.join(", ")
}
