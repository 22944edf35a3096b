//! Observes for one decision: the answers of FEs, the callers, and the answers without SQL.

use std::time::Duration;

use futures_util::future::{join, join_all};

use super::Search;
use crate::cluster::{FeClient, is_open};
use crate::effects::announce::Announcer;
use crate::effects::ask_callers::{election_ports, membership as ask_membership};
use crate::effects::guard_clock::GuardClock;
use crate::effects::listen::{CallPort, Caller, Callers};
use crate::effects::look::{CONTRADICTION, LONGER, ROUND, Round, look};
use crate::effects::look_before_start;
use crate::engine::Poll;
use crate::engine::failure::Failure;
use crate::engine::member::{Backend, Member};
use crate::engine::probe::{HttpWitness, Membership};
use crate::facts::data::ClusterToken;
use crate::facts::record::{MemberSeen, Progress, Record};
use crate::facts::resolve::{Resolved, resolve};
use crate::plan::before_start;
use crate::plan::data::Data;
use crate::plan::join::asking;
use crate::plan::leader::{Belief, Cluster, remembering};
use crate::plan::node::{Asking, Identity, Role, Seen};
use crate::plan::refusal::Refusal;
use crate::plan::witness::{Witness, goes_first};
use crate::plan::{Plan, ask_list, founding_mode, prescribed};
use crate::settings::{Bootstrap, Endpoint, Host};
use std::collections::BTreeSet;

/// The one look of a member without a record.
const ONE_LOOK: Duration = Duration::from_secs(2);
/// The time that one member has to accept a connection on its election port.
const KNOCK: Duration = Duration::from_secs(1);

impl<C: FeClient> Search<'_, C> {
    pub(super) async fn observe(&mut self, plan: &Plan) -> (Seen, Round) {
        let asking = asking(&plan.node);
        let engine = self.home.engine;
        // No leader polls the new host of a node that has moved, and `readdress` checks that its ports are closed.
        let moved = matches!(plan.node.data, Data::Moved(_));
        if asking == Asking::Until && self.callers.is_none() && !moved {
            self.listen(plan).await;
        }
        let known = self.known(plan);
        let contradiction = if self.thorough { ROUND } else { LONGER };
        let asked_by_sql = async {
            match asking {
                Asking::Nobody => Round::nobody(),
                Asking::Once => look(self.client, &known, engine.heartbeat, ONE_LOOK, CONTRADICTION).await,
                Asking::Until => look(self.client, &known, engine.heartbeat, ROUND, contradiction).await,
            }
        };
        let (round, (strangers, reset)) = join(
            asked_by_sql,
            join(self.strangers(plan, &known), self.reset(plan, &known)),
        )
        .await;
        let belief = remembering(round.belief.clone(), &round.answers, &mut self.shown);
        let round = Round { belief, ..round };
        let backends = match &round.belief {
            Belief::Leader(cluster) if !plan.node.role.is_fe() => Some(self.backends(plan, cluster).await),
            _ => None,
        };
        let mut witnesses = self.witnesses_of_callers(plan, &round, &strangers.named);
        witnesses.extend(self.over_http(plan, &round, &known).await);
        let (caller, calls) = self.judge_strangers(plan, &round, &strangers);
        let musters = self.call(plan, &round).await;
        let waiting = self.waiting(plan, &round, &musters).await;
        if would_found(plan) {
            // They may found too. Once heard they are remembered: their engines do not answer for a while.
            self.rivals.extend(musters);
            let rivals = self.rivals.iter();
            let first = rivals.filter(|host| goes_first(host, false, &plan.node.host));
            witnesses.extend(first.map(|host| Witness::Seed {
                host: host.clone(),
                founding: false,
                from: None,
            }));
            for at in self.knock(plan, &round).await {
                if !self.starting.contains(&at) {
                    self.starting.push(at);
                }
            }
            // A muster that began to listen just before its port was tried has called by now.
            self.starting.retain(|at| !self.rivals.contains(&at.host));
            let engines = self.starting.iter().cloned();
            witnesses.extend(engines.map(Witness::Starts));
        }
        let rung = self.calls(plan);
        let unheard = self.callers.as_ref().and_then(Callers::unheard);
        if rung != self.calls || unheard.is_some() || self.seed_leads(&strangers) {
            self.calls = rung;
            self.listening = self.listening.take().map(|_| GuardClock::begin());
        }
        witnesses.extend(unheard.map(|(count, from)| Witness::Unheard { count, from }));
        let guard = self.listening.as_ref().map(GuardClock::so_far);
        let patience_over = self.begun.elapsed() >= self.settings.wait_timeout.value;
        let seen = Seen {
            belief: round.belief.clone(),
            fatal: if patience_over {
                round.denied_to_the_end()
            } else {
                round.denied()
            },
            members: round.members().to_vec(),
            backends,
            answers: round.failures(),
            witnesses,
            caller,
            calls,
            complete: round.complete,
            reset,
            other_mode: self.other_mode(plan, &round).await,
            waiting,
            guard_over: guard.is_some_and(|guard| guard >= plan.guard_time),
            patience_over,
        };
        (seen, round)
    }

    /// Listens where a living cluster would poll this node. The election port is for nodes that would found: all others wait
    /// for a leader, which polls, and an open election port tells other nodes that an engine starts here.
    async fn listen(&mut self, plan: &Plan) {
        let component = self.home.component;
        let mut ports: Vec<CallPort> = Vec::new();
        for listener in self.home.engine.ears_of(component) {
            if matches!(listener.poll, Poll::Election | Poll::Seed) && !would_found(plan) {
                continue;
            }
            let Some(port) = plan
                .ports
                .iter()
                .find(|choice| choice.port.name == listener.port)
                .map(|choice| choice.number)
            else {
                continue;
            };
            match ports.iter_mut().find(|open| open.port == port) {
                Some(open) => open.polls.push(&listener.poll),
                None => ports.push(CallPort {
                    port,
                    polls: vec![&listener.poll],
                }),
            }
        }
        let remembered = self.remembered().into_iter().map(|member| member.host);
        let named = self.settings.master_hosts.value.iter().cloned().chain(remembered);
        let own = plan.node.host.to_string();
        self.callers = Some(Callers::listen(ports, &own, named.collect()).await);
        self.listening.get_or_insert_with(GuardClock::begin);
    }

    pub(super) fn known(&self, plan: &Plan) -> Vec<Endpoint> {
        let mut members = self.members.clone();
        members.extend(self.remembered());
        ask_list::endpoints(&ask_list::Inputs {
            master_hosts: &plan.masters,
            query_ports: &plan.query_ports,
            members: &members,
            not: plan.node.role.is_fe().then_some(&plan.node.host),
        })
    }

    pub(super) fn record(&self) -> Option<&Record> {
        self.facts
            .records
            .data
            .record()
            .or_else(|| self.facts.records.state.record())
    }

    /// The members of both copies: the one in the state dir is refreshed, and has those that joined later.
    pub(super) fn remembered(&self) -> Vec<MemberSeen> {
        let records = &self.facts.records;
        let Some(record) = self.record() else {
            return Vec::new();
        };
        let mut members = record.members.clone();
        if let Some(state) = records.state.record().filter(|state| state.host == record.host) {
            for member in &state.members {
                if members.iter().all(|known| known.host != member.host) {
                    members.push(member.clone());
                }
            }
        }
        members
    }

    pub(super) fn heard(&self) -> Vec<(Caller, u64)> {
        self.callers.as_ref().map(Callers::heard).unwrap_or_default()
    }

    /// The refusal of a member whose group was reset without it.
    async fn reset(&self, plan: &Plan, known: &[Endpoint]) -> Option<Refusal> {
        if !before_start::looks(&plan.node) {
            return None;
        }
        let own = plan.http_port()?;
        let remembered = self.remembered();
        let mut members: Vec<(Host, u16)> = Vec::new();
        for host in known.iter().map(|endpoint| &endpoint.host) {
            let member = remembered
                .iter()
                .find(|member| member.host == *host && member.http_port != 0);
            let member = (host.clone(), member.map_or(own, |member| member.http_port));
            if !members.contains(&member) {
                members.push(member);
            }
        }
        let token = plan.data_dir.as_deref().and_then(ClusterToken::read);
        let here = self.facts.addresses.all();
        let answers = look_before_start::look(self.client, &plan.node, &here, &members, token.as_ref()).await;
        before_start::reset_without(&plan.node, &here, &answers)
    }

    /// The refusal of an FE whose cluster runs in another mode: it is found before the FE is registered there.
    async fn other_mode(&self, plan: &Plan, round: &Round) -> Option<Refusal> {
        let joins = matches!(plan.node.data, Data::Empty { .. } | Data::Unfinished { .. });
        let Belief::Leader(cluster) = &round.belief else {
            return None;
        };
        if !joins || !plan.node.role.is_fe() || plan.node.identity().find(&cluster.frontends).is_some() {
            return None;
        }
        let its = self.client.founding_mode(&cluster.endpoint()).await?;
        founding_mode::joins_otherwise(self.settings, &self.facts, &its, &cluster.leader.host)
    }

    /// The answers over HTTP of the hosts that were asked: for a node that may found, when no FE answers SQL.
    async fn over_http(&self, plan: &Plan, round: &Round, known: &[Endpoint]) -> Vec<Witness> {
        if !may_found(plan) || round.answered() {
            return Vec::new();
        }
        let Some(own) = plan.http_port() else {
            return Vec::new();
        };
        let me = Endpoint {
            host: plan.node.host.clone(),
            port: plan.node.identity_port,
        };
        let remembered = self
            .record()
            .map(|record| record.members.as_slice())
            .unwrap_or_default();
        let mut hosts: Vec<&Host> = Vec::new();
        for endpoint in known {
            if !hosts.contains(&&endpoint.host) {
                hosts.push(&endpoint.host);
            }
        }
        let told = hosts.into_iter().map(async |host| {
            let member = remembered
                .iter()
                .find(|member| &member.host == host && member.http_port != 0);
            let port = member.map_or(own, |member| member.http_port);
            let known = member.map(|member| member.edit_log_port).into_iter();
            let mut ports: Vec<u16> = known.chain(election_ports(plan)).collect();
            ports.dedup();
            let told = told(self.client, (host, port), &ports, &me).await?;
            Some(Witness::Http {
                from: host.clone(),
                told,
            })
        });
        join_all(told).await.into_iter().flatten().collect()
    }

    /// Calls the members that do not answer, while the cluster has no leader. Returns the hosts where a muster waits.
    async fn call(&mut self, plan: &Plan, round: &Round) -> Vec<Host> {
        if asking(&plan.node) != Asking::Until || matches!(round.belief, Belief::Leader(_)) {
            return Vec::new();
        }
        if self.announcer.is_none() {
            let own = self.record().and_then(Announcer::of);
            self.announcer = own.or_else(|| Self::seed_announcer(plan));
        }
        match &mut self.announcer {
            Some(announcer) => announcer.call(self.client, &round.answers).await.to_vec(),
            None => Vec::new(),
        }
    }

    /// The call of a node that would found, to the other FEs of `MASTER_HOST`.
    fn seed_announcer(plan: &Plan) -> Option<Announcer> {
        let told = &plan.masters;
        Some(Announcer::of_seed(
            &plan.node.host,
            false,
            told,
            plan.http_port()?,
        ))
        .filter(|_| would_found(plan))
    }

    /// Members that wait for a vote: asked only by a node that may bring it, and only while there is no leader. A member
    /// whose muster waits has no vote to count.
    async fn waiting(&self, plan: &Plan, round: &Round, musters: &[Host]) -> Vec<String> {
        let registered = |record: &&Record| matches!(record.progress, Progress::Added | Progress::Started);
        let unfinished = matches!(plan.node.data, Data::Unfinished { keep: true, .. })
            && !matches!(round.belief, Belief::Leader(_));
        let Some(record) = self.record().filter(registered).filter(|_| unfinished) else {
            return Vec::new();
        };
        let others = record.members.iter();
        let others = others.filter(|member| member.host != plan.node.host && !musters.contains(&member.host));
        let ports = others.map(|member| Endpoint {
            host: member.host.clone(),
            port: member.edit_log_port,
        });
        let open = open(ports.collect()).await;
        open.iter().map(ToString::to_string).collect()
    }

    /// Open election ports at the FEs of `MASTER_HOST`, while no FE answers: an engine opens that port long before the others.
    /// A muster that waits listens there too, and has called.
    async fn knock(&self, plan: &Plan, round: &Round) -> Vec<Endpoint> {
        if round.answered() {
            return Vec::new();
        }
        let told = plan.masters.iter();
        let others = told.filter(|host| **host != plan.node.host && !self.rivals.contains(host));
        let others = others.map(|host| Endpoint {
            host: host.clone(),
            port: plan.node.identity_port,
        });
        open(others.collect()).await
    }

    /// The list this node belongs in; the other ones too if it is not there, because it may stand in them by mistake.
    async fn backends(&self, plan: &Plan, cluster: &Cluster) -> Result<Vec<Backend>, Failure> {
        let leader = cluster.endpoint();
        let mut rows = Vec::new();
        for list in self.home.engine.lists_beside(plan.node.component) {
            let shown = self.client.members(&leader, list.component).await?;
            let here = plan.node.identity().find(&shown).is_some();
            rows.extend(shown);
            if here {
                break;
            }
        }
        Ok(rows)
    }

    /// Learns which of the names that a confirmed leader lists stand for this host: it must not be added again under another
    /// spelling.
    pub(super) async fn learn_names(&mut self, plan: &Plan, seen: &Seen) {
        let (Belief::Leader(cluster), Asking::Until) = (&seen.belief, asking(&plan.node)) else {
            return;
        };
        let Resolved::Addresses(own) = &self.facts.addresses.local.resolved else {
            return;
        };
        let me = plan.node.identity();
        let names: BTreeSet<Host> = match &seen.backends {
            _ if me.component.is_fe() => unknown_names(me, &cluster.frontends),
            Some(Ok(rows)) => unknown_names(me, rows),
            Some(Err(_)) | None => return,
        };
        let names = names.into_iter().filter(|name| !self.also.contains(name));
        let resolving = names.map(async |name| {
            let addresses = resolve(&name).await.unwrap_or_default();
            addresses
                .iter()
                .any(|address| own.contains(address))
                .then_some(name)
        });
        let found = join_all(resolving).await;
        self.also.extend(found.into_iter().flatten());
    }

    /// Takes over the lists of a confirmed leader. Returns true if the plan has to be made again.
    pub(super) fn learn(&mut self, plan: &Plan, seen: &Seen) -> bool {
        let Belief::Leader(cluster) = &seen.belief else {
            return false;
        };
        self.members = members(cluster);
        if !plan.node.keeps_data() {
            // No data will tell which cluster it belongs to.
            self.cluster_id = Some(cluster.id.clone());
        }
        if asking(&plan.node) != Asking::Until {
            return false;
        }
        let recorded = self.record().and_then(Record::identity_port);
        let lists = seen.backends.as_ref().and_then(|lists| lists.as_ref().ok());
        let prescribed = prescribed(&plan.node, cluster, lists.map(Vec::as_slice), recorded);
        let changed = prescribed != self.prescribed;
        self.prescribed = prescribed;
        changed
    }
}

/// The names of a list that this node may have; none if it is there by its own text.
fn unknown_names<M: Member>(me: Identity<'_>, list: &[M]) -> BTreeSet<Host> {
    if me.find(list).is_some() {
        return BTreeSet::new();
    }
    let at_its_port = list.iter().filter(|row| row.identity_port() == me.identity_port);
    at_its_port
        .filter_map(|row| Host::parse(row.host()).ok())
        .filter(|host| matches!(host, Host::Name(_)))
        .collect()
}

/// What an FE tells about `me` over HTTP; `None` if the answer is not that of an FE.
async fn told<C: FeClient>(
    client: &C,
    (host, http_port): (&Host, u16),
    ports: &[u16],
    me: &Endpoint,
) -> Option<HttpWitness> {
    let (_, membership) = ask_membership(client, (host, http_port), host, ports, me).await;
    let leader = async || client.ha(host, http_port).await.map(|ha| ha.leader);
    let led = |leader: Option<String>| leader.map_or(HttpWitness::IsFe, HttpWitness::Led);
    match membership {
        Ok(Membership::Member { role }) => Some(HttpWitness::Lists(role)),
        Ok(Membership::NotListed) => Some(HttpWitness::IsFe),
        Ok(Membership::OtherSpelling) => Some(led(leader().await.flatten())),
        // Any server may answer with a 400 or with a page of its own; only an FE names its leader.
        Ok(Membership::Stranger) | Err(Failure::Rejected { .. } | Failure::NotReady(_)) => {
            leader().await.map(led)
        }
        Err(_) => None,
    }
}

/// The ports of these that accept a connection.
async fn open(ports: Vec<Endpoint>) -> Vec<Endpoint> {
    let knocks = ports
        .into_iter()
        .map(async |at| is_open(&at, KNOCK).await.is_ok().then_some(at));
    join_all(knocks).await.into_iter().flatten().collect()
}

fn may_found(plan: &Plan) -> bool {
    plan.node.role == Role::Seed && matches!(plan.node.data, Data::Empty { .. } | Data::Unproven { .. })
}

/// True if it founds once the guard is over without evidence of a cluster.
pub(super) fn would_found(plan: &Plan) -> bool {
    may_found(plan)
        && plan.node.bootstrap != Bootstrap::Never
        && !matches!(plan.node.data, Data::Empty { known: Some(_) })
}

/// The FEs of a cluster as the record keeps them.
pub fn members(cluster: &Cluster) -> Vec<MemberSeen> {
    let seen = |fe: &crate::engine::member::Frontend| {
        Some(MemberSeen {
            host: Host::parse(&fe.host).ok()?,
            edit_log_port: fe.edit_log_port,
            query_port: fe.query_port,
            http_port: fe.http_port,
        })
    };
    let mut members: Vec<MemberSeen> = cluster.frontends.iter().filter_map(seen).collect();
    members.sort_by(|one, other| one.host.cmp(&other.host));
    members
}
