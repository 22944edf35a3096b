//! The look of a member at its group before it starts: its only other member answers, refuses, or is silent.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use anyhow::Context;
use hosts::binary;

use crate::bench::Bench;
use crate::member::{Member, own_address, script_of};
use crate::row::{Line, Row};
use crate::sample::Sample;
use crate::start::until_it_runs;
use crate::turns::{Contestant, in_turns};

pub(crate) const ROW: Row = Row {
    name: "look",
    about: "start → exec of an FE that looks at its group first",
    per_engine: false,
    measure,
};

/// What the leader says of a group that has this node, and to its token.
const ANSWER: &str = r#"{"role":"LEADER","master":"10.0.0.13","electable_nodes":"10.0.0.11","current_journal_id":"9","queryPort":9030,"status":"OK"}"#;

/// The HTTP port of the others.
const PORT: u16 = 18030;

fn measure(bench: &Bench) -> anyhow::Result<Vec<Line>> {
    let cases = [
        ("answers", "10.0.0.13", 25.0),
        ("refuses", "10.0.0.14", 10.0),
        ("is silent", "10.0.0.15", 1050.0),
    ];
    let answering = at("10.0.0.13")?;
    thread::spawn(move || answering.incoming().flatten().for_each(answer));
    own_address("10.0.0.14")?;
    // Connections wait in the backlog.
    let _silent = at("10.0.0.15")?;
    let muster = binary("muster")?;
    let mut lines = Vec::new();
    for (what, host, budget) in cases {
        let member = Member::new(bench, &format!("look-{host}"), &script_of(&binary("extra")?)?)?;
        for record in ["conf/muster-fe.json", "meta/muster.json"] {
            let path = member.home.join(record);
            let text = fs::read_to_string(&path)?.replace("10.0.0.13", host);
            // All addresses are this machine's, where this node needs its own port.
            let text = text.replace("\"http_port\": 8030", &format!("\"http_port\": {PORT}"));
            fs::write(&path, text)?;
        }
        fs::write(
            member.home.join("meta/image/VERSION"),
            "clusterId=4711\ntoken=t\n",
        )?;
        let contestant = Contestant::muster("muster run", muster.clone(), &member.home, &[]);
        let much = if budget > 1000.0 {
            bench.much(10, 1)
        } else {
            bench.much(100, 2)
        };
        let found = in_turns(&[contestant], much, until_it_runs)?;
        let sample = Sample::of(found.into_iter().next().context("not measured")?);
        lines.push(Line {
            what: format!("start → exec, its group {what}"),
            muster: sample.text_with_size("ms"),
            others: Vec::new(),
            budget: format!("≤ {budget} ms"),
            met: sample.median() <= budget,
        });
    }
    Ok(lines)
}

fn at(address: &str) -> anyhow::Result<TcpListener> {
    own_address(address)?;
    TcpListener::bind((address, PORT)).with_context(|| address.to_owned())
}

fn answer(mut stream: std::net::TcpStream) {
    let mut request = [0; 1024];
    // One that has gone again needs no answer.
    drop(stream.read(&mut request));
    let length = ANSWER.len();
    drop(write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{ANSWER}"
    ));
}
