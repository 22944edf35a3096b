//! Checks what a start script demands before it starts the engine: of the host, of the environment, of its own files. An engine
//! that cannot start must not be registered.

use std::collections::BTreeMap;

use crate::engine::{Demand, JavaHome};
use crate::exit::ExitCode;
use crate::facts::Facts;
use crate::facts::home::Home;
use crate::facts::limits::{HostLimits, ProcessLimits};
use crate::plan::refusal::Refusal;
use crate::settings::Settings;

const JAVA_HOME: &str = "JAVA_HOME";
/// The value that the vendors recommend for `ulimit -n`.
const OPEN_FILES: u64 = 655_350;

/// The variables that the script gets: those that skip its checks of the host. muster has told what is too low.
pub fn variables(home: &Home) -> BTreeMap<String, String> {
    let skip = home.layout.host_checks.map(|checks| checks.skip);
    let skip = skip.filter(|variable| home.mentions(variable)).into_iter();
    skip.map(|variable| (variable.to_owned(), "true".to_owned()))
        .collect()
}

/// The demands on the host that the installed script makes.
pub fn demands(home: &Home) -> Vec<Demand> {
    let checks = home.layout.host_checks.into_iter();
    let made = checks
        .flat_map(|checks| checks.checks)
        .filter(|check| home.mentions(check.word));
    made.map(|check| check.demand).collect()
}

/// The warnings about the host, which a start skips.
pub fn host_warnings(facts: &Facts) -> Vec<String> {
    skipped(&Found {
        home: &facts.home,
        // Nothing of this is about Java or a file.
        java: [true; 2],
        fixed_mode: None,
        host: facts.host_limits,
        process: facts.limits,
    })
}

/// A demand that is not met: the problem, and what an operator does about it.
struct Unmet {
    problem: String,
    cure: String,
}

/// What the start script finds.
struct Found<'a> {
    home: &'a Home,
    /// `JAVA_HOME` in the environment, and in the conf file.
    java: [bool; 2],
    fixed_mode: Option<&'a str>,
    host: HostLimits,
    process: ProcessLimits,
}

pub(super) fn problems(settings: &Settings, facts: &Facts, warnings: &mut Vec<String>) -> Vec<Refusal> {
    let found = Found {
        home: &facts.home,
        java: java_home(settings, facts),
        fixed_mode: facts.fixed_mode.as_deref(),
        host: facts.host_limits,
        process: facts.limits,
    };
    let mut refusals: Vec<Refusal> = no_java(&found).into_iter().collect();
    refusals.extend(mode_cannot_be_set(&found));
    refusals.extend(host_refused(&found));
    warnings.extend(skipped(&found));
    refusals
}

/// `JAVA_HOME` in the environment, and in the conf file with the lines that muster adds.
fn java_home(settings: &Settings, facts: &Facts) -> [bool; 2] {
    let is_set = |value: &str| !value.trim().is_empty();
    let mut inherited = settings.inherited.iter();
    let mut requested = settings.conf.get(&facts.home.component).into_iter().flatten();
    let shipped = facts.conf.exported(JAVA_HOME);
    [
        inherited.any(|(name, value)| name == JAVA_HOME && is_set(value)),
        requested.any(|request| request.key == JAVA_HOME) || shipped.is_some_and(|value| is_set(&value)),
    ]
}

fn no_java(found: &Found<'_>) -> Option<Refusal> {
    let home = found.home;
    let [in_environment, in_conf] = found.java;
    let is_missing = match home.layout.java_home {
        JavaHome::Optional => false,
        JavaHome::InEither => !in_environment && !in_conf,
        JavaHome::InEnvironment => !in_environment,
    };
    (is_missing && home.mentions(JAVA_HOME)).then(|| {
        Refusal::new(
            ExitCode::Configuration,
            format!(
                "JAVA_HOME is not set, and {} does not start a {} without it",
                home.layout.script,
                home.component.name()
            ),
            "set JAVA_HOME in the environment of this container to the JDK of the image",
        )
    })
}

fn mode_cannot_be_set(found: &Found<'_>) -> Option<Refusal> {
    let home = found.home;
    let why = found.fixed_mode.filter(|_| home.always_runs("chmod"))?;
    Some(Refusal::new(
        ExitCode::Taken,
        format!(
            "{} sets the mode of {} at every start, and cannot: {why}",
            home.layout.script,
            home.dir.join(home.layout.program.unwrap_or_default()).display()
        ),
        "make it writable for the user of this container; newer versions of that script set the mode only if they have to",
    ))
}

/// The demands that are not met, of those that the installed script makes.
fn unmet(found: &Found<'_>) -> Vec<(Demand, Unmet)> {
    let made = demands(found.home).into_iter();
    made.filter_map(|demand| Some((demand, meets(demand, found)?)))
        .collect()
}

/// The warnings about a host whose checks are skipped.
fn skipped(found: &Found<'_>) -> Vec<String> {
    let home = found.home;
    let Some(checks) = home
        .layout
        .host_checks
        .filter(|checks| home.mentions(checks.skip))
    else {
        return Vec::new();
    };
    // A limit of open files that cannot be raised is told when that is tried.
    let of_host = unmet(found).into_iter();
    let of_host = of_host.filter(|(demand, _)| !matches!(demand, Demand::OpenFiles(_)));
    let warning = |(_, Unmet { problem, cure }): (Demand, Unmet)| {
        format!(
            "{problem} for a {}: {cure} on the host; muster starts it all the same, with {}=true",
            home.component.name(),
            checks.skip
        )
    };
    of_host.map(warning).collect()
}

/// The refusal of a host that the script would refuse.
fn host_refused(found: &Found<'_>) -> Option<Refusal> {
    let home = found.home;
    let checks = home
        .layout
        .host_checks
        .filter(|checks| !home.mentions(checks.skip))?;
    let (problems, cures): (Vec<String>, Vec<String>) = unmet(found)
        .into_iter()
        .map(|(_, unmet)| (unmet.problem, unmet.cure))
        .unzip();
    (!problems.is_empty()).then(|| {
        Refusal::new(
            ExitCode::Configuration,
            format!(
                "{} refuses this host: {}",
                home.layout.script,
                problems.join("; ")
            ),
            format!(
                "on the host: {}; newer versions of that script can skip these checks ({})",
                cures.join("; "),
                checks.skip
            ),
        )
    })
}

fn meets(demand: Demand, found: &Found<'_>) -> Option<Unmet> {
    let (problem, cure) = match demand {
        Demand::MapCount(least) => {
            let now = found.host.map_count.filter(|now| *now < least)?;
            (
                format!("vm.max_map_count is {now} and must be at least {least}"),
                format!("run `sysctl -w vm.max_map_count={least}`"),
            )
        }
        Demand::NoSwap => {
            found.host.swap.then_some(())?;
            (
                "swap is on and must be off".to_owned(),
                "run `swapoff -a`".to_owned(),
            )
        }
        Demand::OpenFiles(least) => {
            let now = most_open_files(&found.host, &found.process).filter(|now| *now < least)?;
            (
                format!("nofile is {now} and must be at least {least}"),
                format!("set ulimits: nofile: {OPEN_FILES} for this container"),
            )
        }
    };
    Some(Unmet { problem, cure })
}

/// The number of open files that the engine can be given; `None` is any.
const fn most_open_files(host: &HostLimits, process: &ProcessLimits) -> Option<u64> {
    match process.open_files {
        Some(limit) if !host.may_exceed => limit.hard,
        Some(_) | None => None,
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::engine::{ALL, Component};
    use crate::facts::home::ScriptWords;
    use crate::facts::limits::Limit;
    use crate::settings::Source;

    /// `bin/start_be.sh` of three times: before 2.0, before December 2024, since.
    const OLDEST: &str = "MAX=$(cat /proc/sys/vm/max_map_count)\nchmod 755 x\n";
    const OLD: &str = "cat /proc/sys/vm/max_map_count\nswapon -s\nulimit -n\nif [[ -z ${JAVA_HOME} ]]; then\nfi\nchmod 755 x\n";
    const NEW: &str = "if [[ ${SKIP_CHECK_ULIMIT:-} ]]; then\n  cat max_map_count\n  swapon -s\n  ulimit -n\n  chmod 550 x\nfi\n";

    fn home(engine: usize, component: Component, script: &str) -> Home {
        let engine = ALL[engine];
        Home {
            dir: PathBuf::from("/opt/e"),
            dir_source: Source::Default,
            engine,
            layout: engine.layout(component).unwrap(),
            component,
            component_source: Source::Image,
            script: ScriptWords::of(script),
        }
    }

    fn found(home: &Home) -> Found<'_> {
        Found {
            home,
            java: [true, true],
            fixed_mode: None,
            host: HostLimits {
                map_count: Some(2_000_000),
                swap: false,
                may_exceed: false,
            },
            process: ProcessLimits {
                open_files: Some(Limit {
                    soft: Some(1024),
                    hard: Some(60_000),
                }),
                processes: None,
            },
        }
    }

    /// A host that nobody prepared.
    fn unprepared(home: &Home) -> Found<'_> {
        let mut found = found(home);
        (found.host.map_count, found.host.swap) = (Some(65_530), true);
        found.process.open_files = Some(Limit {
            soft: Some(1024),
            hard: Some(4096),
        });
        found
    }

    fn told(found: &Found<'_>) -> Vec<String> {
        let refused = host_refused(found).into_iter();
        let refused =
            refused.map(|refusal| format!("{}: {refusal}; {}", refusal.code.number(), refusal.hint));
        refused.chain(skipped(found)).collect()
    }

    #[test]
    fn a_host_is_refused_before_the_script_does_it_or_named_where_its_checks_are_skipped() {
        const SKIP: &str = "newer versions of that script can skip these checks (SKIP_CHECK_ULIMIT)";
        let map_count = "vm.max_map_count is 65530 and must be at least 2000000";
        let sysctl = "run `sysctl -w vm.max_map_count=2000000`";
        for component in [Component::Be, Component::Cn] {
            let name = component.name();
            let table = [
                (
                    OLDEST,
                    vec![format!(
                        "78: bin/start_be.sh refuses this host: {map_count}; on the host: {sysctl}; {SKIP}"
                    )],
                ),
                (
                    OLD,
                    vec![format!(
                        "78: bin/start_be.sh refuses this host: {map_count}; swap is on and must be off; nofile is 4096 and must \
                         be at least 60000; on the host: {sysctl}; run `swapoff -a`; set ulimits: nofile: 655350 for this \
                         container; {SKIP}"
                    )],
                ),
                (
                    NEW,
                    vec![
                        format!(
                            "{map_count} for a {name}: {sysctl} on the host; muster starts it all the same, with SKIP_CHECK_ULIMIT=true"
                        ),
                        format!(
                            "swap is on and must be off for a {name}: run `swapoff -a` on the host; muster starts it all \
                             the same, with SKIP_CHECK_ULIMIT=true"
                        ),
                    ],
                ),
            ];
            for (script, expected) in table {
                let home = home(1, component, script);
                assert_eq!(told(&unprepared(&home)), expected, "{script}");
                assert_eq!(told(&found(&home)), [""; 0], "{script}");
            }
        }
        // Who may exceed the limit is given more.
        let home = home(1, Component::Be, OLD);
        let mut privileged = found(&home);
        privileged.process = unprepared(&home).process;
        privileged.host.may_exceed = true;
        assert_eq!(told(&privileged), [""; 0]);
    }

    #[test]
    fn only_a_script_that_knows_the_variable_gets_it_and_only_a_be_has_such_checks() {
        let skips = |engine, component, script: &str| variables(&home(engine, component, script)).len();
        assert_eq!(skips(1, Component::Be, NEW), 1);
        assert_eq!(skips(1, Component::Cn, NEW), 1);
        assert_eq!(skips(1, Component::Be, OLD), 0);
        for (engine, component) in [
            (0, Component::Be),
            (0, Component::Broker),
            (1, Component::Fe),
            (1, Component::Broker),
        ] {
            assert_eq!(skips(engine, component, NEW), 0);
            assert_eq!(told(&unprepared(&home(engine, component, OLD))), [""; 0]);
        }
    }

    #[test]
    fn a_script_that_needs_java_is_not_started_without_it() {
        use Component::{Be, Broker, Cn, Fe};
        let script = "[ -z $JAVA_HOME ]";
        let table = [
            (1, Be, script, [false, false], true),
            (1, Cn, script, [false, false], true),
            (1, Be, script, [true, false], false),
            (1, Be, script, [false, true], false),
            // 1.2 does not look.
            (1, Be, OLDEST, [false, false], false),
            (0, Broker, script, [false, true], true),
            (0, Broker, script, [true, false], false),
            (1, Broker, script, [false, false], false),
            (0, Be, script, [false, false], false),
            (1, Fe, script, [false, false], false),
        ];
        for (engine, component, script, java, refused) in table {
            let home = home(engine, component, script);
            let found = Found { java, ..found(&home) };
            assert_eq!(
                no_java(&found).is_some(),
                refused,
                "{engine} {component:?} {java:?}"
            );
        }
    }

    #[test]
    fn a_program_whose_mode_cannot_be_set_stops_only_the_scripts_that_set_it() {
        for (script, refused) in [(OLD, true), (OLDEST, true), (NEW, false)] {
            let home = home(1, Component::Be, script);
            let mut found = found(&home);
            assert!(mode_cannot_be_set(&found).is_none(), "{script}");
            found.fixed_mode = Some("it is on a read-only file system");
            let refusal = mode_cannot_be_set(&found).map(|refusal| refusal.sentence);
            let program = home.layout.program.unwrap();
            let sentence = format!(
                "bin/start_be.sh sets the mode of /opt/e/{program} at every start, and cannot: it is on a read-only file system"
            );
            assert_eq!(refusal, refused.then_some(sentence), "{script}");
        }
    }
}
