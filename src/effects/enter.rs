//! The only loop back: observe, decide, act, until the engine may be started.

mod act;
mod entry;
mod observe;

use std::collections::BTreeMap;
use std::future::pending;
use std::path::Path;
use std::time::Duration;

use tokio::time::{Instant, sleep};

pub use self::act::stamp;
pub use self::entry::{Entry, NoEntry, Unproven, chain};
pub use self::observe::members;
use crate::cluster::Cluster as Ask;
use crate::effects::callers::Callers;
use crate::effects::diary::Diary;
use crate::effects::pace::Pace;
use crate::effects::reserve::Reservations;
use crate::effects::voice::Voice;
use crate::effects::watch::endpoint;
use crate::facts::home::Home;
use crate::facts::ports::Candidate;
use crate::facts::record::MemberSeen;
use crate::facts::{Facts, gather};
use crate::plan::join::{Step, decide, unregistered};
use crate::plan::{Plan, Prescribed, derive};
use crate::settings::Settings;

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
    ears: Option<Callers>,
    voice: Option<Voice>,
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
        ears: None,
        voice: None,
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

    /// Sleeps, but not longer than until somebody new calls.
    async fn pause(&self, delay: Duration) {
        let news = async {
            match &self.ears {
                Some(ears) => ears.news().await,
                None => pending().await,
            }
        };
        tokio::select! {
            () = sleep(delay) => {}
            () = news => {}
        }
    }
}
