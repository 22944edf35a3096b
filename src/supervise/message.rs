//! What PID 1 and its companion say to each other, through a socket that only they have: one packet a message, JSON with a
//! bound, descriptors beside it. The companion has its end as stdin.

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

/// The longest packet in bytes, below what the kernel lets a socket hold by default (212,992).
const LONGEST: usize = 192 * 1024;
/// The most descriptors that one packet can carry (`SCM_MAX_FD`, unix(7)).
pub(super) const MOST_DESCRIPTORS: usize = 253;

/// The first message, from PID 1: what this companion is for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Work {
    /// Nothing runs: bring this node to the point where its engine may be started, and hand it over.
    Prepare,
    /// The engine runs, and the companion before this one is gone: watch the membership.
    Watch { kept: String },
    /// The engine has ended unasked: say why, and hand over another start or end with the container's code.
    Report {
        ended: Ended,
        kept: String,
        /// The last of its console.
        console: String,
    },
}

/// A start of the engine, from the companion. The locks of the data dirs come with it, and the port reservations
/// behind them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandOver {
    pub launch: Launch,
    /// From a stop request to SIGKILL.
    pub grace: Duration,
    /// Become the start script, and leave nothing resident.
    pub exec: bool,
    /// What a later companion needs to know of this start; PID 1 only keeps it.
    pub kept: String,
    /// How many of the descriptors are locks.
    pub locks: usize,
    /// How many descriptors were sent.
    pub descriptors: usize,
}

/// Every message from the companion.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Request {
    Start(Box<HandOver>),
    /// The engine listens: its ports need no reservation any more.
    ReleasePorts,
    /// This start cannot become a member any more: stop the engine, and prepare anew.
    StartAgain {
        why: String,
    },
}

/// One end.
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

    /// The companion's end, as it was given.
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
                "{length} bytes and {number} descriptors are more than one message holds ({LONGEST} and {MOST_DESCRIPTORS})"
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

    /// The next message; `None` once the other end is closed. Waits, unless `now`: then an error says `WouldBlock`.
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
        // Fewer descriptors than were sent is for the caller to see: their number is in the message.
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
            return Err(io::Error::other("a message is longer than it may be"));
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
