//! A machine laid out in a temporary directory, for the tests of this folder.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use super::home::{Home, ScriptWords};
use crate::engine::{self, Component, Engine};
use crate::settings::{
    Account, Bootstrap, Host, ImageSettings, Inherited, Settings, Source, Sourced, Tls, TlsMode,
};
use std::collections::{BTreeMap, BTreeSet};

/// Every path with its text; a path that ends in `/` is a directory, a text `-> x` a link to `x`. Scripts can be
/// executed.
pub(crate) fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    grow(root.path(), files);
    root
}

pub(crate) fn grow(root: &Path, files: &[(&str, &str)]) {
    for (path, text) in files {
        let whole = root.join(path.trim_start_matches('/'));
        if path.ends_with('/') {
            fs::create_dir_all(&whole).unwrap();
            continue;
        }
        fs::create_dir_all(whole.parent().unwrap()).unwrap();
        if let Some(target) = text.strip_prefix("-> ") {
            std::os::unix::fs::symlink(target, &whole).unwrap();
            continue;
        }
        fs::write(&whole, text).unwrap();
        if whole.extension().is_some_and(|end| end == "sh") {
            fs::set_permissions(&whole, fs::Permissions::from_mode(0o755)).unwrap();
        }
    }
}

/// The engine of a test that fits any.
pub(crate) fn one_engine() -> &'static Engine {
    engine::ALL[0]
}

pub(crate) fn other_engine() -> &'static Engine {
    engine::ALL[1]
}

/// A home of `one_engine` in `dir`.
pub(crate) fn home(dir: &Path, component: Component) -> Home {
    home_of(one_engine(), dir, component)
}

pub(crate) fn home_of(engine: &'static Engine, dir: &Path, component: Component) -> Home {
    Home {
        dir: dir.to_owned(),
        dir_source: Source::Default,
        engine,
        layout: engine.layout(component).unwrap(),
        component,
        component_source: Source::Image,
        script: ScriptWords::default(),
    }
}

/// Two addresses and nothing else: this machine's loopback as the seed.
pub(crate) fn settings() -> Settings {
    fn by_default<T>(value: T) -> Sourced<T> {
        Sourced {
            value,
            source: Source::Default,
        }
    }
    let host = Host::parse("127.0.0.1").unwrap();
    Settings {
        master_hosts: by_default(vec![host.clone()]),
        local_host: by_default(host),
        master_query_port: None,
        master_edit_log_port: None,
        fe_role: None,
        broker_name: None,
        ports: BTreeMap::new(),
        image: ImageSettings::default(),
        conf_folder: None,
        conf: BTreeMap::new(),
        heap: BTreeMap::new(),
        host_names: Vec::new(),
        account: Account {
            user: by_default("root".to_owned()),
            password: None,
        },
        tls: Tls {
            mode: TlsMode::Off,
            ca_file: None,
        },
        root_password_file: None,
        admin_password_file: None,
        bootstrap: by_default(Bootstrap::Guarded),
        guard_time: None,
        rejoin: false,
        wait_timeout: by_default(Duration::from_secs(300)),
        stop_grace: None,
        join_timeout: by_default(Duration::from_secs(300)),
        metrics_file: None,
        exec: false,
        skip_preflight: BTreeSet::new(),
        secret_variables: Vec::new(),
        inherited: Inherited::default(),
        names: Vec::new(),
        script_args: Vec::new(),
    }
}
