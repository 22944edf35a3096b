//! `muster status` and `muster may-stop` after each fault: what is wrong, by name, and the exit code.

use std::time::Duration;

use anyhow::{Context, ensure};
use hosts::{Cluster, Host, Output, StandIn, World, eventually};

for_each_engine! {
    the_state_of_a_cluster_is_told_after_each_fault,
    whoever_reaches_an_fe_is_told_the_same_and_without_the_account_what_is_open,
    a_cluster_works_behind_a_firewall_that_drops_whatever_ports_does_not_list,
}

/// How long anything may take. None of it needs the half of it on an idle machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// Three FEs and two BEs, all alive.
pub(crate) fn whole(world: &World) -> anyhow::Result<Cluster> {
    let [fe, be] = world.stand_in(&StandIn::QUICK)?;
    let cluster = Cluster::new(world, 3, &fe, 2, Some(&be))?;
    for host in &cluster.hosts {
        host.set("GUARD_TIME", "3s");
        host.start()?;
    }
    cluster.becomes_whole(PATIENCE)?;
    Ok(cluster)
}

/// Waits for this exit code and all of these words, on that host.
fn says(host: &Host, command: &[&str], code: i32, words: &[&str]) -> anyhow::Result<Output> {
    let command: Vec<&str> = ["muster"].iter().chain(command).copied().collect();
    eventually(
        PATIENCE,
        &format!("{command:?} with {code} and {words:?}"),
        || {
            let said = host.exec(&command)?;
            // Lines end where they would be wider than a terminal.
            let text = said.text.split_whitespace().collect::<Vec<_>>().join(" ");
            let has = words.iter().all(|word| text.contains(word));
            ensure!(said.code == code && has, "{}\n{}", said.code, said.text);
            Ok(said)
        },
    )
}

/// A neighbour that is gone counts as gone before the leader has noticed.
fn may_not_stop_at_once(asks: &Host, gone: &str) -> anyhow::Result<()> {
    let said = asks.exec(&["muster", "may-stop"])?;
    ensure!(said.code == 1, "{gone} is gone: {said:?}");
    Ok(())
}

/// What it prints is never wider than a terminal, but for a command, which is there to be copied.
fn fits(said: &Output) -> anyhow::Result<()> {
    let wide = said
        .text
        .lines()
        .find(|line| line.chars().count() > 80 && !line.starts_with("      "));
    ensure!(wide.is_none(), "{}", said.text);
    Ok(())
}

fn the_state_of_a_cluster_is_told_after_each_fault(world: &World) -> anyhow::Result<()> {
    let cluster = whole(world)?;
    let id = cluster.id()?;
    let leader = cluster.leader()?.name().to_owned();
    let others: Vec<&Host> = cluster.fes().filter(|fe| fe.name() != leader).collect();
    let [asks, dies] = others.as_slice() else {
        anyhow::bail!("two others")
    };
    let (be1, be2) = (cluster.host("be1")?, cluster.host("be2")?);
    let well = [
        "3 of 3 voters alive, 1 may fail",
        "2 BEs are alive as they should be",
        &id,
    ];
    fits(&says(asks, &["status"], 0, &well)?)?;
    fits(
        &says(be1, &["status", "--all"], 0, &["be1", "ready"]).or_else(|_| {
            says(
                be1,
                &["status", "--all"],
                0,
                &[&be1.address().to_string(), "ready"],
            )
        })?,
    )?;
    says(asks, &["may-stop"], 0, &["yes: FE"])?;
    says(be1, &["may-stop"], 0, &["yes: BE"])?;
    // Any FE may lead the next time.
    for fe in cluster.fes() {
        std::fs::write(fe.home().join("standin.faults"), "replicas=demo.orders 1\n")?;
    }
    // It is on the BE that was registered first.
    let stays = be1.exec(&["muster", "may-stop"])?.code == 1;
    let [first, other] = if stays { [be1, be2] } else { [be2, be1] };
    let here = "the table demo.orders has one replica, and a part of it is here";
    says(first, &["may-stop"], 1, &["no: BE", here])?;
    says(other, &["may-stop"], 0, &["yes: BE"])?;
    says(asks, &["may-stop"], 0, &["yes: FE"])?;
    for fe in cluster.fes() {
        std::fs::remove_file(fe.home().join("standin.faults"))?;
    }
    // A clock that jumps while its FE runs disturbs nothing until the next start.
    let faults = dies.home().join("standin.faults");
    for (jump, words) in [
        ("9000", "s ahead of the leader's"),
        ("-60000", "s behind the leader's"),
    ] {
        std::fs::write(&faults, format!("clock={jump}\n"))?;
        let named = dies.address().to_string();
        says(asks, &["status"], 1, &[&named, "clock-off", words, "with NTP"])?;
    }
    // No more than the error of the measurement and the engines' limit.
    std::fs::write(&faults, "clock=3000\n")?;
    says(asks, &["status"], 0, &["3 of 3 voters alive"])?;
    std::fs::remove_file(&faults)?;
    // Its own volume is seen by whoever asks beside the FE.
    let small = "data=$(ls -d /opt/*/fe/*meta) && cp -a $data /tmp/copy && mount -t tmpfs -o size=4g small $data && \
                 cp -a /tmp/copy/. $data && muster status";
    let said = asks.exec(&["unshare", "--mount", "sh", "-c", small])?;
    ensure!(
        said.code == 1
            && said.text.contains("disk-full")
            && said.text.contains("has 3.9 GB free for its metadata"),
        "{said:?}"
    );
    let json = says(
        asks,
        &["status", "--json"],
        0,
        &["\"muster\": 1", "\"verdict\": \"well\""],
    )?;
    ensure!(json.text.matches("\"kind\"").count() == 5, "{}", json.text);

    dies.kill9()?;
    let gone = dies.address().to_string();
    may_not_stop_at_once(asks, &gone)?;
    let dead = [
        gone.as_str(),
        "no answer",
        "dead",
        "none may fail",
        "1 thing to do",
        "DROP FOLLOWER",
    ];
    fits(&says(asks, &["status"], 1, &dead)?)?;
    says(
        asks,
        &["may-stop"],
        1,
        &["1 of 3 voters would be alive, and a leader needs 2"],
    )?;
    dies.start()?;
    says(
        asks,
        &["status", "--quiet", "--wait", "well", "--timeout", "60s"],
        0,
        &[],
    )?;

    // Silent, not refused: it costs one deadline.
    be2.cut()?;
    let away = be2.address().to_string();
    may_not_stop_at_once(be1, &away)?;
    fits(&says(
        asks,
        &["status"],
        1,
        &[&away, "no answer", "dead", "DECOMMISSION BACKEND"],
    )?)?;
    says(be1, &["may-stop"], 1, &[&format!("{away} is down")])?;
    be2.heal()?;
    let alive = format!("alive:{away}");
    says(
        asks,
        &["status", "--quiet", "--wait", &alive, "--timeout", "60s"],
        0,
        &[],
    )?;

    let (key, value) = if world.engine().is_doris() {
        ("disable_tablet_scheduler", "true")
    } else {
        ("tablet_sched_max_scheduling_tablets", "0")
    };
    cluster
        .host(&leader)?
        .sql(&format!("ADMIN SET FRONTEND CONFIG (\"{key}\" = \"{value}\")"))?;
    says(asks, &["status"], 1, &["nothing is balanced or repaired", key])?;

    // It leaves, and cannot while one BE stays and a table has two replicas.
    let faults = "leaves=12\ntablets=12 of 345\nreplicas=demo.orders 2\n";
    std::fs::write(cluster.host(&leader)?.home().join("standin.faults"), faults)?;
    let leaves = format!("ALTER SYSTEM DECOMMISSION BACKEND \"{away}:9050\"");
    cluster.host(&leader)?.sql(&leaves)?;
    let stuck = [
        "stuck",
        "its 12 tablets do not move: 1 BE stays, and a table has 2 replicas",
    ];
    fits(&says(asks, &["status"], 1, &stuck)?)?;

    for fe in [cluster.host(&leader)?, dies] {
        fe.kill9()?;
    }
    fits(&says(asks, &["status"], 69, &["no leader: 1 of 3", "first."])?)?;
    says(asks, &["may-stop"], 69, &["no leader is believed"])?;
    ensure!(
        !asks.has_ended() || world.engine().is_doris(),
        "{}",
        asks.log_tail()
    );
    Ok(())
}

fn whoever_reaches_an_fe_is_told_the_same_and_without_the_account_what_is_open(
    world: &World,
) -> anyhow::Result<()> {
    let cluster = whole(world)?;
    let seed = cluster.seed()?.address().to_string();
    let [fe, _] = world.stand_in(&StandIn::QUICK)?;
    // The image alone: no record, no variable.
    let outside = world.host("outside", 9, &fe)?;
    outside.start_program(&["sleep", "1000"])?;
    let command = ["status", "--master", &seed];
    says(
        &outside,
        &command,
        0,
        &["3 of 3 voters alive", "2 BEs are alive as they should be"],
    )?;
    let node = format!("fe:{seed}");
    says(
        &outside,
        &["may-stop", "--master", &seed, "--node", &node],
        0,
        &["yes: FE"],
    )?;
    // Who is not found is not let go.
    let nobody = ["may-stop", "--master", &seed, "--node", "be:10.99.0.250"];
    says(
        &outside,
        &nobody,
        1,
        &["no: BE 10.99.0.250", "is not seen to list it"],
    )?;
    let targets = says(
        &outside,
        &["targets", "--master", &seed],
        0,
        &["\"group\": \"be\"", ":8040"],
    )?;
    ensure!(
        targets.text.matches("\"targets\"").count() == 5,
        "{}",
        targets.text
    );
    let alive = [
        "muster_leader_believed 1",
        "muster_voters_may_fail 1",
        "muster_node_serves{kind=\"be\"",
    ];
    says(&outside, &["metrics", "--master", &seed], 0, &alive)?;
    let without = says(&outside, &["status"], 78, &["MASTER_HOST"])?;
    ensure!(without.text.contains("is not set"), "{}", without.text);
    // The volumes of a node, and no variable.
    let record = "muster.json";
    std::fs::copy(cluster.seed()?.data().join(record), outside.data().join(record))?;
    says(&outside, &["status"], 0, &["3 of 3 voters alive"])?;
    std::fs::remove_file(outside.data().join(record))?;

    cluster
        .seed()?
        .sql("SET PASSWORD FOR 'root' = PASSWORD('s3cret')")?;
    let open = says(
        &outside,
        &command,
        77,
        &["the account was refused", "CLUSTER_PASSWORD_FILE"],
    )?;
    fits(&open)?;
    for fe in cluster.fes() {
        let address = fe.address().to_string();
        ensure!(open.text.contains(&address), "{}", open.text);
    }
    ensure!(open.text.contains("leader"), "{}", open.text);
    let seed = cluster.seed()?;
    let password = seed.exec(&["sh", "-c", "CLUSTER_PASSWORD=s3cret muster status"])?;
    ensure!(password.code == 0, "{password:?}");
    seed.exec(&["true"]).context("it runs on")?;
    Ok(())
}

/// Loaded as it is printed, but that everything else is dropped too.
fn a_cluster_works_behind_a_firewall_that_drops_whatever_ports_does_not_list(
    world: &World,
) -> anyhow::Result<()> {
    let [fe, be] = world.stand_in(&StandIn::QUICK)?;
    let cluster = Cluster::new(world, 3, &fe, 3, Some(&be))?;
    for host in &cluster.hosts {
        host.set("GUARD_TIME", "3s").set("STATE_DIR", "/opt/state");
        host.start()?;
    }
    cluster.becomes_whole(PATIENCE)?;
    let stranger = world.host("stranger", 9, &fe)?;
    stranger.start_program(&["sleep", "1000"])?;
    let seed = cluster.seed()?;
    let knocks = |port: u16, code: i32| -> anyhow::Result<()> {
        let knock = format!("timeout 3 bash -c '</dev/tcp/{}/{port}'", seed.address());
        let said = stranger.exec(&["sh", "-c", &knock])?;
        ensure!(said.code == code, "{port}: {said:?}");
        Ok(())
    };
    knocks(8030, 0)?;
    for host in &cluster.hosts {
        let load =
            "muster ports --format nft | sed 's/policy accept/policy drop/' | tee /opt/rules | nft -f -";
        // Twice: it replaces what it has loaded before.
        for _ in 0..2 {
            let said = host.exec(&["bash", "-euo", "pipefail", "-c", load])?;
            ensure!(
                said.code == 0,
                "{}\n{}",
                said.text,
                std::fs::read_to_string(host.on_disk(std::path::Path::new("/opt/rules")))?
            );
        }
    }
    knocks(9030, 0)?;
    // 124 is what `timeout` ends with: nothing comes back.
    knocks(8030, 124)?;
    knocks(9010, 124)?;
    let id = cluster.id()?;
    let old = cluster.leader()?;
    old.kill9()?;
    eventually(PATIENCE, "another leader", || {
        ensure!(cluster.leader()?.name() != old.name(), "it is shown still");
        Ok(())
    })?;
    old.wipe_data()?;
    old.start()?;
    cluster.becomes_whole(PATIENCE)?;
    ensure!(cluster.id()? == id, "another cluster");
    let asks = cluster.host("be1")?;
    says(
        asks,
        &["status"],
        0,
        &["3 of 3 voters alive", "3 BEs are alive as they should be"],
    )?;
    Ok(())
}
