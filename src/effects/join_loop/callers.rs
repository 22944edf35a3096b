//! Observes who calls: named hosts, which are asked by SQL anyway, and strangers, which are asked over HTTP only.

use std::collections::BTreeSet;

use futures_util::future::join_all;

use super::Search;
use super::observe::would_found;
use crate::cluster::FeClient;
use crate::effects::ask_callers;
use crate::effects::journal_pulse::JournalPulse;
use crate::effects::listen::Caller;
use crate::effects::look::Round;
use crate::engine::Call;
use crate::facts::resolve::resolve;
use crate::plan::Plan;
use crate::plan::caller::{self, Believed, CallerAnswers};
use crate::plan::leader::Belief;
use crate::plan::witness::{self, Witness, goes_first};
use crate::settings::{Endpoint, Host};

/// The callers that nobody named, with their answers.
#[derive(Default)]
pub(super) struct Strangers {
    /// Every spelling of the hosts that were named.
    pub(super) named: BTreeSet<Host>,
    pub(super) callers: Vec<(Caller, Option<CallerAnswers>)>,
}

impl<C: FeClient> Search<'_, C> {
    /// The calls that begin the guard anew: all but those of a node that would found after this one.
    pub(super) fn calls(&self, plan: &Plan) -> u64 {
        let later = |call: &Call| match call {
            Call::Seed { host, founding } => {
                !Host::parse(host).is_ok_and(|host| goes_first(&host, *founding, &plan.node.host))
            }
            Call::Leads | Call::Heartbeat(_) | Call::WantsVote | Call::Member { .. } => false,
        };
        let heard = self.heard().into_iter();
        heard
            .filter(|(caller, _)| !later(&caller.call))
            .map(|(_, calls)| calls)
            .sum()
    }

    /// The callers that nobody named, each with its answers over HTTP.
    pub(super) async fn strangers(&self, plan: &Plan, known: &[Endpoint]) -> Strangers {
        let heard = self.heard();
        if heard.is_empty() {
            return Strangers::default();
        }
        let spellings = known.iter().map(async |endpoint| {
            let addresses = resolve(&endpoint.host).await.unwrap_or_default();
            let addresses = addresses.into_iter().map(Host::from);
            addresses.chain([endpoint.host.clone()]).collect::<Vec<Host>>()
        });
        let named: BTreeSet<Host> = join_all(spellings).await.into_iter().flatten().collect();
        let strangers = heard.into_iter().map(|(caller, _)| caller);
        let strangers = strangers.filter(|caller| !named.contains(&Host::from(caller.from)));
        let answers = strangers.map(async |caller| {
            let answers = ask_callers::ask(self.client, plan, &caller).await;
            (caller, answers)
        });
        let callers = join_all(answers).await;
        Strangers { named, callers }
    }

    /// The caller that is believed, and the calls of the others.
    pub(super) fn judge_strangers(
        &mut self,
        plan: &Plan,
        round: &Round,
        strangers: &Strangers,
    ) -> (Option<Believed>, Vec<Witness>) {
        let (mut believed, mut calls) = (None, Vec::new());
        for (caller, answers) in &strangers.callers {
            let from = Host::from(caller.from);
            let Some(mut answers) = answers.clone() else {
                continue;
            };
            if let Some(journal) = answers.ha.as_ref().and_then(|ha| ha.journal) {
                let pulse = self.journals.entry(answers.leader.clone());
                let pulse = pulse.or_insert_with(|| JournalPulse::begin(journal));
                answers.journal_rose = pulse.beats(journal);
            }
            if let Belief::Leader(cluster) = &round.belief {
                let members: Vec<String> = cluster.frontends.iter().map(|fe| fe.host.clone()).collect();
                if let Some(warning) = caller::other_cluster(&plan.node, &members, &answers) {
                    self.warn(&warning);
                }
                continue;
            }
            let call = match (
                &caller.call,
                caller::judge(&plan.node, &strangers.named, &answers),
            ) {
                (_, Ok(its)) => {
                    believed.get_or_insert(its);
                    continue;
                }
                (Call::Leads | Call::Heartbeat(_), Err(why)) => Some(why),
                (Call::WantsVote, _) => Some(Witness::WantsVote(from)),
                (Call::Member { cluster, host }, _) => self.of_muster(plan, from, cluster, host),
                (Call::Seed { host, founding }, _) => self.of_seed(plan, host, *founding, Some(from)),
            };
            calls.extend(call.filter(|call| !calls.contains(call)));
        }
        (believed, calls)
    }

    /// Another node that founded first, by its own call, leads a cluster now.
    #[expect(clippy::unused_self, reason = "one of the questions about the callers")]
    pub(super) fn seed_leads(&self, strangers: &Strangers) -> bool {
        strangers.callers.iter().any(|(caller, answers)| {
            let leads = answers.as_ref().and_then(|answers| answers.ha.as_ref());
            matches!(caller.call, Call::Seed { .. }) && leads.is_some_and(|ha| ha.leads)
        })
    }

    /// The evidence of the callers that were named: a leader is asked back whether it lists this host; one that asks for a
    /// vote has no leader to ask; the muster of a member names the host it means.
    pub(super) fn witnesses_of_callers(
        &self,
        plan: &Plan,
        round: &Round,
        named: &BTreeSet<Host>,
    ) -> Vec<Witness> {
        let witness = |(caller, _): (Caller, u64)| {
            let from = Host::from(caller.from);
            if !named.contains(&from) {
                return None;
            }
            match caller.call {
                Call::Leads | Call::Heartbeat(_) => {
                    witness::of_leader(plan.node.identity(), from, &round.answers)
                }
                Call::WantsVote => Some(Witness::WantsVote(from)),
                Call::Seed { host, founding } => self.of_seed(plan, &host, founding, None),
                Call::Member { cluster, host } => self.of_muster(plan, from, &cluster, &host),
            }
        };
        self.heard().into_iter().filter_map(witness).collect()
    }

    #[expect(clippy::unused_self, reason = "one of the questions about the callers")]
    fn of_seed(&self, plan: &Plan, host: &str, founding: bool, from: Option<Host>) -> Option<Witness> {
        let host = Host::parse(host).ok().filter(|_| would_found(plan))?;
        goes_first(&host, founding, &plan.node.host).then_some(Witness::Seed { host, founding, from })
    }

    #[expect(clippy::unused_self, reason = "one of the questions about the callers")]
    fn of_muster(&self, plan: &Plan, from: Host, cluster: &str, host: &str) -> Option<Witness> {
        plan.node.identity().is_at(host).then(|| Witness::Member {
            from,
            cluster: cluster.to_owned(),
        })
    }
}
