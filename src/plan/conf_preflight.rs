//! Checks what the engine would refuse to read, or would read differently from what was meant, before anything is written.

use crate::exit::ExitCode;
use crate::facts::conf::{ConfFile, Grammar};
use crate::facts::{DataFacts, Facts};
use crate::plan::conf::is_shell_key;
use crate::plan::founding_mode;
use crate::plan::refusal::Refusal;
use crate::plan::set_key::SetKey;
use crate::settings::Settings;

/// Variables that the shell of the start script gives a value.
const SHELL: [&str; 4] = ["PWD", "OLDPWD", "SHLVL", "_"];

pub(super) fn problems(settings: &Settings, facts: &Facts, warnings: &mut Vec<String>) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    refusals.extend(folder(facts, warnings));
    for file in [Some(&facts.conf), facts.custom_conf.as_ref()]
        .into_iter()
        .flatten()
    {
        for (key, variable) in unset_variables(settings, facts, file) {
            let (why, hint) = if settings.secret_variables.contains(variable) {
                (
                    "which the engine does not inherit from muster, because it holds a secret",
                    format!(
                        "give that value to the container under another name than {variable}, and use that in the conf file"
                    ),
                )
            } else {
                (
                    "which is not set",
                    format!(
                        "set {variable} in the environment of this container, or write the value into the conf file"
                    ),
                )
            };
            let sentence = format!(
                "{}: {key} uses the variable {variable}, {why}",
                file.read_from.display()
            );
            // A BE ends for the keys that it knows only.
            if file.grammar == Grammar::Properties {
                refusals.push(Refusal::new(
                    ExitCode::Configuration,
                    format!("{sentence}; the {} would not start", facts.home.component.name()),
                    hint,
                ));
            } else {
                warnings.push(format!(
                    "{sentence}; the engine does not start if it knows this key"
                ));
            }
        }
    }
    refusals.extend(founding_mode::founded_otherwise(settings, facts));
    refusals.extend(another_component(settings, facts));
    refusals.extend(no_java_options(settings, facts));
    refusals.extend(not_supported(settings, facts));
    refusals
}

/// The start script ends without the line of Java options that its Java needs, after the node would have been registered.
fn no_java_options(settings: &Settings, facts: &Facts) -> Option<Refusal> {
    let java = facts.java.as_ref()?;
    let key = java.options_key?;
    let in_conf = facts.conf.exported(key).or_else(|| facts.conf.lookup(key));
    let in_conf = in_conf.is_some_and(|line| !line.is_empty());
    let requests = settings.conf.get(&facts.home.component).into_iter().flatten();
    let mut inherited = settings.inherited.iter();
    let set = in_conf
        || requests.into_iter().any(|request| request.key == key)
        || inherited.any(|(name, value)| name == key && !value.is_empty());
    let file = facts.conf.read_from.display();
    (!set).then(|| {
        Refusal::new(
            ExitCode::Configuration,
            format!(
                "{file} has no {key}, and the start script ends without it under Java {} ({})",
                java.version,
                java.home.display()
            ),
            "start from the conf file of the vendor's image: it has that line",
        )
    })
}

/// Keys of the conf that ask for what muster does not do.
fn not_supported(settings: &Settings, facts: &Facts) -> Option<Refusal> {
    let home = &facts.home;
    home.engine.unsupported.iter().find_map(|unsupported| {
        let set = SetKey::of(settings, facts, unsupported.key)?;
        let meant = unsupported
            .value
            .is_none_or(|value| set.value.eq_ignore_ascii_case(value));
        meant.then(|| {
            let component = home.component.name();
            Refusal::new(
                ExitCode::Configuration,
                format!(
                    "{} = {} is not supported yet: this {component}'s membership is kept by {}",
                    unsupported.key, set.value, unsupported.kept_by
                ),
                format!(
                    "{}, or start this {component} with the vendor's entrypoint",
                    set.remedy
                ),
            )
        })
    })
}

/// Refuses a conf with the lines that make a node another component than this one is to be.
fn another_component(settings: &Settings, facts: &Facts) -> Option<Refusal> {
    let home = &facts.home;
    let custom = |key: &str| facts.custom_conf.as_ref()?.lookup(key);
    let last = |key: &str| {
        let mut requested = settings.conf.get(&home.component).into_iter().flatten().rev();
        let requested = requested.find(|request| request.key == key);
        custom(key)
            .or_else(|| requested.map(|request| request.value.clone()))
            .or_else(|| facts.conf.lookup(key))
    };
    let refusal = |key: &str, value: &str, of: &str, hint: String| {
        let sentence = format!(
            "{key} = {value} in the conf makes this node a {of}, but it is started as a {} (from {})",
            home.component.name(),
            home.component_source
        );
        Refusal::new(ExitCode::Configuration, sentence, hint)
    };
    // muster adds its own lines to the first file, and the engine reads the second one last.
    for (key, value) in home.layout.fixed_conf {
        if let Some(other) = custom(key).filter(|other| other != value) {
            let file = facts.custom_conf.as_ref()?.read_from.display();
            let hint = format!("remove {key} from {file}");
            return Some(refusal(key, &other, "node of another kind", hint));
        }
    }
    let mut others = home.engine.layouts.iter().filter(|other| {
        other.script == home.layout.script
            && other.component != home.component
            && !other.fixed_conf.is_empty()
    });
    let other = others.find(|other| {
        let mut lines = other.fixed_conf.iter();
        lines.all(|(key, value)| last(key).as_deref() == Some(value))
    })?;
    let (key, value) = other.fixed_conf.first()?;
    let hint = format!("set COMPONENT={}, or remove {key}", other.component.id());
    Some(refusal(key, value, other.component.name(), hint))
}

fn folder(facts: &Facts, warnings: &mut Vec<String>) -> Option<Refusal> {
    let folder = facts.conf_folder.as_ref()?;
    let (dir, source) = (folder.dir.display(), folder.source.name());
    for name in &folder.mounted {
        warnings.push(format!(
            "{} is mounted itself, so {dir}/{name} (from {source}) does not replace it",
            facts.home.conf_dir().join(name).display()
        ));
    }
    let Err(why) = &folder.names else {
        let own = facts.conf.path.file_name().unwrap_or_default().to_string_lossy();
        if folder.instead_of(&facts.conf.path).is_none() && !folder.mounted.iter().any(|name| *name == own) {
            warnings.push(format!(
                "{dir} (from {source}) has no file {own}, so that of the image is used; put {own} there, not into a folder \
                 below it"
            ));
        }
        return None;
    };
    Some(Refusal::new(
        ExitCode::Configuration,
        format!("cannot list {dir}, from {source}: {why}"),
        format!("mount the folder with the conf files there, or unset {source}"),
    ))
}

/// The keys of a conf file that use a variable without a value, and are not requested.
fn unset_variables<'a>(
    settings: &'a Settings,
    facts: &'a Facts,
    file: &'a ConfFile,
) -> impl Iterator<Item = &'a (String, String)> {
    let home = &facts.home;
    let is_given = |name: &str| {
        // A name with a dot is a property of the Java VM.
        let is_variable = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let by_script = home
            .engine
            .script_adds
            .iter()
            .any(|start| name.starts_with(start));
        let by_option = format!("-D{name}=");
        !is_variable || by_script || SHELL.contains(&name) || file.text.contains(&by_option)
    };
    let is_requested = move |key: &str| {
        let requested = settings.conf.get(&home.component);
        let mut ports = home.engine.ports_of(home.component);
        requested.is_some_and(|requests| requests.iter().any(|request| request.key == key))
            || ports.any(|port| port.conf_key == key && settings.ports.contains_key(&port.name))
    };
    let data_key = home.layout.data.as_ref().map_or("", |data| data.key);
    let is_data = move |key: &str| key == data_key && matches!(facts.data, DataFacts::Unresolved { .. });
    // A BE ignores upper-case keys.
    let is_read = |key: &str| file.grammar == Grammar::Properties || !is_shell_key(key);
    file.unresolved
        .iter()
        .filter(move |(key, name)| is_read(key) && !is_given(name) && !is_requested(key) && !is_data(key))
}
