//! StarRocks: plain objects, status codes that mean something, and the caller's address as its proof.

use std::net::IpAddr;
use std::sync::atomic::Ordering;

use super::super::Fe;
use super::Shown;
use crate::group::Standing;
use crate::wire::http::{Request, Response};

impl Fe {
    pub(super) async fn page_of_starrocks(&self, request: &Request, from: IpAddr) -> Response {
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
        let shown = self.shown(request);
        let (status, message) = match shown {
            Shown::WrongId | Shown::WrongToken => ("FAILED", "invalid parameter"),
            _ if !self.is_ready() => ("FAILED", "not ready"),
            _ => ("OK", "Success"),
        };
        let known = matches!(shown, Shown::Right);
        let (replayed, query, rpc, start) = if known && status == "OK" {
            (
                self.group.state().journal.version.index,
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
                format!(",\"feVersion\":\"{}\"", self.settings.profile.version)
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
        let ha = self.ha();
        let leads = self.group.state().standing == Standing::Leader;
        let image = self.group.state().journal.membership.image_journal;
        let mut fields = vec![
            ("role", ha.role.to_owned()),
            ("current_journal_id", ha.journal.to_string()),
            ("master", ha.master.unwrap_or_else(|| "unknown".to_owned())),
            ("can_read", (!leads && ha.ready).to_string()),
            ("is_ready", ha.ready.to_string()),
            ("last_checkpoint_version", image.to_string()),
            ("last_checkpoint_time", "0".to_owned()),
        ];
        let hosts = [
            ("electable_nodes", ha.electable.join(",")),
            ("observer_nodes", ha.observers.join(",")),
        ];
        fields.extend(hosts.into_iter().filter(|(_, hosts)| !hosts.is_empty()));
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
                if self.settings.profile.fe.check_names_cluster {
                    return reply.with("cluster_id", membership.cluster_id.to_string());
                }
                reply
            }
            "/info" => Response::json(
                200,
                format!(
                    "{{\"imageJournalId\":{},\"imageFormatVersion\":\"v2\"}}",
                    self.image.checkpoint_id()
                ),
            ),
            "/image" => match self.image.checkpoint_bytes(self.image.checkpoint_id()) {
                Some(image) => Response::text(200, image),
                None => Response::text(404, "Not Found"),
            },
            "/journal_id" => Response::text(200, "").with("id", state.journal.version.index.to_string()),
            _ => Response::text(200, ""),
        }
    }
}
