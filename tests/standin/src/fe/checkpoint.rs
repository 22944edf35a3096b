//! Doris' checkpoints: the leader makes one of each journal that was closed, and has every FE fetch it.

use std::sync::Arc;
use std::time::Duration;

use super::Fe;
use crate::wire::http;

/// Engine seconds between two looks for a closed journal (observed: 59-120 s from the order to the image).
const EVERY: f64 = 60.0;

impl Fe {
    pub(crate) async fn make_checkpoints(self: Arc<Self>) {
        if !self.settings.profile.is_doris() {
            return;
        }
        loop {
            self.settings.scale.sleep(EVERY).await;
            let closed = {
                let state = self.group.state();
                let closed = state.rolled.clone().filter(|_| state.leads());
                closed.filter(|(journal, _)| state.committed.index >= *journal)
            };
            let Some((journal, membership)) = closed else {
                continue;
            };
            if journal <= self.image.checkpoint_id() {
                continue;
            }
            let bytes = Self::checkpoint_of(&membership);
            if let Err(error) = self.image.write_checkpoint(journal, &bytes) {
                self.log.error(&format!("cannot write image.{journal}: {error}"));
                continue;
            }
            self.push(journal).await;
        }
    }

    /// Observed: every FE, dead or alive, one after another; a silent one holds up the rest.
    async fn push(&self, journal: u64) {
        let port = self.conf.http_port;
        let mut headers = http::member(&self.identity.host, self.conf.edit_log_port);
        headers.reverse();
        let target = format!("/put?version={journal}&port={port}");
        let hosts: Vec<String> = {
            let state = self.group.state();
            let all = state.journal.membership.frontends.iter();
            let others = all.filter(|fe| fe.name != self.group.me.name);
            others.map(|fe| self.host_of(fe)).collect()
        };
        for host in hosts {
            let question = http::Question {
                host: &host,
                port,
                target: &target,
                headers: &headers,
            };
            let patience = self.settings.scale.at_least(20.0, Duration::from_secs(2));
            if let Err(error) = http::get_as_apache(&self.network, &question, patience).await {
                self.log
                    .warn(&format!("failed when pushing image to {host}: {error}"));
            }
        }
    }

    /// Fetches the checkpoint that a leader announced.
    pub(crate) async fn fetch(&self, host: &str, port: u16, journal: u64) -> Result<(), String> {
        let headers = http::member(&self.identity.host, self.conf.edit_log_port);
        let question = http::Question {
            host,
            port,
            target: &format!("/image?version={journal}"),
            headers: &headers,
        };
        let patience = self.settings.scale.at_least(30.0, Duration::from_secs(2));
        let reply = http::get(&self.network, &question, patience).await;
        let reply = reply.map_err(|_| "failed to get remote file: Connection refused".to_owned())?;
        self.image
            .write_checkpoint(journal, &reply.body)
            .map_err(|error| error.to_string())
    }
}
