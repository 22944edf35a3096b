//! Decides the start command: the script, its arguments and the changes to its environment.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::limits::{self, Raise};
use crate::engine::{Component, Layout};
use crate::facts::limits::ProcessLimits;
use crate::settings::Host;

/// One complete start command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launch {
    /// The vendor's start script, absolute.
    pub script: PathBuf,
    pub args: Vec<String>,
    /// Variables the script gets in addition to the inherited environment.
    pub set: BTreeMap<String, String>,
    /// Variables that the engine must not get, such as secrets.
    pub unset: Vec<String>,
    /// The working directory: the engine's home.
    pub dir: PathBuf,
    /// Limits to raise.
    pub limits: Vec<Raise>,
}

/// The values that a launch depends on.
#[derive(Debug, Clone)]
pub struct Inputs<'a> {
    pub layout: &'static Layout,
    /// The home dir, or its shadow.
    pub home: &'a Path,
    pub host: &'a Host,
    /// Flags that the installed scripts accept, of those muster uses.
    pub known_flags: &'a [&'static str],
    /// `host:edit_log_port` of the helper of a joining FE.
    pub helper: Option<&'a str>,
    pub script_args: &'a [String],
    /// Variables that the script gets.
    pub set: &'a BTreeMap<String, String>,
    /// Secrets, and variables that make the script fail.
    pub unset: &'a [String],
    pub limits: &'a ProcessLimits,
}

/// The flag that fixes how an FE is known: by address or by name. Set on every start: without it, an FE known by name uses
/// its address and does not find itself in the member list (observed).
pub const HOST_TYPE: &str = "--host_type";
/// The flag that names the helper of a joining FE.
pub const HELPER: &str = "--helper";

/// Derives the start command.
pub fn derive(inputs: &Inputs<'_>) -> Launch {
    let mut args = Vec::new();
    if inputs.layout.component == Component::Fe {
        if inputs.known_flags.contains(&HOST_TYPE) {
            let host_type = match inputs.host {
                Host::Address(_) => "IP",
                Host::Name(_) => "FQDN",
            };
            args.extend([HOST_TYPE.to_owned(), host_type.to_owned()]);
        }
        if let Some(helper) = inputs.helper {
            args.extend([HELPER.to_owned(), helper.to_owned()]);
        }
    }
    let console = inputs.layout.console_flag;
    args.extend(
        console
            .filter(|flag| inputs.known_flags.contains(flag))
            .map(str::to_owned),
    );
    args.extend(inputs.script_args.iter().cloned());
    Launch {
        script: inputs.home.join(inputs.layout.script),
        args,
        set: inputs.set.clone(),
        unset: inputs.unset.to_vec(),
        dir: inputs.home.to_owned(),
        limits: limits::raises(inputs.layout.component, inputs.limits),
    }
}

#[cfg(test)]
mod tests {
    use super::{HELPER, HOST_TYPE, Inputs, derive};
    use crate::engine::{ALL, Component};
    use crate::facts::limits::ProcessLimits;
    use crate::settings::Host;
    use std::path::Path;

    fn args(component: Component, host: &str, known: &[&'static str], helper: Option<&str>) -> String {
        let launch = derive(&Inputs {
            layout: ALL[0].layout(component).unwrap(),
            home: Path::new("/home"),
            host: &Host::parse(host).unwrap(),
            known_flags: known,
            helper,
            script_args: &["--debug".to_owned()],
            set: &[("SKIP".to_owned(), "true".to_owned())].into(),
            unset: &["CLUSTER_PASSWORD".to_owned()],
            limits: &ProcessLimits {
                open_files: None,
                processes: None,
            },
        });
        assert_eq!(launch.unset, ["CLUSTER_PASSWORD"]);
        assert_eq!(launch.set["SKIP"], "true");
        launch.args.join(" ")
    }

    #[test]
    fn only_flags_the_script_knows_are_used() {
        let all = &[HOST_TYPE, HELPER, "--logconsole"];
        assert_eq!(
            args(Component::Fe, "10.0.0.1", all, None),
            "--host_type IP --logconsole --debug"
        );
        assert_eq!(
            args(Component::Fe, "fe1", all, Some("fe0:9010")),
            "--host_type FQDN --helper fe0:9010 --logconsole --debug"
        );
        assert_eq!(
            args(Component::Fe, "fe1", &[HELPER], Some("fe0:9010")),
            "--helper fe0:9010 --debug"
        );
        assert_eq!(args(Component::Be, "10.0.0.1", all, None), "--logconsole --debug");
    }
}
