//! Who speaks to the cluster, and how the connection is protected.

use std::path::{Path, PathBuf};

use crate::engine::aliases::{self, Meaning};

use super::problems::{Reader, absolute_path, from_environment, one_line};
use super::{Secret, Source, Sourced, enums, files};

/// The account every cluster begins with.
pub const ROOT: &str = "root";

const ROOT_PASSWORD_FILE: &str = "ROOT_PASSWORD_FILE";

/// Who speaks to the cluster.
#[derive(Debug, Clone)]
pub struct Account {
    pub user: Sourced<String>,
    pub password: Option<Sourced<Secret>>,
}

/// How the MySQL connection to an FE is protected.
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

/// The password that root is to get is also the one root logs in with, where nobody gives another.
pub(super) fn account(reader: &mut Reader<'_>, root_password_file: Option<&Path>) -> Account {
    let user = reader.parse("CLUSTER_USER", one_line).unwrap_or(Sourced {
        value: ROOT.to_owned(),
        source: Source::Default,
    });
    let password = password(reader).or_else(|| {
        let file = root_password_file.filter(|_| user.value == ROOT)?;
        // It was found good a moment ago.
        let text = files::read_secret(file.to_str()?).ok()??;
        Some(from_environment(ROOT_PASSWORD_FILE, Secret::new(text)))
    });
    Account { user, password }
}

fn password(reader: &mut Reader<'_>) -> Option<Sourced<Secret>> {
    let given = reader.text("CLUSTER_PASSWORD");
    let file = reader.text("CLUSTER_PASSWORD_FILE");
    match (given, file) {
        (Some(_), Some(_)) => {
            let text = format!(
                "is set, and CLUSTER_PASSWORD_FILE too: only one of them can count, {}",
                reader.set_in("CLUSTER_PASSWORD")
            );
            reader.problem("CLUSTER_PASSWORD", text);
            None
        }
        (Some(given), None) => Some(from_environment(
            "CLUSTER_PASSWORD",
            Secret::new(given.to_owned()),
        )),
        (None, Some(file)) => from_file(reader, file),
        (None, None) => aliases::meaning(Meaning::Password).find_map(|variable| {
            let text = reader.text(variable)?;
            Some(from_environment(variable, Secret::new(text.to_owned())))
        }),
    }
}

fn from_file(reader: &mut Reader<'_>, file: &str) -> Option<Sourced<Secret>> {
    const VARIABLE: &str = "CLUSTER_PASSWORD_FILE";
    if !file.starts_with('/') {
        not_a_path(reader, VARIABLE);
        return None;
    }
    let read = look_at(reader, VARIABLE, files::read_secret)?;
    if read.value.is_none() {
        reader.warn(VARIABLE, "names an empty file: no password is used".to_owned());
    }
    Some(Sourced {
        value: Secret::new(read.value?),
        source: read.source,
    })
}

/// The file with the password that root is to get.
pub(super) fn root_password_file(reader: &mut Reader<'_>) -> Option<PathBuf> {
    if reader
        .text(ROOT_PASSWORD_FILE)
        .is_some_and(|file| !file.starts_with('/'))
    {
        not_a_path(reader, ROOT_PASSWORD_FILE);
        return None;
    }
    look_at(reader, ROOT_PASSWORD_FILE, files::secret_file).map(|file| file.value)
}

/// Somebody may have written the password itself: it is not repeated.
fn not_a_path(reader: &mut Reader<'_>, variable: &str) {
    let text = format!("its value is not an absolute path, {}", reader.set_in(variable));
    reader.problem(variable, text);
}

/// What the named file holds. What a line of an env file names is in a container: the path is all that can be checked.
fn look_at<T>(
    reader: &mut Reader<'_>,
    variable: &str,
    look: fn(&str) -> Result<T, String>,
) -> Option<Sourced<T>> {
    if reader.file.is_some() {
        reader.parse(variable, absolute_path)?;
        return None;
    }
    reader.parse(variable, look)
}

pub(super) fn tls(reader: &mut Reader<'_>) -> Tls {
    let mode = reader
        .parse("CLUSTER_TLS", enums::tls_mode)
        .map_or(TlsMode::Off, |mode| mode.value);
    let ca_file = look_at(reader, "CLUSTER_CA_FILE", files::readable).map(|file| file.value);
    if ca_file.is_some() && mode != TlsMode::Verify {
        reader.warn(
            "CLUSTER_CA_FILE",
            "has no effect unless CLUSTER_TLS is verify".to_owned(),
        );
    }
    Tls { mode, ca_file }
}
