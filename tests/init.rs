//! `muster init` as a person runs it: real files, and ports that somebody really holds.

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
use tempfile::TempDir;

const FOLLOWER: &str = "MASTER_HOST=10.0.0.10\nLOCAL_HOST=10.0.0.11\n";
const SEED: &str = "MASTER_HOST=10.0.0.10\nLOCAL_HOST=10.0.0.10\n";
const FE: &str = "starrocks-fe.env";
const BE: &str = "starrocks-be.env";
const README: &str = include_str!("../docs/reference.md");

/// A directory with an `app.env`, and what is in it after a run.
struct Place(TempDir);

/// How a run ended and what it said.
#[derive(Debug)]
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Place {
    fn new(app_env: &str) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.write("app.env", app_env);
        place
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

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// Everything there but `app.env`, with what would tell that it was written once more.
    fn state(&self) -> Vec<(String, String, u64, i64)> {
        let names = self.names().into_iter().filter(|name| name != "app.env");
        names
            .map(|name| {
                let look = fs::metadata(self.path(&name)).unwrap();
                let text = self.read(&name);
                (name, text, look.ino(), look.mtime_nsec())
            })
            .collect()
    }

    /// Runs it in this directory.
    fn init(&self, args: &[&str]) -> Said {
        run(self.0.path(), args)
    }

    /// The number a file gives to a port.
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

fn run(dir: &Path, args: &[&str]) -> Said {
    let output = Command::new(env!("CARGO_BIN_EXE_muster"))
        .arg("init")
        .args(args)
        .current_dir(dir)
        .env_clear()
        // What this process is told is not what the containers will be told.
        .env("LOCAL_HOST", "somewhere.else")
        .env("FE_QUERY_PORT", "x")
        .output()
        .unwrap();
    Said {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A port that this test listens on.
fn busy(address: Ipv4Addr) -> (TcpListener, u16) {
    let listener = TcpListener::bind((address, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

fn me() -> String {
    format!("(pid {})", std::process::id())
}

#[test]
fn two_addresses_become_two_files_and_a_second_run_touches_neither() {
    let place = Place::new(&format!("{FOLLOWER}DEFAULT_REPLICATION_NUM=3\nKAFKA_HOST=x\n"));
    let first = place.init(&[]);
    assert_eq!(first.code, 0, "{first:?}");
    assert!(
        first
            .out
            .starts_with("10.0.0.11 is a follower in the cluster of 10.0.0.10\n")
    );
    assert!(
        first
            .out
            .contains("\n./starrocks-fe.env is new\n./starrocks-be.env is new\n"),
        "{first:?}"
    );
    assert!(first.out.ends_with("\n  docker compose up -d\n"));
    assert_eq!(place.names(), ["app.env", BE, FE]);
    for name in [FE, BE] {
        let text = place.read(name);
        for line in ["MASTER_HOST=10.0.0.10", "LOCAL_HOST=10.0.0.11"] {
            assert!(text.lines().any(|known| known == line), "{text}");
        }
        assert_eq!(text.contains("\nDEFAULT_REPLICATION_NUM=3\n"), name == FE);
        assert!(!text.contains("KAFKA") && !text.contains('\r'));
        // The strictest reader takes everything after the `=` as it is.
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (key, value) = line.split_once('=').unwrap();
            assert!(
                !key.is_empty() && !value.is_empty() && !value.contains(['"', '\'', ' ', '#']),
                "{line}"
            );
        }
        assert_eq!(
            fs::metadata(place.path(name)).unwrap().permissions().mode() & 0o777,
            0o644
        );
    }
    let before = place.state();
    let second = place.init(&[]);
    assert_eq!(second.code, 0);
    assert!(
        second
            .out
            .contains("\nnothing changed: both files say so already\n"),
        "{second:?}"
    );
    assert_eq!(place.state(), before);
}

/// A listener on every address and one on the loopback alone are in the way of an engine all the same.
#[test]
fn a_port_that_is_held_moves_on_says_who_holds_it_and_stays_there_while_the_engine_runs() {
    let (_on_all, query) = busy(Ipv4Addr::UNSPECIFIED);
    let (_on_loopback, be) = busy(Ipv4Addr::LOCALHOST);
    let place = Place::new(&format!("{FOLLOWER}FE_QUERY_PORT={query}\nBE_PORT={be}\n"));
    let first = place.init(&[]);
    assert_eq!(first.code, 0, "{first:?}");
    for (name, variable, wished) in [(FE, "FE_QUERY_PORT", query), (BE, "BE_PORT", be)] {
        let chosen = place.port(name, variable);
        assert_ne!(chosen, wished);
        let row = first
            .out
            .lines()
            .find(|line| line.trim_start().starts_with(variable))
            .unwrap();
        assert!(
            row.contains(&format!("  {chosen} "))
                && row.contains(&me())
                && row.ends_with(&format!("holds {wished}")),
            "{row}"
        );
    }
    let before = place.state();
    // The engines. Somebody else may have been quicker: then that is who holds it.
    let engines: Vec<_> = [
        (FE, "FE_QUERY_PORT"),
        (FE, "EDIT_LOG_PORT"),
        (BE, "BE_PORT"),
        (BE, "HEARTBEAT_PORT"),
    ]
    .map(|(name, variable)| TcpListener::bind((Ipv4Addr::UNSPECIFIED, place.port(name, variable))))
    .into();
    let second = place.init(&[]);
    assert!(second.out.contains("\nnothing changed"), "{second:?}");
    assert_eq!(place.state(), before);
    drop(engines);
}

#[test]
fn no_number_is_in_both_files_even_if_one_is_asked_for_twice() {
    let (listener, port) = busy(Ipv4Addr::UNSPECIFIED);
    drop(listener);
    let place = Place::new(&format!("{FOLLOWER}ARROW_FLIGHT_PORT={port}\n"));
    let said = place.init(&[]);
    assert_eq!(said.code, 0, "{said:?}");
    let number = |text: String| -> Vec<u16> {
        let lines = text.lines().filter(|line| !line.starts_with("MASTER_"));
        lines
            .filter_map(|line| line.split_once("_PORT=")?.1.parse().ok())
            .collect()
    };
    let mut all = [number(place.read(FE)), number(place.read(BE))].concat();
    assert_eq!(all.len(), 5 + 6);
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 5 + 6, "{all:?}");
}

#[test]
fn a_port_that_may_not_move_is_73_and_nothing_is_written() {
    let (_listener, port) = busy(Ipv4Addr::UNSPECIFIED);
    for (hosts, variable, conf_key) in [
        (SEED, "HTTP_PORT", "http_port"),
        (FOLLOWER, "EDIT_LOG_PORT", "edit_log_port"),
        (FOLLOWER, "HEARTBEAT_PORT", "heartbeat_service_port"),
    ] {
        let place = Place::new(&format!("{hosts}{variable}={port}\n"));
        let said = place.init(&[]);
        assert_eq!(said.code, 73, "{said:?}");
        assert!(said.err.contains(&format!(
            "error: {conf_key} must be {port} (it was asked for), but "
        )));
        assert!(said.err.contains(&me()) && said.out.is_empty(), "{said:?}");
        assert_eq!(place.names(), ["app.env"]);
    }
    // Which one it is only the cluster can say, and `run` asks it.
    let place = Place::new(&format!("{FOLLOWER}HTTP_PORT={port}\n"));
    assert_eq!(place.init(&[]).code, 0);
    assert_eq!(place.port(FE, "HTTP_PORT"), port);
}

#[test]
fn what_changes_in_app_env_changes_in_the_files_and_is_named_line_by_line() {
    let place = Place::new(&format!("{FOLLOWER}FE_CONF__x=1\n"));
    place.init(&[]);
    let be = place.state().remove(0);
    place.write("app.env", &format!("{FOLLOWER}FE_CONF__x=2\nFE_CONF__y=3\n"));
    let said = place.init(&[]);
    for line in [
        "./starrocks-fe.env: FE_CONF__x = 1 → 2: set in ./app.env, line 3",
        "./starrocks-fe.env: FE_CONF__y = 3 is new: set in ./app.env, line 4",
        "./starrocks-be.env is as it was",
    ] {
        assert!(said.out.lines().any(|known| known == line), "{line}\n{said:?}");
    }
    assert!(place.read(FE).contains("\nFE_CONF__x=2\nFE_CONF__y=3\n"));
    assert_eq!(place.state().remove(0), be, "the other one is not written");
    place.write("app.env", FOLLOWER);
    let said = place.init(&[]);
    assert!(
        said.out
            .contains("./starrocks-fe.env: FE_CONF__x = 2 is gone: ./app.env does not set it\n")
    );
}

#[test]
fn an_app_env_from_windows_is_the_same_app_env() {
    let plain = Place::new(&format!("{FOLLOWER}STATE_DIR=/state\nFE_CONF__x=1\n"));
    plain.init(&[]);
    let windows = Place::new(&format!(
        "\u{feff}{}# end\r\n\r\nSTATE_DIR=/elsewhere\r\nexport STATE_DIR=\"/state\"\r\n  FE_CONF__x='1'\r\n",
        FOLLOWER.replace('\n', "\r\n")
    ));
    assert_eq!(windows.init(&[]).code, 0);
    for name in [FE, BE] {
        assert_eq!(windows.read(name), plain.read(name));
    }
}

#[test]
fn everything_that_is_wrong_is_said_at_once_with_its_line_and_nothing_is_written() {
    let place = Place::new(
        "MASTER_HOST=10.0.0.10,,\nLOCAL_HOST=10.0.0.11\n\nhunter2\nFE_QUERY_PORT=90x0\nBE_CONF__be_port=0\n",
    );
    let said = place.init(&[]);
    assert_eq!(said.code, 78);
    assert_eq!(
        said.err,
        "error: ./app.env cannot be used
  ./app.env: line 4 has no `=`: it is neither KEY=VALUE nor a comment
  BE_CONF__be_port: `0` is not a port (1–65535), set in ./app.env, line 6
  FE_QUERY_PORT: `90x0` is not a port (1–65535), set in ./app.env, line 5
  MASTER_HOST: `10.0.0.10,,` has an empty host at position 2, set in ./app.env, line 1
  MASTER_HOST: `10.0.0.10,,` has an empty host at position 3, set in ./app.env, line 1

hint: correct these lines and run it again; nothing was written
"
    );
    assert_eq!(
        (said.out.as_str(), place.names()),
        ("", vec!["app.env".to_owned()])
    );
}

#[test]
fn an_app_env_that_cannot_be_read_is_78_and_says_how_to_write_one() {
    let place = Place::new("");
    fs::remove_file(place.path("app.env")).unwrap();
    let said = place.init(&[]);
    assert_eq!(said.code, 78);
    assert!(
        said.err
            .starts_with("error: cannot read ./app.env: No such file or directory"),
        "{said:?}"
    );
    assert!(said.err.contains("MASTER_HOST=") && said.err.contains("LOCAL_HOST="));
    fs::write(place.path("app.env"), b"MASTER_HOST=\xff\n").unwrap();
    let said = place.init(&[]);
    assert_eq!(said.code, 78);
    assert!(
        said.err
            .starts_with("error: cannot read ./app.env: stream did not contain valid UTF-8\n")
    );
    // Empty, it is read, and the two settings that are missing are explained.
    place.write("app.env", "");
    let said = place.init(&[]);
    assert_eq!(said.code, 78);
    assert!(
        said.err.contains("  LOCAL_HOST: is not set; set it to")
            && said.err.contains("  MASTER_HOST: is not set; set it to")
    );
}

#[test]
fn an_engine_that_cannot_be_run_is_refused_in_words() {
    let place = Place::new(&format!("{FOLLOWER}ENGINE=doris\n"));
    let said = place.init(&[]);
    assert_eq!(said.code, 78);
    assert!(
        said.err.starts_with(
            "error: ENGINE = doris: Apache Doris is recognised, this version of muster runs StarRocks only, set in ./app.env, line 3\n"
        ),
        "{said:?}"
    );
    assert_eq!(place.names(), ["app.env"]);
}

#[test]
fn a_file_that_somebody_else_wrote_is_left_alone_unless_it_is_forced_and_then_it_is_kept() {
    let place = Place::new(FOLLOWER);
    place.write(BE, "BE_PORT=1\n");
    let said = place.init(&[]);
    assert_eq!(said.code, 73);
    assert_eq!(
        said.err.lines().find(|line| line.starts_with("error: ")),
        Some(
            "error: ./starrocks-be.env was not written by `muster init`: no line begins with `# >>> muster`"
        )
    );
    assert!(
        said.err
            .contains("\nhint: --force writes it anew and keeps the old one beside it")
    );
    assert_eq!(place.names(), ["app.env", BE]);
    assert_eq!(place.read(BE), "BE_PORT=1\n");

    fs::set_permissions(place.path(BE), fs::Permissions::from_mode(0o640)).unwrap();
    let said = place.init(&["--force"]);
    assert_eq!(said.code, 0);
    assert!(said.out.contains(
        "\n./starrocks-be.env is new; what was there is kept as ./starrocks-be.env.before-muster\n"
    ));
    let kept = format!("{BE}.before-muster");
    assert_eq!(place.read(&kept), "BE_PORT=1\n");
    for name in [BE, kept.as_str()] {
        assert_eq!(
            fs::metadata(place.path(name)).unwrap().permissions().mode() & 0o777,
            0o640,
            "{name}"
        );
    }
    // What was kept once is not lost to a second one.
    place.write(BE, "BE_PORT=2\n");
    assert_eq!(place.init(&["--force"]).code, 0);
    assert_eq!(place.read(&kept), "BE_PORT=1\n");
    assert_eq!(place.read(&format!("{kept}-2")), "BE_PORT=2\n");
    // A file of ours is not kept for it.
    let before = place.state();
    assert!(place.init(&["--force"]).out.contains("\nnothing changed"));
    assert_eq!(place.state(), before);
}

#[test]
fn lines_of_the_users_own_stay_and_so_do_the_mode_and_a_link() {
    let place = Place::new(FOLLOWER);
    place.init(&[]);
    let block = place.read(FE);
    place.write("mine.env", &format!("# mine\nTZ=UTC\n{block}A=\"b\"\r\nC=d"));
    fs::set_permissions(place.path("mine.env"), fs::Permissions::from_mode(0o600)).unwrap();
    fs::remove_file(place.path(FE)).unwrap();
    symlink("mine.env", place.path(FE)).unwrap();
    place.write("app.env", &format!("{FOLLOWER}FE_CONF__x=1\n"));
    assert_eq!(place.init(&[]).code, 0);
    let expected = block.replace("# <<<", "FE_CONF__x=1\n# <<<");
    assert_eq!(
        place.read("mine.env"),
        format!("# mine\nTZ=UTC\n{expected}A=\"b\"\r\nC=d")
    );
    assert!(fs::symlink_metadata(place.path(FE)).unwrap().is_symlink());
    assert_eq!(
        fs::metadata(place.path(FE)).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[test]
fn a_secret_stays_in_app_env() {
    let place = Place::new(&format!(
        "{FOLLOWER}CLUSTER_PASSWORD=hunter2\nFE_CONF__aws_s3_secret_key=hunter3\nKAFKA_PASSWORD=hunter4\n"
    ));
    let said = place.init(&[]);
    assert_eq!(said.code, 0);
    assert!(
        said.out.contains(
            "secrets stay where they are: CLUSTER_PASSWORD, FE_CONF__aws_s3_secret_key; CLUSTER_PASSWORD_FILE"
        ),
        "{said:?}"
    );
    // One that is wrong is not repeated either.
    place.write(
        "app.env",
        &format!("{FOLLOWER}CLUSTER_PASSWORD=hunter2\nCLUSTER_PASSWORD_FILE=hunter5\nhunter6\n"),
    );
    let wrong = place.init(&[]);
    assert_eq!(wrong.code, 78);
    for text in [
        &said.out,
        &said.err,
        &wrong.out,
        &wrong.err,
        &place.read(FE),
        &place.read(BE),
    ] {
        assert!(!text.contains("hunter"), "{text}");
    }
    // A file that is in the container is named, not looked for.
    place.write(
        "app.env",
        &format!("{FOLLOWER}CLUSTER_PASSWORD_FILE=/run/secrets/none\n"),
    );
    assert_eq!(place.init(&[]).code, 0);
    assert!(
        place
            .read(FE)
            .contains("\nCLUSTER_PASSWORD_FILE=/run/secrets/none\n")
    );
}

#[test]
fn a_directory_that_cannot_be_written_is_73() {
    let place = Place::new(FOLLOWER);
    // Not even root creates a file there.
    for dir in ["/proc", "nowhere"] {
        let said = place.init(&["--dir", dir]);
        assert_eq!(said.code, 73, "{said:?}");
        let error = format!("error: cannot write {dir}/starrocks-fe.env: ");
        assert!(
            said.err.contains(&error) && said.err.contains("\nhint: neither file was changed"),
            "{said:?}"
        );
        assert!(said.out.is_empty());
    }
    let said = place.init(&["--dir", "app.env"]);
    assert_eq!(said.code, 73, "{said:?}");
    assert!(
        said.err
            .contains("cannot read app.env/starrocks-fe.env: Not a directory")
    );
    // Docker makes a directory where a file that it is to mount is missing.
    fs::create_dir(place.path(BE)).unwrap();
    let said = place.init(&[]);
    assert_eq!(said.code, 73);
    assert!(
        said.err
            .contains("error: cannot read ./starrocks-be.env: it is not a file\n"),
        "{said:?}"
    );
    assert_eq!(place.names(), ["app.env", BE]);
}

#[test]
fn app_env_and_the_files_may_be_in_different_directories() {
    let place = Place::new(FOLLOWER);
    let elsewhere = tempfile::tempdir().unwrap();
    let dir = place.0.path().to_str().unwrap();
    // As a container sees it, with the directory mounted and nothing in its own.
    let said = run(elsewhere.path(), &["--dir", dir]);
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(place.names(), ["app.env", BE, FE]);
    // Beside the one that is named.
    fs::remove_file(place.path(FE)).unwrap();
    let named = format!("{dir}/app.env");
    assert_eq!(run(elsewhere.path(), &["--app-env", &named]).code, 0);
    assert_eq!(place.names(), ["app.env", BE, FE]);
    // The one here goes before the one where the files go.
    let another = FOLLOWER.replace("10.0.0.11", "10.0.0.12");
    fs::write(elsewhere.path().join("app.env"), another).unwrap();
    let said = run(elsewhere.path(), &["--dir", dir]);
    assert!(said.out.starts_with("10.0.0.12 is a follower"), "{said:?}");
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 1);
}

/// `run` with a generated file alone does what it does with `app.env` alone.
#[test]
fn a_generated_file_leads_to_the_plan_that_app_env_leads_to() {
    // A network of our own: the addresses are there, and no port is taken by a stranger.
    let test = "a_generated_file_leads_to_the_plan_that_app_env_leads_to";
    let Some(_world) = World::enter(test).unwrap() else {
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
            let place = Place::new(&format!("{hosts}{besides}KAFKA_HOST=x\n"));
            let said = place.init(&[]);
            assert_eq!((said.code, said.err.as_str()), (0, ""), "{said:?}");
            if held.is_empty() && (hosts, besides) == (FOLLOWER, "") {
                assert!(
                    README.contains(&format!("```\n{}```\n", place.read(BE))),
                    "the README shows another file"
                );
            }
            for (name, component) in [(FE, "fe"), (BE, "be")] {
                let home = home(component);
                let mut alone = explain(home.path(), &place.read("app.env"));
                if hosts == SEED && component == "be" && !besides.contains("MASTER_FE_QUERY_PORT") {
                    // What app.env cannot tell a BE: that the seed beside it had to move.
                    let asked = |variable| format!("10.0.0.10:{}", place.port(FE, variable));
                    let (usual, moved) = (asked("MASTER_FE_QUERY_PORT"), asked("FE_QUERY_PORT"));
                    alone = alone.iter().map(|line| line.replace(&usual, &moved)).collect();
                }
                let told = explain(home.path(), &place.read(name));
                assert_eq!(told, alone, "{component}: {}", place.read(name));
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
    // None of the names that one host has in these files contradicts another.
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let plan: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let decisions = plan.get("decisions").unwrap().as_array().unwrap().iter();
    let said = decisions.map(|decision| {
        let part = |name: &str| decision.get(name).unwrap().as_str().unwrap();
        // Whom it asks, and on which port, stands in the reason.
        let why = if part("subject") == "join" {
            part("why")
        } else {
            ""
        };
        format!("{} {} {why}", part("subject"), part("value"))
    });
    let conf = plan.get("conf").unwrap().as_array().unwrap().iter();
    said.chain(conf.map(ToString::to_string)).collect()
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
