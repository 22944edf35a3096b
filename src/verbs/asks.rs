//! What a verb needs that only asks the cluster: beside a node that runs, with the volumes of one that is stopped, or on any
//! machine that reaches an FE.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::cluster::Client;
use crate::effects::clock::seconds;
use crate::effects::history::History;
use crate::effects::join_loop::members;
use crate::effects::survey::Survey;
use crate::engine::{Component, Engine, PortName};
use crate::exit::ExitCode;
use crate::facts::disk::Room;
use crate::facts::home::Home;
use crate::facts::meta_dir;
use crate::facts::record::{DATA_COPY, MemberSeen, Record, RecordCopy};
use crate::facts::resolve::resolve;
use crate::plan::ask_list::by_host;
use crate::plan::history::crash_loop;
use crate::plan::leader::Belief;
use crate::plan::refusal::Refusal;
use crate::plan::view::observed::{Observed, Own};
use crate::plan::view::{View, view};
use crate::settings::{Endpoint, Flags, Host, ImageSettings, Settings};
use crate::verbs::{Outcome, bad_settings, fe_endpoints, machine};

#[derive(Debug)]
pub struct Asks {
    pub engine: &'static Engine,
    settings: Settings,
    /// That of the node of this container.
    record: Option<Record>,
    /// Its events.
    history: Option<History>,
    /// The FEs of the last leader that was believed: those that the settings name may all be gone by now.
    members: RefCell<Vec<MemberSeen>>,
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
        let history = home.as_ref().map(|home| {
            let dir = fe_endpoints::state_dir(home, &image);
            History::of(&dir, home.component)
        });
        let flags = machine::look(flags, vars);
        let settings = if masters.is_empty() {
            Settings::read(flags.clone(), vars.iter().cloned()).or_else(|_| {
                // The volumes of a node know its cluster, where no variable does.
                let flags = if let Some(record) = &record {
                    let members = record.members.iter().map(|member| member.host.clone());
                    let hosts: Vec<Host> = members.chain([record.host.clone()]).collect();
                    naming(flags, &hosts, &record.host)
                } else {
                    nobody(flags)
                };
                Settings::read(flags, vars.iter().cloned())
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
        let own = home.filter(|_| record.is_some());
        let meta_dir = own.and_then(|home| meta_dir(&settings, &home, Path::new("/")));
        Ok(Self {
            engine,
            settings,
            record,
            history,
            members: RefCell::default(),
            meta_dir,
        })
    }

    /// The FEs that were named, and those of the record, each with its ports for SQL and HTTP.
    pub(super) fn known_ports(&self) -> Vec<(Host, u16, u16)> {
        let http = self.http_port();
        let known = self.known();
        let by_host = by_host(&known).into_iter();
        let first = by_host.filter_map(|candidates| candidates.into_iter().next());
        first.map(|at| (at.host.clone(), at.port, http)).collect()
    }

    pub(super) fn client(&self) -> Client {
        Client::new(&self.settings, self.engine)
    }

    pub(super) const fn settings(&self) -> &Settings {
        &self.settings
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
        view(&self.observe(false).await)
    }

    /// The same, and for the replicas of each table.
    pub(super) async fn look_at_tables(&self) -> View {
        view(&self.observe(true).await)
    }

    /// The answers of everybody.
    pub(super) async fn observe(&self, tables: bool) -> Observed {
        let client = Client::new(&self.settings, self.engine);
        let own = match &self.record {
            Some(record) => Some(Own {
                component: record.component,
                host: record.host.clone(),
                also: addresses(&record.host).await,
                identity_port: record.identity_port(),
                cluster_id: record.cluster_id.clone(),
                progress: record.progress,
                crash_loop: self
                    .history
                    .as_ref()
                    .and_then(|history| crash_loop(&history.events(), seconds())),
                meta_free: self
                    .meta_dir
                    .as_deref()
                    .and_then(|dir| Some(Room::of(dir).ok()?.free)),
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
        let seen = survey.ask().await;
        if let Belief::Leader(cluster) = &seen.belief {
            self.members.replace(members(cluster));
        }
        seen
    }

    /// The FEs to begin with.
    fn known(&self) -> Vec<Endpoint> {
        let mut known = fe_endpoints::endpoints(&self.settings, self.engine, self.record.as_ref());
        for member in self
            .members
            .borrow()
            .iter()
            .filter(|member| member.query_port != 0)
        {
            let at = Endpoint {
                host: member.host.clone(),
                port: member.query_port,
            };
            if !known.contains(&at) {
                known.push(at);
            }
        }
        known
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

/// The flags of one who only asks, and is no node: the settings need a host, and nothing asks for this one.
fn nobody(mut flags: Flags) -> Flags {
    let local = ("LOCAL_HOST".to_owned(), "this-host".to_owned());
    flags.variables.push(local);
    flags
}

async fn addresses(host: &Host) -> BTreeSet<Host> {
    let found = resolve(host).await.unwrap_or_default();
    found.into_iter().map(Host::from).collect()
}
