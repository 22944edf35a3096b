//! Ports that somebody else holds and that may not be another.

use std::fs;

use anyhow::Result;
use hosts::{Component, Host, World, this_test};

use super::trial::{Trial, host, put};

/// Somebody listens on this port before muster starts, and as long as it runs.
pub(crate) fn held(port: u16) -> String {
    format!(
        "perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(LocalPort => {port}, Listen => 1) or die;
         open F, \">/tmp/held\"; close F; sleep 600' & until [ -e /tmp/held ]; do :; done"
    )
}

fn refuses(host: &Host, port: u16, key: &str, reason: &str) -> Result<()> {
    Trial::of(host).after(&held(port)).ends(
        73,
        &format!(
            "error: {key} must be {port} ({reason}), but perl (pid …) on TCP 0.0.0.0:{port} uses it\n\n\
             hint: stop the process that uses it, or run this node on another host"
        ),
    )
}

#[test]
fn a_port_that_may_not_move_is_refused_with_its_holder() -> Result<()> {
    let Some(world) = World::enter(this_test!())? else {
        return Ok(());
    };
    let fe = host(&world, 1, Component::Fe)?;
    refuses(
        &fe,
        8030,
        "http_port",
        "the conf file: every FE of a cluster uses the same port",
    )?;
    fe.set("HTTP_PORT", "8130");
    refuses(&fe, 8130, "http_port", "the variable HTTP_PORT: requested")?;
    fe.set("HTTP_PORT", "");
    fe.set("EDIT_LOG_PORT", "9110");
    refuses(
        &fe,
        9110,
        "edit_log_port",
        "the variable EDIT_LOG_PORT: requested",
    )?;
    fe.set("EDIT_LOG_PORT", "");
    // Registered: the cluster knows it by this port.
    let record = r#"{"version": 1, "engine": "starrocks", "component": "fe", "role": "follower", "host": "10.99.0.11",
        "ports": {"EDIT_LOG_PORT": 9110}, "cluster_id": "77", "members": [], "progress": "joined"}"#;
    let copy = put(&fe, "/opt/starrocks/fe/conf/muster-fe.json", record)?;
    refuses(
        &fe,
        9110,
        "edit_log_port",
        "the record: this port identifies the node in the cluster",
    )?;
    fs::remove_file(copy)?;
    let be = host(&world, 2, Component::Be)?;
    be.set("HEARTBEAT_PORT", "9150");
    refuses(
        &be,
        9150,
        "heartbeat_service_port",
        "the variable HEARTBEAT_PORT: requested",
    )
}

/// Anybody may take the name of a reservation. It was called another node of this host.
#[test]
fn a_program_that_takes_the_name_of_a_reservation_is_named() -> Result<()> {
    let Some(world) = World::enter(this_test!())? else {
        return Ok(());
    };
    let fe = host(&world, 1, Component::Fe)?;
    fe.set("HTTP_PORT", "8130");
    let squatter = "perl -MIO::Socket::UNIX -e '\
         $s = IO::Socket::UNIX->new(Local => \"\\0muster/port/8130\", Listen => 1) or die;
         open F, \">/tmp/squats\"; close F; sleep 600' & until [ -e /tmp/squats ]; do :; done";
    Trial::of(&fe).after(squatter).beyond_explain().ends(
        73,
        "error: http_port must be 8130 (the variable HTTP_PORT: requested), but a program that is not muster (perl, pid …, \
         user 0) uses it\n\nhint: stop the process that uses it, or run this node on another host",
    )
}
