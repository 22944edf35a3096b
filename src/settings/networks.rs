//! Networks as `priority_networks` lists them.

use std::net::IpAddr;

use ipnet::IpNet;

/// Networks separated by `;`, as the engines want them, or by `,`, as people write them.
fn parse(text: &str) -> Result<Vec<IpNet>, String> {
    text.split([';', ','])
        .map(|part| parse_network(part.trim()))
        .collect()
}

fn parse_network(text: &str) -> Result<IpNet, String> {
    if text.is_empty() {
        return Err("has an empty network".to_owned());
    }
    if !text.contains('/') {
        return Err(format!(
            "has no mask in `{text}`: one host is /32, or /128 for IPv6"
        ));
    }
    text.parse()
        .map_err(|_| format!("has `{text}`, which is not an address with a mask, such as 10.0.0.0/8"))
}

/// In the engines' spelling.
pub(super) fn render(text: &str) -> Result<String, String> {
    let networks: Vec<String> = parse(text)?.iter().map(IpNet::to_string).collect();
    Ok(networks.join(";"))
}

/// Tells if an engine that follows this list may choose that address.
pub(super) fn any_contains(text: &str, address: IpAddr) -> bool {
    parse(text).is_ok_and(|networks| networks.iter().any(|network| network.contains(&address)))
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
