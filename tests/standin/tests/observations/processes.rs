//! Scripts, signals, pid files, and configurations that end a start.

use nix::sys::signal::Signal;

use crate::support::{
    DORIS, DORIS_21, Kind, OLD_STARROCKS, STARROCKS, World, eventually, for_each_engine, server, stays,
};

for_each_engine!(
    sigterm_before_ready_is_143_too,
    a_copied_home_is_another_host,
    the_little_client_prints_json,
);

/// Observed: the pid of the script is the pid of the server; fe.pid is decimal, gone after SIGTERM (143), there after
/// SIGKILL.
#[tokio::test]
async fn the_script_becomes_the_server_and_the_pid_file_follows_its_end() {
    let world = World::new(&STARROCKS);
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
    let world = World::new(&OLD_STARROCKS);
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

async fn sigterm_before_ready_is_143_too(kind: &'static Kind) {
    let world = World::with(0.2, kind);
    let mut host = world.host(1).await;
    host.start_fe(&[]);
    eventually("it has begun", async || {
        host.meta("image/ROLE").exists().then_some(())
    })
    .await;
    host.signal(Signal::SIGTERM);
    assert_eq!(host.fe_exit().await, Some(143));
    assert!(!host.path("fe/bin/fe.pid").exists());
}

#[tokio::test]
async fn a_script_without_exec_keeps_the_server_as_its_child() {
    let world = World::new(&STARROCKS);
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
    let world = World::new(&STARROCKS);
    let mut host = world.host(1).await;
    host.start_fe(&["--nosuch"]);
    host.ready().await;
}

/// Observed with --logconsole: the log files exist at 0 bytes.
#[tokio::test]
async fn on_the_console_the_log_files_stay_empty() {
    let world = World::new(&STARROCKS);
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

/// Observed: a pid file that cannot be written is told as one that is locked.
#[tokio::test]
async fn a_missing_pid_dir_is_told_as_a_lock() {
    let world = World::new(&STARROCKS);
    let mut host = world.host(1).await;
    host.conf("PID_DIR = /nonexistent\n");
    assert_eq!(host.fe_ends(&[]).await, Some(255));
    assert!(
        host.log()
            .contains("java.io.IOException: pid file is already locked.")
    );
}

/// A home can be copied to be another host.
async fn a_copied_home_is_another_host(kind: &'static Kind) {
    let world = World::new(kind);
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
        kind: first.kind,
        address: first.address,
        fe: None,
        be: None,
        broker: None,
    };
    copy.start_fe(&[]);
    copy.ready().await;
    assert!(copy.meta("image/ROLE").exists() && !first.meta("image").exists());
}

async fn the_little_client_prints_json(kind: &'static Kind) {
    let world = World::new(kind);
    let host = world.founder().await;
    let at = format!("{}:9030", host.address);
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_standin"))
        .args(["sql", &at, "--json", "SHOW FRONTENDS"])
        .output()
        .await
        .unwrap();
    let rows: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(rows[0]["Alive"], "true");
}

/// Observed: bash stays the parent; a signal to it alone leaves the server behind; the server's own end is the script's code, and it
/// removes fe.pid, but for SIGKILL.
#[tokio::test]
async fn the_script_of_doris_stays_the_servers_parent() {
    let world = World::new(&DORIS);
    let mut host = world.founder().await;
    let script = host.fe.as_ref().unwrap().id().unwrap();
    let fe = server(script);
    assert_ne!(fe.as_raw(), i32::try_from(script).unwrap());
    assert_eq!(host.read("fe/bin/fe.pid"), fe.to_string());
    let running = format!("Frontend running as process {fe}. Stop it first.\n");
    assert_eq!(host.fe_second_start().await, (Some(1), running));
    host.signal(Signal::SIGTERM);
    assert_eq!(host.fe_exit().await, Some(143));
    assert!(!host.path("fe/bin/fe.pid").exists());
    host.start_fe(&[]);
    host.ready().await;
    host.signal(Signal::SIGKILL);
    assert_eq!(host.fe_exit().await, Some(137));
    assert!(host.path("fe/bin/fe.pid").exists());
    // The number belongs to nobody now, and then to somebody else.
    host.start_fe(&[]);
    host.ready().await;
    host.kill_fe().await;
    let other = std::process::id();
    std::fs::write(host.path("fe/bin/fe.pid"), other.to_string()).unwrap();
    let running = format!("Frontend running as process {other}. Stop it first.\n");
    assert_eq!(host.fe_second_start().await, (Some(1), running));
}

#[tokio::test]
async fn a_signal_to_the_script_of_doris_leaves_the_server_behind() {
    let world = World::new(&DORIS);
    let mut host = world.founder().await;
    let script = host.fe.as_ref().unwrap().id().unwrap();
    let fe = server(script);
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(i32::try_from(script).unwrap()),
        Signal::SIGTERM,
    )
    .unwrap();
    assert_eq!(host.fe_exit().await, None, "the shell dies of it");
    stays(20.0, "the server lives", async || host.is_ready().await).await;
    nix::sys::signal::kill(fe, Signal::SIGKILL).unwrap();
}

/// Observed: the lock of the data dir, and the second one takes the first one's pid file with it.
#[tokio::test]
async fn two_of_doris_in_one_data_dir_are_refused_by_the_lock() {
    let world = World::new(&DORIS);
    let host = world.founder().await;
    std::fs::remove_file(host.path("fe/bin/fe.pid")).unwrap();
    assert_eq!(host.fe_second_start().await.0, Some(255));
    let words = "FE process has been started，please do not start multiple FE processes at the same time";
    assert!(host.log().contains(words), "{}", host.log());
    assert!(!host.path("fe/bin/fe.pid").exists() && host.is_ready().await);
    let world = World::new(&DORIS);
    let mut host = world.host(1).await;
    std::fs::remove_dir(host.meta("")).unwrap();
    assert_eq!(host.fe_ends(&[]).await, Some(255));
    for words in [
        "Try to lock process failed",
        "java.nio.file.NoSuchFileException: ",
    ] {
        assert!(host.log().contains(words), "{}", host.log());
    }
}

/// Observed and read in the script, each of them before there is a server.
#[tokio::test]
async fn the_script_of_doris_refuses_what_it_cannot_use() {
    let world = World::new(&DORIS);
    let host = world.host(1).await;
    let shipped = host.read("fe/conf/fe.conf");
    let without: String = shipped
        .lines()
        .filter(|line| !line.starts_with("JAVA_OPTS_FOR_JDK_17"))
        .flat_map(|line| [line, "\n"])
        .collect();
    let unbalanced = format!("{shipped}\nX_Y = \"unbalanced\n");
    let none = ("FOO", "");
    let proxy = ("http_proxy", "http://x:1");
    let table = [
        (
            &["--nosuch"][..],
            none,
            shipped.as_str(),
            1,
            "unrecognized option '--nosuch'",
        ),
        (
            &[],
            proxy,
            &shipped,
            1,
            "env 'http_proxy' = 'http://x:1', need unset it using 'unset http_proxy'",
        ),
        (
            &[],
            none,
            &without,
            1,
            "JAVA_OPTS_FOR_JDK_17 is not set in fe.conf",
        ),
        (
            &[],
            none,
            &unbalanced,
            2,
            "unexpected EOF while looking for matching",
        ),
    ];
    for (arguments, (name, value), conf, code, words) in table {
        std::fs::write(host.path("fe/conf/fe.conf"), conf).unwrap();
        let ended = tokio::process::Command::new(host.path("fe/bin/start_fe.sh"))
            .args(arguments)
            .env(name, value)
            .output()
            .await
            .unwrap();
        let said = String::from_utf8([ended.stdout, ended.stderr].concat()).unwrap();
        assert_eq!(ended.status.code(), Some(code), "{words}: {said}");
        assert!(said.contains(words), "{said}");
        assert!(!host.meta("process.lock").exists(), "no server was started");
    }
    // Before 3.0 the vendor's images have another JDK.
    let world = World::new(&DORIS_21);
    let mut host = world.host(1).await;
    std::fs::write(host.path("fe/conf/fe.conf"), without).unwrap();
    host.start_fe(&[]);
    host.ready().await;
}

/// Observed: with `--console` everything is on stdout, and (by the source) in the files too; without it nothing is.
#[tokio::test]
async fn doris_is_on_the_console_only_if_it_is_told_to() {
    let world = World::new(&DORIS);
    for (n, flag) in [(1, None), (2, Some("--console"))] {
        let host = world.host(n).await;
        let mut script = tokio::process::Command::new(host.path("fe/bin/start_fe.sh"))
            .args(flag)
            .stdout(std::process::Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        host.ready().await;
        nix::sys::signal::kill(server(script.id().unwrap()), Signal::SIGTERM).unwrap();
        let mut out = String::new();
        let mut stdout = script.stdout.take().unwrap();
        tokio::io::AsyncReadExt::read_to_string(&mut stdout, &mut out)
            .await
            .unwrap();
        script.wait().await.unwrap();
        let words = "FE started successfully";
        assert_eq!(out.contains(words), flag.is_some(), "{out}");
        assert!(host.read("fe/log/fe.log").contains(words));
        assert_eq!(host.read("fe/log/fe.out").is_empty(), flag.is_some());
    }
}
