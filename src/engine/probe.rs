//! The questions to a node's HTTP port, without any password: the paths, and how to read the bodies.

use std::collections::BTreeSet;

use serde_json::Value;

use super::failure::{Failure, presentable};
use super::valid::{is_host, is_word};

/// The questions an engine's nodes answer over HTTP. `{host}` and `{port}` stand for whose membership is asked.
#[derive(Debug, PartialEq, Eq)]
pub struct Probes {
    /// Tells by its body that an FE serves; a status of 200 alone proves nothing.
    pub fe_ready: &'static str,
    pub ready_word: ReadyWord,
    /// Tells that a BE or CN serves: `status` is `OK` in its body. It tells nothing about a cluster.
    pub backend_ready: &'static str,
    /// Tells by headers that one node is a member; answered to members only.
    pub role: &'static str,
    /// `SHOW_HA`: the leader, where an FE tells it to anybody.
    pub ha: Option<&'static str>,
    /// The cluster's id, told to members only.
    pub version: &'static str,
    /// Headers that name the asking member, for an engine that goes by them and not by the source address.
    pub caller: Option<Caller>,
    /// A leader without a majority goes on saying that it leads: its journal has to be seen rising.
    pub leader_needs_journal: bool,
}

/// The headers of a member that asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Caller {
    pub host: &'static str,
    pub port: &'static str,
    /// The header of a secret that all FEs share, where `token_key` of their conf sets one.
    pub token: &'static str,
    pub token_key: &'static str,
}

/// The part of a body that tells readiness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadyWord {
    /// `"status":"OK"`.
    Status,
    /// `"code":0`; the status is 200 whatever the code is (observed).
    Code,
}

/// A node that serves. An FE goes on telling so for 300 s after it lost its leader (observed).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ready;

/// The answer of an FE about one host and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Membership {
    /// The cluster lists it, in this role.
    Member { role: String },
    /// The caller is a member; the one it asks about is not.
    NotListed,
    /// The FE does not talk to this caller: its address is no member's.
    Stranger,
    /// It is an FE, but not a member with the host and port that the question named as its own, or it wants a secret.
    OtherSpelling,
}

/// The answer of an FE about its cluster, without a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HttpWitness {
    /// It lists the caller, in this role.
    Lists(String),
    /// It does not, but it has a leader: the host of this one.
    Led(String),
    /// It is an FE, and tells no more.
    IsFe,
}

/// The answer of one FE to `SHOW_HA`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ha {
    /// It says of itself that it leads.
    pub leads: bool,
    /// The registered host of the leader, if it knows one.
    pub leader: Option<String>,
    /// The registered hosts of the voters that joined, dead ones too, without the leader (observed).
    pub voters: Vec<String>,
    /// The registered hosts of the observers that are connected (observed).
    pub observers: Vec<String>,
    /// The number of its last journal entry.
    pub journal: Option<u64>,
    /// The number of the last entry in its newest image; 0 before the first.
    pub image: Option<u64>,
    /// Its metadata is not out of date. One that lost its leader goes on saying so (observed).
    pub is_ready: bool,
}

impl Ha {
    /// Every member it names.
    pub fn members(&self) -> impl Iterator<Item = &str> {
        let named = self.leader.iter().chain(&self.voters).chain(&self.observers);
        named.map(String::as_str)
    }

    /// The same, in an order that does not depend on the answer.
    pub fn named(&self) -> BTreeSet<&str> {
        self.members().collect()
    }
}

impl Probes {
    /// Reads the answer to `fe_ready`.
    pub fn read_ready(&self, body: &str) -> Result<Ready, Failure> {
        verdict(self.ready_word, body).map(|()| Ready)
    }

    /// Reads the answer to `backend_ready`.
    pub fn read_backend(&self, body: &str) -> Result<Ready, Failure> {
        verdict(ReadyWord::Status, body).map(|()| Ready)
    }

    /// The path of `role` for one node.
    pub fn role_of(&self, host: &str, port: u16) -> String {
        self.role
            .replace("{host}", host)
            .replace("{port}", &port.to_string())
    }
}

fn verdict(word: ReadyWord, body: &str) -> Result<(), Failure> {
    let answer = object(body)?;
    let text = |key: &str| answer.get(key).and_then(Value::as_str);
    let well = match word {
        ReadyWord::Status => text("status") == Some("OK"),
        // Where every question needs an account (`enable_all_http_auth`), an FE that runs asks for it.
        ReadyWord::Code => matches!(answer.get("code").and_then(Value::as_i64), Some(0 | 401)),
    };
    if well {
        return Ok(());
    }
    // `message` says OK whatever happened (observed); the reason stands in `msg`, or in `data`.
    let why = ["data", "msg", "status"]
        .into_iter()
        .find_map(text)
        .unwrap_or("it gives no reason");
    Err(Failure::NotReady(presentable(why)))
}

fn object(body: &str) -> Result<Value, Failure> {
    serde_json::from_str(body)
        .ok()
        .filter(Value::is_object)
        .ok_or_else(|| Failure::NotReady("its answer is not a JSON object".to_owned()))
}

impl Membership {
    /// Reads the answer to `role`.
    pub fn read(status: u16, role: Option<&str>, body: &str) -> Result<Self, Failure> {
        match (status, role) {
            // `invalid client host.`
            (400, _) => Ok(Self::Stranger),
            (200, Some("UNKNOWN")) => Ok(Self::NotListed),
            (200, Some(role)) if is_word(role) => Ok(Self::Member {
                role: role.to_owned(),
            }),
            (200, Some(role)) => Err(Failure::NotReady(format!("`{}` is no role", presentable(role)))),
            (200, None) if refuses_caller(body) => Ok(Self::OtherSpelling),
            (200, None) => Err(Failure::NotReady("it names no role".to_owned())),
            (code, _) => Err(Failure::Rejected {
                code,
                text: "over HTTP".to_owned(),
            }),
        }
    }
}

/// `{"msg":"Internal Error","code":500,"data":"invalid client host: 10.78.0.12:9010, request from 10.78.0.12","count":0}`, with
/// status 200 (observed).
fn refuses_caller(body: &str) -> bool {
    object(body).is_ok_and(|answer| {
        let data = answer.get("data").and_then(Value::as_str).unwrap_or_default();
        answer.get("code").and_then(Value::as_i64) == Some(500) && data.starts_with("invalid client")
    })
}

impl Ha {
    /// Reads the answer to `ha`; one engine wraps it in `data`.
    pub fn read(body: &str) -> Result<Self, Failure> {
        let answer = object(body)?;
        let answer = answer
            .get("data")
            .filter(|data| data.is_object())
            .unwrap_or(&answer);
        let text = |key: &str| {
            answer
                .get(key)
                .and_then(Value::as_str)
                .map(str::trim)
                .unwrap_or_default()
        };
        let host = |text: &str| {
            let wrong = || Failure::NotReady(format!("its member `{}` is no host", presentable(text)));
            is_host(text).then(|| text.to_owned()).ok_or_else(wrong)
        };
        let hosts = |key: &str| {
            let hosts = text(key).split(',').map(str::trim);
            hosts
                .filter(|host| !host.is_empty())
                .map(host)
                .collect::<Result<_, _>>()
        };
        if text("role").is_empty() {
            return Err(Failure::NotReady("it names no role".to_owned()));
        }
        let leader = text("master");
        if !matches!(leader, "" | "unknown") {
            host(leader)?;
        }
        Ok(Self {
            leads: matches!(text("role"), "LEADER" | "MASTER"),
            leader: Some(leader)
                .filter(|host| !matches!(*host, "" | "unknown"))
                .map(str::to_owned),
            voters: hosts("electable_nodes")?,
            observers: hosts("observer_nodes")?,
            journal: text("current_journal_id").parse().ok(),
            image: text("last_checkpoint_version").parse().ok(),
            is_ready: text("is_ready") == "true",
        })
    }
}

/// The path of a leader's poll, for a member of its cluster.
pub fn poll_path(cluster_id: &str, token: &str) -> String {
    format!("/api/bootstrap?cluster_id={cluster_id}&token={token}")
}

/// True if the answer to a poll is that of a member: the ports are 0 unless id and token are right (observed in both engines).
pub fn knows_token(body: &str) -> bool {
    let port = |answer: &Value| {
        answer
            .get("queryPort")
            .and_then(Value::as_u64)
            .is_some_and(|port| port > 0)
    };
    object(body).is_ok_and(|answer| port(&answer) || answer.get("data").is_some_and(port))
}

/// The cluster id in the answer to `version`: the lines of a VERSION file.
pub fn cluster_id(body: &str) -> Option<&str> {
    let id = body
        .lines()
        .find_map(|line| line.strip_prefix("clusterId="))?
        .trim();
    (!id.is_empty() && id.len() <= 20 && id.bytes().all(|byte| byte.is_ascii_digit())).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::{Ha, Membership, Ready};
    use crate::engine::Engine;
    use crate::engine::failure::Failure;

    fn not_ready(why: &str) -> Result<Ready, Failure> {
        Err(Failure::NotReady(why.to_owned()))
    }

    #[test]
    fn readiness_is_read_from_the_body_and_never_from_its_message() {
        let table = [
            (
                "starrocks",
                r#"{"replayedJournalId":0,"queryPort":0,"rpcPort":0,"feStartTime":0,"heapUsedPercent":0.0,"status":"OK","code":"0","msg":"Success","message":"OK"}"#,
                Ok(Ready),
            ),
            (
                "starrocks",
                r#"{"status":"FAILED","code":"1","msg":"not ready","message":"OK"}"#,
                not_ready("not ready"),
            ),
            // Up to 3.0 a wrong token is answered with the right one.
            (
                "starrocks",
                r#"{"status":"FAILED","msg":"invalid token: a1491ae0-9c2f"}"#,
                not_ready("invalid token: …"),
            ),
            ("starrocks", "{}", not_ready("it gives no reason")),
            ("starrocks", "", not_ready("its answer is not a JSON object")),
            (
                "starrocks",
                "\"OK\"",
                not_ready("its answer is not a JSON object"),
            ),
            (
                "doris",
                r#"{"msg":"success","code":0,"data":{"online_backend_num":0,"total_backend_num":0},"count":0}"#,
                Ok(Ready),
            ),
            (
                "doris",
                r#"{"msg":"Server is not ready","code":503,"data":null,"count":0}"#,
                not_ready("Server is not ready"),
            ),
            (
                "doris",
                r#"{"msg":"Error","code":1,"data":"not ready","count":0}"#,
                not_ready("not ready"),
            ),
            // enable_all_http_auth = true.
            (
                "doris",
                r#"{"msg":"Unauthorized","code":401,"data":"Need auth information.","count":0}"#,
                Ok(Ready),
            ),
        ];
        for (engine, body, expected) in table {
            let probes = &Engine::by_id(engine).unwrap().probes;
            assert_eq!(probes.read_ready(body), expected, "{engine} {body}");
        }
    }

    #[test]
    fn a_backend_is_ready_by_its_status_word() {
        for engine in crate::engine::ALL {
            let read = |body| engine.probes.read_backend(body);
            assert_eq!(read(r#"{"status": "OK","msg": "To Be Added"}"#), Ok(Ready));
            assert_eq!(
                read(r#"{"status": "Server is not available","msg": "Server is shutting down"}"#),
                not_ready("Server is shutting down")
            );
        }
    }

    #[test]
    fn membership_is_told_by_headers_and_a_400_is_a_callers_foreign_address() {
        let member = Membership::Member {
            role: "FOLLOWER".to_owned(),
        };
        let ok = r#"{"msg":"success","code":0,"data":null,"count":0}"#;
        let refused = r#"{"msg":"Internal Error","code":500,"data":"invalid client host: 10.78.0.12:9010, request from 10.78.0.12","count":0}"#;
        let bad = r#"{"msg":"Bad Request","code":403,"data":"Miss parameter","count":0}"#;
        assert_eq!(Membership::read(200, Some("FOLLOWER"), ok), Ok(member.clone()));
        assert_eq!(Membership::read(200, Some("FOLLOWER"), ""), Ok(member));
        assert_eq!(
            Membership::read(200, Some("UNKNOWN"), ok),
            Ok(Membership::NotListed)
        );
        assert_eq!(Membership::read(400, None, ""), Ok(Membership::Stranger));
        assert_eq!(
            Membership::read(200, None, refused),
            Ok(Membership::OtherSpelling)
        );
        for (status, body) in [
            (200, ""),
            (200, ok),
            (200, bad),
            (200, "invalid client"),
            (404, refused),
        ] {
            assert!(Membership::read(status, None, body).is_err(), "{status} {body}");
        }
    }

    #[test]
    fn the_path_of_a_role_question_names_host_and_port() {
        let probes = &Engine::by_id("starrocks").unwrap().probes;
        assert_eq!(
            probes.role_of("10.77.0.12", 9010),
            "/role?host=10.77.0.12&port=9010"
        );
    }

    #[test]
    fn who_leads_is_read_from_any_fe() {
        let leader = r#"{"role":"LEADER","current_journal_id":"212","master":"10.77.0.11","electable_nodes":"10.77.0.12,10.77.0.13","observer_nodes":"","can_read":"false","is_ready":"true","last_checkpoint_version":"0"}"#;
        let cut_off = r#"{"role":"UNKNOWN","master":"unknown","can_read":"true","is_ready":"false"}"#;
        let wrapped = format!(r#"{{"msg":"success","code":0,"data":{leader},"count":0}}"#);
        for body in [leader, &wrapped] {
            assert_eq!(
                Ha::read(body),
                Ok(Ha {
                    leads: true,
                    leader: Some("10.77.0.11".to_owned()),
                    voters: vec!["10.77.0.12".to_owned(), "10.77.0.13".to_owned()],
                    observers: Vec::new(),
                    journal: Some(212),
                    image: Some(0),
                    is_ready: true,
                })
            );
        }
        let without = Ha::read(cut_off).unwrap();
        assert_eq!((without.leads, without.leader), (false, None));
        assert!(Ha::read("{}").is_err());
        // Nothing is concluded from an FE that wants an account.
        assert!(
            Ha::read(r#"{"msg":"Unauthorized","code":401,"data":"Need auth information.","count":0}"#)
                .is_err()
        );
    }
}
