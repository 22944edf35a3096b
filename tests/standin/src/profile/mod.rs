//! What differs between the imitated engines and their versions, as data: names, columns, codes, moments, and which of two
//! observed behaviours a program shows. `words.rs` has the texts that name somebody, the other files a profile for each version.

mod doris;
mod starrocks;
mod words;

use crate::fe::steps::Steps;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    StarRocks,
    Doris,
}

/// One version of one engine.
#[derive(Debug)]
pub(crate) struct Profile {
    /// The value of `profile` in `standin.conf`.
    pub(crate) id: &'static str,
    pub(crate) engine: Engine,
    /// As the lists of members show it.
    pub(crate) version: &'static str,
    /// Real milliseconds between two rounds of the leader.
    pub(crate) heartbeat_ms: f64,
    pub(crate) mysql: Mysql,
    pub(crate) columns: Columns,
    pub(crate) fe: FeRules,
    pub(crate) group: GroupRules,
    pub(crate) be: BeRules,
}

/// The MySQL port.
#[derive(Debug)]
pub(crate) struct Mysql {
    /// A configured constant that says nothing about the engine.
    pub(crate) greeting_version: &'static str,
    pub(crate) capabilities: u32,
    /// The code of nearly every refusal; its SQLSTATE is HY000.
    pub(crate) refusal_code: u16,
    /// What stands in front of nearly every refusal.
    pub(crate) refusal_prefix: &'static str,
    /// The code of a missing privilege, and what encloses its name.
    pub(crate) privilege_code: u16,
    pub(crate) privilege_quotes: (&'static str, &'static str),
    /// Whether an account without any privilege may see the lists of FEs and BEs.
    pub(crate) lists_for_everybody: bool,
    /// Which SELECTs run on a backend, and fail while none is alive.
    pub(crate) selects: Selects,
    /// Whether `information_schema.partitions` has the number of replicas; the other engine has a table of its own for it.
    pub(crate) partitions_have_replicas: bool,
    /// Unset times in the lists; `None` is SQL NULL.
    pub(crate) unset_time: Option<&'static str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Selects {
    /// All but `current_version()` are answered by the FE.
    Here,
    /// All run on a backend, those of system variables too.
    OnBackends,
}

/// The columns of each list, in their order.
#[derive(Debug)]
pub(crate) struct Columns {
    frontends: &'static str,
    backends: &'static str,
    /// Empty: compute nodes are backends.
    compute_nodes: &'static str,
    brokers: &'static str,
}

impl Columns {
    pub(crate) fn frontends(&self) -> Vec<&'static str> {
        self.frontends.split_whitespace().collect()
    }

    pub(crate) fn backends(&self) -> Vec<&'static str> {
        self.backends.split_whitespace().collect()
    }

    pub(crate) fn compute_nodes(&self) -> Vec<&'static str> {
        self.compute_nodes.split_whitespace().collect()
    }

    pub(crate) fn brokers(&self) -> Vec<&'static str> {
        self.brokers.split_whitespace().collect()
    }
}

/// The FE program.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "a table of what differs, not a state"
)]
pub(crate) struct FeRules {
    /// The data dir, below the home.
    pub(crate) meta_dir: &'static str,
    /// Where checkpoints are, below `image/`.
    pub(crate) checkpoint_dir: &'static str,
    /// Whether `image/DEPLOY_MODE` is written before ROLE.
    pub(crate) deploy_mode: bool,
    /// `None`: there is no such port.
    pub(crate) arrow_port: Option<u16>,
    /// The role of whoever leads, on the page `SHOW_HA` and in the log.
    pub(crate) leader: &'static str,
    /// The exit code of a start that an exception ends.
    pub(crate) thrown: u8,
    /// The graceful exit on SIGUSR1; without it the signal kills.
    pub(crate) graceful_exit: bool,
    /// What follows when no address fits `priority_networks`.
    pub(crate) unmatched_networks: Unmatched,
    pub(crate) founding: Steps,
    pub(crate) joining: Steps,
    pub(crate) restarting: Steps,
    /// Whether the health page tells that the FE is not ready.
    pub(crate) health_tells: bool,
    /// Whether `/check` names the cluster id.
    pub(crate) check_names_cluster: bool,
    /// Engine seconds for which a member that has lost its leader calls itself ready; `None`: for ever.
    pub(crate) ready_without_leader: Option<f64>,
    /// Rounds without an answer before a member is shown as dead.
    pub(crate) tolerated_rounds: u32,
    /// The fields of the ping of one FE by another; `None`: FEs are polled over HTTP.
    pub(crate) ping: Option<Ping>,
}

/// The thrift call `ping`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ping {
    /// Cluster id and token.
    Plain,
    /// And the deploy mode.
    WithDeployMode,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unmatched {
    Loopback,
    AnyAddress,
    End,
}

/// What Berkeley DB does for an FE.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "a table of what differs, not a state"
)]
pub(crate) struct GroupRules {
    /// How it names itself in front of its errors.
    pub(crate) je: &'static str,
    /// Engine seconds for which a leader without a majority goes on; then it ends. `None`: for as long as nothing else ends it.
    pub(crate) claim: Option<f64>,
    /// Engine seconds after which a change that finds no majority ends the leader, unless an older one hangs already.
    pub(crate) stuck_change: Option<f64>,
    /// Whether a member that may not stay (dropped, moved to another address) ends by itself.
    pub(crate) outcasts_end: bool,
    /// Whether a member is one for good as soon as it has attached; otherwise only after it was ready.
    pub(crate) settled_by_attaching: bool,
    /// Whether each round of the leader writes the time into the journal.
    pub(crate) writes_time: bool,
    /// Whether the group is asked, member by member, whenever somebody wants to see it.
    pub(crate) shows_ask_members: bool,
}

/// The BE and CN program.
#[derive(Debug)]
pub(crate) struct BeRules {
    pub(crate) http_key: &'static str,
    pub(crate) starlet_port: Option<u16>,
    pub(crate) arrow_port: Option<u16>,
    /// The `msg` of the health page of a node that serves.
    pub(crate) health: &'static str,
    /// Whether that page tells a start and a stop.
    pub(crate) health_tells: bool,
    /// Exit codes: a port that is taken, a storage path that cannot be used, storage that cannot be opened.
    pub(crate) port_taken: u8,
    pub(crate) no_storage: u8,
    pub(crate) unopened: u8,
    /// Whether the last component of a storage path is made.
    pub(crate) makes_storage: bool,
    /// Engine seconds that a stop takes when nothing runs.
    pub(crate) stop: f64,
}

static PROFILES: [&Profile; 5] = [
    &starrocks::V31,
    &starrocks::V35,
    &doris::V21,
    &doris::V30,
    &doris::V40,
];

impl Profile {
    pub(crate) fn parse(id: &str) -> Option<&'static Self> {
        PROFILES.into_iter().find(|profile| profile.id == id)
    }

    pub(crate) fn is_doris(&self) -> bool {
        self.engine == Engine::Doris
    }
}

#[cfg(test)]
mod tests {
    use super::PROFILES;

    #[test]
    fn a_profile_lists_each_column_once() {
        for profile in PROFILES {
            let columns = &profile.columns;
            for list in [
                columns.frontends(),
                columns.backends(),
                columns.compute_nodes(),
                columns.brokers(),
            ] {
                let mut once = list.clone();
                once.sort_unstable();
                once.dedup();
                assert_eq!(once.len(), list.len(), "{}: {list:?}", profile.id);
            }
        }
    }
}
