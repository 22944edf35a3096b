//! What `http_port` serves.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::net::{TcpListener, TcpStream};

use super::Fe;
use super::session::hold;
use crate::group::Standing;
use crate::wire::http::{Exchange, Request, Response};

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
            let response = self.page(&request, from).await;
            exchange.reply(&response, request.keep_alive).await?;
            if !request.keep_alive {
                break;
            }
        }
        Ok(())
    }

    async fn page(&self, request: &Request, from: IpAddr) -> Response {
        match request.path.as_str() {
            "/api/bootstrap" => self.bootstrap(request),
            "/api/health" => self.health(),
            "/api/show_meta_info" => self.meta_info(request).await,
            "/metrics" => Response::text(200, "# a stand-in measures nothing\n"),
            "/role" | "/version" | "/check" | "/info" | "/image" | "/journal_id" | "/put" => {
                if !self.is_member(from).await {
                    self.log
                        .warn(&format!("request is not from valid FE. client: {from}"));
                    return Response::text(400, "invalid client host.");
                }
                self.meta_page(request)
            }
            _ => Response::text(404, "Not Found"),
        }
    }

    /// Always 200; what matters is in the body. Numbers are real only for someone who shows the token.
    fn bootstrap(&self, request: &Request) -> Response {
        let state = self.group.state();
        let membership = &state.journal.membership;
        let (id, token) = (request.parameter("cluster_id"), request.parameter("token"));
        let right_id = id.is_none_or(|id| id == membership.cluster_id.to_string());
        let right_token = token.is_none_or(|token| token == membership.token);
        let known = id.is_some() && token.is_some() && right_id && right_token;
        let journal = state.journal.version.index;
        drop(state);
        let (status, message) = if !right_id || !right_token {
            ("FAILED", "invalid parameter")
        } else if !self.is_ready() {
            ("FAILED", "not ready")
        } else {
            ("OK", "Success")
        };
        let (replayed, query, rpc, start) = if known && status == "OK" {
            (
                journal,
                self.conf.query_port,
                self.conf.rpc_port,
                self.start_millis,
            )
        } else {
            (0, 0, 0, 0)
        };
        let code = if status == "OK" { "0" } else { "1" };
        let body = format!(
            "{{\"replayedJournalId\":{replayed},\"queryPort\":{query},\"rpcPort\":{rpc},\"feStartTime\":{start},\
             \"heapUsedPercent\":0.0,\"status\":\"{status}\",\"code\":\"{code}\",\"msg\":\"{message}\",\
             \"message\":\"OK\"{}}}",
            if known {
                format!(",\"feVersion\":\"{}\"", self.settings.profile.version())
            } else {
                String::new()
            }
        );
        Response::json(200, body)
    }

    fn health(&self) -> Response {
        if self.leaving.load(Ordering::Relaxed) {
            return Response::json(500, "");
        }
        let (online, total) = self.alive_backends();
        Response::json(
            200,
            format!("{{\"online_backend_num\":{online},\"total_backend_num\":{total},\"status\":\"OK\"}}"),
        )
    }

    /// `SHOW_HA`, without any credentials. `can_read` is false on a healthy leader, as observed.
    async fn meta_info(&self, request: &Request) -> Response {
        if request.parameter("action") != Some("SHOW_HA") {
            return Response::json(200, "{}");
        }
        let silence = self.group.state().silence;
        if let Some(since) = silence {
            tokio::time::sleep_until(since + self.settings.scale.seconds(49.0)).await;
        }
        let ready = self.is_ready();
        let role = self.role_word();
        let state = self.group.state();
        let leads = state.standing == Standing::Leader;
        let master = match &state.standing {
            Standing::Leader => self.identity.host.clone(),
            Standing::Follows { leader, .. } => leader.host.clone(),
            _ => "unknown".to_owned(),
        };
        let leader_name = state
            .leader()
            .map_or_else(|| self.group.me.name.clone(), |leader| leader.name);
        let hosts = |electable: bool| {
            let nodes = state.journal.membership.group.iter();
            let others = nodes.filter(|node| node.electable == electable && node.name != leader_name);
            others
                .map(|node| node.host.as_str())
                .collect::<Vec<_>>()
                .join(",")
        };
        let mut fields = vec![
            ("role", role.to_owned()),
            ("current_journal_id", state.journal.version.index.to_string()),
            ("master", master),
            ("can_read", (!leads && ready).to_string()),
            ("is_ready", ready.to_string()),
            (
                "last_checkpoint_version",
                state.journal.membership.image_journal.to_string(),
            ),
            ("last_checkpoint_time", "0".to_owned()),
        ];
        fields.extend(
            [("electable_nodes", hosts(true)), ("observer_nodes", hosts(false))]
                .into_iter()
                .filter(|(_, hosts)| !hosts.is_empty()),
        );
        let body: serde_json::Map<String, serde_json::Value> = fields
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value.into()))
            .collect();
        Response::json(200, serde_json::Value::Object(body).to_string())
    }

    fn meta_page(&self, request: &Request) -> Response {
        let state = self.group.state();
        let membership = &state.journal.membership;
        match request.path.as_str() {
            "/role" => {
                let port = request.parameter("port").and_then(|port| port.parse().ok());
                let (Some(host), Some(port)) = (request.parameter("host"), port) else {
                    return Response::text(404, "Not Found");
                };
                match membership.frontend_at(host, port) {
                    Some(found) => Response::text(200, "")
                        .with("role", found.role.word())
                        .with("name", found.name.as_str()),
                    None => Response::text(200, "").with("role", "UNKNOWN"),
                }
            }
            "/version" => match self.image.version_text() {
                Some(text) => Response::text(200, text.clone()).with("X-Image-Size", text.len().to_string()),
                None => Response::text(404, "Not Found"),
            },
            "/check" => {
                let reply = Response::text(200, "").with("token", membership.token.as_str());
                if self.settings.profile == crate::profile::Profile::StarRocks31 {
                    return reply.with("cluster_id", membership.cluster_id.to_string());
                }
                reply
            }
            "/info" => Response::json(
                200,
                format!(
                    "{{\"imageJournalId\":{},\"imageFormatVersion\":\"v2\"}}",
                    self.checkpoint_id()
                ),
            ),
            "/image" => match self.image.checkpoint() {
                Some((_, image)) => Response::text(200, serde_json::to_vec(&image).unwrap_or_default()),
                None => Response::text(404, "Not Found"),
            },
            "/journal_id" => Response::text(200, "").with("id", state.journal.version.index.to_string()),
            _ => Response::text(200, ""),
        }
    }

    fn checkpoint_id(&self) -> u64 {
        self.image.checkpoint().map_or(0, |(id, _)| id)
    }
}
