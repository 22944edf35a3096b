//! What was typed and what was asked: variables and the command line.

use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt;

use anyhow::{Result, ensure};
use hosts::{Component, Host, World, this_test};

use super::trial::{AS_ANYBODY, PATIENCE, SECRET, Trial, fits, host, put};

const HINT: &str =
    "hint: `muster explain` shows what the current settings lead to, without starting anything";

/// The variables of one case on top of what every host has, an empty one unset: the lines the report must hold.
fn refuses(host: &Host, variables: &[(&str, &str)], lines: &[&str]) -> Result<()> {
    let mut names: Vec<&str> = lines.iter().filter_map(|line| line.split(':').next()).collect();
    names.dedup();
    let count = match names.len() {
        1 => "error: 1 setting cannot be used".to_owned(),
        n => format!("error: {n} settings cannot be used"),
    };
    let lines: Vec<String> = lines
        .iter()
        .map(|line| format!("  {line}, set in the environment"))
        .collect();
    says(
        host,
        variables,
        &format!("{count}\n{}\n\n{HINT}", lines.join("\n")),
    )
}

fn says(host: &Host, variables: &[(&str, &str)], report: &str) -> Result<()> {
    let usual = [
        ("MASTER_HOST", "10.99.0.200".to_owned()),
        ("LOCAL_HOST", host.address().to_string()),
        ("CLUSTER_PASSWORD", SECRET.to_owned()),
    ];
    for (name, value) in variables {
        host.set(name, value);
    }
    let tried = Trial::of(host).ends(78, report);
    for (name, _) in variables {
        host.set(name, "");
    }
    for (name, value) in usual {
        host.set(name, &value);
    }
    tried
}

#[test]
fn missing_hosts_are_said_together() -> Result<()> {
    const MASTER: &str = "MASTER_HOST: is not set; set it to the host of the first FE, the same on every node, such as \
                          MASTER_HOST=192.168.1.10";
    const LOCAL: &str =
        "LOCAL_HOST: is not set; set it to the address or name of this host, such as LOCAL_HOST=192.168.1.11";
    let Some(world) = World::enter(this_test!())? else {
        return Ok(());
    };
    let fe = host(&world, 1, Component::Fe)?;
    let one = |line| format!("error: 1 setting cannot be used\n  {line}\n\n{HINT}");
    says(&fe, &[("MASTER_HOST", "")], &one(MASTER))?;
    says(&fe, &[("LOCAL_HOST", "")], &one(LOCAL))?;
    // What an app.env holds for others says nothing about it.
    let other_peoples = [
        ("APP_NAME", "starrocks"),
        ("KAFKA_HOST", "10.0.0.9"),
        ("DB_PASSWORD", SECRET),
        ("FE_HEAP", "8192m"),
    ];
    let both = format!("error: 2 settings cannot be used\n  {LOCAL}\n  {MASTER}\n\n{HINT}");
    let unset = [("MASTER_HOST", "  "), ("LOCAL_HOST", "")];
    says(&fe, &[&other_peoples[..], &unset].concat(), &both)
}

#[test]
fn hosts_that_are_none_are_said_together() -> Result<()> {
    let Some(world) = World::enter(this_test!())? else {
        return Ok(());
    };
    let fe = host(&world, 1, Component::Fe)?;
    let lists = [
        (
            "10.0.0.1,,10.0.0.2",
            "`10.0.0.1,,10.0.0.2` has an empty host at position 2",
        ),
        (",10.0.0.1", "`,10.0.0.1` has an empty host at position 1"),
        ("10.0.0.1,", "`10.0.0.1,` has an empty host at position 2"),
        (
            "10.0.0.1:9010",
            "`10.0.0.1:9010` has a port; give the host alone: MASTER_FE_QUERY_PORT is the MySQL port of the FEs, and each port of this node has a variable",
        ),
        ("::1::2", "`::1::2` is not an IPv6 address"),
        (
            "10.0.0.1 10.0.0.2",
            "`10.0.0.1 10.0.0.2` contains a space; separate hosts by commas",
        ),
        (
            "fe80::1%eth0",
            "`fe80::1%eth0` has a zone, which is valid on one machine only",
        ),
        ("[fd99::1", "`[fd99::1` is not an IPv6 address"),
        (
            "[fd99::1]:9010",
            "`[fd99::1]:9010` has a port; give the host alone: MASTER_FE_QUERY_PORT is the MySQL port of the FEs, and each port of this node has a variable",
        ),
        (
            "10.0.0.256",
            "`10.0.0.256` is not an IPv4 address: four numbers of 0–255 with dots between them",
        ),
        (
            "010.0.0.1",
            "`010.0.0.1` has a number with a leading zero, which some programs read as octal; remove the zero",
        ),
        (
            "0x7f.1",
            "`0x7f.1` is not an IPv4 address: four numbers of 0–255 with dots between them",
        ),
        (
            "http://10.0.0.1",
            "`http://10.0.0.1` is a URL; give the host alone",
        ),
        (
            "fe1.example,-fe2",
            "`-fe2` at position 2 is not a host name: labels are 1 to 63 letters, digits, `-` or `_`, 253 in all",
        ),
    ];
    for (list, why) in lists {
        refuses(&fe, &[("MASTER_HOST", list)], &[&format!("MASTER_HOST: {why}")])?;
    }
    refuses(
        &fe,
        &[
            ("MASTER_HOST", "a b,,10.0.0.1:9010"),
            ("LOCAL_HOST", "::1::2"),
            ("FE_QUERY_PORT", "90x0"),
        ],
        &[
            "FE_QUERY_PORT: `90x0` is not a port (1–65535)",
            "LOCAL_HOST: `::1::2` is not an IPv6 address",
            "MASTER_HOST: `a b` at position 1 contains a space; separate hosts by commas",
            "MASTER_HOST: `a b,,10.0.0.1:9010` has an empty host at position 2",
            "MASTER_HOST: `10.0.0.1:9010` at position 3 has a port; give the host alone: MASTER_FE_QUERY_PORT is the MySQL port of the FEs, and each port of this node has a variable",
        ],
    )
}

#[test]
fn a_local_host_of_another_machine_is_refused_with_the_addresses_there_are() -> Result<()> {
    const ADVICE: &str = "hint: set LOCAL_HOST to the address or name by which the other hosts reach this one; with \
                          Docker's bridge network between hosts no FE can join, use network_mode: host";
    const THESE: &str = "10.99.0.11, fd99::1";
    let Some(world) = World::enter(this_test!())? else {
        return Ok(());
    };
    let fe = host(&world, 1, Component::Fe)?;
    for strange in ["10.99.0.77", "fd99::77"] {
        let why =
            format!("error: LOCAL_HOST = {strange} is not an address of this machine, which has {THESE}");
        says(&fe, &[("LOCAL_HOST", strange)], &format!("{why}\n\n{ADVICE}"))?;
    }
    let why = "error: LOCAL_HOST = nobody.invalid does not resolve on this host: …; this machine has";
    says(
        &fe,
        &[("LOCAL_HOST", "nobody.invalid")],
        &format!("{why} {THESE}\n\n{ADVICE}"),
    )?;
    refuses(
        &fe,
        &[("LOCAL_HOST", "127.0.0.1")],
        &[
            "LOCAL_HOST: `127.0.0.1` is a loopback address and MASTER_HOST is not; no other host can reach this one by it",
        ],
    )?;
    refuses(
        &fe,
        &[("LOCAL_HOST", "0.0.0.0")],
        &["LOCAL_HOST: `0.0.0.0` is not the address of one host"],
    )
}

/// The resolver of the host is asked for the name; the roles are told apart by what is written.
#[test]
fn an_fe_that_would_join_itself_is_refused_whatever_the_spelling() -> Result<()> {
    let Some(world) = World::enter(this_test!())? else {
        return Ok(());
    };
    let fe = host(&world, 1, Component::Fe)?;
    for (master, shown) in [
        ("fe1", "fe1"),
        ("FE1.", "fe1"),
        ("fe1,10.99.0.11", "fe1"),
        ("localhost", "localhost"),
        ("ip6-localhost", "ip6-localhost"),
        ("127.0.0.1", "127.0.0.1"),
        ("127.9.9.9", "127.9.9.9"),
        ("[::1]", "::1"),
        ("::ffff:127.0.0.1", "127.0.0.1"),
    ] {
        let or = if shown == "fe1" {
            ", or LOCAL_HOST=fe1 here"
        } else {
            ""
        };
        says(
            &fe,
            &[("MASTER_HOST", master)],
            &format!(
                "…error: MASTER_HOST = {shown} is this host, but LOCAL_HOST = 10.99.0.11 is spelled differently: this FE \
                 would join itself\n\nhint: on the seed, write MASTER_HOST=10.99.0.11 on every node{or}: the same text, by \
                 which the other hosts reach it; on any other FE, set MASTER_HOST to the seed"
            ),
        )?;
    }
    Ok(())
}

#[test]
fn a_port_that_is_none_is_named_with_its_value() -> Result<()> {
    let Some(world) = World::enter(this_test!())? else {
        return Ok(());
    };
    let fe = host(&world, 1, Component::Fe)?;
    for value in ["90x0", "0", "70000", "-9030", "+9030", "9030;", "9030 9031"] {
        let line = format!("FE_QUERY_PORT: `{value}` is not a port (1–65535)");
        refuses(&fe, &[("FE_QUERY_PORT", value)], &[&line])?;
    }
    refuses(
        &fe,
        &[
            ("HTTP_PORT", "eight"),
            ("FE_CONF__rpc_port", "99999"),
            ("EDIT_LOG_PORT", "0"),
        ],
        &[
            "EDIT_LOG_PORT: `0` is not a port (1–65535)",
            "FE_CONF__rpc_port: `99999` is not a port (1–65535)",
            "HTTP_PORT: `eight` is not a port (1–65535)",
        ],
    )?;
    refuses(
        &fe,
        &[("HTTP_PORT", "9030"), ("FE_QUERY_PORT", "9030")],
        &["FE_QUERY_PORT: `9030` is also requested as HTTP_PORT; an FE's ports must differ"],
    )?;
    // Blanks around a value mean nothing, as in every variable.
    fe.set("FE_QUERY_PORT", " 9130 ");
    fe.start_program(&["muster", "explain"])?;
    assert_eq!(fe.exit(PATIENCE)?, 0);
    ensure!(
        fits(&fe.last_log(), "…query_port         9130  …"),
        "{}",
        fe.last_log()
    );
    Ok(())
}

#[test]
fn a_conf_value_that_would_be_read_differently_is_refused() -> Result<()> {
    let Some(world) = World::enter(this_test!())? else {
        return Ok(());
    };
    let fe = host(&world, 1, Component::Fe)?;
    refuses(
        &fe,
        &[
            ("FE_CONF__JAVA_OPTS", "-Xmx1g $(reboot)"),
            ("FE_CONF__qe_max_connection", "1024 # many"),
            ("FE_CONF__sys_log_level", "\"INFO"),
        ],
        &[
            "FE_CONF__JAVA_OPTS: `-Xmx1g $(reboot)` contains `$`, and the start script evaluates upper-case keys as shell code",
            "FE_CONF__qe_max_connection: `1024 # many` contains ` #`; the engine would read the comment as part of the value",
            "FE_CONF__sys_log_level: `\"INFO` is quoted; the engine would read the quotes as part of the value",
        ],
    )
}

#[test]
fn a_patience_that_ends_before_the_guard_is_pointed_at() -> Result<()> {
    let Some(world) = World::enter(this_test!())? else {
        return Ok(());
    };
    let fe = host(&world, 1, Component::Fe)?;
    fe.set("MASTER_HOST", "10.99.0.11").set("WAIT_TIMEOUT", "1s");
    Trial::of(&fe)
        .beyond_explain()
        .ends(69, "error: no leader within WAIT_TIMEOUT: no FE answered…")?;
    let warning = "WAIT_TIMEOUT = 1 s is not longer than GUARD_TIME = 11 s: a seed without data stops before it may found a cluster";
    ensure!(fe.last_log().contains(warning), "{}", fe.last_log());
    Ok(())
}

#[test]
fn a_password_file_that_cannot_be_read_is_said() -> Result<()> {
    let Some(world) = World::enter(this_test!())? else {
        return Ok(());
    };
    let fe = host(&world, 1, Component::Fe)?;
    put(&fe, "/opt/two-lines", format!("{SECRET}\nmore\n"))?;
    let files = [
        (
            "/opt/none",
            "`/opt/none` cannot be read: No such file or directory (os error 2)",
        ),
        (
            "/opt/starrocks",
            "`/opt/starrocks` cannot be read: it is a directory; put a regular file there",
        ),
        ("/opt/two-lines", "`/opt/two-lines` contains more than one line"),
        // It may be the password itself.
        (SECRET, "its value is not an absolute path"),
    ];
    for (file, why) in files {
        let variables = [("CLUSTER_PASSWORD", ""), ("CLUSTER_PASSWORD_FILE", file)];
        refuses(&fe, &variables, &[&format!("CLUSTER_PASSWORD_FILE: {why}")])?;
    }
    refuses(
        &fe,
        &[("CLUSTER_PASSWORD_FILE", "/opt/none")],
        &["CLUSTER_PASSWORD: cannot be used together with CLUSTER_PASSWORD_FILE (remove one of them)"],
    )?;
    let unreadable = put(&fe, "/opt/unreadable", SECRET)?;
    set_permissions(&unreadable, Permissions::from_mode(0o000))?;
    fe.set("CLUSTER_PASSWORD", "");
    fe.set("CLUSTER_PASSWORD_FILE", "/opt/unreadable");
    Trial::of(&fe).after(AS_ANYBODY).ends(
        78,
        &format!(
            "error: 1 setting cannot be used\n  CLUSTER_PASSWORD_FILE: `/opt/unreadable` cannot be read: Permission \
             denied (os error 13), set in the environment\n\n{HINT}"
        ),
    )
}

#[test]
fn a_command_line_that_is_not_understood_is_said_with_what_is() -> Result<()> {
    const USAGE: &str = "Usage: muster run [OPTIONS] [COMPONENT] [-- <ARGS>...]";
    let Some(world) = World::enter(this_test!())? else {
        return Ok(());
    };
    let fe = host(&world, 1, Component::Fe)?;
    let lines = [
        (
            &["--frobnicate"][..],
            format!("error: unexpected argument '--frobnicate' found\n…{USAGE}…"),
        ),
        (
            &["fe", "be"],
            format!("error: unexpected argument 'be' found\n…{USAGE}…"),
        ),
        (
            &["fee"],
            "error: invalid value 'fee' for '[COMPONENT]': expected one of fe, be, cn, broker…".to_owned(),
        ),
        (
            &["--home"],
            "error: a value is required for '--home <DIR>' but none was supplied…".to_owned(),
        ),
    ];
    for (arguments, report) in lines {
        Trial::of(&fe)
            .with(arguments)
            .beyond_explain()
            .ends(64, &report)?;
    }
    let verbs = [
        (&["muster"][..], "…Usage: muster <COMMAND>…explain…"),
        (
            &["muster", "walk"],
            "error: unrecognized subcommand 'walk'…Usage: muster <COMMAND>…",
        ),
        (
            &["muster", "--frobnicate"],
            "error: unexpected argument '--frobnicate' found…",
        ),
    ];
    for (program, report) in verbs {
        fe.start_program(program)?;
        assert_eq!(fe.exit(PATIENCE)?, 64, "{}", fe.last_log());
        ensure!(fits(&fe.last_log(), report), "{}", fe.last_log());
    }
    Ok(())
}

#[test]
fn a_value_that_is_not_text_is_shown_as_far_as_it_can_be() -> Result<()> {
    let Some(world) = World::enter(this_test!())? else {
        return Ok(());
    };
    let fe = host(&world, 1, Component::Fe)?;
    let cases = [
        ("MASTER_HOST", r"MASTER_HOST: `fe\xff\xfe1` is not UTF-8"),
        ("CLUSTER_PASSWORD", "CLUSTER_PASSWORD: its value is not UTF-8"),
    ];
    let broken = |name: &str| format!("export {name}=\"$(printf 'fe\\377\\3761')\"");
    for (name, line) in cases {
        let report = format!("error: 1 setting cannot be used\n  {line}, set in the environment\n\n{HINT}");
        Trial::of(&fe).after(&broken(name)).ends(78, &report)?;
    }
    // Other people's may be what they like.
    fe.set("LOCAL_HOST", "10.99.0.77");
    Trial::of(&fe).after(&broken("APP_NAME")).ends(
        78,
        "error: LOCAL_HOST = 10.99.0.77 is not an address of this machine, which has …",
    )
}

#[test]
fn a_slip_of_the_keyboard_is_pointed_at() -> Result<()> {
    let Some(world) = World::enter(this_test!())? else {
        return Ok(());
    };
    let fe = host(&world, 1, Component::Fe)?;
    says(
        &fe,
        &[("MASTER_HOST", ""), ("MASTER_HOTS", "10.99.0.200")],
        &format!(
            "warning: MASTER_HOTS looks like MASTER_HOST and is not read\n\
             error: 1 setting cannot be used\n  MASTER_HOST: is not set (MASTER_HOTS looks like it and is not read); \
             set it to the host of the first FE, the same on every node, such as MASTER_HOST=192.168.1.10\n\n{HINT}"
        ),
    )?;
    says(
        &fe,
        &[("LOCAL_HOST", "10.99.0.77"), ("FE_QUERRY_PORT", "9130")],
        "error: LOCAL_HOST = 10.99.0.77 is not an address of this machine, which has …",
    )?;
    ensure!(
        fe.last_log()
            .contains("FE_QUERRY_PORT looks like FE_QUERY_PORT and is not read"),
        "{}",
        fe.last_log()
    );
    Ok(())
}
