//! The files and the report that follow from an `app.env`, the old files and the ports in use.

use std::collections::BTreeMap;
use std::path::Path;

use super::{COMPONENTS, HostPorts, Inputs, Target, derive, engine, file_name};
use crate::facts::old_file::{OldFile, OldState};
use crate::settings::{EnvFile, Flags, Settings};

/// A host without old files and with every port free, except for what a test sets.
#[derive(Default, Clone, Copy)]
struct Host<'a> {
    app_env: &'a str,
    old: [Option<&'a str>; 2],
    taken: &'a [u16],
    force: bool,
}

/// The files, the chosen ports and everything that is printed. The tests of this folder name no engine: `E` is its id.
struct Outcome {
    files: [String; 2],
    ports: Vec<u16>,
    printed: String,
}

const FOLLOWER: &str = "MASTER_HOST=10.0.0.10\nLOCAL_HOST=10.0.0.11\n";
const SEED: &str = "MASTER_HOST=10.0.0.10\nLOCAL_HOST=10.0.0.10\n";

fn run(host: Host<'_>) -> Outcome {
    let app_env = EnvFile::parse("./app.env", host.app_env);
    let flags = |component| Flags {
        component: Some(component),
        ..Flags::default()
    };
    let mut targets = Vec::new();
    for (component, old) in COMPONENTS.into_iter().zip(host.old) {
        let read = Settings::read_file(flags(component), &app_env);
        let (settings, _) = read.unwrap_or_else(|problems| panic!("{problems}"));
        let engine = engine(&app_env, None);
        let path = Path::new(".").join(file_name(engine, component));
        let old = OldFile {
            real: path.clone(),
            aside: format!("{}.before-muster", path.display()).into(),
            path,
            state: old.map_or(OldState::Missing, |text| OldState::Text(text.to_owned())),
        };
        targets.push(Target::new(engine, component, settings, old));
    }
    let nginx = |port: &u16| (*port, format!("nginx (pid 7) on TCP 0.0.0.0:{port}"));
    let inputs = Inputs {
        engine: engine(&app_env, None),
        app_env: &app_env,
        targets: &targets,
        force: host.force,
        first_line: super::FIRST_LINE,
        seed_ports: None,
    };
    let host_ports = HostPorts {
        taken: &host.taken.iter().map(nginx).collect::<BTreeMap<_, _>>(),
        ephemeral: &(32768..=60999),
        reserved: &[],
    };
    let paths = |text: String| text.replace(&format!("{}-", inputs.engine.id), "E-");
    match derive(&inputs, &host_ports) {
        Ok(plan) => Outcome {
            files: [0, 1].map(|file: usize| plan.files[file].text.clone()),
            ports: plan.ports.iter().map(|chosen| chosen.choice.number).collect(),
            printed: paths(format!("{}\n{}", plan.report, plan.warnings.join("\n"))),
        },
        Err(refusals) => Outcome {
            files: [String::new(), String::new()],
            ports: Vec::new(),
            printed: {
                let lines: Vec<String> = refusals.iter().map(ToString::to_string).collect();
                paths(lines.join("\n") + "\n")
            },
        },
    }
}

fn run_with(app_env: &str) -> Outcome {
    run(Host {
        app_env,
        ..Host::default()
    })
}

#[test]
fn an_app_env_of_two_addresses_becomes_two_files_that_are_each_enough() {
    let outcome = run_with(&format!("{FOLLOWER}DEFAULT_REPLICATION_NUM=3\nKAFKA_HOST=x\n"));
    let fe = "\
# Written by muster init, which overwrites this file: change app.env instead
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
";
    let be = "\
# Written by muster init, which overwrites this file: change app.env instead
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
";
    assert_eq!(outcome.files, [fe, be]);
    assert_eq!(
        outcome.printed,
        "\
10.0.0.11 is a follower in the cluster of 10.0.0.10

FE  ./E-fe.env
  HTTP_PORT          8030   the engine's default; if the cluster uses another port, `run` takes that one
  RPC_PORT           9020   the engine's default
  FE_QUERY_PORT      9030   the engine's default
  EDIT_LOG_PORT      9010   the engine's default

BE  ./E-be.env
  BE_PORT            9060   the engine's default
  BE_HTTP_PORT       8040   the engine's default
  HEARTBEAT_PORT     9050   the engine's default
  BRPC_PORT          8060   the engine's default
  STARLET_PORT       9070   the engine's default

created: ./E-fe.env
created: ./E-be.env

next:
  put `env_file: E-fe.env` into the FE's service
  put `env_file: E-be.env` into the BE's service
  docker compose up -d

"
    );
}

/// What `app.env` sets, the old files, the ports in use, and the lines that a plain follower's FE file and BE file lack.
#[test]
fn each_file_has_the_variables_and_the_ports_of_its_component() {
    let table: &[(&str, &str, &[u16], &str, &str)] = &[
        // Variables of one component, of both, of neither, of others, and empty ones.
        ("FE_ROLE=Observer", "", &[], "FE_ROLE=observer", ""),
        ("STORAGE_ROOT_PATH=/s", "", &[], "", "STORAGE_ROOT_PATH=/s"),
        ("STATE_DIR=\"/s\"", "", &[], "STATE_DIR=/s", "STATE_DIR=/s"),
        (
            "FE_CONF__a=1 BE_CONF__b=2",
            "",
            &[],
            "FE_CONF__a=1",
            "BE_CONF__b=2",
        ),
        ("CN_CONF__c=3 COMPONENT=cn KAFKA_HOST=k REJOIN=", "", &[], "", ""),
        // Names of the vendor's image and of the conf file are written as ours.
        (
            "IS_FE_OBSERVER=true LOG_CONSOLE=1",
            "",
            &[],
            "FE_ROLE=observer",
            "",
        ),
        ("FE_CONF__rpc_port=9121", "", &[], "RPC_PORT=9121", ""),
        // A requested port is taken to be the same on every host.
        (
            "FE_QUERY_PORT=1",
            "",
            &[],
            "MASTER_FE_QUERY_PORT=1 FE_QUERY_PORT=1",
            "MASTER_FE_QUERY_PORT=1",
        ),
        // A port that is in use or requested for another service moves on.
        (
            "",
            "",
            &[9030, 9031, 9050],
            "FE_QUERY_PORT=9032",
            "HEARTBEAT_PORT=9051",
        ),
        ("RPC_PORT=9061", "", &[9060], "RPC_PORT=9061", "BE_PORT=9062"),
        ("BE_PORT=9020", "", &[], "RPC_PORT=9021", "BE_PORT=9020"),
        ("RPC_PORT=8040", "", &[], "RPC_PORT=8040", "BE_HTTP_PORT=8041"),
        (
            "ARROW_FLIGHT_PORT=7",
            "",
            &[],
            "ARROW_FLIGHT_PORT=7",
            "ARROW_FLIGHT_PORT=8",
        ),
        // The seed chooses the cluster's HTTP port.
        ("", "", &[8030], "", ""),
        // Ports of the old files stay, except for a request; one that is in use leaves a running engine where it is.
        (
            "",
            "RPC_PORT=9121 HTTP_PORT=0 EDIT_LOG_PORT=x",
            &[9121],
            "RPC_PORT=9121",
            "",
        ),
        ("RPC_PORT=9121", "RPC_PORT=9123", &[9123], "RPC_PORT=9121", ""),
        ("RPC_PORT=9121", "RPC_PORT=9123", &[9121], "RPC_PORT=9123", ""),
        // Nor are they given to the other component, except for a request.
        (
            "RPC_PORT=9059",
            "BE_PORT=9061",
            &[9059, 9060],
            "RPC_PORT=9062",
            "BE_PORT=9061",
        ),
        (
            "RPC_PORT=9061",
            "BE_PORT=9061",
            &[9060],
            "RPC_PORT=9061",
            "BE_PORT=9062",
        ),
    ];
    let plain = run_with(FOLLOWER);
    for (app_env, old, taken, fe, be) in table {
        let old = old.replace(' ', "\n");
        let outcome = run(Host {
            app_env: &format!("{FOLLOWER}{}\n", app_env.replace(' ', "\n")),
            old: [Some(&old), Some(&old)],
            taken,
            force: true,
        });
        for (file, expected) in [fe, be].into_iter().enumerate() {
            let known: Vec<&str> = plain.files[file].lines().collect();
            let lines = outcome.files[file].lines();
            let own: Vec<&str> = lines.filter(|line| !known.contains(line)).collect();
            assert_eq!(own.join(" "), *expected, "{app_env} | {old} | {taken:?}");
        }
    }
}

#[test]
fn a_host_in_master_host_has_its_position_as_index_unless_app_env_sets_another() {
    let outcome = run_with("MASTER_HOST=10.0.0.1,10.0.0.2\nLOCAL_HOST=10.0.0.2\nBE_INDEX=7\n");
    let [fe, be] = &outcome.files;
    assert!(fe.contains("\nFE_INDEX=2\n") && fe.contains("\nMASTER_FE_HOST=10.0.0.1\n"));
    assert!(be.contains("\nBE_INDEX=7\n") && !be.contains("FE_INDEX"));
}

#[test]
fn a_port_is_printed_with_its_reason_or_refused_with_its_holder() {
    let table: &[(&str, &str, &[u16], &str)] = &[
        (
            FOLLOWER,
            "RPC_PORT=9131",
            &[],
            "RPC_PORT           9131   set in ./app.env, line 3\n",
        ),
        (
            FOLLOWER,
            "",
            &[9030],
            "FE_QUERY_PORT      9031   the next free port: nginx (pid 7) on TCP 0.0.0.0:9030 uses 9030\n",
        ),
        (
            FOLLOWER,
            "RPC_PORT=8040",
            &[],
            "BE_HTTP_PORT       8041   the next free port: the FE's RPC_PORT uses 8040\n",
        ),
        (
            SEED,
            "",
            &[8030],
            "http_port must be 8030 (the default: every FE of a cluster uses the same port), but nginx (pid 7) on TCP 0.0.0.0:8030 uses it\n",
        ),
        // An identity port may not move if somebody requested it.
        (
            FOLLOWER,
            "EDIT_LOG_PORT=9011\nHEARTBEAT_PORT=9051",
            &[9011, 9051],
            "\nheartbeat_service_port must be 9051 ",
        ),
        (
            FOLLOWER,
            "EDIT_LOG_PORT=9011\nHEARTBEAT_PORT=9011",
            &[],
            ", but the FE's EDIT_LOG_PORT uses it\n",
        ),
        // The BE beside the seed asks its port; the other hosts have to be told.
        (
            SEED,
            "",
            &[9030],
            "\nthe seed's query port is 9031, but the other hosts ask it on 9030: set MASTER_FE_QUERY_PORT=9031 in the app.env \
             of each\n",
        ),
    ];
    for (hosts, requests, taken, expected) in table {
        let outcome = run(Host {
            app_env: &format!("{hosts}{requests}\n"),
            taken,
            ..Host::default()
        });
        assert!(
            outcome.printed.contains(expected),
            "{expected}\n{}",
            outcome.printed
        );
    }
}

#[test]
fn ports_of_the_old_files_stay_also_while_the_engines_listen_on_them() {
    let requests: &[(&str, &[u16])] = &[
        ("", &[]),
        ("", &[9030, 9050, 9010]),
        ("FE_QUERY_PORT=9131\n", &[9131]),
        ("ARROW_FLIGHT_PORT=9408\n", &[]),
        ("BE_PORT=9030\nRPC_PORT=8040\n", &[9020]),
        ("HTTP_PORT=8040\n", &[]),
    ];
    for (hosts, (requests, taken)) in [SEED, FOLLOWER]
        .iter()
        .flat_map(|hosts| requests.iter().map(move |row| (hosts, row)))
    {
        let app_env = format!("{hosts}{requests}");
        let first = run(Host {
            app_env: &app_env,
            taken,
            ..Host::default()
        });
        let running = [*taken, &first.ports].concat();
        for taken in [*taken, &running] {
            let [fe, be] = &first.files;
            let old = [Some(fe.as_str()), Some(be.as_str())];
            let second = run(Host {
                app_env: &app_env,
                old,
                taken,
                ..Host::default()
            });
            assert_eq!(second.files, first.files, "{app_env}");
            assert!(
                second
                    .printed
                    .contains("\nnothing changed: both files are up to date\n")
            );
        }
    }
}

/// The FE's old file (`{}` is the file of today), whether it is forced, and what is printed about it.
#[test]
fn a_file_without_our_first_line_is_refused_unless_it_is_forced() {
    let table: &[(&str, bool, &str)] = &[
        ("{}", false, "\nnothing changed: both files are up to date\n"),
        ("\u{feff}{}", false, "rewritten: ./E-fe.env; no value changed\n"),
        (
            "{}TZ=UTC\nRPC_PORT=9131\n",
            false,
            "rewritten: ./E-fe.env; changed: TZ\n",
        ),
        (
            "MASTER_HOST=10.0.0.10\n",
            false,
            "cannot overwrite ./E-fe.env: the first line does not begin with",
        ),
        (
            "# >>> muster: written by `muster init`\n{}",
            false,
            "cannot overwrite ./E-fe.env: ",
        ),
        (
            "TZ=UTC\n",
            true,
            "replaced: ./E-fe.env; the old file is kept as ./E-fe.env.before-muster\n",
        ),
    ];
    let app_env = FOLLOWER;
    let [fe, be] = &run_with(app_env).files;
    for (old, force, expected) in table {
        let old = old.replace("{}", fe);
        let outcome = run(Host {
            app_env,
            old: [Some(&old), Some(be)],
            force: *force,
            ..Host::default()
        });
        assert!(
            outcome.printed.contains(expected),
            "{expected}\n{}",
            outcome.printed
        );
    }
    let both = run(Host {
        app_env,
        old: [Some("A=1"), Some("B=2")],
        ..Host::default()
    });
    assert!(
        both.printed
            .starts_with("cannot overwrite ./E-fe.env and ./E-be.env: ")
    );
}

#[test]
fn secrets_are_neither_copied_nor_printed_and_ambiguous_values_are_warned_of() {
    let outcome = run(Host {
        app_env: &format!(
            "{FOLLOWER}CLUSTER_PASSWORD=hunter2\nFE_CONF__aws_s3_secret_key=hunter3\nBE_CONF__opts=-Dpassword=hunter4\n\
             MYSQL_PWD=hunter5\nKAFKA_PASSWORD=hunter6\nMETA_DIR=${{HOME_DIR}}/meta\nCLUSTER_USER='\"a'\nSTATE_DIR=/a #b\n"
        ),
        ..Host::default()
    });
    let [fe, be] = &outcome.files;
    for text in [fe, be, &outcome.printed] {
        assert!(!text.contains("hunter"), "{text}");
    }
    for line in [
        "not copied from ./app.env, because they are secrets: BE_CONF__opts, CLUSTER_PASSWORD, FE_CONF__aws_s3_secret_key, \
         MYSQL_PWD; set CLUSTER_PASSWORD_FILE to a file that holds the password",
        "META_DIR contains `$`, which compose expands and docker run does not",
        "CLUSTER_USER contains a quote, which compose removes and docker run does not",
        "STATE_DIR contains ` #`, which begins a comment for compose and docker run does not",
    ] {
        assert!(
            outcome.printed.lines().any(|known| known == line),
            "{line}\n{}",
            outcome.printed
        );
    }
}

#[test]
fn the_files_are_for_the_engine_that_is_named() {
    for requested in crate::engine::ALL {
        let app_env = EnvFile::parse("./app.env", &format!("{FOLLOWER}ENGINE={}\n", requested.id));
        assert_eq!(engine(&app_env, Some(crate::engine::ALL[0])).id, requested.id);
        // Inside an image nobody has to name it.
        let unnamed = EnvFile::parse("./app.env", FOLLOWER);
        assert_eq!(engine(&unnamed, Some(requested)).id, requested.id);
    }
}
