//! One round of looking around: every FE that is known is asked at once, and the round ends as soon as an answer can
//! be believed, so that one host that is down does not hold up the others.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::cluster::{Cluster, Endpoint};
use crate::engine::member::Frontend;
use crate::plan::leader::{Answer, Belief, believe};

/// After the first believable answer the others get this long to contradict it.
const CONTRADICTION: Duration = Duration::from_millis(30);

/// Everybody who may know something, and what the last round brought.
#[derive(Debug)]
pub struct Round {
    pub answers: Vec<Answer>,
    pub belief: Belief,
}

/// Asks all of `known` and judges the answers.
pub async fn look<C: Cluster + Clone + Send + 'static>(client: &C, known: &[Endpoint], heartbeat: Duration) -> Round {
    let mut asking = JoinSet::new();
    for (place, endpoint) in known.iter().cloned().enumerate() {
        let client = client.clone();
        asking.spawn(async move {
            let said = client.frontends(&endpoint).await;
            (place, Answer { from: endpoint.host, port: endpoint.port, said })
        });
    }
    let mut answers = BTreeMap::new();
    let mut until = None;
    loop {
        let next = async {
            match until {
                Some(until) => tokio::time::timeout_at(until, asking.join_next()).await.unwrap_or(None),
                None => asking.join_next().await,
            }
        };
        let Some(joined) = next.await else { break };
        let Ok((place, answer)) = joined else { continue };
        let usable = answer.said.is_ok();
        answers.insert(place, answer);
        if usable && until.is_none() && matches!(verdict(&answers, heartbeat), Belief::Leader(_)) {
            until = Some(tokio::time::Instant::now() + CONTRADICTION);
        }
    }
    // Who has not answered by now is not waited for; dropping the set ends the questions.
    let belief = verdict(&answers, heartbeat);
    Round { answers: answers.into_values().collect(), belief }
}

fn verdict(answers: &BTreeMap<usize, Answer>, heartbeat: Duration) -> Belief {
    believe(&answers.values().cloned().collect::<Vec<_>>(), heartbeat)
}

impl Round {
    /// Whether any FE gave an answer at all, be it a refusal.
    pub fn answered(&self) -> bool {
        !matches!(self.belief, Belief::Nobody)
    }

    /// The longest list of members any FE showed.
    pub fn members(&self) -> &[Frontend] {
        self.answers
            .iter()
            .filter_map(|answer| answer.said.as_deref().ok())
            .max_by_key(|members| members.len())
            .unwrap_or_default()
    }

    /// For the waiting line: what each FE last answered.
    pub fn summary(&self) -> String {
        let each = self.answers.iter().map(|answer| {
            let from = answer.from.with_port(answer.port);
            match &answer.said {
                Ok(members) => format!("{from} lists {} FEs", members.len()),
                Err(why) => format!("{from} {why}"),
            }
        });
        each.collect::<Vec<_>>().join("; ")
    }
}
