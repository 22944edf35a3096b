//! Every check with what it finds. `UPDATE_FINDINGS=1 cargo test -p muster --lib plan::doctor` writes `tests/findings.txt` anew.

#![expect(clippy::format_push_string, reason = "a short report, built once")]

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::script::script;
use super::{Config, Dialled, Examination, Examined, Node, Severity, checks, examine, print};
use crate::engine::failure::Failure;
use crate::engine::{ALL, Component, Engine, Version};
use crate::expect_file;
use crate::facts::container::Heap;
use crate::facts::disk::{Disk, Room, Scheduler};
use crate::facts::fixture::{home_of, settings, tree};
use crate::facts::history::{Event, Word};
use crate::facts::host::HostFacts;
use crate::facts::java::Java;
use crate::facts::limits::{HostLimits, Limit, ProcessLimits};
use crate::facts::{Facts, gather};
use crate::plan::data::Data;
use crate::plan::refusal::Refusal;
use crate::plan::view::verdict::Verdict;
use crate::plan::view::{ItselfSays, Leader, Node as Seen, Quorum, SingleReplicas, View};
use crate::plan::{Plan, Prescribed, derive};
use crate::settings::{Endpoint, Host};

/// What is examined, with the values of a machine that is as it should be.
struct Owned {
    engine: &'static Engine,
    host: HostFacts,
    facts: Facts,
    plan: Result<Plan, Vec<Refusal>>,
    disks: Vec<Result<Disk, (PathBuf, String)>>,
    state_disk: Disk,
    loose_images: usize,
    events: Vec<Event>,
    dialled: Vec<Dialled>,
    configs: Vec<Config>,
    resolved: Vec<(String, Result<Vec<String>, String>)>,
    view: View,
}

const GB: u64 = 1 << 30;

fn well(engine: &'static Engine, component: Component) -> Owned {
    let layout = engine.layout(component).unwrap();
    let root = tree(&[(&format!("home/{}", layout.conf), "x = y\n")]);
    let settings = settings();
    let mut facts = gather(
        &settings,
        home_of(engine, &root.path().join("home"), component),
        root.path(),
    );
    let enough = Some(Limit {
        soft: Some(1_048_576),
        hard: Some(1_048_576),
    });
    facts.limits = ProcessLimits {
        open_files: enough,
        processes: enough,
    };
    facts.host_limits = HostLimits {
        map_count: Some(2_000_000),
        swap: false,
        may_exceed: false,
    };
    facts.version = Version::parse("4.0.1", engine.id);
    facts.java = component.is_fe().then(|| Java {
        home: PathBuf::from("/usr/lib/jvm/java"),
        version: 17,
        options_key: None,
    });
    facts.container.memory = Some(16 * GB);
    facts.container.on_layer.clear();
    facts.container.unwritable_logs.clear();
    facts.unwritable_temp = None;
    facts.holder = None;
    facts.ports = gather_no_ports(facts.ports);
    let mut plan = derive(&settings, &facts, &Prescribed::default(), &BTreeMap::new());
    // The address of this machine is loopback here, which is no mistake of the host.
    if let Ok(plan) = &mut plan {
        plan.warnings.clear();
    }
    Owned {
        engine,
        host: HostFacts {
            kernel: Some("6.1.0-18-amd64".to_owned()),
            avx2: Some(true),
            overcommit: Some(1),
            map_count: Some(2_000_000),
            swaps: Some(0),
            swappiness: Some(60),
            huge_pages: Some("madvise".to_owned()),
            somaxconn: Some(4_096),
            abort_on_overflow: Some(1),
            pid_max: Some(4_194_304),
            threads_max: Some(190_000),
            governor: Some(("performance".to_owned(), "acpi-cpufreq".to_owned())),
            clock_source: Some("tsc".to_owned()),
            selinux: Some(true),
            most_pids: None,
            millicores: None,
        },
        facts,
        plan,
        disks: vec![Ok(disk())],
        state_disk: Disk {
            dir: PathBuf::from("/state"),
            device: 2,
            ..disk()
        },
        loose_images: 0,
        events: vec![Event::new(Word::Started, "with 4.0.1")],
        dialled: vec![
            dialled("10.0.0.2", 9_010, Ok(())),
            dialled("10.0.0.2", 9_030, Ok(())),
        ],
        configs: vec![config("10.0.0.1", "50000"), config("10.0.0.2", "50000")],
        resolved: vec![("fe2.example".to_owned(), Ok(vec!["10.0.0.2".to_owned()]))],
        view: view(engine),
    }
}

/// The ports of the machine that tests run on are none of the fixture's.
fn gather_no_ports(mut ports: crate::facts::ports::PortFacts) -> crate::facts::ports::PortFacts {
    ports.leave_out(1..=u16::MAX);
    ports
}

/// Of 500 GB.
fn room(free: u64) -> Room {
    Room {
        free: free * GB,
        size: 500 * GB,
        free_files: 900,
        files: 1_000,
    }
}

fn disk() -> Disk {
    Disk {
        dir: PathBuf::from("/data/meta"),
        room: room(200),
        device: 1,
        is_layer: false,
        kind: Some("ext4".to_owned()),
        scheduler: Some(Scheduler {
            file: PathBuf::from("/sys/dev/block/8:0/queue/scheduler"),
            name: "mq-deadline".to_owned(),
            rotates: true,
        }),
    }
}

fn dialled(host: &str, port: u16, answer: Result<(), Failure>) -> Dialled {
    let (key, purpose) = if port == 9_030 {
        ("query_port", "SQL, muster")
    } else {
        ("edit_log_port", "the journal of the FEs")
    };
    Dialled {
        component: Component::Fe,
        host: host.to_owned(),
        port,
        key,
        purpose,
        answer,
    }
}

fn config(host: &str, value: &str) -> Config {
    let keys = [("edit_log_roll_num", value), ("meta_dir", host)];
    Config {
        host: host.to_owned(),
        keys: Ok(keys
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .to_vec()),
    }
}

fn view(engine: &'static Engine) -> View {
    let nodes = ["10.0.0.1", "10.0.0.2", "10.0.0.3"].map(|host| Seen {
        component: Component::Fe,
        host: host.to_owned(),
        port: 9_010,
        http_port: 8_030,
        role: None,
        name: None,
        version: None,
        leader_says: None,
        itself_says: ItselfSays::Ready,
        record_says: None,
        verdicts: Vec::new(),
    });
    View {
        engine,
        account: "root".to_owned(),
        cluster_id: Some("77".to_owned()),
        leader: Ok(Leader {
            host: "10.0.0.1".to_owned(),
            endpoint: Endpoint {
                host: Host::parse("10.0.0.1").unwrap(),
                port: 9_030,
            },
            named_by: 3,
            of: 3,
        }),
        nodes: Vec::from(nodes),
        quorum: Some(Quorum { voters: 3, alive: 3 }),
        tablets: None,
        single_replicas: SingleReplicas::NotAsked,
        unseen: Vec::new(),
        verdicts: Vec::new(),
    }
}

fn of(owned: &Owned) -> Examination {
    let examined = Examined {
        engine: owned.engine,
        component: Some(owned.facts.home.component),
        host: &owned.host,
        node: Some(Node {
            facts: &owned.facts,
            plan: owned.plan.as_ref().map_err(Vec::as_slice),
            disks: &owned.disks,
            state_disk: Some(&owned.state_disk),
            loose_images: owned.loose_images,
            events: &owned.events,
        }),
        dialled: &owned.dialled,
        configs: &owned.configs,
        resolved: &owned.resolved,
        view: Some(&owned.view),
    };
    examine(&examined, &[], &[])
}

type Change = fn(&mut Owned);
type OfHost = fn(&mut HostFacts);

fn denied(what: &str) -> Vec<Refusal> {
    vec![Refusal::new(
        crate::exit::ExitCode::Taken,
        format!("cannot write to the data dir {what}: Permission denied (os error 13)"),
        "make it writable for the user of this container",
    )]
}

/// The check, the component, and what is wrong.
const CASES: &[(&str, Component, Change)] = &[
    ("cpu", Component::Be, |owned| owned.host.avx2 = Some(false)),
    ("kernel", Component::Fe, |owned| {
        owned.host.kernel = Some("3.9.1".to_owned());
    }),
    ("map_count", Component::Be, |owned| {
        owned.host.map_count = Some(65_530);
    }),
    ("overcommit", Component::Fe, |owned| {
        owned.host.overcommit = Some(2);
    }),
    ("swap", Component::Fe, |owned| owned.host.swaps = Some(1)),
    ("huge_pages", Component::Be, |owned| {
        owned.host.huge_pages = Some("always".to_owned());
    }),
    ("somaxconn", Component::Fe, |owned| {
        owned.host.somaxconn = Some(128);
    }),
    ("abort_on_overflow", Component::Fe, |owned| {
        owned.host.abort_on_overflow = Some(0);
    }),
    ("pid_max", Component::Fe, |owned| {
        owned.host.pid_max = Some(32_768);
    }),
    ("threads_max", Component::Fe, |owned| {
        owned.host.threads_max = Some(60_000);
    }),
    ("governor", Component::Be, |owned| {
        owned.host.governor = Some(("powersave".to_owned(), "acpi-cpufreq".to_owned()));
    }),
    ("clock_source", Component::Fe, |owned| {
        owned.host.clock_source = Some("hpet".to_owned());
    }),
    ("ulimits", Component::Be, |owned| {
        owned.facts.limits.open_files = Some(Limit {
            soft: Some(1_024),
            hard: Some(4_096),
        });
    }),
    ("pids", Component::Be, |owned| owned.host.most_pids = Some(2_048)),
    ("memory", Component::Fe, |owned| {
        owned.facts.container.heap = Some(Heap {
            key: "JAVA_OPTS".to_owned(),
            option: "-Xmx15g".to_owned(),
            bytes: 15 * GB,
        });
    }),
    ("stop_grace", Component::Be, |owned| {
        owned.events.push(Event {
            cut: Some(true),
            ..Event::new(Word::Stopped, "on request, killed after 60 s")
        });
    }),
    ("cpu_quota", Component::Be, |owned| {
        owned.host.millicores = Some(1_500);
    }),
    ("settings", Component::Fe, |owned| {
        owned.plan = Err(denied("/data/meta"));
    }),
    ("volume", Component::Be, |owned| {
        owned.facts.container.on_layer.push(PathBuf::from("/opt/storage"));
        if let Ok(plan) = &mut owned.plan {
            plan.node.data = Data::Joined { cluster: None };
        }
    }),
    ("disk", Component::Fe, |owned| {
        owned.disks = vec![Ok(Disk {
            room: room(3),
            ..disk()
        })];
    }),
    ("disk", Component::Be, |owned| {
        owned.disks = vec![Ok(Disk {
            room: room(60),
            ..disk()
        })];
    }),
    ("inodes", Component::Be, |owned| {
        owned.disks = vec![Ok(Disk {
            room: Room {
                free_files: 3,
                ..room(200)
            },
            ..disk()
        })];
    }),
    ("file_system", Component::Fe, |owned| {
        owned.disks = vec![Ok(Disk {
            kind: Some("nfs4".to_owned()),
            ..disk()
        })];
    }),
    ("same_disk", Component::Be, |owned| {
        owned.disks.push(Ok(Disk {
            dir: PathBuf::from("/data/2"),
            ..disk()
        }));
    }),
    ("record_copy", Component::Fe, |owned| {
        owned.state_disk.device = disk().device;
    }),
    ("record_copy", Component::Fe, |owned| {
        owned.state_disk.is_layer = true;
    }),
    ("io_scheduler", Component::Be, |owned| {
        if let Some(Ok(Disk {
            scheduler: Some(scheduler),
            ..
        })) = owned.disks.first_mut()
        {
            scheduler.name = "bfq".to_owned();
        }
    }),
    ("java", Component::Fe, |owned| {
        if let Some(java) = &mut owned.facts.java {
            java.version = 11;
        }
    }),
    ("one_start", Component::Fe, |owned| {
        let key = owned.engine.environment.one_start[0].key;
        let layout = owned.facts.home.layout;
        let root = tree(&[(&format!("home/{}", layout.conf), &format!("{key} = true\n"))]);
        let home = home_of(owned.engine, &root.path().join("home"), Component::Fe);
        owned.facts.conf = gather(&settings(), home, root.path()).conf;
        owned.facts.conf.path = PathBuf::from("/opt/fe/conf/fe.conf");
    }),
    ("loose_images", Component::Fe, |owned| owned.loose_images = 7),
    ("selinux", Component::Fe, |owned| {
        owned.plan = Err(denied("/data/meta"));
    }),
    ("ports", Component::Fe, |owned| {
        owned.dialled = vec![
            dialled(
                "10.0.0.2",
                9_010,
                Err(Failure::Unreachable("connection timed out".to_owned())),
            ),
            dialled("10.0.0.2", 9_030, Ok(())),
            dialled("10.0.0.3", 9_010, Ok(())),
            dialled(
                "10.0.0.3",
                9_030,
                Err(Failure::NotMySql("it sent `SSH-2.0-x`".to_owned())),
            ),
            dialled("10.0.0.4", 9_010, Err(Failure::Refused)),
            dialled("10.0.0.4", 9_030, Err(Failure::Refused)),
        ];
    }),
    ("names", Component::Be, |owned| {
        owned.resolved = vec![("fe9.example".to_owned(), Err("no such name".to_owned()))];
    }),
    ("twice", Component::Fe, |owned| {
        if let Some(node) = owned.view.nodes.last_mut() {
            node.host = "fe2.example".to_owned();
        }
    }),
    ("status", Component::Fe, |owned| {
        if let Some(node) = owned.view.nodes.last_mut() {
            node.verdicts.push(Verdict::HalfJoined);
        }
    }),
    ("voters", Component::Fe, |owned| {
        owned.view.quorum = Some(Quorum { voters: 4, alive: 4 });
    }),
    ("http_port", Component::Fe, |owned| {
        if let Some(node) = owned.view.nodes.last_mut() {
            node.http_port = 18_030;
        }
    }),
    ("conf_drift", Component::Fe, |owned| {
        owned.configs = vec![config("10.0.0.1", "50000"), config("10.0.0.2", "44444")];
    }),
];

/// What each case is made into.
pub(in crate::plan) fn every() -> Vec<Examination> {
    let one = |(_, component, change): &(&str, Component, Change)| {
        let mut owned = well(ALL[0], *component);
        change(&mut owned);
        of(&owned)
    };
    CASES.iter().map(one).collect()
}

#[test]
fn a_secret_that_differs_between_the_frontends_is_named_and_not_shown() {
    let mut owned = well(ALL[0], Component::Fe);
    for (config, value) in owned.configs.iter_mut().zip(["hunter2", "canary"]) {
        config.keys = Ok(vec![("fe_meta_auth_token".to_owned(), value.to_owned())]);
    }
    let told = print::text(&of(&owned));
    assert!(told.contains("fe_meta_auth_token"), "{told}");
    assert!(!told.contains("hunter2") && !told.contains("canary"), "{told}");
}

#[test]
fn nothing_is_found_where_all_is_as_it_should_be() {
    for engine in ALL {
        for layout in engine.layouts {
            let owned = well(engine, layout.component);
            let result = of(&owned);
            let told = print::text(&result);
            assert!(
                result.findings.is_empty() && result.unseen.is_empty(),
                "{} {}\n{told}",
                engine.id,
                layout.component.id()
            );
        }
    }
}

#[test]
fn every_check_finds_what_it_is_for_and_says_what_to_do() {
    for check in checks() {
        assert!(
            CASES.iter().any(|(name, _, _)| *name == check.name),
            "{}",
            check.name
        );
    }
    let mut text = String::new();
    for (name, component, change) in CASES {
        for engine in ALL {
            let mut owned = well(engine, *component);
            change(&mut owned);
            let result = of(&owned);
            let found: Vec<_> = result
                .findings
                .iter()
                .filter(|(check, _)| check.name == *name)
                .collect();
            assert!(!found.is_empty(), "{name}: {}", print::text(&result));
            for (_, finding) in found {
                assert!(
                    !finding.is.is_empty() && (!finding.fix.is_empty() || !finding.command.is_empty()),
                    "{name}: {finding:?}"
                );
            }
            let beside = |other: &str| {
                other == *name
                    || (*name == "selinux" && other == "settings")
                    || (*name == "settings" && other == "selinux")
            };
            assert!(
                result.findings.iter().all(|(check, _)| beside(check.name)),
                "{name}: {}",
                print::text(&result)
            );
            let commands: Vec<&str> = result
                .findings
                .iter()
                .map(|(_, found)| found.command.as_str())
                .collect();
            for line in print::text(&result).lines() {
                let is_command = commands
                    .iter()
                    .any(|command| !command.is_empty() && line.ends_with(command));
                assert!(line.chars().count() <= 80 || is_command, "{line}");
            }
            // What differs between engines is data, and the words are the same.
            if engine == ALL[0] {
                text.push_str(&format!(
                    "== {name}, {}\n{}\n",
                    component.id(),
                    print::text(&result)
                ));
            }
        }
    }
    // No file outside src/engine names one.
    let text = text.replace(ALL[0].name, "ENGINE");
    expect_file::holds("src/plan/doctor/tests/findings.txt", &text, "UPDATE_FINDINGS");
}

/// Debian 12 and 13, Ubuntu 24.04 and Rocky 9 with Docker as they are installed, on a machine of 16 GB.
#[test]
fn a_host_as_its_distribution_installs_it_has_no_error_and_no_warning() {
    let stock = |host: HostFacts| HostFacts {
        overcommit: Some(0),
        swappiness: Some(60),
        abort_on_overflow: Some(0),
        threads_max: Some(127_000),
        governor: None,
        ..host
    };
    let hosts: [(&str, OfHost); 4] = [
        ("Debian 12", |host| {
            host.map_count = Some(65_530);
            host.swaps = Some(1);
            host.huge_pages = Some("always".to_owned());
            host.selinux = None;
        }),
        ("Debian 13", |host| {
            host.map_count = Some(1_048_576);
            host.swaps = Some(1);
            host.huge_pages = Some("always".to_owned());
            host.selinux = None;
        }),
        ("Ubuntu 24.04", |host| {
            host.map_count = Some(1_048_576);
            host.swaps = Some(1);
            host.selinux = None;
        }),
        ("Rocky 9", |host| {
            host.map_count = Some(65_530);
            host.huge_pages = Some("always".to_owned());
            host.governor = Some(("powersave".to_owned(), "intel_pstate".to_owned()));
        }),
    ];
    for (name, change) in hosts {
        for engine in ALL {
            for layout in engine.layouts {
                let mut owned = well(engine, layout.component);
                owned.host = stock(owned.host);
                change(&mut owned.host);
                // The default of Docker's service on newer systems.
                owned.facts.limits.open_files = Some(Limit {
                    soft: Some(1_024),
                    hard: Some(524_288),
                });
                let result = of(&owned);
                let heavy = result.count(Severity::Error) + result.count(Severity::Warning);
                assert_eq!(heavy, 0, "{name}, {}: {}", engine.id, print::text(&result));
            }
        }
    }
}

#[test]
fn the_script_sets_what_was_found_and_undoes_it() {
    let mut owned = well(ALL[0], Component::Be);
    owned.host.map_count = Some(65_530);
    owned.host.huge_pages = Some("always".to_owned());
    owned.host.governor = Some(("powersave".to_owned(), "acpi-cpufreq".to_owned()));
    let text = script(&of(&owned));
    expect_file::holds("src/plan/doctor/tests/script.sh", &text, "UPDATE_FINDINGS");
    assert!(script(&of(&well(ALL[0], Component::Be))).contains("nothing to set"));
}
