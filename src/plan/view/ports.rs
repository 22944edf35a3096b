//! The ports of one node, who dials each, and the rules of a firewall that let just these in.

#![expect(clippy::format_push_string, reason = "a short report, built once")]

use std::collections::BTreeSet;
use std::net::IpAddr;

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use crate::engine::dialler::Dialler;
use crate::engine::{Component, Engine, PortName};
use crate::printable::COLUMNS;
use std::collections::BTreeMap;

/// One port of the node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Rule {
    pub port: u16,
    /// Its key in the conf file.
    pub key: &'static str,
    /// The engine's default, where the port is another one.
    pub instead_of: Option<u16>,
    pub purpose: &'static str,
    #[serde(skip)]
    pub from: &'static [Dialler],
}

/// The addresses of the nodes that dial.
pub type Peers = BTreeMap<Dialler, BTreeSet<IpAddr>>;

/// The ports of a node, `chosen` or the engine's own, in the order of their numbers.
pub fn rules(engine: &Engine, component: Component, chosen: &BTreeMap<PortName, u16>) -> Vec<Rule> {
    let mut rules: Vec<Rule> = engine
        .ports_of(component)
        .filter_map(|port| {
            let number = chosen.get(&port.name).copied();
            // Without a record a port that is off by default is not known to be on.
            let number = number.or(port.default.filter(|_| chosen.is_empty()))?;
            let (from, purpose) = port.name.dialled_by();
            Some(Rule {
                port: number,
                key: port.conf_key,
                instead_of: port.default.filter(|default| *default != number),
                purpose,
                from,
            })
        })
        .collect();
    rules.sort_by_key(|rule| rule.port);
    rules
}

/// The table for people.
pub fn table(rules: &[Rule], peers: &Peers) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(u16::try_from(COLUMNS).unwrap_or(u16::MAX))
        .set_header(["port", "key", "dialled by", "for"]);
    for rule in rules {
        let number = match rule.instead_of {
            Some(default) => format!("{} (not {default})", rule.port),
            None => rule.port.to_string(),
        };
        let from: Vec<&str> = rule.from.iter().map(|dialler| dialler.word()).collect();
        table.add_row([
            number,
            rule.key.to_owned(),
            from.join(", "),
            rule.purpose.to_owned(),
        ]);
    }
    let mut text = String::new();
    for line in table.lines() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text.push('\n');
    for (dialler, addresses) in peers {
        let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        text.push_str(&format!("{}: {}\n", dialler.word(), addresses.join(" ")));
    }
    crate::printable::fit(&text)
}

/// A file for `nft -f`: it replaces the table that an earlier one made, and touches no other.
pub fn nft(rules: &[Rule], peers: &Peers, component: Component) -> String {
    format!(
        "#!/usr/sbin/nft -f\n# The ports of this {}, as `muster ports` saw them. Load it again after a node was added.\n{}",
        component.name(),
        nft_table(rules, peers, component)
    )
}

/// The table alone.
pub fn nft_table(rules: &[Rule], peers: &Peers, component: Component) -> String {
    let name = format!("muster_{}", component.id());
    let mut text = format!("table inet {name}\ndelete table inet {name}\ntable inet {name} {{\n");
    for dialler in Dialler::NODES {
        for (suffix, kind) in FAMILIES {
            let addresses: Vec<String> = peers
                .get(&dialler)
                .into_iter()
                .flatten()
                .filter(|address| address.is_ipv4() == (suffix == "4"))
                .map(ToString::to_string)
                .collect();
            text.push_str(&format!("  set {}{suffix} {{ type {kind}; ", dialler.set()));
            if !addresses.is_empty() {
                text.push_str(&format!("elements = {{ {} }} ", addresses.join(", ")));
            }
            text.push_str("}\n");
        }
    }
    text.push_str(
        "  chain input {\n    type filter hook input priority 0; policy accept;\n    iif lo accept\n    \
         ct state established,related accept\n",
    );
    for rule in rules {
        if rule.from.contains(&Dialler::User) {
            text.push_str(&format!(
                "    tcp dport {} accept comment \"{}\"\n",
                rule.port, rule.key
            ));
            continue;
        }
        for dialler in rule.from {
            let (port, set, key) = (rule.port, dialler.set(), rule.key);
            text.push_str(&format!(
                "    tcp dport {port} ip saddr @{set}4 accept comment \"{key}\"\n    \
                 tcp dport {port} ip6 saddr @{set}6 accept comment \"{key}\"\n"
            ));
        }
    }
    let ports: Vec<String> = rules.iter().map(|rule| rule.port.to_string()).collect();
    text.push_str(&format!(
        "    tcp dport {{ {} }} drop\n  }}\n}}\n",
        ports.join(", ")
    ));
    text
}

/// The suffix of a set and its type in nft: addresses of both families are never in one.
const FAMILIES: [(&str, &str); 2] = [("4", "ipv4_addr"), ("6", "ipv6_addr")];

/// Commands for ufw. Its default has to be to deny what comes in.
pub fn ufw(rules: &[Rule], peers: &Peers) -> String {
    each(rules, peers, |from, rule| {
        let from = from.map_or_else(|| "any".to_owned(), ToString::to_string);
        format!(
            "ufw allow proto tcp from {from} to any port {} comment '{}'\n",
            rule.port, rule.key
        )
    })
}

/// Commands for firewalld. Its zone has to be one that denies what is not listed.
pub fn firewalld(rules: &[Rule], peers: &Peers) -> String {
    let commands = each(rules, peers, |from, rule| match from {
        None => format!("firewall-cmd --permanent --add-port={}/tcp\n", rule.port),
        Some(address) => {
            let family = if address.is_ipv4() { "ipv4" } else { "ipv6" };
            format!(
                "firewall-cmd --permanent --add-rich-rule='rule family={family} source address={address} port port={} \
                 protocol=tcp accept'\n",
                rule.port
            )
        }
    });
    commands + "firewall-cmd --reload\n"
}

/// A line for each address that dials a port, or one for everybody.
fn each(rules: &[Rule], peers: &Peers, line: impl Fn(Option<&IpAddr>, &Rule) -> String) -> String {
    let mut text = String::new();
    for rule in rules {
        if rule.from.contains(&Dialler::User) {
            text.push_str(&line(None, rule));
            continue;
        }
        let dialling: BTreeSet<&IpAddr> = rule
            .from
            .iter()
            .filter_map(|dialler| peers.get(dialler))
            .flatten()
            .collect();
        for address in dialling {
            text.push_str(&line(Some(address), rule));
        }
    }
    text
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Report<'a> {
    /// The number of the schema.
    muster: u8,
    ports: Vec<PortReport<'a>>,
    /// The addresses of those that dial.
    peers: BTreeMap<&'static str, Vec<String>>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
struct PortReport<'a> {
    #[serde(flatten)]
    rule: &'a Rule,
    /// Those that dial it: `user` is everybody, the others are keys of `peers`.
    from: Vec<&'static str>,
}

pub fn json(rules: &[Rule], peers: &Peers) -> String {
    let report = Report {
        muster: 1,
        ports: rules
            .iter()
            .map(|rule| PortReport {
                rule,
                from: rule.from.iter().map(|dialler| dialler.set()).collect(),
            })
            .collect(),
        peers: peers
            .iter()
            .map(|(dialler, addresses)| (dialler.set(), addresses.iter().map(ToString::to_string).collect()))
            .collect(),
    };
    // Strings and numbers only, so the conversion cannot fail.
    serde_json::to_string_pretty(&report).unwrap_or_default() + "\n"
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::{Peers, firewalld, json, nft, rules, table, ufw};
    use crate::engine::dialler::Dialler;
    use crate::engine::{ALL, Component, PortName};

    fn peers() -> Peers {
        let of = |addresses: &[&str]| -> BTreeSet<_> {
            addresses.iter().map(|address| address.parse().unwrap()).collect()
        };
        BTreeMap::from([
            (Dialler::Fe, of(&["10.0.0.1", "fd00::1"])),
            (Dialler::Be, of(&["10.0.0.5"])),
        ])
    }

    #[test]
    fn every_port_of_every_component_has_somebody_who_dials_it() {
        for engine in ALL {
            for layout in engine.layouts {
                let rules = rules(engine, layout.component, &BTreeMap::new());
                assert!(!rules.is_empty());
                for rule in &rules {
                    assert!(!rule.from.is_empty() && !rule.purpose.is_empty(), "{rule:?}");
                }
                for line in table(&rules, &peers()).lines() {
                    assert!(line.chars().count() <= 80, "{line}");
                }
            }
        }
    }

    #[test]
    fn a_chosen_port_is_shown_beside_the_default_and_one_that_is_off_is_not() {
        let chosen = BTreeMap::from([(PortName::Http, 8030), (PortName::EditLog, 9011)]);
        let rules = rules(ALL[0], Component::Fe, &chosen);
        let shown: Vec<_> = rules.iter().map(|rule| (rule.port, rule.instead_of)).collect();
        assert_eq!(shown, [(8030, None), (9011, Some(9010))]);
        assert!(table(&rules, &peers()).contains("9011 (not 9010)"));
    }

    #[test]
    fn the_rules_let_in_who_dials_and_drop_everybody_else() {
        let chosen = BTreeMap::from([(PortName::Query, 9030), (PortName::EditLog, 9010)]);
        let rules = rules(ALL[0], Component::Fe, &chosen);
        assert_eq!(
            nft(&rules, &peers(), Component::Fe),
            "#!/usr/sbin/nft -f\n\
             # The ports of this FE, as `muster ports` saw them. Load it again after a node was added.\n\
             table inet muster_fe\n\
             delete table inet muster_fe\n\
             table inet muster_fe {\n  \
               set fe4 { type ipv4_addr; elements = { 10.0.0.1 } }\n  \
               set fe6 { type ipv6_addr; elements = { fd00::1 } }\n  \
               set be4 { type ipv4_addr; elements = { 10.0.0.5 } }\n  \
               set be6 { type ipv6_addr; }\n  \
               set broker4 { type ipv4_addr; }\n  \
               set broker6 { type ipv6_addr; }\n  \
               chain input {\n    \
                 type filter hook input priority 0; policy accept;\n    \
                 iif lo accept\n    \
                 ct state established,related accept\n    \
                 tcp dport 9010 ip saddr @fe4 accept comment \"edit_log_port\"\n    \
                 tcp dport 9010 ip6 saddr @fe6 accept comment \"edit_log_port\"\n    \
                 tcp dport 9030 accept comment \"query_port\"\n    \
                 tcp dport { 9010, 9030 } drop\n  \
               }\n\
             }\n"
        );
        assert_eq!(
            ufw(&rules, &peers()),
            "ufw allow proto tcp from 10.0.0.1 to any port 9010 comment 'edit_log_port'\n\
             ufw allow proto tcp from fd00::1 to any port 9010 comment 'edit_log_port'\n\
             ufw allow proto tcp from any to any port 9030 comment 'query_port'\n"
        );
        let zone = firewalld(&rules, &peers());
        assert!(
            zone.contains("family=ipv6 source address=fd00::1 port port=9010"),
            "{zone}"
        );
        assert!(zone.ends_with("firewall-cmd --reload\n"), "{zone}");
        let json: serde_json::Value = serde_json::from_str(&json(&rules, &peers())).unwrap();
        assert_eq!(json["ports"][0]["from"][0], "fe");
        assert_eq!(json["peers"]["be"][0], "10.0.0.5");
    }
}
