//! Watches the membership of the node while its engine runs.

use std::collections::BTreeSet;
use std::io;

use super::Companion;
use super::kept::Kept;
use crate::effects::announce::Announcer;
use crate::effects::join_loop::members;
use crate::effects::record_store::RecordStore;
use crate::effects::register::add;
use crate::effects::watch::{Watch, Watched};
use crate::exit::chain;
use crate::facts::addresses::is_here;
use crate::facts::history::{Event, Word};
use crate::facts::record::{Progress, Record, RecordCopy};
use crate::facts::resolve::resolve;
use crate::facts::status::Phase;
use crate::plan::clock::ClockNews;
use crate::plan::drop_detector::{Absence, absence};
use crate::plan::end_report;
use crate::plan::history;
use crate::plan::join::cure;
use crate::plan::leader::Cluster;
use crate::plan::node::Identity;
use crate::settings::{Endpoint, Host};
use crate::supervise::Request;
use crate::verbs::Outcome;
use crate::verbs::fe_endpoints;

impl Companion<'_> {
    /// Watches beside an engine that an earlier companion started.
    pub(super) async fn watch_again(&self, kept: &str) -> io::Result<Outcome> {
        let kept: Kept = serde_json::from_str(kept)?;
        let store = kept.store();
        let RecordCopy::Present(record) = RecordCopy::read(&store.state_copy(self.home.component)) else {
            return Err(io::Error::other(
                "the record in the state dir is missing or cannot be read",
            ));
        };
        self.status.begin(&kept.state_dir, self.home.component);
        self.status.enters(Phase::Starting);
        let known = fe_endpoints::endpoints(self.settings, self.home.engine, Some(&record));
        let announcer = Announcer::of(&record);
        self.know_data(&kept);
        self.watch(known, announcer, record, &kept).await
    }

    /// Watches the membership for as long as the engine runs: PID 1 ends this process with it.
    pub(super) async fn watch(
        &self,
        known: Vec<Endpoint>,
        announcer: Option<Announcer>,
        mut record: Record,
        kept: &Kept,
    ) -> io::Result<Outcome> {
        let store = kept.store();
        let host = record.host.clone();
        let also: BTreeSet<Host> = kept
            .also
            .iter()
            .filter_map(|host| Host::parse(host).ok())
            .collect();
        let identity = Identity {
            component: self.home.component,
            host: &host,
            also: &also,
            identity_port: record.identity_port().unwrap_or_default(),
        };
        let patience = self.settings.join_timeout.value;
        let heartbeat = self.home.engine.heartbeat;
        let id = record.cluster_id.clone();
        let mut watch = Watch::new(
            &self.client,
            identity,
            id,
            known,
            announcer,
            [heartbeat, patience],
        );
        loop {
            match watch.next().await {
                Watched::Alive(cluster) => {
                    let first = self.alive(&cluster, &mut record, &store);
                    self.channel.send(&Request::ReleasePorts, &[])?;
                    self.first_steps(&cluster, &mut record, &identity, first, kept)
                        .await;
                }
                Watched::Refused { from, why } => tracing::error!(
                    "{from}: {why}; the engine runs on, but muster does not see its cluster; {}",
                    cure(&why)
                ),
                Watched::NotListed { cluster, serves } => {
                    let (id, leader) = (&cluster.id, &cluster.leader.host);
                    // The leader accepted the ADD and ended before the others had it. A node that was never a member has no
                    // data to lose, and is not dropped on purpose.
                    let never_joined = record.progress == Progress::Started && !kept.was_member;
                    if never_joined && !self.home.component.is_fe() {
                        tracing::info!(
                            "cluster {id} led by {leader} does not list {host}, which was never a member: registering it \
                             again"
                        );
                        add(&self.client, cluster.endpoint(), &kept.add).await;
                        watch.ask_again();
                    } else if never_joined && !serves {
                        // A new registration gives it another name, which its journal does not contain.
                        let why = format!(
                            "cluster {id} led by {leader} does not list {host}, which was never a member and does not serve"
                        );
                        self.start_again(why)?;
                    } else {
                        match absence(record.progress, self.leads_here(&cluster, &identity).await) {
                            Absence::Dropped => self.dropped(&cluster, &mut record, &store),
                            Absence::NeverListed => self.never_listed(&cluster, &host),
                            Absence::OtherHost => tracing::error!(
                                "the engine of this node leads cluster {id} as {leader}, but LOCAL_HOST is {host}, which it does \
                                 not list; the engine runs on; set LOCAL_HOST={leader}"
                            ),
                        }
                    }
                }
                Watched::Foreign(cluster) => {
                    let own = record.cluster_id.as_deref().unwrap_or_default();
                    let sentence = format!(
                        "this node belongs to cluster {own} (from the record), but {} leads cluster {}; the engine runs on; \
                         check MASTER_HOST",
                        cluster.leader.host, cluster.id
                    );
                    self.status.notices(&sentence);
                    tracing::error!("{sentence}");
                }
                Watched::Clock(ClockNews::Differs(sentence)) => {
                    self.status.clock(&sentence);
                    tracing::warn!("{sentence}");
                }
                Watched::Clock(ClockNews::Agrees(sentence)) => {
                    self.status.clock("");
                    tracing::info!("{sentence}");
                }
                Watched::Late { why, leader, serves } => {
                    tracing::error!("this node is not alive in its cluster after JOIN_TIMEOUT: {why}");
                    let hang = end_report::hang(&kept.logs.texts()).filter(|_| !serves);
                    if let Some((sentence, hint)) = hang {
                        tracing::error!("by the log of the engine: {sentence}; {hint}");
                    }
                    self.status.waits_for(&why);
                    let helper = kept.helper.as_deref().and_then(|helper| helper.rsplit_once(':'));
                    if let (Some((helper, _)), Some(leader), false) = (helper, leader, serves)
                        && !kept.was_member
                        && helper.trim_matches(['[', ']']) != leader
                    {
                        let why = format!("the helper {helper} of this join no longer leads; {leader} leads");
                        self.start_again(why)?;
                    }
                }
            }
        }
    }

    /// Has PID 1 stop the engine and prepare again.
    fn start_again(&self, why: String) -> io::Result<()> {
        self.note(Event::new(
            Word::Again,
            format!("muster stops the engine to start it again: {why}"),
        ));
        self.channel.send(&Request::StartAgain { why }, &[])
    }

    /// From here on the metrics have the disks of the data.
    pub(super) fn know_data(&self, kept: &Kept) {
        if let Some(metrics) = &self.metrics {
            metrics.data_is_in(&kept.data_dirs);
        }
    }

    /// Records that the cluster shows this node alive. Returns true if it was not a member before.
    fn alive(&self, cluster: &Cluster, record: &mut Record, store: &RecordStore) -> bool {
        let before = record.progress;
        record.progress = Progress::Joined;
        record.lost = false;
        record.cluster_id = Some(cluster.id.clone());
        record.members = members(cluster);
        if let Err(error) = store.write(record) {
            let then = if before == Progress::Joined {
                ""
            } else {
                "; the next start asks the cluster again"
            };
            tracing::error!("{}{then}", chain(&error));
        }
        let history = self.history();
        if history.extend(|past| history::alive(before, cluster, past).into_iter().collect()) {
            history.sync();
        }
        // Logged after the write, when it is true for the next start as well.
        let (host, id, leader) = (&record.host, &cluster.id, &cluster.leader.host);
        if before == Progress::Dropped {
            tracing::info!("cluster {id} led by {leader} lists {host} again");
        } else {
            tracing::info!("{host} is alive in cluster {id} led by {leader}");
        }
        self.status.enters(Phase::Running);
        self.status.notices("");
        !matches!(before, Progress::Joined | Progress::Dropped)
    }

    /// True if the leader is the engine of this node.
    async fn leads_here(&self, cluster: &Cluster, identity: &Identity<'_>) -> bool {
        let leader = &cluster.leader;
        if !identity.component.is_fe() || leader.edit_log_port != identity.identity_port {
            return false;
        }
        let Ok(host) = Host::parse(&leader.host) else {
            return false;
        };
        resolve(&host).await.is_ok_and(|addresses| is_here(&addresses))
    }

    /// Logs that the cluster has never listed this host, and records nothing: another `LOCAL_HOST` may be right.
    fn never_listed(&self, cluster: &Cluster, host: &Host) {
        let members: Vec<&str> = cluster.frontends.iter().map(|fe| fe.host.as_str()).collect();
        let sentence = format!(
            "cluster {} led by {} lists {} and not LOCAL_HOST = {host}; the engine runs on; check LOCAL_HOST",
            cluster.id,
            cluster.leader.host,
            members.join(", ")
        );
        self.status.notices(&sentence);
        tracing::error!("{sentence}");
    }

    /// Logs that this node was dropped, and records it for the next start. The engine runs on.
    fn dropped(&self, cluster: &Cluster, record: &mut Record, store: &RecordStore) {
        let sentence = format!(
            "cluster {} led by {} no longer lists {}: this node was dropped; its engine runs on",
            cluster.id, cluster.leader.host, record.host
        );
        record.progress = Progress::Dropped;
        record.members = members(cluster);
        if let Err(error) = store.write(record) {
            tracing::error!("{}", chain(&error));
        }
        self.note(Event::new(Word::Dropped, &sentence));
        self.status.notices(&sentence);
        tracing::error!("{sentence}");
    }
}
