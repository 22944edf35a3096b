//! Who carries a statement out: this FE, or the leader over its `rpc_port`.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use super::Fe;
use super::accounts::Speaker;
use super::answer::Answer;
use super::statement::Statement;
use crate::group::membership::NodeKind;
use crate::group::message::Line;
use crate::profile::JE;

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Forwarded {
    speaker: Speaker,
    sql: String,
}

impl Fe {
    /// The answer to a statement asked of this FE.
    pub(crate) async fn answer(&self, speaker: &mut Speaker, sql: &str) -> Answer {
        let statement = match Statement::parse(sql) {
            Ok(statement) => statement,
            Err(text) => return Answer::refused(text),
        };
        if let Some(refusal) = self.refuses(speaker, &statement) {
            return refusal;
        }
        match &statement {
            Statement::ShowProc(path) => self.show_proc(path),
            Statement::ShowBroker => self.show_broker(),
            Statement::ShowOther(sql) => self.show_other(sql),
            Statement::Select(items) => self.select(items),
            Statement::SetVariable => Answer::Done,
            Statement::ActivateRoles => {
                self.activate_roles(speaker);
                Answer::Done
            }
            Statement::Use(name) => match name.as_str() {
                "information_schema" | "_statistics_" | "sys" => Answer::Done,
                _ => Answer::error(5501, "3F000", format!("Unknown database '{name}'")),
            },
            _ if self.faults.is("leader", "none") && !matches!(statement, Statement::ShowFrontends) => {
                Answer::refused("java.net.ConnectException: Connection refused")
            }
            _ if self.leads() => self.carry_out_here(speaker, &statement, sql).await,
            _ => self.forward(speaker, sql).await,
        }
    }

    /// As the leader.
    async fn carry_out_here(&self, speaker: &Speaker, statement: &Statement, sql: &str) -> Answer {
        match statement {
            Statement::ShowFrontends => match self.claim_without_majority().await {
                Some(refusal) => refusal,
                None => self.show_frontends(),
            },
            Statement::ShowNodes(kind) => self.show_nodes(*kind),
            other => {
                self.log.audit(sql);
                self.alter(speaker, other).await
            }
        }
    }

    /// Observed: a leader without its majority lets one wait 10 s, later 30 s, and then names the policy; one whose
    /// cable was cut answers after 12 s as if all were well.
    async fn claim_without_majority(&self) -> Option<Answer> {
        let scale = self.settings.scale;
        let (since, in_silence, missing) = {
            let state = self.group.state();
            let missing = state.journal.membership.majority() - 1;
            (state.quorum_lost?, !state.fed.is_empty(), missing)
        };
        if in_silence {
            scale.sleep(12.0).await;
            return None;
        }
        scale
            .sleep(if since.elapsed() < scale.seconds(10.0) {
                10.0
            } else {
                30.0
            })
            .await;
        Some(Answer::refused(format!(
            "{JE} Commit policy: SIMPLE_MAJORITY required {missing} replica. But none were active with this master."
        )))
    }

    async fn forward(&self, speaker: &Speaker, sql: &str) -> Answer {
        let scale = self.settings.scale;
        let (leader, silence, detached, lost_for) = {
            let state = self.group.state();
            (
                state.leader(),
                state.silence,
                state.detached,
                state.leader_heard.elapsed(),
            )
        };
        if detached {
            return Answer::refused("Internal error processing forward");
        }
        // Observed after a cut cable: SHOW FRONTENDS hangs for 49 s, though a new leader is there after 40.
        if let Some(since) = silence {
            tokio::time::sleep_until(since + scale.seconds(49.0)).await;
        }
        let Some(leader) = leader else {
            return Answer::refused(if lost_for < scale.seconds(super::DELAY_TOLERATED) {
                "java.net.ConnectException: Connection refused".to_owned()
            } else {
                format!(
                    "{JE} Could not determine master from helpers at:[{}]",
                    self.helpers()
                )
            });
        };
        let patience = scale.at_least(49.0, Duration::from_secs(10));
        let asked = async {
            let stream = self
                .network
                .connect(&leader.host, leader.rpc_port, patience)
                .await?;
            let mut line = Line::over(stream);
            line.say(&Forwarded {
                speaker: speaker.clone(),
                sql: sql.to_owned(),
            })
            .await?;
            line.hear::<Answer>(patience).await
        };
        match asked.await {
            Ok(answer) => answer,
            Err(error) => Answer::refused(match error.kind() {
                std::io::ErrorKind::ConnectionRefused => {
                    "java.net.ConnectException: Connection refused".to_owned()
                }
                std::io::ErrorKind::ConnectionReset => {
                    "java.net.SocketException: Connection reset".to_owned()
                }
                std::io::ErrorKind::UnexpectedEof => "Socket is closed by peer.".to_owned(),
                std::io::ErrorKind::TimedOut => "java.net.SocketTimeoutException: Read timed out".to_owned(),
                std::io::ErrorKind::HostUnreachable => {
                    "java.net.NoRouteToHostException: No route to host".to_owned()
                }
                _ => error.to_string(),
            }),
        }
    }

    fn helpers(&self) -> String {
        let state = self.group.state();
        let all = state
            .journal
            .membership
            .electable()
            .map(|node| format!("{}:{}", node.host, node.port));
        all.collect::<Vec<_>>().join(", ")
    }

    /// Serves what other FEs forward; only they may.
    pub(crate) async fn serve_forwarded(self: Arc<Self>, listener: TcpListener) {
        loop {
            let Ok((stream, from)) = listener.accept().await else {
                self.settings.scale.sleep(0.1).await;
                continue;
            };
            let fe = self.clone();
            tokio::spawn(async move {
                let mut line = Line::over(stream);
                let Ok(asked) = line.hear::<Forwarded>(Duration::from_secs(60)).await else {
                    return;
                };
                let answer = if !fe.is_member(from.ip()).await {
                    Answer::refused("request from invalid host was rejected.")
                } else if fe.leaving.load(std::sync::atomic::Ordering::Relaxed) {
                    Answer::refused("forward failed: unknown result")
                } else {
                    fe.answer_forwarded(&asked).await
                };
                line.say(&answer).await.ok();
            });
        }
    }

    async fn answer_forwarded(&self, asked: &Forwarded) -> Answer {
        let statement = match Statement::parse(&asked.sql) {
            Ok(statement) => statement,
            Err(text) => return Answer::refused(text),
        };
        if !self.leads() {
            return Answer::refused("forward failed: unknown result");
        }
        if matches!(
            statement,
            Statement::ShowNodes(NodeKind::Backend | NodeKind::Compute) | Statement::ShowFrontends
        ) {
            return self.carry_out_here(&asked.speaker, &statement, &asked.sql).await;
        }
        self.log.audit(&asked.sql);
        self.alter(&asked.speaker, &statement).await
    }

    /// Whether an address belongs to a registered FE.
    pub(crate) async fn is_member(&self, from: std::net::IpAddr) -> bool {
        let hosts: Vec<String> = self
            .group
            .state()
            .journal
            .membership
            .frontends
            .iter()
            .map(|fe| fe.host.clone())
            .collect();
        for host in hosts {
            if self
                .network
                .resolve(&host)
                .await
                .is_ok_and(|address| address == from)
            {
                return true;
            }
        }
        false
    }
}
