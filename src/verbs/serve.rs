//! `muster serve`: the state of the cluster as a page and for programs, over HTTP. It only reads, and asks the cluster only while
//! somebody looks. It is a process of its own and never a part of `run`.

mod shared;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::os::unix::net::UnixStream as Pipe;
use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use nix::libc::{SIGINT, SIGTERM};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::time::{sleep, timeout};
use tracing::{debug, info};

use crate::cli::ServeArgs;
use crate::exit::ExitCode;
use crate::facts::ports::{Candidate, PortFacts};
use crate::plan::refusal::Refusal;
use crate::plan::view::{metrics, page, report};
use crate::verbs::Outcome;
use crate::verbs::asks::Asks;

use self::shared::Shared;

/// Connections that are served at once; the others wait in the kernel's queue.
const CONNECTIONS: usize = 32;
/// Time for a request to come in.
const READ: Duration = Duration::from_secs(2);
/// Time for a connection as a whole: a view takes a bit more than 3 s if a host is silent.
const WHOLE: Duration = Duration::from_secs(20);
/// Bytes of the head of a request, and of its path in it.
const HEAD: usize = 8 * 1024;
const PATH: usize = 4 * 1024;
/// Seconds after which a page loads itself again.
const REFRESH: u64 = 15;
/// The pause after a connection that could not be accepted, for example because all descriptors are in use.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves until it is asked to stop.
pub async fn serve(args: &ServeArgs, asks: &Asks) -> Outcome {
    // First: as PID 1 of a container, a process without a handler is not stopped by a signal.
    let stop = match stop_requests() {
        Ok(stop) => stop,
        Err(error) => return Outcome::failed(&error, ExitCode::Internal),
    };
    let listener = match listen(args.listen).await {
        Ok(listener) => listener,
        Err(refusal) => return Outcome::refused(&[refusal]),
    };
    info!("serving http://{}/", listener.local_addr().unwrap_or(args.listen));
    let shared = Shared::new(asks);
    let mut viewers = FuturesUnordered::new();
    let mut stopped = pin!(stop.readable());
    loop {
        tokio::select! {
            _ = &mut stopped => return Outcome::silent(ExitCode::Ok),
            Some(()) = viewers.next() => {}
            accepted = listener.accept(), if viewers.len() < CONNECTIONS => match accepted {
                Ok((stream, _)) => viewers.push(connection(stream, &shared)),
                Err(error) => {
                    debug!(%error, "a connection was not accepted");
                    sleep(PAUSE).await;
                }
            },
        }
    }
}

/// A pipe that becomes readable with TERM or INT.
fn stop_requests() -> io::Result<UnixStream> {
    let (read, write) = Pipe::pair()?;
    signal_hook::low_level::pipe::register(SIGINT, write.try_clone()?)?;
    signal_hook::low_level::pipe::register(SIGTERM, write)?;
    read.set_nonblocking(true)?;
    UnixStream::from_std(read)
}

async fn listen(at: SocketAddr) -> Result<TcpListener, Refusal> {
    let error = match TcpListener::bind(at).await {
        Ok(listener) => return Ok(listener),
        Err(error) => error,
    };
    let (code, sentence) = match error.kind() {
        io::ErrorKind::AddrInUse => {
            let number = at.port();
            let facts = PortFacts::look(Path::new("/"), &[Candidate { number, udp: false }]);
            let by = facts.busy(number, false).map(|holder| format!(" by {holder}"));
            let by = by.unwrap_or_default();
            (ExitCode::Taken, format!("{at} is in use{by}"))
        }
        io::ErrorKind::AddrNotAvailable => (
            ExitCode::Configuration,
            format!("{} is no address of this machine", at.ip()),
        ),
        _ => (ExitCode::Configuration, format!("cannot listen on {at}: {error}")),
    };
    Err(Refusal::new(
        code,
        sentence,
        "choose another address and port with --listen, such as --listen 127.0.0.1:19321",
    ))
}

/// One request, and its answer.
async fn connection(stream: TcpStream, shared: &Shared<'_>) {
    let service = service_fn(|request| async move { Ok::<_, Infallible>(answer(&request, shared).await) });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(READ)
        .max_buf_size(HEAD)
        // The next one waits for this place.
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    match timeout(WHOLE, served).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => debug!(%error, "a request was not served"),
        Err(late) => debug!(error = %late, "a connection was closed"),
    }
}

const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json";
const TEXT: &str = "text/plain; charset=utf-8";
/// What `prometheus-client` writes.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

async fn answer(request: &Request<Incoming>, shared: &Shared<'_>) -> Response<Full<Bytes>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut refused = response(
            StatusCode::METHOD_NOT_ALLOWED,
            TEXT,
            "only GET and HEAD\n".to_owned(),
        );
        refused
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    let whole = request.uri().path_and_query().map_or("", |path| path.as_str());
    if whole.len() > PATH {
        return response(
            StatusCode::URI_TOO_LONG,
            TEXT,
            "the path is too long\n".to_owned(),
        );
    }
    match request.uri().path() {
        "/healthz" => response(StatusCode::OK, TEXT, "ok\n".to_owned()),
        "/" => {
            let seen = shared.seen().await;
            response(
                StatusCode::OK,
                HTML,
                page::page(&seen.view, &seen.at, Some(REFRESH)),
            )
        }
        "/status.json" => {
            let seen = shared.seen().await;
            response(StatusCode::OK, JSON, report::json(&seen.view, &seen.at))
        }
        "/metrics" => {
            let seen = shared.seen().await;
            response(StatusCode::OK, OPEN_METRICS, metrics::metrics(&seen.view))
        }
        "/targets.json" => match &shared.seen().await.targets {
            Some(targets) => response(StatusCode::OK, JSON, targets.to_string()),
            // Prometheus keeps the targets that it has.
            None => response(
                StatusCode::SERVICE_UNAVAILABLE,
                TEXT,
                "the list of all nodes has not been seen yet\n".to_owned(),
            ),
        },
        _ => response(
            StatusCode::NOT_FOUND,
            TEXT,
            "there are / /status.json /metrics /targets.json /healthz\n".to_owned(),
        ),
    }
}

fn response(status: StatusCode, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let headers = [
        (CONTENT_TYPE, kind),
        (CONTENT_SECURITY_POLICY, page::POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in headers {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}
