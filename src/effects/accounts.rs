//! Closes the accounts that an engine ships without a password, once, on the FE that has founded the cluster.

use std::path::Path;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::cluster::Client;
use crate::engine::Engine;
use crate::engine::accounts::ShippedAccount;
use crate::engine::failure::Failure;
use crate::facts::resolve::resolve;
use crate::file;
use crate::settings::{Endpoint, ROOT, Secret, Settings};

/// Between two tries while the cluster has no leader.
const SOON: Duration = Duration::from_millis(500);

/// The accounts of a new cluster, and what is known of their passwords.
#[derive(Debug)]
pub struct FirstPasswords<'a> {
    pub client: &'a Client,
    pub engine: &'a Engine,
    pub settings: &'a Settings,
    pub leader: &'a Endpoint,
    /// The conf of this FE holds root's password, as a hash.
    pub root_in_conf: bool,
    /// The longest wait for a leader.
    pub patience: Duration,
}

impl FirstPasswords<'_> {
    /// Gives each shipped account its password, unless it has one. Each logs in as itself, without a password: who is let in is
    /// open. So it may end between two of them, and be done again. False: an account that should have a password has none.
    pub async fn set(&self) -> bool {
        let mut all = true;
        for account in self.engine.accounts.shipped {
            all &= self.set_one(account).await;
        }
        all
    }

    async fn set_one(&self, account: &ShippedAccount) -> bool {
        let (name, variable) = (account.name, account.password_file);
        let is_root = name == ROOT;
        let Some((named, path)) = self.file_of(account) else {
            if self.is_wished() && !(is_root && self.root_in_conf) {
                tracing::warn!("the account {name} has no password; set {variable}, or give it one by hand");
            }
            return true;
        };
        if is_root && self.root_in_conf && self.proves_nothing().await {
            self.say_conf();
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
            Ok(()) if named == variable => tracing::info!("{name} has the password of {named} now"),
            Ok(()) => tracing::info!(
                "{name}, which {} ships without a password too, has the password of {named} now, because {variable} is not set",
                self.engine.name
            ),
            Err(Failure::Denied(_)) if is_root && self.root_in_conf => self.say_conf(),
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

    /// The variable and the file with the password of an account: its own, or root's.
    fn file_of(&self, account: &ShippedAccount) -> Option<(&'static str, &Path)> {
        let root = self
            .engine
            .accounts
            .shipped
            .iter()
            .find(|other| other.name == ROOT);
        let variables = [Some(account.password_file), root.map(|root| root.password_file)];
        let file = |variable| Some((variable, self.settings.first_password_file(variable)?));
        variables.into_iter().flatten().find_map(file)
    }

    /// True if this cluster is meant to have passwords.
    fn is_wished(&self) -> bool {
        let accounts = self.engine.accounts.shipped.iter();
        self.root_in_conf
            || accounts
                .map(|account| self.file_of(account))
                .any(|file| file.is_some())
    }

    fn say_conf(&self) {
        let key = self.engine.accounts.root_hash_key.unwrap_or_default();
        tracing::info!(
            "root has the password of {key} in the conf file; ROOT_PASSWORD_FILE does not change it"
        );
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
