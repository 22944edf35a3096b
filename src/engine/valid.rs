//! The form of the words that come from a network: each is checked once, where it enters, because it goes on into a command
//! line, SQL, a record and a log.

use std::net::{IpAddr, Ipv6Addr};

/// The longest name of a host (RFC 1035).
const HOST: usize = 253;
/// The longest number: 64 bits and a sign.
const NUMBER: usize = 20;
/// The longest name of a node: its host, a port and a time.
const NAME: usize = 320;
/// The longest of an engine's own words, such as `FOLLOWER`.
const WORD: usize = 32;

/// An address, or letters, digits, `-`, `_` and dots that look like no option.
pub(super) fn is_host(text: &str) -> bool {
    let address = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .map_or_else(
            || text.parse::<IpAddr>().is_ok(),
            |v6| v6.parse::<Ipv6Addr>().is_ok(),
        );
    let is_name = (1..=HOST).contains(&text.len())
        && !text.starts_with(['-', '.'])
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    address || is_name
}

/// A cluster's id is a number; one of an engine that never set it is negative.
pub fn is_cluster_id(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    (1..=NUMBER).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
}

/// The name of a node in its election group.
pub(super) fn is_node_name(text: &str) -> bool {
    (1..=NAME).contains(&text.len())
        && !text.starts_with('-')
        && text
            .bytes()
            .all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\'' | b'`'))
}

/// One of an engine's own words.
pub fn is_word(text: &str) -> bool {
    (1..=WORD).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::{is_cluster_id, is_host, is_node_name, is_word};

    #[test]
    fn only_what_an_engine_would_say_is_valid() {
        let long = "x".repeat(254);
        let hosts = ["10.0.0.1", "fe-1.example.com", "my_fe", "::1", "[fd00::1]", "FE1"];
        let no_hosts = [
            "",
            "10.9.0.11:9010 -Devil=1 --x",
            "--helper",
            "fe1:9010",
            "fe1;id",
            "fe\n1",
            "fe\u{1b}[2J",
            "$(id)",
            "[fe1]",
            "f\u{fc}",
            &long,
        ];
        for host in hosts {
            assert!(is_host(host), "{host}");
        }
        for host in no_hosts {
            assert!(!is_host(host), "{host}");
        }
        assert!(is_cluster_id("147889237") && is_cluster_id("-1"));
        assert!(
            !["", "-", "1 2", "abc", "1&token=2", &"1".repeat(3 << 20)]
                .into_iter()
                .any(is_cluster_id)
        );
        assert!(is_node_name("10.77.0.11_9010_1795234059948") && is_node_name("fe_cb6b1f9e"));
        assert!(
            !["", "a b", "a\"b", &"x".repeat(321)]
                .into_iter()
                .any(is_node_name)
        );
        assert!(is_word("FOLLOWER") && !is_word("FOLLOWER\r") && !is_word(&long));
    }
}
