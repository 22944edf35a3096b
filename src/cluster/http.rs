//! The probes of a node over HTTP: no password, no TLS, no proxy.

use std::time::Duration;

use crate::engine::failure::Failure;
use crate::settings::Host;

/// Whether an FE says that it serves. The status is 200 either way: the body tells.
pub async fn bootstrap(host: &Host, port: u16, within: Duration) -> Result<(), Failure> {
    status_ok(host, port, "/api/bootstrap", within).await
}

/// Whether a BE or CN says that it serves.
pub async fn backend_health(host: &Host, port: u16, within: Duration) -> Result<(), Failure> {
    status_ok(host, port, "/api/health", within).await
}

async fn status_ok(host: &Host, port: u16, path: &str, within: Duration) -> Result<(), Failure> {
    let body = get(&format!("http://{}{path}", host.with_port(port)), within).await?;
    let answer: serde_json::Value = serde_json::from_str(&body).map_err(|_| Failure::Rejected {
        code: 200,
        text: "no JSON".to_owned(),
    })?;
    let word = |key: &str| {
        answer
            .get(key)
            .and_then(serde_json::Value::as_str)
            .unwrap_or_default()
    };
    if word("status") == "OK" {
        return Ok(());
    }
    Err(Failure::Rejected {
        code: 200,
        text: format!("{} {}", word("status"), word("msg")).trim().to_owned(),
    })
}

async fn get(url: &str, within: Duration) -> Result<String, Failure> {
    let failed = |error: reqwest::Error| {
        if error.is_timeout() {
            Failure::Deadline(within.as_secs())
        } else if error.is_connect() {
            Failure::Refused
        } else {
            Failure::Unreachable(error.without_url().to_string())
        }
    };
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(within)
        .pool_max_idle_per_host(0)
        .build()
        .map_err(failed)?;
    let response = client.get(url).send().await.map_err(failed)?;
    let status = response.status();
    if !status.is_success() {
        return Err(Failure::Rejected {
            code: status.as_u16(),
            text: "over HTTP".to_owned(),
        });
    }
    response.text().await.map_err(failed)
}
