//! `muster init --hosts` as a user runs it: from a list to directories that docker and nft take.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot go on has failed"
)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

use hosts::World;
use tempfile::TempDir;

const ENGINES: [&str; 2] = ["starrocks", "doris"];

/// `UPDATE_LISTS=1 cargo test --test it init_hosts` writes the directories anew; read the difference before you commit it.
fn lists(engine: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/lists")
        .join(engine)
}

/// A directory with a list and the settings of all its hosts.
struct Dir(TempDir);

/// How one run ended.
#[derive(Debug)]
struct Run {
    code: i32,
    out: String,
    err: String,
}

/// A file with all that a write would change.
#[derive(Debug, Clone, PartialEq, Eq)]
struct State {
    text: String,
    inode: u64,
    time: (i64, i64),
}

impl Dir {
    fn new(hosts: &str, app_env: &str) -> Self {
        let dir = Self(tempfile::tempdir().unwrap());
        dir.write("hosts.txt", hosts);
        dir.write("app.env", app_env);
        dir
    }

    /// The list of an engine that is in the tree.
    fn of(engine: &str) -> Self {
        let read = |name| fs::read_to_string(lists(engine).join(name)).unwrap();
        Self::new(&read("hosts.txt"), &read("app.env"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn init(&self, more: &[&str]) -> Run {
        self.init_into("cluster", more)
    }

    fn init_into(&self, out: &str, more: &[&str]) -> Run {
        let output = Command::new(env!("CARGO_BIN_EXE_muster"))
            .args([
                "init",
                "--hosts",
                "hosts.txt",
                "--app-env",
                "app.env",
                "--out",
                out,
            ])
            .args(more)
            .current_dir(self.0.path())
            .env_clear()
            .output()
            .unwrap();
        Run {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Every file below the directory of all hosts.
    fn files(&self) -> BTreeMap<String, State> {
        files(&self.path("cluster"))
    }
}

fn files(root: &Path) -> BTreeMap<String, State> {
    let mut found = BTreeMap::new();
    let mut dirs = vec![root.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display())) {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
                continue;
            }
            let metadata = fs::metadata(&path).unwrap();
            let name = path.strip_prefix(root).unwrap().display().to_string();
            let state = State {
                text: fs::read_to_string(&path).unwrap(),
                inode: metadata.ino(),
                time: (metadata.mtime(), metadata.mtime_nsec()),
            };
            found.insert(name, state);
        }
    }
    found
}

/// The names of the files that are not the same in both.
fn changed(before: &BTreeMap<String, State>, after: &BTreeMap<String, State>) -> Vec<String> {
    let names = after
        .keys()
        .chain(before.keys().filter(|name| !after.contains_key(*name)));
    names
        .filter(|name| before.get(*name) != after.get(*name))
        .cloned()
        .collect()
}

#[test]
fn the_files_of_a_list_are_those_in_the_tree() {
    for engine in ENGINES {
        let dir = Dir::of(engine);
        let run = dir.init(&[]);
        assert_eq!((run.code, run.err.as_str()), (0, ""), "{run:?}");
        let golden = lists(engine).join("cluster");
        let written = dir.files();
        if std::env::var_os("UPDATE_LISTS").is_some() {
            drop(fs::remove_dir_all(&golden));
            for (name, state) in &written {
                let path = golden.join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, &state.text).unwrap();
            }
        }
        let expected = files(&golden);
        assert_eq!(
            written.keys().collect::<Vec<_>>(),
            expected.keys().collect::<Vec<_>>(),
            "{engine}"
        );
        for (name, state) in &written {
            assert_eq!(state.text, expected[name].text, "{engine}: {name}");
        }
    }
}

#[test]
fn the_same_list_writes_nothing_and_another_one_only_what_differs() {
    for engine in ENGINES {
        let dir = Dir::of(engine);
        dir.init(&[]);
        let before = dir.files();
        let run = dir.init(&[]);
        assert!(
            run.out.contains(&format!(
                "\nnothing changed: all {} files are up to date\n",
                before.len()
            )),
            "{run:?}"
        );
        assert_eq!(changed(&before, &dir.files()), [""; 0]);

        // One setting of one host.
        let list = fs::read_to_string(dir.path("hosts.txt")).unwrap();
        dir.write("hosts.txt", &list.replace("FE_HEAP=16g", "FE_HEAP=17g"));
        let run = dir.init(&[]);
        let file = format!("10.0.0.11/{engine}-fe.env");
        assert!(
            run.out
                .contains(&format!("\nrewritten: cluster/{file}; changed: FE_HEAP\n")),
            "{run:?}"
        );
        assert_eq!(changed(&before, &dir.files()), [file]);

        // A host goes: its directory stays, and the others shut it out.
        dir.write("hosts.txt", &list);
        dir.init(&[]);
        let before = dir.files();
        let fewer: Vec<&str> = list
            .lines()
            .filter(|line| !line.starts_with("10.0.0.14"))
            .collect();
        dir.write("hosts.txt", &fewer.join("\n"));
        let run = dir.init(&[]);
        assert!(
            run.out
                .contains("\nno longer in hosts.txt: cluster/10.0.0.14 stays as it is\n"),
            "{run:?}"
        );
        let firewalls = ["10.0.0.10", "10.0.0.11", "10.0.0.12", "2001-db8--13"];
        let firewalls = firewalls.map(|host| format!("{host}/firewall.nft"));
        let expected = [&firewalls[..], &["prometheus/targets.json".to_owned()]].concat();
        assert_eq!(changed(&before, &dir.files()), expected);

        // A node goes.
        dir.write("hosts.txt", &list.replace("observer,be,cn", "observer,be"));
        let run = dir.init(&[]);
        let unused = format!("\nno longer used: cluster/2001-db8--13/{engine}-cn.env stays as it is\n");
        assert!(run.out.contains(&unused), "{run:?}");

        // Back to where it began.
        dir.write("hosts.txt", &list);
        assert_eq!(dir.init(&[]).code, 0);
        let text = |files: BTreeMap<String, State>| -> Vec<String> {
            files.into_values().map(|file| file.text).collect()
        };
        assert_eq!(text(dir.files()), text(before));
    }
}

#[test]
fn everything_wrong_is_78_at_once_and_nothing_is_written() {
    let dir = Dir::new(
        "10.0.0.10 fe,be FE_QUERY_PORT=90x0\n10.0.0.10 be\nfe2 feb\n10.0.0.12 be CLUSTER_PASSWORD=hunter2\n",
        "WAIT_TIMEOUT=never\nhunter3\nMYSQL_PWD=hunter4\n",
    );
    let run = dir.init(&[]);
    assert_eq!((run.code, run.out.as_str()), (78, ""), "{run:?}");
    for words in [
        "error: hosts.txt cannot be used\n",
        "\n  FE_QUERY_PORT: `90x0` is not a port (1–65535), set in hosts.txt, line 1\n",
        "\n  WAIT_TIMEOUT: `never` ",
        "\n  MYSQL_PWD: is a secret",
        "\n  app.env: line 2 has no `=`",
        "\n  hosts.txt: line 2: 10.0.0.10 is on line 1 already",
        "\n  hosts.txt: line 3: `feb` is no kind",
        "\n  hosts.txt: line 4: CLUSTER_PASSWORD is a secret",
        "\nhint: correct these lines and run it again; nothing was written",
    ] {
        assert!(run.err.contains(words), "{words}\n{}", run.err);
    }
    // What is wrong for all hosts is said once.
    assert_eq!(run.err.matches("`never`").count(), 1, "{}", run.err);
    assert!(!run.err.contains("hunter"), "{}", run.err);
    assert!(!dir.path("cluster").exists());

    // What follows from the one thing that is wrong is not said beside it.
    dir.write("app.env", "WAIT_TIMEOUT=never\n");
    dir.write("hosts.txt", "10.0.0.10 observer,be\n");
    let run = dir.init(&[]);
    assert_eq!(run.err.matches("\n  ").count(), 2, "{}", run.err);

    fs::remove_file(dir.path("hosts.txt")).unwrap();
    let run = dir.init(&[]);
    assert_eq!(run.code, 78);
    assert!(
        run.err.starts_with("error: cannot read hosts.txt: No such file"),
        "{run:?}"
    );
}

#[test]
fn a_place_that_cannot_be_written_is_73_and_a_file_of_somebody_else_stays_unless_forced() {
    let dir = Dir::new("10.0.0.10 fe\n", "");
    let run = dir.init_into("/proc/cluster", &[]);
    assert_eq!((run.code, run.out.as_str()), (73, ""), "{run:?}");
    dir.write("file", "");
    let run = dir.init_into("file", &[]);
    assert_eq!(run.code, 73, "{run:?}");

    fs::create_dir_all(dir.path("cluster/10.0.0.10")).unwrap();
    dir.write("cluster/10.0.0.10/compose.yaml", "services: {}\n");
    let run = dir.init(&[]);
    assert_eq!(run.code, 73, "{run:?}");
    assert!(
        run.err
            .contains("cannot overwrite cluster/10.0.0.10/compose.yaml"),
        "{run:?}"
    );
    assert_eq!(dir.files().len(), 1);
    let run = dir.init(&["--force"]);
    assert_eq!(run.code, 0, "{run:?}");
    let kept = dir
        .files()
        .remove("10.0.0.10/compose.yaml.before-muster")
        .unwrap();
    assert_eq!(kept.text, "services: {}\n");
}

/// Docker Compose 1.29 understands the files, and makes of a service what it makes of the one in compose/.
#[test]
fn a_compose_file_means_what_the_one_in_the_tree_means() {
    let version = Command::new("docker-compose").arg("version").output();
    if !version.is_ok_and(|output| output.status.success()) {
        assert!(std::env::var_os("CI").is_none(), "CI has docker-compose");
        return;
    }
    let ha = tempfile::tempdir().unwrap();
    let tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("compose/starrocks-ha");
    for name in ["compose.yaml", "app.env"] {
        fs::copy(tree.join(name), ha.path().join(name)).unwrap();
    }
    let theirs = services(ha.path());
    let dir = Dir::new("10.0.0.10 fe,be\n", "");
    assert_eq!(dir.init(&[]).code, 0);
    let ours = services(&dir.path("cluster/10.0.0.10"));
    assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>());
    for (service, keys) in &theirs {
        for key in [
            "healthcheck",
            "image",
            "logging",
            "network_mode",
            "restart",
            "stop_grace_period",
            "ulimits",
        ] {
            assert!(keys.contains_key(key), "{service}: {key}");
            assert_eq!(ours[service].get(key), keys.get(key), "{service}: {key}");
        }
    }
    // Every kind, of both engines.
    for engine in ENGINES {
        for host in ["2001-db8--13", "10.0.0.14"] {
            let services = services(&lists(engine).join("cluster").join(host));
            for keys in services.values() {
                assert!(keys["environment"].contains("ROOT_PASSWORD_FILE"), "{keys:?}");
                assert!(keys["volumes"].contains("root-password"), "{keys:?}");
            }
        }
    }
}

/// The services of a compose file as docker-compose prints them: the text of each key.
fn services(dir: &Path) -> BTreeMap<String, BTreeMap<String, String>> {
    let output = Command::new("docker-compose")
        .arg("config")
        .current_dir(dir)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}: {output:?}", dir.display());
    let text = String::from_utf8(output.stdout).unwrap();
    let mut found: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
    let (mut inside, mut service, mut key) = (false, String::new(), String::new());
    for line in text.lines() {
        let depth = line.len() - line.trim_start().len();
        let name = line.trim().split(':').next().unwrap().to_owned();
        match depth {
            0 => inside = line == "services:",
            2 if inside => service = name,
            _ if inside => {
                if depth == 4 && !line.trim_start().starts_with('-') {
                    key = name;
                }
                let keys = found.entry(service.clone()).or_default();
                keys.entry(key.clone()).or_default().extend([
                    line, "
",
                ]);
            }
            _ => {}
        }
    }
    found
}

/// The loops of docs/reference.md as they stand there, with programs that say what they were called with.
#[test]
fn the_loops_of_the_reference_reach_every_host_with_its_own_directory() {
    let reference = include_str!("../../docs/reference.md");
    let (_, section) = reference.split_once("\n### A list of hosts\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let loops: Vec<&str> = section
        .split("```sh\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    let dir = Dir::of("starrocks");
    assert_eq!(dir.init(&[]).code, 0);
    for (name, script) in [
        (
            "docker",
            "echo \"docker $* in ${PWD##*/}: $(ls -m)\" >>\"$LOG\"\ncase $* in *--services) echo b; echo a ;; esac\n",
        ),
        (
            "ssh",
            "mkdir -p \"$REMOTE/$1\"\ncd \"$REMOTE/$1\"\nexec sh -c \"$2\"\n",
        ),
        (
            "ansible",
            "echo \"ansible $*: $(paste -sd, inventory)\" >>\"$LOG\"\n",
        ),
    ] {
        let path = dir.path("bin").join(name);
        fs::create_dir_all(dir.path("bin")).unwrap();
        fs::write(&path, format!("#!/bin/sh\n{script}")).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let hosts = ["10.0.0.10", "10.0.0.11", "10.0.0.12", "10.0.0.14", "2001-db8--13"];
    let said: Vec<String> = loops
        .iter()
        .map(|lines| {
            drop(fs::remove_file(dir.path("log")));
            let done = Command::new("bash")
                .args(["-euo", "pipefail", "-c", lines])
                .current_dir(dir.0.path())
                .env(
                    "PATH",
                    format!("{}:{}", dir.path("bin").display(), std::env::var("PATH").unwrap()),
                )
                .env("LOG", dir.path("log"))
                .env("REMOTE", dir.path("remote"))
                .output()
                .unwrap();
            assert!(done.status.success(), "{lines}\n{done:?}");
            fs::read_to_string(dir.path("log")).unwrap()
        })
        .collect();
    let [contexts, ssh, ansible, one_by_one] = said.as_slice() else {
        panic!("{} loops", said.len())
    };
    for host in hosts {
        let up = format!("docker --context {host} compose --file cluster/{host}/compose.yaml up -d in ");
        assert!(contexts.contains(&up), "{contexts}");
        assert!(files(&dir.path("remote").join(host).join("muster")).contains_key("compose.yaml"));
        let compose = format!("docker --context {host} compose --file cluster/{host}/compose.yaml");
        let ask = format!("{compose} exec -T a muster may-stop --wait --timeout 30m in ");
        let (_, after) = one_by_one
            .split_once(&ask)
            .unwrap_or_else(|| panic!("{one_by_one}"));
        assert!(
            after
                .lines()
                .nth(1)
                .unwrap()
                .starts_with(&format!("{compose} up -d a in ")),
            "{after}"
        );
    }
    assert_eq!(
        ssh.matches("docker compose up -d in muster: compose.yaml, firewall.nft, ")
            .count(),
        5,
        "{ssh}"
    );
    assert_eq!(ansible.matches(&hosts.join(",")).count(), 2, "{ansible}");
}

#[test]
fn nft_takes_the_firewall_of_every_host() {
    let Some(_world) = World::enter(hosts::this_test!()).unwrap() else {
        return;
    };
    for engine in ENGINES {
        let cluster = lists(engine).join("cluster");
        let firewalls: Vec<PathBuf> = files(&cluster)
            .keys()
            .filter(|name| name.ends_with("/firewall.nft"))
            .map(|name| cluster.join(name))
            .collect();
        assert_eq!(firewalls.len(), 5);
        for path in firewalls {
            // Twice: it takes the place of what it has loaded before.
            for _ in 0..2 {
                let output = Command::new("nft").arg("-f").arg(&path).output().unwrap();
                assert!(output.status.success(), "{}: {output:?}", path.display());
            }
        }
    }
}
