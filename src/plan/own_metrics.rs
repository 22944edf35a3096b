//! The node of one container as the text that Prometheus reads: what only muster knows of it, also while its engine waits or
//! has ended. Each figure has the labels `kind` and `host`, because one directory of a machine has the files of all its nodes.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::engine::{Component, Engine};
use crate::facts::record::{Progress, Record};
use crate::facts::status::Phase;
use crate::plan::progress_word;

/// One node at one moment. Times are in seconds since 1970.
#[derive(Debug, Clone)]
pub struct OwnNode<'a> {
    pub engine: &'static Engine,
    pub component: Component,
    /// As the settings have it.
    pub host: &'a str,
    /// That of the engine; empty if it cannot be told.
    pub engine_version: &'a str,
    pub muster_version: &'a str,
    /// `None`: this start of the node has ended.
    pub phase: Option<Phase>,
    pub phase_began: u64,
    /// The begin of this start of the node, and of the companion that writes.
    pub start: u64,
    pub companion_start: u64,
    pub wait_timeout: Duration,
    /// The FEs that answer do not list it: it was dropped, or they are of another cluster.
    pub not_listed: bool,
    pub clock_differs: bool,
    pub record: Option<RecordSeen<'a>>,
    pub data: Vec<DataSpace>,
    pub last_failure: Option<LastFailure>,
}

/// The record, and the time of its last change.
#[derive(Debug, Clone, Copy)]
pub struct RecordSeen<'a> {
    pub record: &'a Record,
    pub changed: u64,
}

/// The file system of a data dir, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataSpace {
    pub dir: String,
    pub size: u64,
    pub free: u64,
}

/// The last end of the node that was not requested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastFailure {
    pub code: u8,
    /// The id of the signature that explains it, [`NOT_STARTED`], or empty.
    pub reason: String,
    pub at: u64,
}

/// The reason of a start that muster refused or gave up.
pub const NOT_STARTED: &str = "not-started";

const FAILURE_CODE: &str = "own_last_failure_code";
const FAILURE_TIME: &str = "own_last_failure_time_seconds";

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Own {
    kind: &'static str,
    host: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfPhase {
    kind: &'static str,
    host: String,
    phase: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfProgress {
    kind: &'static str,
    host: String,
    progress: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfReason {
    kind: &'static str,
    host: String,
    reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfDir {
    kind: &'static str,
    host: String,
    dir: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Info {
    kind: &'static str,
    host: String,
    engine: &'static str,
    engine_version: String,
    muster_version: String,
    cluster: String,
}

/// The text of the file. Every phase and every progress is there, so that one that is over is 0 and not missing.
pub fn own_metrics(node: &OwnNode<'_>) -> String {
    let mut registry = Registry::with_prefix("muster");
    figures(&mut registry, node);
    states(&mut registry, node);
    data(&mut registry, node);
    failure(&mut registry, node);
    let info = Info {
        kind: node.component.id(),
        host: node.host.to_owned(),
        engine: node.engine.id,
        engine_version: node.engine_version.to_owned(),
        muster_version: node.muster_version.to_owned(),
        cluster: node
            .record
            .and_then(|seen| seen.record.cluster_id.clone())
            .unwrap_or_default(),
    };
    family(
        &mut registry,
        "own_info",
        "The node that writes this file, and the versions of its programs",
        [(info, 1)],
    );
    let mut text = String::new();
    // Writing to a String cannot fail.
    encode(&mut text, &registry).unwrap_or_default();
    text
}

/// What is one number for the node.
fn figures(registry: &mut Registry, node: &OwnNode<'_>) {
    let mut add = |name: &str, help: &str, value: u64| {
        family(registry, name, help, [(node.own(), value)]);
    };
    add(
        "own_start_time_seconds",
        "When this start of the node began, since 1970",
        node.start,
    );
    add(
        "own_companion_start_time_seconds",
        "When the process that writes this began, since 1970",
        node.companion_start,
    );
    add(
        "own_phase_start_time_seconds",
        "When the phase of the node began, since 1970",
        node.phase_began,
    );
    add(
        "own_wait_timeout_seconds",
        "WAIT_TIMEOUT of the node",
        node.wait_timeout.as_secs(),
    );
    add(
        "own_not_listed",
        "1: the cluster does not list the node, or only another cluster answers",
        node.not_listed.into(),
    );
    add(
        "own_clock_differs",
        "1: the clock of the node differs from the leader's by more than 3 s",
        node.clock_differs.into(),
    );
    if let Some(seen) = node.record {
        add(
            "own_record_change_time_seconds",
            "When the record of the node changed, since 1970",
            seen.changed,
        );
    }
}

fn states(registry: &mut Registry, node: &OwnNode<'_>) {
    let (kind, host) = (node.component.id(), node.host);
    family(
        registry,
        "own_phase",
        "1 for the phase of the node",
        phases(node.phase).map(|(phase, is)| {
            let host = host.to_owned();
            (OfPhase { kind, host, phase }, is.into())
        }),
    );
    family(
        registry,
        "own_progress",
        "1 for how far the join of the node is by its record",
        PROGRESSES.map(|progress| {
            let is = node.record.is_some_and(|seen| seen.record.progress == progress);
            let (host, progress) = (host.to_owned(), progress_word(progress));
            (OfProgress { kind, host, progress }, is.into())
        }),
    );
}

fn data(registry: &mut Registry, node: &OwnNode<'_>) {
    let of_dir = |space: &DataSpace| OfDir {
        kind: node.component.id(),
        host: node.host.to_owned(),
        dir: space.dir.clone(),
    };
    family(
        registry,
        "own_data_size_bytes",
        "The size of the file system of a data dir of the node",
        node.data.iter().map(|space| (of_dir(space), space.size)),
    );
    family(
        registry,
        "own_data_free_bytes",
        "What the engine can still write there",
        node.data.iter().map(|space| (of_dir(space), space.free)),
    );
}

fn failure(registry: &mut Registry, node: &OwnNode<'_>) {
    let failure = node.last_failure.as_ref();
    let of_reason = |failure: &LastFailure| OfReason {
        kind: node.component.id(),
        host: node.host.to_owned(),
        reason: failure.reason.clone(),
    };
    family(
        registry,
        FAILURE_CODE,
        "The exit code of the last end of the node that nobody requested, and the word for its reason",
        failure.map(|failure| (of_reason(failure), failure.code.into())),
    );
    family(
        registry,
        FAILURE_TIME,
        "When that was, since 1970",
        failure.map(|failure| (node.own(), failure.at)),
    );
}

impl OwnNode<'_> {
    fn own(&self) -> Own {
        Own {
            kind: self.component.id(),
            host: self.host.to_owned(),
        }
    }
}

/// The last failure, from the text of an earlier file: it is kept nowhere else.
pub fn last_failure(text: &str) -> Option<LastFailure> {
    let line = |name: &str| {
        let begin = format!("muster_{name}{{");
        text.lines().find_map(|line| line.strip_prefix(&begin))
    };
    let value = |line: &str| line.rsplit_once(' ').map(|(_, value)| value.to_owned());
    let code = line(FAILURE_CODE)?;
    let (_, rest) = code.split_once("reason=\"")?;
    let (reason, _) = rest.split_once('"')?;
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    Some(LastFailure {
        code: value(code)?.parse().ok()?,
        // The text of a file that somebody else may have changed.
        reason: Some(reason)
            .filter(|reason| reason.len() <= 60 && reason.chars().all(is_word))?
            .to_owned(),
        at: value(line(FAILURE_TIME)?)?.parse().ok()?,
    })
}

fn phases(now: Option<Phase>) -> [(&'static str, bool); 4] {
    [
        ("waiting", now == Some(Phase::Waiting)),
        ("starting", now == Some(Phase::Starting)),
        ("running", now == Some(Phase::Running)),
        ("ended", now.is_none()),
    ]
}

/// In the order of a join.
const PROGRESSES: [Progress; 6] = [
    Progress::Planned,
    Progress::Added,
    Progress::Started,
    Progress::Joined,
    Progress::Founding,
    Progress::Dropped,
];

fn family<L>(registry: &mut Registry, name: &str, help: &str, samples: impl IntoIterator<Item = (L, u64)>)
where
    L: EncodeLabelSet + std::hash::Hash + Eq + Clone + std::fmt::Debug + Send + Sync + 'static,
{
    let family = Family::<L, Gauge>::default();
    for (labels, value) in samples {
        family
            .get_or_create(&labels)
            .set(value.try_into().unwrap_or(i64::MAX));
    }
    registry.register(name, help, family);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::Duration;

    use super::{DataSpace, LastFailure, OwnNode, PROGRESSES, RecordSeen, last_failure, own_metrics};
    use crate::engine::Component;
    use crate::expect_file;
    use crate::facts::fixture::one_engine;
    use crate::facts::record::{Progress, Record};
    use crate::facts::status::Phase;
    use crate::plan::progress_word;
    use crate::settings::Host;

    fn record(progress: Progress) -> Record {
        Record {
            engine: one_engine(),
            component: Component::Fe,
            role: "follower".to_owned(),
            host: Host::parse("10.0.0.11").unwrap(),
            ports: BTreeMap::new(),
            cluster_id: Some("147889237".to_owned()),
            members: Vec::new(),
            progress,
            first_steps: None,
            lost: false,
        }
    }

    fn node(record: &Record) -> OwnNode<'_> {
        OwnNode {
            engine: one_engine(),
            component: Component::Fe,
            host: "10.0.0.11",
            engine_version: "3.5.2",
            muster_version: "0.1.0",
            phase: Some(Phase::Running),
            phase_began: 1_796_000_100,
            start: 1_796_000_000,
            companion_start: 1_796_000_060,
            wait_timeout: Duration::from_secs(300),
            not_listed: false,
            clock_differs: false,
            record: Some(RecordSeen {
                record,
                changed: 1_796_000_090,
            }),
            data: vec![DataSpace {
                dir: "/opt/engine/fe/meta".to_owned(),
                size: 107_374_182_400,
                free: 53_687_091_200,
            }],
            last_failure: None,
        }
    }

    /// The whole file, which `promtool check metrics` reads as well. `UPDATE_METRICS=1` writes it anew.
    #[test]
    fn the_file_of_a_member_has_every_figure_once() {
        let record = record(Progress::Joined);
        let failure = LastFailure {
            code: 255,
            reason: "disk-full".to_owned(),
            at: 1_795_999_000,
        };
        let text = own_metrics(&OwnNode {
            last_failure: Some(failure.clone()),
            ..node(&record)
        });
        let hidden = expect_file::sorted_samples(&text).replace(one_engine().id, "ENGINE");
        expect_file::holds("tests/monitoring/own.prom", &hidden, "UPDATE_METRICS");
        assert_eq!(last_failure(&text), Some(failure));
    }

    #[test]
    fn one_phase_and_one_progress_are_1_at_any_moment() {
        for (phase, word) in [
            (Some(Phase::Waiting), "waiting"),
            (Some(Phase::Starting), "starting"),
            (Some(Phase::Running), "running"),
            (None, "ended"),
        ] {
            for progress in PROGRESSES {
                let other = progress_word(progress);
                let record = record(progress);
                let text = own_metrics(&OwnNode {
                    phase,
                    ..node(&record)
                });
                let ones: Vec<&str> = text
                    .lines()
                    .filter(|line| line.starts_with("muster_own_p") && line.ends_with("} 1"))
                    .collect();
                assert_eq!(
                    ones,
                    [
                        format!("muster_own_phase{{kind=\"fe\",host=\"10.0.0.11\",phase=\"{word}\"}} 1"),
                        format!(
                            "muster_own_progress{{kind=\"fe\",host=\"10.0.0.11\",progress=\"{other}\"}} 1"
                        ),
                    ]
                );
            }
        }
    }

    /// Before the first start there is no record, no data and no failure.
    #[test]
    fn what_is_not_known_is_missing_and_not_0() {
        let record = record(Progress::Planned);
        let text = own_metrics(&OwnNode {
            record: None,
            data: Vec::new(),
            ..node(&record)
        });
        for name in ["record_change", "data_size", "data_free", "last_failure"] {
            let begin = format!("muster_own_{name}");
            assert!(!text.lines().any(|line| line.starts_with(&begin)), "{text}");
        }
        assert_eq!(last_failure(&text), None);
    }

    #[test]
    fn a_last_failure_is_read_only_from_a_file_of_ours() {
        let both = |code: &str, time: &str| {
            format!("muster_own_last_failure_code{code}\nmuster_own_last_failure_time_seconds{time}\n")
        };
        let labels = "{kind=\"fe\",host=\"h\",reason=\"\"}";
        assert_eq!(
            last_failure(&both(&format!("{labels} 137"), "{kind=\"fe\",host=\"h\"} 12")),
            Some(LastFailure {
                code: 137,
                reason: String::new(),
                at: 12
            })
        );
        for (code, time) in [
            (format!("{labels} 300"), "{} 12"),
            (format!("{labels} 1"), "{} x"),
            (format!("{labels} 1"), " 12"),
            ("{reason=\"a b\"} 1".to_owned(), "{} 12"),
            (format!("{{reason=\"{}\"}} 1", "a".repeat(61)), "{} 12"),
            ("{} 1".to_owned(), "{} 12"),
        ] {
            assert_eq!(last_failure(&both(&code, time)), None, "{code}");
        }
    }
}
