//! What comes in where somebody would call: told from anything else, however it is cut into pieces.

use muster::engine::{Call, Poll, member_path, seed_in, seed_path};
use muster::settings::Host;

const POLLS: [Poll; 6] = [
    Poll::Http {
        path: "/api/bootstrap",
        body: "{}",
    },
    Poll::Thrift { method: "ping" },
    Poll::Thrift { method: "heartbeat" },
    Poll::Election,
    Poll::Member,
    Poll::Seed,
];

pub fn holds(input: &[u8]) {
    for poll in &POLLS {
        let mut told = None;
        for length in (0..input.len().min(512)).chain([input.len()]) {
            let so_far = &input[..length];
            match &told {
                // Nothing that comes later changes what the first pieces were.
                Some(verdict) => {
                    assert!(poll.is_whole(so_far), "{poll:?} was whole before {length} bytes");
                    assert_eq!(&poll.call(so_far), verdict, "{poll:?} at {length} bytes");
                }
                None if poll.is_whole(so_far) => told = Some(poll.call(so_far)),
                None => {}
            }
        }
        if let Some(Some(Call::Member { host, .. } | Call::Seed { host, .. })) = told {
            assert!(!host.contains(|c: char| c.is_whitespace()), "{host:?}");
        }
        if let Some(reply) = poll.reply("fe1") {
            let (head, body) = reply.split_once("\r\n\r\n").unwrap_or_default();
            assert!(head.contains(&format!("Content-Length: {}", body.len())));
        }
    }
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let _ = seed_in(text);
    // What one muster says, another one hears.
    let Ok(host) = Host::parse(text) else { return };
    let host = host.to_string();
    let said = |path: String| format!("GET {path} HTTP/1.1\r\n\r\n").into_bytes();
    let founding = input.len().is_multiple_of(2);
    assert_eq!(
        Poll::Seed.call(&said(seed_path(&host, founding))),
        Some(Call::Seed {
            host: host.clone(),
            founding
        })
    );
    assert_eq!(
        Poll::Member.call(&said(member_path("77", &host))),
        Some(Call::Member {
            cluster: "77".to_owned(),
            host
        })
    );
}
