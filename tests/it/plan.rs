//! Settings, files and record in, plan out: `muster explain` over `tests/cases/`. A case is a directory with what a
//! person would have (`env`, `conf`, a `record.json`, the `data` dir, a mounted `folder`, a `hosts` file, the second conf file
//! as `custom`, the `script` where another one is installed) and the plan that follows (`plan.txt`). The engine is the first
//! word of its name.
//! `UPDATE_CASES=1 cargo test --test it plan` writes the plans anew; read the difference before you commit it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(
    clippy::disallowed_methods,
    reason = "the switch of the person who runs the test"
)]

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use hosts::World;

/// Gives the machine the names of a hosts file. Its first line, `# hostname`, is the machine's own.
const NAMED: &str = r#"
    PATH=/usr/sbin:/usr/bin:/sbin:/bin
    hosts=$1; shift
    mount --bind "$hosts" /etc/hosts
    read -r _ name <"$hosts"
    hostname "$name"
    unset PATH
    exec "$@"
"#;

/// Addresses that cases give to `LOCAL_HOST`.
const OWN: [&str; 3] = ["10.0.0.11/32", "10.0.0.12/32", "192.168.1.11/32"];

#[test]
fn every_case_leads_to_its_plan() {
    // A network of our own: the addresses are there, and no port is taken by a stranger.
    let Some(_world) = World::enter(hosts::this_test!()).unwrap() else {
        return;
    };
    for address in OWN {
        let added = Command::new("ip")
            .args(["address", "add", address, "dev", "lo"])
            .status()
            .unwrap();
        assert!(added.success());
    }
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut cases: Vec<PathBuf> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    cases.sort();
    assert!(cases.len() > 20, "the cases are gone");
    let mut wrong = String::new();
    for case in cases {
        let plan = explain(&case);
        // The same inputs give the same bytes.
        assert_eq!(plan, explain(&case), "{}", case.display());
        let expected = case.join("plan.txt");
        if std::env::var_os("UPDATE_CASES").is_some() {
            fs::write(&expected, &plan).unwrap();
        } else if fs::read_to_string(&expected).unwrap_or_default() != plan {
            write!(wrong, "{}:\n{plan}\n", case.display()).unwrap();
        }
    }
    assert!(wrong.is_empty(), "plans that differ from plan.txt:\n{wrong}");
}

/// Lays the case out as a home, runs `muster explain` with exactly its variables, and gives what it said and its code.
fn explain(case: &Path) -> String {
    let root = tempfile::tempdir().unwrap();
    let component = fs::read_to_string(case.join("home")).unwrap_or_else(|_| "fe".to_owned());
    let component = component.trim();
    let home = root.path().join(component);
    for dir in ["bin", "conf", "lib"] {
        fs::create_dir_all(home.join(dir)).unwrap();
    }
    let name = case.file_name().unwrap().to_str().unwrap();
    let (engine, _) = name.split_once('-').unwrap();
    let (scripts, mark, data): (&[&str], _, _) = match (engine, component) {
        ("starrocks", "fe") => (&["start_fe.sh"], "starrocks-fe.jar", "meta"),
        ("starrocks", "be") => (&["start_be.sh", "start_cn.sh"], "starrocks_be", "storage"),
        (_, "fe") => (&["start_fe.sh"], "doris-fe.jar", "doris-meta"),
        (_, "be") => (&["start_be.sh"], "doris_be", "storage"),
        (_, _) => (&["start_broker.sh"], "apache_hdfs_broker.jar", "no data"),
    };
    let knows = match engine {
        "starrocks" => "--host_type|--helper|--logconsole) ;; com.starrocks.broker",
        _ => "--helper|--console) ;; org.apache.doris.broker",
    };
    let text =
        fs::read_to_string(case.join("script")).unwrap_or_else(|_| format!("case $1 in {knows}) ;; esac\n"));
    for script in scripts {
        let path = home.join("bin").join(script);
        fs::write(&path, format!("#!/bin/bash\n{text}")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    fs::write(home.join("lib").join(mark), "").unwrap();
    let env = fs::read_to_string(case.join("env")).unwrap();
    let is_cn = env.contains("COMPONENT=cn");
    let kind = if is_cn { "cn" } else { component };
    // A compute node of one engine reads the conf of a BE.
    let conf = if engine == "starrocks" { kind } else { component };
    fs::copy(case.join("conf"), home.join(format!("conf/{conf}.conf"))).unwrap();
    if case.join("custom").exists() {
        fs::copy(case.join("custom"), home.join(format!("conf/{conf}_custom.conf"))).unwrap();
    }
    copy(&case.join("data"), &home.join(data));
    copy(&case.join("folder"), &root.path().join("folder"));
    let here = root.path().display().to_string();
    let env = env.replace("<here>", &here);
    if case.join("record.json").exists() {
        fs::copy(
            case.join("record.json"),
            home.join(format!("conf/muster-{}.json", kind.rsplit('_').next().unwrap())),
        )
        .unwrap();
        if case.join("record-beside-data").exists() {
            fs::copy(case.join("record.json"), home.join(data).join("muster.json")).unwrap();
        }
    }
    // The names of this machine, where they matter.
    let hosts = case.join("hosts");
    let mut muster = Command::new(env!("CARGO_BIN_EXE_muster"));
    if hosts.exists() {
        muster = Command::new("unshare");
        muster.args(["--uts", "--mount", "sh", "-c", NAMED, "sh"]);
        muster.arg(&hosts).arg(env!("CARGO_BIN_EXE_muster"));
    }
    let output = muster
        .arg("explain")
        .arg("--home")
        .arg(&home)
        .env_clear()
        .envs(env.lines().filter_map(|line| line.split_once('=')))
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8(text)
        .unwrap()
        .replace(&home.display().to_string(), "<home>")
        .replace(&here, "<here>");
    // What the machine of the test gives is no part of a case.
    let of_machine = |line: &&str| {
        line.contains(" is on no volume: ")
            || line.contains(" is above the memory limit ")
            || line.contains("SKIP_CHECK_ULIMIT")
    };
    let lines: Vec<&str> = text
        .split_inclusive('\n')
        .filter(|line| !of_machine(line))
        .collect();
    let text = lines.concat();
    format!("{text}exit code {}\n", output.status.code().unwrap())
}

fn copy(from: &Path, to: &Path) {
    let Ok(entries) = fs::read_dir(from) else { return };
    fs::create_dir_all(to).unwrap();
    for entry in entries {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}
