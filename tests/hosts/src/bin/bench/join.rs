//! A leader becomes ready while others wait for it: how soon they are registered, and how soon their engines start.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, ensure};
use hosts::{Host, Row as Shown, Session, binary, eventually};

use crate::bench::Bench;
use crate::row::{Line, Row};
use crate::sample::Sample;
use crate::start::{since, started};

pub(crate) const ROW: Row = Row {
    name: "join",
    about: "leader ready → registered → engine started, a follower and a BE at once",
    per_engine: true,
    measure,
};

const BUDGET: f64 = 150.0;
const PATIENCE: Duration = Duration::from_secs(30);
/// Between two looks at the leader: it has others to answer.
const LOOK: Duration = Duration::from_millis(2);

/// Milliseconds after the leader was ready.
struct Joined {
    registered: f64,
    started: f64,
}

fn measure(bench: &Bench) -> anyhow::Result<Vec<Line>> {
    let mut found = Vec::new();
    for _ in 0..bench.much(15, 1) {
        found.push(join_once(bench)?);
    }
    let line = |what: &str, figures: Vec<f64>| {
        let sample = Sample::of(figures);
        Line {
            what: format!("leader ready → {what}"),
            muster: sample.text_with_size("ms"),
            others: vec![(
                "scripts".to_owned(),
                "look every 1 to 5 s (not measured)".to_owned(),
            )],
            budget: format!("median ≤ {BUDGET} ms"),
            met: sample.median() <= BUDGET,
        }
    };
    let (fes, bes): (Vec<Joined>, Vec<Joined>) = found.into_iter().unzip();
    Ok(vec![
        line(
            "follower registered",
            fes.iter().map(|fe| fe.registered).collect(),
        ),
        line(
            "follower's engine started",
            fes.iter().map(|fe| fe.started).collect(),
        ),
        line("BE registered", bes.iter().map(|be| be.registered).collect()),
        line("BE's engine started", bes.iter().map(|be| be.started).collect()),
    ])
}

fn join_once(bench: &Bench) -> anyhow::Result<(Joined, Joined)> {
    let cluster = bench.fresh_cluster()?;
    let (seed, fe, be) = (cluster.seed()?, cluster.host("fe2")?, cluster.host("be1")?);
    for host in [fe, be] {
        tells_its_start(host)?;
        host.start()?;
    }
    for host in [fe, be] {
        host.says(PATIENCE, "waiting: ")?;
    }
    seed.start()?;
    let mut leader = ready(seed).with_context(|| seed.log_tail())?;
    let [fe_registered, be_registered] = registered(&mut leader, [fe, be])?;
    let mut joined = Vec::new();
    for (host, registered) in [(fe, fe_registered), (be, be_registered)] {
        let moment = eventually(PATIENCE, "the engine's start", || started(&host.last_log()))
            .with_context(|| host.log_tail())?;
        joined.push(Joined {
            registered: registered.as_secs_f64() * 1000.0,
            started: since(leader.ready, moment)?.as_secs_f64() * 1000.0,
        });
    }
    let be = joined.pop().context("two were measured")?;
    Ok((joined.pop().context("two were measured")?, be))
}

/// The start script says when it is started, and goes on as it is.
pub(crate) fn tells_its_start(host: &Host) -> anyhow::Result<()> {
    let inside = "/opt/bin/extra";
    fs::copy(binary("extra")?, host.on_disk(Path::new(inside)))?;
    let script = host.home().join("bin").join(host.component().start_script());
    let text = fs::read_to_string(&script)?;
    let (_, body) = text.split_once('\n').context("a script of one line")?;
    fs::write(&script, format!("#!{inside}\n{body}"))?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    host.set("ACT", "become");
    Ok(())
}

struct Leader {
    session: Session,
    /// Not later than it was: the beginning of the last look that did not find it ready.
    ready: SystemTime,
}

/// Waits until it can be believed: it answers, and shows itself as the leader and alive.
fn ready(seed: &Host) -> anyhow::Result<Leader> {
    let at = SocketAddr::from((seed.address(), 9030));
    let deadline = Instant::now() + PATIENCE;
    let mut session = None;
    let mut before = SystemTime::now();
    loop {
        let look = SystemTime::now();
        if session.is_none() {
            session = Session::open(at, PATIENCE).ok();
        }
        if let Some(session) = &mut session {
            let rows = session.query("SHOW FRONTENDS").unwrap_or_default();
            if rows.iter().any(leads) {
                break;
            }
        }
        before = look;
        ensure!(Instant::now() < deadline, "no leader");
        sleep(LOOK);
    }
    Ok(Leader {
        session: session.context("it was asked over one")?,
        ready: before,
    })
}

fn leads(row: &Shown) -> bool {
    row.leads() && row.is("Alive", "true") && row.is("Join", "true")
}

/// How long after that each of them was seen in the lists.
fn registered(leader: &mut Leader, hosts: [&Host; 2]) -> anyhow::Result<[Duration; 2]> {
    let deadline = Instant::now() + PATIENCE;
    let mut seen = [None; 2];
    loop {
        for (host, seen) in hosts.iter().zip(&mut seen) {
            let address = host.address().to_string();
            // A leader that just became one may refuse the first answer.
            let rows = leader.session.query(host.component().show()).unwrap_or_default();
            if seen.is_none() && rows.iter().any(|row| row.host() == address) {
                *seen = Some(since(leader.ready, SystemTime::now())?);
            }
        }
        if let [Some(one), Some(other)] = seen {
            return Ok([one, other]);
        }
        ensure!(Instant::now() < deadline, "not registered: {seen:?}");
        sleep(LOOK);
    }
}
