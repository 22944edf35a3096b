//! What comes of an `app.env`, of the files there are, and of the ports that are taken.

use super::{Busy, COMPONENTS, Chosen, Fate, Inputs, Side, derive, engine, file_name};
use crate::engine::Component;
use crate::exit::ExitCode;
use crate::facts::old_file::{OldFile, OldState};
use crate::plan::refusal::Refusal;
use crate::settings::{EnvFile, Flags, Settings};
use std::collections::BTreeMap;

/// Beside what a host of its own looks like: nothing taken, no file there.
#[derive(Default, Clone, Copy)]
struct Host<'a> {
    app_env: &'a str,
    fe: Option<&'a str>,
    be: Option<&'a str>,
    taken: &'a [u16],
    force: bool,
}

const FOLLOWER: &str = "MASTER_HOST=10.0.0.10\nLOCAL_HOST=10.0.0.11\n";
const SEED: &str = "MASTER_HOST=10.0.0.10\nLOCAL_HOST=10.0.0.10\n";

/// What comes of it, without what it borrows.
struct Made {
    files: Vec<(Component, String, Fate)>,
    ports: Vec<Chosen>,
    said: String,
    warnings: Vec<String>,
    changes_nothing: bool,
}

fn try_on(host: Host<'_>) -> Result<Made, Vec<Refusal>> {
    let app_env = EnvFile::parse("./app.env", host.app_env);
    let sides = COMPONENTS.map(|component| {
        let flags = Flags {
            component: Some(component),
            ..Flags::default()
        };
        let (settings, _) =
            Settings::read_file(flags, &app_env).unwrap_or_else(|problems| panic!("{problems}"));
        let engine = engine(&settings, &app_env).unwrap();
        let text = if component == COMPONENTS[0] {
            host.fe
        } else {
            host.be
        };
        let path = std::path::Path::new(".").join(file_name(engine, component));
        let old = OldFile {
            real: path.clone(),
            aside: format!("{}.before-muster", path.display()).into(),
            path,
            state: text.map_or(OldState::Missing, |text| OldState::Text(text.to_owned())),
        };
        Side::new(component, settings, old)
    });
    let taken: BTreeMap<u16, String> = host
        .taken
        .iter()
        .map(|port| (*port, format!("nginx (pid 7) on TCP 0.0.0.0:{port}")))
        .collect();
    let inputs = Inputs {
        engine: engine(&sides[0].settings, &app_env).unwrap(),
        app_env: &app_env,
        sides: &sides,
        force: host.force,
    };
    let busy = Busy {
        taken: &taken,
        ephemeral: &(32768..=60999),
        reserved: &[],
    };
    let init = derive(&inputs, &busy)?;
    Ok(Made {
        said: init.said(),
        changes_nothing: init.changes_nothing(),
        files: init
            .files
            .into_iter()
            .map(|file| (file.side.component, file.text, file.fate))
            .collect(),
        ports: init.ports,
        warnings: init.warnings,
    })
}

fn on(host: Host<'_>) -> Made {
    try_on(host).unwrap_or_else(|refusals| panic!("{refusals:?}"))
}

fn refused(host: Host<'_>) -> String {
    let Err(refusals) = try_on(host) else {
        panic!("it is not refused")
    };
    assert!(refusals.iter().all(|refusal| refusal.code == ExitCode::Taken));
    let said: Vec<String> = refusals.iter().map(ToString::to_string).collect();
    said.join("; ")
}

fn texts(init: &Made) -> [String; 2] {
    [init.files[0].1.clone(), init.files[1].1.clone()]
}

/// The ports of both, in the order of the engine's table.
fn ports(init: &Made) -> String {
    let of = |component: Component| {
        let own = init.ports.iter().filter(|chosen| chosen.component == component);
        let numbers: Vec<String> = own.map(|chosen| chosen.choice.number.to_string()).collect();
        numbers.join(" ")
    };
    COMPONENTS.map(of).join(" | ")
}

/// What is said of one port.
fn why(init: &Made, variable: &str) -> String {
    let mut choices = init.ports.iter().map(|chosen| &chosen.choice);
    let choice = choices.find(|choice| choice.port.name.variable() == variable);
    choice.unwrap().why.clone()
}

/// Whether a file sets that line.
fn has(text: &str, line: &str) -> bool {
    text.lines().any(|known| known == line)
}

const DEFAULTS: &str = "8030 9020 9030 9010 | 9060 8040 9050 8060 9070";

#[test]
fn an_app_env_of_two_addresses_becomes_two_files_that_are_each_enough() {
    let init = on(Host {
        app_env: "MASTER_HOST=10.0.0.10\nLOCAL_HOST=10.0.0.11\nDEFAULT_REPLICATION_NUM=3\nKAFKA_HOST=x\n",
        ..Host::default()
    });
    let [fe, be] = texts(&init);
    assert_eq!(
        fe,
        "\
# >>> muster: written by `muster init`, which writes it anew; lines of your own go above or below
MASTER_HOST=10.0.0.10
LOCAL_HOST=10.0.0.11
MASTER_FE_HOST=10.0.0.10
MASTER_FE_QUERY_PORT=9030
MASTER_FE_EDIT_LOG_PORT=9010
FE_HOST=10.0.0.11
HOST_IP=10.0.0.11
HTTP_PORT=8030
RPC_PORT=9020
FE_QUERY_PORT=9030
EDIT_LOG_PORT=9010
DEFAULT_REPLICATION_NUM=3
# <<< muster
"
    );
    assert_eq!(
        be,
        "\
# >>> muster: written by `muster init`, which writes it anew; lines of your own go above or below
MASTER_HOST=10.0.0.10
LOCAL_HOST=10.0.0.11
MASTER_FE_HOST=10.0.0.10
MASTER_FE_QUERY_PORT=9030
MASTER_FE_EDIT_LOG_PORT=9010
HOST_IP=10.0.0.11
BE_PORT=9060
BE_HTTP_PORT=8040
HEARTBEAT_PORT=9050
BRPC_PORT=8060
STARLET_PORT=9070
# <<< muster
"
    );
    assert_eq!(
        init.said,
        "\
10.0.0.11 is a follower in the cluster of 10.0.0.10

FE  ./{E}-fe.env
  HTTP_PORT       8030   the engine's default; the seed's counts, and `run` takes it from the cluster
  RPC_PORT        9020   the engine's default
  FE_QUERY_PORT   9030   the engine's default
  EDIT_LOG_PORT   9010   the engine's default

BE  ./{E}-be.env
  BE_PORT         9060   the engine's default
  BE_HTTP_PORT    8040   the engine's default
  HEARTBEAT_PORT  9050   the engine's default
  BRPC_PORT       8060   the engine's default
  STARLET_PORT    9070   the engine's default

./{E}-fe.env is new
./{E}-be.env is new

next, with `env_file: {E}-fe.env` in the FE's service and `env_file: {E}-be.env` in the BE's service:
  docker compose up -d
"
        .replace("{E}", engine_id())
    );
}

/// The tests of this folder name no engine either.
fn engine_id() -> &'static str {
    crate::engine::ALL[0].id
}

#[test]
fn a_variable_goes_where_it_is_read_and_nowhere_else() {
    let app_env = format!(
        "{FOLLOWER}COMPONENT=cn\nENGINE={}\nFE_ROLE=Observer\nGUARD_TIME=30s\nPRIORITY_NETWORKS=10.0.0.0/8\nMETA_DIR=/m\n\
         STORAGE_ROOT_PATH=/s\nSTATE_DIR=\"/state\"\nCLUSTER_USER=admin\nCLUSTER_PASSWORD_FILE=/run/secrets/p\nMUSTER_EXEC=0\n\
         FE_CONF__a=1\nBE_CONF__b=2\nCN_CONF__c=3\nBROKER_IPC_PORT=8001\nKAFKA_HOST=k\nPOD_NAME=p\nREJOIN=\n",
        engine_id()
    );
    let init = on(Host {
        app_env: &app_env,
        ..Host::default()
    });
    let [fe, be] = texts(&init);
    let table = [
        ("FE_ROLE=observer", true, false),
        ("GUARD_TIME=30s", true, false),
        ("PRIORITY_NETWORKS=10.0.0.0/8", true, true),
        ("META_DIR=/m", true, false),
        ("STORAGE_ROOT_PATH=/s", false, true),
        ("STATE_DIR=/state", true, true),
        ("CLUSTER_USER=admin", true, true),
        ("CLUSTER_PASSWORD_FILE=/run/secrets/p", true, true),
        ("MUSTER_EXEC=0", true, true),
        ("FE_CONF__a=1", true, false),
        ("BE_CONF__b=2", false, true),
    ];
    for (line, in_fe, in_be) in table {
        assert_eq!(
            (has(&fe, line), has(&be, line)),
            (in_fe, in_be),
            "{line}\n{fe}\n{be}"
        );
    }
    for text in [&fe, &be] {
        for word in ["COMPONENT", "CN_CONF", "BROKER", "KAFKA", "POD_NAME", "REJOIN"] {
            assert!(!text.contains(word), "{word}\n{text}");
        }
    }
    assert!(
        init.said.contains(
            "\nnot copied from ./app.env, because they say nothing to an FE or a BE of their own: \
             BROKER_IPC_PORT, CN_CONF__c, COMPONENT\n"
        ),
        "{}",
        init.said
    );
    assert!(
        init.said
            .starts_with("10.0.0.11 is an observer in the cluster of 10.0.0.10\n")
    );
}

#[test]
fn the_order_of_app_env_means_nothing() {
    let lines = [
        "FE_CONF__b=1",
        "FE_CONF__a=2",
        "STATE_DIR=/s",
        "LOCAL_HOST=10.0.0.11",
        "MASTER_HOST=10.0.0.10",
    ];
    let forward = lines.join("\n");
    let backward: Vec<&str> = lines.iter().rev().copied().collect();
    let of = |app_env: &str| {
        texts(&on(Host {
            app_env,
            ..Host::default()
        }))
    };
    assert_eq!(of(&forward), of(&backward.join("\r\n")));
}

#[test]
fn a_host_has_the_number_of_its_place_in_master_host() {
    // LOCAL_HOST, what app.env says besides, the line of each file.
    let table = [
        ("10.0.0.1", "", Some("FE_INDEX=1"), Some("BE_INDEX=1")),
        ("10.0.0.2", "", Some("FE_INDEX=2"), Some("BE_INDEX=2")),
        ("10.0.0.3", "", None, None),
        ("10.0.0.3", "FE_INDEX=7\n", Some("FE_INDEX=7"), None),
        ("10.0.0.2", "BE_INDEX=7\n", Some("FE_INDEX=2"), Some("BE_INDEX=7")),
    ];
    for (local, besides, fe_line, be_line) in table {
        let app_env = format!("MASTER_HOST=10.0.0.1,10.0.0.2\nLOCAL_HOST={local}\n{besides}");
        let [fe, be] = texts(&on(Host {
            app_env: &app_env,
            ..Host::default()
        }));
        for (text, line) in [(fe, fe_line), (be, be_line)] {
            assert!(has(&text, "MASTER_HOST=10.0.0.1,10.0.0.2") && has(&text, "MASTER_FE_HOST=10.0.0.1"));
            let found = text.lines().find(|known| known.contains("_INDEX="));
            assert_eq!(found, line, "{local} {besides}");
        }
    }
}

/// A vendor's words become ours: hosts and ports are the same ones, whoever named them.
#[test]
fn what_is_said_in_a_vendors_words_is_written_in_ours() {
    let init = on(Host {
        app_env: "MASTER_HOST=FE1.example.\nPOD_FQDN=fe2.example\nHOST_TYPE=FQDN\nIS_FE_OBSERVER=true\nLOG_CONSOLE=1\n\
                  FE_CONF__query_port=9131\nBE_CONF__be_port=9161\n",
        ..Host::default()
    });
    let [fe, be] = texts(&init);
    for line in [
        "MASTER_HOST=fe1.example",
        "LOCAL_HOST=fe2.example",
        "HOST_IP=fe2.example",
    ] {
        assert!(has(&fe, line) && has(&be, line), "{line}\n{fe}\n{be}");
    }
    assert!(has(&fe, "FE_ROLE=observer") && has(&fe, "FE_QUERY_PORT=9131") && has(&be, "BE_PORT=9161"));
    for word in ["POD_", "HOST_TYPE", "LOG_CONSOLE", "IS_FE", "CONF__"] {
        assert!(!fe.contains(word) && !be.contains(word), "{word}\n{fe}\n{be}");
    }
    assert_eq!(why(&init, "FE_QUERY_PORT"), "asked for in ./app.env, line 6");
}

#[test]
fn ports_are_chosen_once_for_both_and_say_why() {
    // What app.env wishes, ports that are taken, all ports, then a port and what is said of it.
    let nginx = |port: u16| format!("nginx (pid 7) on TCP 0.0.0.0:{port} holds {port}");
    let table: Vec<(&str, &[u16], &str, &str, String)> = vec![
        (
            "",
            &[],
            DEFAULTS,
            "FE_QUERY_PORT",
            "the engine's default".to_owned(),
        ),
        (
            "FE_QUERY_PORT=9131\n",
            &[],
            "8030 9020 9131 9010 | 9060 8040 9050 8060 9070",
            "FE_QUERY_PORT",
            "asked for in ./app.env, line 3".to_owned(),
        ),
        (
            "",
            &[9030, 9031],
            "8030 9020 9032 9010 | 9060 8040 9050 8060 9070",
            "FE_QUERY_PORT",
            format!("the next free one: {}", nginx(9030)),
        ),
        // The FE moved onto what the BE would have had next.
        (
            "FE_QUERY_PORT=9061\n",
            &[9060],
            "8030 9020 9061 9010 | 9062 8040 9050 8060 9070",
            "BE_PORT",
            format!("the next free one: {}", nginx(9060)),
        ),
        // What is asked for beside it is not taken by default, whoever chooses first.
        (
            "BE_PORT=9030\n",
            &[],
            "8030 9020 9031 9010 | 9030 8040 9050 8060 9070",
            "FE_QUERY_PORT",
            "the next free one: the wish of BE_PORT holds 9030".to_owned(),
        ),
        (
            "BE_CONF__be_port=9030\n",
            &[],
            "8030 9020 9031 9010 | 9030 8040 9050 8060 9070",
            "BE_PORT",
            "asked for in ./app.env, line 3".to_owned(),
        ),
        (
            "FE_QUERY_PORT=8040\n",
            &[],
            "8030 9020 8040 9010 | 9060 8041 9050 8060 9070",
            "BE_HTTP_PORT",
            "the next free one: the FE's query_port holds 8040".to_owned(),
        ),
        // One wish for both.
        (
            "ARROW_FLIGHT_PORT=9408\n",
            &[],
            "8030 9020 9030 9010 9408 | 9409 9060 8040 9050 8060 9070",
            "ARROW_FLIGHT_PORT",
            "asked for in ./app.env, line 3".to_owned(),
        ),
        // A follower does not know the cluster's, and `run` looks.
        (
            "",
            &[8030],
            DEFAULTS,
            "HTTP_PORT",
            "the engine's default; the seed's counts, and `run` takes it from the cluster".to_owned(),
        ),
        // An identity port moves only where nobody asked for it.
        (
            "",
            &[9010, 9050],
            "8030 9020 9030 9011 | 9060 8040 9051 8060 9070",
            "HEARTBEAT_PORT",
            format!("the next free one: {}", nginx(9050)),
        ),
    ];
    for (wishes, taken, expected, variable, reason) in table {
        let app_env = format!("{FOLLOWER}{wishes}");
        let init = on(Host {
            app_env: &app_env,
            taken,
            ..Host::default()
        });
        assert_eq!(ports(&init), expected, "{wishes} {taken:?}");
        assert_eq!(why(&init, variable), reason, "{wishes} {taken:?}");
    }
}

#[test]
fn a_port_that_may_not_move_is_refused_with_its_holder() {
    let table: [(&str, &str, &[u16], &str); 4] = [
        (
            SEED,
            "",
            &[8030],
            "http_port must be 8030 (every FE of a cluster must use the same), but nginx (pid 7) on TCP 0.0.0.0:8030 holds it",
        ),
        (
            SEED,
            "HTTP_PORT=8031\nEDIT_LOG_PORT=9011\n",
            &[8031, 9011],
            "http_port must be 8031 (it was asked for), but nginx (pid 7) on TCP 0.0.0.0:8031 holds it; \
             edit_log_port must be 9011 (it was asked for), but nginx (pid 7) on TCP 0.0.0.0:9011 holds it",
        ),
        (
            FOLLOWER,
            "HEARTBEAT_PORT=9051\n",
            &[9051],
            "heartbeat_service_port must be 9051 (it was asked for), but nginx (pid 7) on TCP 0.0.0.0:9051 holds it",
        ),
        (
            FOLLOWER,
            "EDIT_LOG_PORT=9050\nHEARTBEAT_PORT=9050\n",
            &[],
            "heartbeat_service_port must be 9050 (it was asked for), but the FE's edit_log_port holds it",
        ),
    ];
    for (hosts, wishes, taken, expected) in table {
        let app_env = format!("{hosts}{wishes}");
        let said = refused(Host {
            app_env: &app_env,
            taken,
            ..Host::default()
        });
        assert_eq!(said, expected);
    }
}

/// The first run's files, whatever holds their ports by then.
#[test]
fn what_a_file_says_about_ports_is_kept_also_while_the_engines_listen() {
    // Wishes, ports that are taken at first.
    let table: [(&str, &[u16]); 6] = [
        ("", &[]),
        ("", &[9030, 9050, 9010]),
        ("FE_QUERY_PORT=9131\n", &[9131]),
        ("ARROW_FLIGHT_PORT=9408\n", &[]),
        ("BE_PORT=9030\nRPC_PORT=8040\n", &[9020]),
        ("HTTP_PORT=8040\n", &[]),
    ];
    for (hosts, (wishes, taken)) in [SEED, FOLLOWER]
        .into_iter()
        .flat_map(|hosts| table.map(|row| (hosts, row)))
    {
        let app_env = format!("{hosts}{wishes}");
        let first = on(Host {
            app_env: &app_env,
            taken,
            ..Host::default()
        });
        let [fe, be] = texts(&first);
        let engines = first.ports.iter().map(|chosen| chosen.choice.number);
        let held: Vec<u16> = taken.iter().copied().chain(engines).collect();
        // The others may have gone meanwhile.
        let held_by_engines_alone: Vec<u16> = held[taken.len()..].to_vec();
        for taken in [taken, &held[..]] {
            let second = on(Host {
                app_env: &app_env,
                fe: Some(&fe),
                be: Some(&be),
                taken,
                ..Host::default()
            });
            assert!(second.changes_nothing, "{app_env}\n{}", second.said);
            assert_eq!(texts(&second), [fe.clone(), be.clone()]);
            assert!(
                second
                    .said
                    .contains("\nnothing changed: both files say so already\n")
            );
        }
        let alone = on(Host {
            app_env: &app_env,
            fe: Some(&fe),
            be: Some(&be),
            taken: &held_by_engines_alone,
            ..Host::default()
        });
        // Only a wish that can be had now is a reason to move.
        assert!(
            alone.changes_nothing || wishes.contains("9131"),
            "{app_env}\n{}",
            alone.said
        );
    }
}

#[test]
fn each_change_is_said_with_what_was_what_is_and_why() {
    let first = on(Host {
        app_env: &format!("{FOLLOWER}FE_CONF__x=1\nFE_QUERY_PORT=9131\n"),
        taken: &[9131],
        ..Host::default()
    });
    let [fe, be] = texts(&first);
    let second = on(Host {
        app_env: "MASTER_HOST=10.0.0.10,10.0.0.11\nLOCAL_HOST=10.0.0.11\n\nDEFAULT_REPLICATION_NUM=3\nFE_QUERY_PORT=9131\nBE_PORT=9161\n",
        fe: Some(&fe),
        be: Some(&be.replace("# <<<", "CLUSTER_PASSWORD=hunter2\n# <<<")),
        ..Host::default()
    });
    let said = second.said.replace(engine_id(), "E");
    let changes: Vec<&str> = said
        .lines()
        .filter(|line| line.starts_with("./E-") && line.contains(": "))
        .collect();
    assert_eq!(
        changes,
        [
            "./E-fe.env: MASTER_HOST = 10.0.0.10 → 10.0.0.10,10.0.0.11: set in ./app.env, line 1",
            "./E-fe.env: FE_INDEX = 2 is new: its place in MASTER_HOST",
            "./E-fe.env: FE_QUERY_PORT = 9132 → 9131: asked for in ./app.env, line 5",
            "./E-fe.env: DEFAULT_REPLICATION_NUM = 3 is new: set in ./app.env, line 4",
            "./E-fe.env: FE_CONF__x = 1 is gone: ./app.env does not set it",
            "./E-be.env: MASTER_HOST = 10.0.0.10 → 10.0.0.10,10.0.0.11: set in ./app.env, line 1",
            "./E-be.env: BE_INDEX = 2 is new: its place in MASTER_HOST",
            "./E-be.env: BE_PORT = 9060 → 9161: asked for in ./app.env, line 6",
            "./E-be.env: CLUSTER_PASSWORD = (secret) is gone: ./app.env does not set it",
        ]
    );
    assert!(!said.contains("hunter2"));
}

#[test]
fn a_wish_that_cannot_be_had_leaves_a_running_engine_where_it_is() {
    let app_env = format!("{FOLLOWER}FE_QUERY_PORT=9131\n");
    let first = on(Host {
        app_env: &app_env,
        taken: &[9131],
        ..Host::default()
    });
    let [fe, be] = texts(&first);
    let second = on(Host {
        app_env: &app_env,
        fe: Some(&fe),
        be: Some(&be),
        taken: &[9131, 9132],
        ..Host::default()
    });
    assert!(second.changes_nothing);
    assert_eq!(
        why(&second, "FE_QUERY_PORT"),
        "the same as before: nginx (pid 7) on TCP 0.0.0.0:9131 holds 9131, which is asked for"
    );
}

#[test]
fn a_new_port_of_one_file_is_not_the_other_ones_old_one() {
    let first = on(Host {
        app_env: FOLLOWER,
        taken: &[9060],
        ..Host::default()
    });
    let [fe, be] = texts(&first);
    assert!(has(&be, "BE_PORT=9061"));
    // Nothing listens there now, and still it is the BE's.
    let second = on(Host {
        app_env: &format!("{FOLLOWER}RPC_PORT=9059\n"),
        be: Some(&be),
        taken: &[9059, 9060],
        ..Host::default()
    });
    assert_eq!(ports(&second), "8030 9062 9030 9010 | 9061 8040 9050 8060 9070");
    // Unless somebody asks for it.
    let third = on(Host {
        app_env: &format!("{FOLLOWER}RPC_PORT=9061\n"),
        fe: Some(&fe),
        be: Some(&be),
        taken: &[9060],
        ..Host::default()
    });
    assert_eq!(ports(&third), "8030 9061 9030 9010 | 9062 8040 9050 8060 9070");
}

/// The seed's FE asks the others, the BE beside it asks that FE, and everybody else has to be told.
#[test]
fn a_seed_that_could_not_have_its_port_says_what_the_other_hosts_need() {
    let moved = on(Host {
        app_env: SEED,
        taken: &[9030],
        ..Host::default()
    });
    let [fe, be] = texts(&moved);
    assert!(has(&fe, "FE_QUERY_PORT=9031") && has(&fe, "MASTER_FE_QUERY_PORT=9030"));
    assert!(has(&be, "MASTER_FE_QUERY_PORT=9031"));
    assert!(
        moved.said.contains(
            "\nthe seed will answer on 9031, and the other hosts ask it on 9030: set MASTER_FE_QUERY_PORT=9031 in the ./app.env of each\n"
        ),
        "{}",
        moved.said
    );
    let told = on(Host {
        app_env: &format!("{SEED}MASTER_FE_QUERY_PORT=9031\n"),
        taken: &[9030],
        ..Host::default()
    });
    assert!(
        texts(&told)
            .iter()
            .all(|text| has(text, "MASTER_FE_QUERY_PORT=9031"))
    );
    assert!(!told.said.contains("the seed will answer"));
    // Everybody has the wish.
    let wished = on(Host {
        app_env: &format!("{FOLLOWER}FE_QUERY_PORT=9131\nEDIT_LOG_PORT=9111\n"),
        ..Host::default()
    });
    for text in texts(&wished) {
        assert!(has(&text, "MASTER_FE_QUERY_PORT=9131") && has(&text, "MASTER_FE_EDIT_LOG_PORT=9111"));
    }
}

#[test]
fn lines_outside_of_the_block_stay_where_and_as_they_are() {
    let [block, _] = texts(&on(Host {
        app_env: FOLLOWER,
        ..Host::default()
    }));
    let line = "MASTER_FE_HOST=10.0.0.10\n";
    // What is there, and what comes of it; `B` is the block.
    let table = [
        ("# mine\nTZ=UTC\nB", "# mine\nTZ=UTC\nB"),
        ("B\r\nTZ=UTC\r\n", "B\r\nTZ=UTC\r\n"),
        ("A=1\nB\nC=2", "A=1\nB\nC=2"),
        ("\u{feff}B", "B"),
        ("A=1\nBC=2\nBD=3\n", "A=1\nBC=2\nD=3\n"),
        ("", "B"),
        (" \r\n", "B"),
    ];
    for (there, expected) in table {
        let with = |block: &str, text: &str| text.replace('B', block);
        // An old block and one of today lead to the same.
        for old in [block.replace(line, ""), block.clone()] {
            let init = on(Host {
                app_env: FOLLOWER,
                fe: Some(&with(&old, there)),
                ..Host::default()
            });
            assert_eq!(init.files[0].1, with(&block, expected), "{there:?}");
        }
    }
    // Saved on Windows, and cut off.
    for there in [block.replace('\n', "\r\n"), block.replace("# <<< muster\n", "")] {
        let init = on(Host {
            app_env: FOLLOWER,
            fe: Some(&there),
            ..Host::default()
        });
        assert_eq!(init.files[0].1, block);
        assert_eq!(init.files[0].2, Fate::Changed(Vec::new()));
        assert!(init.said.contains("block is written anew, with the same values"));
    }
}

#[test]
fn a_line_of_the_users_own_that_says_something_else_is_pointed_out() {
    let [fe, _] = texts(&on(Host {
        app_env: FOLLOWER,
        ..Host::default()
    }));
    let init = on(Host {
        app_env: FOLLOWER,
        fe: Some(&format!("HTTP_PORT=1\n{fe}FE_QUERY_PORT=2\nTZ=UTC\n")),
        ..Host::default()
    });
    let warnings: Vec<String> = init
        .warnings
        .iter()
        .map(|said| said.replace(engine_id(), "E"))
        .collect();
    assert_eq!(
        warnings,
        [
            "./E-fe.env sets HTTP_PORT outside of muster's block too: muster's line counts, because it is the last",
            "./E-fe.env sets FE_QUERY_PORT outside of muster's block too: that line counts, because it is the last",
        ]
    );
}

#[test]
fn a_file_of_somebody_elses_is_refused_and_kept_when_it_is_forced() {
    let hand_made = Host {
        app_env: FOLLOWER,
        fe: Some("MASTER_HOST=10.0.0.10\n"),
        be: Some("TZ=UTC"),
        ..Host::default()
    };
    let both = refused(hand_made).replace(engine_id(), "E");
    assert_eq!(
        both,
        "./E-fe.env and ./E-be.env were not written by `muster init`: no line begins with `# >>> muster`"
    );
    let one = refused(Host {
        fe: None,
        ..hand_made
    });
    assert!(one.ends_with("-be.env was not written by `muster init`: no line begins with `# >>> muster`"));
    let forced = on(Host {
        force: true,
        ..hand_made
    });
    let fresh = on(Host {
        app_env: FOLLOWER,
        ..Host::default()
    });
    assert_eq!(texts(&forced), texts(&fresh));
    assert!(forced.files.iter().all(|(_, _, fate)| *fate == Fate::Replaced));
    assert!(
        forced
            .said
            .contains("-fe.env is new; what was there is kept as ./")
    );
}

#[test]
fn a_secret_is_neither_copied_nor_said() {
    let init = on(Host {
        app_env: &format!(
            "{FOLLOWER}CLUSTER_PASSWORD=hunter2\nFE_CONF__aws_s3_secret_key=hunter3\nBE_CONF__opts=-Dpassword=hunter4\n\
             MYSQL_PWD=hunter5\nKAFKA_PASSWORD=hunter6\n"
        ),
        ..Host::default()
    });
    let said = &init.said;
    for text in texts(&init).iter().chain([said]).chain(&init.warnings) {
        assert!(!text.contains("hunter"), "{text}");
    }
    assert!(
        said.contains(
            "\nnot copied from ./app.env, because secrets stay where they are: BE_CONF__opts, CLUSTER_PASSWORD, \
             FE_CONF__aws_s3_secret_key, MYSQL_PWD; CLUSTER_PASSWORD_FILE names a file that holds the password instead\n"
        ),
        "{said}"
    );
}

#[test]
fn what_docker_run_and_compose_read_differently_is_pointed_out_once() {
    let init = on(Host {
        app_env: &format!("{FOLLOWER}META_DIR=${{HOME_DIR}}/meta\nCLUSTER_USER='\"a'\nSTATE_DIR=/$x\n"),
        ..Host::default()
    });
    assert_eq!(
        init.warnings,
        [
            "META_DIR holds `$`, by which compose puts in a variable of its own and docker run does not",
            "CLUSTER_USER holds a quote, which compose takes off and docker run does not",
            "STATE_DIR holds `$`, by which compose puts in a variable of its own and docker run does not",
        ]
    );
}

#[test]
fn an_engine_that_cannot_be_run_yet_is_refused_in_words() {
    for asked in crate::engine::ALL {
        let app_env = EnvFile::parse("./app.env", &format!("{FOLLOWER}ENGINE={}\n", asked.id));
        let (settings, _) = Settings::read_file(Flags::default(), &app_env).unwrap();
        match engine(&settings, &app_env) {
            Ok(engine) => assert!(engine.supported && engine.id == asked.id),
            Err(refusal) => {
                assert!(!asked.supported);
                assert_eq!(refusal.code, ExitCode::Configuration);
                let said = refusal.to_string();
                assert!(
                    said.contains(" is recognised, this version of muster runs ")
                        && said.ends_with(" only, set in ./app.env, line 3"),
                    "{said}"
                );
            }
        }
    }
}
