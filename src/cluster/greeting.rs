//! Reads the greeting of a MySQL port: an FE that was dropped accepts connections and never greets (observed).

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

use super::reach::reach;
use crate::engine::failure::{Failure, presentable};
use crate::settings::Endpoint;

/// The version of the protocol every FE speaks, in the first byte of its greeting.
const PROTOCOL: u8 = 10;
/// The first byte of an error instead of a greeting, such as too many connections.
const ERROR: u8 = 0xff;
/// After the version, which ends with a zero: a number, eight bytes for the login, a zero, and what the server can do.
const AFTER_VERSION: usize = 4 + 8 + 1 + 2;
/// A longer greeting is not that of an FE; `8.0.33` makes 74 bytes.
const LONGEST: usize = 4096;
/// How long to wait for the end of the stream.
const FAREWELL: Duration = Duration::from_millis(50);

/// Connects, reads the first packet, looks for protocol version 10, and closes.
pub async fn greets(at: &Endpoint, within: Duration) -> Result<(), Failure> {
    let until = Instant::now() + within;
    let (_, mut stream) = reach(at, until).await?;
    let greeted = timeout_at(until, read(&mut stream))
        .await
        .unwrap_or_else(|_| Err(Failure::late(within)))
        .map(drop);
    // An end of stream and no reset: the FE logs a warning with a trace for the latter.
    if greeted.is_ok() && stream.shutdown().await.is_ok() {
        drop(timeout(FAREWELL, stream.read(&mut [0; 64])).await);
    }
    greeted
}

/// Reads until one packet is whole, and returns what was read if that is a greeting.
pub(super) async fn read(stream: &mut TcpStream) -> Result<Vec<u8>, Failure> {
    let mut seen = Vec::with_capacity(128);
    loop {
        match stream.read_buf(&mut seen).await {
            Ok(0) if seen.is_empty() => {
                return Err(Failure::NotMySql("it closed the connection at once".to_owned()));
            }
            Ok(0) => {
                return Err(Failure::NotMySql(format!(
                    "it sent {} and closed the connection",
                    shown(&seen)
                )));
            }
            Ok(_) => {}
            Err(error) => return Err(Failure::NotMySql(error.to_string())),
        }
        if let Some(said) = judge(&seen) {
            return said.map(|()| seen);
        }
    }
}

/// `None`: too little was read to tell.
fn judge(seen: &[u8]) -> Option<Result<(), Failure>> {
    // Three bytes of length, the number of the packet, and its first byte.
    let &[low, middle, high, number, kind, ref rest @ ..] = seen else {
        return None;
    };
    let length = usize::from(low) | usize::from(middle) << 8 | usize::from(high) << 16;
    if number != 0 || length > LONGEST || !matches!(kind, PROTOCOL | ERROR) {
        return Some(Err(Failure::NotMySql(format!("it sent {}", shown(seen)))));
    }
    if seen.len() < length + 4 {
        return None;
    }
    if kind == PROTOCOL {
        // The driver would find no name for it: to it this is an error of TLS.
        let version = rest.iter().take(length).position(|byte| *byte == 0);
        let whole = version.is_some_and(|end| length >= end + 2 + AFTER_VERSION);
        return Some(if whole {
            Ok(())
        } else {
            Err(Failure::NotMySql(format!("it sent {}", shown(seen))))
        });
    }
    Some(Err(match rest {
        [code_low, code_high, text @ ..] => {
            let text = text.get(..length.saturating_sub(3)).unwrap_or(text);
            // `#` and five characters of state, where the server sends them that early.
            let text = text
                .strip_prefix(b"#")
                .and_then(|rest| rest.get(5..))
                .unwrap_or(text);
            Failure::from_server(
                u16::from_le_bytes([*code_low, *code_high]),
                "",
                &String::from_utf8_lossy(text),
            )
        }
        _ => Failure::NotMySql("its error is cut short".to_owned()),
    }))
}

/// The first bytes in a form that can be logged.
fn shown(seen: &[u8]) -> String {
    let head = seen.get(..40).unwrap_or(seen);
    format!("`{}`", presentable(&head.escape_ascii().to_string()))
}

#[cfg(test)]
mod tests {
    use super::judge;
    use crate::engine::failure::Failure;

    type Judged = Option<Result<(), Failure>>;

    #[test]
    fn a_first_packet_is_a_greeting_an_error_or_somebody_else() {
        let not_mysql = |text: &str| Some(Err(Failure::NotMySql(text.to_owned())));
        let table: &[(&[u8], Judged)] = &[
            (
                b"\x17\0\0\0\x0a8.0.33\0\x01\0\0\0abcdefgh\0\xff\xf7",
                Some(Ok(())),
            ),
            (
                b"\x08\0\0\0\x0a8.0.33\0",
                not_mysql(r"it sent `\x08\x00\x00\x00\n8.0.33\x00`"),
            ),
            (
                b"\x17\0\0\0\x0agarbage without an end..",
                not_mysql(r"it sent `\x17\x00\x00\x00\ngarbage without an end..`"),
            ),
            (b"", None),
            (b"\x08\0\0\0", None),
            (b"\x08\0\0\0\x0a8.0", None),
            (
                b"\x1d\0\0\0\xff\x10\x04#08004Too many connections",
                Some(Err(Failure::Busy("Too many connections".to_owned()))),
            ),
            (
                b"HTTP/1.1 400 Bad Request\r\n\r\n",
                not_mysql(r"it sent `HTTP/1.1 400 Bad Request\r\n\r\n`"),
            ),
            (
                b"SSH-2.0-OpenSSH_9.6\r\n",
                not_mysql(r"it sent `SSH-2.0-OpenSSH_9.6\r\n`"),
            ),
            // Protocol 9 died with MySQL 3.21.
            (b"\x02\0\0\0\x09x", not_mysql(r"it sent `\x02\x00\x00\x00\tx`")),
        ];
        for (bytes, expected) in table {
            assert_eq!(&judge(bytes), expected, "{}", bytes.escape_ascii());
        }
    }
}
