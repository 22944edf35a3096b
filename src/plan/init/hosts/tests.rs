//! The directories and the report that follow from a list, of both engines. The tests of this folder name no engine: `E` is its id.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::{COMPOSE, FIREWALL, HostDir, HostsInputs, TARGETS, derive};
use crate::engine::{ALL, Component, Engine};
use crate::facts::old_file::{OldFile, OldState};
use crate::facts::resolve::Resolved;
use crate::plan::init::{FileChange, Target, file_name};
use crate::settings::{EnvFile, Flags, Host, HostList, Machine, Settings, VARIABLES};

/// A list, and what is there already.
#[derive(Clone, Copy, Default)]
struct Case<'a> {
    list: &'a str,
    app_env: &'a str,
    /// Names and their addresses; a name that is not among them does not resolve.
    names: &'a [(&'a str, &'a str)],
    /// Paths below the directory, and texts.
    old: &'a [(&'a str, &'a str)],
    force: bool,
}

/// What came of it.
#[derive(Default)]
struct Written {
    files: BTreeMap<String, String>,
    /// The same with the id of the engine.
    raw: BTreeMap<String, String>,
    changes: BTreeMap<String, FileChange>,
    /// The report and the warnings, or the refusals.
    said: String,
}

impl Written {
    fn file(&self, path: &str) -> &str {
        self.files
            .get(path)
            .unwrap_or_else(|| panic!("no {path} among {:?}\n{}", self.files.keys(), self.said))
    }

    fn has(&self, path: &str, line: &str) -> bool {
        self.file(path).lines().any(|it| it.trim() == line)
    }
}

fn flags(engine: &'static Engine, component: Component) -> Flags {
    Flags {
        component: Some(component),
        machine: Machine {
            engine: Some(engine),
            ..Machine::default()
        },
        ..Flags::default()
    }
}

fn run(engine: &'static Engine, case: Case<'_>) -> Written {
    let neutral = |text: &str| text.replace(engine.id, "E").replace(engine.name, "E");
    let old = |path: &Path| {
        let below = neutral(&path.display().to_string());
        let found = case.old.iter().find(|(known, _)| format!("out/{known}") == below);
        OldFile {
            path: path.to_owned(),
            real: path.to_owned(),
            state: found.map_or(OldState::Missing, |(_, text)| OldState::Text((*text).to_owned())),
            aside: PathBuf::from(format!("{}.before-muster", path.display())),
        }
    };
    let app_env = EnvFile::parse("app.env", case.app_env);
    let list = HostList::parse("hosts.txt", case.list, app_env, engine);
    assert!(list.problems().is_none(), "{:?}", list.problems());
    let dirs: Vec<HostDir<'_>> = list
        .hosts
        .iter()
        .map(|listed| {
            let env = list.env(listed);
            let path = Path::new("out").join(listed.dir_name());
            let target = |component: &Component| {
                let read = Settings::read_file(flags(engine, *component), &env);
                let (settings, _) = read.unwrap_or_else(|problems| panic!("{problems}"));
                Target::new(
                    engine,
                    *component,
                    settings,
                    old(&path.join(file_name(engine, *component))),
                )
            };
            HostDir {
                listed,
                targets: listed.components.iter().map(target).collect(),
                env,
                compose: old(&path.join(COMPOSE)),
                firewall: old(&path.join(FIREWALL)),
                unused: Vec::new(),
                path,
            }
        })
        .collect();
    let resolved = |host: &Host| {
        let name = host.to_string();
        match (host, case.names.iter().find(|(known, _)| *known == name)) {
            (Host::Address(address), _) => Resolved::Addresses(vec![*address]),
            (_, Some((_, address))) => Resolved::Addresses(vec![address.parse().unwrap()]),
            (_, None) => Resolved::Failed("no such name".to_owned()),
        }
    };
    let others: Vec<OldFile> = case
        .old
        .iter()
        .map(|(path, _)| old(&Path::new("out").join(path)))
        .collect();
    let listed: BTreeSet<&Path> = dirs.iter().map(|dir| dir.compose.path.as_path()).collect();
    let others: Vec<OldFile> = others
        .into_iter()
        .filter(|other| other.path.ends_with(COMPOSE) && !listed.contains(other.path.as_path()))
        .collect();
    let targets = old(&Path::new("out").join(TARGETS));
    let addresses = list
        .hosts
        .iter()
        .map(|host| (host.host.clone(), resolved(&host.host)));
    let addresses = addresses.collect();
    let plan = derive(&HostsInputs {
        engine,
        list: &list,
        hosts: &dirs,
        targets: &targets,
        addresses: &addresses,
        others: &others,
        force: case.force,
    });
    let plan = match plan {
        Ok(plan) => plan,
        Err(refusals) => {
            let lines = refusals
                .iter()
                .map(|refusal| format!("{} {}", refusal.code.number(), refusal));
            return Written {
                said: neutral(&lines.collect::<Vec<_>>().join("\n")),
                ..Written::default()
            };
        }
    };
    let mut written = Written {
        said: neutral(&format!("{}{}", plan.report, plan.warnings.join("\n"))),
        ..Written::default()
    };
    for file in plan.files {
        let path = neutral(&file.old.path.strip_prefix("out").unwrap().display().to_string());
        written.files.insert(path.clone(), neutral(&file.text));
        written.raw.insert(path.clone(), file.text);
        written.changes.insert(path, file.change);
    }
    written
}

fn run_with(engine: &'static Engine, list: &str) -> Written {
    run(
        engine,
        Case {
            list,
            ..Case::default()
        },
    )
}

/// What a node is told by its file: read as its `run` reads it.
fn read_back(engine: &'static Engine, component: Component, text: &str) -> Settings {
    let file = EnvFile::parse("E.env", text);
    let (settings, warnings) = Settings::read_file(flags(engine, component), &file)
        .unwrap_or_else(|problems| panic!("{problems}\n{text}"));
    assert!(warnings.is_empty(), "{warnings:?}\n{text}");
    settings
}

#[test]
fn every_file_is_read_by_its_node_without_a_word() {
    let list = "10.0.0.10 fe,be\nfe2.example fe FE_HEAP=4g\n2001:db8::12 fe,cn,broker\n10.0.0.13 observer,be\n10.0.0.14 be,cn,broker\n";
    for engine in ALL {
        let app_env = format!(
            "ENGINE={}\nROOT_PASSWORD_FILE=/etc/muster/root\nDEFAULT_REPLICATION_NUM=2\n",
            engine.id
        );
        let written = run(
            engine,
            Case {
                list,
                app_env: &app_env,
                names: &[("fe2.example", "10.0.0.11")],
                ..Case::default()
            },
        );
        let mut count = 0;
        for line in list.lines() {
            let (host, rest) = line.split_once(' ').unwrap();
            let kinds = rest.split(' ').next().unwrap();
            for kind in kinds.split(',') {
                let component = Component::parse(kind).unwrap_or(Component::Fe);
                let path = format!("{}/E-{}.env", host.replace(':', "-"), component.id());
                let settings = read_back(engine, component, &written.raw[&path]);
                let masters: Vec<String> = settings
                    .master_hosts
                    .value
                    .iter()
                    .map(ToString::to_string)
                    .collect();
                assert_eq!(masters, ["10.0.0.10", "fe2.example", "2001:db8::12"]);
                assert_eq!(settings.local_host.value.to_string(), host);
                assert_eq!(settings.fe_role.is_some(), kind == "observer", "{path}");
                let ports: BTreeSet<u16> = settings.ports.values().map(|port| port.value).collect();
                let own = engine
                    .ports_of(component)
                    .filter(|port| port.default.is_some())
                    .count();
                assert!(ports.len() == own, "{path}: {ports:?}");
                count += 1;
            }
        }
        assert_eq!(count, 11);
        assert!(
            !written.said.contains("firewall.nft is written"),
            "{}",
            written.said
        );
    }
}

#[test]
fn two_nodes_of_a_host_never_have_one_port_and_what_moves_is_said() {
    for engine in ALL {
        let written = run_with(engine, "a fe\nb be,cn\n");
        assert!(written.has("b/E-be.env", "HEARTBEAT_PORT=9050"));
        assert!(written.has("b/E-cn.env", "HEARTBEAT_PORT=9051"));
        let said =
            "b: the CN has HEARTBEAT_PORT = 9051: the next free port: the BE's HEARTBEAT_PORT uses 9050 ";
        let flat = written.said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains(said), "{}", written.said);
        // The list changes, and an engine stays where it is: only `cn` was there.
        let cn = written.file("b/E-cn.env").to_owned();
        let again = run(
            engine,
            Case {
                list: "a fe\nb be,cn,broker\n",
                old: &[("b/E-cn.env", &cn)],
                ..Case::default()
            },
        );
        assert_eq!(again.changes.get("b/E-cn.env"), Some(&FileChange::Unchanged));
        // A number that two nodes of a host are told to have.
        let refused = run_with(
            engine,
            "a fe\nb fe,be HEARTBEAT_PORT=9010 EDIT_LOG_PORT=9010\nc fe",
        );
        assert!(
            refused
                .said
                .starts_with("78 hosts.txt, line 2: heartbeat_service_port must be 9010"),
            "{}",
            refused.said
        );
    }
}

#[test]
fn every_node_is_told_where_the_first_fe_listens_and_one_that_is_not_found_there_is_named() {
    for engine in ALL {
        let written = run_with(
            engine,
            "a fe,be FE_QUERY_PORT=9031 EDIT_LOG_PORT=9011\nb fe,be\nc observer FE_QUERY_PORT=9032\n",
        );
        for path in [
            "a/E-fe.env",
            "a/E-be.env",
            "b/E-fe.env",
            "b/E-be.env",
            "c/E-fe.env",
        ] {
            assert!(written.has(path, "MASTER_FE_QUERY_PORT=9031"), "{path}");
            assert!(written.has(path, "MASTER_FE_EDIT_LOG_PORT=9011"), "{path}");
        }
        assert!(written.has("b/E-fe.env", "FE_QUERY_PORT=9030"));
        let warnings = "b has FE_QUERY_PORT = 9030, and new nodes ask every FE at 9031: they do not find the cluster by this one";
        assert!(written.said.contains(warnings), "{}", written.said);
        assert!(
            written
                .said
                .contains("2 FEs vote, and none may fail, as with 1: make one an observer, or add one"),
            "{}",
            written.said
        );
        assert!(!written.said.contains("c has"), "{}", written.said);
    }
}

#[test]
fn a_port_of_the_whole_cluster_is_one_for_all_fes() {
    for engine in ALL {
        let of_all = run(
            engine,
            Case {
                list: "a fe\nb fe\nc fe",
                app_env: "HTTP_PORT=8031\n",
                ..Case::default()
            },
        );
        assert!(of_all.has("a/E-fe.env", "HTTP_PORT=8031") && of_all.has("c/E-fe.env", "HTTP_PORT=8031"));
        let of_one = run_with(engine, "a fe\nb fe HTTP_PORT=8031\nc fe");
        assert_eq!(
            of_one.said,
            "78 hosts.txt, line 2: HTTP_PORT = 8031, and the first FE has 8030: every FE of a cluster uses the same"
        );
        // A new host gets the port that the others have kept since a list that is gone.
        let old = of_all.file("a/E-fe.env").to_owned();
        let kept = run(
            engine,
            Case {
                list: "a fe\nb fe\nc fe",
                old: &[("a/E-fe.env", &old)],
                ..Case::default()
            },
        );
        assert!(kept.has("b/E-fe.env", "HTTP_PORT=8031"), "{}", kept.said);
    }
}

#[test]
fn one_host_on_two_lines_is_found_by_its_addresses() {
    for engine in ALL {
        let names = [
            ("fe1", "10.0.0.10"),
            ("FE1", "10.0.0.10"),
            ("be1", "127.0.1.1"),
            ("be2", "127.0.1.1"),
        ];
        let refused = run(
            engine,
            Case {
                list: "10.0.0.10 fe\nbe1 be\nbe2 be\nfe1 be\n2001:db8::1 be\n2001-db8--1 be\n",
                names: &names,
                ..Case::default()
            },
        );
        assert_eq!(
            refused.said,
            "78 hosts.txt, line 4: fe1 and 10.0.0.10 of line 1 are one host: both are 10.0.0.10\n\
             78 hosts.txt, line 6: 2001-db8--1 and 2001:db8::1 of line 5 would both be out/2001-db8--1"
        );
    }
}

#[test]
fn no_firewall_is_written_that_would_shut_out_a_host_whose_address_is_not_known() {
    let list = "fe1 fe\n10.0.0.11 be\nbe2 be\n";
    for engine in ALL {
        let names = [("fe1", "10.0.0.10"), ("be2", "127.0.1.1")];
        let unknown = run(
            engine,
            Case {
                list,
                names: &names[1..],
                ..Case::default()
            },
        );
        assert!(unknown.files.keys().all(|path| !path.ends_with(FIREWALL)));
        assert!(
            unknown.said.contains(
                "no firewall.nft is written: fe1 does not resolve here: no such name; be2 resolves to a loopback address here; run \
                 it again where every name resolves"
            ),
            "{}",
            unknown.said
        );
        let names = [names[0], ("be2", "2001:db8::2")];
        let known = run(
            engine,
            Case {
                list,
                names: &names,
                ..Case::default()
            },
        );
        for path in ["fe1/firewall.nft", "10.0.0.11/firewall.nft"] {
            assert!(
                known.has(path, "set fe4 { type ipv4_addr; elements = { 10.0.0.10 } }"),
                "{path}"
            );
            assert!(
                known.has(path, "set be4 { type ipv4_addr; elements = { 10.0.0.11 } }"),
                "{path}"
            );
            assert!(
                known.has(path, "set be6 { type ipv6_addr; elements = { 2001:db8::2 } }"),
                "{path}"
            );
        }
        assert!(known.has("fe1/firewall.nft", "table inet muster_fe {"));
        assert!(!known.file("fe1/firewall.nft").contains("muster_be"));
    }
}

#[test]
fn a_service_mounts_what_its_settings_name_and_stops_as_slowly_as_its_engine() {
    for engine in ALL {
        let written = run(
            engine,
            Case {
                list: "fe1.example fe META_DIR=/data/meta STATE_DIR=/data/state FE_CONF__LOG_DIR=/data/log STOP_GRACE=90500ms\n\
                       10.0.0.11 be,broker STORAGE_ROOT_PATH=/d1,medium:SSD;/d2 BE_IMAGE=registry:5000/be:2\n10.0.0.12 cn\n",
                app_env: "FE_IMAGE=registry:5000/fe:1\nCLUSTER_PASSWORD_FILE=/etc/muster/pass word\nMETRICS_FILE=/metrics\n",
                ..Case::default()
            },
        );
        let fe = "fe1.example/compose.yaml";
        for line in [
            "image: ${FE_IMAGE:-registry:5000/fe:1}",
            "hostname: fe1.example",
            "command: [fe]",
            "stop_grace_period: 106s",
            "env_file: [E-fe.env]",
            "- {type: bind, source: /data/meta, target: /data/meta}",
            "- {type: bind, source: /data/state, target: /data/state}",
            "- {type: bind, source: /data/log, target: /data/log}",
            "- {type: bind, source: /metrics, target: /metrics}",
            "- {type: bind, source: \"/etc/muster/pass word\", target: \"/etc/muster/pass word\", read_only: true}",
        ] {
            assert!(written.has(fe, line), "{line}\n{}", written.file(fe));
        }
        assert!(!written.file(fe).contains("STATE_DIR: ") && !written.file(fe).contains("\nvolumes:"));
        let grace = |component| engine.layout(component).unwrap().stop_grace.as_secs() + 15;
        let be = "10.0.0.11/compose.yaml";
        for line in [
            "image: ${BE_IMAGE:-registry:5000/be:2}",
            "- {type: bind, source: /d1, target: /d1}",
            "- {type: bind, source: /d2, target: /d2}",
            "environment: {STATE_DIR: /var/lib/muster}",
            "- be-state:/var/lib/muster",
            "be-state: {name: E-be-state}",
            "image: ${BROKER_IMAGE:-E-broker}",
            &format!("stop_grace_period: {}s", grace(Component::Be)),
            &format!("stop_grace_period: {}s", grace(Component::Broker)),
        ] {
            assert!(written.has(be, line), "{line}\n{}", written.file(be));
        }
        assert!(!written.file(be).contains("hostname"));
        let cn = "10.0.0.12/compose.yaml";
        let shares = engine.share_conf(Component::Be, Component::Cn);
        let image = if shares { "be" } else { "cn" };
        assert!(
            written.has(cn, &format!("image: ${{CN_IMAGE:-E-{image}}}")),
            "{}",
            written.file(cn)
        );
        assert!(written.has(cn, "command: [cn]"));

        let refused = run_with(engine, "a fe META_DIR='${DATA}/meta'\n");
        assert_eq!(
            refused.said,
            "78 meta_dir of the FE on a: `${DATA}/meta` is no plain path"
        );
    }
}

/// One that is in neither place would name a file that no container has.
#[test]
fn every_setting_that_names_a_file_is_mounted() {
    let named = VARIABLES.iter().map(|variable| variable.name);
    let named: BTreeSet<&str> = named.filter(|name| name.ends_with("_FILE")).collect();
    let mounted = super::compose::READ.into_iter().chain(["METRICS_FILE"]);
    assert_eq!(named, mounted.collect());
}

#[test]
fn all_nodes_are_scraped_where_they_listen() {
    for engine in ALL {
        let written = run_with(engine, "10.0.0.10 fe,be\n2001:db8::1 be,cn,broker\n");
        let groups: serde_json::Value = serde_json::from_str(&written.raw[TARGETS]).unwrap();
        let told: Vec<String> = groups
            .as_array()
            .unwrap()
            .iter()
            .map(|group| {
                let word = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
                let labels = &group["labels"];
                assert_eq!(labels["job"], engine.id);
                [
                    word(&labels["group"]),
                    word(&labels["host"]),
                    word(&group["targets"][0]),
                ]
                .join(" ")
            })
            .collect();
        assert_eq!(
            told,
            [
                "fe 10.0.0.10 10.0.0.10:8030",
                "be 10.0.0.10 10.0.0.10:8040",
                "be 2001:db8::1 [2001:db8::1]:8040",
                "cn 2001:db8::1 [2001:db8::1]:8041",
                "broker 2001:db8::1 [2001:db8::1]:8000"
            ]
        );
    }
}

#[test]
fn what_is_left_of_an_older_list_is_named_and_a_file_of_somebody_else_stays() {
    for engine in ALL {
        let mine = "services: {}\n";
        let ours = "# Written by muster init --hosts, and what an older version wrote\n";
        let case = Case {
            list: "10.0.0.10 fe\n",
            old: &[
                ("10.0.0.9/compose.yaml", ours),
                ("mine/compose.yaml", mine),
                ("10.0.0.10/firewall.nft", ours),
            ],
            ..Case::default()
        };
        let written = run(engine, case);
        assert!(
            written
                .said
                .contains("no longer in hosts.txt: out/10.0.0.9 stays as it is\n"),
            "{}",
            written.said
        );
        assert!(!written.said.contains("mine"), "{}", written.said);
        assert!(
            written.said.contains("rewritten: out/10.0.0.10/firewall.nft\n"),
            "{}",
            written.said
        );

        let foreign = Case {
            old: &[("10.0.0.10/compose.yaml", mine), (TARGETS, "[{\"targets\": []}]")],
            ..case
        };
        let refused = run(engine, foreign);
        assert_eq!(
            refused.said,
            "73 cannot overwrite out/prometheus/targets.json: it is no list of targets\n\
             73 cannot overwrite out/10.0.0.10/compose.yaml: the first line does not begin with `# Written by muster init`"
        );
        let forced = run(
            engine,
            Case {
                force: true,
                ..foreign
            },
        );
        for path in ["10.0.0.10/compose.yaml", TARGETS] {
            assert_eq!(forced.changes.get(path), Some(&FileChange::Replaced), "{path}");
        }
    }
}

#[test]
fn the_same_list_changes_nothing_and_a_longer_one_only_what_names_the_new_host() {
    for engine in ALL {
        let three = "10.0.0.10 fe,be\n10.0.0.11 fe,be\n10.0.0.12 fe,be\n";
        let first = run_with(engine, three);
        let old: Vec<(&str, &str)> = first
            .raw
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()))
            .collect();
        let again = |list| {
            run(
                engine,
                Case {
                    list,
                    old: &old,
                    ..Case::default()
                },
            )
        };
        let same = again(three);
        assert!(
            same.said
                .contains("nothing changed: all 13 files are up to date\n"),
            "{}",
            same.said
        );
        assert!(!same.said.contains("next"), "{}", same.said);
        let more = again(&format!("{three}10.0.0.13 be\n10.0.0.14 fe\n"));
        let changed: Vec<&str> = more
            .changes
            .iter()
            .filter(|(_, change)| matches!(change, FileChange::Rewritten(_)))
            .map(|(path, _)| path.as_str())
            .collect();
        assert_eq!(
            changed,
            [
                "10.0.0.10/firewall.nft",
                "10.0.0.11/firewall.nft",
                "10.0.0.12/firewall.nft",
                TARGETS
            ]
        );
        assert!(
            more.said.contains("created: out/10.0.0.13 (3 files)\n"),
            "{}",
            more.said
        );
        assert!(more.said.contains("unchanged: 9 files\n"), "{}", more.said);
    }
}

#[test]
fn the_report_begins_with_the_cluster() {
    for engine in ALL {
        let written = run_with(
            engine,
            "10.0.0.10 fe,be\n10.0.0.11 fe,be\n10.0.0.12 fe,be\n10.0.0.13 observer,cn\n",
        );
        assert!(
            written.said.starts_with(
                "E: 4 hosts, 3 FEs, 1 observer, 3 BEs, 1 CN\n\
                 10.0.0.10 may found the cluster; every node asks 10.0.0.10, 10.0.0.11, 10.0.0.12\n\n\
                 created: out/10.0.0.10 (4 files)\n"
            ),
            "{}",
            written.said
        );
        assert!(written.said.ends_with(
            "\n\nnext, on each host with changes, in a copy of its directory:\n  docker compose up -d\n"
        ));
    }
}
