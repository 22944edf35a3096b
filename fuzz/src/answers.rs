//! What a server answers: a body over HTTP, a header, a cell of SHOW, an error. It is valid, or the reason why not is one
//! short line that can be printed.

use muster::engine::failure::{Failure, presentable};
use muster::engine::member::{Backend, Frontend, Row};
use muster::engine::probe::{Ha, Membership};
use muster::engine::valid::is_cluster_id;
use muster::engine::{ALL, seed_in};
use muster::printable;
use muster::settings::Host;

/// A row of every list, as an engine would answer.
const ROW: [(&str, &str); 18] = [
    ("Name", "10.0.0.1_9010_1795234059948"),
    ("IP", "10.0.0.1"),
    ("EditLogPort", "9010"),
    ("HttpPort", "8030"),
    ("QueryPort", "9030"),
    ("RpcPort", "9020"),
    ("Role", "LEADER"),
    ("IsMaster", "true"),
    ("ClusterId", "77"),
    ("Join", "true"),
    ("Alive", "true"),
    ("LastHeartbeat", "2026-03-01 00:00:00"),
    ("ErrMsg", ""),
    ("HeartbeatPort", "9050"),
    ("Port", "8000"),
    ("NodeRole", "mix"),
    ("TabletNum", "3"),
    ("StatusCode", "OK"),
];

pub fn holds(input: &[u8]) {
    let text = &*String::from_utf8_lossy(input);
    over_http(text);
    in_a_cell(text);
    says(&Failure::from_server(1064, "HY000", text));
    prints(&presentable(text), 301);
    for shown in [printable::line(text), printable::json(text)] {
        assert!(!shown.contains(['\u{1b}', '\u{9b}', '\u{202e}']), "{shown:?}");
    }
    assert!(!printable::line(text).contains(char::is_control));
}

fn over_http(body: &str) {
    for engine in ALL {
        for said in [engine.probes.read_ready(body), engine.probes.read_backend(body)] {
            said.map_or_else(|why| says(&why), |_| assert!(body.contains('{')));
        }
    }
    match Ha::read(body) {
        Ok(ha) => ha.leader.as_deref().map_or((), word),
        Err(why) => says(&why),
    }
    for (role, rest) in [(Some(body), ""), (None, body)] {
        match Membership::read(200, role, rest) {
            Ok(Membership::Member { role }) => word(&role),
            Ok(_) => {}
            Err(why) => says(&why),
        }
    }
    if let Some(Ok(host)) = seed_in(body).map(Host::parse) {
        word(&host.to_string());
    }
}

fn in_a_cell(text: &str) {
    for (column, _) in ROW {
        let row: Row = ROW
            .iter()
            .map(|(name, usual)| {
                let cell = if *name == column { text } else { usual };
                ((*name).to_owned(), Some(cell.to_owned()))
            })
            .collect();
        let rows = [row];
        match Frontend::read(&rows) {
            Ok(read) => read.iter().for_each(|fe| {
                word(&fe.host);
                word(&fe.name);
                assert!(is_cluster_id(&fe.cluster_id), "{}", fe.cluster_id);
                prints(&fe.error, 301);
                prints(fe.last_heartbeat.as_deref().unwrap_or_default(), 301);
            }),
            Err(why) => says(&why),
        }
        for list in ALL.iter().flat_map(|engine| engine.lists) {
            match Backend::read(&rows, list) {
                Ok(read) => read.iter().for_each(|be| {
                    word(&be.host);
                    prints(&be.error, 301);
                    prints(be.status.as_deref().unwrap_or_default(), 301);
                    prints(be.name.as_deref().unwrap_or_default(), 301);
                }),
                Err(why) => says(&why),
            }
        }
    }
}

/// It may be an argument of a script, a part of SQL, and a line of a record.
fn word(word: &str) {
    assert!(!word.is_empty() && word.len() <= 320, "{} bytes", word.len());
    assert!(word.bytes().all(|byte| byte.is_ascii_graphic()), "{word:?}");
    assert!(!word.contains(['"', '\'']) && !word.starts_with('-'), "{word:?}");
}

fn says(why: &Failure) {
    prints(&why.to_string(), 400);
}

fn prints(text: &str, most: usize) {
    assert!(!text.contains(char::is_control), "{text:?}");
    // An escape has up to ten characters.
    let length = text.chars().count();
    assert!(length <= 10 * most, "{length} characters");
}
