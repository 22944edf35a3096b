//! Which of the host's addresses a node takes as its own.

use std::net::IpAddr;

use crate::network::Network;
use crate::profile::{Engine, Unmatched};
use crate::settings::Settings;

/// A node's own idea of itself: the text others must register, and the address behind it.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) host: String,
    pub(crate) address: IpAddr,
    pub(crate) is_name: bool,
    /// What the log says about the choice, if anything.
    pub(crate) remark: Option<String>,
}

impl Identity {
    pub(crate) async fn choose(
        settings: &Settings,
        priority_networks: &str,
        by_name: bool,
    ) -> Result<Self, String> {
        let networks = match settings.profile.engine {
            // A text without `/` matches nothing, quietly.
            Engine::StarRocks => priority_networks
                .split(';')
                .filter_map(|text| Cidr::parse(text).ok())
                .collect(),
            Engine::Doris => Cidr::list(priority_networks)?,
        };
        if by_name {
            return by_host_name(settings).await;
        }
        let addresses = settings
            .bind_address
            .map_or_else(usable_addresses, |address| vec![address]);
        if let Some(address) = addresses
            .iter()
            .find(|a| networks.iter().any(|n| n.contains(**a)))
        {
            return Ok(Self::address(*address, None));
        }
        let unmatched = !priority_networks.is_empty();
        let unmatched_words =
            "ip address range configured for priority_networks does not include the current IP address";
        let loopback = IpAddr::from([127, 0, 0, 1]);
        let outside = addresses.iter().copied().find(|a| !a.is_loopback());
        let any = settings.bind_address.or(outside).unwrap_or(loopback);
        if !unmatched {
            return Ok(Self::address(any, None));
        }
        match settings.profile.fe.unmatched_networks {
            Unmatched::End => Err(unmatched_words.to_owned()),
            Unmatched::AnyAddress => Ok(Self::address(
                any,
                Some(format!("{unmatched_words}, will try other usable ip")),
            )),
            Unmatched::Loopback => Ok(Self::address(
                settings.bind_address.unwrap_or(loopback),
                Some(format!("{unmatched_words}, will try other usable ip")),
            )),
        }
    }

    pub(crate) fn address(address: IpAddr, remark: Option<String>) -> Self {
        Self {
            host: address.to_string(),
            address,
            is_name: false,
            remark,
        }
    }
}

async fn by_host_name(settings: &Settings) -> Result<Identity, String> {
    let own = match &settings.host_name {
        Some(name) => Some(name.clone()),
        None => nix::unistd::gethostname()
            .ok()
            .and_then(|name| name.into_string().ok()),
    };
    let network = Network::of(settings);
    let (name, address) = match settings.profile.engine {
        Engine::StarRocks => {
            let name = own.ok_or("Fail to find right address to start fe by using fqdn")?;
            let address = network.resolve(&name).await;
            let address =
                address.map_err(|_| format!("Cannot find a network interface matching FQDN: {name}"))?;
            (name, address)
        }
        // `InetAddress.getLocalHost().getCanonicalHostName()`: the first name of the address that the machine's own name has.
        Engine::Doris => {
            let unknown = || "Got a UnknownHostException when try to get FQDN".to_owned();
            let name = own.ok_or_else(unknown)?;
            let address = network.resolve(&name).await.map_err(|_| unknown())?;
            (network.first_name(address).unwrap_or(name), address)
        }
    };
    Ok(Identity {
        host: name,
        address,
        is_name: true,
        remark: None,
    })
}

/// IPv4 first, as the engine prefers it; addresses of the link are skipped.
fn usable_addresses() -> Vec<IpAddr> {
    let Ok(interfaces) = nix::ifaddrs::getifaddrs() else {
        return Vec::new();
    };
    let mut found: Vec<IpAddr> = interfaces
        .filter_map(|interface| interface.address)
        .filter_map(|storage| {
            if let Some(v4) = storage.as_sockaddr_in() {
                return Some(IpAddr::V4(v4.ip()));
            }
            let v6 = storage.as_sockaddr_in6()?.ip();
            (!v6.is_unicast_link_local()).then_some(IpAddr::V6(v6))
        })
        .collect();
    found.sort_by_key(IpAddr::is_ipv6);
    found
}

#[derive(Debug, Clone, Copy)]
struct Cidr {
    base: IpAddr,
    bits: u32,
}

impl Cidr {
    fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (base, bits) = text.split_once('/').ok_or_else(|| text.to_owned())?;
        Ok(Self {
            base: base
                .parse()
                .map_err(|_| format!("Can not parse base IP:{base}"))?,
            bits: bits
                .parse()
                .map_err(|_| format!("For input string: \"{bits}\""))?,
        })
    }

    /// Networks and single addresses, as Doris reads them.
    fn list(texts: &str) -> Result<Vec<Self>, String> {
        let texts = texts.split(';').map(str::trim).filter(|text| !text.is_empty());
        texts
            .map(|text| match text.parse() {
                Ok(base) => Ok(Self { base, bits: 128 }),
                Err(_) => Self::parse(text),
            })
            .collect()
    }

    fn contains(self, address: IpAddr) -> bool {
        match (self.base, address) {
            (IpAddr::V4(base), IpAddr::V4(other)) => {
                let differing = u32::from(base) ^ u32::from(other);
                differing.leading_zeros() >= self.bits.min(32)
            }
            (IpAddr::V6(base), IpAddr::V6(other)) => {
                let differing = u128::from(base) ^ u128::from(other);
                differing.leading_zeros() >= self.bits.min(128)
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_holds_its_addresses_and_no_others() {
        let network = Cidr::parse("10.77.0.0/24").unwrap();
        assert!(network.contains("10.77.0.11".parse().unwrap()));
        assert!(!network.contains("10.77.1.11".parse().unwrap()));
        assert!(Cidr::parse("10.77.0.11").is_err());
    }

    /// Observed: each of these three fits 10.78.0.17; quotes and comments end the start.
    #[test]
    fn a_list_may_name_addresses_and_has_no_quotes_and_no_comments() {
        let own = "10.78.0.17".parse().unwrap();
        for fits in ["10.78.0.17", "10.78.0.17/32", "10.9.0.0/16;10.78.0.0/24"] {
            assert!(
                Cidr::list(fits).unwrap().iter().any(|n| n.contains(own)),
                "{fits}"
            );
        }
        let refused = [
            ("\"10.78.0.0/24\"", "Can not parse base IP:\"10.78.0.0"),
            ("10.78.0.0/24 # comment", "For input string: \"24 # comment\""),
        ];
        for (text, words) in refused {
            assert_eq!(Cidr::list(text).unwrap_err(), words);
        }
    }
}
