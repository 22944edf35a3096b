//! Environments and commands of files that were written for the vendors' images, and what comes of each.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::ffi::OsString;

use muster::engine::{ALL, Component, Engine};
use muster::settings::{Command, Flags, Machine, Settings};

/// An environment (`NAME=value`, separated by two blanks, `|n` is a line end), the component of the image, and what comes of
/// it: the FEs to ask, this host, and what else is set; or what is said about it.
type Row = (&'static str, &'static str, &'static str);

fn doris() -> &'static Engine {
    ALL.into_iter().find(|engine| engine.id == "doris").unwrap()
}

/// An image of that component in a container with one address.
fn machine(component: &str) -> Machine {
    Machine {
        engine: Some(doris()),
        component: Component::parse(component),
        addresses: vec!["172.31.81.41".parse().unwrap()],
        conf_host: None,
    }
}

fn outcome(environment: &str, flags: Flags) -> String {
    let pairs = environment
        .split("  ")
        .filter_map(|pair| pair.trim().split_once('='));
    let vars = pairs.map(|(name, value)| (name.into(), OsString::from(value.replace("|n", "\n"))));
    match Settings::read(flags, vars) {
        Err(problems) => {
            let report = problems.to_string();
            let lines: Vec<&str> = report
                .lines()
                .filter_map(|line| line.strip_prefix("  "))
                .collect();
            lines.join("; ").replace(", set in the environment", "")
        }
        Ok((settings, warnings)) => {
            let masters: Vec<String> = settings
                .master_hosts
                .value
                .iter()
                .map(ToString::to_string)
                .collect();
            let mut said = vec![masters.join(","), settings.local_host.value.to_string()];
            said.extend(settings.image.component.iter().map(|it| it.value.id().to_owned()));
            said.extend(settings.fe_role.iter().map(|role| format!("{:?}", role.value)));
            let ports = settings.ports.iter();
            said.extend(ports.map(|(port, number)| format!("{}={}", port.variable(), number.value)));
            said.extend(
                settings
                    .master_query_port
                    .iter()
                    .map(|port| format!("query={}", port.value)),
            );
            said.extend(
                settings
                    .broker_name
                    .iter()
                    .map(|name| format!("name={}", name.value)),
            );
            let heaps = settings.heap.iter();
            said.extend(heaps.map(|(of, heap)| format!("{}.heap={}", of.id(), heap.value)));
            for (of, requests) in &settings.conf {
                said.extend(
                    requests
                        .iter()
                        .map(|request| format!("{}.{}={}", of.id(), request.key, request.value)),
                );
            }
            if settings.account.user.value != "root" || settings.account.password.is_some() {
                said.push(format!("user={}", settings.account.user.value));
            }
            said.extend(warnings.iter().map(|warning| format!("warning: {warning}")));
            said.join(" ")
        }
    }
}

fn check(table: &[Row]) {
    for (environment, component, expected) in table {
        let flags = Flags {
            machine: machine(component),
            ..Flags::default()
        };
        assert_eq!(
            outcome(environment, flags),
            *expected,
            "{component}: {environment}"
        );
    }
}

const THREE: &str = "FE_SERVERS=fe1:172.20.80.2:9010,fe2:172.20.80.3:9010,fe3:172.20.80.4:9010";

#[test]
fn a_list_of_fes_says_the_founder_first_and_this_fe_by_its_position() {
    let of_three = |rest: &str| format!("{THREE}  {rest}");
    let table: Vec<(String, &str, &str)> = vec![
        (
            of_three("FE_ID=1"),
            "fe",
            "172.20.80.2,172.20.80.3,172.20.80.4 172.20.80.2 EDIT_LOG_PORT=9010",
        ),
        (
            of_three("FE_ID=2"),
            "fe",
            "172.20.80.2,172.20.80.3,172.20.80.4 172.20.80.3 EDIT_LOG_PORT=9010",
        ),
        // The vendor's BE asks the first one only.
        (
            of_three("BE_ADDR=172.20.80.5:9050"),
            "be",
            "172.20.80.2,172.20.80.3,172.20.80.4 172.20.80.5 HEARTBEAT_PORT=9050",
        ),
        // One env file for all.
        (
            of_three("FE_ID=2  BE_ADDR=172.20.80.5:9050  BROKER_ADDR=b1:172.20.80.6:8001"),
            "fe",
            "172.20.80.2,172.20.80.3,172.20.80.4 172.20.80.3 EDIT_LOG_PORT=9010",
        ),
        (
            of_three("FE_ID=2  BE_ADDR=172.20.80.5:9051  BROKER_ADDR=b1:172.20.80.6:8001"),
            "be",
            "172.20.80.2,172.20.80.3,172.20.80.4 172.20.80.5 HEARTBEAT_PORT=9051",
        ),
        (
            of_three("FE_ID=2  BE_ADDR=172.20.80.5:9050  BROKER_ADDR=b1:172.20.80.6:8001"),
            "broker",
            "172.20.80.2,172.20.80.3,172.20.80.4 172.20.80.6 BROKER_IPC_PORT=8001 name=b1",
        ),
        (
            of_three("FE_ID=4"),
            "fe",
            "FE_ID: `4` is the position of no FE in FE_SERVERS, which lists 3",
        ),
        (
            of_three("FE_ID=0"),
            "fe",
            "FE_ID: `0` is the position of no FE in FE_SERVERS, which lists 3",
        ),
        (of_three("FE_ID=x"), "fe", "FE_ID: `x` is not a number"),
        (
            "FE_SERVERS=fe:172.20.80.2:9010  FE_ID=1".to_owned(),
            "fe",
            "172.20.80.2 172.20.80.2 EDIT_LOG_PORT=9010",
        ),
        (
            "FE_SERVERS=master:172.20.80.2:9010,follower1:172.20.80.3:9010,follower2:172.20.80.4:9010  FE_ID=1".to_owned(),
            "fe",
            "172.20.80.2,172.20.80.3,172.20.80.4 172.20.80.2 EDIT_LOG_PORT=9010",
        ),
        (
            "FE_SERVERS=n3fe1:172.20.80.2:9010  FE_ID=1".to_owned(),
            "fe",
            "172.20.80.2 172.20.80.2 EDIT_LOG_PORT=9010",
        ),
        (
            "FE_SERVERS=fe-0:172.20.80.2:9010,fe-1:172.20.80.3:9011  FE_ID=2".to_owned(),
            "fe",
            "172.20.80.2,172.20.80.3 172.20.80.3 EDIT_LOG_PORT=9011",
        ),
        (
            "FE_SERVERS=fe1:172.20.80.2:9010,fe3:172.20.80.4:9010  FE_ID=2".to_owned(),
            "fe",
            "172.20.80.2,172.20.80.4 172.20.80.4 EDIT_LOG_PORT=9010",
        ),
        (
            "FE_SERVERS=fe2:172.20.80.3:9010,fe1:172.20.80.2:9010  FE_ID=1".to_owned(),
            "fe",
            "FE_ID: `1` is fe2:172.20.80.3:9010 by its position in FE_SERVERS, and fe1:172.20.80.2:9010 by the number in its \
             name; write the list in the order of the names",
        ),
        // Two of them on one host.
        (
            "FE_SERVERS=fe1:172.20.80.2:9010,fe2:172.20.80.2:9011  FE_ID=2".to_owned(),
            "fe",
            "172.20.80.2 172.20.80.2 EDIT_LOG_PORT=9011",
        ),
        (
            "FE_SERVERS=fe1:172.20.80.2,fe2:172.20.80.3:9010  FE_ID=2".to_owned(),
            "fe",
            "FE_SERVERS: `fe1:172.20.80.2` at position 1 is not name:host:port; the first part is a name of your own, such as \
             fe1:172.20.80.2:9010",
        ),
        // A BE needs only the hosts.
        (
            "FE_SERVERS=fe2:172.20.80.3:9010,fe1:172.20.80.2:9010  BE_ADDR=172.20.80.5:9050".to_owned(),
            "be",
            "172.20.80.3,172.20.80.2 172.20.80.5 HEARTBEAT_PORT=9050",
        ),
    ];
    let table: Vec<Row> = table
        .iter()
        .map(|(vars, of, expected)| (vars.as_str().to_owned().leak() as &str, *of, *expected))
        .collect();
    check(&table);
}

#[test]
fn an_entry_that_is_no_triple_says_what_one_looks_like() {
    let said = |entry: &str, at: usize, such_as: &str| {
        format!(
            "FE_SERVERS: `{entry}` at position {at} is not name:host:port; the first part is a name of your own, such as \
             {such_as}"
        )
    };
    for (list, expected) in [
        ("doris-fe:9010", said("doris-fe:9010", 1, "fe1:doris-fe:9010")),
        ("doris-fe", said("doris-fe", 1, "fe1:doris-fe:9010")),
        ("doris-fe:9030", said("doris-fe:9030", 1, "fe1:doris-fe:9010")),
        (
            "fe1:10.0.0.1:9010,10.0.0.2:9010",
            said("10.0.0.2:9010", 2, "fe2:10.0.0.2:9010"),
        ),
        (
            "fe1::9010",
            "FE_SERVERS: `fe1::9010` at position 1 is empty".to_owned(),
        ),
        (
            "fe1:10.0.0.1:x",
            "FE_SERVERS: `fe1:10.0.0.1:x` at position 1 is not a port (1–65535)".to_owned(),
        ),
    ] {
        let flags = Flags {
            machine: machine("fe"),
            ..Flags::default()
        };
        let environment = format!("FE_SERVERS={list}  HOSTNAME=doris-fe");
        assert_eq!(outcome(&environment, flags), expected, "{list}");
    }
}

#[test]
fn a_pair_of_quotes_around_a_whole_value_is_taken_off_aloud() {
    let quoted = "is read without the quotes around its value, which a list in a compose file and `docker run` keep as a part of it";
    let table = [
        (
            "FE_SERVERS=\"fe1:10.0.0.1:9010,fe3:10.0.0.3:9010\"  FE_ID='2'",
            format!(
                "10.0.0.1,10.0.0.3 10.0.0.3 EDIT_LOG_PORT=9010 warning: FE_SERVERS {quoted} warning: FE_ID {quoted}"
            ),
        ),
        (
            "MASTER_HOST=\" 10.0.0.1 \"  LOCAL_HOST=10.0.0.1  FE_MASTER=\"\"",
            format!("10.0.0.1 10.0.0.1 warning: MASTER_HOST {quoted} warning: FE_MASTER {quoted}"),
        ),
        (
            "MASTER_HOST=10.0.0.1  LOCAL_HOST=10.0.0.1  CLUSTER_PASSWORD=\"hunter2\"",
            format!("10.0.0.1 10.0.0.1 user=root warning: CLUSTER_PASSWORD {quoted}"),
        ),
        (
            "MASTER_HOST=10.0.0.1  LOCAL_HOST=10.0.0.1  FE_CONF__x=\"a b\"",
            format!("10.0.0.1 10.0.0.1 fe.x=a b warning: FE_CONF__x {quoted}"),
        ),
        // Two texts, and half a pair.
        (
            "MASTER_HOST=10.0.0.1  LOCAL_HOST=10.0.0.1  FE_CONF__x=\"a\" \"b\"",
            "FE_CONF__x: `\"a\" \"b\"` is quoted; the engine would read the quotes as part of the value"
                .to_owned(),
        ),
        (
            "MASTER_HOST=\"10.0.0.1  LOCAL_HOST=10.0.0.1",
            "MASTER_HOST: `\"10.0.0.1` contains `\"`, which is not allowed in a host name".to_owned(),
        ),
    ];
    for (environment, expected) in table {
        let flags = Flags {
            machine: machine("fe"),
            ..Flags::default()
        };
        assert_eq!(outcome(environment, flags), expected, "{environment}");
    }
}

#[test]
fn members_are_known_by_the_names_of_the_lists_if_both_are_there() {
    check(&[
        (
            "FE_SERVERS=fe1:172.20.80.2:9010,fe2:172.20.80.3:9011  BE_SERVERS=be1:172.20.80.5  FQDN=true  FE_ID=2",
            "fe",
            "fe1,fe2 fe2 EDIT_LOG_PORT=9011",
        ),
        (
            "FE_SERVERS=fe1:172.20.80.2:9010  BE_SERVERS=be1:172.20.80.5  FQDN=doris  BE_ADDR=172.20.80.5:9050",
            "be",
            "fe1 be1 HEARTBEAT_PORT=9050",
        ),
        (
            "FE_SERVERS=fe1:172.20.80.2:9010  BE_SERVERS=be1:172.20.80.5  FQDN=true  BE_ADDR=172.20.80.9:9050",
            "be",
            "fe1 172.20.80.9 HEARTBEAT_PORT=9050",
        ),
        (
            "FE_SERVERS=fe1:172.20.80.2:9010  BE_SERVERS=be1:172.20.80.5  FQDN=false  FE_ID=1",
            "fe",
            "172.20.80.2 172.20.80.2 EDIT_LOG_PORT=9010",
        ),
        (
            "FE_SERVERS=fe1:172.20.80.2:9010  FQDN=true  FE_ID=1",
            "fe",
            "172.20.80.2 172.20.80.2 EDIT_LOG_PORT=9010 warning: FQDN has no effect without BE_SERVERS: members are known by \
             the hosts of the list",
        ),
        (
            "FE_SERVERS=fe1:172.20.80.2:9010  BE_SERVERS=be1:172.20.80.5  FE_ID=1",
            "fe",
            "172.20.80.2 172.20.80.2 EDIT_LOG_PORT=9010 warning: BE_SERVERS has no effect without FQDN",
        ),
        // Another program's.
        ("MASTER_HOST=a  LOCAL_HOST=a  FQDN=www.example.com", "fe", "a a"),
        (
            "FE_SERVERS=fe1:172.20.80.2:9010  BE_SERVERS=172.20.80.5  FQDN=true  FE_ID=1",
            "fe",
            "BE_SERVERS: `172.20.80.5` at position 1 is not name:host",
        ),
    ]);
}

#[test]
fn the_all_in_one_image_needs_no_address() {
    check(&[
        (
            "DORIS_ROLE=fe  FE_HEAP=1024m  HOSTNAME=0123456789ab",
            "",
            "172.31.81.41 172.31.81.41 fe fe.heap=1024m",
        ),
        (
            "DORIS_ROLE=fe  FE_MASTER=fe-1,fe-2,fe-3  FE_ROLE=observer  HOSTNAME=fe-2",
            "",
            "fe-1,fe-2,fe-3 172.31.81.41 fe Observer",
        ),
        (
            "DORIS_ROLE=be  FE_MASTER=fe-1,fe-2,fe-3  BE_CONFIG_EXTRA=mem_limit = 25%  BE_HEARTBEAT_PORT=9051  BE_HTTP_PORT=8041",
            "",
            "fe-1,fe-2,fe-3 172.31.81.41 be BE_HTTP_PORT=8041 HEARTBEAT_PORT=9051 be.mem_limit=25%",
        ),
        (
            "DORIS_ROLE=fe  FE_HTTP_PORT=8031  FE_QUERY_PORT=9031  FE_EDIT_LOG_PORT=9011  PRIORITY_NETWORKS=172.31.81.0/24",
            "",
            "172.31.81.41 172.31.81.41 fe HTTP_PORT=8031 FE_QUERY_PORT=9031 EDIT_LOG_PORT=9011 \
             fe.priority_networks=172.31.81.0/24 be.priority_networks=172.31.81.0/24 cn.priority_networks=172.31.81.0/24",
        ),
        (
            "DORIS_ROLE=fe  FE_CONFIG_EXTRA=# mine|na = 1||n http_port=8031|na = 2|nJAVA_OPTS=\"-Xmx1g\"",
            "",
            "172.31.81.41 172.31.81.41 fe HTTP_PORT=8031 fe.a=2 fe.JAVA_OPTS=-Xmx1g",
        ),
        // Never a seed, whatever the order.
        (
            "DORIS_ROLE=fe  FE_MASTER=172.31.81.41,172.31.81.42",
            "",
            "172.31.81.42,172.31.81.41 172.31.81.41 fe",
        ),
        (
            "DORIS_ROLE=fe  FE_MASTER=172.31.81.41",
            "",
            "FE_MASTER: names only this node; leave it out on the first FE, which founds the cluster, and name that one elsewhere",
        ),
        // Ours win.
        (
            "DORIS_ROLE=fe  FE_MASTER=fe-1  LOCAL_HOST=fe-2  MASTER_HOST=fe-9",
            "",
            "fe-9 fe-2 fe warning: FE_MASTER conflicts with MASTER_HOST and is ignored",
        ),
        (
            "DORIS_ROLE=be  COMPONENT=fe  MASTER_HOST=a  LOCAL_HOST=a",
            "",
            "a a fe warning: DORIS_ROLE conflicts with COMPONENT and is ignored",
        ),
        (
            "DORIS_ROLE=fe  START_TIMEOUT=300  STOP_TIMEOUT=30",
            "",
            "172.31.81.41 172.31.81.41 fe warning: START_TIMEOUT is not read; set WAIT_TIMEOUT and JOIN_TIMEOUT warning: \
             STOP_TIMEOUT is not read; set STOP_GRACE",
        ),
        ("MASTER_HOST=a  LOCAL_HOST=a  STOP_TIMEOUT=30", "fe", "a a"),
    ]);
}

#[test]
fn what_is_no_node_is_refused_in_words() {
    let to_vendor = "is no node of a cluster: leave this service on the vendor's image and entrypoint";
    for role in ["ms", "recycler", "cloud-init", "client"] {
        let flags = Flags {
            machine: machine(""),
            ..Flags::default()
        };
        let environment = format!("DORIS_ROLE={role}");
        let expected = format!("DORIS_ROLE: `{role}` {to_vendor}");
        assert_eq!(outcome(&environment, flags), expected);
    }
    check(&[
        (
            "DORIS_ROLE=all",
            "",
            "DORIS_ROLE: `all` asks for an FE and a BE, and one container is one node; start an FE and a BE, with DORIS_ROLE=fe \
             and DORIS_ROLE=be",
        ),
        (
            "DORIS_ROLE=frontend",
            "",
            "DORIS_ROLE: `frontend` is none of fe, be, all, ms, recycler, cloud-init, client",
        ),
        (
            "DORIS_ROLE=fe  DEPLOY_MODE=cloud",
            "",
            "DEPLOY_MODE: `cloud` is not supported yet: the membership of such a cluster is kept by its meta service",
        ),
        (
            "FE_SERVERS=fe1:172.20.80.2:9010  FE_ID=1  RECOVERY=true",
            "fe",
            "RECOVERY: `true` asks for --metadata_failure_recovery at every start, which throws the other FEs out of their \
             group; stop this container, run `start_fe.sh --metadata_failure_recovery` once by hand in another one with the \
             same volumes, and remove RECOVERY",
        ),
        (
            "MASTER_HOST=a  LOCAL_HOST=a  DEPLOY_MODE=local  RECOVERY=false",
            "fe",
            "a a",
        ),
        (
            "MASTER_HOST=a  LOCAL_HOST=a  DEPLOY_MODE=production",
            "fe",
            "a a warning: DEPLOY_MODE is none of local, cloud and is not read",
        ),
    ]);
}

#[test]
fn several_addresses_are_named_and_none_is_chosen() {
    let with = |addresses: &[&str]| Flags {
        machine: Machine {
            addresses: addresses.iter().map(|address| address.parse().unwrap()).collect(),
            ..machine("fe")
        },
        ..Flags::default()
    };
    assert_eq!(
        outcome("DORIS_ROLE=fe", with(&["10.0.0.2", "172.20.0.2"])),
        "LOCAL_HOST: is not set, and this container has several addresses: 10.0.0.2, 172.20.0.2; set it to the one by which \
         the others reach it"
    );
    assert_eq!(
        outcome("DORIS_ROLE=fe", with(&["10.0.0.2", "fd00::2"])),
        "10.0.0.2 10.0.0.2 fe"
    );
    assert_eq!(outcome("DORIS_ROLE=fe", with(&["fd00::2"])), "fd00::2 fd00::2 fe");
    assert!(outcome("DORIS_ROLE=fe", with(&[])).starts_with("LOCAL_HOST: is not set; set it to"));
}

#[test]
fn a_hostname_of_a_person_is_the_host_where_nothing_else_is() {
    let one_line = "is not set; set it to the host of the first FE, the same on every node, such as";
    let be = format!(
        "MASTER_HOST: {one_line} MASTER_HOST=192.168.1.10; LOCAL_HOST is be-1, from the variable HOSTNAME"
    );
    let fe = format!(
        "MASTER_HOST: {one_line} MASTER_HOST=fe-follower-1; LOCAL_HOST is fe-follower-1, from the variable HOSTNAME"
    );
    let id = "LOCAL_HOST: is not set; set it to the address or name of this host, such as LOCAL_HOST=192.168.1.11; or give this \
              container a `hostname:`";
    let table = [
        ("HOSTNAME=fe-follower-1", "fe", fe.as_str()),
        ("HOSTNAME=be-1", "be", be.as_str()),
        (
            "HOSTNAME=be-1  MASTER_HOST=fe-follower-1",
            "be",
            "fe-follower-1 be-1",
        ),
        (
            "HOSTNAME=fe-follower-1  MASTER_HOST=fe-follower-1",
            "fe",
            "fe-follower-1 fe-follower-1",
        ),
        ("HOSTNAME=0123456789ab  MASTER_HOST=fe-1", "be", id),
        (
            "HOSTNAME=x  POD_IP=10.0.0.5  POD_FQDN=be-1.be  MASTER_HOST=fe-1",
            "be",
            "fe-1 be-1.be",
        ),
        (
            "HOSTNAME=x  HOST_TYPE=IP  POD_IP=10.0.0.5  POD_FQDN=be-1.be  MASTER_HOST=fe-1",
            "be",
            "fe-1 10.0.0.5",
        ),
        // A community image: a service is named so.
        (
            "RUN_MODE=FE  FE_SERVERS=fe1:dfe-1:9010,fe2:dfe-2:9010  HOSTNAME=dfe-2",
            "",
            "dfe-1,dfe-2 dfe-2 fe EDIT_LOG_PORT=9010",
        ),
        (
            "RUN_MODE=BE  FE_MASTER_IP=dfe-1  FE_MASTER_PORT=9030  BE_IP=dbe-1",
            "",
            "dfe-1 dbe-1 be query=9030",
        ),
        (
            "FE_MASTER_IP=a  FE_MASTER_PORT=9010  FE_CURRENT_IP=b  FE_CURRENT_PORT=9010",
            "fe",
            "a b EDIT_LOG_PORT=9010",
        ),
    ];
    for (environment, component, expected) in table {
        let flags = Flags {
            machine: machine(component),
            ..Flags::default()
        };
        assert_eq!(outcome(environment, flags), expected, "{environment}");
    }
    // A key that the engine ignores is a word of the same kind.
    let machine = Machine {
        conf_host: Some(("be_ip", muster::settings::Host::parse("be-7").unwrap())),
        ..machine("be")
    };
    let flags = Flags {
        machine,
        ..Flags::default()
    };
    assert_eq!(
        outcome("HOSTNAME=be-1  MASTER_HOST=fe-1", flags.clone()),
        "fe-1 be-7"
    );
    assert_eq!(outcome("LOCAL_HOST=be-1  MASTER_HOST=fe-1", flags), "fe-1 be-1");
}

#[test]
fn the_number_of_copies_is_the_engines_own_key() {
    check(&[
        (
            "MASTER_HOST=a  LOCAL_HOST=a  DEFAULT_REPLICATION_NUM=1",
            "fe",
            "a a fe.force_olap_table_replication_num=1",
        ),
        // The key overrides what CREATE TABLE says, and three is what the engine does without it.
        (
            "MASTER_HOST=a  LOCAL_HOST=a  DEFAULT_REPLICATION_NUM=3",
            "fe",
            "a a",
        ),
    ]);
}

#[test]
fn the_operators_variables_are_read() {
    let pod = "HOST_TYPE=FQDN  POD_FQDN=d-fe-3.d-fe.ns  FE_SERVICE_NAME=fe";
    let pod = |rest: &str| format!("{pod}  {rest}");
    let table = [
        (pod("ELECT_NUMBER=3"), "d-fe-0.d-fe.ns,fe d-fe-3.d-fe.ns Observer"),
        (pod("ELECT_NUMBER=4"), "d-fe-0.d-fe.ns,fe d-fe-3.d-fe.ns"),
        (
            pod("ELECT_NUMBER=3  FE_ROLE=follower"),
            "d-fe-0.d-fe.ns,fe d-fe-3.d-fe.ns Follower",
        ),
        (pod("ELECT_NUMBER=x"), "ELECT_NUMBER: `x` is not a number"),
        (
            pod("USER=admin  PASSWD=hunter2"),
            "d-fe-0.d-fe.ns,fe d-fe-3.d-fe.ns user=admin",
        ),
        (pod("USER=admin"), "d-fe-0.d-fe.ns,fe d-fe-3.d-fe.ns"),
        (
            pod("BUILD_TYPE=k8s"),
            "d-fe-0.d-fe.ns,fe d-fe-3.d-fe.ns warning: BUILD_TYPE has no effect: muster waits for a leader and registers this \
             node itself",
        ),
        (
            "MASTER_FE=fe1  CURRENT_FE=fe2  DORIS_query_port=9031".to_owned(),
            "fe1 fe2 warning: DORIS_query_port is not read; set FE_CONF__query_port or BE_CONF__query_port",
        ),
    ];
    for (environment, expected) in table {
        let flags = Flags {
            machine: machine("fe"),
            ..Flags::default()
        };
        assert_eq!(outcome(&environment, flags), expected, "{environment}");
    }
    check(&[
        ("MASTER_FE=fe1  CURRENT_BE=be1", "be", "fe1 be1"),
        (
            "MASTER_HOST=a  LOCAL_HOST=b  NODE_ROLE=computation",
            "be",
            "a b be.be_node_role=computation",
        ),
        ("MASTER_HOST=a  LOCAL_HOST=b  NODE_ROLE=mix", "be", "a b"),
        (
            "MASTER_HOST=a  LOCAL_HOST=b  NODE_ROLE=worker",
            "be",
            "a b warning: NODE_ROLE is none of computation, mix and is not read",
        ),
    ]);
}

/// Other programs have variables of the same names.
#[test]
fn the_variables_of_one_engine_are_left_alone_in_an_image_of_another() {
    let other = ALL.into_iter().find(|engine| engine.id != doris().id).unwrap();
    for variable in [
        "DEPLOY_MODE=cloud",
        "RECOVERY=true",
        "NODE_ROLE=computation",
        "USER=admin  PASSWD=hunter2",
        "ELECT_NUMBER=x",
        "HOSTNAME=fe-2",
    ] {
        let flags = Flags {
            machine: Machine {
                engine: Some(other),
                component: Some(Component::Fe),
                ..Machine::default()
            },
            ..Flags::default()
        };
        assert_eq!(
            outcome(&format!("MASTER_HOST=a  LOCAL_HOST=a  {variable}"), flags),
            "a a",
            "{variable}"
        );
    }
}

/// A command, the environment, what comes of it.
#[test]
fn commands_say_the_component_and_the_hosts() {
    let one_line = "MASTER_HOST: is not set; set it to the host of the first FE, the same on every node, such as MASTER_HOST=";
    let table = [
        ("bash init_fe.sh", "FE_SERVERS=fe1:a:9010,fe2:b:9010  FE_ID=2", "a,b b fe EDIT_LOG_PORT=9010".to_owned()),
        ("bash entry_point.sh", "FE_SERVERS=fe1:a:9010  BE_ADDR=b:9050", "a b be HEARTBEAT_PORT=9050".to_owned()),
        ("bash init_broker.sh", "FE_SERVERS=fe1:a:9010  BROKER_ADDR=x:b:8000", "a b broker BROKER_IPC_PORT=8000 name=x".to_owned()),
        (
            "/home/doris/fe/bin/start_fe.sh --helper fe-leader:9010 --console",
            "HOSTNAME=fe-2",
            "fe-leader fe-2 fe".to_owned(),
        ),
        // Nobody says who founds: three such FEs would found three clusters.
        (
            "/home/doris/fe/bin/start_fe.sh",
            "HOSTNAME=fe-leader",
            format!("{one_line}fe-leader; LOCAL_HOST is fe-leader, from the variable HOSTNAME"),
        ),
        ("/home/doris/fe/bin/start_fe.sh", "LOCAL_HOST=fe-leader", "fe-leader fe-leader fe".to_owned()),
        ("/home/doris/fe/bin/start_fe.sh", "HOSTNAME=x  HOST_TYPE=FQDN", "x x fe".to_owned()),
        (
            "bash start-fe.sh",
            "HOSTNAME=doris-fe",
            format!("{one_line}doris-fe; LOCAL_HOST is doris-fe, from the variable HOSTNAME"),
        ),
        ("fe_entrypoint.sh fe-a,fe-b", "HOSTNAME=x-1", "x-0,fe-a,fe-b x-1 fe".to_owned()),
        (
            "start_fe.sh --metadata_failure_recovery --console",
            "MASTER_HOST=a  LOCAL_HOST=a",
            "the command: gives the start script --metadata_failure_recovery, which throws the other FEs out of their group, at \
             every start of this container; remove it, and if it is needed stop this container and run it once by hand: docker \
             run --rm -it --volumes-from CONTAINER --entrypoint /opt/apache-doris/fe/bin/start_fe.sh IMAGE \
             --metadata_failure_recovery"
                .to_owned(),
        ),
    ];
    for (command, environment, expected) in table {
        let words: Vec<String> = command.split_whitespace().map(str::to_owned).collect();
        let command = Command::read(&words, &|_| None).unwrap().unwrap();
        let flags = Flags {
            variables: command.variables.clone(),
            command: Some(command),
            machine: machine(""),
            ..Flags::default()
        };
        assert_eq!(outcome(environment, flags), expected, "{words:?} {environment}");
    }
    for flag in ["--image=/x", "--cluster_snapshot", "--version"] {
        let flags = Flags {
            script_args: vec![flag.to_owned()],
            machine: machine("fe"),
            ..Flags::default()
        };
        let said = outcome("MASTER_HOST=a  LOCAL_HOST=a", flags);
        assert!(
            said.starts_with("the command: gives the start script --"),
            "{said}"
        );
    }
}
