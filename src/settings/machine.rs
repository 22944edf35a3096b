//! The values of the image and of this machine that take the place of a variable: images of some vendors need no variable
//! that names the host. The verbs look them up first; settings read nothing but what they are given.

use std::net::IpAddr;

use super::Host;
use crate::engine::{Component, Engine};

/// The image and the machine, as far as they were looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Machine {
    /// The engine and the component of the image.
    pub engine: Option<&'static Engine>,
    pub component: Option<Component>,
    /// The addresses by which others may reach this machine, IPv4 first.
    pub addresses: Vec<IpAddr>,
    /// A key of the conf file that the engine ignores, and the host that it gives to this machine.
    pub conf_host: Option<(&'static str, Host)>,
}

impl Machine {
    /// The address of a machine that has one; of both kinds, that of IPv4. `Err`: all of them.
    pub(super) fn only_address(&self) -> Result<Option<IpAddr>, &[IpAddr]> {
        let v4 = self.addresses.iter().filter(|address| address.is_ipv4()).count();
        let usable = self
            .addresses
            .get(..v4)
            .filter(|_| v4 > 0)
            .unwrap_or(&self.addresses);
        match usable {
            [] => Ok(None),
            [one] => Ok(Some(*one)),
            many => Err(many),
        }
    }
}
