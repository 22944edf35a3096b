//! A founder's start, and what is left when it is killed on the way.

use crate::support::{DORIS, DORIS_30, Kind, World, eventually, eventually_or, for_each_engine};

for_each_engine!(
    ports_open_in_the_observed_order,
    files_have_the_observed_names_and_contents,
    the_first_words_of_a_founder_are_the_observed_ones,
    a_founder_killed_before_it_can_write_never_starts_again,
    a_founder_with_role_and_without_version_says_so,
    a_founder_killed_after_it_can_write_comes_back,
    one_of_two_waits_for_ever_with_only_its_first_port_open,
    a_changed_address_hangs_and_the_old_one_works_again,
);

/// Observed: "9010 open at 4.53; 9020 and 9030 at 13.77; 8030 last, 14.07" — 7 of 7 starts; Doris: 9010 2.10, 9020 2.58, 8030
/// 4.79, 9030 5.11, 8070 5.35.
async fn ports_open_in_the_observed_order(kind: &'static Kind) {
    let world = World::with(0.05, kind);
    let mut host = world.host(1).await;
    host.start_fe(&[]);
    // Before that it tries its ports, which opens them for a moment.
    eventually("it is past its own checks", async || {
        host.meta("image/ROLE").exists().then_some(())
    })
    .await;
    let order: Vec<&[u16]> = kind.pick(
        vec![&[9010], &[9020, 9030], &[8030]],
        vec![&[9010], &[9020], &[8030], &[9030], &[8070]],
    );
    eventually("all ports are open", async || {
        // The last ones first: what opens before them is open by the time it is looked at.
        let mut later = Vec::new();
        for group in order.iter().rev() {
            let mut open = Vec::new();
            for port in *group {
                open.push(host.is_open(*port).await);
            }
            let any_later = later.iter().any(|open| *open);
            assert!(
                !any_later || open.iter().all(|open| *open),
                "{group:?} opened later"
            );
            later.extend(open);
        }
        later.iter().all(|open| *open).then_some(())
    })
    .await;
}

async fn files_have_the_observed_names_and_contents(kind: &'static Kind) {
    let world = World::new(kind);
    let host = world.founder().await;
    let names = |dir: &str| {
        let mut names: Vec<String> = std::fs::read_dir(host.meta(dir))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    assert_eq!(
        names("bdb"),
        [
            "00000000.jdb",
            "je.config.csv",
            "je.info.0",
            "je.info.0.lck",
            "je.lck",
            "je.stat.csv"
        ]
    );
    assert!(host.read_meta("bdb/je.info.0").contains("Nascent group"));
    let role = host.read_meta("image/ROLE");
    let lines: Vec<&str> = role.lines().collect();
    assert!(lines[0].starts_with('#'), "{role}");
    let version = host.read_meta("image/VERSION");
    assert!(
        version.contains("clusterId=") && version.contains("token="),
        "{version}"
    );
    assert!(!host.read("fe/bin/fe.pid").ends_with('\n'));
    if !kind.is_doris() {
        assert_eq!(&lines[1..3], ["role=FOLLOWER", "hostType=IP"]);
        assert!(
            lines[3].starts_with(&format!("name={}_9010_", host.address)),
            "{role}"
        );
        assert!(version.contains("runMode=shared_nothing\n"), "{version}");
        return;
    }
    assert_eq!(names("image"), ["DEPLOY_MODE", "ROLE", "VERSION"]);
    assert_eq!(names(""), ["bdb", "image", "process.lock"]);
    assert_eq!(std::fs::metadata(host.meta("process.lock")).unwrap().len(), 0);
    let mode = host.read_meta("image/DEPLOY_MODE");
    assert!(
        mode.starts_with('#') && mode.ends_with("\ndeploy_mode=local\n"),
        "{mode}"
    );
    assert_eq!(lines[1], "role=FOLLOWER");
    let name = lines[2].strip_prefix("name=").unwrap();
    assert!(
        name.starts_with("fe_") && !name.contains('-') && lines.len() == 3,
        "{role}"
    );
    let text = format!("\"nodeName\":\"{name}\"");
    assert!(host.read_meta("bdb/00000000.jdb").contains(&text));
    assert!(host.path("fe/conf/log4j2-spring.xml").exists());
}

/// Source: DEPLOY_MODE came with 4.0.
#[tokio::test]
async fn an_older_founder_of_doris_writes_no_deploy_mode() {
    let world = World::new(&DORIS_30);
    let host = world.founder().await;
    assert!(!host.meta("image/DEPLOY_MODE").exists() && host.meta("image/ROLE").exists());
}

async fn the_first_words_of_a_founder_are_the_observed_ones(kind: &'static Kind) {
    let world = World::new(kind);
    let host = world.founder().await;
    let out = host.read("fe/log/fe.out");
    let at = |words: &str| {
        out.find(words)
            .unwrap_or_else(|| panic!("{words} is not in\n{out}"))
    };
    let words = kind.pick(
        &[
            "=====",
            "notify new FE type transfer: UNKNOWN",
            "transfer: LEADER",
            "leader finished to replay journal, can write now.",
        ][..],
        &[
            "=====",
            "notify new FE type transfer: MASTER",
            "master finished to replay journal, can write now",
        ],
    );
    assert!(words.is_sorted_by_key(|words| at(words)), "{out}");
    assert!(
        host.log()
            .contains("UnknownMasterException for the first time, ignore it.")
    );
}

/// Observed: "Founder killed at any moment between writing VERSION and `can write now` never starts again: every
/// restart becomes BDB LEADER, logs `current node is not added to the cluster, will exit`, exit 255." The same in Doris, but for
/// an empty DEPLOY_MODE and a first log file of 38 bytes.
async fn a_founder_killed_before_it_can_write_never_starts_again(kind: &'static Kind) {
    let world = World::new(kind);
    let leader = kind.pick(
        "notify new FE type transfer: LEADER",
        "notify new FE type transfer: MASTER",
    );
    let added = [leader, "is not added to the cluster, will exit"];
    let mut table: Vec<(&str, Vec<&str>)> = ["role", "version", "je.lck"]
        .map(|point| (point, added.to_vec()))
        .into();
    if kind.is_doris() {
        let mode = "You can't switch deploy mode from null to local";
        let root = ["error to open replicated environment. will exit.", "has no root"];
        table.push(("deploy-mode", vec![mode]));
        table.push(("jdb", root.to_vec()));
        table.push(("MASTER", added.to_vec()));
    } else {
        table.extend(["jdb", "UNKNOWN", "LEADER"].map(|point| (point, added.to_vec())));
    }
    for (n, (point, words)) in (1..).zip(table) {
        let mut host = world.host(n).await;
        host.fe_killed_at(point, &[]).await;
        if !kind.is_doris() {
            assert!(
                host.read_meta("image/ROLE").contains("hostType=\n"),
                "killed at {point}"
            );
        }
        for _ in 0..2 {
            assert_eq!(host.fe_ends(&[]).await, Some(255), "killed at {point}");
            for words in &words {
                assert!(host.log().contains(words), "killed at {point}: {}", host.log());
            }
        }
        // Set aside and founded again: ready, every time.
        host.leave_meta_behind();
        host.start_fe(&[]);
        host.ready().await;
    }
}

/// Observed: the own name is in the list of members once it can be written, and in no file before.
#[tokio::test]
async fn a_founder_of_doris_has_its_name_in_the_journal_only_once_it_can_write() {
    let world = World::new(&DORIS);
    for (n, (point, info, named)) in (1..).zip([
        ("jdb", false, false),
        ("MASTER", true, false),
        ("can-write", true, true),
    ]) {
        let mut host = world.host(n).await;
        host.fe_killed_at(point, &[]).await;
        let said = host.read_meta("bdb/je.info.0");
        assert_eq!(said.contains("Nascent group"), info, "{point}: {said}");
        let journal = std::fs::read(host.meta("bdb/00000000.jdb")).unwrap();
        let journal = String::from_utf8_lossy(&journal);
        assert_eq!(
            journal.contains("\"nodeName\":\"fe_"),
            named,
            "{point}: {journal}"
        );
    }
}

/// Facts: killed between the two writes, every restart says that both files must exist.
async fn a_founder_with_role_and_without_version_says_so(kind: &'static Kind) {
    let world = World::new(kind);
    let mut host = world.host(1).await;
    host.fe_killed_at("role-only", &[]).await;
    assert_eq!(host.fe_ends(&[]).await, Some(255));
    assert!(
        host.log()
            .contains("role file and version file must both exist or both not exist.")
    );
}

/// Source: up to 3.0 an exception that ends a start is logged, and the JVM ends with 0.
#[tokio::test]
async fn an_older_fe_of_doris_ends_a_start_that_an_exception_ended_with_0() {
    let world = World::new(&DORIS_30);
    let mut host = world.host(1).await;
    host.fe_killed_at("role-only", &[]).await;
    assert_eq!(host.fe_ends(&[]).await, Some(0));
    assert_eq!(host.read("fe/bin/fe.pid"), "\n", "the shell has the last word");
}

async fn a_founder_killed_after_it_can_write_comes_back(kind: &'static Kind) {
    let world = World::new(kind);
    for (n, point) in (1..).zip(["can-write", "hostType", "ports"]) {
        let mut host = world.host(n).await;
        host.fe_killed_at(point, &[]).await;
        host.start_fe(&[]);
        host.ready().await;
        assert_eq!(host.frontends().await.unwrap().len(), 1);
    }
}

/// Observed: "only 9010 open, INFO `wait globalStateMgr to be ready. FE type: INIT. is ready: false` each 2 s for
/// ever; second started: both ready". Doris: UNKNOWN after 13 s, then `wait catalog to be ready` each 10 s.
async fn one_of_two_waits_for_ever_with_only_its_first_port_open(kind: &'static Kind) {
    let world = World::new(kind);
    let mut hosts = world.cluster(2).await;
    for host in &mut hosts {
        host.kill_fe().await;
    }
    hosts[0].start_fe(&[]);
    let words = kind.pick(
        "wait globalStateMgr to be ready. FE type: INIT. is ready: false",
        "wait catalog to be ready. feType:UNKNOWN isReady:false, counter:",
    );
    eventually_or(
        "it says what it waits for",
        || hosts[0].log(),
        async || (hosts[0].log().matches(words).count() > 2).then_some(()),
    )
    .await;
    assert!(hosts[0].is_open(9010).await);
    for port in [9020, 9030, 8030] {
        assert!(!hosts[0].is_open(port).await, "{port} is open");
    }
    hosts[1].start_fe(&[]);
    hosts[0].ready().await;
    hosts[1].ready().await;
}

/// Observed on a single node by address whose own one changed: no exit, no text, back on the old address it works.
async fn a_changed_address_hangs_and_the_old_one_works_again(kind: &'static Kind) {
    let world = World::new(kind);
    let mut host = world.founder().await;
    host.kill_fe().await;
    let settings = host.read("fe/standin.conf");
    let address = host.address;
    host.address = world.address(2);
    let moved = settings.replace(&address.to_string(), &host.address.to_string());
    std::fs::write(host.path("fe/standin.conf"), moved).unwrap();
    std::fs::remove_file(host.path("fe/log/fe.log")).unwrap();
    host.start_fe(&[]);
    crate::support::stays(40.0, "it runs and is not ready", async || {
        host.is_running() && !host.serves_http().await
    })
    .await;
    // Observed in Doris: not a line in 44 s.
    let said = host.read("fe/log/fe.log");
    let is_silent = !said.contains("wait catalog") && !said.contains("UNKNOWN");
    assert!(is_silent || !kind.is_doris(), "{said}");
    host.kill_fe().await;
    std::fs::write(host.path("fe/standin.conf"), settings).unwrap();
    host.address = address;
    host.start_fe(&[]);
    host.ready().await;
}

/// Observed: the same silence when the port of the group has changed.
#[tokio::test]
async fn a_changed_edit_log_port_hangs_doris_too() {
    let world = World::new(&DORIS);
    let mut host = world.founder().await;
    host.kill_fe().await;
    host.conf("edit_log_port = 9011");
    host.start_fe(&[]);
    crate::support::stays(40.0, "it runs and is not ready", async || {
        host.is_running() && !host.serves_http().await
    })
    .await;
    eventually("its group listens", async || {
        host.is_open(9011).await.then_some(())
    })
    .await;
}

/// Observed: a cluster id in the configuration is that of the founding, and no other later.
#[tokio::test]
async fn a_cluster_id_of_doris_can_be_chosen_once() {
    let world = World::new(&DORIS);
    let mut host = world.host(1).await;
    host.conf("cluster_id = 4711\nauth_token = t");
    host.start_fe(&[]);
    host.ready().await;
    let version = host.read_meta("image/VERSION");
    assert!(
        version.contains("clusterId=4711\n") && version.contains("token=t\n"),
        "{version}"
    );
    host.kill_fe().await;
    host.conf("cluster_id = 4712");
    assert_eq!(host.fe_ends(&[]).await, Some(255));
    let words = "Configured cluster_id does not match stored cluster_id. Please check your configuration.";
    assert!(host.log().contains(words), "{}", host.log());
}
