//! The host by which an FE's own data knows it: `image/ROLE`, or the members in its journal. For data without a record nothing
//! else names its owner.

use super::data::NamedBy;
use super::refusal::Refusal;
use crate::engine::OwnHost;
use crate::facts::data::RoleFile;
use crate::settings::Host;

/// The host in ROLE or in the journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoleHost {
    Named(Host),
    /// Its members know it by a name. ROLE has the address that it had before its host was changed.
    SomeName,
    /// Every host that the journal has for it; the last one counts.
    Journal(Vec<Host>),
}

impl RoleHost {
    /// Reads `name` and the address mode. `None` if they do not tell.
    pub fn of(role: &RoleFile, own_host: &OwnHost) -> Option<Self> {
        let mode = role.key(own_host.role_mode_key?).unwrap_or_default();
        let host = host_of(role.name()?)?;
        match (&host, mode) {
            // The mode is written only once the FE is ready.
            (_, "") | (Host::Address(_), "IP") | (Host::Name(_), "FQDN") => Some(Self::Named(host)),
            // The engine changes the host of a member to a name, and its name in the election group stays.
            (Host::Address(_), "FQDN") => Some(Self::SomeName),
            _ => None,
        }
    }

    /// The hosts that the journal has for this node, the oldest first. `None` if it has none.
    pub fn in_journal(texts: &[String]) -> Option<Self> {
        let hosts: Vec<Host> = texts.iter().filter_map(|text| Host::parse(text).ok()).collect();
        (!hosts.is_empty()).then_some(Self::Journal(hosts))
    }

    /// The file that names it.
    pub(super) const fn named_by(&self) -> NamedBy {
        match self {
            Self::Named(_) | Self::SomeName => NamedBy::Role,
            Self::Journal(_) => NamedBy::Journal,
        }
    }

    /// The host that the data names, if it is not `local`. Refuses an address as the host of an FE that is known by name.
    pub(super) fn differs_from(&self, local: &Host, dir: &str) -> Result<Option<Host>, Refusal> {
        match (self, local) {
            (Self::Named(host), _) => Ok(Some(host.clone()).filter(|host| host != local)),
            // A host that it had once may be the one that it has: nothing tells the order of an image and a journal.
            (Self::Journal(hosts), _) if hosts.contains(local) => Ok(None),
            (Self::Journal(hosts), _) => Ok(hosts.last().cloned()),
            (Self::SomeName, Host::Name(_)) => Ok(None),
            (Self::SomeName, Host::Address(_)) => Err(Refusal::protect(
                format!(
                    "the data in {dir} belongs to a member that is known by a name (image/ROLE, hostType=FQDN); LOCAL_HOST \
                     says {local}"
                ),
                "set LOCAL_HOST to the name by which the other FEs list it (SHOW FRONTENDS)",
            )),
        }
    }
}

/// The host in `<host>_<edit_log_port>_<millis>`; a name may have a `_` itself.
fn host_of(name: &str) -> Option<Host> {
    let mut parts = name.rsplitn(3, '_');
    let (millis, port, host) = (parts.next()?, parts.next()?, parts.next()?);
    let numbers = millis.parse::<u64>().is_ok() && port.parse::<u16>().is_ok();
    Host::parse(host).ok().filter(|_| numbers)
}

/// The words for the way in which members know this host.
pub(super) const fn mode(host: &Host) -> &'static str {
    match host {
        Host::Address(_) => "address mode",
        Host::Name(_) => "name mode",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::RoleHost;
    use crate::engine::{ALL, ReadyProof};
    use crate::facts::data::RoleFile;
    use crate::settings::Host;

    #[test]
    fn role_names_the_owner_of_the_data_unless_its_host_was_changed() {
        let table = [
            ("172.31.55.2_9010_1795234059948", "IP", "Some(172.31.55.2)"),
            ("fe80::7_9010_1795234059948", "IP", "Some(fe80::7)"),
            ("Db_Fe_9010_1795234059948", "FQDN", "Some(db_fe)"),
            ("db-fe_9010_1795234059948", "", "Some(db-fe)"),
            ("172.31.55.2_9010_1795234059948", "FQDN", "a name"),
            ("db-fe_9010_1795234059948", "IP", "None"),
            ("db-fe_9010", "FQDN", "None"),
            ("fe_3db5a1f2_9c8b_4e5f", "", "None"),
            ("_9010_1795234059948", "IP", "None"),
        ];
        let engine = ALL
            .into_iter()
            .find(|engine| engine.own_host.role_mode_key.is_some())
            .unwrap();
        for (name, mode, expected) in table {
            let keys = [("name", name), ("hostType", mode)];
            let role = RoleFile {
                keys: BTreeMap::from(keys.map(|(key, value)| (key.to_owned(), value.to_owned()))),
            };
            let text = match RoleHost::of(&role, &engine.own_host) {
                Some(RoleHost::Named(host)) => format!("Some({host})"),
                Some(RoleHost::SomeName) => "a name".to_owned(),
                Some(RoleHost::Journal(_)) => "the journal".to_owned(),
                None => "None".to_owned(),
            };
            assert_eq!(text, expected, "{name} {mode}");
        }
        // An engine whose names are ids says nothing.
        let other = ALL
            .into_iter()
            .find(|engine| engine.ready_proof == ReadyProof::JournalInfo);
        assert_eq!(RoleHost::of(&RoleFile::default(), &other.unwrap().own_host), None);
    }

    #[test]
    fn the_last_host_of_the_journal_counts_unless_an_earlier_one_is_this_host() {
        let host = |text: &str| Host::parse(text).unwrap();
        let table: [(&[&str], &str, Option<&str>); 5] = [
            (&["10.0.0.1"], "10.0.0.1", None),
            (&["10.0.0.1"], "10.0.0.2", Some("10.0.0.1")),
            (&["10.0.0.1", "fe-1"], "10.0.0.2", Some("fe-1")),
            (&["10.0.0.1", "fe-1"], "10.0.0.1", None),
            (&["FE-1", ""], "fe-1", None),
        ];
        for (texts, local, expected) in table {
            let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
            let journal = RoleHost::in_journal(&texts).unwrap();
            assert_eq!(
                journal.differs_from(&host(local), "/meta"),
                Ok(expected.map(host)),
                "{texts:?}"
            );
        }
        assert_eq!(RoleHost::in_journal(&[]), None);
    }

    #[test]
    fn an_fe_that_is_known_by_name_is_not_started_by_address() {
        let host = |text: &str| Host::parse(text).unwrap();
        let differs = |local: &str| RoleHost::SomeName.differs_from(&host(local), "/meta");
        assert_eq!(differs("db-fe"), Ok(None));
        assert!(
            differs("172.31.55.2")
                .unwrap_err()
                .to_string()
                .contains("known by a name")
        );
    }
}
