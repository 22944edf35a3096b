//! The texts of the help: what stands below the options of each verb.

#![expect(clippy::format_push_string, reason = "a short report, built once")]

use crate::engine::{ALL, Component};
use crate::exit::ExitCode;
use crate::plan::doctor::{Scope, checks};
use crate::plan::init::{COMPONENTS, file_name};
use crate::printable::fit;

/// The commit and the target. Only `release` in scripts/lib.sh sets it: if cargo read the commit, every commit would rebuild all tests.
const BUILT: &str = match option_env!("MUSTER_BUILD") {
    Some(facts) => facts,
    None => "development build",
};

pub(super) fn version() -> &'static str {
    format!("{} ({BUILT})", env!("CARGO_PKG_VERSION")).leak()
}

pub(super) fn about() -> String {
    let names: Vec<&str> = ALL.into_iter().map(|engine| engine.name).collect();
    format!(
        "PID 1 of a container of {}:\nmakes one cluster from two addresses a host.",
        names.join(" or ")
    )
}

/// The table below `--help`.
pub(super) fn exit_codes() -> String {
    let mut text = String::from("Exit codes:\n");
    for code in ExitCode::TABLE {
        let (meaning, remedy) = code.meaning();
        text.push_str(&format!("  {:>3}  {meaning}: {remedy}\n", code.number()));
    }
    let (meaning, remedy) = ExitCode::Engine(0).meaning();
    text.push_str(&format!("    n  {meaning}: {remedy}\n"));
    text
}

/// The text below the options of `run`.
pub(super) fn run_help() -> String {
    format!(
        "{}
A `command:` that was written for the vendor's image also works: muster reads the component, the home and the hosts to ask \
         from a call of the vendor's entrypoint or start scripts.\n",
        crate::settings::variables::help()
    )
}

/// The text below the options of `health`.
pub(super) const HEALTH: &str = "\
The check only asks. It writes nothing and stops nothing. For a node that was
dropped from its cluster it fails and says so; the engine keeps running, and the
next start is refused with exit code 79.

Only --deep needs an account: CLUSTER_USER and CLUSTER_PASSWORD_FILE.

In a container of `muster serve`, which has no node, it asks the page.";

/// The text below the options of `status`.
pub(super) const STATUS: &str = "\
It asks the FEs that MASTER_HOST and the record name, and every node that the
leader lists, all at once, with CLUSTER_USER and CLUSTER_PASSWORD_FILE. Without
the account it shows what the FEs tell over HTTP. It changes nothing.

Beside a node, with the volumes of a stopped one, or on any machine:

  docker exec fe1 muster status
  docker run --rm --network host --entrypoint muster IMAGE \\
    status --master 10.0.0.10

Exit codes: 0 well; 1 a person is needed; 64 wrong command line; 69 no leader is
believed; 77 the account was refused; 78 the settings cannot be used.";

/// The text below the options of `may-stop`.
pub(super) const MAY_STOP: &str = "\
The question before `docker compose up -d`, a reboot or a kernel patch: an FE
may stop if a majority of the voters stays, a BE if every tablet has its
replicas, two of them at least, and all other BEs are up. The answer is about
this moment.

  docker exec fe2 muster may-stop --wait && docker compose up -d fe2

Exit codes: 0 yes; 1 no, with the reason; 64 wrong command line; 69 no leader is
believed; 77 the account was refused; 78 the settings cannot be used.";

/// The text below the options of `doctor`.
pub(super) fn doctor_help() -> String {
    let mut text = String::from(
        "It looks at the host, the container and this node, dials every port that this
node needs on the others, and asks the cluster. It changes nothing. Each finding
says what is, what it should be, why, and what to do on the host.

  docker exec fe1 muster doctor
  docker exec be1 muster doctor --script >host.sh      # read it, then run it

An error is what does not work, or loses data; a warning is what breaks under
load or at the next fault; advice is what the vendor recommends.\n\nA check passes if:\n",
    );
    for scope in Scope::ALL {
        text.push_str(&format!("{}\n", scope.word()));
        for check in checks().filter(|check| check.scope == scope) {
            text.push_str(&fit(&format!("  {:17}  {}", check.name, check.about)));
        }
    }
    text.push_str(
        "\nExit codes: 0 no error was found; 1 an error, or with --strict a warning; 64
wrong command line; 78 the settings of this node cannot be used.",
    );
    text
}

/// The text below the options of `targets`.
pub(super) const TARGETS: &str = "\
The JSON of file_sd and http_sd: each FE, BE and CN with its HTTP port, each
broker with its only port, and the labels job, group, host and cluster. With
--out the file is replaced by a rename; without a leader it stays as it is.

Exit codes: 0 written; 64 wrong command line; 69 no leader is believed; 73 the
file cannot be written; 77 the account was refused; 78 the settings cannot be
used.";

/// The text below the options of `metrics`.
pub(super) const METRICS: &str = "\
What no node of the engine says of itself: whether there is a leader, how many
FEs may fail, who is alive to the leader and who serves, and how many findings
of each kind `status` has. With --out the file is replaced by a rename, for the
textfile collector of node_exporter.

Exit codes: 0 written; 64 wrong command line; 69 no leader is believed, which
the metrics say too; 73 the file cannot be written; 77 the account was refused;
78 the settings cannot be used.";

/// The text below the options of `serve`.
pub(super) const SERVE: &str = "\
A service of its own, never a part of `run`. It asks as `status` does, only when
somebody looks, and at most every 5 s however many look. It has no login and no
button: whoever reaches it sees the hosts, the ports and the errors of the
cluster. Put it behind what your site has, or leave it on 127.0.0.1.

  /              the page; it loads itself again every 15 s
  /status.json   the same as `status --json`
  /metrics       the same as `metrics`
  /targets.json  the same as `targets`; without a leader the last list, or 503
  /healthz       200 as long as it serves; the cluster is not asked

In a compose file, with an image whose entrypoint is `muster run`:

  command: [\"serve\", \"--listen\", \"0.0.0.0:19320\"]
  environment: {MASTER_HOST: 10.0.0.10}

Exit codes: 0 stopped on request; 64 wrong command line; 73 the port is in use;
78 the settings cannot be used, or the address is none of this machine.";

/// The text below the options of `ports`.
pub(super) const PORTS: &str = "\
The ports are those that the node of this container has, or the engine's own for
another component. The nodes are those that the leader lists. The rules let in
who is listed, and drop everybody else on these ports; `nft` also loads again.

  docker exec fe1 muster ports --format nft | sudo nft -f -

Exit codes: 0 printed; 1 a host does not resolve here; 64 wrong command line; 69
no leader is believed: only the FEs that are known are listed; 77 the account
was refused; 78 the settings cannot be used.";

/// The text below the options of `history`.
pub(super) const HISTORY: &str = "\
One line an event, the newest last: starts of the engine and their ends with the
reason, starts that were refused, the cluster that was founded or joined, other
leaders, drops, other hosts and versions. The newest 200 are kept beside the
record in STATE_DIR. It asks nobody.

  docker exec fe1 muster history -n 20
  docker run --rm --volumes-from fe1 --entrypoint muster IMAGE history fe

Exit codes: 0 printed; 64 wrong command line; 78 no node is found in this image,
or several.";

/// The text below the options of `report`.
pub(super) const REPORT: &str = "\
The tar has what explain, status, doctor and history print, the record, the conf
files, the last 2000 lines of the engine's logs, and what the kernel says of
this container: limits, mounts, memory, disks. Of conf files and variables it
has the names, and values that are known to hold no secret; in all other texts
what looks like a password, a token or a key is ***. Read it before you send it.

  docker exec fe1 muster report > fe1.tar
  docker run --rm --volumes-from fe1 --entrypoint muster IMAGE report > fe1.tar

It takes at most 5 s and 5 MiB, also when the cluster is down. What is not in it
is named on stderr and in missing.txt.

Exit codes: 0 written; 64 wrong command line; 73 stdout is a terminal, or it
cannot be written.";

/// The text below the options of `init`.
pub(super) fn init_help() -> String {
    let rows = ALL.into_iter().map(|engine| {
        let names = COMPONENTS.map(|component| file_name(engine, component));
        format!("  {:12} {}\n", engine.name, names.join(", "))
    });
    format!(
        "The files are KEY=VALUE lines for compose's `env_file:` and `docker run
--env-file`, of the engine that ENGINE in app.env names, or that of the image:

{}
Each is enough for its container. Run it on the host, or in a container with the
network of the host and the directory mounted:

  docker run --rm --network host -v \"$PWD\":/work --entrypoint muster IMAGE \\
    init --dir /work

app.env is read as docker reads it, also with `export`, with quotes around a
value, and with Windows line ends. A variable goes into the file of the
component that reads it. Names that muster does not know are not copied, and
neither are secrets: set CLUSTER_PASSWORD_FILE instead. The ports of both files
are chosen together: the one in app.env, else the one in the old file, else the
engine's default, else the next free one. Before the first run stop the engines,
or their own ports count as in use. Ports that only a conf file sets are not
known here: set them in app.env.

Each run renders the whole files; lines that you add to them are lost. A second
run with the same app.env writes nothing, also while the engines run. A file
whose first line is not the one that `init` writes is refused; --force replaces
it, keeps its ports, and keeps the old file as <name>.before-muster.

With --hosts, a directory for each host of a list, and prometheus/targets.json:

  # HOST      KIND[,KIND]  KEY=VALUE ...
  10.0.0.10   fe,be
  10.0.0.11   fe,be        FE_HEAP=16g
  10.0.0.12   fe,be
  10.0.0.13   observer,be  STORAGE_ROOT_PATH=/disk1;/disk2

  muster init --hosts hosts.txt --app-env app.env --out cluster

The kinds are fe, observer (an FE without a vote), be, cn and broker. The first
fe may found the cluster. The file of --app-env, if it is given, has settings of
all hosts; a setting on a line wins. FE_IMAGE, BE_IMAGE, CN_IMAGE, BROKER_IMAGE
name other images. Paths are those of the host, and are mounted: data dirs,
STATE_DIR, and the files of CLUSTER_PASSWORD_FILE and its like.

A directory has the env files, compose.yaml and firewall.nft, and is all that
its host needs for `docker compose up -d`. With the same list a second run
writes nothing; with a changed one it replaces what differs. A host that is no
longer in the list is named, and its directory stays.

Exit codes: 0 written, or nothing to do; 73 a port is in use, or a file cannot
be read, overwritten or written; 78 app.env or the list cannot be used.\n",
        rows.collect::<String>()
    )
}

/// The text below the options of `readdress`.
pub(super) fn readdress_help() -> String {
    let mut text = String::from(
        "Stop the member that has moved. Run this in any other container of the cluster,
then start the member with LOCAL_HOST set to the new host.

It asks the FEs that MASTER_HOST and the record name, with CLUSTER_USER and
CLUSTER_PASSWORD_FILE. It prints what it will do, does it, and checks the
result. A member may move:\n\n",
    );
    for engine in ALL {
        let to = |component| match engine.rehost(component) {
            Some(rehost) if rehost.to_address => "to a name or an address",
            Some(_) => "to a name",
            None => "not at all",
        };
        text.push_str(&format!(
            "  {:12} FE {}, while it is stopped\n  {:12} BE {}, CN {}\n",
            engine.name,
            to(Component::Fe),
            "",
            to(Component::Be),
            to(Component::Cn)
        ));
    }
    text.push_str(
        "
A broker is not moved: drop it, and start it with the new LOCAL_HOST.
Every host must resolve the name to the new address. A member that keeps its
name does not need this command: the cluster finds it again 20 to 50 s after its
start. If a move is not possible, the error names the statement and the settings
that work instead.

Exit codes: 0 done, or nothing to do; 64 wrong command line; 69 no leader in
time; 75 the leader still lists the old host: run it again; 77 the account was
refused; 78 the cluster lists neither host, or the new name does not resolve;
79 refused to protect data.\n",
    );
    text
}
