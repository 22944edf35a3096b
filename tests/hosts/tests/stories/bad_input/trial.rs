//! One try: what was on the host before, what `muster run` made of it, and whether `muster explain` had said so.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::ensure;
use hosts::{Component, Host, Image, Tree, World};

/// For anything that must happen; only a failing test waits so long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// The password every host is given, and nobody may read.
pub(crate) const SECRET: &str = "hunter2-is-never-shown";

/// What a start script says that only says so.
const STARTED: &str = "the engine was started";

/// Without what makes root root: modes count for it as for everybody.
pub(crate) const AS_ANYBODY: &str = "exec setpriv --bounding-set=-dac_override,-dac_read_search \
                                     --inh-caps=-dac_override,-dac_read_search -- \"$@\"";

/// A home in which everything is in its place, and the start script does nothing but say that it was started.
pub(crate) fn paper(world: &World, component: Component) -> anyhow::Result<Image> {
    let home = world.dir().join(format!("image/paper-{}", component.id()));
    for dir in ["bin", "lib", "conf"] {
        fs::create_dir_all(home.join(dir))?;
    }
    let (mark, conf) = match component {
        Component::Fe => ("starrocks-fe.jar", "fe.conf"),
        Component::Be => ("starrocks_be", "be.conf"),
        Component::Broker => anyhow::bail!("a broker has no home of paper"),
    };
    let stand_in = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("standin");
    fs::copy(
        stand_in
            .join("home/starrocks")
            .join(component.id())
            .join("conf")
            .join(conf),
        home.join("conf").join(conf),
    )?;
    fs::write(home.join("lib").join(mark), "")?;
    let script = home.join(format!("bin/start_{}.sh", component.id()));
    fs::write(
        &script,
        format!(
            "#!/bin/sh\necho {STARTED}\necho >>/opt/started\n\
             case $1 in --host_type | --helper | --logconsole) ;; esac\n"
        ),
    )?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    Image::of(component, &home)
}

/// A host with such a home and everything set that it needs; its seed is somebody else.
pub(crate) fn host(world: &World, n: u8, component: Component) -> anyhow::Result<Host> {
    let image = paper(world, component)?;
    let host = world.host(&format!("{}{n}", component.id()), n, &image)?;
    host.set("MASTER_HOST", "10.99.0.200")
        .set("LOCAL_HOST", &host.address().to_string())
        .set("CLUSTER_PASSWORD", SECRET)
        .set("WAIT_TIMEOUT", "2s");
    Ok(host)
}

/// `muster run` on a host, about to be refused.
pub(crate) struct Trial<'h> {
    host: &'h Host,
    arguments: Vec<&'h str>,
    setup: String,
    explains: bool,
}

impl<'h> Trial<'h> {
    pub(crate) fn of(host: &'h Host) -> Self {
        Self {
            host,
            arguments: Vec::new(),
            setup: String::new(),
            explains: true,
        }
    }

    /// Behind the verb.
    pub(crate) fn with(mut self, arguments: &[&'h str]) -> Self {
        self.arguments.extend(arguments);
        self
    }

    /// Shell commands on the host before, gone with it: mounts first of all.
    pub(crate) fn after(mut self, setup: &str) -> Self {
        setup.clone_into(&mut self.setup);
        self
    }

    /// Only whoever asks the cluster, or starts something, can know.
    pub(crate) fn beyond_explain(mut self) -> Self {
        self.explains = false;
        self
    }

    /// Ends with this code and this report, and nothing else has come of it. `…` in the report is any text.
    pub(crate) fn ends(self, code: i32, report: &str) -> anyhow::Result<()> {
        let said = self.start()?.ends(code)?;
        ensure!(fits(&said, report), "it said\n{said}\nand not\n{report}");
        if self.explains {
            self.begin("explain")?;
            let explained = self.host.exit(PATIENCE)?;
            let log = self.host.last_log();
            ensure!(explained == code, "explain ended with {explained}:\n{log}");
            let explained = report_in(&log);
            ensure!(explained == said, "explain said\n{explained}\nand run\n{said}");
        }
        Ok(())
    }

    pub(crate) fn start(&self) -> anyhow::Result<Started<'h>> {
        let before = self.host.disks()?;
        self.begin("run")?;
        Ok(Started {
            host: self.host,
            before,
        })
    }

    fn begin(&self, verb: &str) -> anyhow::Result<()> {
        let shell = format!("{}\nexec \"$@\"", self.setup);
        let mut program = vec!["sh", "-euc", &shell, "setup", "muster", verb];
        program.extend(&self.arguments);
        if self.setup.is_empty() {
            program.drain(..4);
        }
        self.host.start_program(&program)
    }
}

/// One that runs.
pub(crate) struct Started<'h> {
    host: &'h Host,
    before: Tree,
}

impl Started<'_> {
    /// Waits for the end, and gives the report.
    pub(crate) fn ends(self, code: i32) -> anyhow::Result<String> {
        let ended = self.host.exit(PATIENCE)?;
        let log = self.host.last_log();
        ensure!(ended == code, "it ended with {ended} and not with {code}:\n{log}");
        let changes = self.before.changes(&self.host.disks()?);
        ensure!(changes.is_empty(), "{}\n{log}", changes.join("\n"));
        ensure!(!log.contains(STARTED), "{log}");
        ensure!(!log.contains(SECRET), "the password is in it:\n{log}");
        ensure!(!log.contains("panicked"), "{log}");
        let report = report_in(&log);
        let errors = report.lines().filter(|line| line.starts_with("error: "));
        ensure!(errors.count() == 1, "not one error:\n{log}");
        Ok(report)
    }
}

/// What it said at last: the part of the log that is not the `wait_log`.
pub(crate) fn report_in(log: &str) -> String {
    let wait_log = |line: &&str| line.starts_with('{');
    let lines: Vec<&str> = log.lines().filter(|line| !wait_log(line)).collect();
    lines.join("\n").trim().to_owned()
}

/// Whether a text is like that; `…` is any text.
pub(crate) fn fits(text: &str, pattern: &str) -> bool {
    let mut parts = pattern.split('…');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some((_, after)) = rest.split_once(part) else {
            return false;
        };
        rest = after;
    }
    true
}

/// A file of the host, by the path it has there.
pub(crate) fn put(host: &Host, path: &str, text: impl AsRef<[u8]>) -> anyhow::Result<PathBuf> {
    let path = host.on_disk(Path::new(path));
    fs::create_dir_all(path.parent().unwrap_or(Path::new("/")))?;
    fs::write(&path, text)?;
    Ok(path)
}
