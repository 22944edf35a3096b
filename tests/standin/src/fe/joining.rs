//! A start with a helper: the questions that a joiner asks it over HTTP, and what becomes of one that is given to a node with
//! data.

use super::boot::unwritable;
use super::ground::Ground;
use super::image::{ImageDir, RoleFile};
use super::start::{self, Found};
use crate::group::journal::Journal;
use crate::group::membership::{FeRole, GroupNode};
use crate::group::message::{Line, Message, Refusal, Service};
use crate::halt::Halt;
use crate::profile::Engine;
use crate::wire::http;

impl Ground {
    /// Asks the helpers for role and name until one knows this node, for ever.
    pub(crate) async fn join(&self, found: &Found) -> Result<(RoleFile, (String, u16)), Halt> {
        let files = self.profile().fe.joining.files;
        self.scale().sleep_until(self.began, files - 0.3).await;
        let (role, helper) = loop {
            if let Some(answer) = self.ask_helpers().await {
                break answer;
            }
            self.log.warn(&self.not_yet_added());
            self.scale().sleep(5.0).await;
        };
        self.scale().sleep(0.3).await;
        self.image.write_role(&role).map_err(unwritable)?;
        self.killed_at("role-only");
        let host = helper.0.as_str();
        let text = self
            .fetch(host, "/version")
            .await
            .map(|reply| String::from_utf8_lossy(&reply.body).into_owned());
        let version = text.as_deref().and_then(ImageDir::parse_version);
        let version = version
            .ok_or_else(|| Halt::fatal("fail to download version file from helper node. will exit."))?;
        if found
            .version
            .as_ref()
            .is_some_and(|own| own.token != version.token)
        {
            return Err(Halt::fatal(format!(
                "token is not equal with helper node {host}. will exit."
            )));
        }
        if self
            .conf
            .cluster_id
            .is_some_and(|id| self.profile().is_doris() && id != version.cluster_id)
        {
            return Err(Halt::fatal(
                "cluster id is not equal with config item cluster_id. will exit.",
            ));
        }
        self.image.write_version(&version).map_err(unwritable)?;
        self.killed_at("role");
        self.killed_at("version");
        self.fetch_checkpoint(host).await;
        Ok((role, helper))
    }

    fn not_yet_added(&self) -> String {
        let helpers = self.arguments.helpers.iter();
        match self.profile().engine {
            Engine::StarRocks => {
                let helpers: Vec<String> = helpers.map(|(host, port)| format!("{host}:{port}")).collect();
                format!(
                    "current node is not added to the group. please add it first. sleep 5 seconds and retry, current \
                     helper nodes: {helpers:?}"
                )
            }
            Engine::Doris => {
                let helpers: Vec<String> = helpers.map(|(host, port)| host_info(host, *port)).collect();
                format!(
                    "current node {} is not added to the group. please add it first. sleep 5 seconds and retry, \
                     current helper nodes: [{}]",
                    host_info(&self.identity.host, self.conf.edit_log_port),
                    helpers.join(", ")
                )
            }
        }
    }

    async fn ask_helpers(&self) -> Option<(RoleFile, (String, u16))> {
        for helper in &self.arguments.helpers {
            let question = format!(
                "/role?host={}&port={}",
                self.identity.host, self.conf.edit_log_port
            );
            let reply = self.fetch(&helper.0, &question).await;
            let role = reply
                .as_ref()
                .and_then(|reply| reply.header("role"))
                .and_then(FeRole::parse);
            let name = reply.as_ref().and_then(|reply| reply.header("name"));
            if let (Some(role), Some(name)) = (role, name) {
                return Some((
                    RoleFile {
                        role,
                        name: name.to_owned(),
                        host_type: String::new(),
                    },
                    helper.clone(),
                ));
            }
            if self.profile().is_doris() {
                let cause = match reply {
                    Some(_) => "",
                    None => " java.net.ConnectException: Connection refused",
                };
                self.log.warn(&format!(
                    "failed to get fe node type from helper node: {}.{cause}",
                    host_info(&helper.0, helper.1)
                ));
            }
        }
        None
    }

    /// HTTP goes to the helper's host and to this node's own `http_port`, which is why all must have the same.
    async fn fetch(&self, host: &str, target: &str) -> Option<http::Reply> {
        let patience = self.scale().at_least(30.0, std::time::Duration::from_secs(2));
        let headers = match self.profile().engine {
            Engine::StarRocks => Vec::new(),
            Engine::Doris => http::member(&self.identity.host, self.conf.edit_log_port),
        };
        let question = http::Question {
            host,
            port: self.conf.http_port,
            target,
            headers: &headers,
        };
        let reply = http::get(&self.network, &question, patience).await.ok()?;
        (reply.status == 200).then_some(reply)
    }

    async fn fetch_checkpoint(&self, host: &str) {
        let (info, key) = match self.profile().engine {
            Engine::StarRocks => ("/info?subdir=", "/imageJournalId"),
            Engine::Doris => ("/info", "/data/imageSeq"),
        };
        let Some(info) = self.fetch(host, info).await else {
            return;
        };
        let id = serde_json::from_slice::<serde_json::Value>(&info.body).ok();
        let id = id.and_then(|info| info.pointer(key)?.as_u64()).unwrap_or(0);
        if id == 0 {
            return;
        }
        let question = match self.profile().engine {
            Engine::StarRocks => format!("/image?version={id}&subdir=&image_format_version=v2"),
            Engine::Doris => format!("/image?version={id}"),
        };
        if let Some(image) = self.fetch(host, &question).await {
            self.image.write_checkpoint(id, &image.body).ok();
            self.killed_at("image");
        }
    }

    /// What becomes of a helper that is given to data with ROLE and VERSION.
    pub(super) async fn with_helper(
        &self,
        journal: &Journal,
        role: &RoleFile,
        helper: (String, u16),
    ) -> Result<Option<(String, u16)>, Halt> {
        if self.profile().engine == Engine::StarRocks {
            if let Err(halt) = start::check_helper(journal, &helper, &self.conf.meta_dir) {
                self.show_as_stranger(journal, role, &helper).await;
                return Err(halt);
            }
            return Ok(Some(helper));
        }
        if !journal.nascent {
            return Ok(Some(helper));
        }
        // Observed: what elected itself goes on as its own group, and may take the helper's leader along. Where that group
        // knows the name, or the image lists the host, only this node ends.
        let impostor = !journal.settled && self.image.lists(&self.identity.host, self.conf.edit_log_port);
        let known = impostor || self.show_as_stranger(journal, role, &helper).await;
        if known && !journal.settled {
            self.fail_three_times().await;
            return Err(Halt::fatal(
                "error to open replicated environment. will exit. The environments have the same name: \
                 PALO_JOURNAL_GROUP but represent different environment instances.",
            ));
        }
        Ok(journal.settled.then_some(helper))
    }

    /// Observed: data of a group that began here by self-election, started with a helper of another group, may take the other
    /// group's leader along. Tells whether that group knows this node's name.
    async fn show_as_stranger(&self, journal: &Journal, role: &RoleFile, helper: &(String, u16)) -> bool {
        if !journal.nascent {
            return false;
        }
        let patience = self.scale().at_least(3.0, std::time::Duration::from_millis(500));
        let id = journal
            .membership
            .group_node(&role.name)
            .map_or(1, |node| node.id);
        let node = GroupNode {
            id,
            name: role.name.clone(),
            host: self.identity.host.clone(),
            port: self.conf.edit_log_port,
            electable: true,
        };
        let group = journal.group.clone().unwrap_or_default();
        let mut is_known = false;
        if let Ok(stream) = self.network.connect(&helper.0, helper.1, patience).await
            && let Ok(mut line) = Line::call(stream, Service::Feeder).await
            && line.say(&Message::Stranger { group, node }).await.is_ok()
        {
            let answer = line.hear(patience).await;
            is_known = matches!(answer, Ok(Message::Refused(Refusal::OtherGroup)));
        }
        self.scale().sleep(1.0).await;
        is_known
    }
}

fn host_info(host: &str, port: u16) -> String {
    format!("HostInfo{{host='{host}', port={port}}}")
}
