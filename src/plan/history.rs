//! What is written into the history of a node, what stays of it, and what it says: pure functions over its events.

#![expect(clippy::format_push_string, reason = "a short report, built once")]

use std::time::Duration;

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use super::end_report::EndReport;
use super::leader::Cluster;
use super::seconds;
use super::view::verdict::lasts;
use crate::engine::{Component, Engine};
use crate::facts::history::{Event, MOST, Word, time};
use crate::facts::record::{Progress, Record};
use crate::printable::{COLUMNS, excerpt};
use crate::settings::Host;

/// The number of the JSON's schema.
const SCHEMA: u8 = 1;
/// The most characters of a sentence.
const LONGEST: usize = 600;
/// Ends that nobody asked for, in [`HOUR`] seconds, from which on a node is said to be in a loop.
const LOOP: usize = 3;
const HOUR: u64 = 3_600;
/// Two events of one kind are a loop if so many lines or fewer lie between them.
const CYCLE: usize = 3;

/// A start of the engine.
#[derive(Debug)]
pub struct Start<'a> {
    pub engine: &'static Engine,
    pub version: Option<&'a str>,
    pub role: &'a str,
    pub record: &'a Record,
    /// The member that it joins by.
    pub helper: Option<&'a str>,
    pub exec: bool,
}

impl Start<'_> {
    /// The events of this start. `before`: the record of the start before.
    pub fn events(&self, past: &[Event], before: Option<&Record>) -> Vec<Event> {
        let events = [
            no_end(past),
            self.other_host(before),
            self.other_version(past),
            Some(self.started()),
        ];
        events.into_iter().flatten().collect()
    }

    fn started(&self) -> Event {
        let component = self.record.component;
        let mut words = vec![self.engine.name];
        words.extend(self.version);
        words.push(component.name());
        let host = self.record.host.to_string();
        words.push(&host);
        let mut say = words.join(" ");
        if component.is_fe() {
            say.push_str(&format!(", {}", self.role));
        }
        if self.record.progress == Progress::Founding {
            say.push_str(", to found a cluster");
        }
        if let Some(helper) = self.helper {
            say.push_str(&format!(", to join by {helper}"));
        }
        Event {
            version: self.version.map(str::to_owned),
            exec: self.exec.then_some(true),
            ..Event::new(Word::Started, say)
        }
    }

    fn other_host(&self, before: Option<&Record>) -> Option<Event> {
        let before = before.filter(|record| record.progress.binds_host())?;
        let (old, new): (&Host, &Host) = (&before.host, &self.record.host);
        (old != new).then(|| Event::new(Word::Readdressed, format!("{new}, and {old} before")))
    }

    fn other_version(&self, past: &[Event]) -> Option<Event> {
        let before = past.iter().rev().find_map(|event| event.version.as_deref())?;
        let now = self.version.filter(|now| *now != before)?;
        Some(Event::new(Word::Version, format!("{now}, and {before} before")))
    }
}

/// Says that the run before has no end. Its data must be locked: it runs no more.
fn no_end(past: &[Event]) -> Option<Event> {
    let is_of_run = |event: &&Event| {
        matches!(
            event.event,
            Word::Started | Word::Ended | Word::Stopped | Word::NoEnd | Word::Again
        )
    };
    let last = past.iter().rev().find(is_of_run)?;
    let open = last.event == Word::Started && last.exec != Some(true);
    open.then(|| {
        let say = format!(
            "the run of {} has no end: it was killed, or the host went down",
            time(last.at)
        );
        Event::new(Word::NoEnd, say)
    })
}

/// An end that nobody asked for.
pub fn ended(report: &EndReport, number: u8, ran: Duration) -> Event {
    Event {
        code: Some(number),
        ran_s: Some(ran.as_secs()),
        reason: report.id().map(str::to_owned),
        ..Event::new(Word::Ended, excerpt(&report.clause(), LONGEST))
    }
}

/// An end on request.
#[derive(Debug, Clone, Copy)]
pub struct Stop {
    /// The code of the engine, if it is not that of a clean stop.
    pub unclean: Option<u8>,
    /// From the request to the end.
    pub took: Duration,
    pub ran: Duration,
    /// It was killed because the grace was over.
    pub cut: bool,
}

impl Stop {
    pub fn event(self) -> Event {
        let took = seconds(self.took);
        let how = match (self.cut, self.unclean) {
            (true, _) => format!("killed after {took}: it had not stopped by then"),
            (false, Some(code)) => format!("in {took}, with {code}: the stop was not clean"),
            (false, None) => format!("in {took}"),
        };
        let ran = lasts(i64::try_from(self.ran.as_secs()).unwrap_or(i64::MAX));
        Event {
            code: self.unclean,
            ran_s: Some(self.ran.as_secs()),
            stop_ms: Some(u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX)),
            cut: Some(self.cut),
            ..Event::new(Word::Stopped, format!("on request, {how}; it had run for {ran}"))
        }
    }
}

/// A start that was refused: its exit code, and the report that was printed.
pub fn refused(code: u8, report: &str) -> Event {
    let (sentences, _) = report.split_once("\n\n").unwrap_or((report, ""));
    let lines: Vec<&str> = sentences
        .lines()
        .filter(|line| !line.starts_with("warning: "))
        .map(|line| line.trim_start_matches("error: ").trim())
        .filter(|line| !line.is_empty())
        .collect();
    Event {
        code: Some(code),
        ..Event::new(
            Word::Refused,
            excerpt(&format!("{code}: {}", lines.join("; ")), LONGEST),
        )
    }
}

/// The cluster shows this node alive: what is new of that. `before`: how far its record was.
pub fn alive(before: Progress, cluster: &Cluster, past: &[Event]) -> Option<Event> {
    let (id, leader) = (&cluster.id, &cluster.leader.host);
    let known = past.iter().rev().find_map(|event| event.leader.as_ref());
    let (word, say) = match (before, known) {
        (Progress::Founding, _) => (Word::Founded, format!("cluster {id}")),
        (Progress::Planned | Progress::Added | Progress::Started, _) => {
            (Word::Joined, format!("cluster {id}, led by {leader}"))
        }
        (Progress::Dropped, _) => (
            Word::Listed,
            format!("cluster {id}, led by {leader}, lists this node again"),
        ),
        (Progress::Joined, Some(known)) if known == leader => return None,
        (Progress::Joined, Some(known)) => (Word::Leader, format!("{leader} leads, and {known} before")),
        (Progress::Joined, None) => (Word::Leader, format!("{leader} leads cluster {id}")),
    };
    Some(Event {
        cluster_id: Some(id.clone()),
        leader: Some(leader.clone()),
        ..Event::new(word, say)
    })
}

/// The lines that are kept of all. Of a node that is started again and again its first ends stay, with the number of those that
/// are left out behind them: they say what began it.
pub fn kept(mut lines: Vec<String>) -> Vec<String> {
    while lines.len() > MOST {
        let events: Vec<Option<Event>> = lines.iter().map(|line| serde_json::from_str(line).ok()).collect();
        match repeat(&events) {
            Some((at, first)) => {
                let removed = events.get(at).and_then(Option::as_ref);
                let more = removed.and_then(|event| event.more).unwrap_or_default() + 1;
                if let (Some(Some(event)), Some(line)) = (events.get(first), lines.get_mut(first)) {
                    let more = Some(event.more.unwrap_or_default() + more);
                    let counted = Event {
                        more,
                        ..event.clone()
                    };
                    counted.to_line().trim_end().clone_into(line);
                }
                lines.remove(at);
            }
            None => drop(lines.remove(0)),
        }
    }
    lines
}

/// The oldest event that is like one shortly before and one shortly after it, and the one before.
fn repeat(events: &[Option<Event>]) -> Option<(usize, usize)> {
    let key = |at: usize| {
        let event = events.get(at)?.as_ref()?;
        Some((event.event, event.code, event.reason.as_deref()))
    };
    (0..events.len()).find_map(|at| {
        let own = key(at)?;
        let before = (at.saturating_sub(CYCLE)..at)
            .rev()
            .find(|other| key(*other) == Some(own))?;
        let mut after = at + 1..=at + CYCLE;
        after.any(|other| key(other) == Some(own)).then_some((at, before))
    })
}

/// A node that does not stay up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CrashLoop {
    /// Ends that nobody asked for, and starts that were refused, within an hour.
    pub times: usize,
    /// The last of them.
    pub last: String,
}

/// `now`: seconds since 1970.
pub fn crash_loop(events: &[Event], now: u64) -> Option<CrashLoop> {
    let ends = events.iter().filter(|event| {
        let is_end = matches!(event.event, Word::Ended | Word::NoEnd | Word::Refused);
        is_end && event.at.saturating_add(HOUR) > now
    });
    let last = ends.clone().next_back()?;
    let times = ends.count();
    (times >= LOOP).then(|| CrashLoop {
        times,
        last: last.say.clone(),
    })
}

/// The events as a table, at most 80 columns wide.
pub fn table(events: &[Event]) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(u16::try_from(COLUMNS).unwrap_or(u16::MAX));
    for event in events {
        let more = event
            .more
            .map_or_else(String::new, |more| format!(" ({more} more like it)"));
        table.add_row([
            time(event.at),
            event.event.id().to_owned(),
            format!("{}{more}", event.say),
        ]);
    }
    let lines = table.lines().map(|line| line.trim_end().to_owned() + "\n");
    lines.collect()
}

#[derive(Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Report<'a> {
    muster: u8,
    component: &'a str,
    events: &'a [Event],
}

/// The events for programs. Keys are only ever added.
pub fn json(component: Component, events: &[Event]) -> String {
    let report = Report {
        muster: SCHEMA,
        component: component.id(),
        events,
    };
    // Strings and numbers only: nothing here can fail to be JSON.
    serde_json::to_string_pretty(&report).unwrap_or_default() + "\n"
}

#[cfg(test)]
mod tests;
