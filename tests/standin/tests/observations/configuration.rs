//! fe.conf, ports, addresses and files, and what of them ends a start.

use std::net::{TcpListener, UdpSocket};

use crate::support::{DORIS, DORIS_30, Kind, OLD_STARROCKS, STARROCKS, World, for_each_engine, get_with};

for_each_engine!(
    the_last_duplicate_wins_also_without_a_final_newline_and_unknown_keys_are_ignored,
    an_upper_case_last_line_without_newline_is_ignored,
);

/// Observed: 255, and the text only on stdout (fe.out), nothing in fe.log.
#[tokio::test]
async fn a_value_that_cannot_be_read_is_told_on_stdout_only() {
    let world = World::new(&STARROCKS);
    let cases = [
        (
            "query_port = 9030 # c",
            "NumberFormatException: For input string: \"9030 # c\"",
        ),
        (
            "meta_dir = ${NOPE}/meta",
            "InvalidConfException: no such env variable: NOPE",
        ),
    ];
    for (n, (line, words)) in (1..).zip(cases) {
        let mut host = world.host(n).await;
        host.conf(line);
        assert_eq!(host.fe_ends(&[]).await, Some(255));
        assert!(
            host.read("fe/log/fe.out").contains(words),
            "{}",
            host.read("fe/log/fe.out")
        );
        assert!(!host.read("fe/log/fe.log").contains(words));
    }
}

async fn the_last_duplicate_wins_also_without_a_final_newline_and_unknown_keys_are_ignored(
    kind: &'static Kind,
) {
    let world = World::new(kind);
    let mut host = world.host(1).await;
    let conf =
        host.read("fe/conf/fe.conf") + "\nnosuch_key = 1\nrpc_port =\nquery_port = 1\nquery_port = 9030";
    std::fs::write(host.path("fe/conf/fe.conf"), conf).unwrap();
    host.start_fe(&[]);
    host.ready().await;
}

/// The shell's half of fe.conf: a last line in upper case without a newline is not seen by the script.
async fn an_upper_case_last_line_without_newline_is_ignored(kind: &'static Kind) {
    let world = World::new(kind);
    let mut host = world.host(1).await;
    let elsewhere = host.path("fe/elsewhere");
    let conf = host.read("fe/conf/fe.conf") + &format!("\nLOG_DIR = {}", elsewhere.display());
    std::fs::write(host.path("fe/conf/fe.conf"), &conf).unwrap();
    host.start_fe(&[]);
    host.ready().await;
    assert!(host.path("fe/log/fe.out").exists() && !elsewhere.exists());
    host.kill_fe().await;
    std::fs::write(host.path("fe/conf/fe.conf"), conf + "\n").unwrap();
    std::fs::create_dir(&elsewhere).unwrap();
    host.start_fe(&[]);
    host.ready().await;
    assert!(elsewhere.join("fe.out").exists());
}

/// Observed: edit_log_port busy: 255 and no meta files; http, query, rpc busy: 255 only after founding, and a restart
/// is fine afterwards.
#[tokio::test]
async fn busy_ports_end_the_start_before_or_after_founding() {
    let world = World::new(&STARROCKS);
    let cases = [
        (9010, "edit_log_port 9010 is already in use. will exit."),
        (8030, "Fail to start FE query http server[port: 8030]"),
        (9030, "mysql server start failed"),
        (9020, "thrift server start failed with port 9020 , will exit"),
    ];
    for (n, (port, words)) in (1..).zip(cases) {
        let mut host = world.host(n).await;
        let busy = std::net::TcpListener::bind((host.address, port)).unwrap();
        assert_eq!(host.fe_ends(&[]).await, Some(255), "{port}");
        assert!(host.log().contains(words), "{}", host.log());
        assert_eq!(host.path("fe/meta/image/ROLE").exists(), port != 9010, "{port}");
        drop(busy);
        host.start_fe(&[]);
        host.ready().await;
    }
}

/// Observed: FQDN start gives the name to ROLE; a restart without the flag is fine, with the other type 255.
#[tokio::test]
async fn host_type_is_kept_and_another_one_is_not_added() {
    let world = World::new(&STARROCKS);
    let mut host = world.host(1).await;
    host.setting("fe", &format!("host_name = fe4\nnames = fe4={}", host.address));
    host.start_fe(&["--host_type", "FQDN"]);
    host.ready().await;
    let role = host.read("fe/meta/image/ROLE");
    assert!(
        role.contains("hostType=FQDN") && role.contains("name=fe4_9010_"),
        "{role}"
    );
    assert!(host.frontends().await.unwrap()[0].is("IP", "fe4"));
    host.kill_fe().await;
    assert_eq!(host.fe_ends(&["--host_type", "IP"]).await, Some(255));
    assert!(
        host.log()
            .contains("current node is not added to the cluster, will exit")
    );
    host.start_fe(&[]);
    host.ready().await;
    host.kill_fe().await;
    assert_eq!(host.fe_ends(&["--host_type", "x"]).await, Some(255));
    assert!(
        host.read("fe/log/fe.out")
            .contains("-host_type need parameter FQDN or IP")
    );
}

/// Observed: 255 before anything else, whichever port it is, TCP or UDP.
#[tokio::test]
async fn a_busy_port_of_doris_ends_the_start_before_anything_else() {
    let world = World::new(&DORIS);
    let ports = [
        (
            9010,
            "Edit log port 9010",
            "edit_log_port",
            "please DO NOT change it",
        ),
        (8030, "Http port 8030", "http_port", "ALL FEs http_port are same."),
        (9030, "Query port 9030", "query_port", ""),
        (9020, "Rpc port 9020", "rpc_port", ""),
        (8070, "Arrow Flight SQL port 8070", "arrow_flight_sql_port", ""),
    ];
    for (n, (port, what, key, advice)) in (1..).zip(ports) {
        let mut host = world.host(n).await;
        let words = format!("{what} is already in use. Please change the '{key}' in fe.conf and try again.");
        let tcp = TcpListener::bind((host.address, port)).unwrap();
        assert_eq!(host.fe_ends(&[]).await, Some(255), "{port}");
        assert!(
            host.log().contains(&words) && host.log().contains(advice),
            "{}",
            host.log()
        );
        assert!(
            host.log()
                .contains("java.net.BindException: Address already in use")
        );
        assert!(!host.meta("image").exists(), "{port}");
        drop(tcp);
        let udp = UdpSocket::bind((host.address, port)).unwrap();
        assert_eq!(host.fe_ends(&[]).await, Some(255), "{port} by UDP");
        drop(udp);
        host.start_fe(&[]);
        host.ready().await;
    }
}

/// Observed, each 255; and what is written into conf/ at every start.
#[tokio::test]
async fn values_and_files_that_end_doris() {
    let world = World::new(&DORIS);
    let table = [
        (
            "query_port = abc",
            "Failed to set config, name: query_port, value: abc",
        ),
        (
            "foo = ${NOPE_NOT_SET}",
            "java.lang.Exception: no such env variable: NOPE_NOT_SET",
        ),
        (
            "priority_networks = 10.9.9.0/24",
            "ip address range configured for priority_networks does not include the current IP address",
        ),
        (
            "priority_networks = \"10.78.0.0/24\"",
            "Can not parse base IP:\"10.78.0.0",
        ),
        (
            "priority_networks = 10.78.0.0/24 # comment",
            "For input string: \"24 # comment\"",
        ),
    ];
    for (n, (line, words)) in (1..).zip(table) {
        let mut host = world.host(n).await;
        host.conf(line);
        assert_eq!(host.fe_ends(&[]).await, Some(255), "{line}");
        assert!(host.log().contains(words), "{line}: {}", host.log());
    }
    let mut host = world.host(9).await;
    // Not a file system that cannot be written, but root may write into any other.
    std::fs::create_dir(host.path("fe/conf/log4j2-spring.xml")).unwrap();
    assert_eq!(host.fe_ends(&[]).await, Some(255));
    assert!(host.log().contains("java.io.IOException: "), "{}", host.log());
    // Up to 3.0 the same exception ends it with 0.
    let world = World::new(&DORIS_30);
    let mut host = world.host(1).await;
    host.conf("query_port = abc");
    assert_eq!(host.fe_ends(&[]).await, Some(0));
}

/// Observed: fe_custom.conf wins over fe.conf.
#[tokio::test]
async fn the_second_file_of_doris_wins() {
    let world = World::new(&DORIS);
    let mut host = world.host(1).await;
    host.conf("query_port = 9999");
    std::fs::write(host.path("fe/conf/fe_custom.conf"), "query_port = 9030\n").unwrap();
    host.start_fe(&[]);
    host.ready().await;
}

/// Observed: by name it is the first name of the address that the own name has; ROLE is as in IP mode; data of the other mode is not
/// added; a name that does not resolve is the end.
#[tokio::test]
async fn doris_knows_itself_by_the_canonical_name_of_its_host() {
    let world = World::new(&DORIS);
    let mut host = world.host(1).await;
    let (own, other) = (host.address, world.address(2));
    host.setting(
        "fe",
        &format!("host_name = fe1\nnames = fe1.doris.test={own},fe1={own},fe2={other}"),
    );
    host.conf("enable_fqdn_mode = true");
    host.start_fe(&[]);
    host.ready().await;
    let row = host.frontends().await.unwrap().remove(0);
    assert!(
        row.is("Host", "fe1.doris.test") && row.is("IsMaster", "true"),
        "{row:?}"
    );
    assert_eq!(host.ha("master").await, "fe1.doris.test");
    assert!(!host.read_meta("image/ROLE").contains("hostType"));
    // Only names count for its pages.
    let to = std::net::SocketAddr::new(own, 8030);
    for (headers, known) in [
        (host.as_member(), false),
        (
            "CLIENT_NODE_HOST: fe1.doris.test\r\nCLIENT_NODE_PORT: 9010\r\n".to_owned(),
            true,
        ),
    ] {
        let reply = get_with(own, to, "/role?host=fe1.doris.test&port=9010", &headers)
            .await
            .unwrap();
        assert_eq!(reply.head.contains("role: FOLLOWER"), known, "{}", reply.head);
    }
    host.kill_fe().await;
    host.conf("enable_fqdn_mode = false");
    assert_eq!(host.fe_ends(&[]).await, Some(255));
    let words = format!("current node {own}:9010 is not added to the cluster, will exit.");
    assert!(host.log().contains(&words), "{}", host.log());
    let mut nameless = world.host(2).await;
    nameless.setting("fe", "host_name = nosuch.invalid");
    nameless.conf("enable_fqdn_mode = true");
    assert_eq!(nameless.fe_ends(&[]).await, Some(255));
    let words = "Got a UnknownHostException when try to get FQDN";
    assert!(nameless.log().contains(words), "{}", nameless.log());
}

#[tokio::test]
async fn a_full_disk_and_a_missing_meta_dir_are_told_in_the_engines_words() {
    let world = World::new(&STARROCKS);
    let mut host = world.host(1).await;
    host.fault("disk=full");
    assert_eq!(host.fe_ends(&[]).await, Some(255));
    let meta = host.path("fe/meta").display().to_string();
    assert!(host.log().contains(&format!(
        "Free capacity left for meta dir: {meta} is less than 5GB"
    )));
    host.no_faults();
    // The old script does not make the directory that fe.conf names.
    let world = World::new(&OLD_STARROCKS);
    let mut host = world.host(1).await;
    host.conf("meta_dir = /nonexistent/meta");
    assert_eq!(host.fe_ends(&[]).await, Some(255));
    assert!(host.log().contains("meta dir /nonexistent/meta dose not exist"));
}
