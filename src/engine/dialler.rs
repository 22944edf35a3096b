//! Who opens connections to which port. The same for both engines: their sources, and what running ones were seen to do.

use super::{Component, PortName};

/// Someone who dials a port of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dialler {
    Fe,
    /// A BE or CN.
    Be,
    Broker,
    /// Whoever queries or loads, and what scrapes metrics.
    User,
}

impl Dialler {
    pub const NODES: [Self; 3] = [Self::Fe, Self::Be, Self::Broker];

    pub const fn of(component: Component) -> Self {
        match component {
            Component::Fe => Self::Fe,
            Component::Be | Component::Cn => Self::Be,
            Component::Broker => Self::Broker,
        }
    }

    /// The name of the set in a firewall.
    pub const fn set(self) -> &'static str {
        match self {
            Self::Fe => "fe",
            Self::Be => "be",
            Self::Broker => "broker",
            Self::User => "user",
        }
    }

    /// The word for people.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Fe => "FEs",
            Self::Be => "BEs and CNs",
            Self::Broker => "brokers",
            Self::User => "users",
        }
    }
}

impl PortName {
    /// Who dials it, and for what.
    pub const fn dialled_by(self) -> (&'static [Dialler], &'static str) {
        use Dialler::{Be, Broker, Fe, User};
        match self {
            // Open to all nodes: muster asks there too. Whoever reaches it can have an FE write an image into its meta_dir, without
            // an account (`/dump`, observed on both).
            Self::Http => (
                &[Fe, Be, Broker],
                "heartbeat, images, muster; not for strangers: whoever reaches it makes files in meta_dir",
            ),
            Self::Rpc => (&[Fe, Be], "requests between nodes"),
            Self::Query => (&[Fe, Be, Broker, User], "SQL, muster"),
            Self::EditLog => (&[Fe], "the journal of the FEs"),
            Self::ArrowFlight => (&[User], "Arrow Flight SQL"),
            Self::Be => (&[Fe, Be], "tasks of the FEs"),
            Self::BeHttp => (&[Fe, Be, User], "copies of replicas, loads, metrics"),
            Self::Heartbeat => (&[Fe], "the leader's heartbeat"),
            Self::Brpc => (&[Fe, Be], "queries"),
            Self::Starlet => (&[Fe, Be], "shared data"),
            Self::BrokerIpc => (&[Fe, Be], "files of other systems"),
        }
    }
}
