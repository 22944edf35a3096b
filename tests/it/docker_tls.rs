//! TLS is inside: in a container with nothing in it, a server is told from another that only says it is that one.

#![expect(clippy::unwrap_used, reason = "a test says what it needs by failing")]

use std::net::Ipv4Addr;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use crate::fakes::{Fe, Manner, Reply, certified};
use hosts::docker::Docker;
use tokio::sync::oneshot;

const PATIENCE: Duration = Duration::from_secs(60);
/// It is answered to a statement, which is sent after the handshake and the login.
const ANSWER: &str = "this was asked in secret";

/// An FE with TLS where this machine is on the network, until it is let go; then it says what it heard.
fn serve(at: Ipv4Addr, manner: Manner) -> (oneshot::Sender<()>, thread::JoinHandle<Vec<String>>) {
    let (end, ended) = oneshot::channel();
    let (up, is_up) = channel();
    let server = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let answer = |_: &str| Reply::Error(1105, "HY000", ANSWER.to_owned());
            let fe = Fe::start_at((at, 9030).into(), manner, "", answer).await;
            up.send(()).unwrap();
            ended.await.ok();
            fe.heard_to_the_end().await
        })
    });
    is_up.recv().unwrap();
    (end, server)
}

#[test]
fn tls_and_its_authorities_need_nothing_in_the_image() -> anyhow::Result<()> {
    Docker::test(|docker| {
        let network = docker.network()?;
        let image = docker.bare_backend()?;
        let server = network.gateway();
        let (acceptor, own) = certified([server.to_string().as_str()]);
        let (_, foreign) = certified([server.to_string().as_str()]);
        let (end, serving) = serve(server, Manner::Tls(acceptor));
        let node = |name: &str, last: u8, mode: &str, authority: Option<&tempfile::NamedTempFile>| {
            let address = network.address(last).to_string();
            let master = format!("MASTER_HOST={server}");
            let local = format!("LOCAL_HOST={address}");
            let mode = format!("CLUSTER_TLS={mode}");
            let mut all = vec!["--network", network.name(), "--ip", &address];
            all.extend(["--env", &master, "--env", &local, "--env", &mode]);
            let mount = authority.map(|file| format!("{}:/ca.pem:ro", file.path().display()));
            if let Some(mount) = &mount {
                all.extend(["--volume", mount, "--env", "CLUSTER_CA_FILE=/ca.pem"]);
            }
            all.push(&image);
            let container = docker.container(name, &all)?;
            container.start().map(|()| container)
        };
        let required = node("require", 11, "require", None)?;
        let verified = node("verify", 12, "verify", Some(&own))?;
        // The public authorities are inside, and did not sign this; nor did that file.
        let public = node("public", 13, "verify", None)?;
        let other = node("other", 14, "verify", Some(&foreign))?;
        for encrypted in [required, verified] {
            encrypted.says(PATIENCE, ANSWER)?;
            assert_eq!(encrypted.stop()?, 0);
        }
        // Both certificates carry the same name: that this one is of another key is said, too.
        for (refused, why) in [
            (public, "signed by an authority that is not known"),
            (other, "another authority of that name"),
        ] {
            let code = refused.exit(PATIENCE)?;
            let said = refused.log()?;
            assert_eq!(code, 77, "{said}");
            assert!(said.contains("certificate") && said.contains(why), "{said}");
            assert!(said.contains("set CLUSTER_CA_FILE"), "{said}");
            assert!(!said.contains(ANSWER), "{said}");
        }
        end.send(()).ok();
        let heard = serving.join().unwrap();
        assert!(heard.contains(&"(tls)".to_owned()), "{heard:?}");
        Ok(())
    })
}
