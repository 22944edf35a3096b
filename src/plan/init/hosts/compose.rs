//! The compose file of one host.

#![expect(clippy::format_push_string, reason = "a short file, built once")]

use std::path::Path;

use super::super::Target;
use super::super::lines::Lines;
use super::{FIRST_LINE, HostDir, HostsInputs, configuration};
use crate::engine::{Component, Engine, Layout};
use crate::facts::storage;
use crate::plan::refusal::Refusal;
use crate::settings::Host;

/// Where the second copy of the record is, unless a setting names another place.
const STATE_DIR: &str = "/var/lib/muster";

/// The time that docker waits longer than muster, in seconds: by then muster has killed what did not end.
const BEYOND_GRACE: u64 = 15;

/// The variables with a file that muster reads.
pub(super) const READ: [&str; 4] = [
    "CLUSTER_PASSWORD_FILE",
    "CLUSTER_CA_FILE",
    "ROOT_PASSWORD_FILE",
    "ADMIN_PASSWORD_FILE",
];

/// What all services share. A node without a leader is unhealthy before it ends: the start period is shorter than `WAIT_TIMEOUT`.
const SHARED: &str = r#"x-node: &node
  network_mode: host
  restart: unless-stopped
  healthcheck:
    test: ["CMD", "muster", "health"]
    interval: 10s
    timeout: 5s
    retries: 3
    start_period: 2m
  ulimits:
    nofile: {soft: "${NOFILE:-655350}", hard: "${NOFILE:-655350}"}
    nproc: {soft: "${NPROC:-65535}", hard: "${NPROC:-65535}"}
    memlock: {soft: "${MEMLOCK:--1}", hard: "${MEMLOCK:--1}"}
  logging:
    driver: json-file
    options: {max-size: 100m, max-file: "5"}
"#;

/// The whole file: a service for each node.
pub(super) fn render(inputs: &HostsInputs<'_>, dir: &HostDir<'_>, nodes: &[(&Target, Lines)]) -> String {
    let names: Vec<String> = dir
        .listed
        .components
        .iter()
        .map(|it| image_variable(*it))
        .collect();
    let mut text = format!(
        "{FIRST_LINE}\n#\n#   docker compose up -d\n#\n\
         # Changes of your own are for a file compose.override.yaml beside this one. Variables, from the shell or from a file `.env`\n\
         # beside it: {} for other images; NOFILE, NPROC, MEMLOCK for other limits, if the Docker daemon may\n\
         # not raise them so far; a BE needs 60000 open files.\n{SHARED}\nservices:\n",
        names.join(", ")
    );
    let mut volumes: Vec<String> = Vec::new();
    for (at, (target, lines)) in nodes.iter().enumerate() {
        let Some(layout) = inputs.engine.layout(target.component) else {
            continue;
        };
        if at > 0 {
            text.push('\n');
        }
        let node = Node {
            inputs,
            dir,
            target,
            lines,
            layout,
        };
        text.push_str(&node.service(&mut volumes));
    }
    if !volumes.is_empty() {
        // Named without the project: a directory may be copied to a host under any name.
        text.push_str("\nvolumes:\n");
        for volume in volumes {
            text.push_str(&format!("  {volume}: {{name: {}-{volume}}}\n", inputs.engine.id));
        }
    }
    text
}

struct Node<'a> {
    inputs: &'a HostsInputs<'a>,
    dir: &'a HostDir<'a>,
    target: &'a Target,
    lines: &'a Lines,
    layout: &'static Layout,
}

impl Node<'_> {
    fn service(&self, volumes: &mut Vec<String>) -> String {
        let (engine, component) = (self.inputs.engine, self.target.component);
        let id = component.id();
        let settings = &self.target.settings;
        let own = self.inputs.list.image(self.dir.listed, component);
        let image = own.map_or_else(|| default_image(engine, self.layout), str::to_owned);
        let grace = settings
            .stop_grace
            .as_ref()
            .map_or(self.layout.stop_grace, |grace| grace.value);
        let seconds = grace.as_secs() + u64::from(grace.subsec_nanos() > 0);
        let mut text = format!("  {}-{id}:\n    <<: *node\n", engine.id);
        text.push_str(&format!(
            "    image: ${{{}:-{image}}}\n",
            image_variable(component)
        ));
        text.push_str(&format!("    command: [{id}]\n"));
        if let Host::Name(name) = &self.dir.listed.host {
            text.push_str(&format!("    hostname: {name}\n"));
        }
        text.push_str(&format!(
            "    # Longer than STOP_GRACE, which is {seconds} s. A stop takes only as long as the engine needs.\n    \
             stop_grace_period: {}s\n",
            seconds + BEYOND_GRACE
        ));
        text.push_str(&format!(
            "    env_file: [{}]\n",
            super::super::file_name(engine, component)
        ));
        if settings.image.state_dir.is_none() {
            text.push_str(&format!("    environment: {{STATE_DIR: {STATE_DIR}}}\n"));
        }
        text.push_str("    volumes:\n");
        for mount in self.mounts() {
            match mount {
                Mount::Volume(what, inside) => {
                    let volume = format!("{id}-{what}");
                    text.push_str(&format!("      - {volume}:{}\n", scalar(&inside)));
                    volumes.push(volume);
                }
                Mount::Host(path, read_only) => {
                    let path = scalar(&path);
                    let mode = if read_only { ", read_only: true" } else { "" };
                    text.push_str(&format!(
                        "      - {{type: bind, source: {path}, target: {path}{mode}}}\n"
                    ));
                }
            }
        }
        text
    }

    fn mounts(&self) -> Vec<Mount> {
        let (settings, layout) = (&self.target.settings, self.layout);
        let home = self
            .dir
            .env
            .get(self.inputs.engine.home_variable)
            .unwrap_or(layout.default_home);
        let volume = |what, inside: &str| Mount::Volume(what, format!("{home}/{inside}"));
        let mut mounts = Vec::new();
        if let Some(data) = &layout.data {
            let requested = data_dirs(self.target, layout);
            if requested.is_empty() {
                mounts.push(volume("data", data.default));
            }
            mounts.extend(requested.into_iter().map(|path| Mount::Host(path, false)));
        }
        let logs = layout
            .log_dir_keys
            .iter()
            .find_map(|key| requested(self.target, key));
        mounts.push(logs.map_or_else(
            || volume("log", layout.default_logs),
            |path| Mount::Host(path, false),
        ));
        mounts.push(settings.image.state_dir.as_ref().map_or_else(
            || Mount::Volume("state", STATE_DIR.to_owned()),
            |dir| Mount::Host(dir.value.display().to_string(), false),
        ));
        let files = self.lines.iter().filter(|(key, _)| READ.contains(&key.as_str()));
        mounts.extend(files.map(|(_, path)| Mount::Host(path.clone(), true)));
        // It is replaced by a rename, so its directory is mounted.
        let metrics = settings.metrics_path(self.target.component);
        let metrics = metrics.as_deref().and_then(Path::parent);
        mounts.extend(metrics.map(|dir| Mount::Host(dir.display().to_string(), false)));
        let folder = settings.conf_folder.as_ref();
        mounts.extend(folder.map(|folder| Mount::Host(folder.value.display().to_string(), true)));
        let mut seen = Vec::new();
        mounts.retain(|mount| {
            let is_new = !seen.contains(mount);
            seen.push(mount.clone());
            is_new
        });
        mounts
    }
}

/// What a container sees of its host.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Mount {
    /// A volume of docker, by what is in it, and its place in the container.
    Volume(&'static str, String),
    /// A path of the host, at the same place, and whether it is only read. It has to exist: docker would make a directory of root.
    Host(String, bool),
}

/// The image that the dockerfiles of this project make. A component without a home of its own is in that of another one.
fn default_image(engine: &Engine, layout: &Layout) -> String {
    let same = engine
        .layouts
        .iter()
        .find(|other| other.default_home == layout.default_home);
    format!("{}-{}", engine.id, same.unwrap_or(layout).component.id())
}

fn image_variable(component: Component) -> String {
    format!("{}_IMAGE", component.id().to_ascii_uppercase())
}

/// The requested value of a conf key.
fn requested(target: &Target, key: &str) -> Option<String> {
    let requests = target.settings.conf.get(&target.component)?;
    let request = requests.iter().find(|request| request.key == key)?;
    Some(request.value.clone())
}

/// The data dirs that a setting names.
fn data_dirs(target: &Target, layout: &Layout) -> Vec<String> {
    let data = layout.data.as_ref();
    let value = data
        .and_then(|data| requested(target, data.key))
        .unwrap_or_default();
    storage::parse(&value).into_iter().map(|spec| spec.path).collect()
}

/// Refuses a data dir that is no plain path: it could not be mounted, and its data would be gone with the container.
pub(super) fn unfit_paths(engine: &'static Engine, dir: &HostDir<'_>) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    for target in &dir.targets {
        let Some(layout) = engine.layout(target.component) else {
            continue;
        };
        for path in data_dirs(target, layout) {
            if !path.starts_with('/') || path.contains('$') {
                let key = layout.data.as_ref().map_or("", |data| data.key);
                refusals.push(configuration(
                    format!(
                        "{} of the {} on {}: `{path}` is no plain path",
                        key,
                        target.component.name(),
                        dir.listed.host
                    ),
                    "a data dir is mounted from the host: write its whole path; nothing was written",
                ));
            }
        }
    }
    refusals
}

/// A text as YAML has it; compose replaces what follows a `$`.
fn scalar(text: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte);
    if text.bytes().all(is_plain) {
        return text.to_owned();
    }
    // A text, so the conversion cannot fail.
    serde_json::to_string(text).unwrap_or_default().replace('$', "$$")
}
