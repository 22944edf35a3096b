//! SELECT of constants and variables: as much as clients ask for when they connect.

use super::Fe;
use super::answer::{Answer, Row};
use crate::profile::{Engine, Selects};

const VARIABLES: [(&str, &str); 23] = [
    ("max_allowed_packet", "33554432"),
    ("wait_timeout", "28800"),
    ("interactive_timeout", "3600"),
    ("version_comment", "a stand-in"),
    ("forward_to_master", "true"),
    ("auto_increment_increment", "1"),
    ("autocommit", "1"),
    ("character_set_client", "utf8"),
    ("character_set_connection", "utf8"),
    ("character_set_results", "utf8"),
    ("character_set_server", "utf8"),
    ("collation_connection", "utf8_general_ci"),
    ("collation_server", "utf8_general_ci"),
    ("init_connect", ""),
    ("license", "Apache License 2.0"),
    ("lower_case_table_names", "0"),
    ("net_buffer_length", "16384"),
    ("net_write_timeout", "60"),
    ("sql_mode", "ONLY_FULL_GROUP_BY"),
    ("system_time_zone", "Etc/UTC"),
    ("time_zone", "Etc/UTC"),
    ("transaction_isolation", "REPEATABLE-READ"),
    ("tx_isolation", "REPEATABLE-READ"),
];

impl Fe {
    fn variable(&self, name: &str) -> Option<&'static str> {
        if name.eq_ignore_ascii_case("version") {
            return Some(self.settings.profile.mysql.greeting_version);
        }
        VARIABLES
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| *value)
    }

    /// The clock that it tells to clients: one that jumped while it ran (`clock=9000`) disturbs nothing else (observed).
    pub(crate) fn told_millis(&self) -> u64 {
        let jump = self.faults.all("clock").pop();
        let jump = jump.and_then(|jump| jump.parse().ok()).unwrap_or_default();
        crate::clock::now_millis().saturating_add_signed(jump)
    }

    pub(crate) fn select(&self, items: &str) -> Answer {
        let profile = self.settings.profile;
        let needs_backend = profile.mysql.selects == Selects::OnBackends && self.alive_backends().0 == 0;
        // Doris looks for the variables before it looks for a backend.
        if needs_backend && profile.engine == Engine::StarRocks {
            return profile.refused(profile.no_backend());
        }
        let lower = items.to_ascii_lowercase();
        if lower.contains(" from information_schema.") {
            return self.tables(&lower);
        }
        let items = lower
            .find(" limit ")
            .and_then(|at| items.get(..at))
            .unwrap_or(items);
        let mut columns = Vec::new();
        let mut row: Row = Vec::new();
        for item in items.split(',').map(str::trim) {
            let lower = item.to_ascii_lowercase();
            let alias = lower
                .find(" as ")
                .and_then(|at| Some((item.get(..at)?, item.get(at + 4..)?)));
            let (expression, name) = alias.unwrap_or((item, item));
            columns.push(name.trim().trim_matches(['`', '\'', '"']).to_owned());
            match self.value(expression.trim()) {
                Ok(value) => row.push(value),
                Err(answer) => return answer,
            }
        }
        if needs_backend {
            return profile.refused(profile.no_backend());
        }
        Answer::Rows {
            columns,
            rows: vec![row],
        }
    }

    /// The tables and their replicas: those of `replicas=demo.orders 1`, and one of the engine's own statistics. A scan of such a
    /// table runs on a backend; the words of an unknown column are those of the source.
    fn tables(&self, lower: &str) -> Answer {
        let profile = self.settings.profile;
        let (alive, _) = self.alive_backends();
        if alive == 0 {
            return profile.refused(profile.no_backend());
        }
        if lower.contains("replica_num") && !profile.mysql.partitions_have_replicas {
            let words = "Unknown column 'REPLICA_NUM' in 'table list' in PROJECT clause";
            return profile.refused(words.to_owned());
        }
        let own = if profile.is_doris() {
            // It stays at one until there are three (InternalSchemaInitializer).
            (
                "__internal_schema.column_statistics",
                if alive < 3 { 1 } else { 3 },
            )
        } else {
            ("_statistics_.column_statistics", alive.min(3))
        };
        let mut tables = vec![(own.0.to_owned(), own.1)];
        for line in self.faults.all("replicas") {
            if let Some((name, count)) = line.split_once(' ') {
                tables.push((name.to_owned(), count.trim().parse().unwrap_or(0)));
            }
        }
        if lower.starts_with("max(") {
            let most = tables.iter().map(|(_, count)| *count).max().unwrap_or_default();
            return Answer::rows(&["replicas"], vec![vec![Some(most.to_string())]]);
        }
        tables.sort_by_key(|(name, count)| (*count, name.clone()));
        let rows = tables.iter().map(|(name, count)| {
            let (db, table) = name.split_once('.').unwrap_or((name, ""));
            [db, table, &count.to_string()]
                .map(|cell| Some(cell.to_owned()))
                .to_vec()
        });
        Answer::rows(&["db", "tbl", "replicas"], rows.collect())
    }

    fn value(&self, expression: &str) -> Result<Option<String>, Answer> {
        let profile = self.settings.profile;
        let lower = expression.to_ascii_lowercase();
        if let Some(name) = lower.strip_prefix("@@") {
            let name = name
                .strip_prefix("global.")
                .or(name.strip_prefix("session."))
                .unwrap_or(name);
            let found = self.variable(name);
            return found
                .map(|value| Some(value.to_owned()))
                .ok_or_else(|| match profile.engine {
                    Engine::StarRocks => Answer::error(1193, "HY000", profile.unknown_variable(name)),
                    Engine::Doris => profile.refused(profile.unknown_variable(name)),
                });
        }
        let quoted = expression.trim_matches(['\'', '"']);
        match lower.as_str() {
            "current_version()" => {
                if self.alive_backends().0 == 0 {
                    return Err(profile.refused(profile.no_backend()));
                }
                Ok(Some(profile.version.replace('-', " ")))
            }
            "version()" => Ok(Some(profile.mysql.greeting_version.to_owned())),
            "unix_timestamp()" => Ok(Some((self.told_millis() / 1000).to_string())),
            "connection_id()" => Ok(Some("1".to_owned())),
            "database()" | "schema()" | "null" => Ok(None),
            "user()" | "current_user()" => Ok(Some("'root'@'%'".to_owned())),
            _ if quoted.len() + 2 == expression.len() => Ok(Some(quoted.to_owned())),
            _ if lower.parse::<f64>().is_ok() => Ok(Some(lower)),
            _ => Err(profile.refused(profile.analysis(&format!("Column '{expression}' cannot be resolved")))),
        }
    }

    /// One key of this FE's conf, as far as the stand-in knows it.
    pub(crate) fn show_config(&self, like: &str) -> Answer {
        let doris = self.settings.profile.is_doris();
        let (beginning, open) = match like.strip_suffix('%') {
            Some(beginning) => (beginning, true),
            None => (like, false),
        };
        let mut keys = switches(doris).to_vec();
        keys.push(("edit_log_roll_num", &self.conf.edit_log_roll_num));
        if !doris {
            keys.push(("run_mode", &self.conf.run_mode));
        }
        let changed = self.changed();
        let rows = keys
            .into_iter()
            .filter(|(key, _)| *key == beginning || (open && key.starts_with(beginning)))
            .map(|(key, value)| {
                let value = changed.get(key).map_or(value, String::as_str);
                let row = if doris {
                    [key, value, "boolean", "true", "true", ""]
                } else {
                    [key, "[]", value, "String", "true", ""]
                };
                row.map(|value| Some(value.to_owned())).to_vec()
            })
            .collect();
        if doris {
            Answer::rows(
                &["Key", "Value", "Type", "IsMutable", "MasterOnly", "Comment"],
                rows,
            )
        } else {
            Answer::rows(
                &["Key", "AliasNames", "Value", "Type", "IsMutable", "Comment"],
                rows,
            )
        }
    }

    pub(crate) fn show_other(&self, sql: &str) -> Answer {
        let upper = sql.trim().trim_end_matches(';').to_ascii_uppercase();
        let upper = upper
            .replace("SHOW SESSION", "SHOW")
            .replace("SHOW GLOBAL", "SHOW");
        if upper.starts_with("SHOW VARIABLES") {
            let wanted = sql.split(['\'', '"']).nth(1).map(str::to_ascii_lowercase);
            let fits = |name: &str| {
                wanted
                    .as_deref()
                    .is_none_or(|like| like.trim_matches('%') == name || like == "%")
            };
            let version = self.settings.profile.mysql.greeting_version;
            let all = VARIABLES.iter().copied().chain([("version", version)]);
            let rows = all.filter(|(name, _)| fits(name));
            let rows = rows
                .map(|(name, value)| vec![Some(name.to_owned()), Some(value.to_owned())])
                .collect();
            return Answer::rows(&["Variable_name", "Value"], rows);
        }
        // A replica of each table that it is asked of, on the BE that was registered first: `replicas=demo.orders 1`.
        if upper.starts_with("SHOW TABLET") {
            let state = self.group.state();
            let nodes = state.journal.membership.nodes.iter();
            let first = nodes.map(|node| node.id).min().unwrap_or_default();
            let row = ["20001".to_owned(), "20002".to_owned(), first.to_string()];
            return Answer::rows(
                &["TabletId", "ReplicaId", "BackendId"],
                vec![row.map(Some).to_vec()],
            );
        }
        match upper.as_str() {
            "SHOW DATABASES" => {
                let names = ["_statistics_", "information_schema", "sys"];
                Answer::rows(
                    &["Database"],
                    names.iter().map(|name| vec![Some((*name).to_owned())]).collect(),
                )
            }
            "SHOW GRANTS" => Answer::rows(&["UserIdentity"], Vec::new()),
            "SHOW WARNINGS" => Answer::rows(&["Level", "Code", "Message"], Vec::new()),
            "SHOW TABLES" => Answer::error(1046, "3D000", "No database selected"),
            _ => self.settings.profile.refused(format!(
                "Getting syntax error at line 1, column 5. Detail message: No viable statement for input '{}'.",
                sql.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
            )),
        }
    }
}

/// The keys that stop balancing and repair, with the engine's own values.
pub(crate) const fn switches(doris: bool) -> &'static [(&'static str, &'static str)] {
    if doris {
        &[
            ("disable_balance", "false"),
            ("disable_colocate_balance", "false"),
            ("disable_tablet_scheduler", "false"),
        ]
    } else {
        &[
            ("tablet_sched_disable_balance", "false"),
            ("tablet_sched_disable_colocate_balance", "false"),
            ("tablet_sched_max_scheduling_tablets", "10000"),
            ("tablet_sched_max_balancing_tablets", "500"),
        ]
    }
}
