//! Reads the secret that all FEs of a cluster share, where their conf sets one: without it an FE tells a member nothing.

use super::conf::{ConfFile, Grammar};
use super::home::Home;
use super::mounts::Mounts;
use crate::settings::{Secret, Settings};

/// The secret in this FE's conf files, in the order in which the engine reads them.
pub fn read(settings: &Settings, home: &Home) -> Option<Secret> {
    let key = home.engine.probes.caller?.token_key;
    if !home.component.is_fe() {
        return None;
    }
    let in_file = |path: &str| {
        let path = home.dir.join(path);
        let file = ConfFile::read(&path, &path, Grammar::of(home.component), &Mounts::default());
        file.lookup(key).filter(|value| !value.is_empty())
    };
    let requested = || {
        let requests = settings.conf.get(&home.component)?.iter();
        let request = requests.rev().find(|request| request.key == key)?;
        Some(request.value.clone())
    };
    let value = home.layout.custom_conf.and_then(in_file);
    let value = value.or_else(requested).or_else(|| in_file(home.layout.conf));
    value.map(Secret::new)
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::engine::Component;
    use crate::facts::fixture::{home, other_engine, settings, tree};
    use crate::settings::{ConfRequest, Secret, Source};

    #[test]
    fn the_secret_of_the_fes_is_read_where_the_engine_reads_it() {
        let key = other_engine().probes.caller.unwrap().token_key;
        let line = |value: &str| format!("{key} = {value}\n");
        // The conf file, a request, the second conf file.
        let table = [
            (None, None, None, None),
            (Some("one"), None, None, Some("one")),
            (Some(""), None, None, None),
            (Some("one"), Some("two"), None, Some("two")),
            (Some("one"), Some("two"), Some("three"), Some("three")),
        ];
        for (conf, requested, custom, expected) in table {
            let root = tree(&[
                ("conf/fe.conf", &conf.map(line).unwrap_or_default()),
                ("conf/fe_custom.conf", &custom.map(line).unwrap_or_default()),
            ]);
            let mut settings = settings();
            settings
                .conf
                .entry(Component::Fe)
                .or_default()
                .extend(requested.map(|value: &str| ConfRequest {
                    key: key.to_owned(),
                    value: value.to_owned(),
                    source: Source::Default,
                }));
            let mut home = home(root.path(), Component::Fe);
            assert!(read(&settings, &home).is_none(), "an engine without one");
            home.engine = other_engine();
            home.layout = home.engine.layout(Component::Fe).unwrap();
            let secret = read(&settings, &home);
            assert_eq!(secret.as_ref().map(Secret::reveal), expected);
            home.component = Component::Be;
            assert!(read(&settings, &home).is_none());
        }
    }
}
