//! Asks the HTTP port of a node: no password, no TLS, no proxy, no redirect. Paths and bodies are the engine's.

use std::error::Error;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use reqwest::Client;
use reqwest::redirect::Policy;
use tokio::time::timeout;
use tracing::debug;

use crate::engine::calendar::http_date;
use crate::engine::failure::{Failure, presentable};
use crate::engine::probe::{self, Ha, Membership, Probes, Ready};
use crate::engine::{MEMBER_ANSWER, member_path, seed_in, seed_path};
use crate::facts::data::ClusterToken;
use crate::facts::resolve::resolve;
use crate::settings::{Endpoint, Host, Secret};

/// No answer that is understood here is longer.
const LONGEST: usize = 64 * 1024;

/// Asks an FE whether it serves.
pub async fn bootstrap(
    probes: &Probes,
    host: &Host,
    http_port: u16,
    within: Duration,
) -> Result<Ready, Failure> {
    let answer = get(host, http_port, probes.fe_ready, &[], within).await?;
    // A status of its own goes with a body that says more.
    probes.read_ready(&answer.body).map_err(|why| answer.blame(why))
}

/// Asks a page of muster whether it serves.
pub async fn page_serves(host: &Host, port: u16, within: Duration) -> Result<(), Failure> {
    match get(host, port, "/healthz", &[], within).await?.status {
        200 => Ok(()),
        code => Err(Failure::Rejected {
            code,
            text: "over HTTP".to_owned(),
        }),
    }
}

/// Asks a BE or CN whether it serves.
pub async fn backend_health(
    probes: &Probes,
    host: &Host,
    http_port: u16,
    within: Duration,
) -> Result<Ready, Failure> {
    let answer = get(host, http_port, probes.backend_ready, &[], within).await?;
    probes.read_backend(&answer.body).map_err(|why| answer.blame(why))
}

/// The one who asks an FE what it tells to members only.
#[derive(Debug, Clone, Copy)]
pub struct As<'a> {
    /// The asked FE's own host and election port: those of a member, whoever asks (observed).
    pub member: &'a Endpoint,
    /// The secret that all FEs share, if they have one.
    pub token: Option<&'a Secret>,
}

/// Asks an FE for its row of `about`, from a registered address and without a password.
pub async fn role_of(
    probes: &Probes,
    (host, http_port): (&Host, u16),
    asker: As<'_>,
    about: &Endpoint,
    within: Duration,
) -> Result<Membership, Failure> {
    let path = probes.role_of(&about.host.to_string(), about.port);
    let headers = caller(probes, asker);
    let answer = get(host, http_port, &path, &headers, within).await?;
    Membership::read(answer.status, answer.role.as_deref(), &answer.body)
}

/// Shows an FE the token of a cluster, as a leader's poll does. Its real ports are the answer of a member (observed).
pub async fn is_ours(host: &Host, http_port: u16, token: &ClusterToken, within: Duration) -> bool {
    let path = probe::poll_path(&token.cluster_id, token.token.reveal());
    let answer = get(host, http_port, &path, &[], within).await;
    answer.is_ok_and(|answer| probe::knows_token(&answer.body))
}

/// Asks an FE for the id of its cluster, from a registered address and without a password.
pub async fn cluster_id(
    probes: &Probes,
    (host, http_port): (&Host, u16),
    asker: As<'_>,
    within: Duration,
) -> Result<Option<String>, Failure> {
    let headers = caller(probes, asker);
    let answer = get(host, http_port, probes.version, &headers, within).await?;
    Ok(probe::cluster_id(&answer.body)
        .filter(|_| answer.status == 200)
        .map(str::to_owned))
}

/// The answer to `SHOW_HA`; `None` if this engine answers it to members only.
pub async fn ha(
    probes: &Probes,
    host: &Host,
    http_port: u16,
    within: Duration,
) -> Result<Option<Ha>, Failure> {
    let Some(path) = probes.ha else { return Ok(None) };
    let answer = get(host, http_port, path, &[], within).await?;
    Ha::read(&answer.body).map(Some).map_err(|why| answer.blame(why))
}

/// The clock of an FE by the `Date` header of its answer, whatever else the answer says.
pub async fn time(probes: &Probes, host: &Host, http_port: u16, within: Duration) -> Option<i64> {
    let answer = get(host, http_port, probes.fe_ready, &[], within).await.ok()?;
    http_date(answer.date.as_deref()?)
}

/// Tells a host that `cluster` lists it as a member. Returns true if a muster that waits there has heard it.
pub async fn call_member(host: &Host, http_port: u16, cluster: &str, within: Duration) -> bool {
    let path = member_path(cluster, &host.to_string());
    get(host, http_port, &path, &[], within)
        .await
        .is_ok_and(|answer| answer.body == MEMBER_ANSWER)
}

/// Tells a host that `own` may found. Returns the host of the muster there, if that may found too.
pub async fn call_seed(
    host: &Host,
    http_port: u16,
    own: &Host,
    founding: bool,
    within: Duration,
) -> Option<Host> {
    let path = seed_path(&own.to_string(), founding);
    let answer = get(host, http_port, &path, &[], within).await.ok()?;
    Host::parse(seed_in(&answer.body)?).ok()
}

/// The headers of a member, for an engine that goes by them.
fn caller(probes: &Probes, asker: As<'_>) -> Vec<(&'static str, String)> {
    let Some(header) = probes.caller else {
        return Vec::new();
    };
    let Endpoint { host, port } = asker.member;
    let mut headers = vec![(header.host, host.to_string()), (header.port, port.to_string())];
    headers.extend(asker.token.map(|token| (header.token, token.reveal().to_owned())));
    headers
}

/// An answer. The body may hold the cluster's token: no `Debug`.
struct Answer {
    status: u16,
    role: Option<String>,
    date: Option<String>,
    body: String,
}

impl Answer {
    /// A body that is not understood says less than a status that is no success.
    fn blame(&self, why: Failure) -> Failure {
        if self.status == 200 || serde_json::from_str::<serde_json::Value>(&self.body).is_ok() {
            return why;
        }
        Failure::Rejected {
            code: self.status,
            text: "over HTTP".to_owned(),
        }
    }
}

async fn get(
    host: &Host,
    port: u16,
    path: &str,
    headers: &[(&str, String)],
    within: Duration,
) -> Result<Answer, Failure> {
    let at = host.with_port(port);
    let answer = timeout(within, resolve(host))
        .await
        .unwrap_or_else(|_| Err("no answer in time".to_owned()))
        .map_err(Failure::Unresolvable);
    let answer = match answer {
        Ok(addresses) => fetch(host, &addresses, &format!("http://{at}{path}"), headers, within).await,
        Err(why) => Err(why),
    };
    // A token stands behind the question mark.
    let path = path.split_once("token=").map_or(path, |(path, _)| path);
    match &answer {
        Ok(answer) => debug!(node = at, path, status = answer.status, "answered over HTTP"),
        Err(why) => debug!(node = at, path, %why, "no answer over HTTP"),
    }
    answer
}

async fn fetch(
    host: &Host,
    addresses: &[IpAddr],
    url: &str,
    headers: &[(&str, String)],
    within: Duration,
) -> Result<Answer, Failure> {
    let sockets: Vec<SocketAddr> = addresses.iter().map(|ip| SocketAddr::new(*ip, 0)).collect();
    let failed = |error: reqwest::Error| failure(&error, within);
    let client = Client::builder()
        .no_proxy()
        .resolve_to_addrs(&host.to_string(), &sockets)
        .redirect(Policy::none())
        // A little shorter, so that a host that is away is told from one that does not answer.
        .connect_timeout(within * 9 / 10)
        .timeout(within)
        .pool_max_idle_per_host(0)
        .build()
        .map_err(failed)?;
    let mut request = client.get(url);
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    let mut response = request.send().await.map_err(failed)?;
    let header = |name: &str| Some(response.headers().get(name)?.to_str().ok()?.to_owned());
    let (role, date) = (header("role"), header("date"));
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        body.extend_from_slice(&chunk);
        if body.len() > LONGEST {
            return Err(Failure::NotReady("its answer is longer than 64 kB".to_owned()));
        }
    }
    Ok(Answer {
        status: response.status().as_u16(),
        role,
        date,
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}

fn failure(error: &reqwest::Error, within: Duration) -> Failure {
    let causes = || std::iter::successors(error.source(), |error| (*error).source());
    let root = causes().last().map_or_else(
        || "no reason given".to_owned(),
        |error| presentable(&error.to_string()),
    );
    let refused = causes()
        .filter_map(|error| error.downcast_ref::<io::Error>())
        .any(|error| error.kind() == io::ErrorKind::ConnectionRefused);
    match (error.is_connect(), error.is_timeout()) {
        (true, true) => Failure::Unreachable("connection timed out".to_owned()),
        (true, false) if refused => Failure::Refused,
        (true, false) => Failure::Unreachable(root),
        (false, true) => Failure::late(within),
        (false, false) => Failure::Lost(root),
    }
}
