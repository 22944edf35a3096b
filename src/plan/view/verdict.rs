//! What is to be said of a cluster or of one of its nodes: one sentence, and one remedy.

use crate::engine::{Component, Engine};
use crate::plan::view::{Node, View};

/// A finding. Its word in JSON and in the reference is `id`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// No host answered as an FE.
    NoFe { why: String },
    /// FEs answer, and none is believed to lead. `is_shown`: the voters are those of a list, and not all FEs that are known;
    /// `first`: those that do not answer.
    NoLeader {
        why: String,
        alive: usize,
        voters: usize,
        is_shown: bool,
        first: Vec<String>,
    },
    /// Two clusters, or two groups of one, among the hosts that were asked.
    TwoClusters { why: String },
    /// The account was refused. `cure`: the statement that helps.
    Refused { why: String, cure: String },
    /// No more FE may fail.
    NoMargin { voters: usize, alive: usize },
    /// Tablets of which a replica is missing or wrong.
    Unhealthy { tablets: u64, of: u64 },
    /// Nothing is balanced or repaired; the keys, each with the value that stops it.
    BalanceOff { keys: Vec<(String, String)> },

    /// A list of the leader was not to be had: nothing is known of these nodes.
    ListUnseen { component: Component, why: String },

    /// The leader does not hear it. Seconds, if it was ever heard.
    Dead { silent_for: Option<i64>, why: String },
    /// An FE that was added and never joined.
    HalfJoined,
    /// The leader hears it, and it does not serve.
    DoesNotServe { why: String },
    /// It serves, and the leader does not hear it.
    Unreached { error: String },
    /// An FE says that it leads, and the others follow this one.
    StaleLeader { leader: String },
    /// It runs, and the leader does not list it.
    NotListed { cluster: String },
    /// Its own data or record names another cluster than the leader.
    Foreign { own: String, cluster: String },
    /// The cluster lists this host under another name than its record has.
    Moved { listed: String, record: String },
    /// An FE has not replayed so many journal entries.
    Behind { entries: u64 },
    /// An FE whose metadata is too old for queries.
    OutOfDate,
    /// An FE has made no image for so many journal entries.
    NoImage { entries: u64 },
    /// It runs another version than most.
    OtherVersion { own: String, most: String },
    /// Its tablets are being moved away. `needed`: some table still has to get a copy of them.
    Leaving { tablets: u64, needed: bool },
    /// The same, and nothing moves.
    Stuck { tablets: u64, why: String },
    /// Its fullest disk, in percent.
    DiskFull { percent: u8 },
    /// An FE has so few bytes for its metadata.
    MetaFull { free: u64 },
    /// Its clock and the leader's, in milliseconds; positive: it is ahead.
    ClockOff { by: i64 },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Said, and nothing has to be done.
    Note,
    /// A person should look.
    Attention,
    /// The cluster does not work.
    NoLeader,
}

/// As the engines count: 2^30 bytes.
const GB: u64 = 1 << 30;
/// The journal of an FE needs so many free bytes.
pub const META_FREE: u64 = 5 * GB;

/// What to do about it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remedy {
    /// A sentence; empty: there is nothing to do.
    pub say: String,
    /// The command of the sentence, ready to be run.
    pub command: Vec<String>,
}

/// The word of every verdict, and what it says, for the reference: in the order of the enum.
pub const REFERENCE: [(&str, &str, Weight); 24] = [
    (
        "no-fe",
        "no host that was asked answers as an FE",
        Weight::NoLeader,
    ),
    (
        "no-leader",
        "FEs answer, and none has the majority of the voters",
        Weight::NoLeader,
    ),
    (
        "two-clusters",
        "the hosts that were asked belong to two clusters, or to two groups of one",
        Weight::Attention,
    ),
    ("refused", "the account was refused", Weight::Attention),
    (
        "no-margin",
        "if one more FE fails, there is no leader",
        Weight::Note,
    ),
    (
        "unhealthy-tablets",
        "replicas of tablets are missing or wrong",
        Weight::Attention,
    ),
    (
        "balance-off",
        "a setting stops the balancing and repair of replicas",
        Weight::Attention,
    ),
    (
        "list-unseen",
        "the leader did not show the list of a kind of nodes",
        Weight::Attention,
    ),
    ("dead", "the leader does not hear the node", Weight::Attention),
    (
        "half-joined",
        "the FE was added, and has never joined",
        Weight::Attention,
    ),
    (
        "does-not-serve",
        "the leader shows the node alive, and it does not serve",
        Weight::Attention,
    ),
    (
        "unreached",
        "the node serves, and the leader does not reach it",
        Weight::Attention,
    ),
    (
        "stale-leader",
        "the FE says that it leads, and the others follow another one",
        Weight::Attention,
    ),
    (
        "not-listed",
        "the node runs, and the cluster does not list it: it was dropped",
        Weight::Attention,
    ),
    (
        "foreign",
        "the data of the node belongs to another cluster",
        Weight::Attention,
    ),
    (
        "moved",
        "the cluster lists this host under another name than its record",
        Weight::Attention,
    ),
    (
        "behind",
        "the FE has not replayed more than 10000 journal entries",
        Weight::Attention,
    ),
    (
        "out-of-date",
        "the metadata of the FE is too old: it answers no queries",
        Weight::Attention,
    ),
    (
        "no-image",
        "the FE has made no image for more than 100000 journal entries",
        Weight::Attention,
    ),
    (
        "other-version",
        "the node runs another version than most",
        Weight::Attention,
    ),
    (
        "leaving",
        "the tablets of the node are being moved away",
        Weight::Note,
    ),
    ("stuck", "the same, and nothing moves", Weight::Attention),
    (
        "disk-full",
        "a disk of the node is fuller than 85 %, or an FE has less than 5 GB for its metadata",
        Weight::Attention,
    ),
    (
        "clock-off",
        "the clock of the FE and the leader's differ by more than 5 s",
        Weight::Attention,
    ),
];

impl Verdict {
    const fn place(&self) -> usize {
        match self {
            Self::NoFe { .. } => 0,
            Self::NoLeader { .. } => 1,
            Self::TwoClusters { .. } => 2,
            Self::Refused { .. } => 3,
            Self::NoMargin { .. } => 4,
            Self::Unhealthy { .. } => 5,
            Self::BalanceOff { .. } => 6,
            Self::ListUnseen { .. } => 7,
            Self::Dead { .. } => 8,
            Self::HalfJoined => 9,
            Self::DoesNotServe { .. } => 10,
            Self::Unreached { .. } => 11,
            Self::StaleLeader { .. } => 12,
            Self::NotListed { .. } => 13,
            Self::Foreign { .. } => 14,
            Self::Moved { .. } => 15,
            Self::Behind { .. } => 16,
            Self::OutOfDate => 17,
            Self::NoImage { .. } => 18,
            Self::OtherVersion { .. } => 19,
            Self::Leaving { .. } => 20,
            Self::Stuck { .. } => 21,
            Self::DiskFull { .. } | Self::MetaFull { .. } => 22,
            Self::ClockOff { .. } => 23,
        }
    }

    fn row(&self) -> (&'static str, &'static str, Weight) {
        // Every place is one of the table, which a test walks.
        REFERENCE
            .get(self.place())
            .copied()
            .unwrap_or(("", "", Weight::Note))
    }

    /// Its word.
    pub fn id(&self) -> &'static str {
        self.row().0
    }

    pub fn weight(&self) -> Weight {
        self.row().2
    }

    /// One clause about the node, or one about the cluster: `has not been heard for 2 h: Connection refused`.
    pub fn say(&self) -> String {
        match self {
            Self::NoFe { why } | Self::TwoClusters { why } => why.clone(),
            Self::NoLeader {
                why,
                alive,
                voters,
                is_shown,
                ..
            } => {
                let answer = if *alive == 1 { "answers" } else { "answer" };
                let (who, needed) = if *is_shown {
                    ("voters", format!(", {} are needed", *voters / 2 + 1))
                } else {
                    ("known FEs", String::new())
                };
                format!("no leader: {alive} of {voters} {who} {answer}{needed}; {why}")
            }
            Self::Refused { why, .. } => format!("the account was refused: {why}"),
            Self::NoMargin { voters: 1, .. } => "the only FE with a vote: none may fail".to_owned(),
            Self::NoMargin { voters, alive } => {
                format!("{alive} of {voters} voters are alive: none may fail")
            }
            Self::Unhealthy { tablets, of } => {
                format!("{tablets} of {of} tablets have a replica that is missing or wrong")
            }
            Self::BalanceOff { keys } => {
                let keys: Vec<String> = keys
                    .iter()
                    .map(|(key, value)| format!("{key} = {value}"))
                    .collect();
                format!("{}: nothing is balanced or repaired", keys.join(", "))
            }
            Self::ListUnseen { component, why } => {
                format!("nothing is known of the {}s: {why}", component.name())
            }
            Self::Dead {
                silent_for: None,
                why,
            } => format!("was never heard by the leader{}", because(why)),
            Self::Dead {
                silent_for: Some(seconds),
                why,
            } => format!(
                "has not been heard by the leader for {}{}",
                lasts(*seconds),
                because(why)
            ),
            Self::HalfJoined => "was added and has never joined".to_owned(),
            Self::DoesNotServe { why } => format!("is alive to the leader, and does not serve: {why}"),
            Self::Unreached { error } => {
                format!("serves, and the leader does not reach it{}", because(error))
            }
            Self::StaleLeader { leader } => {
                format!("says that it leads, and the others follow {leader}: what it says is old")
            }
            Self::NotListed { cluster } => format!("runs, and cluster {cluster} does not list it"),
            Self::Foreign { own, cluster } => {
                format!("has the data of cluster {own}, and the leader is that of cluster {cluster}")
            }
            Self::Moved { listed, record } => {
                format!("is listed as {listed}, and its record says {record}")
            }
            Self::Behind { entries } => format!("is {entries} journal entries behind the leader"),
            Self::OutOfDate => "answers no queries: its metadata is out of date".to_owned(),
            Self::NoImage { entries } => format!("has made no image for {entries} journal entries"),
            Self::OtherVersion { own, most } => format!("runs {own}, and most run {most}"),
            Self::Leaving { tablets: 0, .. } => "is leaving, and has no tablets any more".to_owned(),
            Self::Leaving {
                tablets,
                needed: true,
            } => format!("is leaving: {tablets} tablets to be moved"),
            Self::Leaving {
                tablets,
                needed: false,
            } => format!(
                "is leaving: its last {tablets} tablets are needless copies, or of dropped tables, which go with the \
                 recycle bin"
            ),
            Self::Stuck { tablets, why } => {
                format!("is leaving, and its {tablets} tablets do not move: {why}")
            }
            Self::DiskFull { percent } => format!("has a disk that is {percent} % full"),
            Self::MetaFull { free } => {
                let tenths = free / (GB / 10);
                format!("has {}.{} GB free for its metadata", tenths / 10, tenths % 10)
            }
            Self::ClockOff { by } => {
                let seconds = by.abs() / 1000;
                let side = if *by > 0 { "ahead of" } else { "behind" };
                format!("has a clock that is {seconds} s {side} the leader's")
            }
        }
    }

    /// What to do about it.
    pub fn remedy(&self, view: &View, node: Option<&Node>) -> Remedy {
        let host = node.map(|node| node.host.as_str()).unwrap_or_default();
        match self {
            Self::NoFe { .. } => say("Start the FEs; check MASTER_HOST, and the network from here to them."),
            Self::NoLeader { first, .. } if first.is_empty() => say(
                "They may be electing one: look again in a minute. If it stays so, see the last lines of their logs.",
            ),
            Self::NoLeader { first, .. } => say(&format!("Start {} first.", first.join(" and "))),
            Self::TwoClusters { .. } => say(
                "Find out which one has your data. Stop the other one's FEs, and have them join with empty data directories.",
            ),
            Self::Refused { cure, .. } if !cure.is_empty() => Remedy {
                say: format!("As root, run: {cure}"),
                command: view.sql("root", cure),
            },
            Self::Refused { .. } => {
                say("Set CLUSTER_USER and CLUSTER_PASSWORD_FILE to an account that may run ALTER SYSTEM.")
            }
            Self::NoMargin { .. } | Self::Leaving { .. } => Remedy::default(),
            Self::Unhealthy { .. } => {
                say("Look again in some minutes. If it does not fall, a BE is missing: start it.")
            }
            Self::BalanceOff { keys } => balance_on(view, keys),
            Self::ListUnseen { .. } => say("Look again; the account needs the right to see every list."),
            Self::Dead { .. } => dead(view, node),
            Self::HalfJoined => Remedy {
                say: format!(
                    "Start it on {host}. If nobody is going to, drop it: it counts as a vote once it has joined."
                ),
                command: node.map(|node| view.drop(node)).unwrap_or_default(),
            },
            Self::DoesNotServe { .. } => {
                say(&format!("Look at its log on {host}, and restart its container."))
            }
            Self::Unreached { .. } => say(&format!(
                "Open the way from the leader to {host}: the heartbeat goes from the leader to the node."
            )),
            Self::StaleLeader { .. } => say(&format!(
                "Write nothing there. It ends by itself within a minute; if not, restart its container on {host}."
            )),
            Self::NotListed { .. } => {
                say("Stop it. REJOIN=1 in its environment lets it join again with an empty data directory.")
            }
            Self::Foreign { .. } => say("Check MASTER_HOST. Its data can only be used in its own cluster."),
            Self::Moved { listed, record } => Remedy {
                say: "Stop the node, then tell the cluster its new host.".to_owned(),
                command: ["muster", "readdress", "--from", listed, "--to", record]
                    .map(str::to_owned)
                    .to_vec(),
            },
            Self::Behind { .. } | Self::OutOfDate => say(&format!(
                "Check the disk and the processor of {host}, and its network to the leader."
            )),
            Self::NoImage { .. } => say("See fe.log for the reason: a full disk, or an FE that is dead."),
            Self::OtherVersion { most, .. } => say(&format!("Start it with the image of {most}.")),
            Self::Stuck { .. } => {
                say("Remove the reason, or take the decommission back: CANCEL DECOMMISSION BACKEND.")
            }
            Self::MetaFull { .. } => say(&format!(
                "Free or enlarge the volume of its metadata on {host}: below 5 GB it writes nothing, and does not start."
            )),
            Self::DiskFull { .. } => say("Add disks or BEs, or delete data: writes end at 95 %."),
            Self::ClockOff { .. } => say(&format!(
                "Set the clock of {host} with NTP before its FE is started the next time: it would end then."
            )),
        }
    }
}

fn say(text: &str) -> Remedy {
    Remedy {
        say: text.to_owned(),
        command: Vec::new(),
    }
}

fn because(why: &str) -> String {
    if why.is_empty() {
        String::new()
    } else {
        format!(": {why}")
    }
}

fn dead(view: &View, node: Option<&Node>) -> Remedy {
    let Some(node) = node else {
        return Remedy::default();
    };
    let start = format!("Start its container on {}", node.host);
    if node.component == Component::Be {
        return Remedy {
            say: format!("{start}. If it is gone for good, have its replicas made again from the others."),
            command: view.sql(&view.account, &decommission(view.engine, node)),
        };
    }
    let keeps = if node.component.is_fe() {
        "; until then the journal grows on all FEs"
    } else {
        ""
    };
    Remedy {
        say: format!("{start}{keeps}. If it is gone for good, drop it."),
        command: view.drop(node),
    }
}

fn balance_on(view: &View, keys: &[(String, String)]) -> Remedy {
    let set = view.engine.sql.balance.set;
    let defaults = |value: &str| if value == "true" { "false" } else { "" };
    let statements: Vec<String> = keys
        .iter()
        .filter(|(_, value)| !defaults(value).is_empty())
        .map(|(key, value)| set.replace("{key}", key).replace("{value}", defaults(value)))
        .collect();
    Remedy {
        say: "If no upgrade is under way, give the keys the values that they had before it.".to_owned(),
        command: if statements.is_empty() {
            Vec::new()
        } else {
            view.sql(&view.account, &statements.join("; "))
        },
    }
}

impl View {
    /// The command that runs a statement at the leader. It asks for the password.
    fn sql(&self, account: &str, statement: &str) -> Vec<String> {
        let Ok(leader) = &self.leader else {
            return Vec::new();
        };
        let (host, port) = (leader.endpoint.host.to_string(), leader.endpoint.port.to_string());
        [
            "mysql", "-h", &host, "-P", &port, "-u", account, "-p", "-e", statement,
        ]
        .map(str::to_owned)
        .to_vec()
    }

    /// The command that drops a node.
    fn drop(&self, node: &Node) -> Vec<String> {
        self.sql(&self.account, &drop_statement(self.engine, node))
    }
}

fn drop_statement(engine: &Engine, node: &Node) -> String {
    let at = node.at(node.port);
    match (node.component, node.role) {
        (Component::Fe, Some(role)) if role.is_electable() => engine.sql.drop_follower.replace("{}", &at),
        (Component::Fe, _) => engine.sql.drop_observer.replace("{}", &at),
        (component, _) => engine.list(component).map_or_else(String::new, |list| {
            list.drop(&at, node.name.as_deref().unwrap_or_default())
        }),
    }
}

fn decommission(engine: &Engine, node: &Node) -> String {
    let list = engine.list(node.component);
    let statement = list.and_then(|list| list.decommission).unwrap_or_default();
    statement.replace("{}", &node.at(node.port))
}

/// A time in the largest unit that is full, for people: `95 s`, `12 min`, `3 h`, `4 d`.
pub fn lasts(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}
