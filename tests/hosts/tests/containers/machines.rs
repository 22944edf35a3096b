//! compose/ on several machines with a Docker daemon each: the files are copied, app.env gets two addresses, and then everything
//! happens to them that happens to machines.
//!
//! Engine seconds pass at a tenth of their length and heartbeats come each second; the guard is the eleven seconds a user has.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use hosts::docker::{Compose, Container, Machine, Machines};
use hosts::{Row, binary, eventually, this_test};

/// How long anything may take. None of it needs the half of it on an idle machine.
const PATIENCE: Duration = Duration::from_secs(120);

const FE: &str = "starrocks-fe";
const BE: &str = "starrocks-be";

/// Which cluster it is and who is in it: what may not change whatever happens.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Members {
    cluster: String,
    fes: BTreeMap<String, String>,
    bes: BTreeMap<String, String>,
}

/// Machines whose files are those of compose/, all of them started.
struct Site(Vec<Machine>);

impl Site {
    /// The machines are switched on and nothing runs on them.
    fn new(machines: &Machines, count: u8) -> anyhow::Result<Self> {
        let site = (1..=count).map(|n| machines.boot(&format!("m{n}"), n));
        site.collect::<anyhow::Result<_>>().map(Self)
    }

    /// `docker compose up -d` on each, the seed last, and how long it took until Docker calls all of them healthy.
    fn up(&self) -> anyhow::Result<Duration> {
        let begun = Instant::now();
        for machine in self.0.iter().rev() {
            machine.compose().up(&[])?;
        }
        self.healthy()?;
        Ok(begun.elapsed())
    }

    fn healthy(&self) -> anyhow::Result<()> {
        for machine in &self.0 {
            for service in [FE, BE] {
                healthy(machine, service)?;
            }
        }
        Ok(())
    }

    /// Waits until every FE shows every machine's FE and BE, each once and Alive, and nobody else.
    fn whole(&self) -> anyhow::Result<Members> {
        let whole = eventually(
            PATIENCE,
            "one cluster with every node in it once and Alive",
            || {
                let mut seen: Option<Members> = None;
                for machine in &self.0 {
                    let fes = self.members(&machine.sql("SHOW FRONTENDS")?, "Id")?;
                    let bes = self.members(&machine.sql("SHOW BACKENDS")?, "BackendId")?;
                    let (cluster, fes) = fes;
                    let members = Members {
                        cluster,
                        fes,
                        bes: bes.1,
                    };
                    if let Some(seen) = &seen {
                        ensure!(*seen == members, "{} shows others: {members:?}", machine.name());
                    }
                    seen = Some(members);
                }
                seen.context("no machines")
            },
        );
        whole.map_err(|error| error.context(self.tails()))
    }

    fn members(&self, rows: &[Row], id: &str) -> anyhow::Result<(String, BTreeMap<String, String>)> {
        let alive = rows.iter().all(|row| row.is("Alive", "true"));
        ensure!(alive && rows.len() == self.0.len(), "{rows:?}");
        let cluster = rows.first().map(|row| row.get("ClusterId").to_owned());
        let members: BTreeMap<String, String> = rows
            .iter()
            .map(|row| (row.get("IP").to_owned(), row.get(id).to_owned()))
            .collect();
        for machine in &self.0 {
            ensure!(members.contains_key(&machine.address().to_string()), "{rows:?}");
        }
        Ok((cluster.unwrap_or_default(), members))
    }

    /// Everything is up again, and it is the same cluster with the same members under the same ids.
    fn is_still(&self, before: &Members, what: &str) -> anyhow::Result<()> {
        self.healthy().with_context(|| what.to_owned())?;
        let now = self.whole().with_context(|| what.to_owned())?;
        ensure!(now == *before, "{what}: before {before:?}, now {now:?}");
        // What no list shows: on the disks too there is one cluster.
        for machine in &self.0 {
            let version = fs::read_to_string(machine.volume("fe-meta").join("image/VERSION"))?;
            ensure!(
                before.cluster.is_empty() || version.contains(&format!("clusterId={}", before.cluster)),
                "{what}: {} holds {version}",
                machine.name()
            );
        }
        Ok(())
    }

    /// The machine whose FE leads.
    fn leader(&self) -> anyhow::Result<&Machine> {
        eventually(PATIENCE, "a leader", || {
            let machine = self.0.first().context("no machines")?;
            let rows = self
                .0
                .iter()
                .find_map(|machine| machine.sql("SHOW FRONTENDS").ok())
                .context("no FE answers")?;
            let leader = rows
                .iter()
                .find(|row| row.is("Role", "LEADER"))
                .context("nobody leads")?;
            let host = leader.get("IP");
            Ok(self
                .0
                .iter()
                .find(|machine| machine.address().to_string() == host)
                .unwrap_or(machine))
        })
    }

    fn tails(&self) -> String {
        self.0.iter().map(Machine::tails).collect()
    }
}

fn healthy(machine: &Machine, service: &str) -> anyhow::Result<Container> {
    let container = machine.compose().container(service)?;
    container
        .becomes_healthy(PATIENCE)
        .map_err(|error| error.context(machine.tails()))?;
    Ok(container)
}

/// The engine came to its own end: an FE's last act is to remove its pid file, and muster says that it was asked.
fn stopped_cleanly(container: &Container, service: &str) -> anyhow::Result<()> {
    let code = container.exit(PATIENCE)?;
    ensure!(
        code == 0,
        "{} ended with {code}: {}",
        container.name(),
        container.log()?
    );
    let left = service == FE && container.has("/opt/starrocks/fe/bin/fe.pid")?;
    ensure!(!left, "{} left its pid file", container.name());
    ensure!(
        container.log()?.contains("stopped as requested"),
        "{}",
        container.log()?
    );
    Ok(())
}

#[expect(
    clippy::print_stdout,
    reason = "a figure for whoever runs it with --nocapture"
)]
fn say(what: &str, took: Duration) {
    println!("{what}: {:.1} s", took.as_secs_f32());
}

#[test]
fn the_same_files_on_three_machines_are_one_cluster_whatever_docker_does_to_it() -> anyhow::Result<()> {
    let Some(machines) = Machines::enter(this_test!())? else {
        return Ok(());
    };
    let site = Site::new(&machines, 3)?;
    say(
        "compose up on three machines until all six are healthy",
        site.up()?,
    );
    let before = site.whole()?;
    let [first, second, third] = site.0.as_slice() else {
        anyhow::bail!("three machines")
    };

    // docker stop and start, of a follower's machine: each ends by itself, with 0, long before Docker's patience is over.
    for service in [FE, BE] {
        let container = second.compose().container(service)?;
        let begun = Instant::now();
        ensure!(container.stop()? == 0, "{}", container.log()?);
        say(&format!("docker stop of {service}"), begun.elapsed());
        stopped_cleanly(&container, service)?;
        container.start()?;
    }
    site.is_still(&before, "docker stop and start")?;

    for machine in [first, third] {
        for service in [FE, BE] {
            machine.compose().container(service)?.kill()?;
        }
    }
    // A restart policy does not start again what was killed by hand.
    for machine in [third, first] {
        for service in [FE, BE] {
            machine.compose().container(service)?.start()?;
        }
    }
    site.is_still(&before, "docker kill and start")?;

    for service in [FE, BE] {
        site.leader()?.compose().container(service)?.restart()?;
    }
    site.is_still(&before, "docker restart of the leader")?;

    third.compose().call(&["restart"])?;
    site.is_still(&before, "compose restart")?;

    first.compose().up(&["--force-recreate"])?;
    site.is_still(&before, "compose up --force-recreate")?;

    let compose = second.compose();
    compose.call(&["down"])?;
    compose.up(&[])?;
    site.is_still(&before, "compose down and up")?;

    for machine in &site.0 {
        let compose = machine.compose();
        let containers =
            [(FE, "fe"), (BE, "be")].map(|(service, home)| Ok((compose.container(service)?, home)));
        compose.call(&["stop"])?;
        for container in containers {
            let (container, service) = container.map_err(|error: anyhow::Error| error)?;
            stopped_cleanly(&container, service)?;
        }
    }
    for machine in &site.0 {
        machine.compose().call(&["start"])?;
    }
    site.is_still(&before, "compose stop and start of all of them")
}

#[test]
fn a_machine_that_loses_its_power_or_its_disks_comes_back_as_who_it_was() -> anyhow::Result<()> {
    let Some(machines) = Machines::enter(this_test!())? else {
        return Ok(());
    };
    let mut site = Site::new(&machines, 3)?;
    site.up()?;
    let before = site.whole()?;

    // Nobody types anything: the restart policy is all there is.
    let machine = site.0.get_mut(0).context("the seed's machine")?;
    machine.lose_power()?;
    machine.switch_on()?;
    site.is_still(&before, "the seed's machine lost its power")?;

    for machine in &mut site.0 {
        machine.lose_power()?;
    }
    for machine in site.0.iter_mut().rev() {
        machine.switch_on()?;
    }
    site.is_still(&before, "all machines lost their power")?;

    // The seed's disks, the record beside the data among them.
    for n in [0, 2] {
        let machine = site.0.get(n).context("a machine")?;
        let compose = machine.compose();
        compose.call(&["down", "--volumes"])?;
        compose.up(&[])?;
        site.is_still(&before, &format!("down --volumes on {}", machine.name()))?;
    }
    Ok(())
}

#[test]
fn a_leader_that_is_frozen_or_cut_off_is_a_member_again_afterwards() -> anyhow::Result<()> {
    let Some(machines) = Machines::enter(this_test!())? else {
        return Ok(());
    };
    let site = Site::new(&machines, 3)?;
    site.up()?;
    let before = site.whole()?;

    let frozen = site.leader()?;
    let container = frozen.compose().container(FE)?;
    container.pause()?;
    let others = |gone: &Machine| {
        let gone = gone.address().to_string();
        eventually(PATIENCE, "another leader", || {
            for machine in site
                .0
                .iter()
                .filter(|machine| machine.address().to_string() != gone)
            {
                let rows = machine.sql("SHOW FRONTENDS")?;
                let leads = |row: &&Row| row.is("Role", "LEADER") && row.get("IP") != gone;
                ensure!(rows.iter().any(|row| leads(&row)), "{rows:?}");
            }
            Ok(())
        })
    };
    others(frozen)?;
    // Not a wait for anything: this is how long it is frozen.
    thread::sleep(Duration::from_secs(30));
    container.unpause()?;
    site.is_still(&before, "docker pause of the leader for 30 s")?;

    let away = site.leader()?;
    away.cut_off()?;
    others(away)?;
    away.heal()?;
    site.is_still(&before, "the leader's machine was cut off")
}

/// As the reference says it: a container writes them, and compose is told their names.
#[test]
fn env_files_that_init_has_written_do_what_app_env_does() -> anyhow::Result<()> {
    let Some(machines) = Machines::enter(this_test!())? else {
        return Ok(());
    };
    let machine = machines.boot("m1", 1)?;
    machine.set_env("HTTP_PORT", "8130")?;
    machine.set_env("BRPC_PORT", "8160")?;
    machine.set_env("KAFKA_HOST", "10.0.0.9")?;
    let init =
        r#"docker run --rm --network host -v "$PWD":/work --entrypoint muster starrocks-fe init --dir /work"#;
    let said = |lines: &str| -> anyhow::Result<String> {
        let done = machine.shell(lines)?.output()?;
        let text = String::from_utf8_lossy(&[done.stdout, done.stderr].concat()).into_owned();
        ensure!(done.status.success(), "{lines}: {text}");
        Ok(text)
    };
    said(init)?;
    let files = "cat starrocks-fe.env starrocks-be.env";
    let first = said(files)?;
    ensure!(
        first.contains("HTTP_PORT=8130\n") && first.contains("BRPC_PORT=8160\n"),
        "{first}"
    );
    ensure!(!first.contains("KAFKA"), "{first}");

    said("FE_ENV=starrocks-fe.env BE_ENV=starrocks-be.env docker compose up -d")?;
    for service in [FE, BE] {
        healthy(&machine, service)?;
    }
    let row = |statement: &str| -> anyhow::Result<Row> {
        eventually(PATIENCE, statement, || {
            let rows = machine.sql(statement)?;
            let [row] = rows.as_slice() else {
                anyhow::bail!("{rows:?}")
            };
            ensure!(row.is("Alive", "true"), "{row:?}");
            Ok(row.clone())
        })
    };
    ensure!(row("SHOW FRONTENDS")?.get("HttpPort") == "8130");
    ensure!(row("SHOW BACKENDS")?.get("BrpcPort") == "8160");
    // The engines have the ports now, and that is no reason to choose others.
    let again = said(init)?;
    ensure!(said(files)? == first, "{again}");
    Ok(())
}

/// The directories of a list, each on its machine: nothing is set but the names of the images.
#[test]
fn the_directories_of_a_list_are_ready_for_compose_up() -> anyhow::Result<()> {
    let Some(machines) = Machines::enter(this_test!())? else {
        return Ok(());
    };
    let site = Site::new(&machines, 3)?;
    let [first, second, third] = site.0.as_slice() else {
        anyhow::bail!("three machines")
    };
    let (list, password) = (machines.dir().join("list.txt"), machines.dir().join("password"));
    fs::write(&password, "s3cret\n")?;
    fs::write(
        &list,
        format!(
            "{} fe,be ROOT_PASSWORD_FILE={password}\n{} fe,be ROOT_PASSWORD_FILE={password}\n{} observer,be \
             ROOT_PASSWORD_FILE={password} STORAGE_ROOT_PATH={}\n",
            first.address(),
            second.address(),
            third.address(),
            machines.dir().join("disk").display(),
            password = password.display(),
        ),
    )?;
    fs::create_dir(machines.dir().join("disk"))?;
    let out = machines.dir().join("directories");
    let done = Command::new(binary("muster")?)
        .args(["init", "--hosts"])
        .arg(&list)
        .arg("--out")
        .arg(&out)
        .output()?;
    ensure!(done.status.success(), "{done:?}");
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    ensure!(said.contains("warning: 2 FEs vote, and none may fail"), "{said}");
    let mut projects = Vec::new();
    for machine in &site.0 {
        let dir = out.join(machine.address().to_string());
        let mut beside = Vec::new();
        for name in ["starrocks-fe.env", "starrocks-be.env"] {
            beside.push((name, fs::read_to_string(dir.join(name))?));
        }
        let file = dir.join("compose.yaml").display().to_string();
        let project = machine.project(&file, &beside)?;
        project.up(&[])?;
        projects.push((machine, project));
    }
    for (machine, project) in &projects {
        for service in [FE, BE] {
            let container = project.container(service)?;
            container
                .becomes_healthy(PATIENCE)
                .map_err(|error| error.context(machine.tails()))?;
        }
    }
    // The only account has the password of the file now, and every node logs in with it.
    let deep = |project: &Compose| -> anyhow::Result<String> {
        eventually(PATIENCE, "an FE that its cluster shows alive", || {
            let said = project.try_call(&["exec", "-T", FE, "muster", "health", "--deep"])?;
            ensure!(said.code == 0, "{}", said.text);
            let (cluster, _) = said.text.split_once(" led by ").context("a leader")?;
            Ok(cluster.to_owned())
        })
    };
    let (_, project) = projects.first().context("a project")?;
    let cluster = deep(project)?;
    for (machine, project) in &projects {
        ensure!(deep(project)? == cluster, "{}", machine.tails());
        let said = project.call(&["exec", "-T", BE, "muster", "status"])?;
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        for words in ["2 of 2 voters", "3 BEs are alive as they should be"] {
            ensure!(said.contains(words), "{words}: {said}");
        }
    }
    ensure!(machines.dir().join("disk/cluster_id").exists());
    // Down, and up from a directory of another name: the volumes are the same.
    project.call(&["down"])?;
    let renamed = project.clone().named("renamed");
    renamed.up(&[])?;
    ensure!(deep(&renamed)? == cluster, "{}", first.tails());
    Ok(())
}
