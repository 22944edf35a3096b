//! Networks as `priority_networks` lists them.

use std::fmt;
use std::net::IpAddr;

/// An address and how many of its bits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    fn parse(text: &str) -> Result<Self, String> {
        let (address, bits) = text
            .split_once('/')
            .ok_or_else(|| format!("has no mask in `{text}`: one host is /32, or /128 for IPv6"))?;
        let address: IpAddr = address
            .trim()
            .parse()
            .map_err(|_| format!("holds `{text}`, which is not an address with a mask"))?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        match bits.trim().parse::<u8>() {
            Ok(bits) if bits <= most && !bits_sign(text) => Ok(Self { address, bits }),
            _ => Err(format!("holds `{text}`, whose mask is not 0–{most}")),
        }
    }

    fn contains(&self, other: IpAddr) -> bool {
        match (self.address, other) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                let shift = 32 - u32::from(self.bits);
                let prefix = |address: u32| address.checked_shr(shift).unwrap_or(0);
                prefix(ours.to_bits()) == prefix(theirs.to_bits())
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => {
                let shift = 128 - u32::from(self.bits);
                let prefix = |address: u128| address.checked_shr(shift).unwrap_or(0);
                prefix(ours.to_bits()) == prefix(theirs.to_bits())
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

fn bits_sign(text: &str) -> bool {
    text.contains('+')
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

/// Networks separated by `;`, as the engines want them, or by `,`, as people write them.
pub(super) fn parse(text: &str) -> Result<Vec<Network>, String> {
    text.split([';', ','])
        .map(str::trim)
        .map(|part| {
            if part.is_empty() {
                Err("has an empty network".to_owned())
            } else {
                Network::parse(part)
            }
        })
        .collect()
}

/// In the engines' spelling.
pub(super) fn render(text: &str) -> Result<String, String> {
    let networks: Vec<String> = parse(text)?.iter().map(Network::to_string).collect();
    Ok(networks.join(";"))
}

/// Whether an engine that follows this list may choose that address.
pub(super) fn any_contains(text: &str, address: IpAddr) -> bool {
    parse(text).is_ok_and(|networks| networks.iter().any(|network| network.contains(address)))
}

#[cfg(test)]
mod tests {
    use super::{any_contains, render};

    #[test]
    fn a_list_is_written_as_the_engines_want_it() {
        let table = [
            ("10.0.0.0/8", "10.0.0.0/8"),
            ("10.0.0.0/8,192.168.1.0/24", "10.0.0.0/8;192.168.1.0/24"),
            (" 10.0.0.0/8 ; fd00::/8 ", "10.0.0.0/8;fd00::/8"),
            ("0.0.0.0/0", "0.0.0.0/0"),
        ];
        for (text, expected) in table {
            assert_eq!(render(text).as_deref(), Ok(expected), "{text}");
        }
        for text in [
            "10.0.0.1",
            "10.0.0.0/33",
            "fd00::/129",
            "10.0.0.0/+8",
            "10.0.0/8",
            "10.0.0.0/8,,",
            "eth0",
            "fe-0/24",
        ] {
            assert!(render(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_network_holds_its_addresses() {
        let table = [
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "11.1.2.3", false),
            ("192.168.1.11/32", "192.168.1.11", true),
            ("0.0.0.0/0", "192.168.1.11", true),
            ("fd00::/8", "fd12::1", true),
            ("::/0", "fd12::1", true),
            ("::/0", "10.0.0.1", false),
        ];
        for (networks, address, held) in table {
            assert_eq!(
                any_contains(networks, address.parse().unwrap()),
                held,
                "{networks} {address}"
            );
        }
    }
}
