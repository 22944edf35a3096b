//! A network with addresses that nobody else has.

use std::net::Ipv4Addr;

use anyhow::bail;

use super::docker;
use super::run::Run;

/// A /24 of 198.18.0.0/15, which is kept for tests (RFC 2544): no machine has a way there that would be hidden.
#[derive(Debug, Clone)]
pub struct Network {
    name: String,
    first: [u8; 3],
}

impl Network {
    pub(crate) fn make(run: &Run) -> anyhow::Result<Self> {
        let name = run.name_of("net");
        let mut refused = String::new();
        for _ in 0..50 {
            let first = [198, 18 + fastrand::u8(0..2), fastrand::u8(..)];
            let network = Self {
                name: name.clone(),
                first,
            };
            let subnet = format!("{}/24", network.address(0));
            match docker(&["network", "create", "--subnet", &subnet, &name]) {
                Ok(_) => return Ok(network),
                // Another run has that one.
                Err(error) if error.to_string().contains("overlaps") => refused = error.to_string(),
                Err(error) => return Err(error),
            }
        }
        bail!("no subnet is free: {refused}")
    }

    /// Leaves its addresses to somebody else of the same test.
    pub fn remove(&self) -> anyhow::Result<()> {
        docker(&["network", "rm", &self.name]).map(drop)
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The address that ends with this number; 1 is this machine's.
    pub fn address(&self, last: u8) -> Ipv4Addr {
        let [a, b, c] = self.first;
        Ipv4Addr::new(a, b, c, last)
    }

    pub fn gateway(&self) -> Ipv4Addr {
        self.address(1)
    }
}
