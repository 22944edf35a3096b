//! The account for the cluster, and the protection of the connection.

use std::path::{Path, PathBuf};

use crate::engine::aliases::{self, Meaning};

use super::parse::{Parser, absolute_path, from_environment, one_line};
use super::{Secret, Source, Sourced, enums, files};

/// The account every cluster begins with.
pub const ROOT: &str = "root";

pub(super) const ROOT_PASSWORD_FILE: &str = "ROOT_PASSWORD_FILE";
pub(super) const ADMIN_PASSWORD_FILE: &str = "ADMIN_PASSWORD_FILE";

/// The account that sends SHOW and ALTER SYSTEM.
#[derive(Debug, Clone)]
pub struct Account {
    pub user: Sourced<String>,
    pub password: Option<Sourced<Secret>>,
}

/// The protection of the MySQL connection to an FE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    pub mode: TlsMode,
    pub ca_file: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsMode {
    Off,
    /// TLS where the server offers it, plain otherwise; the certificate is not checked.
    Prefer,
    /// TLS or nothing; the certificate is not checked.
    Require,
    /// TLS with a certificate that a known authority signed for this host.
    Verify,
}

/// The password that root is to get is also the one root logs in with, unless another is set.
pub(super) fn account(parser: &mut Parser<'_>, root_password_file: Option<&Path>) -> Account {
    let mut user = parser.parse("CLUSTER_USER", one_line);
    for variable in vendor_users(parser) {
        let other = parser.parse(variable, one_line);
        user = parser.first(user, other);
    }
    let user = user.unwrap_or(Sourced {
        value: ROOT.to_owned(),
        source: Source::Default,
    });
    let password = password(parser).or_else(|| {
        let file = root_password_file.filter(|_| user.value == ROOT)?;
        // It was found good a moment ago.
        let text = files::read_secret(file.to_str()?).ok()??;
        Some(from_environment(ROOT_PASSWORD_FILE, Secret::new(text)))
    });
    Account { user, password }
}

/// The variables for an account that a vendor's image reads: every program has a variable of that name, so it counts beside a
/// password only.
fn vendor_users(parser: &Parser<'_>) -> Vec<&'static str> {
    let is_set = |variable: &&str| parser.text(variable).is_some();
    if !aliases::meaning(Meaning::Password).any(|variable| is_set(&variable)) {
        return Vec::new();
    }
    aliases::meaning(Meaning::User).filter(is_set).collect()
}

fn password(parser: &mut Parser<'_>) -> Option<Sourced<Secret>> {
    let mut chosen = own_password(parser);
    // An empty file is a choice too.
    let is_chosen = ["CLUSTER_PASSWORD", "CLUSTER_PASSWORD_FILE"]
        .iter()
        .any(|name| parser.text(name).is_some());
    for variable in aliases::meaning(Meaning::Password) {
        let other = parser.text(variable);
        let other = other.map(|text| from_environment(variable, Secret::new(text.to_owned())));
        if !is_chosen || chosen.is_some() {
            chosen = parser.first(chosen, other);
        }
    }
    chosen
}

fn own_password(parser: &mut Parser<'_>) -> Option<Sourced<Secret>> {
    let given = parser.text("CLUSTER_PASSWORD");
    let file = parser.text("CLUSTER_PASSWORD_FILE");
    match (given, file) {
        (Some(_), Some(_)) => {
            let text = format!(
                "cannot be used together with CLUSTER_PASSWORD_FILE (remove one of them), {}",
                parser.set_in("CLUSTER_PASSWORD")
            );
            parser.problem("CLUSTER_PASSWORD", text);
            None
        }
        (Some(given), None) => Some(from_environment(
            "CLUSTER_PASSWORD",
            Secret::new(given.to_owned()),
        )),
        (None, Some(file)) => from_file(parser, file),
        (None, None) => None,
    }
}

fn from_file(parser: &mut Parser<'_>, file: &str) -> Option<Sourced<Secret>> {
    const VARIABLE: &str = "CLUSTER_PASSWORD_FILE";
    if !file.starts_with('/') {
        not_a_path(parser, VARIABLE);
        return None;
    }
    let read = look_at(parser, VARIABLE, files::read_secret)?;
    if read.value.is_none() {
        parser.warn(VARIABLE, "names an empty file: no password is used".to_owned());
    }
    Some(Sourced {
        value: Secret::new(read.value?),
        source: read.source,
    })
}

/// The file that `variable` names, with the password that an account is to get.
pub(super) fn first_password_file(parser: &mut Parser<'_>, variable: &'static str) -> Option<PathBuf> {
    if parser.text(variable).is_some_and(|file| !file.starts_with('/')) {
        not_a_path(parser, variable);
        return None;
    }
    look_at(parser, variable, files::secret_file).map(|file| file.value)
}

/// The value may be the password itself: it is not repeated.
fn not_a_path(parser: &mut Parser<'_>, variable: &str) {
    let text = format!("its value is not an absolute path, {}", parser.set_in(variable));
    parser.problem(variable, text);
}

/// Reads the named file. A file named in an env file is in a container: only its path can be checked.
fn look_at<T>(
    parser: &mut Parser<'_>,
    variable: &str,
    look: fn(&str) -> Result<T, String>,
) -> Option<Sourced<T>> {
    if parser.file.is_some() {
        parser.parse(variable, absolute_path)?;
        return None;
    }
    parser.parse(variable, look)
}

pub(super) fn tls(parser: &mut Parser<'_>) -> Tls {
    let mode = parser
        .parse("CLUSTER_TLS", enums::tls_mode)
        .map_or(TlsMode::Off, |mode| mode.value);
    let ca_file = look_at(parser, "CLUSTER_CA_FILE", files::readable).map(|file| file.value);
    if ca_file.is_some() && mode != TlsMode::Verify {
        parser.warn(
            "CLUSTER_CA_FILE",
            "has no effect unless CLUSTER_TLS is verify".to_owned(),
        );
    }
    Tls { mode, ca_file }
}
