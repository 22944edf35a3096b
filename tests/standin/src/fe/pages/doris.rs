//! Doris: everything is 200 with the real code in an envelope, and two headers with the place of any registered FE are proof
//! enough, whoever sends them.

use std::net::IpAddr;
use std::sync::atomic::Ordering;

use serde_json::{Value, json};

use super::super::Fe;
use super::super::image::write_image;
use super::Shown;
use crate::group::Standing;
use crate::wire::http::{Request, Response};

/// What an answer is made of: its code, its message, and what it is about.
fn envelope(code: u16, message: &str, data: &Value) -> Response {
    let body = format!("{{\"msg\":\"{message}\",\"code\":{code},\"data\":{data},\"count\":0}}");
    Response::json(200, body)
}

fn success(data: &Value) -> Response {
    envelope(0, "success", data)
}

fn no_login() -> Response {
    envelope(401, "Unauthorized", &json!("Need auth information."))
}

impl Fe {
    pub(super) async fn page_of_doris(&self, request: &Request, from: IpAddr) -> Response {
        match request.path.as_str() {
            "/role" | "/version" | "/check" | "/info" | "/image" | "/journal_id" | "/put" => {
                match self.stranger(request) {
                    Some(who) => envelope(
                        500,
                        "Internal Error",
                        &json!(format!("invalid client host: {who}, request from {from}")),
                    ),
                    None => self.member_page(request).await,
                }
            }
            // Observed: these ask for a login whatever the configuration says.
            "/api/show_proc"
            | "/api/backends"
            | "/api/fe_version_info"
            | "/api/check_decommission"
            | "/api/colocate"
            | "/api/_set_config" => no_login(),
            _ if self.conf.http_login && !self.has_login(request) => no_login(),
            "/api/bootstrap" => self.bootstrap_of_doris(request),
            "/api/health" => self.health_of_doris(),
            "/api/show_meta_info" => self.ha_of_doris(request).await,
            "/metrics" => Response::text(200, "# a stand-in measures nothing\n"),
            "/dump" => self.dump(),
            _ => Response::text(404, "Not Found"),
        }
    }

    /// Who a caller says it is, unless that is a registered FE.
    fn stranger(&self, request: &Request) -> Option<String> {
        let host = request.header("CLIENT_NODE_HOST").unwrap_or("null");
        let port = request.header("CLIENT_NODE_PORT").unwrap_or("null");
        let state = self.group.state();
        let known = port
            .parse()
            .ok()
            .and_then(|port| state.journal.membership.frontend_at(host, port));
        known.is_none().then(|| format!("{host}:{port}"))
    }

    async fn member_page(&self, request: &Request) -> Response {
        match request.path.as_str() {
            "/role" => {
                let port = request.parameter("port").and_then(|port| port.parse().ok());
                let (Some(host), Some(port)) = (request.parameter("host"), port) else {
                    return envelope(403, "Bad Request", &json!("Miss parameter"));
                };
                let state = self.group.state();
                match state.journal.membership.frontend_at(host, port) {
                    Some(found) => success(&Value::Null)
                        .with("role", found.role.word())
                        .with("name", found.name.as_str()),
                    None => success(&Value::Null).with("role", "UNKNOWN"),
                }
            }
            "/version" => match self.image.version_text() {
                Some(text) => Response::text(200, text.clone())
                    .with("X-Image-Size", text.len().to_string())
                    .with("X-Image-Md5", ""),
                None => envelope(404, "Not Found", &json!("no VERSION")),
            },
            "/check" => {
                let state = self.group.state();
                let membership = &state.journal.membership;
                success(&Value::Null)
                    .with("cluster_id", membership.cluster_id.to_string())
                    .with("token", membership.token.as_str())
            }
            "/info" => {
                let id = self.group.state().journal.membership.cluster_id;
                let image = self.image.checkpoint_id();
                success(&json!({"clusterID": id, "imageSeq": image, "editsSeq": 0}))
            }
            "/image" => self.image_page(request),
            "/journal_id" => {
                let state = self.group.state();
                let id = match state.standing {
                    Standing::Leader => state.began_at,
                    _ => state.journal.version.index,
                };
                success(&Value::Null).with("id", id.to_string())
            }
            _ => self.put(request).await,
        }
    }

    fn image_page(&self, request: &Request) -> Response {
        let Some(version) = request.parameter("version") else {
            return envelope(403, "Bad Request", &json!("Miss version parameter"));
        };
        let image = version
            .parse()
            .ok()
            .and_then(|id| self.image.checkpoint_bytes(id));
        match image {
            Some(image) => Response::text(200, image),
            None => envelope(404, "Not Found", &json!("image file not found")),
        }
    }

    /// Observed: whoever names a registered FE has it fetch an image from there.
    async fn put(&self, request: &Request) -> Response {
        let number = |name: &str| request.parameter(name).and_then(|text| text.parse::<u64>().ok());
        let Some(port) = number("port").and_then(|port| u16::try_from(port).ok()) else {
            return envelope(403, "Bad Request", &json!("Port number cannot be empty"));
        };
        let Some(version) = number("version") else {
            return envelope(403, "Bad Request", &json!("Miss version parameter"));
        };
        let host = request.header("CLIENT_NODE_HOST").unwrap_or_default();
        match self.fetch(host, port, version).await {
            Ok(()) => success(&Value::Null),
            Err(why) => envelope(500, "Internal Error", &json!(why)),
        }
    }

    fn bootstrap_of_doris(&self, request: &Request) -> Response {
        let error = |words: String| envelope(1, "Error", &json!(words));
        if !self.is_ready() {
            return error("not ready".to_owned());
        }
        let parameter = |name: &str| request.parameter(name).unwrap_or_default().to_owned();
        let known = match self.shown(request) {
            Shown::WrongId => return error(format!("invalid cluster id: {}", parameter("cluster_id"))),
            Shown::WrongToken => return error(format!("invalid token: {}", parameter("token"))),
            Shown::Right => true,
            Shown::Nothing => false,
        };
        let port = |port: u16| if known { port } else { 0 };
        let journal = self.group.state().journal.version.index;
        // In this order, which a map of `serde_json` would not keep.
        let data = format!(
            "{{\"replayedJournalId\":{},\"queryPort\":{},\"rpcPort\":{},\"arrowFlightSqlPort\":{},\"version\":\"{}\"}}",
            if known { journal } else { 0 },
            port(self.conf.query_port),
            port(self.conf.rpc_port),
            port(self.conf.arrow_port.unwrap_or(0)),
            self.settings.profile.version
        );
        let body = format!("{{\"msg\":\"success\",\"code\":0,\"data\":{data},\"count\":0}}");
        Response::json(200, body)
    }

    /// Observed in 4.0: a real 503 until everything is open. Before, always good.
    fn health_of_doris(&self) -> Response {
        if self.settings.profile.fe.health_tells && !self.served.load(Ordering::Relaxed) {
            let body = "{\"msg\":\"Server is not ready\",\"code\":503,\"data\":null,\"count\":0}";
            return Response::json(503, body);
        }
        let (online, total) = self.alive_backends();
        success(&json!({"online_backend_num": online, "total_backend_num": total}))
    }

    /// `SHOW_HA`, without any credentials. Observed: `electable_nodes` without the master, dead ones too; `observer_nodes` with
    /// the connected ones only.
    async fn ha_of_doris(&self, request: &Request) -> Response {
        if request.parameter("action") != Some("SHOW_HA") {
            return success(&json!({}));
        }
        self.ask_members().await;
        let ha = self.ha();
        let led = ha.master.is_some();
        let observers = self.connected_observers(ha.observers).await;
        let (electable, observers) = if led {
            (ha.electable.join(","), observers.join(","))
        } else {
            (String::new(), String::new())
        };
        let mut fields = vec![
            ("can_read", true.to_string()),
            ("role", ha.role.to_owned()),
            ("is_ready", ha.ready.to_string()),
        ];
        if !electable.is_empty() {
            fields.push(("electable_nodes", electable));
        }
        fields.extend([
            ("last_checkpoint_version", self.image.checkpoint_id().to_string()),
            ("last_checkpoint_time", self.image.checkpoint_time().to_string()),
            ("current_journal_id", ha.journal.to_string()),
            ("observer_nodes", observers),
            ("master", ha.master.unwrap_or_else(|| "unknown".to_owned())),
        ]);
        let fields: Vec<String> = fields
            .iter()
            .map(|(key, value)| format!("\"{key}\":\"{value}\""))
            .collect();
        let body = format!(
            "{{\"msg\":\"success\",\"code\":0,\"data\":{{{}}},\"count\":0}}",
            fields.join(",")
        );
        Response::json(200, body)
    }

    /// Those that answer at their part of the group.
    async fn connected_observers(&self, hosts: Vec<String>) -> Vec<String> {
        let ports: Vec<(String, u16)> = {
            let state = self.group.state();
            let group = state.journal.membership.group.iter();
            let observers = group.filter(|node| !node.electable && hosts.contains(&node.host));
            observers.map(|node| (node.host.clone(), node.port)).collect()
        };
        let mut connected = Vec::new();
        for (host, port) in ports {
            let own = (host.as_str(), port) == (self.identity.host.as_str(), self.conf.edit_log_port);
            if own
                || self
                    .network
                    .connect(&host, port, self.group.patience())
                    .await
                    .is_ok()
            {
                connected.push(host);
            }
        }
        connected
    }

    /// Observed: an image of this moment, beside `image/`; nobody deletes it.
    fn dump(&self) -> Response {
        let (journal, membership) = {
            let state = self.group.state();
            (state.journal.version.index, state.journal.membership.clone())
        };
        match write_image(&self.conf.meta_dir, journal, &Self::checkpoint_of(&membership)) {
            Ok(path) => success(&json!({"dumpFilePath": path.display().to_string()})),
            Err(error) => envelope(500, "Internal Error", &json!(error.to_string())),
        }
    }

    fn has_login(&self, request: &Request) -> bool {
        let basic = request
            .header("authorization")
            .and_then(|header| header.strip_prefix("Basic "));
        let account = basic
            .and_then(decode_base64)
            .and_then(|bytes| String::from_utf8(bytes).ok());
        account.is_some_and(|account| {
            let (user, password) = account.split_once(':').unwrap_or((&account, ""));
            self.knows(user, password)
        })
    }
}

fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let (mut bits, mut held) = (0_u32, 0_u32);
    for letter in text.trim().trim_end_matches('=').bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xff).ok()?);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::decode_base64;

    #[test]
    fn a_login_is_decoded_and_what_is_none_is_not() {
        assert_eq!(decode_base64("cm9vdDo="), Some(b"root:".to_vec()));
        assert_eq!(decode_base64("cm9vdDpw"), Some(b"root:p".to_vec()));
        assert_eq!(decode_base64("cm9v dA"), None);
    }
}
