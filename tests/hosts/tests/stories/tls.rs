//! A cluster whose FEs offer TLS, with certificates of an authority of its own.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use hosts::{Cluster, Component, Host, StandIn, World};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

for_each_engine! {
    fes_with_certificates_are_joined_and_watched_under_tls_and_only_by_who_knows_their_authority: both,
}

/// For anything that must happen; only a failing test waits so long.
const PATIENCE: Duration = Duration::from_secs(60);

const CA: &str = "/opt/ca.pem";

struct Authority(Issuer<'static, KeyPair>, String);

impl Authority {
    fn new() -> Result<Self> {
        let mut params = CertificateParams::new([])?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate()?;
        let pem = params.self_signed(&key)?.pem();
        Ok(Self(Issuer::new(params, key), pem))
    }

    /// The host's FE has a certificate for its address from now on, and its muster knows who has signed it.
    fn certify(&self, host: &Host) -> Result<()> {
        let key = KeyPair::generate()?;
        let cert = CertificateParams::new([host.address().to_string()])?.signed_by(&key, &self.0)?;
        for (path, text) in [
            ("/opt/cert.pem", cert.pem()),
            ("/opt/key.pem", key.serialize_pem()),
            (CA, self.1.clone()),
        ] {
            fs::write(host.on_disk(Path::new(path)), text)?;
        }
        let conf = host.home().join("standin.conf");
        let lines = "tls_cert = /opt/cert.pem\ntls_key = /opt/key.pem\n";
        fs::write(&conf, fs::read_to_string(&conf)? + lines)?;
        host.set("CLUSTER_TLS", "verify").set("CLUSTER_CA_FILE", CA);
        Ok(())
    }
}

fn fes_with_certificates_are_joined_and_watched_under_tls_and_only_by_who_knows_their_authority(
    world: &World,
) -> Result<()> {
    let [fe, be] = world.stand_in(&StandIn::QUICK)?;
    let cluster = Cluster::new(world, 2, &fe, 1, Some(&be))?;
    let authority = Authority::new()?;
    for host in &cluster.hosts {
        authority.certify(host)?;
        host.set("GUARD_TIME", "3s").start()?;
    }
    cluster.becomes_whole(PATIENCE)?;
    for host in &cluster.hosts {
        host.says(PATIENCE, "is alive in cluster")?;
        // Its own FE is asked under TLS too.
        if host.component() == Component::Fe {
            let health = host.exec(&["muster", "health", "--deep"])?;
            ensure!(health.code == 0, "{health:?}");
        }
    }
    let id = cluster.id()?;
    for host in &cluster.hosts {
        host.kill9()?;
    }
    cluster.hosts.iter().try_for_each(Host::start)?;
    cluster.becomes_whole_with_restarts(PATIENCE)?;
    assert_eq!(cluster.id()?, id);

    let other = Authority::new()?;
    let stranger = world.host("be2", 9, &be)?;
    other.certify(&stranger)?;
    stranger
        .set("MASTER_HOST", &cluster.seed()?.address().to_string())
        .set("LOCAL_HOST", &stranger.address().to_string())
        .start()?;
    assert_eq!(stranger.exit(PATIENCE)?, 77, "{}", stranger.log_tail());
    let log = stranger.last_log();
    ensure!(log.contains("CLUSTER_CA_FILE"), "{log}");
    let rows = cluster.sql("SHOW BACKENDS")?;
    let row = rows.first().context("the one BE")?;
    ensure!(rows.len() == 1 && row.is("Alive", "true"), "{rows:?}");
    Ok(())
}
