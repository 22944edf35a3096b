//! Decides where the first password of each account comes from that the engine ships without one.

use std::path::PathBuf;

use crate::engine::Engine;
use crate::engine::accounts::ShippedAccount;
use crate::settings::{ROOT, Settings};

/// One account of a new cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstPassword {
    pub account: &'static ShippedAccount,
    /// The variable and the file that it names; the variable is root's if the account has no file of its own.
    pub file: Option<(&'static str, PathBuf)>,
    /// The conf file holds it, and the FE applies it when it founds.
    pub in_conf: bool,
}

impl FirstPassword {
    /// The origin in words.
    pub fn origin(&self) -> String {
        let name = self.account.name;
        match &self.file {
            _ if self.in_conf => format!("{name} by the conf file"),
            Some((variable, _)) => format!("{name} by {variable}"),
            None => format!("{name} stays open"),
        }
    }
}

/// Every shipped account; empty if this cluster is to have no passwords. `root_in_conf`: the conf file holds root's.
pub fn first_passwords(
    engine: &'static Engine,
    settings: &Settings,
    root_in_conf: bool,
) -> Vec<FirstPassword> {
    let file = |variable| Some((variable, settings.first_password_file(variable)?.to_owned()));
    let accounts = engine.accounts.shipped;
    let root = accounts.iter().find(|account| account.name == ROOT);
    let of_root = root.and_then(|root| file(root.password_file));
    let all: Vec<FirstPassword> = accounts
        .iter()
        .map(|account| FirstPassword {
            account,
            file: file(account.password_file).or_else(|| of_root.clone()),
            in_conf: root_in_conf && account.name == ROOT,
        })
        .collect();
    let is_wished = all.iter().any(|one| one.file.is_some() || one.in_conf);
    if is_wished { all } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::first_passwords;
    use crate::engine::ALL;
    use crate::facts::fixture::settings;

    #[test]
    fn every_shipped_account_gets_its_own_password_or_roots() {
        // ROOT_PASSWORD_FILE, ADMIN_PASSWORD_FILE, in the conf; with one shipped account, with two.
        let table = [
            (false, false, false, "", ""),
            (
                true,
                false,
                false,
                "root by ROOT_PASSWORD_FILE",
                "root by ROOT_PASSWORD_FILE, admin by ROOT_PASSWORD_FILE",
            ),
            (
                true,
                true,
                false,
                "root by ROOT_PASSWORD_FILE",
                "root by ROOT_PASSWORD_FILE, admin by ADMIN_PASSWORD_FILE",
            ),
            (
                false,
                true,
                false,
                "",
                "root stays open, admin by ADMIN_PASSWORD_FILE",
            ),
            (
                true,
                false,
                true,
                "root by the conf file",
                "root by the conf file, admin by ROOT_PASSWORD_FILE",
            ),
            (
                false,
                false,
                true,
                "root by the conf file",
                "root by the conf file, admin stays open",
            ),
        ];
        for (root, admin, conf, one, two) in table {
            let mut settings = settings();
            settings.root_password_file = root.then(|| "/run/root".into());
            settings.admin_password_file = admin.then(|| "/run/admin".into());
            for (number, expected) in [(1, one), (2, two)] {
                let mut engines = ALL.into_iter();
                let engine = engines
                    .find(|engine| engine.accounts.shipped.len() == number)
                    .unwrap();
                let passwords = first_passwords(engine, &settings, conf);
                let origins: Vec<String> = passwords.iter().map(super::FirstPassword::origin).collect();
                assert_eq!(origins.join(", "), expected, "{root} {admin} {conf} {number}");
            }
        }
    }
}
