//! Hundreds of nodes that wait for a leader which then comes: how soon all are registered, and what they are to it.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use hosts::{Herd, Host, Image, Session, StandIn, eventually};

use crate::bench::Bench;
use crate::row::{Line, Row};

pub(crate) const ROW: Row = Row {
    name: "herd",
    about: "hundreds of BEs wait for one leader: until the last is registered, connections at a time",
    per_engine: true,
    measure,
};

/// A leader that the herd meets.
struct Leader {
    what: &'static str,
    /// Of the stand-in.
    fault: &'static str,
    /// In seconds.
    budget: f64,
}

const LEADERS: [Leader; 3] = [
    Leader {
        what: ", which lets 100 in at a time",
        // For one account in Doris and in older `StarRocks`.
        fault: "mysql=sessions 100\n",
        budget: 10.0,
    },
    Leader {
        what: ", which does one statement in 2 ms",
        fault: "mysql=busy 2ms\n",
        budget: 10.0,
    },
    Leader {
        what: ", which lets 100 in at a time and takes 100 ms for each statement, side by side",
        fault: "mysql=sessions 100\nmysql=slow 100ms\n",
        budget: 12.0,
    },
];
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at the leader: it has others to answer.
const LOOK: Duration = Duration::from_millis(200);

fn measure(bench: &Bench) -> anyhow::Result<Vec<Line>> {
    let [fe, be] = bench.world.stand_in(&StandIn {
        time_scale: 0.1,
        heartbeat_ms: 5000,
    })?;
    let seed = bench.world.host("leader", 100, &fe)?;
    let size = bench.much(300, 20);
    LEADERS
        .iter()
        .map(|leader| with_leader(bench, &seed, &be, size, leader))
        .collect()
}

fn with_leader(bench: &Bench, seed: &Host, be: &Image, size: u16, leader: &Leader) -> anyhow::Result<Line> {
    seed.wipe_both()?;
    let address = seed.address().to_string();
    seed.set("MASTER_HOST", &address)
        .set("LOCAL_HOST", &address)
        .set("GUARD_TIME", "0s");
    std::fs::write(seed.home().join("standin.faults"), leader.fault)?;
    let mut herd = Herd::new(&bench.world, be, seed.address(), size)?;
    herd.start()?;
    herd.all_say("waiting: ")?;
    seed.start()?;
    let at = SocketAddr::from((seed.address(), 9030));
    let mut session = eventually(PATIENCE, "a leader", || Session::open(at, PATIENCE))?;
    let up = Instant::now();
    let registered = eventually(PATIENCE, "all of them registered", || {
        std::thread::sleep(LOOK);
        let rows = session.query("SHOW BACKENDS")?;
        ensure!(rows.len() >= herd.len(), "{} are registered", rows.len());
        Ok(rows)
    })?;
    let took = up.elapsed().as_secs_f64();
    for address in herd.addresses() {
        let address = address.to_string();
        let times = registered.iter().filter(|row| row.host() == address).count();
        ensure!(times == 1, "{address} is registered {times} times");
    }
    herd.all_say("engine started")?;
    let rows = session.query("SHOW TALLY")?;
    let count = |what: &str| -> anyhow::Result<usize> {
        let row = rows.iter().find(|row| row.is("What", what));
        Ok(row
            .with_context(|| format!("no count of {what}"))?
            .get("Count")
            .parse()?)
    };
    let complaints = herd.complaints();
    ensure!(complaints.is_empty(), "{}", complaints.join("\n"));
    let (sessions, most, second) = (
        count("sessions at a time")?,
        count("connections at a time")?,
        count("connections in the busiest second")?,
    );
    let (all, adds) = (count("connections")?, count("ALTER SYSTEM ADD")?);
    seed.kill9()?;
    herd.dissolve()?;
    Ok(Line {
        what: format!(
            "leader up → the last of {size} BEs registered at a leader{}",
            leader.what
        ),
        muster: format!(
            "{took:.1} s; {adds} ADDs; {all} connections, {second} in the busiest second; at a time {most}, {sessions} of \
             them logged in"
        ),
        others: vec![(
            "scripts".to_owned(),
            "look every second, all of them (not measured)".to_owned(),
        )],
        budget: format!("≤ {} s", leader.budget),
        met: took <= leader.budget,
    })
}
