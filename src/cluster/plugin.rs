//! The login plugins of the MySQL protocol. One is answered: `mysql_native_password`, whose reply proves the password for the
//! server's random number and reveals nothing that could be used again. By every other one a server can get the password
//! itself, in clear or under a key of its own, and TLS does not help where its certificate is not checked.

use sha1::{Digest, Sha1};

use crate::engine::failure::{Failure, presentable};

pub(super) const NATIVE: &str = "mysql_native_password";
/// The length of the server's random number.
pub(super) const NONCE: usize = 20;

/// Plugins that a server may ask for, and why they are not answered.
const REVEALS: &[(&str, &str)] = &[
    ("mysql_clear_password", CLEAR),
    ("dialog", CLEAR),
    ("caching_sha2_password", KEY),
    ("sha256_password", KEY),
    (
        "mysql_old_password",
        "whose reply is enough to compute the password",
    ),
    // A server may ask for it once more, with another random number, and then has to decide.
    (NATIVE, "whose proof it has had twice"),
];
const CLEAR: &str = "which sends the password in clear";
const KEY: &str = "which can send the password in clear or encrypted with a key of the server's choice";

/// The refusal of any other plugin, and of a third proof.
pub(super) fn refuse(name: &str) -> Failure {
    let known = REVEALS.iter().find(|(plugin, _)| *plugin == name);
    Failure::Plugin {
        name: presentable(name),
        why: known.map_or("which muster does not know", |(_, why)| *why),
    }
}

/// What the plugin keeps of a password: `*` and SHA1(SHA1(password)) in upper-case hex.
pub(super) fn hash(password: &str) -> String {
    format!("*{:X}", Sha1::digest(Sha1::digest(password)))
}

/// `SHA1(password) XOR SHA1(nonce SHA1(SHA1(password)))`; nothing for no password.
pub(super) fn native(password: &str, nonce: &[u8; NONCE]) -> Vec<u8> {
    if password.is_empty() {
        return Vec::new();
    }
    let once = Sha1::digest(password);
    let salted = Sha1::new()
        .chain_update(nonce)
        .chain_update(Sha1::digest(once))
        .finalize();
    once.iter().zip(salted).map(|(one, other)| one ^ other).collect()
}

#[cfg(test)]
mod tests {
    use super::hash;

    /// MySQL's own `PASSWORD('secret')`.
    #[test]
    fn a_password_is_kept_as_the_server_computes_it() {
        assert_eq!(hash("secret"), "*14E65567ABDB5135D0CFD9A70B3032C179A49EE7");
    }
}
