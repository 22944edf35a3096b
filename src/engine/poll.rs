//! How the leader of a living cluster calls a registered node, and the answer that was observed to do no harm.

/// One kind of call.
#[derive(Debug, PartialEq, Eq)]
pub enum Poll {
    /// An HTTP request whose path begins like this; the body is our answer with status 200.
    Http { path: &'static str, body: &'static str },
    /// A thrift call (binary protocol, unframed) of this method: read, then close.
    Thrift { method: &'static str },
}

impl Poll {
    /// Whether enough was read to tell.
    pub fn is_whole(&self, request: &[u8]) -> bool {
        match self {
            Self::Http { .. } => request.windows(4).any(|end| end == b"\r\n\r\n"),
            Self::Thrift { method } => request.len() > method.len() + 8,
        }
    }

    /// Whether this is the leader's call and not somebody's browser or port scan.
    pub fn is_poll(&self, request: &[u8]) -> bool {
        match self {
            Self::Http { path, .. } => request
                .strip_prefix(b"GET ")
                .is_some_and(|rest| rest.starts_with(path.as_bytes())),
            // A strict call: version 1, type 1, then the length and the name of the method.
            Self::Thrift { method } => {
                request.starts_with(&[0x80, 1, 0, 1])
                    && request.get(8..8 + method.len()) == Some(method.as_bytes())
            }
        }
    }

    /// What to answer; `None` is closing the connection.
    pub fn reply(&self) -> Option<String> {
        match self {
            Self::Http { body, .. } => Some(format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            )),
            Self::Thrift { .. } => None,
        }
    }
}
