//! The leader's heartbeat to a BE or CN: a strict thrift message (binary protocol, unframed) whose one argument names the
//! leader, its HTTP port, and the host by which it lists the node (observed in both engines).

/// A heartbeat.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Heartbeat {
    /// The leader, by its own name for itself.
    pub leader: String,
    pub http_port: u16,
    /// The host by which the cluster lists the node that is called.
    pub listed: String,
}

/// The type of a field, as its number in the protocol.
mod kind {
    pub(super) const STOP: u8 = 0;
    pub(super) const I32: u8 = 8;
    pub(super) const STRING: u8 = 11;
    pub(super) const STRUCT: u8 = 12;
}

/// The length of a version, a type, and the length of a method's name.
const HEADER: usize = 8;
/// The longest text that is read.
const LONGEST: usize = 255;

/// The result of reading the bytes that have come so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Read {
    /// More must come.
    Unfinished,
    /// It is none, or lacks one of the three.
    Unusable,
    Whole(Heartbeat),
}

/// Reads a heartbeat whose header and method name are known to be right. The fields come in ascending order (source: thrift's
/// generated writers), so the rest of the message need not be there.
pub fn read(message: &[u8], method: &str) -> Read {
    let mut input = Input(message.get(HEADER + method.len() + 4..).unwrap_or_default());
    match heartbeat(&mut input) {
        Ok(Some(heartbeat)) => Read::Whole(heartbeat),
        Ok(None) => Read::Unusable,
        Err(Unfinished) => Read::Unfinished,
    }
}

/// The bytes end inside the message.
struct Unfinished;

/// The bytes that are left.
struct Input<'m>(&'m [u8]);

impl<'m> Input<'m> {
    fn take(&mut self, length: usize) -> Result<&'m [u8], Unfinished> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Unfinished)?;
        self.0 = rest;
        Ok(taken)
    }

    fn number<const N: usize>(&mut self) -> Result<i64, Unfinished> {
        let bytes = self.take(N)?;
        Ok(bytes.iter().fold(0, |sum, byte| sum << 8 | i64::from(*byte)))
    }

    fn kind(&mut self) -> Result<u8, Unfinished> {
        Ok(self.take(1)?.first().copied().unwrap_or(kind::STOP))
    }

    /// A host that may be one: its caller parses it.
    fn host(&mut self) -> Result<Option<String>, Unfinished> {
        let length = usize::try_from(self.number::<4>()?).unwrap_or(usize::MAX);
        if length > LONGEST {
            return Ok(None);
        }
        let text = std::str::from_utf8(self.take(length)?).ok();
        Ok(text.filter(|text| !text.is_empty()).map(str::to_owned))
    }

    /// Skips a value of one of the types before the last field that is read; false for any other type.
    fn skip(&mut self, kind: u8) -> Result<bool, Unfinished> {
        let length = match kind {
            2 | 3 => 1,
            6 => 2,
            kind::I32 => 4,
            4 | 10 => 8,
            kind::STRING => usize::try_from(self.number::<4>()?).unwrap_or(usize::MAX),
            _ => return Ok(false),
        };
        self.take(length).map(|_| true)
    }
}

fn heartbeat(input: &mut Input<'_>) -> Result<Option<Heartbeat>, Unfinished> {
    let (mut leader, mut listed) = (None, None);
    // The arguments are a struct whose one field is a struct.
    if input.kind()? != kind::STRUCT || input.number::<2>()? != 1 {
        return Ok(None);
    }
    loop {
        let kind = input.kind()?;
        if kind == kind::STOP {
            return Ok(None);
        }
        match (input.number::<2>()?, kind) {
            // `network_address`, a host and a port.
            (1, kind::STRUCT) => {
                if input.kind()? != kind::STRING || input.number::<2>()? != 1 {
                    return Ok(None);
                }
                leader = input.host()?;
                if input.kind()? != kind::I32 || input.number::<2>()? != 2 {
                    return Ok(None);
                }
                input.number::<4>()?;
                if input.kind()? != kind::STOP {
                    return Ok(None);
                }
            }
            // `backend_ip`.
            (5, kind::STRING) => listed = input.host()?,
            // `http_port`.
            (6, kind::I32) => {
                let http_port = u16::try_from(input.number::<4>()?).ok();
                return Ok(match (leader, http_port, listed) {
                    (Some(leader), Some(http_port), Some(listed)) => Some(Heartbeat {
                        leader,
                        http_port,
                        listed,
                    }),
                    _ => None,
                });
            }
            (_, other) => {
                if !input.skip(other)? {
                    return Ok(None);
                }
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{Heartbeat, Read, read};

    /// A message as a leader writes it.
    pub(crate) fn message(leader: &str, http_port: u16, listed: &str) -> Vec<u8> {
        let mut message = vec![0x80, 1, 0, 1, 0, 0, 0, 9];
        let text = |text: &str| {
            let length = u32::try_from(text.len()).unwrap().to_be_bytes();
            [&length[..], text.as_bytes()].concat()
        };
        for part in [
            &b"heartbeat"[..],
            &[0, 0, 0, 7],
            // The argument; network_address: hostname, port.
            &[12, 0, 1, 12, 0, 1, 11, 0, 1],
            &text(leader),
            &[8, 0, 2, 0, 0, 0x23, 0x3c, 0],
            // cluster_id, epoch, token.
            &[8, 0, 2, 0, 0, 0, 77, 10, 0, 3, 0, 0, 0, 0, 0, 0, 0, 6, 11, 0, 4],
            &text("token"),
            &[11, 0, 5],
            &text(listed),
            &[8, 0, 6, 0, 0],
            &http_port.to_be_bytes(),
            // heartbeat_flags, and both structs end.
            &[10, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        ] {
            message.extend_from_slice(part);
        }
        message
    }

    #[test]
    fn the_leader_its_http_port_and_the_listed_host_are_read_and_nothing_else_is_taken_for_them() {
        let whole = message("10.0.0.1", 8030, "be5");
        let expected = Heartbeat {
            leader: "10.0.0.1".to_owned(),
            http_port: 8030,
            listed: "be5".to_owned(),
        };
        assert_eq!(read(&whole, "heartbeat"), Read::Whole(expected.clone()));
        // The rest of the message is not waited for.
        let needed = whole.len() - 13;
        assert_eq!(read(&whole[..needed], "heartbeat"), Read::Whole(expected));
        for length in 0..needed {
            assert_eq!(read(&whole[..length], "heartbeat"), Read::Unfinished, "{length}");
        }
        for (leader, listed) in [("", "be5"), (&"a".repeat(300), "be5")] {
            assert_eq!(
                read(&message(leader, 8030, listed), "heartbeat"),
                Read::Unusable,
                "{leader} {listed}"
            );
        }
        // No byte that is another makes it read beyond its end, or panic.
        for at in 17..whole.len() {
            for byte in [0, 1, 11, 12, 127, 255] {
                let mut other = whole.clone();
                other[at] = byte;
                let _: Read = read(&other, "heartbeat");
            }
        }
    }
}
