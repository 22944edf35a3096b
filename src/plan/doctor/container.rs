//! What the container gives to the engine.

use super::{Check, Examined, Finding, Looked, Scope, Severity};
use crate::engine::Component;
use crate::facts::history::Word;
use crate::plan::limits::{LimitKind, raises};

pub(super) const CHECKS: &[Check] = &[
    Check::new(
        Scope::Container,
        "ulimits",
        "the engine may open files and start processes enough",
        ulimits,
    ),
    Check::new(
        Scope::Container,
        "pids",
        "the container may have threads enough for a BE",
        pids,
    ),
    Check::new(
        Scope::Container,
        "memory",
        "the heap leaves room in the memory of the container",
        memory,
    ),
    Check::new(
        Scope::Container,
        "stop_grace",
        "the engine had time enough for its last stop",
        stop_grace,
    ),
    Check::new(
        Scope::Container,
        "cpu_quota",
        "the container may use at least two cores",
        cpu_quota,
    ),
];

fn ulimits(examined: &Examined<'_>) -> Looked {
    let Some(node) = &examined.node else {
        return Looked::NotHere;
    };
    let facts = node.facts;
    let mut found = Vec::new();
    for raise in raises(facts.home.component, &facts.limits) {
        // It is raised as far as it goes, and without a privilege that is the hard limit.
        let Some(hard) = raise
            .hard
            .filter(|hard| *hard < raise.to && !facts.host_limits.may_exceed)
        else {
            continue;
        };
        // Docker's own default on many hosts, half a million open files, is enough in practice.
        let severity = if hard < raise.least {
            Severity::Error
        } else if hard * 4 < raise.to {
            Severity::Warning
        } else {
            continue;
        };
        let name = raise.limit.name();
        let what = match raise.limit {
            LimitKind::OpenFiles => "files",
            LimitKind::Processes => "threads",
        };
        found.push(
            Finding::new(
                severity,
                format!("{name} is {hard}, and this container may not raise it"),
            )
            .want(format!("{}", raise.to))
            .why(if severity == Severity::Error {
                format!("a BE ends at its start with fewer {what} than {}", raise.least)
            } else {
                format!("under load the engine runs out of {what}")
            })
            .fix(format!("in compose.yaml: ulimits: {{ {name}: {} }}", raise.to)),
        );
    }
    Looked::Found(found)
}

/// A BE of an ordinary size has about two thousand threads when it is idle.
const THREADS: u64 = 4_096;

fn pids(examined: &Examined<'_>) -> Looked {
    if !matches!(examined.component, Some(Component::Be | Component::Cn)) {
        return Looked::NotHere;
    }
    let limit = examined.host.most_pids.filter(|limit| *limit < THREADS);
    let found = limit.map(|limit| {
        Finding::new(
            Severity::Warning,
            format!("this container may have {limit} processes and threads"),
        )
        .want(format!("at least {THREADS}, or no limit"))
        .why("a BE starts thousands of threads, and ends when it gets none")
        .fix("in compose.yaml: pids_limit: -1 (podman run --pids-limit=-1)")
    });
    Looked::Found(found.into_iter().collect())
}

/// The part of the memory that a heap may take, in percent: the rest is for what the JVM and the engine keep beside it.
const HEAP: u64 = 70;

fn memory(examined: &Examined<'_>) -> Looked {
    let Some(node) = &examined.node else {
        return Looked::NotHere;
    };
    let container = &node.facts.container;
    let (Some(heap), Some(limit)) = (&container.heap, container.memory) else {
        return Looked::NotHere;
    };
    // Above the limit `run` says it: the check `settings`.
    let tight = heap.bytes <= limit && heap.bytes > limit / 100 * HEAP;
    let found = tight.then(|| {
        let megabytes = |bytes: u64| bytes >> 20;
        Finding::new(
            Severity::Warning,
            format!(
                "{} takes {} of the {} MB of this container",
                heap.option,
                megabytes(heap.bytes),
                megabytes(limit)
            ),
        )
        .want(format!("at most {HEAP} %"))
        .why("the JVM needs memory beside its heap, and the kernel kills it (137) when the heap is full")
        .fix("raise mem_limit of the container, or lower the heap with FE_HEAP or BE_HEAP")
    });
    Looked::Found(found.into_iter().collect())
}

fn stop_grace(examined: &Examined<'_>) -> Looked {
    let Some(node) = &examined.node else {
        return Looked::NotHere;
    };
    let mut stops = node.events.iter().rev();
    let last = stops.find(|event| event.event == Word::Stopped);
    let cut = last.filter(|event| event.cut == Some(true)).map(|event| {
        Finding::new(
            Severity::Warning,
            format!("the last stop was cut off: {}", event.say),
        )
        .want("an engine that ends by itself")
        .why("what it had not written yet, it has to find again at its next start")
        .fix("raise STOP_GRACE, and stop_grace_period in compose.yaml to some seconds more")
    });
    Looked::Found(cut.into_iter().collect())
}

fn cpu_quota(examined: &Examined<'_>) -> Looked {
    if examined.node.is_none() {
        return Looked::NotHere;
    }
    let quota = examined.host.millicores.filter(|quota| *quota < 2_000);
    let found = quota.map(|quota| {
        Finding::new(
            Severity::Advice,
            format!(
                "this container may use {}.{:02} cores",
                quota / 1_000,
                quota % 1_000 / 10
            ),
        )
        .want("at least 2")
        .why("while the kernel holds it back, a heartbeat is late, and the node looks dead")
        .fix("raise cpus of the container")
    });
    Looked::Found(found.into_iter().collect())
}
