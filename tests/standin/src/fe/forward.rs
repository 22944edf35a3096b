//! Who carries a statement out: this FE, or the leader over its `rpc_port`.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use super::Fe;
use super::accounts::Speaker;
use super::answer::Answer;
use super::statement::Statement;
use crate::group::message::{Leader, Line};
use crate::profile::Engine;
use crate::wire::ping;
use crate::wire::thrift::receive;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Forwarded {
    speaker: Speaker,
    sql: String,
    /// The name of the FE that the client is connected to.
    through: String,
}

impl Fe {
    /// The answer to a statement asked of this FE.
    pub(crate) async fn answer(&self, speaker: &mut Speaker, sql: &str) -> Answer {
        let profile = self.settings.profile;
        let statement = match Statement::parse(sql, profile.engine) {
            Ok(statement) => statement,
            Err(text) => return profile.refused(text),
        };
        if let Some(refusal) = self.refuses(speaker, &statement) {
            return refusal;
        }
        let hidden = self.faults.is("leader", "none");
        match &statement {
            Statement::ShowOther(sql) => self.show_other(sql),
            // Observed: each FE answers for itself.
            Statement::ShowConfig(like) if !profile.is_doris() => self.show_config(like),
            Statement::Select(items) => self.select(items),
            Statement::SetVariable { name, value } => {
                if ["forward_to_master", "forward_to_leader"].contains(&name.as_str()) {
                    speaker.forwards = ["true", "1", "on"].contains(&value.as_str());
                }
                Answer::Done
            }
            Statement::ActivateRoles => {
                self.activate_roles(speaker);
                Answer::Done
            }
            Statement::Use(name) => match name.as_str() {
                "information_schema" | "_statistics_" | "sys" | "mysql" | "__internal_schema" => Answer::Done,
                _ => profile.no_database(name),
            },
            Statement::ShowFrontends | Statement::ShowBroker | Statement::ShowProc(_) if hidden => {
                let through = self.group.me.name.clone();
                self.carry_out_here(speaker, &statement, sql, &through).await
            }
            _ if hidden => profile.refused("java.net.ConnectException: Connection refused"),
            _ if self.leads() || !self.is_forwarded(speaker, &statement) => {
                let through = self.group.me.name.clone();
                self.carry_out_here(speaker, &statement, sql, &through).await
            }
            _ => self.forward(speaker, sql).await,
        }
    }

    /// What a member passes on to its leader. Observed: StarRocks always the lists of FEs and of nodes, the others if it is told
    /// to; Doris all of them, unless it is told not to.
    fn is_forwarded(&self, speaker: &Speaker, statement: &Statement) -> bool {
        let always = match self.settings.profile.engine {
            Engine::StarRocks => matches!(statement, Statement::ShowFrontends | Statement::ShowNodes(_)),
            Engine::Doris => false,
        };
        always || speaker.forwards || !statement.shows()
    }

    /// As the leader, or as somebody who shows what it knows itself.
    async fn carry_out_here(
        &self,
        speaker: &Speaker,
        statement: &Statement,
        sql: &str,
        through: &str,
    ) -> Answer {
        match statement {
            Statement::ShowFrontends => match self.claim_without_majority().await {
                Some(refusal) => refusal,
                None => self.show_frontends(through).await,
            },
            Statement::ShowFrontendDisks => self.show_frontend_disks(),
            Statement::ShowNodes(kind) => self.show_nodes(*kind),
            Statement::ShowBroker => self.show_broker(),
            Statement::ShowProc(path) => self.show_proc(path, through).await,
            // Observed: it is asked of the master, unless a session says otherwise.
            Statement::ShowConfig(like) => self.show_config(like),
            other => {
                self.log.audit(sql);
                self.alter(speaker, other).await
            }
        }
    }

    /// Observed: a leader without its majority lets one wait 10 s, later 30 s, and then names the policy; one whose
    /// cable was cut answers after 12 s as if all were well.
    async fn claim_without_majority(&self) -> Option<Answer> {
        let profile = self.settings.profile;
        let scale = self.settings.scale;
        profile.group.claim?;
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
        Some(profile.refused(format!(
            "{} Commit policy: SIMPLE_MAJORITY required {missing} replica. But none were active with this master.",
            profile.group.je
        )))
    }

    async fn forward(&self, speaker: &Speaker, sql: &str) -> Answer {
        let profile = self.settings.profile;
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
            return profile.refused("Internal error processing forward");
        }
        let Some(leader) = leader else {
            if profile.is_doris() {
                // Observed: at once, whatever became of the master.
                return profile.said("Exception, msg: Failed to get master client.");
            }
            // Observed after a cut cable: SHOW FRONTENDS hangs for 49 s, though a new leader is there after 40.
            if let Some(since) = silence {
                tokio::time::sleep_until(since + scale.seconds(49.0)).await;
            }
            let tolerated = profile.fe.ready_without_leader.unwrap_or(0.0);
            return profile.refused(if lost_for < scale.seconds(tolerated) {
                "java.net.ConnectException: Connection refused".to_owned()
            } else {
                format!(
                    "{} Could not determine master from helpers at:[{}]",
                    profile.group.je,
                    self.helpers()
                )
            });
        };
        self.forward_to(&leader, speaker, sql).await
    }

    async fn forward_to(&self, leader: &Leader, speaker: &Speaker, sql: &str) -> Answer {
        let profile = self.settings.profile;
        let patience = self.settings.scale.at_least(49.0, Duration::from_secs(10));
        let asked = async {
            let stream = self
                .network
                .connect(&leader.host, leader.rpc_port, patience)
                .await?;
            let mut line = Line::over(stream);
            line.say(&Forwarded {
                speaker: speaker.clone(),
                sql: sql.to_owned(),
                through: self.group.me.name.clone(),
            })
            .await?;
            line.hear::<Answer>(patience).await
        };
        match asked.await {
            Ok(answer) => answer,
            Err(error) => {
                let cause = match error.kind() {
                    std::io::ErrorKind::ConnectionRefused => {
                        "java.net.ConnectException: Connection refused".to_owned()
                    }
                    std::io::ErrorKind::ConnectionReset => {
                        "java.net.SocketException: Connection reset".to_owned()
                    }
                    std::io::ErrorKind::UnexpectedEof => "Socket is closed by peer.".to_owned(),
                    std::io::ErrorKind::TimedOut => {
                        "java.net.SocketTimeoutException: Read timed out".to_owned()
                    }
                    std::io::ErrorKind::HostUnreachable => {
                        "java.net.NoRouteToHostException: No route to host".to_owned()
                    }
                    _ => error.to_string(),
                };
                if profile.engine == Engine::StarRocks {
                    return profile.refused(cause);
                }
                let Leader { host, rpc_port, .. } = leader;
                profile.said(format!(
                    "ForwardToMasterException, msg: forward to master FE TNetworkAddress(hostname:{host}, \
                     port:{rpc_port}), statement id: 1 : failed, cause: Unknown exception, {cause}"
                ))
            }
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

    /// Serves other FEs: what they forward, and the leader's ping.
    pub(crate) async fn serve_members(self: Arc<Self>, listener: TcpListener) {
        loop {
            let Ok((stream, from)) = listener.accept().await else {
                self.settings.scale.sleep(0.1).await;
                continue;
            };
            let fe = self.clone();
            tokio::spawn(async move {
                // Whoever goes away in the middle is its own affair.
                fe.serve_member(stream, from.ip()).await.ok();
            });
        }
    }

    async fn serve_member(&self, mut stream: TcpStream, from: IpAddr) -> std::io::Result<()> {
        // A thrift message begins with its version, a line of JSON does not.
        let mut first = [0];
        stream.peek(&mut first).await?;
        if first == [0x80] {
            let mut buffer = Vec::new();
            while let Some((sequence, asked)) = receive(&mut stream, &mut buffer, ping::decode).await? {
                let reply = ping::encode_info(sequence, &self.tell(&asked));
                stream.write_all(&reply.map_err(std::io::Error::other)?).await?;
            }
            return Ok(());
        }
        let mut line = Line::over(stream);
        let asked = line.hear::<Forwarded>(Duration::from_secs(60)).await?;
        let profile = self.settings.profile;
        let answer = if !self.is_member(from).await {
            match profile.engine {
                Engine::StarRocks => profile.refused("request from invalid host was rejected."),
                Engine::Doris => {
                    profile.said("TApplicationException, msg: Internal error processing forward")
                }
            }
        } else if self.leaving.load(Ordering::Relaxed) {
            profile.refused("forward failed: unknown result")
        } else {
            self.answer_forwarded(&asked).await
        };
        line.say(&answer).await
    }

    /// The answer to a ping. Source: `FrontendServiceImpl.ping`; observed: the id in the refusal is the own one.
    fn tell(&self, asked: &ping::PingFe) -> ping::FeInfo {
        let ready = self.is_ready();
        let state = self.group.state();
        let membership = &state.journal.membership;
        let refusal = if !ready {
            Some("not ready".to_owned())
        } else if u32::try_from(asked.cluster_id).ok() != Some(membership.cluster_id) {
            Some(format!("invalid cluster id: {}", membership.cluster_id))
        } else if asked.token != membership.token {
            Some(format!("invalid token: {}", membership.token))
        } else {
            None
        };
        ping::FeInfo {
            refusal,
            query_port: self.conf.query_port,
            rpc_port: self.conf.rpc_port,
            arrow_port: self.conf.arrow_port.unwrap_or(0),
            replayed: state.journal.version.index,
            version: self.settings.profile.version.to_owned(),
            start: self.start_millis,
        }
    }

    async fn answer_forwarded(&self, asked: &Forwarded) -> Answer {
        let profile = self.settings.profile;
        let statement = match Statement::parse(&asked.sql, profile.engine) {
            Ok(statement) => statement,
            Err(text) => return profile.refused(text),
        };
        if !self.leads() {
            return match profile.engine {
                Engine::StarRocks => profile.refused("forward failed: unknown result"),
                Engine::Doris => profile.said(
                    "Exception, msg: Node catalog is not ready, please wait for a while. To master progress: start \
                     daemon threads.\nFrontends: \n",
                ),
            };
        }
        self.carry_out_here(&asked.speaker, &statement, &asked.sql, &asked.through)
            .await
    }
}
