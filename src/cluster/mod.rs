//! Asks FEs: members by column name, ADD, and the probes of a node's own ports. Every call has a deadline of its own,
//! every failure a class; what follows from an answer is decided elsewhere.

pub mod greeting;
pub mod http;
mod login;
mod mysql;
mod packets;
mod plugin;
mod reach;
mod tls;

pub use self::login::MAX_PACKET;
pub use self::reach::is_open;

use std::time::Duration;

use crate::engine::failure::Failure;
use crate::engine::member::{Backend, Frontend, Row};
use crate::engine::probe::{Ha, Membership};
use crate::engine::valid::is_word;
use crate::engine::{Component, Engine};
use crate::facts::data::ClusterToken;
use crate::settings::{Account, Endpoint, Host, ROOT, Secret, Settings, Source, Sourced, Tls};

/// The deadline of one call: resolving, connecting, logging in, asking and reading together. A leader that has lost
/// its quorum lets a statement hang for 40 s and more (observed).
pub const DEADLINE: Duration = Duration::from_secs(3);

/// The deadline of a question over HTTP that is only asked beside others.
const BRIEF: Duration = Duration::from_secs(1);

/// The questions, so that the loops that ask them can be tested with a script of answers.
#[expect(
    async_fn_in_trait,
    reason = "used generically on one thread; nobody needs the futures to be Send"
)]
pub trait FeClient {
    async fn frontends(&self, at: &Endpoint) -> Result<Vec<Frontend>, Failure>;
    /// All rows of the list that has the members of that component, which is no FE.
    async fn members(&self, at: &Endpoint, component: Component) -> Result<Vec<Backend>, Failure>;
    /// Asks an FE over HTTP, without an account, who leads; `None` if the answer is not that of an FE.
    async fn ha(&self, host: &Host, http_port: u16) -> Option<Ha>;
    /// Asks an FE over HTTP, without an account, for its row of `about`. `asked` is its registered host and its election port,
    /// as far as they are known.
    async fn membership(
        &self,
        at: (&Host, u16),
        asked: &Endpoint,
        about: &Endpoint,
    ) -> Result<Membership, Failure>;
    /// Asks an FE over HTTP, without an account, whether it is of the cluster with this token.
    async fn is_ours(&self, host: &Host, http_port: u16, token: &ClusterToken) -> bool;
    /// Asks an FE over HTTP, without an account, for the id of its cluster, which it tells to members only.
    async fn cluster_id(&self, at: (&Host, u16), asked: &Endpoint) -> Option<String>;
    /// Asks an FE for its clock, in seconds since 1970; `None` without an answer.
    async fn time(&self, at: &Endpoint, http_port: u16) -> Option<i64>;
    /// Asks an FE for the mode of its cluster; `None` without an answer, or if the engine has one mode only.
    async fn founding_mode(&self, at: &Endpoint) -> Option<String>;
    /// Tells the FE `host` that it is a member of `cluster`. Returns true if a muster that waits there has heard it.
    async fn call(&self, host: &Host, http_port: u16, cluster: &str) -> bool;
    /// Tells an FE that `own` may found, or founds. Returns the host of the muster there, if that may found too.
    async fn call_seed(&self, host: &Host, http_port: u16, own: &Host, founding: bool) -> Option<Host>;
    /// Adds one node by its statement.
    async fn add(&self, at: &Endpoint, statement: &str) -> Result<(), Failure>;
}

/// The MySQL form of the questions.
#[derive(Debug, Clone)]
pub struct Client {
    engine: &'static Engine,
    account: Account,
    tls: Tls,
    tls_config: tls::Config,
    deadline: Duration,
    /// A cluster of this age may not have given root its password yet: `ROOT_PASSWORD_FILE` is set.
    first_boot: bool,
    /// The secret that all FEs share, if they have one.
    fe_token: Option<Secret>,
}

impl Client {
    pub fn new(settings: &Settings, engine: &'static Engine) -> Self {
        let client = Self::with(settings.account.clone(), settings.tls.clone(), engine, DEADLINE);
        Self {
            first_boot: settings.root_password_file.is_some(),
            ..client
        }
    }

    /// The same client, as this account without a password: one of a new cluster.
    fn as_new(&self, account: &str) -> Self {
        let user = Sourced {
            value: account.to_owned(),
            source: Source::Default,
        };
        Self {
            account: Account { user, password: None },
            first_boot: false,
            ..self.clone()
        }
    }

    /// Gives an account its first password. `Denied`: it has one.
    pub async fn set_first_password(
        &self,
        at: &Endpoint,
        account: &str,
        password: &Secret,
    ) -> Result<(), Failure> {
        let hash = plugin::hash(password.reveal());
        let statement = self.engine.accounts.set_password(account, &hash);
        self.as_new(account).ask(at, &statement).await.map(drop)
    }

    /// The same client with another deadline.
    #[must_use]
    pub fn patient(&self, deadline: Duration) -> Self {
        Self {
            deadline,
            ..self.clone()
        }
    }

    /// Runs one statement and ignores its rows.
    pub async fn run(&self, at: &Endpoint, statement: &str) -> Result<(), Failure> {
        self.say(at, statement).await.map(drop)
    }

    /// The rows of one statement that changes nothing.
    pub async fn show(&self, at: &Endpoint, statement: &str) -> Result<Vec<Row>, Failure> {
        self.say(at, statement).await
    }

    /// Runs one statement. Until the founder gives it one, some moments after the founding, an account has no password.
    async fn say(&self, at: &Endpoint, statement: &str) -> Result<Vec<Row>, Failure> {
        let answer = self.ask(at, statement).await;
        if !matches!(answer, Err(Failure::Denied(_))) || self.account.password.is_none() {
            return answer;
        }
        let account = &self.account.user.value;
        let new = self.as_new(account);
        let said = if self.first_boot && account == ROOT {
            new.ask(at, statement).await
        } else {
            let let_in = new.is_let_in(at).await;
            let_in.and_then(|()| Err(Failure::NoPassword(account.clone())))
        };
        match said {
            // It may have got its password between the two.
            Err(Failure::Denied(_)) => self.ask(at, statement).await,
            said => said,
        }
    }

    /// A client with a deadline of its own.
    pub fn with(account: Account, tls: Tls, engine: &'static Engine, deadline: Duration) -> Self {
        let tls_config = tls::config(&tls);
        Self {
            engine,
            account,
            tls,
            tls_config,
            deadline,
            first_boot: false,
            fe_token: None,
        }
    }

    /// The same client with the secret that all FEs share.
    #[must_use]
    pub fn knowing(self, fe_token: Option<Secret>) -> Self {
        Self { fe_token, ..self }
    }

    const fn asker<'a>(&'a self, member: &'a Endpoint) -> http::As<'a> {
        http::As {
            member,
            token: self.fe_token.as_ref(),
        }
    }
}

impl FeClient for Client {
    async fn frontends(&self, at: &Endpoint) -> Result<Vec<Frontend>, Failure> {
        Frontend::read(&self.say(at, self.engine.sql.show_frontends).await?)
    }

    async fn members(&self, at: &Endpoint, component: Component) -> Result<Vec<Backend>, Failure> {
        match self.engine.list(component) {
            Some(list) => Backend::read(&self.say(at, list.show).await?, list),
            None => Ok(Vec::new()),
        }
    }

    async fn ha(&self, host: &Host, http_port: u16) -> Option<Ha> {
        http::ha(&self.engine.probes, host, http_port, BRIEF).await.ok()?
    }

    async fn membership(
        &self,
        at: (&Host, u16),
        asked: &Endpoint,
        about: &Endpoint,
    ) -> Result<Membership, Failure> {
        http::role_of(&self.engine.probes, at, self.asker(asked), about, BRIEF).await
    }

    async fn cluster_id(&self, at: (&Host, u16), asked: &Endpoint) -> Option<String> {
        let answer = http::cluster_id(&self.engine.probes, at, self.asker(asked), BRIEF).await;
        answer.ok()?
    }

    async fn is_ours(&self, host: &Host, http_port: u16, token: &ClusterToken) -> bool {
        http::is_ours(host, http_port, token, BRIEF).await
    }

    async fn time(&self, at: &Endpoint, http_port: u16) -> Option<i64> {
        let Some(statement) = self.engine.sql.unix_time else {
            return http::time(&self.engine.probes, &at.host, http_port, BRIEF).await;
        };
        // On an FE that has just started a SELECT may fail, or take 11 s (observed).
        let rows = self.patient(BRIEF).say(at, statement).await.ok()?;
        rows.first()?.values().next()?.as_deref()?.parse().ok()
    }

    async fn founding_mode(&self, at: &Endpoint) -> Option<String> {
        let mode = self.engine.founding_mode.as_ref()?;
        let rows = self.patient(BRIEF).say(at, mode.show).await.ok()?;
        let value = rows.first()?.get("Value")?.clone()?;
        is_word(&value).then_some(value)
    }

    async fn call(&self, host: &Host, http_port: u16, cluster: &str) -> bool {
        http::call_member(host, http_port, cluster, BRIEF).await
    }

    async fn call_seed(&self, host: &Host, http_port: u16, own: &Host, founding: bool) -> Option<Host> {
        http::call_seed(host, http_port, own, founding, BRIEF).await
    }

    async fn add(&self, at: &Endpoint, statement: &str) -> Result<(), Failure> {
        self.say(at, statement).await.map(drop)
    }
}
