//! What a node is before it is killed, and what must be true of it when it has come back.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hosts::{Component, Engine, Host, Moment, Row, Step, drop_broker, eventually};

use super::home::Home;

/// For anything that must happen; only a failing test waits so long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// For what needs nobody else.
const SOON: Duration = Duration::from_secs(10);

/// Where the second copy of the record lies.
pub(crate) const STATE: &str = "/opt/state";

/// A single file is mounted, as with `--volume ./fe.conf:/opt/starrocks/fe/conf/fe.conf`.
const MOUNT: &str = "mount --bind /opt/fe.conf /opt/*/fe/conf/fe.conf; exec \"$@\"";

fn mounted(host: &Host) -> PathBuf {
    host.on_disk(Path::new("/opt/fe.conf"))
}

/// Takes muster's part out of the conf, which depends on how far the last start came: the next one writes it, whatever it is.
fn bare_conf(host: &Host) -> Result<()> {
    for file in fs::read_dir(host.home().join("conf"))? {
        let path = file?.path();
        let text = fs::read_to_string(&path)?;
        if let Some((of_image, _)) = text.split_once("# >>> muster") {
            fs::write(&path, of_image)?;
        }
    }
    Ok(())
}

/// What a person would miss: another text each time, because earlier ones are kept too.
fn keepsake(added: usize) -> String {
    format!("the data of a node that was added {added} times before")
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Follower,
    Observer,
    Backend,
    ComputeNode,
    Broker,
}

impl Kind {
    pub(crate) fn component(self) -> Component {
        match self {
            Self::Follower | Self::Observer => Component::Fe,
            Self::Backend | Self::ComputeNode => Component::Be,
            Self::Broker => Component::Broker,
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Follower => "follower",
            Self::Observer => "observer",
            Self::Backend => "be",
            Self::ComputeNode => "cn",
            Self::Broker => "broker",
        }
    }

    pub(crate) fn dress(self, host: &Host) {
        match self {
            Self::Observer => host.set("FE_ROLE", "observer"),
            Self::ComputeNode => host.set("COMPONENT", "cn"),
            // Of StarRocks its script asks for one.
            Self::Broker => host.set("JAVA_HOME", "/usr"),
            Self::Follower | Self::Backend => host,
        };
    }

    fn show(self, engine: &Engine) -> &'static str {
        match self {
            Self::ComputeNode => engine.show_compute_nodes,
            _ => self.component().show(),
        }
    }

    pub(crate) fn drop(self, host: &Host) -> String {
        let (engine, address) = (host.engine(), host.address());
        match self {
            Self::Follower => format!("ALTER SYSTEM DROP FOLLOWER \"{address}:9010\""),
            Self::Observer => format!("ALTER SYSTEM DROP OBSERVER \"{address}:9010\""),
            Self::Backend => engine.drop_backend(&format!("{address}:9050")),
            Self::ComputeNode => engine.drop_compute_node(&format!("{address}:9050")),
            Self::Broker => drop_broker(address),
        }
    }
}

/// Where a start begins that will be killed.
#[derive(Debug)]
pub(crate) enum Situation {
    /// A seed that has nothing.
    Founding,
    /// The same, and its conf file is mounted into the container.
    Mounted,
    /// A joiner that has nothing.
    New(Kind, Home),
    /// The same, and muster is to be replaced by the engine.
    Replaced(Kind, Home),
    /// A member whose disk with the data is lost.
    Wiped(Kind, Home),
    /// A registered FE with what a first start left that was cut short before it had a journal.
    Unfinished(Kind, Home),
    /// A member that somebody dropped while it was away, and that is to join anew.
    Dropped(Kind, Home),
    /// The same in a container that was made anew: only the data remembers.
    Recreated(Kind, Home),
}

impl Situation {
    fn parts(&self) -> Option<(Kind, &Home)> {
        match self {
            Self::Founding | Self::Mounted => None,
            Self::New(kind, home)
            | Self::Replaced(kind, home)
            | Self::Wiped(kind, home)
            | Self::Unfinished(kind, home)
            | Self::Dropped(kind, home)
            | Self::Recreated(kind, home) => Some((*kind, home)),
        }
    }

    pub(crate) fn name(&self) -> String {
        let word = self.parts().map_or("seed", |(kind, _)| kind.word());
        match self {
            Self::Founding => "a seed that founds".to_owned(),
            Self::Mounted => "a seed that founds, with a mounted conf file".to_owned(),
            Self::New(..) => format!("a new {word}"),
            Self::Replaced(..) => format!("a new {word} with --exec"),
            Self::Wiped(..) => format!("a wiped {word}"),
            Self::Unfinished(..) => format!("a {word} with an unfinished join"),
            Self::Dropped(..) => format!("a dropped {word} that rejoins"),
            Self::Recreated(..) => format!("a dropped {word} that rejoins, by the record in its data"),
        }
    }

    /// What is killed.
    pub(crate) fn program(&self) -> &'static [&'static str] {
        match self {
            Self::Replaced(..) => &["muster", "run", "--exec"],
            Self::Mounted => &["sh", "-euc", MOUNT, "setup", "muster", "run"],
            _ => &["muster", "run"],
        }
    }

    /// Whether a step is one of those that are not the same in a walk of another situation.
    pub(crate) fn is_about(&self, step: &Step) -> bool {
        let Moment { after, what, .. } = &step.moment;
        match self {
            Self::Founding | Self::New(..) => true,
            Self::Mounted => what.ends_with("/fe.conf"),
            Self::Replaced(..) => what.starts_with("exec "),
            // Until it is found to be registered, or what is old is out of the way and that is written down.
            Self::Wiped(..) => *after <= 14,
            Self::Unfinished(..) | Self::Dropped(..) | Self::Recreated(..) => *after <= 10,
        }
    }

    /// Makes a stopped host what it is to be.
    pub(crate) fn prepare(&self, host: &Host) -> Result<()> {
        let Some((kind, home)) = self.parts() else {
            host.wipe_both()?;
            if matches!(self, Self::Mounted) {
                fs::copy(host.home().join("conf/fe.conf"), mounted(host))?;
            }
            return Ok(());
        };
        if !matches!(self, Self::New(..) | Self::Replaced(..)) && rows(kind, home, host)?.is_empty() {
            // It has to have been a member first.
            host.wipe_both()?;
            host.set("REJOIN", "");
            host.start()?;
            settled(host)?;
            host.kill9()?;
        }
        match self {
            Self::Founding | Self::Mounted => {}
            Self::New(..) | Self::Replaced(..) => {
                if !rows(kind, home, host)?.is_empty() {
                    home.sql(&kind.drop(host))?;
                }
                host.wipe_both()?;
            }
            Self::Wiped(..) => host.wipe_data()?,
            Self::Unfinished(..) => {
                host.wipe_both()?;
                let image = host.data().join("image");
                fs::create_dir_all(&image)?;
                let role = kind.word().to_uppercase();
                let text = if host.engine().is_doris() {
                    format!("#\nrole={role}\nname=fe_0a2cda3e_fdd8_4a64_a2e5_5a1edb2ae041\n")
                } else {
                    format!("#\nrole={role}\nhostType=\nname={}_9010_1\n", host.address())
                };
                fs::write(image.join("ROLE"), text)?;
                fs::write(
                    image.join("VERSION"),
                    format!("#\nclusterId={}\ntoken=t\n", home.id),
                )?;
                fs::write(image.join("keepsake"), keepsake(self.added(host)?))?;
            }
            Self::Dropped(..) | Self::Recreated(..) => {
                home.sql(&kind.drop(host))?;
                if matches!(self, Self::Recreated(..)) {
                    host.wipe_state()?;
                }
                for record in Records::paths(host).into_iter().filter(|path| path.exists()) {
                    let text = fs::read_to_string(&record)?;
                    fs::write(&record, text.replace("\"joined\"", "\"dropped\""))?;
                }
                let tablets = host.data().join("data");
                fs::create_dir_all(&tablets)?;
                fs::write(tablets.join("keepsake"), keepsake(self.added(host)?))?;
                host.set("REJOIN", "1");
            }
        }
        bare_conf(host)
    }

    /// How often the cluster is asked to add it, kills or not.
    const fn adds(&self) -> usize {
        match self {
            Self::Founding | Self::Mounted | Self::Wiped(..) | Self::Unfinished(..) => 0,
            Self::New(..) | Self::Replaced(..) | Self::Dropped(..) | Self::Recreated(..) => 1,
        }
    }

    /// What the cluster was asked before a round.
    pub(crate) fn added(&self, host: &Host) -> Result<usize> {
        self.parts()
            .map_or(Ok(0), |(_, home)| home.adds(&host.address().to_string()))
    }

    /// What must be true when it has come back.
    pub(crate) fn check(&self, host: &Host, before: &Before) -> Result<()> {
        let records = Records::of(host);
        let ports = records.ports();
        if let Some(interrupted) = &before.ports {
            ensure!(
                ports.as_ref() == Some(interrupted),
                "its ports were {interrupted} and are {ports:?}"
            );
        }
        let id = records.cluster_id().context("no cluster id in the record")?;
        if let Some(known) = &before.id {
            ensure!(id == *known, "it was of cluster {known} and is of {id}");
        }
        let rows = match self.parts() {
            None => own(host.sql("SHOW FRONTENDS")?, host),
            Some((kind, home)) => {
                ensure!(
                    id == home.id,
                    "it belongs to cluster {id}, and not to {}",
                    home.id
                );
                rows(kind, home, host)?
            }
        };
        let alive = |row: &Row| row.is("Alive", "true");
        ensure!(
            rows.len() == 1 && rows.iter().all(alive),
            "it is shown as {rows:?}"
        );
        let adds = self.added(host)? - before.added;
        ensure!(adds == self.adds(), "it was added {adds} times");
        if matches!(self, Self::Mounted) {
            let shipped = fs::read_to_string(host.home().join("conf/fe.conf"))?;
            let now = fs::read_to_string(mounted(host))?;
            ensure!(
                now.starts_with(&shipped) && now.len() > shipped.len(),
                "what was mounted is now\n{now}"
            );
        }
        let files = eventually(SOON, "no half-written files", || {
            let files = files_of(host)?;
            let left = |path: &&PathBuf| path.to_string_lossy().ends_with(".muster-new");
            // One that was a member before it was killed may be writing that down again.
            let left: Vec<&PathBuf> = files.iter().filter(left).collect();
            ensure!(left.is_empty(), "left behind: {left:?}");
            Ok(files)
        })?;
        if matches!(
            self,
            Self::Unfinished(..) | Self::Dropped(..) | Self::Recreated(..)
        ) {
            let own = keepsake(before.added);
            let kept = files.iter().filter(|path| {
                path.to_string_lossy().contains("unfinished-")
                    && fs::read_to_string(path).is_ok_and(|text| text == own)
            });
            ensure!(kept.count() == 1, "what was set aside is gone: {files:?}");
        }
        Ok(())
    }
}

/// What is remembered of a round until the next run is up.
#[derive(Debug)]
pub(crate) struct Before {
    pub(crate) added: usize,
    /// As the interrupted run recorded them.
    pub(crate) ports: Option<String>,
    /// Of a cluster that could have stored something.
    pub(crate) id: Option<String>,
}

impl Before {
    /// As the disks are after a kill.
    pub(crate) fn of(host: &Host, added: usize) -> Self {
        let image = host.data().join("image");
        let read = |name| fs::read_to_string(image.join(name)).unwrap_or_default();
        let once_ready = if host.engine().is_doris() {
            let journal = fs::read_to_string(host.data().join("bdb/00000000.jdb"));
            journal.is_ok_and(|text| text.contains("\"nodeName\""))
        } else {
            read("ROLE").lines().any(|line| {
                line.strip_prefix("hostType=")
                    .is_some_and(|kind| !kind.is_empty())
            })
        };
        let version = read("VERSION");
        let id = version.lines().find_map(|line| line.strip_prefix("clusterId="));
        Self {
            added,
            ports: Records::of(host).ports(),
            id: id.filter(|_| once_ready).map(str::to_owned),
        }
    }
}

/// Both copies of the record, as they lie there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Records {
    data: Option<String>,
    state: Option<String>,
}

impl Records {
    /// A broker has no data to keep one in: there both are the same.
    fn paths(host: &Host) -> [PathBuf; 2] {
        let id = if host.variable("COMPONENT").as_deref() == Some("cn") {
            "cn"
        } else {
            host.component().id()
        };
        let state = host.on_disk(&Path::new(STATE).join(format!("muster-{id}.json")));
        match host.component() {
            Component::Broker => [state.clone(), state],
            Component::Fe | Component::Be => [host.data().join("muster.json"), state],
        }
    }

    pub(crate) fn of(host: &Host) -> Self {
        let [data, state] = Self::paths(host).map(|path| fs::read_to_string(path).ok());
        Self { data, state }
    }

    fn text(&self) -> Option<&str> {
        self.data.as_deref().or(self.state.as_deref())
    }

    fn ports(&self) -> Option<String> {
        let (_, ports) = self.text()?.split_once("\"ports\": {")?;
        Some(ports.split('}').next()?.to_owned())
    }

    fn cluster_id(&self) -> Option<String> {
        let (_, id) = self.text()?.split_once("\"cluster_id\": \"")?;
        Some(id.split('"').next()?.to_owned())
    }

    /// Both say that it is a member, and there is nothing left to do.
    pub(crate) fn settled(&self) -> Result<()> {
        ensure!(self.data == self.state, "the copies differ: {self:?}");
        let text = self.text().context("no record")?;
        ensure!(text.contains("\"progress\": \"joined\""), "{text}");
        ensure!(!text.contains("first_steps_pending"), "{text}");
        Ok(())
    }
}

/// Waits until a running node is a member and has written that down.
pub(crate) fn settled(host: &Host) -> Result<()> {
    eventually(PATIENCE, "a member with a record of it", || {
        if host.has_ended() {
            return Ok(Err(anyhow::anyhow!(
                "it ended with {}",
                host.exit(Duration::ZERO)?
            )));
        }
        ensure!(host.last_log().contains("is alive in cluster"), "not alive");
        Records::of(host).settled().map(Ok)
    })
    .and_then(|ended| ended)
}

fn rows(kind: Kind, home: &Home, host: &Host) -> Result<Vec<Row>> {
    Ok(own(home.sql(kind.show(host.engine()))?, host))
}

fn own(rows: Vec<Row>, host: &Host) -> Vec<Row> {
    let address = host.address().to_string();
    rows.into_iter().filter(|row| row.host() == address).collect()
}

/// All files of its disks but the engine's programs.
fn files_of(host: &Host) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut dirs = vec![host.data(), host.on_disk(Path::new("/opt"))];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir)? {
            let path = entry?.path();
            if path.is_dir() && !path.is_symlink() {
                dirs.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}
