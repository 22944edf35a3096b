//! A host gets another address. What its engine allows is done by `muster readdress`, and what it does not is refused
//! with the way that works, which is followed here word for word.

use std::time::Duration;

use anyhow::{Context, ensure};
use hosts::{Cluster, Host, Output, Row, StandIn, World, eventually};

for_each_engine! {
    an_fe_that_has_moved_is_given_a_name_and_comes_back_with_its_data: both,
    an_fe_that_has_moved_from_address_to_address_joins_anew_as_the_refusal_says,
    a_backend_that_has_moved_is_given_a_name_and_keeps_its_storage,
    readdress_that_cannot_be_done_says_why_and_ends_with_its_code,
}

/// How long anything may take. None of it needs the half of it on an idle machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A cluster in which all is well, and every node has noted that it joined.
fn whole(world: &World, fes: u8, bes: u8) -> anyhow::Result<Cluster> {
    let [fe, be] = world.stand_in(&StandIn::QUICK)?;
    let cluster = Cluster::new(world, fes, &fe, bes, Some(&be))?;
    for host in &cluster.hosts {
        host.set("GUARD_TIME", "3s").start()?;
    }
    cluster.becomes_whole(PATIENCE)?;
    for host in &cluster.hosts {
        host.says(PATIENCE, "is alive in cluster")?;
    }
    Ok(cluster)
}

fn readdress(at: &Host, from: &str, to: &str, more: &[&str]) -> anyhow::Result<Output> {
    let words = ["muster", "readdress", "--from", from, "--to", to];
    at.exec(&[&words, more].concat())
}

fn hosts_of(rows: &[Row]) -> Vec<String> {
    let mut hosts: Vec<String> = rows.iter().map(|row| row.host().to_owned()).collect();
    hosts.sort();
    hosts
}

/// Until the cluster shows the one that is gone as dead.
fn is_shown_dead(cluster: &Cluster, statement: &str, address: &str) -> anyhow::Result<()> {
    eventually(PATIENCE, "a dead member shown dead", || {
        let rows = cluster.sql(statement)?;
        let row = rows.iter().find(|row| row.host() == address);
        let row = row.with_context(|| format!("{address} is not listed"))?;
        ensure!(row.is("Alive", "false"), "{row:?}");
        Ok(())
    })
}

/// The statement a hint names between its first backticks that hold one.
fn statement_in(text: &str) -> anyhow::Result<String> {
    let quoted = text.split('`').skip(1).step_by(2);
    let mut statements = quoted.filter(|quoted| quoted.starts_with("ALTER SYSTEM DROP"));
    Ok(statements.next().context("no statement in the hint")?.to_owned())
}

fn an_fe_that_has_moved_is_given_a_name_and_comes_back_with_its_data(world: &World) -> anyhow::Result<()> {
    let cluster = whole(world, 3, 0)?;
    let id = cluster.id()?;
    let (seed, moved) = (cluster.seed()?, cluster.host("fe3")?);
    ensure!(cluster.leader()?.name() == "fe1", "another FE leads");

    // While it runs nothing is said to the leader, and of a leader even less.
    let live = readdress(seed, "10.99.0.13", "fe3", &[])?;
    assert_eq!(live.code, 79, "{live:?}");
    ensure!(
        live.text.contains("is alive according to the leader 10.99.0.11"),
        "{live:?}"
    );
    let leads = readdress(moved, "10.99.0.11", "fe1", &[])?;
    assert_eq!(leads.code, 79, "{leads:?}");
    ensure!(leads.text.contains("is the leader of this cluster"), "{leads:?}");

    moved.kill9()?;
    moved.renumber(30)?;
    moved.set("LOCAL_HOST", "fe3");
    moved.start()?;
    assert_eq!(moved.exit(PATIENCE)?, 79, "{}", moved.log_tail());
    let log = moved.last_log();
    ensure!(
        log.contains("the cluster knows this node as 10.99.0.13, but LOCAL_HOST is fe3")
            && log.contains("`muster readdress --from 10.99.0.13 --to fe3`"),
        "{log}"
    );
    ensure!(!log.contains("starting /opt"), "the engine was started: {log}");
    is_shown_dead(&cluster, "SHOW FRONTENDS", "10.99.0.13")?;

    // A dry run looks, and changes nothing: neither on a disk nor in the cluster.
    let (disks, rows) = (seed.disks()?, hosts_of(&cluster.sql("SHOW FRONTENDS")?));
    let dry = readdress(seed, "10.99.0.13", "fe3", &["--dry-run"])?;
    let statement = world.engine().rename_fe("10.99.0.13", "fe3");
    assert_eq!(dry.code, 0, "{dry:?}");
    ensure!(
        dry.text.contains(&format!("would send {statement}")) && dry.text.contains("nothing was changed"),
        "{dry:?}"
    );
    assert_eq!(hosts_of(&cluster.sql("SHOW FRONTENDS")?), rows);
    let changes = disks.changes(&seed.disks()?);
    // The engine keeps writing its own logs and journal meanwhile.
    ensure!(
        changes
            .iter()
            .all(|change| change.contains("/log/") || change.contains("/bdb/")),
        "{changes:#?}"
    );

    let done = readdress(cluster.host("fe2")?, "10.99.0.13", "fe3", &[])?;
    assert_eq!(done.code, 0, "{done:?}");
    ensure!(
        done.text
            .contains("done: the cluster lists follower fe3:9010 and no longer 10.99.0.13:9010")
            && done.text.contains("start the FE with LOCAL_HOST=fe3"),
        "{done:?}"
    );
    let again = readdress(seed, "10.99.0.13", "fe3", &[])?;
    ensure!(
        again.code == 0 && again.text.contains("nothing to do"),
        "{again:?}"
    );

    moved.start()?;
    cluster.becomes_whole(PATIENCE)?;
    assert_eq!(cluster.id()?, id);
    moved.says(PATIENCE, "is alive in cluster")?;
    let log = moved.last_log();
    ensure!(!log.contains("aside"), "{log}");
    // From here on it is a member like any other, under its name.
    moved.kill9()?;
    moved.start()?;
    moved.says(PATIENCE, "is alive in cluster")?;
    cluster.becomes_whole(PATIENCE)
}

/// "Can't change ip to ip", says StarRocks: the hint's own statement and settings lead to one whole cluster. Doris changes it.
fn an_fe_that_has_moved_from_address_to_address_joins_anew_as_the_refusal_says(
    world: &World,
) -> anyhow::Result<()> {
    let cluster = whole(world, 3, 0)?;
    let id = cluster.id()?;
    let (seed, moved) = (cluster.seed()?, cluster.host("fe2")?);
    moved.kill9()?;
    moved.renumber(30)?;
    moved.set("LOCAL_HOST", "10.99.0.40");
    moved.start()?;
    assert_eq!(moved.exit(PATIENCE)?, 79, "{}", moved.log_tail());
    let log = moved.last_log();
    // The report for people, behind the lines for programs.
    let hint = log.rsplit("\nerror: ").next().unwrap_or_default().to_owned();
    ensure!(
        hint.contains("the cluster knows this node as 10.99.0.12, but LOCAL_HOST is 10.99.0.40"),
        "{hint}"
    );
    is_shown_dead(&cluster, "SHOW FRONTENDS", "10.99.0.12")?;
    let refused = readdress(seed, "10.99.0.12", "10.99.0.40", &[])?;
    if world.engine().is_doris() {
        assert_eq!(refused.code, 0, "{refused:?}");
        moved.start()?;
        cluster.becomes_whole(PATIENCE)?;
        assert_eq!(cluster.id()?, id);
        ensure!(!moved.last_log().contains("aside"), "{}", moved.log_tail());
        return Ok(());
    }
    assert_eq!(refused.code, 79, "{refused:?}");
    ensure!(refused.text.contains("only to a name"), "{refused:?}");
    assert_eq!(statement_in(&refused.text)?, statement_in(&hint)?);

    // REJOIN=1 gives nothing up while the cluster still waits for the old one.
    moved.set("REJOIN", "1");
    moved.start()?;
    assert_eq!(moved.exit(PATIENCE)?, 79, "{}", moved.log_tail());
    ensure!(moved.data().join("image/ROLE").exists(), "its data is gone");

    cluster.sql(&statement_in(&hint)?)?;
    // Dropped, and not told to come back: it does not add itself quietly.
    moved.set("REJOIN", "");
    moved.start()?;
    assert_eq!(moved.exit(PATIENCE)?, 79, "{}", moved.log_tail());
    ensure!(moved.last_log().contains("set REJOIN=1"), "{}", moved.log_tail());
    moved.set("REJOIN", "1");
    moved.start()?;
    cluster.becomes_whole(PATIENCE)?;
    assert_eq!(cluster.id()?, id);
    let kept = std::fs::read_dir(moved.data())?.flatten();
    let kept: Vec<String> = kept
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    ensure!(
        kept.iter().any(|name| name.starts_with("unfinished-")),
        "{kept:?}"
    );
    // With REJOIN=1 still set it is a member like any other.
    moved.says(PATIENCE, "is alive in cluster")?;
    moved.kill9()?;
    moved.start()?;
    cluster.becomes_whole(PATIENCE)?;
    ensure!(!moved.last_log().contains("aside"), "{}", moved.log_tail());
    Ok(())
}

fn a_backend_that_has_moved_is_given_a_name_and_keeps_its_storage(world: &World) -> anyhow::Result<()> {
    let cluster = whole(world, 1, 2)?;
    let (seed, moved) = (cluster.seed()?, cluster.host("be2")?);
    let before = cluster.sql("SHOW BACKENDS")?;
    let number = |rows: &[Row], host: &str| {
        let row = rows.iter().find(|row| row.host() == host);
        row.map(|row| row.get("BackendId").to_owned())
    };
    moved.kill9()?;
    moved.renumber(30)?;
    moved.set("LOCAL_HOST", "be2");
    is_shown_dead(&cluster, "SHOW BACKENDS", "10.99.0.13")?;
    moved.start()?;
    assert_eq!(moved.exit(PATIENCE)?, 79, "{}", moved.log_tail());

    let address = readdress(seed, "10.99.0.13", "10.99.0.40", &[])?;
    assert_eq!(address.code, 79, "{address:?}");
    ensure!(
        address.text.contains("loses its data on this BE")
            && statement_in(&address.text)? == world.engine().drop_backend("10.99.0.13:9050"),
        "{address:?}"
    );
    let unknown = readdress(seed, "10.99.0.13", "nowhere.example", &[])?;
    assert_eq!(unknown.code, 78, "{unknown:?}");
    let done = readdress(seed, "10.99.0.13", "be2", &[])?;
    assert_eq!(done.code, 0, "{done:?}");
    moved.start()?;
    cluster.becomes_whole(PATIENCE)?;
    let after = cluster.sql("SHOW BACKENDS")?;
    assert_eq!(number(&after, "be2"), number(&before, "10.99.0.13"));
    ensure!(!moved.last_log().contains("aside"), "{}", moved.log_tail());
    Ok(())
}

fn readdress_that_cannot_be_done_says_why_and_ends_with_its_code(world: &World) -> anyhow::Result<()> {
    let cluster = whole(world, 1, 1)?;
    let be = cluster.host("be1")?;
    for (from, to, more, code, says) in [
        (
            "10.99.0.99",
            "fe9",
            &[][..],
            78,
            "lists neither 10.99.0.99 nor fe9",
        ),
        ("10.99.0.12", "10.99.0.12", &[], 64, "are the same host"),
        ("10.99.0.12:9050", "be1", &[], 64, "port"),
        ("10.99.0.12", "be1", &["--only", "cn"], 78, "lists neither"),
    ] {
        let ended = readdress(be, from, to, more)?;
        ensure!(
            ended.code == code && ended.text.contains(says),
            "{from} {to}: {ended:?}"
        );
    }
    // A live BE may get a name of the address it has: nothing moves but the word.
    let named = readdress(be, "10.99.0.12", "be1", &[])?;
    assert_eq!(named.code, 0, "{named:?}");
    be.set("CLUSTER_PASSWORD", "wrong-and-secret");
    let denied = readdress(be, "10.99.0.12", "be1", &[])?;
    ensure!(denied.code == 77 && !denied.text.contains("secret"), "{denied:?}");
    be.set("CLUSTER_PASSWORD", "");
    cluster.seed()?.kill9()?;
    let nobody = readdress(be, "10.99.0.12", "be1", &["--timeout", "1s"])?;
    ensure!(
        nobody.code == 69 && nobody.text.contains("nothing was changed"),
        "{nobody:?}"
    );
    Ok(())
}
