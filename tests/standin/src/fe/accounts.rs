//! Who may log in and what for.

use sha1::{Digest, Sha1};

use super::Fe;
use super::answer::Answer;
use super::statement::{Password, Statement};
use crate::group::membership::{ADMIN, Account, Membership, NODE};
use crate::profile::{Engine, Profile};

/// Who speaks on a connection.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Speaker {
    pub(crate) user: String,
    pub(crate) active_roles: Vec<String>,
    /// `forward_to_leader`, `forward_to_master`.
    pub(crate) forwards: bool,
}

/// What a statement asks of a speaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    Nothing,
    /// To see the FEs, BEs and CNs; to see the brokers; to see the tree of SHOW PROC.
    List,
    Brokers,
    Proc,
    /// To change the membership.
    Node,
    /// To change the configuration.
    Admin,
    /// To change accounts.
    Root,
}

/// What `mysql_native_password` keeps.
pub(crate) fn digest(password: &str) -> Option<[u8; 20]> {
    (!password.is_empty()).then(|| Sha1::digest(Sha1::digest(password.as_bytes())).into())
}

/// Whether a scramble proves the password whose digest is kept.
pub(crate) fn proves(kept: Option<[u8; 20]>, nonce: &[u8], scramble: &[u8]) -> bool {
    let Some(kept) = kept else {
        return scramble.is_empty();
    };
    let mask: [u8; 20] = Sha1::new()
        .chain_update(nonce)
        .chain_update(kept)
        .finalize()
        .into();
    let once: Vec<u8> = scramble.iter().zip(mask).map(|(a, b)| a ^ b).collect();
    scramble.len() == kept.len() && Sha1::digest(once).as_slice() == kept
}

/// The digest in `*` and forty hex digits, which both engines take in place of a password.
pub(crate) fn read_digest(text: &str) -> Option<[u8; 20]> {
    let hex = text.strip_prefix('*').filter(|hex| hex.len() == 40)?;
    let mut digest = [0; 20];
    for (at, byte) in digest.iter_mut().enumerate() {
        *byte = u8::from_str_radix(hex.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(digest)
}

impl Fe {
    pub(crate) fn speaker(&self, user: &str) -> Option<Speaker> {
        let state = self.group.state();
        let account = state.journal.membership.account(user)?;
        Some(Speaker {
            user: user.to_owned(),
            active_roles: account.default_roles.clone(),
            forwards: self.settings.profile.is_doris(),
        })
    }

    /// Whether somebody knows the password of an account.
    pub(crate) fn knows(&self, user: &str, password: &str) -> bool {
        let state = self.group.state();
        let account = state.journal.membership.account(user);
        account.is_some_and(|account| account.password == digest(password))
    }

    /// `SET ROLE ALL`.
    pub(crate) fn activate_roles(&self, speaker: &mut Speaker) {
        if let Some(account) = self.group.state().journal.membership.account(&speaker.user) {
            speaker.active_roles.clone_from(&account.roles);
        }
    }

    pub(crate) fn refuses(&self, speaker: &Speaker, statement: &Statement) -> Option<Answer> {
        let profile = self.settings.profile;
        let missing = missing(profile, speaker, need(statement));
        let missing = missing.or_else(|| self.faults.is("mysql", "privilege").then_some("NODE"))?;
        let (open, close) = profile.mysql.privilege_quotes;
        let needed = "Access denied; you need (at least one of) the";
        let text = match (profile.engine, profile.mysql.privilege_code) {
            (Engine::StarRocks, 5203) => {
                let inactive = self.inactive_roles(speaker);
                format!(
                    "{needed} NODE privilege(s) on SYSTEM for this operation. Please ask the admin to grant \
                     permission(s) or try activating existing roles using <set [default] role>. Current role(s): NONE. \
                     Inactivated role(s): [{inactive}]."
                )
            }
            (Engine::StarRocks, _) => format!("{needed} NODE privilege(s) for this operation"),
            (Engine::Doris, _) => format!("{needed} {open}{missing}{close} privilege(s) for this operation"),
        };
        if profile.mysql.privilege_code == profile.mysql.refusal_code {
            return Some(profile.refused(text));
        }
        Some(Answer::error(profile.mysql.privilege_code, "42000", text))
    }

    fn inactive_roles(&self, speaker: &Speaker) -> String {
        let state = self.group.state();
        let account = state.journal.membership.account(&speaker.user);
        let granted = account.map(|account| account.roles.clone()).unwrap_or_default();
        let inactive: Vec<String> = granted
            .into_iter()
            .filter(|role| !speaker.active_roles.contains(role))
            .collect();
        inactive.join(", ")
    }
}

/// The privilege that a speaker lacks.
fn missing(profile: &Profile, speaker: &Speaker, need: Need) -> Option<&'static str> {
    let root = speaker.user == "root";
    let has = |role: &str| speaker.active_roles.iter().any(|own| own == role);
    let (allowed, name) = match (profile.engine, need) {
        (_, Need::Nothing) => (true, ""),
        (_, Need::Root) => (root, "ADMIN"),
        (Engine::StarRocks, Need::Proc | Need::Admin) => (root || has("db_admin"), "OPERATE"),
        (Engine::StarRocks, Need::List | Need::Brokers | Need::Node) => {
            (root || has("cluster_admin"), "NODE")
        }
        // Observed: two privileges that do not include each other.
        (Engine::Doris, Need::List) if profile.mysql.lists_for_everybody => (true, ""),
        (Engine::Doris, Need::List | Need::Brokers | Need::Proc) => {
            (has(ADMIN) || has(NODE), "ADMIN/OPERATOR")
        }
        (Engine::Doris, Need::Node) => (has(NODE), "NODE"),
        (Engine::Doris, Need::Admin) => (has(ADMIN), "ADMIN"),
    };
    (!allowed).then_some(name)
}

fn need(statement: &Statement) -> Need {
    match statement {
        Statement::ShowFrontends | Statement::ShowFrontendDisks | Statement::ShowNodes(_) => Need::List,
        Statement::ShowBroker => Need::Brokers,
        Statement::ShowProc(_) => Need::Proc,
        Statement::CreateImage | Statement::SetConfig { .. } | Statement::ShowConfig(_) => Need::Admin,
        Statement::AddFrontend { .. }
        | Statement::DropFrontend { .. }
        | Statement::MoveFrontend { .. }
        | Statement::AddNodes { .. }
        | Statement::DropNodes { .. }
        | Statement::DropBackendByDoris
        | Statement::Decommission { .. }
        | Statement::MoveBackend { .. }
        | Statement::AddBroker { .. }
        | Statement::DropBroker { .. }
        | Statement::DropAllBrokers { .. } => Need::Node,
        Statement::CreateUser { .. }
        | Statement::DropUser { .. }
        | Statement::GrantRole { .. }
        | Statement::SetDefaultRole { .. } => Need::Root,
        Statement::ShowOther(_)
        | Statement::SetPassword { .. }
        | Statement::ActivateRoles
        | Statement::SetVariable { .. }
        | Statement::Select(_)
        | Statement::Use(_) => Need::Nothing,
    }
}

pub(crate) fn set_password(
    membership: &mut Membership,
    speaker: &Speaker,
    user: Option<&str>,
    password: &Password,
) -> Result<(), String> {
    let whose = user.unwrap_or(&speaker.user);
    if whose == "root" && speaker.user != "root" {
        return Err("Can not set password for root user, except root itself.".to_owned());
    }
    let found = membership
        .accounts
        .iter_mut()
        .find(|account| account.user == whose);
    let account = found.ok_or_else(|| format!("User '{whose}'@'%' does not exist"))?;
    account.password = password.digest();
    Ok(())
}

pub(crate) fn create_user(
    membership: &mut Membership,
    user: &str,
    password: &Password,
    roles: &[String],
) -> Result<(), String> {
    if membership.account(user).is_some() {
        return Err(format!(
            "Operation CREATE USER failed for '{user}'@'%' : user already exists"
        ));
    }
    let (roles, default_roles) = (roles.to_vec(), roles.to_vec());
    membership.accounts.push(Account {
        user: user.to_owned(),
        password: password.digest(),
        roles,
        default_roles,
    });
    Ok(())
}

pub(crate) fn change_roles(
    membership: &mut Membership,
    user: &str,
    change: impl FnOnce(&mut Account),
) -> Result<(), String> {
    let found = membership
        .accounts
        .iter_mut()
        .find(|account| account.user == user);
    change(found.ok_or_else(|| format!("cannot find user '{user}'@'%'"))?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clients_scramble_proves_its_password_and_no_other() {
        let nonce = [7_u8; 20];
        let scramble = mysql_common::scramble::scramble_native(&nonce, b"secret").unwrap();
        assert!(proves(digest("secret"), &nonce, &scramble));
        assert!(!proves(digest("Secret"), &nonce, &scramble));
        assert!(!proves(None, &nonce, &scramble));
        assert!(proves(None, &nonce, &[]));
        assert!(!proves(digest("secret"), &nonce, &[]));
    }

    /// `SELECT PASSWORD('password')` of MySQL.
    #[test]
    fn a_digest_is_read_as_mysql_writes_it() {
        let written = "*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19";
        assert_eq!(read_digest(written), digest("password"));
        assert_eq!(read_digest("password"), None);
    }
}
