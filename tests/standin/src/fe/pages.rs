//! What `http_port` serves: the facts here, what each engine makes of them below.

mod doris;
mod starrocks;

use std::net::IpAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};

use super::Fe;
use super::session::hold;
use crate::clock;
use crate::group::Standing;
use crate::profile::Engine;
use crate::wire::http::{Exchange, Request};

/// What `SHOW_HA` tells.
struct Ha {
    role: &'static str,
    journal: u64,
    master: Option<String>,
    /// The hosts of the voters without the leader, and of the observers.
    electable: Vec<String>,
    observers: Vec<String>,
    ready: bool,
}

/// Whether somebody who asks for the ready state shows id and token of the cluster.
enum Shown {
    Nothing,
    Right,
    WrongId,
    WrongToken,
}

impl Fe {
    pub(crate) async fn serve_http(self: Arc<Self>, mut listener: TcpListener) {
        loop {
            let Ok((stream, from)) = listener.accept().await else {
                self.settings.scale.sleep(0.1).await;
                continue;
            };
            if self.faults.is("http", "refuse") {
                drop(stream);
                drop(listener);
                listener = self.reopen("http", self.conf.http_port).await;
                continue;
            }
            let fe = self.clone();
            tokio::spawn(async move {
                fe.serve_pages(stream, from.ip()).await.ok();
            });
        }
    }

    async fn serve_pages(&self, stream: TcpStream, from: IpAddr) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        if self.faults.is("http", "hang") {
            return hold(stream).await;
        }
        if self.faults.is("http", "close") {
            return Ok(());
        }
        let mut exchange = Exchange::over(stream);
        while let Some(request) = exchange.next().await? {
            self.faults.slow_down("http").await;
            let response = match self.settings.profile.engine {
                Engine::StarRocks => self.page_of_starrocks(&request, from).await,
                // Observed: on every answer, by the FE's own clock.
                Engine::Doris => self
                    .page_of_doris(&request, from)
                    .await
                    .with("Date", clock::http_date(self.told_millis())),
            };
            exchange.reply(&response, request.keep_alive).await?;
            if !request.keep_alive {
                break;
            }
        }
        Ok(())
    }

    fn shown(&self, request: &Request) -> Shown {
        let state = self.group.state();
        let membership = &state.journal.membership;
        let (id, token) = (request.parameter("cluster_id"), request.parameter("token"));
        if id.is_some_and(|id| id != membership.cluster_id.to_string()) {
            Shown::WrongId
        } else if token.is_some_and(|token| token != membership.token) {
            Shown::WrongToken
        } else if id.is_some() && token.is_some() {
            Shown::Right
        } else {
            Shown::Nothing
        }
    }

    fn ha(&self) -> Ha {
        let ready = self.is_ready();
        let role = self.role_word();
        let state = self.group.state();
        let master = match &state.standing {
            Standing::Leader => Some(self.identity.host.clone()),
            Standing::Follows { leader, .. } => Some(leader.host.clone()),
            _ => None,
        };
        let leader_name = state
            .leader()
            .map_or_else(|| self.group.me.name.clone(), |leader| leader.name);
        let hosts = |electable: bool| {
            let nodes = state.journal.membership.group.iter();
            let others = nodes.filter(|node| node.electable == electable && node.name != leader_name);
            others.map(|node| node.host.clone()).collect()
        };
        Ha {
            role,
            journal: state.journal.version.index,
            master,
            electable: hosts(true),
            observers: hosts(false),
            ready,
        }
    }
}
