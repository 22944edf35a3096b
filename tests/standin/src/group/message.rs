//! What nodes say to each other on `edit_log_port`: lines of JSON. Small and right, not the vendor's wire format.

use std::io;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::journal::Version;
use super::membership::{GroupNode, Membership};
use super::pulse::Pulses;

/// Where a leader can be reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Leader {
    pub(crate) name: String,
    pub(crate) host: String,
    pub(crate) edit_log_port: u16,
    pub(crate) rpc_port: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Refusal {
    NotLeader,
    /// Same group name, other instance.
    OtherGroup,
    /// The name was dropped.
    Removed,
    /// The name is known under another address.
    Moved,
    /// The replica has seen a later term than this leader's.
    StaleLeader {
        term: u64,
    },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Message {
    WhoLeads {
        group: Option<String>,
    },
    Leads {
        leader: Option<Leader>,
        term: u64,
    },
    Attach {
        group: Option<String>,
        term: u64,
        node: GroupNode,
    },
    Attached {
        group: String,
        term: u64,
        leader: Leader,
    },
    Refused(Refusal),
    /// The leader's state and its sign of life; the membership only when it changed.
    Append {
        term: u64,
        version: Version,
        membership: Option<Box<Membership>>,
        pulses: Pulses,
    },
    Ack {
        version: Version,
    },
    Vote {
        trial: bool,
        group: String,
        term: u64,
        name: String,
        version: Version,
    },
    Voted {
        granted: bool,
        term: u64,
    },
    /// A new leader wakes those who wait for one.
    Leading {
        group: String,
        term: u64,
    },
    /// Somebody who elected itself tells the members of an old image that it leads them; holds while connected.
    Impostor {
        host: String,
        port: u16,
    },
    /// A node of another instance of the group shows its name and number.
    Stranger {
        group: String,
        node: GroupNode,
    },
}

#[derive(Debug)]
pub(crate) struct Line {
    read: BufReader<OwnedReadHalf>,
    write: OwnedWriteHalf,
}

impl Line {
    pub(crate) fn over(stream: TcpStream) -> Self {
        let (read, write) = stream.into_split();
        Self {
            read: BufReader::new(read),
            write,
        }
    }

    pub(crate) fn split(self) -> (LineReader, LineWriter) {
        (LineReader(self.read), LineWriter(self.write))
    }

    pub(crate) async fn say<T: Serialize>(&mut self, message: &T) -> io::Result<()> {
        write_line(&mut self.write, message).await
    }

    pub(crate) async fn hear<T: for<'de> Deserialize<'de>>(&mut self, patience: Duration) -> io::Result<T> {
        read_line(&mut self.read, patience).await
    }
}

#[derive(Debug)]
pub(crate) struct LineReader(BufReader<OwnedReadHalf>);

impl LineReader {
    pub(crate) async fn hear<T: for<'de> Deserialize<'de>>(&mut self, patience: Duration) -> io::Result<T> {
        read_line(&mut self.0, patience).await
    }
}

#[derive(Debug)]
pub(crate) struct LineWriter(OwnedWriteHalf);

impl LineWriter {
    pub(crate) async fn say<T: Serialize>(&mut self, message: &T) -> io::Result<()> {
        write_line(&mut self.0, message).await
    }
}

async fn write_line<T: Serialize>(to: &mut OwnedWriteHalf, message: &T) -> io::Result<()> {
    let mut bytes = serde_json::to_vec(message).map_err(io::Error::other)?;
    bytes.push(b'\n');
    to.write_all(&bytes).await
}

async fn read_line<T: for<'de> Deserialize<'de>>(
    from: &mut BufReader<OwnedReadHalf>,
    patience: Duration,
) -> io::Result<T> {
    let mut bytes = Vec::new();
    let heard = tokio::time::timeout(patience, from.read_until(b'\n', &mut bytes)).await;
    heard.map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "silence"))??;
    if bytes.is_empty() {
        return Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the other side is gone",
        ));
    }
    serde_json::from_slice(&bytes).map_err(io::Error::other)
}
