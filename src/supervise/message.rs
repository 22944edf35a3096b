//! The messages between PID 1 and its companion, through a socket that only they have: one packet a message, bounded JSON
//! with descriptors. The companion's end is its stdin.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Ended;
use crate::plan::launch::Launch;

/// The longest packet in bytes, below the kernel's default buffer of a socket (212,992).
const LONGEST: usize = 192 * 1024;
/// The most descriptors that one packet can carry (`SCM_MAX_FD`, unix(7)).
pub(super) const MOST_DESCRIPTORS: usize = 253;

/// The first message, from PID 1: the companion's task.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Work {
    /// No engine runs: prepare the start of the engine, and hand it over.
    Prepare,
    /// The engine runs, and the previous companion has ended: watch the membership.
    Watch { kept: String },
    /// The engine has ended without a stop request: report why, and hand over another start or end with the exit code.
    Report {
        ended: Ended,
        kept: String,
        /// The end of its console output.
        console: String,
    },
    /// The engine has ended on request, or could not be started: write it into the history, and end.
    Remember { ended: Ended, kept: String },
}

/// A start of the engine, from the companion. The locks of the data dirs come with it, and the port reservations
/// behind them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandOver {
    pub launch: Launch,
    /// The time from a stop request to SIGKILL.
    pub grace: Duration,
    /// Replace PID 1 by the start script.
    pub exec: bool,
    /// Data for a later companion; PID 1 only keeps it.
    pub kept: String,
    /// The number of descriptors that are locks.
    pub locks: usize,
    /// The number of descriptors sent.
    pub descriptors: usize,
}

/// A message from the companion.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Request {
    Start(Box<HandOver>),
    /// The engine listens: its ports need no reservation any more.
    ReleasePorts,
    /// This start can no longer become a member: stop the engine, and prepare again.
    StartAgain {
        why: String,
    },
}

/// One end of the socket.
#[derive(Debug)]
pub struct Channel(OwnedFd);

impl Channel {
    pub(super) fn pair() -> io::Result<(Self, Self)> {
        let (one, other) = socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )?;
        Ok((Self(one), Self(other)))
    }

    /// The companion's end: its stdin.
    pub fn of_companion() -> io::Result<Self> {
        Ok(Self(io::stdin().as_fd().try_clone_to_owned()?))
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    pub fn send(&self, message: &impl Serialize, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        let text = serde_json::to_vec(message)?;
        if text.len() > LONGEST || descriptors.len() > MOST_DESCRIPTORS {
            let (length, number) = (text.len(), descriptors.len());
            return Err(io::Error::other(format!(
                "a message of {length} bytes and {number} descriptors exceeds the limits ({LONGEST} and {MOST_DESCRIPTORS})"
            )));
        }
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() {
            control.push(SendAncillaryMessage::ScmRights(descriptors));
        }
        loop {
            let sent = sendmsg(&self.0, &[IoSlice::new(&text)], &mut control, SendFlags::NOSIGNAL);
            match sent {
                Ok(_) => return Ok(()),
                Err(rustix::io::Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    /// Receives a message; `None` once the other end is closed. Waits, unless `now`: then the error is `WouldBlock`.
    pub fn receive<M: DeserializeOwned>(&self, now: bool) -> io::Result<Option<(M, Vec<OwnedFd>)>> {
        let mut flags = RecvFlags::CMSG_CLOEXEC;
        flags.set(RecvFlags::DONTWAIT, now);
        let mut bytes = vec![0; LONGEST];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let received = loop {
            match recvmsg(&self.0, &mut [IoSliceMut::new(&mut bytes)], &mut control, flags) {
                Ok(received) => break received,
                Err(rustix::io::Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        };
        // The caller checks for missing descriptors: the message has their number.
        let mut descriptors = Vec::new();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(passed) = message {
                descriptors.extend(passed);
            }
        }
        if received.bytes == 0 {
            return Ok(None);
        }
        if received.flags.contains(ReturnFlags::TRUNC) {
            return Err(io::Error::other("a message exceeds the longest length"));
        }
        let text = bytes.get(..received.bytes).unwrap_or_default();
        Ok(Some((serde_json::from_slice(text)?, descriptors)))
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::fd::AsFd as _;

    use super::{Channel, Request, Work};

    #[test]
    fn a_message_comes_whole_with_its_descriptors_or_not_at_all() {
        let (one, other) = Channel::pair().unwrap();
        let file = File::open("/dev/null").unwrap();
        one.send(&Request::ReleasePorts, &[file.as_fd(), file.as_fd()])
            .unwrap();
        let (message, descriptors) = other.receive::<Request>(false).unwrap().unwrap();
        assert!(matches!(message, Request::ReleasePorts) && descriptors.len() == 2);
        let nothing = other.receive::<Request>(true).unwrap_err();
        assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock);
        let kept = "x".repeat(300 * 1024);
        assert!(one.send(&Work::Watch { kept }, &[]).is_err());
        one.send(&Work::Prepare, &[]).unwrap();
        assert!(
            other.receive::<Request>(false).is_err(),
            "a message of another kind"
        );
        drop(one);
        assert!(other.receive::<Request>(false).unwrap().is_none());
    }
}
