//! `muster doctor` beside a node: nothing of what works is called wrong, and what is wrong is named.

use std::time::Duration;

use anyhow::ensure;
use hosts::{Cluster, Host, Output, StandIn, World, eventually};

for_each_engine! {
    what_keeps_a_node_from_the_others_is_named_with_its_port_and_what_answers_there,
    the_doctor_names_a_port_that_is_taken_and_an_fe_that_does_not_answer_before_the_first_start,
}

/// How long anything may take. None of it needs the half of it on an idle machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The checks of the node, of the ways to others and of the cluster: the host, its limits and its disks are those of the machine that
/// runs this.
const ASKED: [&str; 5] = [
    "doctor",
    "--only",
    "node,reach,cluster",
    "--skip",
    "disk,inodes,file_system",
];

fn ask(host: &Host, more: &[&str]) -> anyhow::Result<Output> {
    let command: Vec<&str> = ["muster"].iter().chain(&ASKED).chain(more).copied().collect();
    host.exec(&command)
}

/// Waits for this exit code and all of these words.
fn says(host: &Host, code: i32, words: &[&str]) -> anyhow::Result<Output> {
    eventually(PATIENCE, &format!("doctor with {code} and {words:?}"), || {
        let said = ask(host, &[])?;
        let text = said.text.split_whitespace().collect::<Vec<_>>().join(" ");
        let has = words.iter().all(|word| text.contains(word));
        ensure!(said.code == code && has, "{}\n{}", said.code, said.text);
        Ok(said)
    })
}

fn what_keeps_a_node_from_the_others_is_named_with_its_port_and_what_answers_there(
    world: &World,
) -> anyhow::Result<()> {
    let [fe, be] = world.stand_in(&StandIn::QUICK)?;
    let cluster = Cluster::new(world, 3, &fe, 2, Some(&be))?;
    for host in &cluster.hosts {
        host.set("GUARD_TIME", "3s");
        host.start()?;
    }
    cluster.becomes_whole(PATIENCE)?;
    let leader = cluster.leader()?.name().to_owned();
    let others: Vec<&Host> = cluster.fes().filter(|fe| fe.name() != leader).collect();
    let [asks, other] = others.as_slice() else {
        anyhow::bail!("two others")
    };
    let be1 = cluster.host("be1")?;
    for host in [*asks, be1] {
        let said = says(host, 0, &["checks passed"])?;
        ensure!(
            !said.text.contains("error ") && !said.text.contains("\nwarning "),
            "{}",
            said.text
        );
    }

    // A firewall of the BE drops one port of it.
    let rules =
        "nft 'table inet story { chain input { type filter hook input priority 0; tcp dport 8060 drop; }; }'";
    let loaded = be1.exec(&["sh", "-c", rules])?;
    ensure!(loaded.code == 0, "{}", loaded.text);
    let shut = format!(
        "BE {} is reached, but not its port 8060 (brpc_port)",
        be1.address()
    );
    says(asks, 1, &[&shut, "a firewall between drops it"])?;
    let json = ask(asks, &["--json"])?;
    ensure!(json.text.contains("\"name\": \"ports\""), "{}", json.text);
    be1.exec(&["nft", "delete", "table", "inet", "story"])?;
    says(asks, 0, &["nothing found"]).or_else(|_| says(asks, 0, &["checks passed"]))?;

    // One FE has a setting of its own.
    other.set("FE_CONF__edit_log_roll_num", "44444");
    other.stop()?;
    other.start()?;
    let drifts = format!("edit_log_roll_num is 44444 on {}; 50000 on", other.address());
    says(asks, 0, &["1 warning", &drifts])?;
    let strict = ask(asks, &["--strict"])?;
    ensure!(strict.code == 1, "{}\n{}", strict.code, strict.text);

    other.kill9()?;
    let gone = format!("FE {} cannot be reached from here", other.address());
    says(asks, 1, &[&gone, "has not been heard by the leader"])?;
    Ok(())
}

fn the_doctor_names_a_port_that_is_taken_and_an_fe_that_does_not_answer_before_the_first_start(
    world: &World,
) -> anyhow::Result<()> {
    let [fe, be] = world.stand_in(&StandIn::QUICK)?;
    let cluster = Cluster::new(world, 1, &fe, 1, Some(&be))?;
    let be1 = cluster.host("be1")?;
    be1.set("WAIT_TIMEOUT", "120s");
    be1.start()?;
    let away = format!(
        "FE {} cannot be reached from here",
        cluster.host("fe1")?.address()
    );
    // It waits meanwhile, and its own ports are not taken for those of another program.
    let said = says(be1, 1, &["2 errors", &away, "no FE answered"])?;
    ensure!(!said.text.contains("settings:"), "{}", said.text);
    be1.stop()?;

    // Another program has the port that the settings ask for.
    be1.set("HEARTBEAT_PORT", "9050");
    let listener = "use IO::Socket::INET; my $s = IO::Socket::INET->new(LocalPort => 9050, Listen => 1) or die; sleep 1000";
    be1.start_program(&["perl", "-e", listener])?;
    says(be1, 1, &["settings: ", "9050", "perl"])?;
    Ok(())
}
