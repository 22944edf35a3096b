//! The node of one container as the text that Prometheus reads: what only muster knows of it, also while its engine waits or
//! has ended. Each figure has the labels `kind` and `host`, because one directory of a machine has the files of all its nodes.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::engine::{Component, Engine};
use crate::facts::history::{Event, Word};
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
    pub last_stop: Option<LastStop>,
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

/// The last end on request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastStop {
    /// From the request to the end, in milliseconds.
    pub took: u64,
    /// The engine was killed because the grace was over.
    pub cut: bool,
    pub at: u64,
}

/// The reason of a start that muster refused or gave up.
pub const NOT_STARTED: &str = "not-started";

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
    ends(&mut registry, node);
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

fn ends(registry: &mut Registry, node: &OwnNode<'_>) {
    let failure = node.last_failure.as_ref();
    let of_reason = |failure: &LastFailure| OfReason {
        kind: node.component.id(),
        host: node.host.to_owned(),
        reason: failure.reason.clone(),
    };
    family(
        registry,
        "own_last_failure_code",
        "The exit code of the last end of the node that nobody requested, and the word for its reason",
        failure.map(|failure| (of_reason(failure), failure.code.into())),
    );
    family(
        registry,
        "own_last_failure_time_seconds",
        "When that was, since 1970",
        failure.map(|failure| (node.own(), failure.at)),
    );
    let Some(stop) = node.last_stop else { return };
    let seconds = Family::<Own, Gauge<f64, AtomicU64>>::default();
    let took = Duration::from_millis(stop.took).as_secs_f64();
    seconds.get_or_create(&node.own()).set(took);
    registry.register(
        "own_last_stop_seconds",
        "How long the engine needed for its last stop on request",
        seconds,
    );
    let mut add = |name: &str, help: &str, value: u64| family(registry, name, help, [(node.own(), value)]);
    add(
        "own_last_stop_cut",
        "1: it was killed then, because STOP_GRACE was over",
        stop.cut.into(),
    );
    add("own_last_stop_time_seconds", "When that was, since 1970", stop.at);
}

impl OwnNode<'_> {
    fn own(&self) -> Own {
        Own {
            kind: self.component.id(),
            host: self.host.to_owned(),
        }
    }
}

/// The last end that nobody requested, and the last one that somebody did, by the history of the node.
pub fn last_ends(events: &[Event]) -> (Option<LastFailure>, Option<LastStop>) {
    let failure = events.iter().rev().find_map(|event| {
        let reason = match event.event {
            Word::Ended => event.reason.clone().unwrap_or_default(),
            Word::Refused => NOT_STARTED.to_owned(),
            _ => return None,
        };
        Some(LastFailure {
            code: event.code?,
            reason,
            at: event.at,
        })
    });
    let stop = events.iter().rev().find_map(|event| {
        (event.event == Word::Stopped).then_some(())?;
        Some(LastStop {
            took: event.stop_ms?,
            cut: event.cut.unwrap_or_default(),
            at: event.at,
        })
    });
    (failure, stop)
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

    use super::{DataSpace, LastFailure, LastStop, OwnNode, PROGRESSES, RecordSeen, last_ends, own_metrics};
    use crate::engine::Component;
    use crate::expect_file;
    use crate::facts::fixture::one_engine;
    use crate::facts::history::{Event, Word};
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
            last_stop: None,
        }
    }

    /// The whole file, which `promtool check metrics` reads as well. `UPDATE_METRICS=1` writes it anew.
    #[test]
    fn the_file_of_a_member_has_every_figure_once() {
        let record = record(Progress::Joined);
        let text = own_metrics(&OwnNode {
            last_failure: Some(LastFailure {
                code: 255,
                reason: "disk-full".to_owned(),
                at: 1_795_999_000,
            }),
            last_stop: Some(LastStop {
                took: 12_500,
                cut: false,
                at: 1_795_990_000,
            }),
            ..node(&record)
        });
        let hidden = expect_file::sorted_samples(&text).replace(one_engine().id, "ENGINE");
        expect_file::holds("tests/monitoring/own.prom", &hidden, "UPDATE_METRICS");
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
        for name in [
            "record_change",
            "data_size",
            "data_free",
            "last_failure",
            "last_stop",
        ] {
            let begin = format!("muster_own_{name}");
            assert!(!text.lines().any(|line| line.starts_with(&begin)), "{text}");
        }
    }

    #[test]
    fn the_last_ends_are_those_of_the_history() {
        let event = |word, at, code| Event {
            at,
            code,
            ..Event::new(word, "")
        };
        let ended = Event {
            reason: Some("disk-full".to_owned()),
            ..event(Word::Ended, 20, Some(255))
        };
        let stopped = Event {
            stop_ms: Some(700),
            cut: Some(true),
            ..event(Word::Stopped, 40, None)
        };
        let events = [
            event(Word::Refused, 10, Some(79)),
            event(Word::Started, 15, None),
            ended,
            event(Word::Started, 30, None),
            stopped,
            event(Word::Started, 50, None),
        ];
        let failure = |code, reason: &str, at| LastFailure {
            code,
            reason: reason.to_owned(),
            at,
        };
        let stop = LastStop {
            took: 700,
            cut: true,
            at: 40,
        };
        assert_eq!(
            last_ends(&events),
            (Some(failure(255, "disk-full", 20)), Some(stop))
        );
        assert_eq!(
            last_ends(&events[..2]),
            (Some(failure(79, "not-started", 10)), None)
        );
        let unknown = [event(Word::Ended, 5, Some(1))];
        assert_eq!(last_ends(&unknown), (Some(failure(1, "", 5)), None));
        assert_eq!(last_ends(&[]), (None, None));
    }
}
