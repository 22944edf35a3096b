//! Who may log in and what for.

use sha1::{Digest, Sha1};

use super::Fe;
use super::answer::Answer;
use super::statement::Statement;
use crate::group::membership::{Account, Membership};

/// Who speaks on a connection.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(crate) struct Speaker {
    pub(crate) user: String,
    pub(crate) active_roles: Vec<String>,
}

/// What a statement asks of a speaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    Nothing,
    Node,
    Operate,
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

impl Fe {
    pub(crate) fn speaker(&self, user: &str) -> Option<Speaker> {
        let state = self.group.state();
        let account = state.journal.membership.account(user)?;
        Some(Speaker {
            user: user.to_owned(),
            active_roles: account.default_roles.clone(),
        })
    }

    /// `SET ROLE ALL`.
    pub(crate) fn activate_roles(&self, speaker: &mut Speaker) {
        if let Some(account) = self.group.state().journal.membership.account(&speaker.user) {
            speaker.active_roles.clone_from(&account.roles);
        }
    }

    pub(crate) fn refuses(&self, speaker: &Speaker, statement: &Statement) -> Option<Answer> {
        let root = speaker.user == "root";
        let admin = speaker.active_roles.iter().any(|role| role == "cluster_admin");
        let allowed = match need(statement) {
            Need::Nothing => true,
            Need::Node => root || admin,
            Need::Operate => root || speaker.active_roles.iter().any(|role| role == "db_admin"),
            Need::Root => root,
        };
        if allowed && !self.faults.is("mysql", "privilege") {
            return None;
        }
        let state = self.group.state();
        let granted = state
            .journal
            .membership
            .account(&speaker.user)
            .map(|a| a.roles.clone())
            .unwrap_or_default();
        let inactive: Vec<String> = granted
            .into_iter()
            .filter(|role| !speaker.active_roles.contains(role))
            .collect();
        let (code, sqlstate, text) = self.settings.profile.privilege_refusal(&inactive.join(", "));
        Some(Answer::error(code, sqlstate, text))
    }
}

fn need(statement: &Statement) -> Need {
    match statement {
        Statement::ShowFrontends
        | Statement::ShowNodes(_)
        | Statement::ShowBroker
        | Statement::AddFrontend { .. }
        | Statement::DropFrontend { .. }
        | Statement::MoveFrontend { .. }
        | Statement::AddNodes { .. }
        | Statement::DropNodes { .. }
        | Statement::Decommission { .. }
        | Statement::MoveBackend { .. }
        | Statement::AddBroker { .. }
        | Statement::DropBroker { .. }
        | Statement::DropAllBrokers { .. } => Need::Node,
        Statement::ShowProc(_) | Statement::CreateImage => Need::Operate,
        Statement::CreateUser { .. }
        | Statement::DropUser { .. }
        | Statement::GrantRole { .. }
        | Statement::SetDefaultRole { .. } => Need::Root,
        Statement::ShowOther(_)
        | Statement::SetPassword { .. }
        | Statement::ActivateRoles
        | Statement::SetVariable
        | Statement::Select(_)
        | Statement::Use(_) => Need::Nothing,
    }
}

pub(crate) fn set_password(
    membership: &mut Membership,
    speaker: &Speaker,
    user: Option<&str>,
    password: &str,
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
    account.password = digest(password);
    Ok(())
}

pub(crate) fn create_user(
    membership: &mut Membership,
    user: &str,
    password: &str,
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
        password: digest(password),
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
}
