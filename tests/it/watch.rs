//! The looks of an FE after its start, at a cluster that is a script, for an hour of a clock that the test moves.

#![expect(clippy::unwrap_used, reason = "a test says what it needs by failing")]

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::time::Duration;

use muster::cluster::FeClient;
use muster::effects::watch::{Watch, Watched};
use muster::engine::Component;
use muster::engine::failure::Failure;
use muster::engine::member::{Backend, Frontend, FrontendRole};
use muster::engine::probe::{Ha, Membership};
use muster::facts::data::ClusterToken;
use muster::plan::node::Identity;
use muster::settings::{Endpoint, Host};
use tokio::time::{Instant, timeout};

const HEARTBEAT: Duration = Duration::from_secs(5);
const HOUR: Duration = Duration::from_secs(3_600);

/// Three FEs; 127.0.0.1 leads, 127.0.0.2 is this node.
#[derive(Debug)]
struct Script {
    begun: Instant,
    /// The hosts that are members.
    hosts: RefCell<Vec<&'static str>>,
    /// The leader has seen this node since its start.
    alive: Cell<bool>,
    leader: Cell<&'static str>,
    /// The leader has a majority: its journal moves.
    writes: Cell<bool>,
    /// The rounds of questions by SQL to the leader.
    by_sql: Cell<u32>,
    over_http: Cell<u32>,
}

impl Script {
    fn new() -> Self {
        Self {
            begun: Instant::now(),
            hosts: RefCell::new(vec!["127.0.0.1", "127.0.0.2", "127.0.0.3"]),
            alive: Cell::new(true),
            leader: Cell::new("127.0.0.1"),
            writes: Cell::new(true),
            by_sql: Cell::new(0),
            over_http: Cell::new(0),
        }
    }

    fn second(&self) -> u64 {
        self.begun.elapsed().as_secs()
    }
}

fn host(text: &str) -> Host {
    Host::parse(text).unwrap()
}

impl FeClient for Script {
    async fn frontends(&self, at: &Endpoint) -> Result<Vec<Frontend>, Failure> {
        if at.host == host("127.0.0.1") {
            self.by_sql.set(self.by_sql.get() + 1);
        }
        let (minutes, seconds) = (self.second() / 60 % 60, self.second() % 60);
        let member = |host: &&str| Frontend {
            name: format!("fe_{host}"),
            host: (*host).to_owned(),
            edit_log_port: 9010,
            http_port: 8030,
            query_port: 9030,
            rpc_port: 9020,
            role: if *host == self.leader.get() {
                FrontendRole::Leader
            } else {
                FrontendRole::Follower
            },
            cluster_id: "77".to_owned(),
            join: true,
            alive: *host != "127.0.0.2" || self.alive.get(),
            last_heartbeat: Some(format!("2026-03-01 00:{minutes:02}:{seconds:02}")),
            error: String::new(),
            journal: None,
            version: None,
        };
        Ok(self.hosts.borrow().iter().map(member).collect())
    }

    async fn members(&self, _: &Endpoint, _: Component) -> Result<Vec<Backend>, Failure> {
        Ok(Vec::new())
    }

    async fn ha(&self, at: &Host, _: u16) -> Option<Ha> {
        let leader = self.leader.get();
        let leads = *at == host(leader);
        assert!(leads || *at == host("127.0.0.1"), "{at} has never led");
        self.over_http.set(self.over_http.get() + 1);
        let hosts = self.hosts.borrow();
        let others = hosts.iter().filter(|host| **host != leader);
        let others = others.map(|host| (*host).to_owned());
        Some(Ha {
            leads,
            leader: Some(leader.to_owned()),
            // Their order means nothing.
            voters: if self.over_http.get().is_multiple_of(2) {
                others.rev().collect()
            } else {
                others.collect()
            },
            journal: Some(if self.writes.get() { self.second() } else { 0 }),
            ..Ha::default()
        })
    }

    async fn membership(&self, _: (&Host, u16), _: &Endpoint, _: &Endpoint) -> Result<Membership, Failure> {
        Err(Failure::Refused)
    }

    async fn is_ours(&self, _: &Host, _: u16, _: &ClusterToken) -> bool {
        false
    }

    async fn cluster_id(&self, _: (&Host, u16), _: &Endpoint) -> Option<String> {
        None
    }

    async fn time(&self, _: &Endpoint, _: u16) -> Option<i64> {
        None
    }

    async fn founding_mode(&self, _: &Endpoint) -> Option<String> {
        None
    }

    async fn call(&self, _: &Host, _: u16, _: &str) -> bool {
        false
    }

    async fn call_seed(&self, _: &Host, _: u16, _: &Host, _: bool) -> Option<Host> {
        None
    }

    async fn add(&self, _: &Endpoint, _: &str) -> Result<(), Failure> {
        Err(Failure::Refused)
    }
}

fn watch<'a>(script: &'a Script, own: &'a Host, also: &'a BTreeSet<Host>) -> Watch<'a, Script> {
    let identity = Identity {
        component: Component::Fe,
        host: own,
        also,
        identity_port: 9010,
    };
    let known = ["127.0.0.1", "127.0.0.2", "127.0.0.3"].map(|member| Endpoint {
        host: host(member),
        port: 9030,
    });
    let id = Some("77".to_owned());
    Watch::new(script, identity, id, known.to_vec(), None, [HEARTBEAT, HOUR])
}

#[tokio::test(start_paused = true)]
async fn a_member_in_an_unchanged_cluster_looks_every_minute_over_http_and_rarely_by_sql() {
    let (script, own, also) = (Script::new(), host("127.0.0.2"), BTreeSet::new());
    let mut watch = watch(&script, &own, &also);
    assert!(matches!(watch.next().await, Watched::Alive(_)));
    assert!(
        timeout(HOUR, watch.next()).await.is_err(),
        "there is nothing to tell"
    );
    let (by_sql, over_http) = (script.by_sql.get(), script.over_http.get());
    assert!(by_sql <= 8, "{by_sql} looks by SQL in an hour");
    assert!(
        (50..90).contains(&over_http),
        "{over_http} looks over HTTP in an hour"
    );
}

#[tokio::test(start_paused = true)]
async fn a_member_that_is_dropped_or_has_a_new_neighbour_looks_by_sql_within_two_minutes() {
    let (script, own, also) = (Script::new(), host("127.0.0.2"), BTreeSet::new());
    let mut watch = watch(&script, &own, &also);
    assert!(matches!(watch.next().await, Watched::Alive(_)));
    assert!(timeout(HOUR / 4, watch.next()).await.is_err());
    script.hosts.borrow_mut().push("127.0.0.4");
    let Ok(Watched::Alive(cluster)) = timeout(HOUR / 30, watch.next()).await else {
        panic!("the new member is not told");
    };
    assert_eq!(cluster.frontends.len(), 4);
    assert!(timeout(HOUR / 4, watch.next()).await.is_err());
    script.hosts.borrow_mut().retain(|host| *host != "127.0.0.2");
    let dropped = timeout(HOUR / 30, watch.next()).await;
    assert!(matches!(dropped, Ok(Watched::NotListed { .. })), "{dropped:?}");
}

#[tokio::test(start_paused = true)]
async fn another_leader_of_the_same_members_is_told_once() {
    let (script, own, also) = (Script::new(), host("127.0.0.2"), BTreeSet::new());
    let mut watch = watch(&script, &own, &also);
    assert!(matches!(watch.next().await, Watched::Alive(_)));
    assert!(timeout(HOUR / 4, watch.next()).await.is_err());
    script.leader.set("127.0.0.3");
    let Ok(Watched::Alive(cluster)) = timeout(HOUR / 30, watch.next()).await else {
        panic!("the new leader is not told");
    };
    assert_eq!(cluster.leader.host, "127.0.0.3");
    assert!(timeout(HOUR, watch.next()).await.is_err(), "it is told again");
}

/// Between two heartbeats of Doris, while hundreds of others still have to be registered.
#[tokio::test(start_paused = true)]
async fn a_node_that_is_not_alive_yet_asks_about_every_two_seconds() {
    let (script, own, also) = (Script::new(), host("127.0.0.2"), BTreeSet::new());
    script.alive.set(false);
    let mut watch = watch(&script, &own, &also);
    assert!(timeout(HOUR / 60, watch.next()).await.is_err());
    let asked = script.by_sql.get();
    assert!((20..45).contains(&asked), "{asked} times in a minute");
    script.alive.set(true);
    let alive = timeout(HOUR / 900, watch.next()).await;
    assert!(matches!(alive, Ok(Watched::Alive(_))), "{alive:?}");
}

#[tokio::test(start_paused = true)]
async fn a_leader_whose_journal_stands_still_is_asked_by_sql() {
    let (script, own, also) = (Script::new(), host("127.0.0.2"), BTreeSet::new());
    script.writes.set(false);
    let mut watch = watch(&script, &own, &also);
    assert!(matches!(watch.next().await, Watched::Alive(_)));
    assert!(timeout(HOUR, watch.next()).await.is_err());
    assert!(
        script.by_sql.get() > 20,
        "{} looks by SQL in an hour",
        script.by_sql.get()
    );
}
