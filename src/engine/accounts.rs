//! The accounts of an engine: those it ships without a password, and what gives an account the rights that muster needs.

use std::net::Ipv4Addr;

/// The accounts of one engine.
#[derive(Debug, PartialEq, Eq)]
pub struct Accounts {
    /// The accounts that a new cluster has, open to everybody until they get a password.
    pub shipped: &'static [ShippedAccount],
    /// Gives an account a password, said by that account itself: both engines let it (com.starrocks.sql.ast.SetPassVar,
    /// org.apache.doris.analysis.SetPassVar). `{account}` is its name, `{hash}` what `mysql_native_password` keeps of a password:
    /// `*` and SHA1(SHA1(password)) in hex. The plain text would stand in the audit log, and one of the engines keeps the
    /// backslash of an escaped quote in it (observed).
    pub set_password: &'static str,
    /// The conf key of an FE that holds such a hash for root, which the FE applies when it founds.
    pub root_hash_key: Option<&'static str>,
    /// The address from which a shipped account logs in with any password: such a login proves nothing.
    pub trusts: Option<Ipv4Addr>,
    /// The privileges that an account may lack. The first one is what SHOW and ALTER SYSTEM need.
    pub grants: &'static [Grant],
}

/// An account of every new cluster.
#[derive(Debug, PartialEq, Eq)]
pub struct ShippedAccount {
    pub name: &'static str,
    /// The variable that names the file with its password.
    pub password_file: &'static str,
}

/// A privilege, and the statement that grants it.
#[derive(Debug, PartialEq, Eq)]
pub struct Grant {
    /// The engine's word in `Access denied; you need (at least one of) the …`.
    pub privilege: &'static str,
    /// `{account}` is the name of the account, without quotes.
    pub statement: &'static str,
}

impl Accounts {
    /// The statement that gives `account` the password of this hash.
    pub fn set_password(&self, account: &str, hash: &str) -> String {
        self.set_password
            .replace("{account}", account)
            .replace("{hash}", hash)
    }

    /// The statement that gives `account` the privilege that a refusal names; without such a name the one that muster needs.
    pub fn cure(&self, refusal: &str, account: &str) -> String {
        let named = refusal
            .split_once("(at least one of) the ")
            .and_then(|(_, rest)| rest.split_once(" privilege"))
            .map_or("", |(privileges, _)| privileges);
        // `(NODE)`, `NODE`, `OPERATOR|NODE`.
        let matches = |grant: &&Grant| {
            named
                .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .any(|word| word == grant.privilege)
        };
        let grant = self.grants.iter().find(matches).or_else(|| self.grants.first());
        grant.map_or_else(String::new, |grant| {
            grant.statement.replace("{account}", &account.replace('\'', "''"))
        })
    }
}

/// Tells if a text is the hash of a password. The engine ignores any other text.
pub fn is_hash(text: &str) -> bool {
    text.strip_prefix('*')
        .is_some_and(|hex| hex.len() == 40 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::is_hash;
    use crate::engine::Engine;

    /// The texts of `failure.rs`; "`NODE` cannot be granted to user or role directly, use built-in role instead".
    #[test]
    fn the_privilege_that_a_refusal_names_is_granted_to_the_account_by_the_engines_own_statement() {
        let table = [
            (
                "starrocks",
                "Access denied; you need (at least one of) the NODE privilege(s) on SYSTEM for this operation. Inactivated role(s): []",
                "GRANT cluster_admin TO USER 'it''s'",
            ),
            (
                "starrocks",
                "Access denied; you need (at least one of) the OPERATOR|NODE privilege(s) for this operation",
                "GRANT cluster_admin TO USER 'it''s'",
            ),
            (
                "starrocks",
                "Access denied; you need (at least one of) the OPERATOR privilege(s) for this operation",
                "GRANT NODE_PRIV ON *.* TO 'it''s'",
            ),
            (
                "starrocks",
                "Access denied; you need (at least one of) the OPERATE privilege(s) on SYSTEM for this operation.",
                "GRANT OPERATE ON SYSTEM TO USER 'it''s'",
            ),
            (
                "starrocks",
                "Access denied",
                "GRANT cluster_admin TO USER 'it''s'",
            ),
            (
                "doris",
                "errCode = 2, detailMessage = Access denied; you need (at least one of) the (NODE) privilege(s) for this operation",
                "GRANT NODE_PRIV ON *.*.* TO 'it''s'",
            ),
            (
                "doris",
                "Access denied; you need (at least one of) the (ADMIN) privilege(s) for this operation",
                "GRANT ADMIN_PRIV ON *.*.* TO 'it''s'",
            ),
            (
                "doris",
                "Access denied; you need (at least one of) the (SELECT) privilege(s) on database information_schema",
                "GRANT SELECT_PRIV ON internal.information_schema.* TO 'it''s'",
            ),
        ];
        for (engine, refusal, statement) in table {
            let engine = Engine::by_id(engine).unwrap();
            assert_eq!(engine.accounts.cure(refusal, "it's"), statement, "{refusal}");
        }
    }

    #[test]
    fn a_hash_is_a_star_and_forty_hex_digits() {
        let good = "*14E65567ABDB5135D0CFD9A70B3032C179A49EE7";
        assert!(is_hash(good) && is_hash(&good.to_ascii_lowercase()));
        for bad in [
            "",
            "*",
            "14E65567ABDB5135D0CFD9A70B3032C179A49EE7",
            "*14E65567ABDB5135D0CFD9A70B3032C179A49EE",
            "*14E65567ABDB5135D0CFD9A70B3032C179A49EEX",
            "secret",
        ] {
            assert!(!is_hash(bad), "{bad}");
        }
    }
}
