//! Look, add, look, against a cluster that is a script: whatever becomes of an ADD, and wherever the node is killed, it is
//! registered exactly once.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test says what it needs by failing"
)]

use std::cell::{Cell, RefCell};
use std::ffi::OsString;
use std::future::pending;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;
use std::{env, fs};

use muster::cluster::FeClient;
use muster::effects::join_loop::{NotReady, ReadyToStart, join_cluster};
use muster::effects::status_file::StatusFile;
use muster::engine::failure::Failure;
use muster::engine::member::{Backend, Frontend, FrontendRole};
use muster::engine::probe::{Ha, Membership};
use muster::engine::{ALL, Component, Engine};
use muster::facts::data::ClusterToken;
use muster::facts::home::{self, Home};
use muster::facts::record::Progress;
use muster::settings::{ConfRequest, Endpoint, Flags, Host, Settings, Source};
use tokio::sync::Notify;

/// Each of these tests starts a node that takes the engine's usual ports, of this host: a node of another test, or of
/// another run of the tests, would be a stranger on the port its record holds it to.
fn alone() -> fs::File {
    let shared = fs::File::open(env::temp_dir()).unwrap();
    rustix::fs::flock(&shared, rustix::fs::FlockOperation::LockExclusive).unwrap();
    shared
}

/// What becomes of an ADD.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Applied,
    /// Applied, then the connection broke.
    Broken,
    /// Applied, and the answer never came.
    Late,
    Locked,
    /// Answered, and the row is gone.
    Gone,
    /// Taken by a leader that had lost its quorum: it shows the row, and whoever leads next does not.
    Isolated,
    /// Not applied, and no answer: the leader hangs.
    Hung,
    /// Somebody else was quicker with the same address.
    Raced,
}

#[derive(Debug, Default)]
struct Script {
    /// For the ADDs in their order; those after them are applied.
    fates: RefCell<Vec<Fate>>,
    rows: RefCell<Vec<String>>,
    /// Questions for which the leader goes on without a quorum, and the row it shows meanwhile.
    isolated: RefCell<Option<(u32, String)>>,
    adds: Cell<u32>,
    /// The last ADD.
    statement: RefCell<String>,
    questions: Cell<u32>,
    /// The node is killed while this question is open.
    killed_at: Cell<u32>,
    killed: Notify,
}

impl Script {
    async fn asked(&self) {
        self.questions.set(self.questions.get() + 1);
        if self.questions.get() == self.killed_at.get() {
            self.killed.notify_one();
            pending::<()>().await;
        }
    }

    fn fate(&self) -> Fate {
        let mut fates = self.fates.borrow_mut();
        if fates.is_empty() {
            Fate::Applied
        } else {
            fates.remove(0)
        }
    }

    fn member(number: u8, role: FrontendRole, alive: bool) -> Frontend {
        Frontend {
            name: format!("fe{number}"),
            host: format!("127.0.0.{number}"),
            edit_log_port: 9010,
            http_port: 8030,
            query_port: 9030,
            rpc_port: 9020,
            role,
            cluster_id: "77".to_owned(),
            join: true,
            alive,
            last_heartbeat: None,
            error: String::new(),
            journal: None,
            version: None,
        }
    }
}

impl FeClient for Script {
    async fn frontends(&self, _: &Endpoint) -> Result<Vec<Frontend>, Failure> {
        self.asked().await;
        let mut isolated = self.isolated.borrow_mut();
        let alone = isolated.as_ref().is_some_and(|(left, _)| *left > 0);
        match isolated.as_mut() {
            Some((left, _)) if *left > 0 => *left -= 1,
            _ => *isolated = None,
        }
        Ok(vec![
            Self::member(1, FrontendRole::Leader, true),
            Self::member(2, FrontendRole::Follower, !alone),
            Self::member(3, FrontendRole::Follower, !alone),
        ])
    }

    async fn members(&self, _: &Endpoint, component: Component) -> Result<Vec<Backend>, Failure> {
        self.asked().await;
        // A row is in the list of its own statement.
        let is_cn = self.statement.borrow().contains("COMPUTE NODE");
        if is_cn != (component == Component::Cn) {
            return Ok(Vec::new());
        }
        let isolated = self.isolated.borrow();
        let rows = self.rows.borrow();
        let shown = rows.iter().chain(isolated.as_ref().map(|(_, row)| row));
        let row = |row: &String| {
            let (host, port) = row.rsplit_once(':').unwrap();
            Backend {
                component: Some(component),
                host: host.to_owned(),
                port: port.parse().unwrap(),
                ..Backend::default()
            }
        };
        Ok(shown.map(row).collect())
    }

    async fn ha(&self, _: &Host, _: u16) -> Option<Ha> {
        None
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

    async fn add(&self, _: &Endpoint, statement: &str) -> Result<(), Failure> {
        let at = statement.split('"').nth(1).unwrap();
        self.statement.replace(statement.to_owned());
        self.adds.set(self.adds.get() + 1);
        let fate = self.fate();
        let exists = Failure::Exists(format!("Backend already exists with same host and port: {at}"));
        let row = || self.rows.borrow_mut().push(at.to_owned());
        if self.rows.borrow().iter().any(|row| row == at) {
            self.asked().await;
            return Err(exists);
        }
        if matches!(fate, Fate::Applied | Fate::Broken | Fate::Late | Fate::Raced) {
            row();
        }
        // Killed here it has been applied, and nobody was told.
        self.asked().await;
        match fate {
            Fate::Applied | Fate::Gone => Ok(()),
            Fate::Broken => Err(Failure::Lost("connection reset".to_owned())),
            Fate::Late | Fate::Hung => Err(Failure::Deadline(3)),
            Fate::Locked => Err(Failure::Busy(
                "Failed to acquire globalStateMgr lock. Try again".to_owned(),
            )),
            Fate::Isolated => {
                self.isolated.replace(Some((3, at.to_owned())));
                Err(Failure::Deadline(3))
            }
            Fate::Raced => Err(exists),
        }
    }
}

/// A BE's home, and nothing that runs.
fn node(dir: &Path) -> (Settings, Home) {
    node_of(dir, ALL[0], Component::Be)
}

/// A home of that component, and nothing that runs.
fn node_of(dir: &Path, engine: &Engine, component: Component) -> (Settings, Home) {
    let layout = engine.layout(component).unwrap();
    let script = format!("#!/bin/sh\n{}\n", layout.script_mark.unwrap_or_default());
    let data = layout.data.as_ref().map(|data| format!("{}/x", data.default));
    let files = [
        (layout.script, script.as_str()),
        (layout.conf, ""),
        (layout.marks[0], ""),
    ];
    let data = data.as_deref().map(|data| (data, ""));
    for (file, text) in files.into_iter().chain(data) {
        let path = dir.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let flags = Flags {
        home: Some(dir.to_owned()),
        component: Some(component),
        ..Flags::default()
    };
    let state = dir.join("state");
    let vars = [
        ("MASTER_HOST", "127.0.0.1".into()),
        ("LOCAL_HOST", "127.0.0.1".into()),
        ("STATE_DIR", state.into_os_string()),
    ];
    let vars = vars.map(|(name, value): (&str, OsString)| (OsString::from(name), value));
    let (settings, _) = Settings::read(flags, vars).unwrap();
    let home = home::find(&settings.image, Path::new("/")).unwrap();
    assert_eq!((home.engine, home.component), (engine, component));
    (settings, home)
}

/// Starts the node, and kills it where the script says so.
async fn start(script: &Script, settings: &Settings, home: &Home) -> Option<Result<ReadyToStart, NotReady>> {
    let status = StatusFile::default();
    tokio::select! {
        entry = join_cluster(script, settings, home, &status) => Some(entry),
        () = script.killed.notified() => None,
    }
}

fn is_in(entry: Option<Result<ReadyToStart, NotReady>>, script: &Script, case: &str) {
    let entry = entry.unwrap().expect(case);
    let own = entry.plan.node.host.with_port(entry.plan.node.identity_port);
    assert_eq!(*script.rows.borrow(), [own], "{case}");
    assert_eq!(entry.record.progress, Progress::Started, "{case}");
    assert_eq!(entry.record.cluster_id.as_deref(), Some("77"), "{case}");
}

#[tokio::test(start_paused = true)]
async fn whatever_becomes_of_an_add_the_node_is_registered_once() {
    use Fate::{Applied, Broken, Gone, Hung, Isolated, Late, Locked, Raced};
    let _alone = alone();
    let table: [(&[Fate], u32); 10] = [
        (&[Applied], 1),
        (&[Broken], 1),
        (&[Late], 1),
        (&[Raced], 1),
        (&[Locked], 2),
        (&[Gone], 2),
        (&[Hung], 2),
        (&[Isolated], 2),
        (&[Locked, Hung, Gone, Late], 4),
        (&[Isolated, Broken], 2),
    ];
    for (fates, adds) in table {
        let case = format!("{fates:?}");
        let dir = tempfile::tempdir().unwrap();
        let (settings, home) = node(dir.path());
        let script = Script::default();
        script.fates.replace(fates.to_vec());
        is_in(start(&script, &settings, &home).await, &script, &case);
        assert_eq!(script.adds.get(), adds, "{case}");
    }
}

/// Of both engines; the FEs have stories of their own.
#[tokio::test(start_paused = true)]
async fn every_component_is_added_once_by_its_own_statement() {
    use Component::{Be, Broker, Cn};
    use Fate::{Broken, Gone};
    let _alone = alone();
    let broker = "ADD BROKER broker_127_0_0_1 \"127.0.0.1";
    let table = [
        (0, Be, "ADD BACKEND \"127.0.0.1"),
        (0, Cn, "ADD COMPUTE NODE \"127.0.0.1"),
        (0, Broker, broker),
        (1, Be, "ADD BACKEND \"127.0.0.1"),
        (1, Broker, broker),
    ];
    for (engine, component, statement) in table {
        let case = format!("{} {component:?}", ALL[engine].name);
        let dir = tempfile::tempdir().unwrap();
        let (settings, home) = node_of(dir.path(), ALL[engine], component);
        let script = Script::default();
        script.fates.replace(vec![Gone, Broken]);
        is_in(start(&script, &settings, &home).await, &script, &case);
        assert_eq!(script.adds.get(), 2, "{case}");
        // Another test may have the usual port just now; then it is the next one.
        let said = script.statement.borrow().clone();
        let (said, _port) = said.rsplit_once(':').unwrap();
        assert_eq!(said, format!("ALTER SYSTEM {statement}"));
        // Started again before the cluster has shown it alive, it looks and adds nothing.
        is_in(start(&script, &settings, &home).await, &script, &case);
        assert_eq!(script.adds.get(), 2, "{case}");
        if component == Broker {
            // Its record is gone, and the cluster lists its address: perhaps under another name.
            fs::remove_dir_all(dir.path().join("state")).unwrap();
            is_in(start(&script, &settings, &home).await, &script, &case);
            assert_eq!(script.adds.get(), 2, "{case}");
        }
        // A component without data has no other copy of the record.
        let data = home.layout.data.as_ref();
        let copy = dir
            .path()
            .join(data.map_or("", |data| data.default))
            .join("muster.json");
        assert_eq!(copy.exists(), data.is_some(), "{case}");
        let state = dir.path().join(format!("state/muster-{}.json", component.id()));
        assert!(state.exists(), "{case}");
    }
}

/// One of the engines ends if a storage path does not exist.
#[tokio::test(start_paused = true)]
async fn every_storage_path_is_there_before_the_engine_starts() {
    let _alone = alone();
    for engine in ALL {
        let dir = tempfile::tempdir().unwrap();
        let (mut settings, home) = node_of(dir.path(), engine, Component::Be);
        let paths = ["one", "two"].map(|name| dir.path().join(name));
        let list = paths
            .each_ref()
            .map(|path| path.display().to_string())
            .join(",medium:HDD;");
        let request = ConfRequest {
            key: "storage_root_path".to_owned(),
            value: list,
            source: Source::Default,
        };
        settings.conf.insert(Component::Be, vec![request]);
        let script = Script::default();
        start(&script, &settings, &home)
            .await
            .unwrap()
            .expect(engine.name);
        assert!(paths.iter().all(|path| path.is_dir()), "{}", engine.name);
    }
}

/// Killed at each question in turn, and started again.
#[tokio::test(start_paused = true)]
async fn wherever_it_is_killed_the_next_start_goes_on_from_there() {
    use Fate::{Applied, Broken, Gone, Isolated};
    let _alone = alone();
    for fate in [Applied, Broken, Gone, Isolated] {
        let mut at = 0;
        loop {
            at += 1;
            let case = format!("{fate:?}, killed at question {at}");
            let dir = tempfile::tempdir().unwrap();
            let (settings, home) = node(dir.path());
            let script = Script::default();
            script.fates.replace(vec![fate]);
            script.killed_at.set(at);
            if let Some(entry) = start(&script, &settings, &home).await {
                is_in(Some(entry), &script, &case);
                break;
            }
            // A killed process leaves no listener behind, not even until the next turn of the runtime.
            tokio::task::yield_now().await;
            is_in(start(&script, &settings, &home).await, &script, &case);
            assert!(script.adds.get() <= 2, "{case}: {} ADDs", script.adds.get());
        }
        assert!(at > 6, "{fate:?}: it asked {at} times only");
    }
}

#[tokio::test(start_paused = true)]
async fn an_add_that_never_counts_ends_with_the_patience() {
    let _alone = alone();
    let dir = tempfile::tempdir().unwrap();
    let (mut settings, home) = node(dir.path());
    settings.wait_timeout.value = Duration::from_secs(60);
    let script = Script::default();
    script.fates.replace(vec![Fate::Locked; 10_000]);
    let NotReady(refusals) = join_cluster(&script, &settings, &home, &StatusFile::default())
        .await
        .unwrap_err();
    let said: Vec<String> = refusals.iter().map(ToString::to_string).collect();
    assert!(
        said.concat().contains("cannot register within WAIT_TIMEOUT"),
        "{said:?}"
    );
    // With one to two seconds between two of them, and less only in the beginning.
    assert!(script.adds.get() < 80, "{} ADDs in a minute", script.adds.get());
}
