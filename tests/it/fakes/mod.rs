//! The scripted servers of `hosts::fakes`, at endpoints as the client names them.
#![expect(clippy::unwrap_used, reason = "a test says what it needs by failing")]

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use hosts::fakes;
pub(crate) use hosts::fakes::{Manner, Reply, switch_to};
use muster::settings::{Endpoint, Host};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

pub(crate) struct Fe {
    pub(crate) at: Endpoint,
    fake: fakes::Fe,
}

impl Fe {
    pub(crate) async fn start(
        manner: Manner,
        password: &'static str,
        script: impl FnMut(&str) -> Reply + Send + 'static,
    ) -> Self {
        Self::start_at((Ipv4Addr::LOCALHOST, 0).into(), manner, password, script).await
    }

    pub(crate) async fn start_at(
        at: SocketAddr,
        manner: Manner,
        password: &'static str,
        script: impl FnMut(&str) -> Reply + Send + 'static,
    ) -> Self {
        let fake = fakes::Fe::start_at(at, manner, password, script).await;
        Self {
            at: endpoint(fake.at),
            fake,
        }
    }

    pub(crate) async fn no_connection_left(&self) {
        self.fake.no_connection_left().await;
    }

    pub(crate) async fn heard_to_the_end(&self) -> Vec<String> {
        self.fake.heard_to_the_end().await
    }
}

pub(crate) struct Web {
    pub(crate) at: Endpoint,
}

impl Web {
    pub(crate) async fn start(
        script: impl Fn(&str) -> (u16, &'static str, &'static str) + Send + 'static,
    ) -> Self {
        let at = endpoint(fakes::Web::start(script).await.at);
        Self { at }
    }
}

pub(crate) async fn closed_port() -> Endpoint {
    endpoint(fakes::closed_port().await)
}

fn endpoint(at: SocketAddr) -> Endpoint {
    Endpoint {
        host: Host::from(at.ip()),
        port: at.port(),
    }
}

/// A server for these hosts, and the file of its certificate.
pub(crate) fn certified<const N: usize>(hosts: [&str; N]) -> (TlsAcceptor, tempfile::NamedTempFile) {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(hosts.map(str::to_owned)).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![cert.der().clone()],
            PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap(),
        )
        .unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), cert.pem()).unwrap();
    (TlsAcceptor::from(Arc::new(config)), file)
}
