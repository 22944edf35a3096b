//! What comes in where a leader would call: told from anything else, however it is cut into pieces.

use muster::engine::ALL;

pub fn holds(input: &[u8]) {
    for engine in ALL {
        for poll in [&engine.fe_poll, &engine.backend_poll] {
            let mut told = None;
            for length in (0..input.len().min(512)).chain([input.len()]) {
                let so_far = &input[..length];
                match told {
                    // Nothing that comes later changes what the first pieces were.
                    Some(verdict) => {
                        assert!(poll.is_whole(so_far), "it was whole before {length} bytes");
                        assert_eq!(poll.is_poll(so_far), verdict, "at {length} bytes");
                    }
                    None if poll.is_whole(so_far) => told = Some(poll.is_poll(so_far)),
                    None => {}
                }
            }
            if let Some(reply) = poll.reply() {
                let (head, body) = reply.split_once("\r\n\r\n").unwrap_or_default();
                assert!(head.contains(&format!("Content-Length: {}", body.len())));
            }
        }
    }
}
