//! What nodes say to each other on `edit_log_port`: lines of JSON. Small and right, not the vendor's wire format, but for
//! the first bytes: as in Berkeley DB, whoever calls names the service it wants.

use std::io;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
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

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Refusal {
    NotLeader,
    /// Same group name, other instance.
    OtherGroup,
    /// The name was dropped.
    Removed,
    /// The name is known under this other address.
    Moved(String),
    /// Its clock differs too much from the leader's, which shows this many milliseconds since 1970.
    Clock(u64),
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
        /// In milliseconds since 1970.
        clock: u64,
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
    /// A voter of the group that has no log asks for that of its helper, which knows no leader.
    Copy {
        name: String,
    },
    Copied {
        group: String,
        term: u64,
        version: Version,
        membership: Box<Membership>,
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

/// What a caller wants, by the vendor's names.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Service {
    /// A vote.
    Acceptor,
    /// Who leads, or that somebody does.
    Learner,
    /// The journal.
    Feeder,
}

const REQUEST: &[u8] = b"Service:";

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

    /// Begins as a caller.
    pub(crate) async fn call(stream: TcpStream, service: Service) -> io::Result<Self> {
        let mut line = Self::over(stream);
        let name = format!("{service:?}");
        let length = u8::try_from(name.len()).map_err(io::Error::other)?;
        let request = [REQUEST, &[length], name.as_bytes()].concat();
        line.write.write_all(&request).await?;
        Ok(line)
    }

    /// Begins as the one that is called; whoever does not ask for a service is not heard further.
    pub(crate) async fn answer(stream: TcpStream, patience: Duration) -> io::Result<Self> {
        let mut line = Self::over(stream);
        let asked = async {
            let mut head = [0; REQUEST.len() + 1];
            line.read.read_exact(&mut head).await?;
            let [prefix @ .., length] = head;
            if prefix != REQUEST {
                return Err(io::Error::other("Malformed service request"));
            }
            line.read.read_exact(&mut vec![0; length.into()]).await
        };
        tokio::time::timeout(patience, asked)
            .await
            .map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "silence"))??;
        Ok(line)
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
