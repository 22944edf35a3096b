//! What the hosts and the stories need to know of the two engines.

use std::net::Ipv4Addr;

/// An engine.
#[derive(Debug, PartialEq, Eq)]
pub struct Engine {
    pub id: &'static str,
    /// Its name and version, for a person.
    pub name: &'static str,
    /// The version of the stand-in that the stories use.
    pub profile: &'static str,
    /// The directory that its images have their homes in.
    pub homes: &'static str,
    /// The name of the directory under the home of an FE that a volume is mounted on.
    pub fe_data: &'static str,
    /// The word in the log of an FE that leads.
    pub leader: &'static str,
    /// Between two heartbeats of a real one, in seconds.
    pub heartbeat_s: u32,
    /// The start of the statement that drops a BE.
    drop_backend: &'static str,
    pub show_compute_nodes: &'static str,
    /// As `drop_backend`, for a compute node.
    drop_compute_node: &'static str,
    /// The argument by which the start script of an FE logs to the console.
    pub console: &'static str,
    /// The last script on the way to the engine of a BE.
    pub backend: &'static str,
    /// The word in the command line of a running engine that its start script looks for: FE, BE.
    pub process: [&'static str; 2],
    /// The file that tells muster whose the data of an FE is.
    pub owner_file: &'static str,
    /// Whether an FE or observer that is dropped ends by itself.
    pub outcasts_end: bool,
    /// The statement by which `muster readdress` renames an FE, with `@` for the host and `%` for the new one.
    rename_fe: &'static str,
    /// In its answer while another statement holds its lock.
    pub lock: &'static str,
}

pub static STARROCKS: Engine = Engine {
    id: "starrocks",
    name: "StarRocks 3.5",
    profile: "starrocks-3.5",
    homes: "/opt/starrocks",
    fe_data: "meta",
    leader: "LEADER",
    heartbeat_s: 5,
    drop_backend: "ALTER SYSTEM DROP BACKEND",
    show_compute_nodes: "SHOW COMPUTE NODES",
    drop_compute_node: "ALTER SYSTEM DROP COMPUTE NODE",
    console: "--logconsole",
    backend: "bin/start_backend.sh",
    process: ["StarRocksFE", "starrocks_be"],
    owner_file: "image/ROLE",
    outcasts_end: false,
    rename_fe: "ALTER SYSTEM MODIFY FRONTEND HOST \"@\" TO \"%\"",
    lock: "Failed to acquire globalStateMgr lock",
};

pub static DORIS: Engine = Engine {
    id: "doris",
    name: "Apache Doris 4.0",
    profile: "doris-4.0",
    homes: "/opt/apache-doris",
    fe_data: "doris-meta",
    leader: "MASTER",
    heartbeat_s: 10,
    drop_backend: "ALTER SYSTEM DROPP BACKEND",
    show_compute_nodes: "SHOW BACKENDS",
    drop_compute_node: "ALTER SYSTEM DROPP BACKEND",
    console: "--console",
    backend: "bin/start_be.sh",
    process: ["DorisFE", "doris_be"],
    owner_file: "its journal",
    outcasts_end: true,
    rename_fe: "ALTER SYSTEM MODIFY FRONTEND \"@:9010\" HOSTNAME \"%\"",
    lock: "Failed to acquire env lock",
};

impl Engine {
    pub fn is_doris(&self) -> bool {
        self.id == DORIS.id
    }

    /// The statement that drops the BE at `at`, its host and heartbeat port.
    pub fn drop_backend(&self, at: &str) -> String {
        format!("{} \"{at}\"", self.drop_backend)
    }

    /// The statement that gives the FE at `from` another host.
    pub fn rename_fe(&self, from: &str, to: &str) -> String {
        self.rename_fe.replace('@', from).replace('%', to)
    }

    /// The same for a compute node.
    pub fn drop_compute_node(&self, at: &str) -> String {
        format!("{} \"{at}\"", self.drop_compute_node)
    }

    /// By its name.
    pub fn named(id: &str) -> Option<&'static Self> {
        [&STARROCKS, &DORIS].into_iter().find(|engine| engine.id == id)
    }
}

/// The statement that drops the broker of this host, of either engine, by the name that muster gives one.
pub fn drop_broker(host: Ipv4Addr) -> String {
    let name = host.to_string().replace('.', "_");
    format!("ALTER SYSTEM DROP BROKER broker_{name} \"{host}:8000\"")
}
