//! Closes the accounts that an engine ships without a password, once, on the FE that has founded the cluster.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::cluster::Client;
use crate::engine::Engine;
use crate::engine::failure::Failure;
use crate::facts::resolve::resolve;
use crate::file;
use crate::plan::accounts::FirstPassword;
use crate::settings::{Endpoint, Secret};

/// Between two tries while the cluster has no leader.
const SOON: Duration = Duration::from_millis(500);

/// The new cluster whose accounts are closed.
#[derive(Debug)]
pub struct NewCluster<'a> {
    pub client: &'a Client,
    pub engine: &'static Engine,
    pub leader: &'a Endpoint,
    /// The longest wait for a leader.
    pub patience: Duration,
}

impl NewCluster<'_> {
    /// Gives each account its password, unless it has one. Each logs in as itself, without a password: who is let in is open. So
    /// it may end between two of them, and be done again. False: an account that should have a password has none.
    pub async fn close(&self, accounts: &[FirstPassword]) -> bool {
        let mut all = true;
        for account in accounts {
            all &= self.close_one(account).await;
        }
        all
    }

    async fn close_one(&self, first: &FirstPassword) -> bool {
        let (name, variable) = (first.account.name, first.account.password_file);
        let Some((named, path)) = &first.file else {
            if first.in_conf {
                self.say_conf(name);
            } else {
                tracing::warn!("the account {name} has no password; set {variable}, or give it one by hand");
            }
            return true;
        };
        if first.in_conf && self.proves_nothing().await {
            self.say_conf(name);
            return true;
        }
        let password = match file::text(path, file::SECRET) {
            Ok(text) => Secret::new(text.trim_end_matches(['\r', '\n']).to_owned()),
            Err(error) => {
                tracing::error!(
                    "the account {name} has no password: {named} {} cannot be read: {error}; the next start of this FE tries \
                     again",
                    path.display()
                );
                return false;
            }
        };
        match self.patiently(name, &password).await {
            Ok(()) if *named == variable => tracing::info!("{name} has the password of {named} now"),
            Ok(()) => tracing::info!(
                "{name}, which {} ships without a password too, has the password of {named} now, because {variable} is not set",
                self.engine.name
            ),
            Err(Failure::Denied(_)) if first.in_conf => self.say_conf(name),
            Err(Failure::Denied(_)) => tracing::info!("{name} has a password already"),
            Err(why) => {
                tracing::error!(
                    "the account {name} has no password: {}: {why}; the next start of this FE tries again",
                    self.leader
                );
                return false;
            }
        }
        true
    }

    fn say_conf(&self, name: &str) {
        let key = self.engine.accounts.root_hash_key.unwrap_or_default();
        tracing::info!("{name} has the password of {key} in the conf file; muster sets no other");
    }

    /// True if a login from here is accepted with any password: then nothing follows from it.
    async fn proves_nothing(&self) -> bool {
        let Some(trusted) = self.engine.accounts.trusts else {
            return false;
        };
        // This machine talks to itself from the address that it asks.
        let addresses = resolve(&self.leader.host).await;
        addresses.is_ok_and(|addresses| addresses.contains(&trusted.into()))
    }

    async fn patiently(&self, account: &str, password: &Secret) -> Result<(), Failure> {
        let until = Instant::now() + self.patience;
        loop {
            let said = self
                .client
                .set_first_password(self.leader, account, password)
                .await;
            match said {
                Err(why) if is_passing(&why) && Instant::now() < until => sleep(SOON).await,
                said => return said,
            }
        }
    }
}

/// True for an FE that starts, stops, or has no leader for a moment.
const fn is_passing(why: &Failure) -> bool {
    !why.is_final() && !matches!(why, Failure::Rejected { .. })
}
