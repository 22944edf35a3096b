//! The values of the image and of this machine that settings may need in place of a variable.

use std::path::Path;

use super::addresses;
use super::conf::{ConfFile, Grammar};
use super::home::Home;
use super::mounts::Mounts;
use super::resolve::{Resolved, resolve_all};
use crate::settings::{Host, Machine};

/// Looks at them; `home` is that of the image, if one can be chosen.
pub fn look(home: Option<&Home>) -> Machine {
    Machine {
        engine: home.map(|home| home.engine),
        component: home.map(|home| home.component),
        addresses: addresses::reachable(),
        conf_host: home.and_then(conf_host),
    }
}

/// The host that a key of the conf file means for this node, although the engine ignores it, if it is this machine.
fn conf_host(home: &Home) -> Option<(&'static str, Host)> {
    let keys = home.engine.ignored_keys.iter();
    let mut keys = keys
        .filter(|key| key.names_host && key.component == home.component)
        .peekable();
    keys.peek()?;
    let path = home.conf();
    let grammar = Grammar::of(home.component);
    let conf = ConfFile::read(&path, &path, grammar, &Mounts::read(Path::new("/")));
    keys.find_map(|key| {
        let host = Host::parse(&conf.lookup(key.key)?).ok()?;
        let resolved = resolve_all(vec![host.clone()]);
        let here = matches!(resolved.get(&host), Some(Resolved::Addresses(all)) if addresses::is_here(all));
        here.then_some((key.key, host))
    })
}
