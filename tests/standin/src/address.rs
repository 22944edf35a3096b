//! Which of the host's addresses a node takes as its own.

use std::net::IpAddr;

use crate::network::Network;
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
        if by_name {
            return by_host_name(settings).await;
        }
        if let Some(address) = settings.bind_address {
            return Ok(Self {
                host: address.to_string(),
                address,
                is_name: false,
                remark: None,
            });
        }
        let addresses = usable_addresses();
        let networks: Vec<Cidr> = priority_networks.split(';').filter_map(Cidr::parse).collect();
        if let Some(address) = addresses
            .iter()
            .find(|a| networks.iter().any(|n| n.contains(**a)))
        {
            return Ok(Self {
                host: address.to_string(),
                address: *address,
                is_name: false,
                remark: None,
            });
        }
        let loopback = IpAddr::from([127, 0, 0, 1]);
        let outside = addresses.iter().copied().find(|a| !a.is_loopback());
        let unmatched = !priority_networks.is_empty();
        let address = if unmatched && !settings.profile.falls_back_to_any_address() {
            loopback
        } else {
            outside.unwrap_or(loopback)
        };
        let remark = unmatched.then(|| {
            "ip address range configured for priority_networks does not include the current IP address, \
             will try other usable ip"
                .to_owned()
        });
        Ok(Self {
            host: address.to_string(),
            address,
            is_name: false,
            remark,
        })
    }
}

async fn by_host_name(settings: &Settings) -> Result<Identity, String> {
    let name = match &settings.host_name {
        Some(name) => name.clone(),
        None => nix::unistd::gethostname()
            .ok()
            .and_then(|name| name.into_string().ok())
            .ok_or("Fail to find right address to start fe by using fqdn")?,
    };
    let address = Network::of(settings)
        .resolve(&name)
        .await
        .map_err(|_| format!("Cannot find a network interface matching FQDN: {name}"))?;
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
    /// A text without `/` matches nothing, quietly.
    fn parse(text: &str) -> Option<Self> {
        let (base, bits) = text.trim().split_once('/')?;
        Some(Self {
            base: base.parse().ok()?,
            bits: bits.parse().ok()?,
        })
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
        assert!(Cidr::parse("10.77.0.11").is_none());
    }
}
