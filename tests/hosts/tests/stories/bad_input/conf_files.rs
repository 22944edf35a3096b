//! Conf files as people leave them: what the engine reads in them is what muster goes by, and above our block they stay
//! as they are.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use hosts::{Host, StandIn, World, query, this_test};

use super::trial::PATIENCE;

const CONF: &str = "/opt/starrocks/fe/conf/fe.conf";
const BLOCK: &str = "# >>> muster";

/// A file, the ports the engine has with it, and what is said about it.
struct Case {
    text: &'static str,
    query_port: u16,
    edit_log_port: u16,
    warning: &'static str,
}

const CASES: [Case; 7] = [
    Case {
        text: "query_port = 9130\r\nedit_log_port = 9110\r\n# end\r\n",
        query_port: 9130,
        edit_log_port: 9110,
        warning: "",
    },
    Case {
        text: "LOG_DIR = ${STARROCKS_HOME}/log\r\nquery_port = 9130\r\n",
        query_port: 9130,
        edit_log_port: 9010,
        warning: "/opt/starrocks/fe/conf/fe.conf has Windows line ends: the start script reads the `\\r` as part of LOG_DIR; save it with Unix line ends",
    },
    Case {
        text: "edit_log_port = 9110\nquery_port = 9130",
        query_port: 9130,
        edit_log_port: 9110,
        warning: "",
    },
    Case {
        text: "query_port = 9131\nquery_port=9130\nedit_log_port : 9110\n",
        query_port: 9130,
        edit_log_port: 9110,
        warning: "",
    },
    Case {
        text: "query_port = \"9130\"\nedit_log_port = 9110\n",
        query_port: 9030,
        edit_log_port: 9110,
        warning: "query_port = `\"9130\"` in /opt/starrocks/fe/conf/fe.conf is not a port; 9030 is used instead",
    },
    Case {
        text: "query_port = 9130 # mysql\nedit_log_port = 9110\n",
        query_port: 9030,
        edit_log_port: 9110,
        warning: "query_port = `9130 # mysql` in /opt/starrocks/fe/conf/fe.conf is not a port; 9030 is used instead",
    },
    Case {
        text: "MARK = \"$(echo $((6 * 7)); echo '#') \" # `not run`\nquery_port = 9130\n",
        query_port: 9130,
        edit_log_port: 9010,
        warning: "",
    },
];

#[test]
fn the_engine_and_muster_read_the_same() -> Result<()> {
    let Some(world) = World::enter(this_test!())? else {
        return Ok(());
    };
    let quick = StandIn {
        time_scale: 0.1,
        heartbeat_ms: 1000,
    };
    let [fe, _] = world.stand_in(&quick)?;
    let mut hosts = Vec::new();
    for (n, case) in (1..).zip(&CASES) {
        let host = world.host(&format!("fe{n}"), n, &fe)?;
        let own = host.address().to_string();
        // Each a cluster of its own.
        host.set("MASTER_HOST", &own)
            .set("LOCAL_HOST", &own)
            .set("BOOTSTRAP", "force")
            .set("LOG_FORMAT", "text");
        fs::write(host.on_disk(Path::new(CONF)), case.text)?;
        host.start()?;
        hosts.push((host, case));
    }
    for (host, case) in &hosts {
        as_it_reads(host, case).with_context(|| format!("{:?}\n{}", case.text, host.log_tail()))?;
    }
    Ok(())
}

fn as_it_reads(host: &Host, case: &Case) -> Result<()> {
    host.says(PATIENCE, "is alive in cluster")?;
    let at = SocketAddr::from((host.address(), case.query_port));
    let rows = query(at, PATIENCE, "SHOW FRONTENDS")?;
    let row = rows.first().context("no row")?;
    ensure!(row.is("QueryPort", &case.query_port.to_string()), "{row:?}");
    ensure!(row.is("EditLogPort", &case.edit_log_port.to_string()), "{row:?}");
    let conf = fs::read_to_string(host.on_disk(Path::new(CONF)))?;
    let (above, block) = conf.split_once(BLOCK).context("no block")?;
    ensure!(
        above.strip_suffix('\n').unwrap_or(above) == case.text.strip_suffix('\n').unwrap_or(case.text),
        "{above:?}"
    );
    let line = format!("\nquery_port = {}\n", case.query_port);
    ensure!(block.contains(&line), "{block}");
    let log = host.last_log();
    if case.warning.is_empty() {
        ensure!(!log.contains(CONF), "{log}");
        return Ok(());
    }
    ensure!(log.contains(case.warning), "{log}");
    host.kill9()?;
    host.start_program(&["muster", "explain"])?;
    ensure!(host.exit(PATIENCE)? == 0, "{}", host.last_log());
    let warning = format!("warning: {}", case.warning);
    ensure!(host.last_log().contains(&warning), "{}", host.last_log());
    Ok(())
}

/// The vendor's entrypoint links the files of a `ConfigMap` over those of the image, and the engine puts variables into them.
#[test]
fn a_mounted_folder_takes_the_place_of_the_shipped_conf() -> Result<()> {
    let Some(world) = World::enter(this_test!())? else {
        return Ok(());
    };
    let [fe, _] = world.stand_in(&StandIn {
        time_scale: 0.1,
        heartbeat_ms: 1000,
    })?;
    let host = world.host("fe1", 1, &fe)?;
    let own = host.address().to_string();
    host.set("MASTER_HOST", &own)
        .set("LOCAL_HOST", &own)
        .set("BOOTSTRAP", "force")
        .set("CONFIGMAP_MOUNT_PATH", "/opt/folder")
        .set("SQL_QUERY_PORT", "9130")
        .set("SR_DATA", "/opt/disk");
    let folder = host.on_disk(Path::new("/opt/folder"));
    fs::create_dir_all(&folder)?;
    let text = "query_port = ${SQL_QUERY_PORT}\nmeta_dir = ${SR_DATA}/meta\n";
    fs::write(folder.join("fe.conf"), text)?;
    fs::write(folder.join("core-site.xml"), "<configuration/>\n")?;
    for _ in 0..2 {
        host.start()?;
        host.says(PATIENCE, "is alive in cluster")?;
        let at = SocketAddr::from((host.address(), 9130));
        ensure!(query(at, PATIENCE, "SHOW FRONTENDS")?.len() == 1);
        let conf = fs::read_to_string(host.on_disk(Path::new(CONF)))?;
        ensure!(
            conf.starts_with(text) && conf.matches(BLOCK).count() == 1,
            "{conf}"
        );
        ensure!(host.on_disk(Path::new("/opt/disk/meta/image/VERSION")).exists());
        let xml = host.on_disk(Path::new(CONF)).with_file_name("core-site.xml");
        ensure!(fs::read_link(xml)? == Path::new("/opt/folder/core-site.xml"));
        ensure!(fs::read_to_string(folder.join("fe.conf"))? == text);
        host.stop()?;
    }
    Ok(())
}
