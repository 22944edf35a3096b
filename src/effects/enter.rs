//! The only loop back: observe, decide, act, until the engine may be started.

#![expect(clippy::format_push_string, reason = "a short report, built once")]

use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::join_all;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use crate::cluster::Cluster as Ask;
use crate::effects::callers::Callers;
use crate::effects::diary::Diary;
use crate::effects::files::WriteError;
use crate::effects::look::{Round, look};
use crate::effects::pace::Pace;
use crate::effects::register::{Registered, register};
use crate::effects::remember::Places;
use crate::effects::reserve::Reservations;
use crate::effects::set_aside::{SetAsideError, set_aside};
use crate::effects::watch::endpoint;
use crate::engine::PortName;
use crate::engine::failure::Failure;
use crate::exit::ExitCode;
use crate::facts::home::Home;
use crate::facts::ports::Candidate;
use crate::facts::record::{MemberSeen, Progress, Record};
use crate::facts::{Facts, gather};
use crate::plan::data::Data;
use crate::plan::join::{Asking, Backends, Role, Seen, Step, asking, decide, is_here, unregistered};
use crate::plan::leader::{Belief, Cluster};
use crate::plan::refusal::Refusal;
use crate::plan::witness::Witness;
use crate::plan::{Plan, Prescribed, asked, derive, prescribed};
use crate::settings::{Endpoint, Host, Settings};

/// The one look of a member without a record.
const ONE_LOOK: Duration = Duration::from_secs(2);
/// How long one member may take to accept a connection on its election port.
const KNOCK: Duration = Duration::from_secs(1);
/// The bound of a round while waiting: the deadline of a call, and a little for the first of them to be believed.
const ROUND: Duration = Duration::from_secs(4);

/// A node that may start its engine.
#[derive(Debug)]
pub struct Entry {
    pub plan: Plan,
    /// The one member a joining FE enters by.
    pub helper: Option<String>,
    pub record: Record,
    pub places: Places,
    /// Held until the engine listens itself.
    pub reservations: Reservations,
    /// FEs to ask after the start.
    pub known: Vec<Endpoint>,
    /// A start that may end with the words of a first start that was cut short; then its data is set aside.
    pub unproven: Option<Unproven>,
}

/// Which words end such a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unproven {
    Founding,
    Join,
}

/// Why there is no entry: every reason at once.
#[derive(Debug)]
pub struct NoEntry(pub Vec<Refusal>);

impl From<Refusal> for NoEntry {
    fn from(refusal: Refusal) -> Self {
        Self(vec![refusal])
    }
}

impl From<WriteError> for NoEntry {
    fn from(error: WriteError) -> Self {
        let hint = "make room or make it writable; nothing was registered without being remembered";
        Self::from(Refusal::new(ExitCode::Taken, chain(&error), hint))
    }
}

impl From<SetAsideError> for NoEntry {
    fn from(error: SetAsideError) -> Self {
        Self::from(Refusal::new(
            ExitCode::Taken,
            chain(&error),
            "move it away by hand, then start again",
        ))
    }
}

/// An error and its causes in one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

/// What the loop learns as it goes.
struct Search<'a, C> {
    client: &'a C,
    settings: &'a Settings,
    home: &'a Home,
    facts: Facts,
    /// Ports another muster has reserved.
    taken: BTreeMap<u16, String>,
    prescribed: Prescribed,
    members: Vec<MemberSeen>,
    cluster_id: Option<String>,
    reservations: Reservations,
    ear: Option<Callers>,
    begun: Instant,
    /// When the guard began: at the first round in which somebody could have called.
    listening: Option<Instant>,
}

/// Brings this node to the point where its engine may be started. May wait for a leader for as long as the patience
/// lasts; cancelled, it leaves a consistent record.
pub async fn enter<C: Ask>(client: &C, settings: &Settings, home: &Home) -> Result<Entry, NoEntry> {
    let mut search = Search {
        client,
        settings,
        home,
        facts: gather(settings, home.clone(), Path::new("/")),
        taken: BTreeMap::new(),
        prescribed: Prescribed::new(),
        members: Vec::new(),
        cluster_id: None,
        reservations: Reservations::default(),
        ear: None,
        begun: Instant::now(),
        listening: None,
    };
    let mut pace = Pace::new();
    let mut diary = Diary::new();
    let mut warned = false;
    loop {
        let Some(plan) = search.plan()? else { continue };
        if !warned {
            plan.warnings
                .iter()
                .for_each(|warning| tracing::warn!("{warning}"));
            warned = true;
        }
        let (seen, round) = search.observe(&plan).await;
        if search.learn(&plan, &seen) {
            // The cluster prescribes a port this plan does not have.
            continue;
        }
        match decide(&plan.node, &seen) {
            Step::Refuse(refusal) => return Err(refusal.into()),
            Step::Wait { why } => {
                diary.wait(&why, &round.summary());
                search.pause(pace.next(round.answered())).await;
            }
            Step::Register { cluster } => {
                if let Some(why) = search.register(&plan, &cluster).await? {
                    let why = unregistered(&endpoint(&cluster), &why, &seen)?;
                    diary.wait(&why, &round.summary());
                    search.pause(pace.next(true)).await;
                }
            }
            Step::SetAside { why } => search.set_aside(&plan, &why).await?,
            Step::Start => return search.finish(plan, None, false).await,
            Step::Found => return search.finish(plan, None, true).await,
            Step::Join { helper, cluster } => {
                search.cluster_id = Some(cluster);
                return search.finish(plan, Some(helper), false).await;
            }
        }
    }
}

impl<C: Ask> Search<'_, C> {
    /// The plan with what is known now, its ports reserved; `None` when a port had to be given up and it must be
    /// made anew.
    fn plan(&mut self) -> Result<Option<Plan>, NoEntry> {
        let plan = derive(self.settings, &self.facts, &self.prescribed, &self.taken).map_err(NoEntry)?;
        let numbers: Vec<u16> = plan.ports.iter().map(|choice| choice.number).collect();
        if let Err(taken) = self.reservations.take(&numbers) {
            self.taken
                .insert(taken.port, "another node of this host".to_owned());
            let udp = self
                .home
                .engine
                .ports_of(self.home.component)
                .any(|port| port.udp);
            let number = taken.port;
            self.facts
                .ports
                .look_further(Path::new("/"), Candidate { number, udp }, true);
            return Ok(None);
        }
        Ok(Some(plan))
    }

    async fn observe(&mut self, plan: &Plan) -> (Seen, Round) {
        let asking = asking(&plan.node);
        let engine = self.home.engine;
        if asking == Asking::Until && self.ear.is_none() {
            self.listen(plan).await;
        }
        let known = self.known(plan);
        let round = match asking {
            Asking::Nobody => Round::nobody(),
            Asking::Once => look(self.client, &known, engine.heartbeat, ONE_LOOK).await,
            Asking::Until => look(self.client, &known, engine.heartbeat, ROUND).await,
        };
        let backends = match &round.belief {
            Belief::Leader(cluster) if !plan.node.role.is_fe() => Some(self.backends(cluster).await),
            _ => None,
        };
        let mut witnesses = self.callers(&round);
        witnesses.extend(self.over_http(plan, &round, &known).await);
        let seen = Seen {
            belief: round.belief.clone(),
            fatal: round
                .answers
                .iter()
                .filter_map(|answer| match &answer.said {
                    Err(why) if why.is_final() => Some((answer.from.with_port(answer.port), why.clone())),
                    _ => None,
                })
                .collect(),
            members: round.members().to_vec(),
            backends,
            answers: round.clauses(),
            witnesses,
            waiting: self.waiting(plan, &round).await,
            guard_over: self
                .listening
                .is_some_and(|since| since.elapsed() >= plan.guard_time),
            patience_over: self.begun.elapsed() >= self.settings.wait_timeout.value,
        };
        (seen, round)
    }

    /// Opens the ear where a living leader would call this node.
    async fn listen(&mut self, plan: &Plan) {
        let engine = self.home.engine;
        let (port, poll) = if plan.node.role.is_fe() {
            (engine.called_at(self.home.component), &engine.fe_poll)
        } else {
            (engine.called_at(self.home.component), &engine.backend_poll)
        };
        let number = plan
            .ports
            .iter()
            .find(|choice| Some(choice.port.name) == port)
            .map(|choice| choice.number);
        let Some(number) = number else { return };
        match Callers::listen(number, poll).await {
            Ok(ear) => self.ear = Some(ear),
            // Without the ear the other witnesses have to do; the guard runs all the same.
            Err(error) => tracing::warn!(port = number, "cannot listen for the leader's calls: {error}"),
        }
        self.listening.get_or_insert_with(Instant::now);
    }

    fn known(&self, plan: &Plan) -> Vec<Endpoint> {
        let mut members = self.members.clone();
        members.extend(
            self.record()
                .map(|record| record.members.clone())
                .unwrap_or_default(),
        );
        let callers: Vec<Host> = self
            .ear
            .as_ref()
            .map(Callers::heard)
            .unwrap_or_default()
            .into_iter()
            .map(Host::from)
            .collect();
        asked::endpoints(&asked::Inputs {
            master_hosts: &self.settings.master_hosts.value,
            query_port: plan.query_port,
            members: &members,
            callers: &callers,
            not: plan.node.role.is_fe().then_some(&plan.node.host),
        })
    }

    fn record(&self) -> Option<&Record> {
        self.facts
            .records
            .data
            .record()
            .or_else(|| self.facts.records.state.record())
    }

    /// Callers that were asked back and list this host.
    fn callers(&self, round: &Round) -> Vec<Witness> {
        let heard = self.ear.as_ref().map(Callers::heard).unwrap_or_default();
        let lists_us = |members: &[crate::engine::member::Frontend]| {
            members
                .iter()
                .any(|fe| Host::parse(&fe.host).is_ok_and(|host| host == self.settings.local_host.value))
        };
        round
            .answers
            .iter()
            .filter(|answer| heard.iter().any(|caller| Host::from(*caller) == answer.from))
            .filter(|answer| answer.said.as_deref().is_ok_and(lists_us))
            .map(|answer| Witness::Called(answer.from.clone()))
            .collect()
    }

    /// What the hosts that were asked tell over HTTP: only a node that may found wants to know, and only when nobody
    /// answers SQL. Whoever called is among them: its MySQL port may be another than ours.
    async fn over_http(&self, plan: &Plan, round: &Round, known: &[Endpoint]) -> Vec<Witness> {
        let may_found = matches!(plan.node.data, Data::Empty { .. } | Data::Unproven { .. });
        if plan.node.role != Role::Seed || !may_found || round.answered() {
            return Vec::new();
        }
        let own = plan
            .ports
            .iter()
            .find(|choice| choice.port.name == PortName::Http);
        let Some(own) = own.map(|choice| choice.number) else {
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
        let hosts: BTreeSet<&Host> = known.iter().map(|endpoint| &endpoint.host).collect();
        let told = hosts.into_iter().map(async |host| {
            let member = remembered
                .iter()
                .find(|member| &member.host == host && member.http_port != 0);
            let port = member.map_or(own, |member| member.http_port);
            let told = self.client.told(host, port, &me).await?;
            Some(Witness::Http {
                from: host.clone(),
                told,
            })
        });
        join_all(told).await.into_iter().flatten().collect()
    }

    /// Members that wait for a vote: asked only by a node that may bring it, and only when nobody answers SQL.
    async fn waiting(&self, plan: &Plan, round: &Round) -> Vec<String> {
        let registered = |record: &&Record| matches!(record.progress, Progress::Added | Progress::Started);
        let unfinished = matches!(plan.node.data, Data::Unfinished { keep: true, .. }) && !round.answered();
        let Some(record) = self.record().filter(registered).filter(|_| unfinished) else {
            return Vec::new();
        };
        let mut waiting = Vec::new();
        for member in record
            .members
            .iter()
            .filter(|member| member.host != plan.node.host)
        {
            let address = (member.host.to_string(), member.edit_log_port);
            if let Ok(Ok(_)) = timeout(KNOCK, TcpStream::connect(address)).await {
                waiting.push(member.host.with_port(member.edit_log_port));
            }
        }
        waiting
    }

    async fn backends(&self, cluster: &Cluster) -> Result<Backends, Failure> {
        let leader = endpoint(cluster);
        Ok(Backends {
            backends: self.client.backends(&leader).await?,
            compute_nodes: self.client.compute_nodes(&leader).await?,
        })
    }

    /// Takes over what a believed cluster shows; whether the plan has to be made again for it.
    fn learn(&mut self, plan: &Plan, seen: &Seen) -> bool {
        let Belief::Leader(cluster) = &seen.belief else {
            return false;
        };
        self.members = members(cluster);
        if asking(&plan.node) != Asking::Until {
            return false;
        }
        let prescribed = prescribed(&plan.node, self.home.engine, cluster);
        let changed = prescribed != self.prescribed;
        self.prescribed = prescribed;
        if changed {
            let numbers = self.prescribed.iter();
            let prescribed: Vec<Candidate> = numbers
                .filter_map(|(name, number)| {
                    let port = self.home.engine.port(self.home.component, *name)?;
                    Some(Candidate {
                        number: *number,
                        udp: port.udp,
                    })
                })
                .collect();
            // What the plan has was free when it was made, and our own ear may listen there by now.
            let ours = |number| plan.ports.iter().any(|choice| choice.number == number);
            for candidate in prescribed.into_iter().filter(|candidate| !ours(candidate.number)) {
                self.facts.ports.look_further(Path::new("/"), candidate, false);
            }
        }
        changed
    }

    /// Look, add, look; the record says `planned` before and `added` after. `Some` is why it is not done yet.
    async fn register(&mut self, plan: &Plan, cluster: &Cluster) -> Result<Option<Failure>, NoEntry> {
        self.cluster_id = Some(cluster.id.clone());
        Self::places(plan).write_plan(&self.new_record(plan, Progress::Planned))?;
        let leader = endpoint(cluster);
        match register(self.client, &leader, &plan.node).await {
            Registered::Yes => {
                let who = plan.node.host.with_port(plan.node.identity_port);
                tracing::info!("registered {who} as {} at {leader}", plan.node.role.added_as());
                self.remember(plan, Progress::Added)?;
                Ok(None)
            }
            Registered::NotYet(why) if why.is_final() => {
                let hint = "give the account of CLUSTER_USER the cluster_admin role";
                Err(Refusal::new(
                    ExitCode::Credentials,
                    format!("cannot register at {leader}: it {why}"),
                    hint,
                )
                .into())
            }
            Registered::NotYet(why) => Ok(Some(why)),
        }
    }

    /// Before the engine has data of its own the state dir alone remembers.
    fn remember(&self, plan: &Plan, progress: Progress) -> Result<(), WriteError> {
        Self::places(plan).write_state(&self.new_record(plan, progress))
    }

    fn places(plan: &Plan) -> Places {
        Places {
            data_dir: plan.data_dir.clone(),
            state_dir: plan.state_dir.clone(),
        }
    }

    fn new_record(&self, plan: &Plan, progress: Progress) -> Record {
        let before = self.record();
        let known_id = self.cluster_id.clone();
        Record {
            engine: self.home.engine,
            component: self.home.component,
            role: plan.node.role.name().to_owned(),
            host: plan.node.host.clone(),
            ports: plan
                .ports
                .iter()
                .map(|choice| (choice.port.name, choice.number))
                .collect(),
            cluster_id: known_id
                .or_else(|| plan.node.data.cluster().map(|(id, _)| id.to_owned()))
                .or_else(|| before.and_then(|record| record.cluster_id.clone())),
            members: if self.members.is_empty() {
                before.map(|record| record.members.clone()).unwrap_or_default()
            } else {
                self.members.clone()
            },
            progress,
            first_steps_pending: progress == Progress::Founding
                || before.is_some_and(|record| record.first_steps_pending),
        }
    }

    async fn set_aside(&mut self, plan: &Plan, why: &str) -> Result<(), NoEntry> {
        // Or the ports it listens on would be found taken, by us.
        if let Some(ear) = self.ear.take() {
            ear.close().await;
        }
        if plan.data_dir.exists() {
            let to = set_aside(&plan.data_dir, plan.data_is_mount_point, stamp())?;
            tracing::warn!("set {} aside as {}: {why}", plan.data_dir.display(), to.display());
        }
        if matches!(plan.node.data, Data::Dropped { .. }) {
            // From here on it is a joiner like any other; what is left of the old membership went with the data.
            self.remember(plan, Progress::Planned)?;
        }
        self.facts = gather(self.settings, self.home.clone(), Path::new("/"));
        Ok(())
    }

    /// Sleeps, but not longer than until somebody new calls.
    async fn pause(&self, delay: Duration) {
        let news = async {
            match &self.ear {
                Some(ear) => ear.news().await,
                None => pending().await,
            }
        };
        tokio::select! {
            () = sleep(delay) => {}
            () = news => {}
        }
    }

    async fn finish(mut self, plan: Plan, helper: Option<String>, found: bool) -> Result<Entry, NoEntry> {
        if let Some(ear) = self.ear.take() {
            ear.close().await;
        }
        let progress = match (&plan.node.data, found) {
            (_, true) | (Data::UnfinishedFounding | Data::Unproven { .. }, false) => Progress::Founding,
            (Data::Joined { .. } | Data::Dropped { .. }, false) => {
                self.record().map_or(Progress::Started, |record| record.progress)
            }
            (Data::Empty { .. } | Data::Adopted { .. } | Data::Unfinished { .. }, false) => Progress::Started,
        };
        let unproven = match (&plan.node.data, &helper) {
            (Data::UnfinishedFounding | Data::Unproven { .. }, None) => Some(Unproven::Founding),
            (Data::Unfinished { .. }, Some(_)) => Some(Unproven::Join),
            _ => None,
        };
        let record = self.new_record(&plan, progress);
        let places = Self::places(&plan);
        places.write(&record)?;
        for path in &plan.stale_files {
            remove_stale(path);
        }
        let mut known = self.known(&plan);
        if plan.node.role.is_fe() {
            let own = plan
                .ports
                .iter()
                .find(|choice| choice.port.name == crate::engine::PortName::Query);
            known.extend(own.map(|choice| Endpoint {
                host: plan.node.host.clone(),
                port: choice.number,
            }));
        }
        Ok(Entry {
            helper,
            record,
            places,
            reservations: self.reservations,
            known,
            unproven,
            plan,
        })
    }
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
    members.sort_by(|a, b| a.host.cmp(&b.host));
    members
}

/// Whether a list shows this node; used by verbs that look once.
pub fn lists(node: &crate::plan::join::Node, cluster: &Cluster) -> bool {
    cluster.frontends.iter().any(|fe| is_here(node, &fe.host))
}

/// Seconds since 1970: what set-asides are told apart by.
pub fn stamp() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

fn remove_stale(path: &PathBuf) {
    match std::fs::remove_file(path) {
        Ok(()) => tracing::info!("removed {}: nothing it names is alive", path.display()),
        Err(error) => tracing::debug!("cannot remove {}: {error}", path.display()),
    }
}
