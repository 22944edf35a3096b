//! `docker exec … muster …`: a verb inside the container of a muster that waits or runs never takes its own engine for a
//! stranger.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hosts::{Cluster, Host, StandIn, World, eventually};

for_each_engine! {
    a_verb_inside_a_container_knows_the_engine_there_though_it_runs_in_a_shadow_home,
}

/// For anything that must happen; only a failing test waits so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// Its conf file is mounted read-only, as `./fe.conf:/opt/starrocks/fe/conf/fe.conf:ro`; the engine runs in a shadow home.
fn start(host: &Host, arguments: &[&str]) -> Result<()> {
    let id = host.component().id();
    let conf = host.in_home(&format!("conf/{id}.conf"));
    let mount = format!("mount --bind {conf} {conf}; mount -o remount,bind,ro {conf}; exec \"$@\"");
    let mut program = vec!["sh", "-euc", &mount, "setup", "muster", "run"];
    program.extend(arguments);
    host.start_program(&program)
}

/// What a verb says and ends with.
fn says(host: &Host, verb: &[&str], code: i32, words: &str) -> Result<()> {
    let said = host.exec(&[&["muster"], verb].concat())?;
    let strange = [
        "reasons not to start",
        "another muster",
        "is taken",
        "already runs",
        "is in use",
    ];
    let taken = strange.iter().any(|word| said.text.contains(word));
    ensure!(
        said.code == code && said.text.contains(words) && !taken,
        "{verb:?}: {said:?}"
    );
    Ok(())
}

fn a_verb_inside_a_container_knows_the_engine_there_though_it_runs_in_a_shadow_home(
    world: &World,
) -> Result<()> {
    let [fe, be] = world.stand_in(&StandIn::QUICK)?;
    let cluster = Cluster::new(world, 1, &fe, 1, Some(&be))?;
    let hosts = [cluster.seed()?, cluster.host("be1")?];
    hosts[0].set("GUARD_TIME", "3s");
    for host in hosts {
        fs::write(
            host.on_disk("/opt/app.env".as_ref()),
            format!(
                "MASTER_HOST={}\nLOCAL_HOST={}\n",
                hosts[0].address(),
                host.address()
            ),
        )?;
    }
    let verbs = |host: &Host, explain: &str| {
        says(host, &["explain"], 0, explain)?;
        says(host, &["init", "--app-env", "/opt/app.env"], 0, "be.env")
    };
    // While it waits.
    start(hosts[1], &[])?;
    hosts[1].says(PATIENCE, "waiting: ")?;
    verbs(hosts[1], "muster runs in this container: waiting ")?;
    says(hosts[1], &["health"], 1, "waiting ")?;
    says(
        hosts[1],
        &["run"],
        79,
        "muster runs in this container already: waiting ",
    )?;
    start(hosts[0], &[])?;
    for host in hosts {
        host.says(PATIENCE, "is alive in cluster")?;
        ensure!(
            host.last_log().contains("/home-"),
            "no shadow home: {}",
            host.last_log()
        );
        verbs(
            host,
            "muster runs in this container: the engine runs, and the cluster shows",
        )?;
        says(host, &["health", "--deep"], 0, " is alive in cluster")?;
        says(
            host,
            &["run"],
            79,
            "muster runs in this container already: the engine runs",
        )?;
    }
    let from = hosts[1].address().to_string();
    let readdress = ["readdress", "--from", &from, "--to", "be1", "--dry-run"];
    says(hosts[1], &readdress, 0, "nothing was changed")?;
    // Without its companion, for a minute.
    for host in hosts {
        let id = host.component().id();
        let status = host.in_home(&format!("conf/muster-{id}.status"));
        let kill = format!(r#"kill -9 $(sed 's/^{{"pid":\([0-9]*\).*/\1/' {status})"#);
        ensure!(host.exec(&["sh", "-c", &kill])?.code == 0, "{kill}");
        eventually(PATIENCE, "the end of the companion", || {
            verbs(host, "these are the decisions of its next start").with_context(|| host.log_tail())
        })?;
        says(host, &["health"], 0, "is ready")?;
        host.stop()?;
    }
    // And for ever.
    start(hosts[0], &["--exec"])?;
    eventually(PATIENCE, "the engine", || {
        says(hosts[0], &["health"], 0, "FE is ready")
    })?;
    verbs(hosts[0], "these are the decisions of its next start")
}
