//! The scripted servers of `hosts::fakes`, at endpoints as the client names them.

use std::net::SocketAddr;

use hosts::fakes;
pub(crate) use hosts::fakes::{Manner, Reply};
use muster::settings::{Endpoint, Host};

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
        let fake = fakes::Fe::start(manner, password, script).await;
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
