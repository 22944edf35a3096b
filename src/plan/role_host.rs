//! The host by which an FE's own data knows it: `image/ROLE`. For data without a record nothing else names its owner.

use super::refusal::Refusal;
use crate::engine::OwnHost;
use crate::facts::data::RoleFile;
use crate::settings::Host;

/// The host in ROLE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoleHost {
    Named(Host),
    /// Its members know it by a name. ROLE has the address that it had before its host was changed.
    SomeName,
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

    /// The host that ROLE names, if it is not `local`. Refuses an address as the host of an FE that is known by name.
    pub(super) fn differs_from(&self, local: &Host, dir: &str) -> Result<Option<Host>, Refusal> {
        match (self, local) {
            (Self::Named(host), _) => Ok(Some(host.clone()).filter(|host| host != local)),
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
