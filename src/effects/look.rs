//! One round of looking around: every FE that is known is asked at once, and the round ends as soon as an answer can
//! be believed, so that one host that is down does not hold up the others.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, timeout_at};

use crate::cluster::FeClient;
use crate::effects::backoff::Met;
use crate::engine::member::Frontend;
use crate::plan::leader::{Answer, Belief, believe};
use crate::settings::Endpoint;
use std::collections::BTreeMap;

/// After the first believable answer the others get this long to contradict it, when nothing is done upon it.
pub const CONTRADICTION: Duration = Duration::from_millis(30);
/// The same before a node enters a cluster: another one may answer a little later.
pub const LONGER: Duration = Duration::from_millis(300);

/// What one round brought.
#[derive(Debug)]
pub struct Round {
    pub answers: Vec<Answer>,
    pub belief: Belief,
}

/// Asks all of `known` and judges the answers; `longest` bounds the whole round, `contradiction` what is left of it after
/// the first believable answer.
pub async fn look<C: FeClient>(
    client: &C,
    known: &[Endpoint],
    heartbeat: Duration,
    longest: Duration,
    contradiction: Duration,
) -> Round {
    let mut asking: FuturesUnordered<_> = known
        .iter()
        .enumerate()
        .map(async |(place, endpoint)| {
            let said = client.frontends(endpoint).await;
            (
                place,
                Answer {
                    from: endpoint.host.clone(),
                    port: endpoint.port,
                    said,
                },
            )
        })
        .collect();
    let mut answers = BTreeMap::new();
    let mut until = Instant::now() + longest;
    let mut believed = false;
    while let Ok(Some((place, answer))) = timeout_at(until, asking.next()).await {
        let usable = answer.said.is_ok();
        answers.insert(place, answer);
        if usable && !believed && matches!(verdict(&answers, heartbeat), Belief::Leader(_)) {
            believed = true;
            until = until.min(Instant::now() + contradiction);
        }
    }
    // Who has not answered by now is not waited for: dropping the questions ends them.
    Round {
        belief: verdict(&answers, heartbeat),
        answers: answers.into_values().collect(),
    }
}

fn verdict(answers: &BTreeMap<usize, Answer>, heartbeat: Duration) -> Belief {
    believe(&answers.values().cloned().collect::<Vec<_>>(), heartbeat)
}

impl Round {
    /// A round in which nobody was asked.
    pub const fn nobody() -> Self {
        Self {
            answers: Vec::new(),
            belief: Belief::Nobody,
        }
    }

    /// Whether any FE gave an answer at all, be it a refusal.
    pub const fn answered(&self) -> bool {
        !matches!(self.belief, Belief::Nobody)
    }

    /// What it met, as far as the pause after it goes.
    pub fn met(&self) -> Met {
        let failures = self
            .answers
            .iter()
            .filter_map(|answer| answer.said.as_ref().err());
        Met::of(self.answered(), failures)
    }

    /// The longest list of members any FE showed.
    pub fn members(&self) -> &[Frontend] {
        self.answers
            .iter()
            .filter_map(|answer| answer.said.as_deref().ok())
            .max_by_key(|members| members.len())
            .unwrap_or_default()
    }

    /// What each FE answered, one clause each.
    pub fn clauses(&self) -> Vec<String> {
        let each = self.answers.iter().map(|answer| {
            let from = answer.from.with_port(answer.port);
            match &answer.said {
                Ok(members) => format!("{from} lists {}", count(members.len(), "FE")),
                Err(why) => format!("{from} {why}"),
            }
        });
        each.collect()
    }

    /// The same for the waiting line.
    pub fn summary(&self) -> String {
        if self.answers.is_empty() {
            return "nobody to ask".to_owned();
        }
        self.clauses().join("; ")
    }
}

fn count(number: usize, what: &str) -> String {
    if number == 1 {
        format!("1 {what}")
    } else {
        format!("{number} {what}s")
    }
}
