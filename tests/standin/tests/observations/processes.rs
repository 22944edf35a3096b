//! Scripts, signals, pid files, and configurations that end a start.

use nix::sys::signal::Signal;

use crate::support::{World, eventually};

/// Observed: the pid of the script is the pid of the server; fe.pid is decimal, gone after SIGTERM (143), there after
/// SIGKILL.
#[tokio::test]
async fn the_script_becomes_the_server_and_the_pid_file_follows_its_end() {
    let world = World::new();
    let mut host = world.founder().await;
    let pid = host.fe.as_ref().unwrap().id().unwrap().to_string();
    assert_eq!(host.read("fe/bin/fe.pid"), pid);
    assert_eq!(
        host.fe_second_start().await,
        (
            Some(1),
            format!("Frontend running as process {pid}. Stop it first.\n")
        )
    );
    host.signal(Signal::SIGTERM);
    assert_eq!(host.fe_exit().await, Some(143));
    assert!(!host.path("fe/bin/fe.pid").exists());
    host.start_fe(&[]);
    host.ready().await;
    host.kill_fe().await;
    assert!(host.path("fe/bin/fe.pid").exists());
    // A stale number that now belongs to something else does not stop the new check.
    std::fs::write(host.path("fe/bin/fe.pid"), std::process::id().to_string()).unwrap();
    host.start_fe(&[]);
    host.ready().await;
}

impl crate::support::Host {
    /// Code and stdout of a start beside one that runs.
    async fn fe_second_start(&self) -> (Option<i32>, String) {
        let output = tokio::process::Command::new(self.path("fe/bin/start_fe.sh"))
            .output()
            .await
            .unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    }
}

/// TESTED on the old script: any live process with that number blocks the start.
#[tokio::test]
async fn the_old_pid_check_is_fooled_by_any_live_process() {
    let world = World::with(crate::support::SCALE, "starrocks-3.1");
    let host = world.host(1).await;
    let other = std::process::id();
    std::fs::write(host.path("fe/bin/fe.pid"), other.to_string()).unwrap();
    let (code, words) = host.fe_second_start().await;
    assert_eq!(
        (code, words),
        (
            Some(1),
            format!("Frontend running as process {other}. Stop it first.\n")
        )
    );
}

#[tokio::test]
async fn sigterm_before_ready_is_143_too() {
    let world = World::with(0.2, "starrocks-3.5");
    let mut host = world.host(1).await;
    host.start_fe(&[]);
    eventually("it has begun", async || {
        host.path("fe/meta/image/ROLE").exists().then_some(())
    })
    .await;
    host.signal(Signal::SIGTERM);
    assert_eq!(host.fe_exit().await, Some(143));
    assert!(!host.path("fe/bin/fe.pid").exists());
}

#[tokio::test]
async fn a_script_without_exec_keeps_the_server_as_its_child() {
    let world = World::new();
    let mut host = world.host(1).await;
    host.setting("fe", "exec = no");
    host.start_fe(&[]);
    host.ready().await;
    let script = host.fe.as_ref().unwrap().id().unwrap();
    let server: i32 = host.read("fe/bin/fe.pid").parse().unwrap();
    assert_ne!(i64::from(script), i64::from(server));
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(server), Signal::SIGTERM).unwrap();
    assert_eq!(host.fe_exit().await, Some(143));
}

#[tokio::test]
async fn an_unknown_flag_is_complained_about_and_the_fe_starts_anyway() {
    let world = World::new();
    let mut host = world.host(1).await;
    host.start_fe(&["--nosuch"]);
    host.ready().await;
}

/// Observed with --logconsole: the log files exist at 0 bytes.
#[tokio::test]
async fn on_the_console_the_log_files_stay_empty() {
    let world = World::new();
    let mut host = world.host(1).await;
    host.start_fe(&["--logconsole"]);
    host.ready().await;
    for name in ["fe.log", "fe.warn.log", "fe.audit.log"] {
        assert_eq!(
            std::fs::metadata(host.path("fe/log").join(name)).unwrap().len(),
            0,
            "{name}"
        );
    }
    assert!(!host.path("fe/log/fe.out").exists());
}

/// Observed: 255, and the text only on stdout (fe.out), nothing in fe.log.
#[tokio::test]
async fn a_value_that_cannot_be_read_is_told_on_stdout_only() {
    let world = World::new();
    let cases = [
        (
            "query_port = 9030 # c",
            "NumberFormatException: For input string: \"9030 # c\"",
        ),
        (
            "meta_dir = ${NOPE}/meta",
            "InvalidConfException: no such env variable: NOPE",
        ),
    ];
    for (n, (line, words)) in (1..).zip(cases) {
        let mut host = world.host(n).await;
        host.conf(line);
        assert_eq!(host.fe_ends(&[]).await, Some(255));
        assert!(
            host.read("fe/log/fe.out").contains(words),
            "{}",
            host.read("fe/log/fe.out")
        );
        assert!(!host.read("fe/log/fe.log").contains(words));
    }
}

#[tokio::test]
async fn the_last_duplicate_wins_also_without_a_final_newline_and_unknown_keys_are_ignored() {
    let world = World::new();
    let mut host = world.host(1).await;
    let conf =
        host.read("fe/conf/fe.conf") + "\nnosuch_key = 1\nrpc_port =\nquery_port = 1\nquery_port = 9030";
    std::fs::write(host.path("fe/conf/fe.conf"), conf).unwrap();
    host.start_fe(&[]);
    host.ready().await;
}

/// The shell's half of fe.conf: a last line in upper case without a newline is not seen by the script.
#[tokio::test]
async fn an_upper_case_last_line_without_newline_is_ignored() {
    let world = World::new();
    let mut host = world.host(1).await;
    let elsewhere = host.path("fe/elsewhere");
    let conf = host.read("fe/conf/fe.conf") + &format!("\nLOG_DIR = {}", elsewhere.display());
    std::fs::write(host.path("fe/conf/fe.conf"), &conf).unwrap();
    host.start_fe(&[]);
    host.ready().await;
    assert!(host.path("fe/log/fe.out").exists() && !elsewhere.exists());
    host.kill_fe().await;
    std::fs::write(host.path("fe/conf/fe.conf"), conf + "\n").unwrap();
    std::fs::create_dir(&elsewhere).unwrap();
    host.start_fe(&[]);
    host.ready().await;
    assert!(elsewhere.join("fe.out").exists());
}

/// Observed: edit_log_port busy: 255 and no meta files; http, query, rpc busy: 255 only after founding, and a restart
/// is fine afterwards.
#[tokio::test]
async fn busy_ports_end_the_start_before_or_after_founding() {
    let world = World::new();
    let cases = [
        (9010, "edit_log_port 9010 is already in use. will exit."),
        (8030, "Fail to start FE query http server[port: 8030]"),
        (9030, "mysql server start failed"),
        (9020, "thrift server start failed with port 9020 , will exit"),
    ];
    for (n, (port, words)) in (1..).zip(cases) {
        let mut host = world.host(n).await;
        let busy = std::net::TcpListener::bind((host.address, port)).unwrap();
        assert_eq!(host.fe_ends(&[]).await, Some(255), "{port}");
        assert!(host.log().contains(words), "{}", host.log());
        assert_eq!(host.path("fe/meta/image/ROLE").exists(), port != 9010, "{port}");
        drop(busy);
        host.start_fe(&[]);
        host.ready().await;
    }
}

#[tokio::test]
async fn a_full_disk_and_a_missing_meta_dir_are_told_in_the_engines_words() {
    let world = World::new();
    let mut host = world.host(1).await;
    host.fault("disk=full");
    assert_eq!(host.fe_ends(&[]).await, Some(255));
    let meta = host.path("fe/meta").display().to_string();
    assert!(host.log().contains(&format!(
        "Free capacity left for meta dir: {meta} is less than 5GB"
    )));
    host.no_faults();
    // The old script does not make the directory that fe.conf names.
    let world = World::with(crate::support::SCALE, "starrocks-3.1");
    let mut host = world.host(1).await;
    host.conf("meta_dir = /nonexistent/meta");
    assert_eq!(host.fe_ends(&[]).await, Some(255));
    assert!(host.log().contains("meta dir /nonexistent/meta dose not exist"));
}

/// Observed: a pid file that cannot be written is told as one that is locked.
#[tokio::test]
async fn a_missing_pid_dir_is_told_as_a_lock() {
    let world = World::new();
    let mut host = world.host(1).await;
    host.conf("PID_DIR = /nonexistent\n");
    assert_eq!(host.fe_ends(&[]).await, Some(255));
    assert!(
        host.log()
            .contains("java.io.IOException: pid file is already locked.")
    );
}

/// Observed: FQDN start gives the name to ROLE; a restart without the flag is fine, with the other type 255.
#[tokio::test]
async fn host_type_is_kept_and_another_one_is_not_added() {
    let world = World::new();
    let mut host = world.host(1).await;
    host.setting("fe", &format!("host_name = fe4\nnames = fe4={}", host.address));
    host.start_fe(&["--host_type", "FQDN"]);
    host.ready().await;
    let role = host.read("fe/meta/image/ROLE");
    assert!(
        role.contains("hostType=FQDN") && role.contains("name=fe4_9010_"),
        "{role}"
    );
    assert!(host.frontends().await.unwrap()[0].is("IP", "fe4"));
    host.kill_fe().await;
    assert_eq!(host.fe_ends(&["--host_type", "IP"]).await, Some(255));
    assert!(
        host.log()
            .contains("current node is not added to the cluster, will exit")
    );
    host.start_fe(&[]);
    host.ready().await;
    host.kill_fe().await;
    assert_eq!(host.fe_ends(&["--host_type", "x"]).await, Some(255));
    assert!(
        host.read("fe/log/fe.out")
            .contains("-host_type need parameter FQDN or IP")
    );
}

/// A home can be copied to be another host.
#[tokio::test]
async fn a_copied_home_is_another_host() {
    let world = World::new();
    let first = world.host(1).await;
    let copied = first.home.with_file_name("copy");
    let output = std::process::Command::new("cp")
        .arg("-a")
        .args([&first.home, &copied])
        .output()
        .unwrap();
    assert!(output.status.success());
    let mut copy = crate::support::Host {
        home: copied,
        address: first.address,
        fe: None,
        be: None,
    };
    copy.start_fe(&[]);
    copy.ready().await;
    assert!(copy.path("fe/meta/image/ROLE").exists() && !first.path("fe/meta/image").exists());
}

#[tokio::test]
async fn the_little_client_prints_json() {
    let world = World::new();
    let host = world.founder().await;
    let at = format!("{}:9030", host.address);
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_standin"))
        .args(["sql", &at, "--json", "SHOW FRONTENDS"])
        .output()
        .await
        .unwrap();
    let rows: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(rows[0]["Role"], "LEADER");
}
