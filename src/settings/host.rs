//! A host as somebody wrote it, in one spelling: the same host is always the same value.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// An address or a name. Names are lower case without a trailing dot; an IPv4-mapped IPv6 address is the IPv4 one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Host {
    Address(IpAddr),
    Name(String),
}

/// The reason why a text is not a host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAHost {
    #[error("is empty")]
    Empty,
    #[error("contains a space")]
    Space,
    #[error(
        "has a port; give the host alone: MASTER_FE_QUERY_PORT is the MySQL port of the FEs, and each port of this node has a variable"
    )]
    PortAppended,
    #[error("is a URL; give the host alone")]
    Url,
    #[error("is not an IPv6 address")]
    BadV6,
    #[error("has a zone, which is valid on one machine only")]
    Zone,
    #[error("is not an IPv4 address: four numbers of 0–255 with dots between them")]
    BadV4,
    #[error("has a number with a leading zero, which some programs read as octal; remove the zero")]
    LeadingZero,
    #[error("contains `{0}`, which is not allowed in a host name")]
    BadCharacter(char),
    #[error("is not a host name: labels are 1 to 63 letters, digits, `-` or `_`, 253 in all")]
    BadName,
}

/// The names that Debian and Red Hat write into `/etc/hosts` beside `localhost`.
const LOOPBACK_NAMES: [&str; 8] = [
    "localhost",
    "localhost4",
    "localhost6",
    "ip6-localhost",
    "ip6-loopback",
    "localhost.localdomain",
    "localhost4.localdomain4",
    "localhost6.localdomain6",
];

/// The host and port of a server.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    pub host: Host,
    pub port: u16,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host.with_port(self.port))
    }
}

impl Host {
    /// Reads one host: IPv4, IPv6 with or without brackets, or a name.
    pub fn parse(text: &str) -> Result<Self, NotAHost> {
        let text = text.trim();
        if text.is_empty() {
            return Err(NotAHost::Empty);
        }
        if text.chars().any(char::is_whitespace) {
            return Err(NotAHost::Space);
        }
        if text.contains("://") {
            return Err(NotAHost::Url);
        }
        if let Some(inner) = text.strip_prefix('[') {
            let Some((address, rest)) = inner.split_once(']') else {
                return Err(NotAHost::BadV6);
            };
            if rest.starts_with(':') {
                return Err(NotAHost::PortAppended);
            }
            if !rest.is_empty() {
                return Err(NotAHost::BadV6);
            }
            return v6(address);
        }
        match text.matches(':').count() {
            0 => Self::parse_without_colon(text),
            // `host:9030`: nobody writes an IPv6 address with a single colon.
            1 => Err(if text.rsplit(':').next().is_some_and(is_number) {
                NotAHost::PortAppended
            } else {
                NotAHost::BadV6
            }),
            _ => v6(text),
        }
    }

    fn parse_without_colon(text: &str) -> Result<Self, NotAHost> {
        let name = text.strip_suffix('.').unwrap_or(text);
        let labels: Vec<&str> = name.split('.').collect();
        if labels.iter().all(|label| is_number(label)) {
            let [a, b, c, d] = labels.as_slice() else {
                return Err(NotAHost::BadV4);
            };
            if labels
                .iter()
                .any(|label| label.len() > 1 && label.starts_with('0'))
            {
                return Err(NotAHost::LeadingZero);
            }
            return match (a.parse(), b.parse(), c.parse(), d.parse()) {
                (Ok(a), Ok(b), Ok(c), Ok(d)) => Ok(Self::Address(IpAddr::from([a, b, c, d]))),
                _ => Err(NotAHost::BadV4),
            };
        }
        if let Some(bad) = name
            .chars()
            .find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')))
        {
            return Err(NotAHost::BadCharacter(bad));
        }
        let label_ok =
            |label: &str| (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-');
        if name.len() > 253 || !labels.iter().all(|label| label_ok(label)) {
            return Err(NotAHost::BadName);
        }
        // A resolver takes `0x7f.1` for an address; no name ends in a number (URL Standard, "ends in a number").
        if labels
            .last()
            .is_some_and(|label| is_number(label) || is_hex(label))
        {
            return Err(NotAHost::BadV4);
        }
        Ok(Self::Name(name.to_ascii_lowercase()))
    }

    /// Tells if this is a loopback address or name.
    pub fn is_loopback(&self) -> bool {
        match self {
            Self::Address(address) => address.is_loopback(),
            Self::Name(name) => LOOPBACK_NAMES.contains(&name.as_str()) || name.ends_with(".localhost"),
        }
    }

    /// `host:port`, IPv6 in brackets, as both engines and URLs want it.
    pub fn with_port(&self, port: u16) -> String {
        match self {
            Self::Address(IpAddr::V6(address)) => format!("[{address}]:{port}"),
            Self::Address(IpAddr::V4(_)) | Self::Name(_) => format!("{self}:{port}"),
        }
    }
}

impl From<Ipv6Addr> for Host {
    fn from(address: Ipv6Addr) -> Self {
        Self::Address(address.to_ipv4_mapped().map_or(IpAddr::V6(address), IpAddr::V4))
    }
}

impl From<IpAddr> for Host {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::Address(address),
            IpAddr::V6(v6) => Self::from(v6),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Name(name) => name.fmt(f),
        }
    }
}

impl serde::Serialize for Host {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Host {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(|problem| serde::de::Error::custom(format!("`{text}` {problem}")))
    }
}

fn v6(text: &str) -> Result<Host, NotAHost> {
    let (address, zone) = text
        .split_once('%')
        .map_or((text, None), |(address, zone)| (address, Some(zone)));
    match (address.parse::<Ipv6Addr>(), zone) {
        (Ok(_), Some(_)) => Err(NotAHost::Zone),
        (Ok(address), None) => Ok(Host::from(address)),
        (Err(_), _) => Err(NotAHost::BadV6),
    }
}

fn is_hex(text: &str) -> bool {
    text.strip_prefix("0x")
        .or_else(|| text.strip_prefix("0X"))
        .is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::{Host, NotAHost};

    #[test]
    fn one_host_has_one_spelling() {
        let table = [
            ("192.168.1.10", "192.168.1.10"),
            ("192.168.1.10.", "192.168.1.10"),
            ("0.0.0.0", "0.0.0.0"),
            ("LOCALHOST.", "localhost"),
            ("::FFFF:7f00:1", "127.0.0.1"),
            ("[::1]", "::1"),
            ("0:0:0:0:0:0:0:1", "::1"),
            ("::ffff:192.168.1.10", "192.168.1.10"),
            ("[2001:DB8::0:1]", "2001:db8::1"),
            ("2001:0db8:0000::0001", "2001:db8::1"),
            ("FE1.Example.COM.", "fe1.example.com"),
            ("  fe-1  ", "fe-1"),
            ("my_fe", "my_fe"),
        ];
        for (text, spelling) in table {
            assert_eq!(
                Host::parse(text).map(|host| host.to_string()),
                Ok(spelling.to_owned()),
                "{text}"
            );
        }
    }

    #[test]
    fn loopback_is_known_by_all_its_names() {
        let table = [
            ("localhost", true),
            ("LocalHost.", true),
            ("ip6-localhost", true),
            ("localhost.localdomain", true),
            ("fe1.localhost", true),
            ("127.0.0.1", true),
            ("127.255.0.9", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("localhost.example", false),
            ("fe1", false),
            ("10.0.0.1", false),
        ];
        for (text, loopback) in table {
            assert_eq!(Host::parse(text).unwrap().is_loopback(), loopback, "{text}");
        }
    }

    #[test]
    fn what_is_not_a_host_says_why() {
        let table = [
            ("", NotAHost::Empty),
            ("10.0.0.1 10.0.0.2", NotAHost::Space),
            ("10.0.0.1:9030", NotAHost::PortAppended),
            ("fe1:9030", NotAHost::PortAppended),
            ("[::1]:9030", NotAHost::PortAppended),
            ("http://fe1:8030", NotAHost::Url),
            ("[::1", NotAHost::BadV6),
            ("::12345", NotAHost::BadV6),
            ("fe80::1%eth0", NotAHost::Zone),
            ("10.0.0.256", NotAHost::BadV4),
            ("10.0.1", NotAHost::BadV4),
            ("127.1", NotAHost::BadV4),
            ("2130706433", NotAHost::BadV4),
            ("0x7f.1", NotAHost::BadV4),
            ("0x7f000001", NotAHost::BadV4),
            ("127.0.0.0x1", NotAHost::BadV4),
            ("fe.1", NotAHost::BadV4),
            ("010.0.0.1", NotAHost::LeadingZero),
            ("192.168.001.010", NotAHost::LeadingZero),
            ("10.0.0.00", NotAHost::LeadingZero),
            ("http//fe", NotAHost::BadCharacter('/')),
            ("fe;1", NotAHost::BadCharacter(';')),
            ("-fe", NotAHost::BadName),
            ("fe..1", NotAHost::BadName),
        ];
        for (text, problem) in table {
            assert_eq!(Host::parse(text), Err(problem), "{text}");
        }
    }
}
