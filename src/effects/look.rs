//! Looks for the leader. In one round every known FE is asked at once, and the round ends soon after the first answer that
//! confirms a leader, so that one host that is down does not hold up the others.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, sleep, timeout_at};

use crate::cluster::FeClient;
use crate::effects::backoff::{Backoff, Met};
use crate::engine::failure::Failure;
use crate::engine::member::Frontend;
use crate::plan::ask_list::by_host;
use crate::plan::leader::{Answer, Belief, Cluster, believe, no_leader};
use crate::settings::Endpoint;
use std::collections::BTreeMap;

/// After the first answer that confirms a leader the others get this long to contradict it, when nothing is changed by it.
pub const CONTRADICTION: Duration = Duration::from_millis(30);
/// The same before a node joins a cluster: another one may answer a little later.
pub const LONGER: Duration = Duration::from_millis(300);
/// The bound of one round: the deadline of a call, and a little for the first of them to be judged.
pub const ROUND: Duration = Duration::from_secs(4);

/// The answers of one round, and the verdict over them.
#[derive(Debug)]
pub struct Round {
    pub answers: Vec<Answer>,
    pub belief: Belief,
    /// Every FE has answered, or its time is over.
    pub complete: bool,
}

/// Asks all of `known` once and judges the answers; `longest` bounds the whole round, `contradiction` the rest of it after
/// the first answer that confirms a leader.
pub async fn look<C: FeClient>(
    client: &C,
    known: &[Endpoint],
    heartbeat: Duration,
    longest: Duration,
    contradiction: Duration,
) -> Round {
    let hosts = by_host(known);
    let of_all = hosts.len();
    let mut asking: FuturesUnordered<_> = hosts
        .iter()
        .enumerate()
        .map(async |(place, candidates)| (place, ask(client, candidates).await))
        .collect();
    let mut answers = BTreeMap::new();
    let mut until = Instant::now() + longest;
    let mut confirmed = false;
    let end = until;
    while let Ok(Some((place, answer))) = timeout_at(until, asking.next()).await {
        let Some(answer) = answer else { continue };
        let usable = answer.said.is_ok();
        answers.insert(place, answer);
        if usable && !confirmed && matches!(verdict(&answers, heartbeat), Belief::Leader(_)) {
            confirmed = true;
            until = until.min(Instant::now() + contradiction);
        }
    }
    // Dropping the questions that are still open ends them.
    Round {
        complete: answers.len() == of_all || until == end,
        belief: verdict(&answers, heartbeat),
        answers: answers.into_values().collect(),
    }
}

/// Asks one host at the next port for as long as nothing listens at the one before. Returns the answer of the first port if
/// nothing listens at any.
pub(super) async fn ask<C: FeClient>(client: &C, candidates: &[&Endpoint]) -> Option<Answer> {
    let mut first = None;
    for endpoint in candidates {
        let answer = Answer {
            from: endpoint.host.clone(),
            port: endpoint.port,
            said: client.frontends(endpoint).await,
        };
        if answer.said != Err(Failure::Refused) {
            return Some(answer);
        }
        first.get_or_insert(answer);
    }
    first
}

/// Asks until a leader is confirmed or `patience` is over. Without one it returns the last round, which says why; at once if
/// an answer cannot change by asking again.
pub async fn find_leader<C: FeClient>(
    client: &C,
    known: &[Endpoint],
    heartbeat: Duration,
    patience: Duration,
) -> Result<Cluster, Round> {
    let begun = Instant::now();
    let mut backoff = Backoff::new();
    loop {
        let round = look(client, known, heartbeat, ROUND, CONTRADICTION).await;
        match round.belief {
            Belief::Leader(cluster) => return Ok(cluster),
            Belief::Doubt(_) | Belief::Nobody => {}
        }
        if begun.elapsed() >= patience || !round.denied().is_empty() {
            return Err(round);
        }
        sleep(backoff.next(round.met())).await;
    }
}

fn verdict(answers: &BTreeMap<usize, Answer>, heartbeat: Duration) -> Belief {
    believe(&answers.values().cloned().collect::<Vec<_>>(), heartbeat)
}

impl Round {
    /// A round without a question.
    pub const fn nobody() -> Self {
        Self {
            answers: Vec::new(),
            belief: Belief::Nobody,
            complete: true,
        }
    }

    /// True if an FE gave any answer, also an error.
    pub const fn answered(&self) -> bool {
        !matches!(self.belief, Belief::Nobody)
    }

    /// The kind of round, for the pause after it.
    pub fn met(&self) -> Met {
        let failures = self
            .answers
            .iter()
            .filter_map(|answer| answer.said.as_ref().err());
        Met::of(self.answered(), failures)
    }

    /// The longest list of members that any FE showed.
    pub fn members(&self) -> &[Frontend] {
        self.answers
            .iter()
            .filter_map(|answer| answer.said.as_deref().ok())
            .max_by_key(|members| members.len())
            .unwrap_or_default()
    }

    /// The failures, one clause for each FE.
    pub fn failures(&self) -> Vec<String> {
        self.answers.iter().filter_map(Answer::failure).collect()
    }

    /// The answers that asking again cannot change.
    pub fn denied(&self) -> Vec<(String, Failure)> {
        self.failed(Failure::is_final)
    }

    /// The same, and those that have not changed although there was time.
    pub fn denied_to_the_end(&self) -> Vec<(String, Failure)> {
        self.failed(|why| why.is_final() || matches!(why, Failure::NoPassword(_)))
    }

    fn failed(&self, so: impl Fn(&Failure) -> bool) -> Vec<(String, Failure)> {
        let failed = self.answers.iter().filter_map(|answer| match &answer.said {
            Err(why) if so(why) => Some((answer.from.with_port(answer.port), why.clone())),
            _ => None,
        });
        failed.collect()
    }

    /// The reason why no leader is confirmed.
    pub fn no_leader(&self) -> String {
        no_leader(&self.belief, &self.failures())
    }
}
