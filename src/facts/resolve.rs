//! Host names to addresses, with a deadline. `getaddrinfo` has none, and a dead name server keeps it for 10 s and more, so
//! it runs on a thread that nobody waits for, also not the end of this process.

use std::collections::BTreeMap;
use std::net::{IpAddr, ToSocketAddrs};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use crate::settings::Host;

/// How long one name may take.
pub(super) const DEADLINE: Duration = Duration::from_secs(3);

/// What a host stands for; an address stands for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolved {
    Addresses(Vec<IpAddr>),
    Failed(String),
}

/// The addresses of one host, or why there are none.
pub async fn resolve(host: &Host) -> Result<Vec<IpAddr>, String> {
    let (answer, inbox) = oneshot::channel();
    ask(host, |resolved| drop(answer.send(resolved)));
    match timeout(DEADLINE, inbox).await {
        Ok(Ok(Resolved::Addresses(addresses))) => Ok(addresses),
        Ok(Ok(Resolved::Failed(why))) => Err(why),
        Ok(Err(_)) | Err(_) => Err(late()),
    }
}

/// The same for several hosts at once, without a runtime.
pub fn resolve_all(hosts: Vec<Host>) -> BTreeMap<Host, Resolved> {
    let (answers, inbox) = mpsc::channel();
    let mut resolved: BTreeMap<Host, Resolved> = hosts
        .into_iter()
        .map(|host| (host, Resolved::Failed(late())))
        .collect();
    for host in resolved.keys().cloned() {
        let answers = answers.clone();
        ask(&host.clone(), move |answer| drop(answers.send((host, answer))));
    }
    drop(answers);
    let until = Instant::now() + DEADLINE;
    while let Ok((host, answer)) = inbox.recv_timeout(until.saturating_duration_since(Instant::now())) {
        resolved.insert(host, answer);
    }
    resolved
}

fn late() -> String {
    format!("no answer within {} s", DEADLINE.as_secs())
}

fn ask(host: &Host, answer: impl FnOnce(Resolved) + Send + 'static) {
    match host {
        Host::Address(address) => answer(Resolved::Addresses(vec![*address])),
        Host::Name(name) => {
            let name = name.clone();
            // A thread that cannot be had drops `answer`, which ends the wait for it.
            drop(thread::Builder::new().spawn(move || answer(look_up(&name))));
        }
    }
}

fn look_up(name: &str) -> Resolved {
    match (name, 0).to_socket_addrs() {
        Err(error) => Resolved::Failed(error.to_string()),
        Ok(sockets) => {
            let mut addresses: Vec<IpAddr> = Vec::new();
            for socket in sockets {
                let address = socket.ip().to_canonical();
                if !addresses.contains(&address) {
                    addresses.push(address);
                }
            }
            Resolved::Addresses(addresses)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Resolved, resolve, resolve_all};
    use crate::settings::Host;

    #[tokio::test]
    async fn one_host_and_many_are_told_the_same() {
        let hosts = ["192.0.2.7", "localhost", "no-such-host.invalid"].map(|text| Host::parse(text).unwrap());
        let all = resolve_all(hosts.to_vec());
        assert_eq!(all.len(), 3);
        for host in &hosts {
            let one = resolve(host).await;
            match &all[host] {
                Resolved::Addresses(addresses) => assert_eq!(Ok(addresses), one.as_ref()),
                Resolved::Failed(_) => assert!(one.is_err(), "{host}"),
            }
        }
        assert!(matches!(all.get(&hosts[2]), Some(Resolved::Failed(_))));
    }
}
