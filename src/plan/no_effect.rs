//! Settings that change nothing here: a person who set one expects something of it.

use super::conf_file::lost_heap;
use super::node::Role;
use crate::facts::Facts;
use crate::settings::{Bootstrap, FeRole, JAVA_OPTIONS, Settings, Source, heap_variable, is_for_another};

/// The names of the pre-flight checks.
const CHECKS: [&str; 1] = ["address"];

/// One sentence for each that was probably meant to have an effect on this node.
pub(super) fn warnings(settings: &Settings, facts: &Facts, role: Role) -> Vec<String> {
    let mut all = unwanted(settings, facts);
    all.extend(overwritten_by_script(settings, facts));
    all.extend(lost_heap(settings, facts));
    all.extend(overwritten_by_file(settings, facts));
    let mut lost = |source: Option<&Source>, why: &str| {
        if let Some(Source::Environment(name)) = source {
            all.push(format!("{name} has no effect: {why}"));
        }
    };
    let unguarded = (role == Role::Seed && settings.bootstrap.value != Bootstrap::Guarded)
        .then_some(settings.guard_time.as_ref())
        .flatten();
    lost(
        unguarded.map(|guard| &guard.source),
        "with BOOTSTRAP=never or force, the node does not look for a cluster before it founds one",
    );
    if settings.exec {
        let why = "with MUSTER_EXEC or --exec, no process of muster remains after the start";
        lost(settings.stop_grace.as_ref().map(|grace| &grace.source), why);
        lost(Some(&settings.join_timeout.source), why);
        lost(settings.metrics_file.as_ref().map(|file| &file.source), why);
    }
    let engine = facts.home.engine;
    let shipped = |variable: &str| {
        let mut accounts = engine.accounts.shipped.iter();
        accounts.any(|account| account.password_file == variable)
    };
    if settings.admin_password_file.is_some() && !shipped("ADMIN_PASSWORD_FILE") {
        let name = engine.name;
        all.push(format!(
            "ADMIN_PASSWORD_FILE has no effect: {name} ships no account admin"
        ));
    }
    for name in settings
        .skip_preflight
        .iter()
        .filter(|name| !CHECKS.contains(&name.as_str()))
    {
        all.push(format!(
            "SKIP_PREFLIGHT names {name}, which is no check; the checks are {}",
            CHECKS.join(", ")
        ));
    }
    all
}

/// The variables of ours that are set for other nodes: an env file may be that of several containers.
pub(super) fn for_others(settings: &Settings, facts: &Facts, role: Role) -> Vec<String> {
    let home = &facts.home;
    let seed = role == Role::Seed;
    // The seed is always a follower.
    let observer = settings
        .fe_role
        .as_ref()
        .filter(|role| seed && role.value == FeRole::Observer);
    let observer = observer.map_or("", |role| role.source.name());
    let for_seed = |name: &str| !seed && ["BOOTSTRAP", "GUARD_TIME"].contains(&name);
    let names = settings.names.iter();
    let value = |name: &str| settings.inherited.get(name).unwrap_or_default();
    // Where MASTER_HOST is not set, the host of an FE is that of the leader for a BE.
    let is_read = |name: &str| name == settings.master_hosts.source.name();
    names
        .filter(|name| {
            let for_another = is_for_another(name, value(name), home.engine, home.component);
            *name == observer || for_seed(name) || (for_another && !is_read(name))
        })
        .cloned()
        .collect()
}

/// The engine does not get the variables that its start script ends over. Their values may hold a password.
fn unwanted(settings: &Settings, facts: &Facts) -> Vec<String> {
    let set = settings.inherited.iter().filter(|(_, value)| !value.is_empty());
    let names = set.map(|(name, _)| name);
    let names: Vec<&str> = names
        .filter(|name| facts.home.engine.unwanted.contains(name))
        .collect();
    if names.is_empty() {
        return Vec::new();
    }
    vec![format!(
        "{} of the environment has no effect: the start script ends over it, so the engine does not get it",
        names.join(", ")
    )]
}

/// The start script sets some variables itself, and exports the upper-case lines of the conf file over those of the container.
fn overwritten_by_script(settings: &Settings, facts: &Facts) -> Vec<String> {
    let (layout, conf) = (facts.home.layout, &facts.conf);
    let requested = settings
        .conf
        .get(&facts.home.component)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let component = facts.home.component.id().to_ascii_uppercase();
    let overwritten = settings.inherited.iter().filter_map(|(name, value)| {
        let request = requested.iter().find(|request| request.key == name);
        let shipped = conf.exported(name);
        // Home variables are settings of muster.
        let is_home = crate::engine::ALL
            .iter()
            .any(|engine| engine.home_variable == name);
        let is_set = layout.script_sets.contains(&name) || request.is_some() || shipped.is_some();
        let is_same = request.map_or(shipped.as_deref(), |request| Some(&request.value)) == Some(value);
        if is_home || !is_set || is_same || value.is_empty() {
            return None;
        }
        let by = match (request, &shipped) {
            (Some(request), _) => format!("{} replaces it", request.source.name()),
            (None, Some(_)) => format!(
                "the start script replaces it by that of {}",
                conf.read_from.display()
            ),
            (None, None) => "the start script sets it itself".to_owned(),
        };
        let heap = heap_variable(facts.home.component).filter(|_| JAVA_OPTIONS.contains(&name));
        let instead = match (request, heap) {
            (Some(_), _) => String::new(),
            (None, None) => format!("; set {component}_CONF__{name} instead"),
            // The shipped line has more in it than people repeat.
            (None, Some(heap)) => {
                format!("; {heap} changes the heap alone, {component}_CONF__{name} the whole line")
            }
        };
        Some(format!("{name} of the environment has no effect: {by}{instead}"))
    });
    overwritten.collect()
}

/// The second conf file has precedence over what muster writes into the first.
fn overwritten_by_file(settings: &Settings, facts: &Facts) -> Vec<String> {
    let Some(file) = &facts.custom_conf else {
        return Vec::new();
    };
    let home = &facts.home;
    let keys = settings.conf.get(&home.component).into_iter().flatten();
    let keys = keys.map(|request| (request.key.clone(), request.value.clone(), &request.source));
    let ports = home.engine.ports_of(home.component).filter_map(|port| {
        let request = settings.ports.get(&port.name)?;
        Some((
            port.conf_key.to_owned(),
            request.value.to_string(),
            &request.source,
        ))
    });
    let lost = keys
        .chain(ports)
        .filter(|(key, value, _)| file.lookup(key).is_some_and(|other| other != *value));
    lost.map(|(key, _, source)| {
        format!(
            "{} has no effect: {} sets {key} too, and the engine reads it last",
            source.name(),
            file.read_from.display()
        )
    })
    .collect()
}
