//! PID 1 and its companion: whatever happens to the companion, the engine runs on, and PID 1 hears a stop request.

use std::fs;
use std::process::Command;

use crate::support::whole::{ENGINE, Running, Whole};
use crate::support::{Place, eventually, send, send_if_there};

const HUP: i32 = 1;
const INT: i32 = 2;
const QUIT: i32 = 3;
const ABRT: i32 = 6;
const KILL: i32 = 9;
const USR1: i32 = 10;
const TERM: i32 = 15;
const STOP: i32 = 19;

/// The companion, by its number outside the namespace.
fn companion(muster: i32) -> Option<i32> {
    let children = fs::read_to_string(format!("/proc/{muster}/task/{muster}/children")).ok()?;
    children
        .split_whitespace()
        .filter_map(|pid| pid.parse().ok())
        .find(|pid: &i32| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.split(|byte| *byte == 0).nth(1) == Some(b"companion")
        })
}

fn companion_of(run: &Running) -> i32 {
    let muster = run.muster();
    eventually("the companion runs", || companion(muster))
}

/// A follower whose seed is nowhere: it waits for a leader.
fn waiting(place: &Place) -> Whole {
    Whole::new(place, ENGINE)
        .env("MASTER_HOST", "127.0.0.2")
        .env("LOCAL_HOST", "127.0.0.3")
}

fn says(whole: &Whole, text: &str) {
    eventually(text, || whole.said().contains(text).then_some(()));
}

fn is_up(whole: &Whole, run: &mut Running) {
    eventually("the engine is up", || {
        assert_eq!(run.ended(), None, "{}", whole.said());
        whole.has("up").then_some(())
    });
}

#[test]
fn a_companion_that_dies_before_the_start_costs_one_sentence_and_is_started_again() {
    for (signal, words) in [(ABRT, "134 (SIGABRT)"), (KILL, "137 (SIGKILL)")] {
        let place = Place::new();
        let whole = waiting(&place);
        let Some(mut run) = whole.start() else { return };
        says(&whole, "waiting: ");
        let first = companion_of(&run);
        send(first, signal);
        says(
            &whole,
            &format!("the companion ended with {words} before the engine was started: starting it again in"),
        );
        eventually("another one waits", || {
            companion(run.muster()).filter(|pid| *pid != first)?;
            (whole.said().matches("waiting: ").count() == 2).then_some(())
        });
        assert_eq!(run.ended(), None, "{}", whole.said());
        run.signal(TERM);
        assert_eq!(run.end(), 0, "{}", whole.said());
        assert!(!whole.has("up"));
    }
}

/// A driver that aborts each time: after `WAIT_TIMEOUT` the container ends with a message.
#[test]
fn companions_that_keep_dying_end_the_container_after_the_timeout() {
    let place = Place::new();
    let whole = waiting(&place).env("WAIT_TIMEOUT", "1s");
    let Some(mut run) = whole.start() else { return };
    let muster = run.muster();
    let code = eventually("it has given up", || {
        if let Some(pid) = companion(muster) {
            send_if_there(pid, ABRT);
        }
        run.ended()
    });
    assert_eq!(code, 70, "{}", whole.said());
    assert!(
        whole.said().contains("WAIT_TIMEOUT (1 s) is over"),
        "{}",
        whole.said()
    );
}

#[test]
fn a_companion_that_dies_beside_an_engine_is_said_once_and_changes_nothing() {
    for signal in [ABRT, KILL] {
        let place = Place::new();
        let whole = Whole::new(&place, ENGINE);
        let Some(mut run) = whole.start() else { return };
        is_up(&whole, &mut run);
        send(companion_of(&run), signal);
        says(
            &whole,
            "the engine runs on, and the companion is started again in 60 s",
        );
        // PID 1 is as it was: signals are passed on, the data is locked, and the stop is clean.
        run.signal(USR1);
        eventually("a signal comes through", || whole.has("heard").then_some(()));
        let other = Place::new();
        let second = Whole::new(&other, ENGINE).env("META_DIR", whole.home.join("meta").to_str().unwrap());
        let mut refused = second.start().unwrap();
        assert_eq!(refused.end(), 79, "{}", second.said());
        run.signal(TERM);
        assert_eq!(run.end(), 0, "{}", whole.said());
        assert_eq!(whole.read("mark"), "clean\n");
        assert_eq!(whole.said().matches("the companion ended").count(), 1);
    }
}

#[test]
fn a_stop_request_is_heard_while_the_companion_waits_for_a_leader() {
    for signal in [HUP, INT, QUIT, TERM] {
        let place = Place::new();
        let whole = waiting(&place);
        let Some(mut run) = whole.start() else { return };
        says(&whole, "waiting: ");
        run.signal(USR1);
        run.signal(signal);
        assert_eq!(run.end(), 0, "{}", whole.said());
        assert!(!whole.has("up"), "{}", whole.said());
    }
}

/// As it does in a file system that does not answer.
#[test]
fn a_stop_request_is_heard_while_the_companion_hangs() {
    let place = Place::new();
    let whole = waiting(&place);
    let Some(mut run) = whole.start() else { return };
    says(&whole, "waiting: ");
    send(companion_of(&run), STOP);
    run.signal(TERM);
    assert_eq!(run.end(), 0, "{}", whole.said());
    assert!(!whole.has("up"));
}

/// To open a pipe waits for somebody who writes into it: the start waited as long.
#[test]
fn a_pipe_in_the_place_of_a_file_ends_the_start_with_its_path() {
    const SENTENCE: &str = ": it is a pipe; put a regular file there";
    for (file, code) in [
        ("conf/fe.conf", 78),
        ("meta/image/ROLE", 79),
        ("meta/image/VERSION", 79),
        ("meta/bdb/je.info.0", 79),
        ("meta/muster.json", 79),
        ("state/muster-fe.json", 79),
    ] {
        let place = Place::new();
        let whole = Whole::new(&place, ENGINE).env("STATE_DIR", place.path("home/state").to_str().unwrap());
        let path = whole.home.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        drop(fs::remove_file(&path));
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        let Some(mut run) = whole.start() else { return };
        assert_eq!(run.end(), code, "{file}: {}", whole.said());
        let said = whole.said();
        let line = said.lines().find(|line| line.starts_with("error: "));
        assert!(
            line.is_some_and(|line| line.contains(file) && line.contains(SENTENCE)),
            "{said}"
        );
    }
}

/// PID 1 waited in a line of its own log, and the container could only be killed.
#[test]
fn a_log_that_is_full_and_that_nobody_reads_holds_up_neither_a_start_nor_a_stop() {
    let place = Place::new();
    let fifo = place.path("log");
    let fifo = fifo.to_str().unwrap();
    let whole = Whole::new(&place, ENGINE).after(&format!(
        "mkfifo {fifo}; exec 2<>{fifo}; head -c 65536 /dev/zero >&2;"
    ));
    let Some(mut run) = whole.start() else { return };
    is_up(&whole, &mut run);
    run.signal(TERM);
    assert_eq!(run.end(), 0);
    assert_eq!(whole.read("mark"), "clean\n");
}

/// An address of its own, and a process that takes every question and answers none, as a name server and as the MySQL port of 127.0.0.2.
const DEAF: &str = "ip address add 10.9.9.9/32 dev lo; perl -MIO::Socket::INET -e '\
    $u = IO::Socket::INET->new(Proto => \"udp\", LocalAddr => \"127.0.0.1\", LocalPort => 53) or die; \
    $t = IO::Socket::INET->new(LocalAddr => \"127.0.0.2\", LocalPort => 9030, Listen => 50) or die; \
    close STDOUT; close STDERR; sleep 600' & \
    until ss --no-header --listening --udp --tcp | grep --quiet 127.0.0.2:9030; do :; done; \
    echo nameserver 127.0.0.1 >/tmp/resolv.conf.$$; mount --bind /tmp/resolv.conf.$$ /etc/resolv.conf; \
    rm /tmp/resolv.conf.$$;";

#[test]
fn a_stop_request_is_heard_while_a_name_server_or_a_leader_does_not_answer() {
    for (master, local, phase) in [
        (
            "fe-0.nowhere.example",
            "10.9.9.9",
            "a question for the name server",
        ),
        ("127.0.0.2", "127.0.0.3", "a question for the leader"),
    ] {
        let place = Place::new();
        let whole = waiting(&place)
            .env("MASTER_HOST", master)
            .env("LOCAL_HOST", local)
            .after(DEAF);
        let Some(mut run) = whole.start() else { return };
        let pid = companion_of(&run);
        eventually(phase, || {
            let sockets = |table: &str| fs::read_to_string(format!("/proc/{pid}/net/{table}")).ok();
            // To port 53 of 127.0.0.1, or an established connection to 9030 of 127.0.0.2.
            let asks =
                sockets("udp")?.contains("0100007F:0035 01") || sockets("tcp")?.contains("0200007F:2346 01");
            asks.then_some(())
        });
        run.signal(TERM);
        assert_eq!(run.end(), 0, "{}", whole.said());
        assert!(!whole.has("up"), "{}", whole.said());
    }
}

#[test]
fn the_companions_code_is_the_containers() {
    for (name, value, code, sentence) in [
        ("HTTP_PORT", "90x0", 78, "HTTP_PORT"),
        ("LOCAL_HOST", "203.0.113.9", 78, "LOCAL_HOST"),
    ] {
        let place = Place::new();
        let whole = Whole::new(&place, ENGINE).env(name, value);
        let Some(mut run) = whole.start() else { return };
        assert_eq!(run.end(), code, "{}", whole.said());
        assert!(whole.said().contains(sentence), "{}", whole.said());
    }
}

/// A log that programs read has the last word in it, too.
#[test]
fn the_final_error_and_its_hint_are_a_line_of_the_json_log() {
    let place = Place::new();
    let whole = Whole::new(&place, ENGINE)
        .env("LOG_FORMAT", "json")
        .env("HTTP_PORT", "90x0");
    let Some(mut run) = whole.start() else { return };
    assert_eq!(run.end(), 78, "{}", whole.said());
    let said = whole.said();
    let line = said.lines().find(|line| line.contains("\"error\":")).unwrap();
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["code"], 78, "{line}");
    assert!(line["error"].as_str().unwrap().contains("HTTP_PORT"), "{line}");
    assert!(!line["hint"].as_str().unwrap().is_empty(), "{line}");
}

#[test]
fn a_companion_that_nobody_started_says_so() {
    let output = Command::new(env!("CARGO_BIN_EXE_muster"))
        .arg("companion")
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(64));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("is started by `muster run`"), "{said}");
}

/// It knows the password, and is no part of the engine.
#[test]
fn the_companion_is_set_apart_and_ends_with_pid_1() {
    let place = Place::new();
    let whole = Whole::new(&place, ENGINE);
    let Some(mut run) = whole.start() else { return };
    is_up(&whole, &mut run);
    let pid = companion_of(&run);
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    // Its group and its session are its own.
    assert_eq!([fields[2], fields[3]], [pid.to_string(), pid.to_string()]);
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let limit = |name: &str| {
        limits
            .lines()
            .find(|line| line.starts_with(name))
            .unwrap()
            .to_owned()
    };
    assert!(limit("Max core file size").contains(" 0 "), "{limits}");
    assert!(
        limit("Max data size").contains(&(256 << 20).to_string()),
        "{limits}"
    );
    run.signal(KILL);
    run.end();
    eventually("it is gone", || {
        (!fs::exists(format!("/proc/{pid}")).unwrap()).then_some(())
    });
}
