//! What the person on call sees: one fault after the other, and what `muster status`, `may-stop` and `doctor` say of each.

use std::time::Duration;

use anyhow::{Context, ensure};
use hosts::{Cluster, Host, Output, StandIn, World, eventually};

use crate::show::{Paint, line, paint};

/// For anything that must happen; a step that needs it has failed.
const PATIENCE: Duration = Duration::from_secs(90);

pub(crate) fn tell(world: &World) -> anyhow::Result<()> {
    let [fe, be] = world.stand_in(&StandIn::QUICK)?;
    let cluster = Cluster::new(world, 3, &fe, 3, Some(&be))?;
    line(&format!(
        "engine  a stand-in that behaves like {}, ten times as fast",
        world.engine().name
    ));
    for host in &cluster.hosts {
        host.set("GUARD_TIME", "3s");
        host.start()?;
    }
    cluster.becomes_whole(PATIENCE)?;
    let leader = cluster.leader()?;
    let others: Vec<&Host> = cluster.fes().filter(|fe| fe.name() != leader.name()).collect();
    let [asks, other] = others.as_slice() else {
        anyhow::bail!("two FEs beside the leader")
    };
    let (be1, be2, be3) = (cluster.host("be1")?, cluster.host("be2")?, cluster.host("be3")?);

    fault("all is well");
    shows(asks, "status", 0, "")?;
    shows(asks, "may-stop", 0, "yes")?;

    fault(&format!("{} is killed", other.name()));
    other.kill9()?;
    shows(asks, "status", 1, "dead")?;
    shows(asks, "may-stop", 1, "no")?;
    other.start()?;
    well(asks)?;

    fault(&format!("the cable of {} is cut", be2.name()));
    be2.cut()?;
    shows(asks, "status", 1, "dead")?;
    shows(be1, "may-stop", 1, "is down")?;
    shows(asks, "doctor --only reach", 1, "cannot be reached from here")?;
    be2.heal()?;
    well(asks)?;

    fault(&format!("a firewall of {} drops one port", be1.name()));
    let rules =
        "nft 'table inet demo { chain input { type filter hook input priority 0; tcp dport 8060 drop; }; }'";
    be1.exec(&["sh", "-c", rules])?;
    shows(asks, "doctor --only reach", 1, "8060 (brpc_port)")?;
    be1.exec(&["nft", "delete", "table", "inet", "demo"])?;
    shows(asks, "doctor --only reach", 0, "nothing found")?;

    fault(&format!("somebody drops {}, and it runs on", be3.name()));
    let at = format!("{}:9050", be3.address());
    leader.sql(&world.engine().drop_backend(&at))?;
    shows(be3, "status", 1, "not-listed")?;
    be3.kill9()?;
    be3.set("REJOIN", "1");
    // Its record has to say that it was dropped, which it learns while it runs; a new container knows nothing of it.
    be3.wipe_both()?;
    be3.start()?;
    well(asks)?;

    fault("a setting of the last upgrade was forgotten");
    let (key, off, on) = if world.engine().is_doris() {
        ("disable_tablet_scheduler", "true", "false")
    } else {
        ("tablet_sched_disable_balance", "true", "false")
    };
    let set = |value: &str| leader.sql(&format!("ADMIN SET FRONTEND CONFIG (\"{key}\" = \"{value}\")"));
    set(off)?;
    shows(asks, "status", 1, key)?;
    set(on)?;
    well(asks)?;

    clock_and_disk(leader, (asks, other), be2)?;

    fault("two of three FEs lose their power");
    for fe in [leader, *other] {
        fe.kill9()?;
    }
    shows(asks, "status", 69, "1 of 3")?;
    shows(asks, "may-stop", 69, "no leader")?;
    for fe in [leader, *other] {
        fe.start()?;
    }
    cluster.becomes_whole_with_restarts(PATIENCE)?;
    well(asks)?;

    fault("the only one that is left of another cluster is asked too");
    let stranger = world.host("stranger", 9, &fe)?;
    let own = stranger.address().to_string();
    stranger
        .set("MASTER_HOST", &own)
        .set("LOCAL_HOST", &own)
        .set("GUARD_TIME", "3s");
    stranger.start()?;
    stranger.says(PATIENCE, "is alive in cluster")?;
    let both = format!("status --master {},{own}", leader.address());
    shows(asks, &both, 1, "two clusters answered")?;

    fault("the password of root is set, and nobody knows it");
    cluster
        .leader()?
        .sql("SET PASSWORD FOR 'root' = PASSWORD('s3cret')")?;
    shows(be1, "status", 77, "the account was refused")?;
    for host in cluster.hosts.iter().chain([&stranger]) {
        if host.is_running() {
            host.kill9()?;
        }
    }
    Ok(())
}

/// What only the lists of the leader and the answers of an FE show.
fn clock_and_disk(leader: &Host, (asks, other): (&Host, &Host), be2: &Host) -> anyhow::Result<()> {
    fault(&format!("the clock of {} jumps by nine seconds", other.name()));
    let faults = other.home().join("standin.faults");
    std::fs::write(&faults, "clock=9000\n")?;
    shows(asks, "status", 1, "clock-off")?;
    std::fs::remove_file(&faults)?;
    well(asks)?;

    fault(&format!("a disk of {} is nearly full", be2.name()));
    let faults = leader.home().join("standin.faults");
    std::fs::write(&faults, format!("disk={} 91\n", be2.address()))?;
    shows(asks, "status", 1, "disk-full")?;
    std::fs::remove_file(&faults)?;
    well(asks)?;
    Ok(())
}

fn fault(what: &str) {
    line(&format!("\n{}\n", paint(Paint::Bold, &format!("— {what} —"))));
}

/// Waits until it is said, and shows it with its exit code.
fn shows(host: &Host, words: &str, code: i32, part: &str) -> anyhow::Result<()> {
    let command: Vec<&str> = ["muster"].into_iter().chain(words.split(' ')).collect();
    let said: Output = eventually(
        PATIENCE,
        &format!("muster {words} on {} with {code}", host.name()),
        || {
            let said = host.exec(&command)?;
            ensure!(
                said.code == code && said.text.contains(part),
                "{}\n{}",
                said.code,
                said.text
            );
            Ok(said)
        },
    )?;
    line(&format!("{} $ muster {words}", host.name()));
    for text in said.text.lines() {
        line(&format!("  {text}"));
    }
    line(&format!(
        "  {}\n",
        paint(Paint::Dim, &format!("exit {}", said.code))
    ));
    Ok(())
}

fn well(host: &Host) -> anyhow::Result<()> {
    let said = host.exec(&["muster", "status", "--wait", "well", "--timeout", "90s"])?;
    ensure!(said.code == 0, "{}", said.text);
    line(&format!("{} $ muster status --wait well", host.name()));
    let first = said.text.lines().next().context("it says something")?;
    line(&format!("  {first}"));
    Ok(())
}
