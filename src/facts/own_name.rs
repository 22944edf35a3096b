//! The name that the Java runtime gives this machine: an FE in name mode knows itself by it, not by `LOCAL_HOST`.
//! `java.net.InetAddress`: `getLocalHost()` is the address of `gethostname`; `getCanonicalHostName()` is the first name of
//! that address, in `/etc/hosts` or else by DNS, if that name has the address too.

use std::net::{IpAddr, ToSocketAddrs};
use std::path::Path;
use std::sync::mpsc;
use std::thread;

use super::resolve::DEADLINE;
use crate::file;
use crate::settings::Host;

/// The canonical names; `None` where no resolver gave a clear answer in time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OwnName {
    /// Of the machine's address.
    pub of_machine: Option<Canonical>,
    /// Of the address of `LOCAL_HOST`.
    pub of_local: Option<Host>,
    /// The machine's own name, if it has no address: the engine ends then.
    pub without_address: Option<String>,
}

/// One canonical name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canonical {
    pub host: Host,
    /// As the resolver spells it: the engine uses that.
    pub spelled: String,
}

impl OwnName {
    /// Asks the resolver on a thread of its own: it has no deadline.
    pub fn look(local: &str, root: &Path) -> Self {
        let services = services(root);
        if services.first().is_some_and(|first| first != "files") {
            return Self::default();
        }
        let known_to_all = services
            .iter()
            .all(|service| service == "files" || service == "dns");
        let (answer, inbox) = mpsc::channel();
        let local = local.to_owned();
        let look = move || {
            let machine = nix::unistd::gethostname()
                .ok()
                .and_then(|name| name.into_string().ok());
            let names = Self {
                of_machine: machine
                    .as_deref()
                    .and_then(|machine| canonical(machine, &forward, &reverse)),
                of_local: canonical(&local, &forward, &reverse).map(|name| name.host),
                without_address: machine.filter(|machine| known_to_all && forward(machine).is_empty()),
            };
            drop(answer.send(names));
        };
        drop(thread::Builder::new().spawn(look));
        inbox.recv_timeout(DEADLINE).unwrap_or_default()
    }
}

/// The services that the C library asks for a name, in their order; none if it decides. `files` is `/etc/hosts`. Others than
/// that and `dns` are libraries, which a static program may not be able to load: the engine could get another answer.
fn services(root: &Path) -> Vec<String> {
    let text = file::text(&root.join("etc/nsswitch.conf"), file::CONF).unwrap_or_default();
    let hosts = text
        .lines()
        .find_map(|line| line.trim_start().strip_prefix("hosts:"));
    let words = hosts.unwrap_or_default().split_whitespace();
    // `[NOTFOUND=return]` is no service.
    let services = words.filter(|word| !word.contains(['[', ']', '=']));
    services.map(str::to_owned).collect()
}

/// The canonical name of the addresses of `name`, if all of them have the same one.
fn canonical(
    name: &str,
    forward: &dyn Fn(&str) -> Vec<IpAddr>,
    reverse: &dyn Fn(IpAddr) -> Option<String>,
) -> Option<Canonical> {
    let mut found: Option<Canonical> = None;
    let all = forward(name);
    // The runtime takes an IPv4 address where there is one.
    let v4_only = all.iter().any(IpAddr::is_ipv4);
    for address in all.into_iter().filter(|address| address.is_ipv4() || !v4_only) {
        let text = reverse(address)?;
        let host = Host::parse(&text)
            .ok()
            .filter(|host| matches!(host, Host::Name(_)))?;
        // A name that does not lead back is not used.
        let name = Canonical { host, spelled: text };
        if !forward(&name.spelled).contains(&address) || found.as_ref().is_some_and(|found| *found != name) {
            return None;
        }
        found = Some(name);
    }
    found
}

fn forward(name: &str) -> Vec<IpAddr> {
    (name, 0)
        .to_socket_addrs()
        .map(|sockets| sockets.map(|socket| socket.ip().to_canonical()).collect())
        .unwrap_or_default()
}

fn reverse(address: IpAddr) -> Option<String> {
    dns_lookup::lookup_addr(&address).ok()
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::{canonical, services};
    use crate::facts::fixture::tree;

    /// Lines of a hosts file: all addresses of a name, and the first name of an address.
    fn name_of(machine: &str, hosts: &[&str]) -> Option<String> {
        let lines: Vec<Vec<&str>> = hosts
            .iter()
            .map(|line| line.split_whitespace().collect())
            .collect();
        let forward = |name: &str| -> Vec<IpAddr> {
            let lines = lines.iter().filter(|line| line[1..].contains(&name));
            lines.map(|line| line[0].parse().unwrap()).collect()
        };
        let reverse = |address: IpAddr| {
            let line = lines.iter().find(|line| line[0] == address.to_string());
            line.map(|line| line[1].to_owned())
        };
        canonical(machine, &forward, &reverse).map(|name| name.spelled)
    }

    #[test]
    fn the_canonical_name_is_the_first_name_of_the_machines_address_or_none() {
        let table: [(&str, &[&str], Option<&str>); 11] = [
            ("db-fe", &["172.18.0.2 db-fe"], Some("db-fe")),
            ("3f2a91c0d1e2", &["172.18.0.2 3f2a91c0d1e2"], Some("3f2a91c0d1e2")),
            // domainname: the long name is first.
            (
                "db-fe",
                &["172.18.0.2 db-fe.example.com db-fe"],
                Some("db-fe.example.com"),
            ),
            // Two networks.
            ("db-fe", &["172.18.0.2 db-fe", "172.19.0.2 db-fe"], Some("db-fe")),
            ("db-fe", &["fd00::2 db-fe"], Some("db-fe")),
            (
                "db-fe",
                &["172.18.0.2 db-fe", "fd00::2 other db-fe"],
                Some("db-fe"),
            ),
            ("fe02", &["127.0.0.1 localhost", "127.0.1.1 fe02"], Some("fe02")),
            ("fe7", &["127.0.0.1 localhost fe7"], Some("localhost")),
            ("DB-FE", &["172.18.0.2 DB-FE"], Some("DB-FE")),
            // The order of the addresses decides: no verdict.
            ("vm", &["127.0.0.1 localhost vm", "10.0.0.2 vm"], None),
            ("db-fe", &[], None),
        ];
        for (machine, hosts, expected) in table {
            assert_eq!(name_of(machine, hosts).as_deref(), expected, "{hosts:?}");
        }
    }

    #[test]
    fn the_services_of_the_c_library_are_read_in_their_order() {
        let table = [
            ("hosts: files dns\n", "files dns"),
            ("passwd: files\n", ""),
            ("  hosts:\tdns files\n", "dns files"),
            ("hosts: resolve [!UNAVAIL=return] files\n", "resolve files"),
            ("hosts: files myhostname dns\n", "files myhostname dns"),
        ];
        for (text, expected) in table {
            let root = tree(&[("etc/nsswitch.conf", text)]);
            assert_eq!(services(root.path()).join(" "), expected, "{text}");
        }
        assert!(services(tree(&[]).path()).is_empty());
    }
}
