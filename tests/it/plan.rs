//! Settings, files and record in, plan out: `muster explain` over `tests/cases/`. A case is a directory with what a
//! person would have (`env`, `conf`, a `record.json`, the `data` dir, a mounted `folder`, a `hosts` file, the second conf file
//! as `custom`, the `script` where another one is installed, the `release` file of a JDK, the `version` in the engine's jar, the only `addresses` of the machine,
//! the `command` of the container) and the plan that follows (`plan.txt`). The engine is the first word of its name; `all` in
//! `home` is an image with an FE and a BE.
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

/// Gives the machine the names of a hosts file, whose first line, `# hostname`, is the machine's own, and the addresses of
/// another file.
const MACHINE: &str = r#"
    PATH=/usr/sbin:/usr/bin:/sbin:/bin
    hosts=$1 addresses=$2; shift 2
    if [ -e "$hosts" ]; then
        mount --bind "$hosts" /etc/hosts
        read -r _ name <"$hosts"
        hostname "$name"
    fi
    if [ -e "$addresses" ]; then
        ip link set lo up
        while read -r address; do ip address add "$address" dev lo; done <"$addresses"
    fi
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
    let all = component.trim() == "all";
    let component = if all { "fe" } else { component.trim() };
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
        // The JDK chooses the line of options.
        _ => "--helper|--console) ;; org.apache.doris.broker) ;; esac\ncase $JAVA_OPTS_FOR_JDK_17 in none",
    };
    let home = root.path().join(component);
    for dir in ["bin", "conf", "lib"] {
        fs::create_dir_all(home.join(dir)).unwrap();
    }
    let text =
        fs::read_to_string(case.join("script")).unwrap_or_else(|_| format!("case $1 in {knows}) ;; esac\n"));
    for script in scripts {
        let path = home.join("bin").join(script);
        fs::write(&path, format!("#!/bin/bash\n{text}")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let version = fs::read_to_string(case.join("version")).unwrap_or_default();
    let jar = if version.is_empty() {
        Vec::new()
    } else {
        jar(version.trim())
    };
    fs::write(home.join("lib").join(mark), jar).unwrap();
    if all {
        // The home of the other one, with the same conf.
        let other = root.path().join("be");
        copy(&home, &other);
        fs::rename(other.join("bin/start_fe.sh"), other.join("bin/start_be.sh")).unwrap();
        fs::rename(other.join("lib").join(mark), other.join("lib/doris_be")).unwrap();
        fs::copy(case.join("conf"), other.join("conf/be.conf")).unwrap();
    }
    let env = fs::read_to_string(case.join("env")).unwrap();
    let is_cn = env.contains("COMPONENT=cn");
    let kind = if is_cn { "cn" } else { component };
    // A compute node of one engine reads the conf of a BE.
    let conf = if engine == "starrocks" { kind } else { component };
    fs::copy(case.join("conf"), home.join(format!("conf/{conf}.conf"))).unwrap();
    copy(&case.join("data"), &home.join(data));
    copy(&case.join("folder"), &root.path().join("folder"));
    for (file, place) in [
        ("custom", format!("{component}/conf/{component}_custom.conf")),
        ("release", "java/release".to_owned()),
    ] {
        let place = root.path().join(place);
        if case.join(file).exists() {
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            fs::copy(case.join(file), place).unwrap();
        }
    }
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
    let given = if all { root.path() } else { &home };
    let output = muster(case, given)
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
            || line.contains(" is above the memory ")
            || line.contains("SKIP_CHECK_ULIMIT")
    };
    // Nor is the time of a line of the log.
    let timeless = |line: &str| match serde_json::from_str::<serde_json::Value>(line) {
        Ok(entry) => format!(
            "log: {}\n",
            entry.get("message").and_then(|message| message.as_str()).unwrap()
        ),
        Err(_) => line.to_owned(),
    };
    let lines = text.split_inclusive('\n').filter(|line| !of_machine(line));
    let text: String = lines.map(timeless).collect();
    format!("{text}exit code {}\n", output.status.code().unwrap())
}

/// `muster explain`, on a machine and in a container as the case has them.
fn muster(case: &Path, home: &Path) -> Command {
    let [hosts, addresses, command] = ["hosts", "addresses", "command"].map(|file| case.join(file));
    let mut muster = Command::new(env!("CARGO_BIN_EXE_muster"));
    let explain = ["explain", "--home", home.to_str().unwrap()];
    if [&hosts, &addresses, &command].iter().all(|file| !file.exists()) {
        muster.args(explain);
        return muster;
    }
    muster = Command::new("unshare");
    muster.args(hosts.exists().then_some("--uts"));
    muster.args(addresses.exists().then_some("--net"));
    let command = fs::read_to_string(&command).ok();
    muster.args(command.iter().flat_map(|_| ["--pid", "--fork", "--mount-proc"]));
    muster.args(["--mount", "sh", "-c", MACHINE, "sh"]);
    muster.arg(&hosts).arg(&addresses);
    let binary = env!("CARGO_BIN_EXE_muster");
    match &command {
        // What `docker exec` finds: PID 1 has the words of the command.
        Some(words) => {
            let text = format!("{binary} {}; exit $?", explain.join(" "));
            muster.args(["/bin/sh", "-c", &text, "muster", "run"]);
            muster.args(words.replace("<home>", home.to_str().unwrap()).split_whitespace());
        }
        None => {
            muster.arg(binary).args(explain);
        }
    }
    muster
}

/// A jar with the class that holds this version as a constant, not compressed.
fn jar(version: &str) -> Vec<u8> {
    let text = |text: &str| [&[1, 0, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    let class = [vec![0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 52, 0, 2], text(version)].concat();
    let name = "org/apache/doris/common/Version.class";
    let long = |number: usize| u32::try_from(number).unwrap().to_le_bytes();
    let lengths = [
        &[0; 12],
        &long(class.len())[..],
        &long(class.len()),
        &[u8::try_from(name.len()).unwrap(), 0, 0, 0],
    ]
    .concat();
    let local = [b"PK\x03\x04\x14\0", &lengths[..], name.as_bytes(), &class].concat();
    let directory = [b"PK\x01\x02\x14\0\x14\0", &lengths[..], &[0; 14], name.as_bytes()].concat();
    let end = [
        b"PK\x05\x06",
        &[0; 8][..],
        &long(directory.len()),
        &long(local.len()),
        &[0; 2],
    ]
    .concat();
    [local, directory, end].concat()
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
