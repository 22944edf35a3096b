//! Watches how the cluster lists this node after the start: often until it is alive, then rarely while the engine runs. The
//! caller acts on the result.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use crate::cluster::FeClient;
use crate::effects::announce::Announcer;
use crate::effects::ask_callers::leads_itself;
use crate::effects::clock::read_clock;
use crate::effects::look::{CONTRADICTION, Round, look};
use crate::effects::roster::{MemberRow, row};
use crate::engine::failure::Failure;
use crate::engine::member::Frontend;
use crate::engine::probe::Ha;
use crate::engine::signature::{HEARTBEAT, Signature};
use crate::plan::clock::{ClockNews, ClockWatch};
use crate::plan::drop_detector::{DropDetector, Missed};
use crate::plan::leader::{Belief, Cluster};
use crate::plan::node::Identity;
use crate::settings::{Endpoint, Host};

/// The pause between two looks at first; a node becomes alive at the heartbeat after it serves.
const SOON: Duration = Duration::from_millis(500);
/// The pause to which it doubles until then: hundreds of nodes may have been started together, and others still have to be registered
/// at a leader that lets a hundred sessions in.
const SETTLING: Duration = Duration::from_secs(2);
/// The pause between two looks once the join has taken longer than `JOIN_TIMEOUT`.
const LATER: Duration = Duration::from_secs(10);
/// The longest pause between two looks of an FE that is a member: it begins with one heartbeat, and doubles.
const FE_EVERY: Duration = Duration::from_secs(60);
/// The same for the other components, and for the looks of an FE by SQL while the leader says over HTTP that nothing has changed:
/// there may be hundreds of nodes, and each look by SQL is a line in the leader's audit log.
const SQL_EVERY: Duration = Duration::from_secs(600);
/// The longest wait for a connection to this node's own port.
const KNOCK: Duration = Duration::from_secs(1);

/// A result that the caller reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Watched {
    /// The cluster shows this node alive: for the first time since the start, with other members or another leader than
    /// before, or listed again after a drop.
    Alive(Box<Cluster>),
    /// Three looks in a row did not find this node in its cluster.
    NotListed {
        cluster: Box<Cluster>,
        /// True if this node's own engine serves.
        serves: bool,
    },
    /// Only this other cluster answers.
    Foreign(Box<Cluster>),
    /// The clock of this machine differs from the leader's, or agrees with it again.
    Clock(ClockNews),
    /// The cluster does not let the account in any more, or not yet.
    Refused { from: String, why: Failure },
    /// `JOIN_TIMEOUT` is over, and this node is not alive. `leader`: the confirmed leader, if there is one; `serves`: this
    /// node's own engine serves.
    Late {
        why: String,
        leader: Option<String>,
        serves: bool,
    },
}

/// One engine's membership.
#[derive(Debug)]
pub struct Watch<'a, C> {
    pub client: &'a C,
    pub identity: Identity<'a>,
    /// The id of its cluster, if it is known.
    pub cluster_id: Option<String>,
    /// FEs to ask, this node's own among them.
    pub known: Vec<Endpoint>,
    /// Calls members that may have lost their record, while there is no leader.
    pub announcer: Option<Announcer>,
    pub heartbeat: Duration,
    /// `JOIN_TIMEOUT`.
    pub patience: Duration,
    state: State,
}

#[derive(Debug)]
struct State {
    begun: Instant,
    /// The time of the last look at the cluster; the join has just looked.
    last_look: Instant,
    drop_detector: DropDetector,
    /// The members and the leader as last reported, once this node was seen alive.
    members: Option<Vec<String>>,
    /// What was told last of how the cluster lists this node.
    reported: Reported,
    late: bool,
    /// That the account is refused was told.
    refused: bool,
    /// Look again soon, even if this node's engine does not serve.
    urgent: bool,
    /// What the leader told over HTTP after a look by SQL found this FE alive.
    told: Option<Told>,
    pause: Duration,
    /// The next pause of a node that was not seen alive yet.
    soon: Duration,
    /// The pause between two looks of a member.
    every: Duration,
    clock: ClockWatch,
    clock_read: Option<Instant>,
    /// What the last look found out about the clock.
    clock_news: Option<ClockNews>,
}

/// An answer of the leader over HTTP.
#[derive(Debug)]
struct Told {
    leader: Host,
    http_port: u16,
    ha: Ha,
    /// The time of the look by SQL before it.
    looked: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reported {
    Nothing,
    NotListed,
    Foreign,
}

/// This node in the cluster's lists.
enum Shown {
    Alive,
    NotYet(String),
    Missing,
}

impl<'a, C: FeClient> Watch<'a, C> {
    pub fn new(
        client: &'a C,
        identity: Identity<'a>,
        cluster_id: Option<String>,
        known: Vec<Endpoint>,
        announcer: Option<Announcer>,
        [heartbeat, patience]: [Duration; 2],
    ) -> Self {
        let now = Instant::now();
        Self {
            client,
            identity,
            cluster_id,
            known,
            heartbeat,
            patience,
            state: State {
                begun: now,
                last_look: now,
                drop_detector: DropDetector::default(),
                members: None,
                reported: Reported::Nothing,
                late: false,
                refused: false,
                urgent: announcer.is_some(),
                told: None,
                pause: Duration::ZERO,
                soon: SOON,
                every: heartbeat,
                clock: ClockWatch::default(),
                clock_read: None,
                clock_news: None,
            },
            announcer,
        }
    }

    /// Looks until there is a result to report.
    pub async fn next(&mut self) -> Watched {
        loop {
            if let Some(news) = self.state.clock_news.take() {
                return Watched::Clock(news);
            }
            sleep(self.state.pause).await;
            self.state.pause = SOON;
            if let Some(watched) = self.look().await {
                return watched;
            }
        }
    }

    /// Starts counting again: the node was registered again.
    pub fn ask_again(&mut self) {
        self.state.drop_detector.reset();
        self.state.reported = Reported::Nothing;
    }

    async fn look(&mut self) -> Option<Watched> {
        if !self.state.urgent && self.nothing_changed().await {
            self.state.pause = self.pause(false);
            return None;
        }
        // Asking the own engine is cheap, and before it serves the cluster cannot show it alive; hundreds of nodes may be
        // starting. The cluster is asked earlier only if there is no leader or this node is not listed.
        let serves = self.serves().await;
        let state = &self.state;
        let is_late = state.members.is_none() && state.begun.elapsed() >= self.patience;
        let due = is_late || state.urgent || state.last_look.elapsed() >= self.heartbeat;
        if serves.is_err() && !due {
            return None;
        }
        self.state.last_look = Instant::now();
        self.state.urgent = true;
        let longest = self.heartbeat * 2;
        let round = look(self.client, &self.known, self.heartbeat, longest, CONTRADICTION).await;
        let engine_serves = serves.is_ok();
        let (leader, why, watched) = match round.belief {
            Belief::Leader(cluster) => {
                self.state.refused = false;
                self.learn(&cluster);
                self.compare_clocks(&cluster).await;
                let leader = cluster.leader.host.clone();
                let (why, watched) = self.judge(cluster, serves).await;
                (Some(leader), why, watched)
            }
            Belief::Doubt(_) | Belief::Nobody => {
                if let Some(announcer) = &mut self.announcer {
                    announcer.call(self.client, &round.answers).await;
                }
                self.state.drop_detector.reset();
                (None, round.no_leader(), self.refused(&round))
            }
        };
        self.state.pause = self.pause(is_late);
        if watched.is_none() && is_late && !self.state.late {
            self.state.late = true;
            return Some(Watched::Late {
                why,
                leader,
                serves: engine_serves,
            });
        }
        watched
    }

    /// Evaluates the lists of a confirmed leader: the reason why this node is not alive, and a result to report.
    async fn judge(&mut self, cluster: Cluster, serves: Result<(), String>) -> (String, Option<Watched>) {
        let own = self.cluster_id.as_deref();
        let engine_serves = serves.is_ok();
        // Another cluster may list this host too: a seed was founded again, and nodes were added to it.
        let foreign = own.is_some_and(|own| own != cluster.id);
        let shown = if foreign {
            Shown::Missing
        } else {
            self.shown(&cluster, serves).await
        };
        match shown {
            Shown::Alive => {
                let members = Some(members(&cluster));
                let news = self.state.members != members || self.state.reported != Reported::Nothing;
                self.state.members = members;
                self.found();
                self.state.told = self.told(&cluster).await;
                self.cluster_id.get_or_insert_with(|| cluster.id.clone());
                (String::new(), news.then(|| Watched::Alive(Box::new(cluster))))
            }
            Shown::NotYet(why) => {
                self.found();
                (why, None)
            }
            Shown::Missing => {
                let leader = &cluster.leader.host;
                match self.state.drop_detector.missed(&cluster, own) {
                    Missed::Dropped => {
                        let why = format!("the leader {leader} does not list this node");
                        let before = std::mem::replace(&mut self.state.reported, Reported::NotListed);
                        let news = before != Reported::NotListed;
                        (
                            why,
                            news.then(|| Watched::NotListed {
                                cluster: Box::new(cluster),
                                serves: engine_serves,
                            }),
                        )
                    }
                    Missed::Foreign | Missed::PerhapsForeign if self.state.reported == Reported::Foreign => {
                        (String::new(), None)
                    }
                    Missed::Foreign => {
                        self.state.reported = Reported::Foreign;
                        (String::new(), Some(Watched::Foreign(Box::new(cluster))))
                    }
                    Missed::PerhapsForeign => {
                        let id = &cluster.id;
                        let why =
                            format!("{leader} leads cluster {id}, but this node belongs to another cluster");
                        (why, None)
                    }
                    Missed::PerhapsDropped | Missed::HeartbeatPending => {
                        (format!("the leader {leader} does not list this node"), None)
                    }
                }
            }
        }
    }

    /// Asks the leader over HTTP, without an account. `None` if this node is no FE, or if the leader does not list it.
    async fn told(&self, cluster: &Cluster) -> Option<Told> {
        let leader = Host::parse(&cluster.leader.host).ok();
        let leader = leader.filter(|_| self.identity.component.is_fe())?;
        let http_port = cluster.leader.http_port;
        Some(Told {
            ha: self.listed_by(&leader, http_port).await?,
            leader,
            http_port,
            looked: Instant::now(),
        })
    }

    /// True if the FE that led at the last look by SQL leads on and lists the same members, this node among them. An FE's word
    /// about itself proves nothing: a dropped one goes on to call itself a follower (observed).
    async fn nothing_changed(&mut self) -> bool {
        let Some(told) = self.state.told.take() else {
            return false;
        };
        if told.looked.elapsed() >= SQL_EVERY {
            return false;
        }
        let Some(ha) = self.listed_by(&told.leader, told.http_port).await else {
            return false;
        };
        // The journal of a leader that has lost its majority stands still (observed).
        let stands_still = ha.journal.is_some() && ha.journal == told.ha.journal;
        let unchanged = !stands_still && ha.named() == told.ha.named();
        if unchanged {
            self.state.told = Some(Told { ha, ..told });
        }
        unchanged
    }

    async fn listed_by(&self, leader: &Host, http_port: u16) -> Option<Ha> {
        let ha = self.client.ha(leader, http_port).await?;
        let leads = ha.leads && leads_itself(ha.leader.as_deref(), leader).await;
        let lists = ha.members().any(|host| self.identity.is_at(host));
        (leads && lists).then_some(ha)
    }

    /// Compares this machine's clock with the clock of a confirmed leader. Only an engine's FEs depend on it.
    async fn compare_clocks(&mut self, cluster: &Cluster) {
        let own = self.identity.is_at(&cluster.leader.host);
        let read = self.state.clock_read;
        let just_read = read.is_some_and(|read| read.elapsed() < self.heartbeat);
        if !self.identity.component.is_fe() || own || just_read {
            return;
        }
        self.state.clock_read = Some(Instant::now());
        if let Some(reading) = read_clock(self.client, cluster).await {
            self.state.clock_news = self.state.clock.compare(&reading);
        }
    }

    /// The first refusal of the account since a leader was seen.
    fn refused(&mut self, round: &Round) -> Option<Watched> {
        let (from, why) = round.denied_to_the_end().into_iter().next()?;
        let news = !std::mem::replace(&mut self.state.refused, true);
        news.then_some(Watched::Refused { from, why })
    }

    /// Resets the counts: a look found this node.
    fn found(&mut self) {
        self.state.drop_detector.reset();
        self.state.reported = Reported::Nothing;
        self.state.urgent = false;
    }

    /// The pause until the next look.
    fn pause(&mut self, is_late: bool) -> Duration {
        let longest = if self.identity.component.is_fe() {
            FE_EVERY
        } else {
            SQL_EVERY
        };
        let state = &mut self.state;
        if state.reported != Reported::Nothing || (state.members.is_some() && !state.urgent) {
            state.every = (state.every * 2).min(longest);
            return jittered(state.every);
        }
        state.every = self.heartbeat;
        if state.members.is_some() {
            // It was not found: look again after the leader's next heartbeat.
            return self.heartbeat;
        }
        if is_late {
            return LATER;
        }
        let took = state.last_look.elapsed();
        let soon = state.soon.max(took).min(LATER);
        state.soon = (state.soon * 2).min(SETTLING);
        jittered(soon)
    }

    /// Finds this node in the lists. `serves`: the own engine serves, or the reason why not. A dead member is shown Alive for
    /// three more heartbeats, so its row may come from the start before.
    async fn shown(&self, cluster: &Cluster, serves: Result<(), String>) -> Shown {
        match row(self.client, &self.identity, cluster).await {
            Err(why) => Shown::NotYet(format!("{}: {why}", cluster.leader.host)),
            Ok(MemberRow::None) => Shown::Missing,
            Ok(MemberRow::NotAlive(error)) => Shown::NotYet(not_yet(&error)),
            Ok(MemberRow::Alive) => serves.map_or_else(Shown::NotYet, |()| Shown::Alive),
        }
    }

    /// Checks that this node's own engine serves. An FE opens its MySQL port once its data is complete, a BE or CN its
    /// heartbeat port once its storage is open, and a broker has one port only.
    async fn serves(&self) -> Result<(), String> {
        if !self.identity.component.is_fe() {
            let port = self.identity.identity_port;
            let at = (self.identity.host.to_string(), port);
            return match timeout(KNOCK, TcpStream::connect(at)).await {
                Ok(Ok(_)) => Ok(()),
                Ok(Err(_)) | Err(_) => Err(format!("port {port} of this node is not open yet")),
            };
        }
        let Some(own) = self
            .known
            .iter()
            .find(|endpoint| self.identity.is_at(&endpoint.host.to_string()))
        else {
            return Ok(());
        };
        match self.client.frontends(own).await {
            Err(why) if !why.is_final() && !matches!(why, Failure::NoPassword(_)) => {
                Err(format!("{own}: {why}"))
            }
            // A refusal of the account is an answer of a running engine as well.
            Ok(_) | Err(_) => Ok(()),
        }
    }

    fn learn(&mut self, cluster: &Cluster) {
        for fe in cluster.frontends.iter().filter(|fe| fe.query_port != 0) {
            if let Ok(host) = Host::parse(&fe.host) {
                let endpoint = Endpoint {
                    host,
                    port: fe.query_port,
                };
                if !self.known.contains(&endpoint) {
                    self.known.push(endpoint);
                }
            }
        }
    }
}

/// A thousand nodes that started together must not ask together.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(0.8 + 0.4 * fastrand::f64())
}

/// The members in one order, the leader once more at the end.
fn members(cluster: &Cluster) -> Vec<String> {
    let word = |fe: &Frontend| format!("{}:{}:{}", fe.host, fe.edit_log_port, fe.query_port);
    let mut members: Vec<String> = cluster.frontends.iter().map(word).collect();
    members.sort();
    members.push(word(&cluster.leader));
    members
}

fn not_yet(error: &str) -> String {
    if error.is_empty() {
        return "the cluster has not contacted this node yet".to_owned();
    }
    match HEARTBEAT.iter().find(|row| row.matches(error)) {
        Some(Signature { sentence, hint, .. }) => {
            format!("the cluster reports: {error}; {sentence}: {hint}")
        }
        None => format!("the cluster reports: {error}"),
    }
}
