//! `muster init` as a user runs it: real files, and ports that a process really holds.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use hosts::World;
use muster::engine::Component;
use tempfile::TempDir;

const FOLLOWER: &str = "MASTER_HOST=10.0.0.10\nLOCAL_HOST=10.0.0.11\n";
const SEED: &str = "MASTER_HOST=10.0.0.10\nLOCAL_HOST=10.0.0.10\n";
const FE: &str = "starrocks-fe.env";
const BE: &str = "starrocks-be.env";
const REFERENCE: &str = include_str!("../../docs/reference.md");

/// A directory with an `app.env`.
struct Dir(TempDir);

/// How one run ended.
#[derive(Debug)]
struct Run {
    code: i32,
    out: String,
    err: String,
}

impl Dir {
    fn new(app_env: &str) -> Self {
        let dir = Self(tempfile::tempdir().unwrap());
        dir.write("app.env", app_env);
        dir
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn mode(&self, name: &str) -> u32 {
        fs::metadata(self.path(name)).unwrap().permissions().mode() & 0o777
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// The content, inode and time of both files: any write changes one of them.
    fn state(&self) -> [(String, u64, i64); 2] {
        [FE, BE].map(|name| {
            let metadata = fs::metadata(self.path(name)).unwrap();
            (self.read(name), metadata.ino(), metadata.mtime_nsec())
        })
    }

    fn init(&self, args: &[&str]) -> Run {
        run(self.0.path(), args)
    }

    /// The number that a file gives to a port.
    fn port(&self, name: &str, variable: &str) -> u16 {
        let text = self.read(name);
        let found = text
            .lines()
            .find_map(|line| line.strip_prefix(variable)?.strip_prefix('='));
        found
            .unwrap_or_else(|| panic!("no {variable} in {text}"))
            .parse()
            .unwrap()
    }
}

fn run(dir: &Path, args: &[&str]) -> Run {
    run_in(dir, args, None)
}

/// The same in an image that sets the home dir of its engine.
fn run_in(dir: &Path, args: &[&str], home: Option<&Path>) -> Run {
    let output = Command::new(env!("CARGO_BIN_EXE_muster"))
        .arg("init")
        .args(args)
        .current_dir(dir)
        .env_clear()
        .envs(home.map(|home| ("DORIS_HOME", home)))
        // `init` reads app.env and not its own environment.
        .env("LOCAL_HOST", "somewhere.else")
        .env("FE_QUERY_PORT", "x")
        .output()
        .unwrap();
    Run {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A port that this test listens on.
fn listener(address: Ipv4Addr) -> (TcpListener, u16) {
    let listener = TcpListener::bind((address, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// A listener on the loopback alone is in the way of an engine as well.
#[test]
fn a_port_in_use_moves_on_with_the_holders_name_and_a_second_run_writes_nothing_while_the_engines_run() {
    let (_on_all, query) = listener(Ipv4Addr::UNSPECIFIED);
    let (_on_loopback, be) = listener(Ipv4Addr::LOCALHOST);
    let dir = Dir::new(&format!("{FOLLOWER}FE_QUERY_PORT={query}\nBE_PORT={be}\n"));
    let first = dir.init(&[]);
    assert_eq!(first.code, 0, "{first:?}");
    assert!(
        first
            .out
            .contains(&format!("\ncreated: ./{FE}\ncreated: ./{BE}\n"))
    );
    let me = format!("(pid {})", std::process::id());
    for (name, variable, requested) in [(FE, "FE_QUERY_PORT", query), (BE, "BE_PORT", be)] {
        let chosen = dir.port(name, variable);
        let mut rows = first.out.lines().map(str::trim_start);
        let row = rows.find(|line| line.starts_with(variable)).unwrap();
        assert_ne!(chosen, requested);
        assert!(
            row.contains(&format!("  {chosen} "))
                && row.contains(&me)
                && row.ends_with(&format!("uses {requested}")),
            "{row}"
        );
        assert_eq!(dir.mode(name), 0o644);
    }
    let before = dir.state();
    // The engines. If another process was quicker, that one holds the port.
    let ports = [(FE, "FE_QUERY_PORT"), (FE, "EDIT_LOG_PORT"), (BE, "BE_PORT")];
    let engines = ports.map(|(name, port)| TcpListener::bind((Ipv4Addr::UNSPECIFIED, dir.port(name, port))));
    let second = dir.init(&[]);
    assert!(
        second
            .out
            .contains("\nnothing changed: both files are up to date\n"),
        "{second:?}"
    );
    assert_eq!(dir.state(), before);
    drop(engines);

    // A change in app.env rewrites the file of the component that reads it.
    let app_env = dir.read("app.env");
    dir.write("app.env", &format!("{app_env}FE_CONF__x=1\n"));
    let third = dir.init(&[]);
    let expected = format!("\nrewritten: ./{FE}; changed: FE_CONF__x\nunchanged: ./{BE}\n");
    assert!(third.out.contains(&expected), "{third:?}");
    assert_eq!(dir.read(FE), format!("{}FE_CONF__x=1\n", before[0].0));
    assert_eq!(dir.state()[1], before[1]);
}

#[test]
fn a_port_that_may_not_move_is_73_and_nothing_is_written() {
    let (_listener, port) = listener(Ipv4Addr::UNSPECIFIED);
    let dir = Dir::new(&format!("{FOLLOWER}EDIT_LOG_PORT={port}\n"));
    let run = dir.init(&[]);
    assert_eq!((run.code, run.out.as_str()), (73, ""), "{run:?}");
    let error = format!("error: edit_log_port must be {port} ");
    let holder = format!("(pid {})", std::process::id());
    assert!(run.err.contains(&error) && run.err.contains(&holder), "{run:?}");
    assert_eq!(dir.names(), ["app.env"]);
}

#[test]
fn everything_wrong_in_app_env_is_reported_at_once_with_its_line_and_nothing_is_written() {
    let dir = Dir::new(
        "MASTER_HOST=10.0.0.10,,\nLOCAL_HOST=10.0.0.11\n\nhunter2\nFE_QUERY_PORT=90x0\nBE_CONF__be_port=0\n",
    );
    let run = dir.init(&[]);
    assert_eq!((run.code, run.out.as_str()), (78, ""));
    for (name, line) in [
        ("./app.env", "line 4"),
        ("BE_CONF__be_port", "line 6"),
        ("FE_QUERY_PORT", "line 5"),
        ("MASTER_HOST", "line 1"),
    ] {
        let mut lines = run.err.lines();
        let found = lines.find(|reported| reported.starts_with(&format!("  {name}: ")));
        assert!(found.is_some_and(|found| found.contains(line)), "{name}: {run:?}");
    }
    assert!(!run.err.contains("hunter2"));
    fs::remove_file(dir.path("app.env")).unwrap();
    let run = dir.init(&[]);
    assert_eq!(run.code, 78);
    assert!(
        run.err
            .starts_with("error: cannot read ./app.env: No such file or directory"),
        "{run:?}"
    );
    assert_eq!(dir.names(), [""; 0]);
}

#[test]
fn a_file_that_init_did_not_write_is_73_and_with_force_it_is_kept_beside_with_its_ports() {
    let dir = Dir::new(FOLLOWER);
    dir.write("mine.env", "TZ=UTC\nBE_PORT=9961\n");
    fs::set_permissions(dir.path("mine.env"), fs::Permissions::from_mode(0o640)).unwrap();
    symlink("mine.env", dir.path(BE)).unwrap();
    let run = dir.init(&[]);
    assert_eq!(run.code, 73);
    let error = format!("error: cannot overwrite ./{BE}: the first line does not begin with ");
    assert!(
        run.err.contains(&error) && run.err.contains("\nhint: --force replaces the file"),
        "{run:?}"
    );
    assert_eq!(dir.names(), ["app.env", "mine.env", BE]);

    let run = dir.init(&["--force"]);
    let kept = format!("{BE}.before-muster");
    let expected = format!("\nreplaced: ./{BE}; the old file is kept as ./{kept}\n");
    assert!(run.out.contains(&expected), "{run:?}");
    assert_eq!(dir.read(&kept), "TZ=UTC\nBE_PORT=9961\n");
    assert_eq!(dir.port("mine.env", "BE_PORT"), 9961);
    // The link and the mode stay.
    assert!(dir.path(BE).is_symlink());
    assert_eq!((dir.mode("mine.env"), dir.mode(&kept)), (0o640, 0o640));
    // A second copy gets another name, and a file of `init` needs none.
    dir.write(BE, "TZ=CET\n");
    dir.init(&["--force"]);
    dir.init(&["--force"]);
    let copies = [kept.clone(), format!("{kept}-2")];
    assert_eq!(copies.map(|name| dir.read(&name).lines().count()), [2, 1]);
    assert_eq!(dir.names().len(), 6);
}

#[test]
fn a_path_that_cannot_be_written_is_73() {
    let dir = Dir::new(FOLLOWER);
    // Docker makes a directory where a file to mount is missing.
    fs::create_dir(dir.path(BE)).unwrap();
    // Not even root creates a file in /proc.
    for (path, error) in [
        ("/proc", format!("cannot write /proc/{FE}: ")),
        ("nowhere", format!("cannot write nowhere/{FE}: ")),
        (
            ".",
            format!("cannot read ./{BE}: it is a directory; put a regular file there\n"),
        ),
    ] {
        let run = dir.init(&["--dir", path]);
        assert_eq!((run.code, run.out.as_str()), (73, ""), "{run:?}");
        assert!(run.err.contains(&error), "{run:?}");
    }
    assert_eq!(dir.names(), ["app.env", BE]);
}

#[test]
fn app_env_and_the_files_may_be_in_different_directories() {
    let dir = Dir::new(FOLLOWER);
    let elsewhere = tempfile::tempdir().unwrap();
    let path = dir.0.path().to_str().unwrap();
    // In a container, with the directory mounted.
    let mounted = run(elsewhere.path(), &["--dir", path]);
    assert_eq!(mounted.code, 0, "{mounted:?}");
    assert_eq!(dir.names(), ["app.env", BE, FE]);
    fs::remove_file(dir.path(FE)).unwrap();
    let named = dir.path("app.env");
    let named = run(elsewhere.path(), &["--app-env", named.to_str().unwrap()]);
    assert_eq!(named.code, 0, "{named:?}");
    assert_eq!(dir.names(), ["app.env", BE, FE]);
    // The app.env of the working directory wins over the one in --dir.
    let another = FOLLOWER.replace("10.0.0.11", "10.0.0.12");
    fs::write(elsewhere.path().join("app.env"), another).unwrap();
    let here = run(elsewhere.path(), &["--dir", path]);
    assert!(here.out.starts_with("10.0.0.12 is a follower"), "{here:?}");
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 1);
}

/// `run` with a generated file alone does what it does with `app.env` alone.
#[test]
fn a_generated_file_leads_to_the_plan_that_app_env_leads_to() {
    // In a network namespace the addresses exist, and no other process holds a port.
    let Some(_world) = World::enter(hosts::this_test!()).unwrap() else {
        return;
    };
    for address in ["10.0.0.10/32", "10.0.0.11/32"] {
        let added = Command::new("ip")
            .args(["address", "add", address, "dev", "lo"])
            .status();
        assert!(added.unwrap().success());
    }
    let besides = [
        "",
        "FE_ROLE=observer\nDEFAULT_REPLICATION_NUM=3\nPRIORITY_NETWORKS=10.0.0.0/8\nFE_CONF__x=1\nBE_CONF__y=2\nWAIT_TIMEOUT=60s\n",
        "FE_QUERY_PORT=9131\nEDIT_LOG_PORT=9111\nBE_PORT=9161\nHTTP_PORT=8131\n",
        "FE_CONF__rpc_port=9121\nBE_CONF__brpc_port=8161\nMASTER_FE_QUERY_PORT=9231\n",
    ];
    let listen = |port: u16| TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).unwrap();
    for held in [vec![], vec![9030, 9060, 9161]] {
        let _held: Vec<TcpListener> = held.iter().map(|port| listen(*port)).collect();
        for (hosts, besides) in [SEED, FOLLOWER]
            .into_iter()
            .flat_map(|hosts| besides.map(|more| (hosts, more)))
        {
            let dir = Dir::new(&format!("{hosts}{besides}KAFKA_HOST=x\n"));
            let run = dir.init(&[]);
            assert_eq!((run.code, run.err.as_str()), (0, ""), "{run:?}");
            if held.is_empty() && (hosts, besides) == (FOLLOWER, "") {
                assert!(
                    REFERENCE.contains(&format!("```\n{}```\n", dir.read(BE))),
                    "docs/reference.md shows another file"
                );
            }
            for (name, component) in [(FE, "fe"), (BE, "be")] {
                let home = home(component);
                let mut alone = explain(home.path(), &dir.read("app.env"));
                if hosts == SEED && component == "be" && !besides.contains("MASTER_FE_QUERY_PORT") {
                    // From app.env alone a BE cannot know that the port of the seed beside it has moved.
                    let asked = |variable| format!("10.0.0.10:{}", dir.port(FE, variable));
                    let (usual, moved) = (asked("MASTER_FE_QUERY_PORT"), asked("FE_QUERY_PORT"));
                    alone = alone.iter().map(|line| line.replace(&usual, &moved)).collect();
                }
                let generated = explain(home.path(), &dir.read(name));
                assert_eq!(generated, alone, "{component}: {}", dir.read(name));
            }
        }
    }
}

/// Subjects and values of a plan, and its conf lines.
fn explain(home: &Path, env: &str) -> Vec<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_muster"))
        .args(["explain", "--json", "--home"])
        .arg(home)
        .env_clear()
        // As docker does it.
        .envs(
            env.lines()
                .filter(|line| !line.starts_with('#'))
                .filter_map(|line| line.split_once('=')),
        )
        .output()
        .unwrap();
    // No variable of these files contradicts another.
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let plan: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let decisions = plan.get("decisions").unwrap().as_array().unwrap().iter();
    // Only app.env has the settings of both components.
    let decisions = decisions.filter(|decision| decision.get("subject").unwrap() != "without effect");
    let lines = decisions.map(|decision| {
        let part = |name: &str| decision.get(name).unwrap().as_str().unwrap();
        // The reason of a join names the FEs to ask, with their ports.
        let why = if part("subject") == "join" {
            part("why")
        } else {
            ""
        };
        format!("{} {} {why}", part("subject"), part("value"))
    });
    let conf = plan.get("conf").unwrap().as_array().unwrap().iter();
    lines.chain(conf.map(ToString::to_string)).collect()
}

/// The engine is that of `app.env`, or that of the image in which `init` runs.
#[test]
fn both_engines_get_files_of_their_own_with_their_ports() {
    let Some(_world) = World::enter(hosts::this_test!()).unwrap() else {
        return;
    };
    let image = tempfile::tempdir().unwrap();
    for (file, mode) in [
        ("fe/bin/start_fe.sh", 0o755),
        ("fe/lib/doris-fe.jar", 0o644),
        ("be/bin/start_be.sh", 0o755),
        ("be/lib/doris_be", 0o644),
    ] {
        let path = image.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, "#!/bin/bash\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }
    let fe = image.path().join("fe");
    let table = [
        ("", None, "starrocks"),
        ("ENGINE=doris\n", None, "doris"),
        ("", Some(fe.as_path()), "doris"),
        // An image with both of them.
        ("", Some(image.path()), "doris"),
        ("ENGINE=starrocks\n", Some(fe.as_path()), "starrocks"),
    ];
    for (line, home, id) in table {
        let dir = Dir::new(&format!("{FOLLOWER}{line}"));
        let run = run_in(dir.0.path(), &[], home);
        assert_eq!(run.code, 0, "{line} {home:?}: {run:?}");
        let engine = muster::engine::Engine::by_id(id).unwrap();
        for component in [Component::Fe, Component::Be] {
            let name = format!("{id}-{}.env", component.id());
            for port in engine.ports_of(component) {
                if let Some(default) = port.default {
                    assert_eq!(dir.port(&name, port.name.variable()), default, "{name}");
                }
            }
        }
    }
}

/// As little of an image as `explain` needs.
fn home(component: &str) -> TempDir {
    let home = tempfile::tempdir().unwrap();
    let mark = if component == "fe" {
        "starrocks-fe.jar"
    } else {
        "starrocks_be"
    };
    let script = format!("bin/start_{component}.sh");
    for dir in ["bin", "conf", "lib"] {
        fs::create_dir(home.path().join(dir)).unwrap();
    }
    fs::write(home.path().join("lib").join(mark), "").unwrap();
    fs::write(home.path().join(format!("conf/{component}.conf")), "").unwrap();
    fs::write(
        home.path().join(&script),
        "#!/bin/bash\n# --host_type --helper --logconsole\n",
    )
    .unwrap();
    fs::set_permissions(home.path().join(&script), fs::Permissions::from_mode(0o755)).unwrap();
    home
}
