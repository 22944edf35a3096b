//! What a verb needs that only asks the cluster: beside a node that runs, with the volumes of one that is stopped, or on any
//! machine that reaches an FE.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use nix::sys::statvfs::statvfs;

use crate::cluster::Client;
use crate::effects::survey::Survey;
use crate::engine::{Component, Engine, PortName};
use crate::exit::ExitCode;
use crate::facts::home::Home;
use crate::facts::record::{DATA_COPY, Record, RecordCopy};
use crate::facts::resolve::resolve;
use crate::facts::{DataFacts, gather};
use crate::plan::refusal::Refusal;
use crate::plan::view::observed::Own;
use crate::plan::view::{View, view};
use crate::settings::{Endpoint, Flags, Host, ImageSettings, Settings};
use crate::verbs::{Outcome, bad_settings, fe_endpoints, machine};

#[derive(Debug)]
pub struct Asks {
    pub engine: &'static Engine,
    settings: Settings,
    /// That of the node of this container.
    record: Option<Record>,
    /// Where the FE of this container keeps its metadata.
    meta_dir: Option<PathBuf>,
}

impl Asks {
    /// `masters`: the hosts of the command line, in the place of `MASTER_HOST`.
    pub(super) fn read(
        flags: Flags,
        vars: &[(OsString, OsString)],
        masters: &[Host],
    ) -> Result<Self, Outcome> {
        let image = ImageSettings::read(&flags, vars)
            .map_err(|problems| bad_settings(&problems))?
            .0;
        let home = machine::image_home(&flags, vars);
        let engine = machine::image_engine(&flags, vars).or(image.engine.as_ref().map(|engine| engine.value));
        let Some(engine) = engine else {
            return Err(Outcome::refused(&[Refusal::new(
                ExitCode::Configuration,
                "this image has no engine, and ENGINE is not set",
                "run it in an image of the engine, or set ENGINE",
            )]));
        };
        let record = home.as_ref().and_then(|home| record(home, &image));
        let flags = machine::look(flags, vars);
        let settings = if masters.is_empty() {
            Settings::read(flags.clone(), vars.iter().cloned()).or_else(|problems| {
                // The volumes of a node know its cluster, where no variable does.
                let known = record.as_ref().map(|record| {
                    let members = record.members.iter().map(|member| member.host.clone());
                    (
                        members.chain([record.host.clone()]).collect::<Vec<_>>(),
                        &record.host,
                    )
                });
                let (hosts, own) = known.ok_or(problems)?;
                Settings::read(naming(flags, &hosts, own), vars.iter().cloned())
            })
        } else {
            let own = record.as_ref().map(|record| &record.host).or(masters.first());
            let flags = own.map_or(flags.clone(), |own| naming(flags, masters, own));
            Settings::read(flags, vars.iter().cloned())
        };
        let (settings, warnings) = settings.map_err(|problems| bad_settings(&problems))?;
        for warning in warnings {
            tracing::debug!("{warning}");
        }
        let own_fe = home.filter(|home| record.is_some() && home.component.is_fe());
        let meta_dir = own_fe.and_then(|home| match gather(&settings, home, Path::new("/")).data {
            DataFacts::Fe(data) => Some(data.place.path),
            _ => None,
        });
        Ok(Self {
            engine,
            settings,
            record,
            meta_dir,
        })
    }

    /// The node of this container.
    pub(super) fn own(&self) -> Option<(Component, &Host, Option<u16>)> {
        let record = self.record.as_ref()?;
        Some((record.component, &record.host, record.identity_port()))
    }

    /// Its ports.
    pub(super) fn own_ports(&self) -> Option<(Component, BTreeMap<PortName, u16>)> {
        let record = self.record.as_ref()?;
        Some((record.component, record.ports.clone()))
    }

    /// The FEs that were named, and those of the record.
    pub(super) fn known_hosts(&self) -> Vec<Host> {
        self.known().into_iter().map(|endpoint| endpoint.host).collect()
    }

    /// Asks everybody once.
    pub(super) async fn look(&self) -> View {
        self.survey(false).await
    }

    /// The same, and for the replicas of each table.
    pub(super) async fn look_at_tables(&self) -> View {
        self.survey(true).await
    }

    async fn survey(&self, tables: bool) -> View {
        let client = Client::new(&self.settings, self.engine);
        let own = match &self.record {
            Some(record) => Some(Own {
                component: record.component,
                host: record.host.clone(),
                also: addresses(&record.host).await,
                identity_port: record.identity_port(),
                cluster_id: record.cluster_id.clone(),
                progress: record.progress,
                meta_free: self.meta_dir.as_deref().and_then(free),
            }),
            None => None,
        };
        let known = self.known();
        let survey = Survey {
            client: &client,
            engine: self.engine,
            account: &self.settings.account.user.value,
            known: &known,
            http_port: self.http_port(),
            own,
            tables,
        };
        view(&survey.ask().await)
    }

    /// The FEs to begin with.
    fn known(&self) -> Vec<Endpoint> {
        fe_endpoints::endpoints(&self.settings, self.engine, self.record.as_ref())
    }

    /// The HTTP port of an FE, which is the same on all.
    fn http_port(&self) -> u16 {
        let members = self.record.iter().flat_map(|record| &record.members);
        let remembered = members.map(|member| member.http_port).find(|port| *port != 0);
        let requested = self.settings.ports.get(&PortName::Http).map(|port| port.value);
        let default = self
            .engine
            .port(Component::Fe, PortName::Http)
            .and_then(|port| port.default);
        remembered.or(requested).or(default).unwrap_or_default()
    }
}

/// The copy beside the conf, or that in the data: a container may have nothing but the volumes of another one.
fn record(home: &Home, image: &ImageSettings) -> Option<Record> {
    let state = fe_endpoints::record(home, image).1;
    let data = home.layout.data.as_ref();
    let data = data.map(|data| RecordCopy::read(&home.dir.join(data.default).join(DATA_COPY)));
    [Some(state), data]
        .into_iter()
        .flatten()
        .find_map(|copy| match copy {
            RecordCopy::Present(record) => Some(record),
            RecordCopy::Missing | RecordCopy::Unreadable { .. } | RecordCopy::Newer { .. } => None,
        })
}

/// The flags with these hosts, as if two variables named them.
fn naming(mut flags: Flags, hosts: &[Host], own: &Host) -> Flags {
    let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
    flags.variables.push(("MASTER_HOST".to_owned(), hosts.join(",")));
    flags.variables.push(("LOCAL_HOST".to_owned(), own.to_string()));
    flags
}

/// The free bytes for somebody who is not root.
fn free(dir: &Path) -> Option<u64> {
    let volume = statvfs(dir).ok()?;
    Some(volume.blocks_available() * volume.fragment_size())
}

async fn addresses(host: &Host) -> BTreeSet<Host> {
    let found = resolve(host).await.unwrap_or_default();
    found.into_iter().map(Host::from).collect()
}
