//! The facts as a whole: the precedence of the sources of a path.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

use super::fixture::{grow, home, one_engine, other_engine, settings, tree};
use super::pidfile::PidFileState;
use super::record::{FirstSteps, Progress, Record, RecordCopy};
use super::{DataFacts, Facts, gather};
use crate::engine::{Component, PortName};
use crate::settings::{ConfRequest, Host, Settings, Source, Sourced};

fn request(settings: &mut Settings, component: Component, key: &str, value: &str) {
    let mut wishes = settings.conf.remove(&component).unwrap_or_default();
    wishes.push(ConfRequest {
        key: key.to_owned(),
        value: value.to_owned(),
        source: Source::Environment("META_DIR".to_owned()),
    });
    settings.conf.insert(component, wishes);
}

fn record(port: u16) -> Record {
    Record {
        engine: one_engine(),
        component: Component::Fe,
        role: "seed".to_owned(),
        host: Host::parse("127.0.0.1").unwrap(),
        ports: BTreeMap::from([(PortName::EditLog, port)]),
        cluster_id: None,
        members: Vec::new(),
        progress: Progress::Founding,
        first_steps: Some(FirstSteps::default()),
        lost: false,
    }
}

fn fe_dir(facts: &Facts) -> &Path {
    match &facts.data {
        DataFacts::Fe(data) => &data.place.path,
        other => panic!("no FE data: {other:?}"),
    }
}

#[test]
fn the_data_dir_is_the_one_the_engine_will_use() {
    let engine = one_engine();
    let layout = engine.layout(Component::Fe).unwrap();
    let key = layout.data.as_ref().unwrap().key;
    let in_home = format!("{key} = ${{{}}}/other\n", engine.home_variable);
    let ours = format!("# >>> muster\n{key} = /from/an/earlier/request\n# <<< muster\n");
    let empty = format!("{key} =\n");
    // The conf file, a request, the data dir below the home.
    let table = [
        ("", None, layout.data.as_ref().unwrap().default),
        (in_home.as_str(), None, "other"),
        (ours.as_str(), None, layout.data.as_ref().unwrap().default),
        (empty.as_str(), None, layout.data.as_ref().unwrap().default),
        (in_home.as_str(), Some("requested"), "requested"),
    ];
    for (conf, requested, expected) in table {
        let root = tree(&[(&format!("home/{}", layout.conf), conf)]);
        let home = home(&root.path().join("home"), Component::Fe);
        let mut settings = settings();
        if let Some(value) = requested {
            request(&mut settings, Component::Fe, key, value);
        }
        let facts = gather(&settings, home, root.path());
        assert_eq!(
            fe_dir(&facts),
            root.path().join("home").join(expected),
            "{conf:?} {requested:?}"
        );
    }
}

/// "255, `Unable to create tempDir`, after becoming master".
#[test]
fn the_dir_for_temporary_files_is_checked_unless_java_uses_another() {
    let moved = "JAVA_OPTS_FOR_JDK_17=\"-Xmx1g -Djava.io.tmpdir=/meta/tmp\"\n";
    let table = [("", true, None), ("", false, Some("tmp")), (moved, false, None)];
    for (conf, exists, expected) in table {
        let layout = other_engine().layout(Component::Fe).unwrap();
        let conf_path = format!("home/{}", layout.conf);
        let mut files = vec![(conf_path.as_str(), conf)];
        files.extend(exists.then_some(("tmp/", "")));
        let root = tree(&files);
        let mut home = home(&root.path().join("home"), Component::Fe);
        let facts = gather(&settings(), home.clone(), root.path());
        assert_eq!(facts.unwritable_temp, None, "an engine that needs none");
        home.engine = other_engine();
        home.layout = layout;
        let facts = gather(&settings(), home, root.path());
        let dir = facts.unwritable_temp.map(|(dir, _)| dir);
        assert_eq!(dir, expected.map(|dir| root.path().join(dir)), "{conf}");
    }
}

#[test]
fn last_words_are_looked_for_wherever_the_engine_may_log() {
    let layout = one_engine().layout(Component::Fe).unwrap();
    let home_variable = one_engine().home_variable;
    let table = [
        (String::new(), None, vec!["home/log"]),
        (
            "LOG_DIR = /logs\nsys_log_dir = ${LOG_DIR}\n".to_owned(),
            None,
            vec!["home/log", "/logs"],
        ),
        (
            format!("sys_log_dir = ${{{home_variable}}}/log\n"),
            None,
            vec!["home/log"],
        ),
        (
            "sys_log_dir = /old\n".to_owned(),
            Some(("sys_log_dir", "/requested")),
            vec!["home/log", "/requested"],
        ),
    ];
    for (conf, requested, expected) in table {
        let root = tree(&[(&format!("home/{}", layout.conf), conf.as_str())]);
        let mut settings = settings();
        if let Some((key, value)) = requested {
            request(&mut settings, Component::Fe, key, value);
        }
        let facts = gather(
            &settings,
            home(&root.path().join("home"), Component::Fe),
            root.path(),
        );
        let expected: Vec<_> = expected.iter().map(|dir| root.path().join(dir)).collect();
        assert_eq!(facts.log_dirs, expected, "{conf}");
    }
}

#[test]
fn a_data_dir_that_cannot_be_told_says_which_variable_it_lacks() {
    let root = tree(&[("home/conf/", "")]);
    let mut settings = settings();
    let key = one_engine()
        .layout(Component::Fe)
        .unwrap()
        .data
        .as_ref()
        .unwrap()
        .key;
    request(&mut settings, Component::Fe, key, "${NOPE}/meta");
    let facts = gather(
        &settings,
        home(&root.path().join("home"), Component::Fe),
        root.path(),
    );
    assert!(matches!(
        facts.data,
        DataFacts::Unresolved { problem, source: Source::Environment(name) } if problem.variable == "NOPE" && name == "META_DIR"
    ));
}

#[test]
fn both_copies_of_the_record_are_read_and_the_state_dir_can_be_elsewhere() {
    let layout = one_engine().layout(Component::Fe).unwrap();
    let (inside, beside) = (record(9011).to_json(), record(9012).to_json());
    let root = tree(&[
        (
            &format!("home/{}/muster.json", layout.data.as_ref().unwrap().default),
            &inside,
        ),
        ("home/conf/muster-fe.json", &beside),
        ("state/", ""),
    ]);
    let home = home(&root.path().join("home"), Component::Fe);
    let mut settings = settings();
    let records = gather(&settings, home.clone(), root.path()).records;
    assert_eq!(records.data, RecordCopy::Present(record(9011)));
    assert_eq!(records.state, RecordCopy::Present(record(9012)));

    settings.image.state_dir = Some(Sourced {
        value: root.path().join("state"),
        source: Source::Environment("STATE_DIR".to_owned()),
    });
    let records = gather(&settings, home, root.path()).records;
    assert_eq!(records.state, RecordCopy::Missing);
    assert_eq!(records.state_path, root.path().join("state/muster-fe.json"));
    assert_eq!(records.state_dir.unwritable, None);
}

#[test]
fn every_storage_path_is_looked_at_and_a_new_disk_in_front_hides_no_record() {
    let layout = one_engine().layout(Component::Be).unwrap();
    let text = record(9050).to_json();
    let root = tree(&[
        ("new/", ""),
        ("old/muster.json", &text),
        ("old/cluster_id", "147889237"),
    ]);
    let list = format!(
        "{} = {root}/new,medium:SSD;{root}/old\n",
        layout.data.as_ref().unwrap().key,
        root = root.path().display()
    );
    grow(root.path(), &[(&format!("home/{}", layout.conf), &list)]);
    let facts = gather(
        &settings(),
        home(&root.path().join("home"), Component::Be),
        root.path(),
    );
    let DataFacts::Storage(paths) = &facts.data else {
        panic!("no storage: {:?}", facts.data);
    };
    assert_eq!(
        paths.iter().map(|path| path.empty).collect::<Vec<_>>(),
        [true, false]
    );
    assert_eq!(facts.records.data, RecordCopy::Present(record(9050)));
}

#[test]
fn a_damaged_record_on_one_disk_is_not_passed_over() {
    let layout = one_engine().layout(Component::Be).unwrap();
    let root = tree(&[("a/", ""), ("b/muster.json", "")]);
    let list = format!(
        "{} = {root}/a;{root}/b\n",
        layout.data.as_ref().unwrap().key,
        root = root.path().display()
    );
    grow(root.path(), &[(&format!("home/{}", layout.conf), &list)]);
    let facts = gather(
        &settings(),
        home(&root.path().join("home"), Component::Be),
        root.path(),
    );
    assert!(matches!(facts.records.data, RecordCopy::Unreadable { .. }));
}

/// A script with its own `PID_DIR` writes there, and a stale file would stop it there.
#[test]
fn the_pid_file_is_looked_for_where_the_script_writes_it() {
    let layout = one_engine().layout(Component::Fe).unwrap();
    let name = Path::new(layout.pid_file).file_name().unwrap().to_str().unwrap();
    let root = tree(&[
        (&format!("home/{}", layout.conf), "PID_DIR = run\n"),
        (&format!("home/{}", layout.pid_file), "1"),
        (&format!("home/run/{name}"), "42"),
    ]);
    let facts = gather(
        &settings(),
        home(&root.path().join("home"), Component::Fe),
        root.path(),
    );
    assert_eq!(facts.pid_file.path, root.path().join("home/run").join(name));
    assert_eq!(facts.pid_file.state, PidFileState::Dead { pid: 42 });
}

#[test]
fn every_number_somebody_named_for_a_port_is_tried() {
    let engine = one_engine();
    let layout = engine.layout(Component::Fe).unwrap();
    let held: Vec<TcpListener> = (0..3)
        .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap())
        .collect();
    let numbers: Vec<u16> = held
        .iter()
        .map(|socket| socket.local_addr().unwrap().port())
        .collect();
    let [requested, in_conf, recorded] = numbers[..] else {
        unreachable!();
    };
    let conf_key = engine.port(Component::Fe, PortName::Query).unwrap().conf_key;
    let root = tree(&[
        (
            &format!("home/{}", layout.conf),
            &format!("{conf_key} = {in_conf}\n"),
        ),
        ("home/conf/muster-fe.json", &record(recorded).to_json()),
    ]);
    let mut settings = settings();
    settings.ports.insert(
        PortName::Http,
        Sourced {
            value: requested,
            source: Source::Environment("HTTP_PORT".to_owned()),
        },
    );
    let facts = gather(
        &settings,
        home(&root.path().join("home"), Component::Fe),
        root.path(),
    );
    for number in numbers {
        assert!(facts.ports.bind_refused.contains_key(&number), "{number}");
    }
}
