//! What is done once in the life of a cluster, against a scripted FE: the passwords of the shipped accounts, and the init files.

mod accounts;
mod init_files;

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use muster::cluster::Client;
use muster::engine::Engine;
use muster::settings::{Account, ROOT, Source, Sourced, Tls, TlsMode};
use tracing::subscriber::DefaultGuard;

use crate::fakes::Fe;

pub(super) const LONG: Duration = Duration::from_secs(20);

pub(super) fn engine(id: &str) -> &'static Engine {
    Engine::by_id(id).unwrap()
}

pub(super) fn client(engine: &'static Engine) -> Client {
    let user = Sourced {
        value: ROOT.to_owned(),
        source: Source::Default,
    };
    let tls = Tls {
        mode: TlsMode::Off,
        ca_file: None,
    };
    Client::with(Account { user, password: None }, tls, engine, LONG)
}

/// Everything that this thread logs, also what is not shown by default.
#[derive(Clone, Default)]
pub(super) struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    pub(super) fn begin() -> (Self, DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

fn is_question(statement: &str) -> bool {
    statement.starts_with("SHOW ") || statement.starts_with('(')
}

pub(super) async fn said(fe: &Fe) -> Vec<String> {
    let mut heard = fe.heard_to_the_end().await;
    heard.retain(|line| !is_question(line));
    heard
}
