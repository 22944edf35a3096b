//! The statements the stand-in understands, and the engine's words for those it does not.

use super::accounts;
use super::tokens::Reader;
use crate::group::membership::{FeRole, NodeKind};
use crate::profile::Engine;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Statement {
    ShowFrontends,
    ShowFrontendDisks,
    ShowNodes(NodeKind),
    ShowBroker,
    ShowProc(String),
    ShowConfig(String),
    ShowOther(String),
    AddFrontend {
        role: FeRole,
        at: String,
    },
    DropFrontend {
        role: FeRole,
        at: String,
    },
    /// Doris names the port of the member too.
    MoveFrontend {
        from: String,
        port: Option<u16>,
        to: String,
    },
    AddNodes {
        kind: NodeKind,
        at: Vec<String>,
        tag: String,
    },
    DropNodes {
        kind: NodeKind,
        at: Vec<String>,
    },
    Decommission {
        at: Vec<String>,
        cancel: bool,
    },
    MoveBackend {
        from: String,
        port: Option<u16>,
        to: String,
    },
    /// Refused on purpose.
    DropBackendByDoris,
    AddBroker {
        name: String,
        at: Vec<String>,
    },
    DropBroker {
        name: String,
        at: Vec<String>,
    },
    DropAllBrokers {
        name: String,
    },
    CreateImage,
    SetConfig {
        key: String,
        value: String,
    },
    SetPassword {
        user: Option<String>,
        password: Password,
    },
    CreateUser {
        user: String,
        password: Password,
        roles: Vec<String>,
    },
    DropUser {
        user: String,
    },
    GrantRole {
        roles: Vec<String>,
        user: String,
    },
    SetDefaultRole {
        user: String,
    },
    ActivateRoles,
    SetVariable {
        name: String,
        value: String,
    },
    Select(String),
    Use(String),
}

/// A password, or what is kept of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Password {
    Plain(String),
    Digest([u8; 20]),
}

impl Password {
    pub(crate) fn digest(&self) -> Option<[u8; 20]> {
        match self {
            Self::Plain(text) => accounts::digest(text),
            Self::Digest(digest) => Some(*digest),
        }
    }
}

/// Without `PROPERTIES`.
const DEFAULT_TAG: &str = "default";

/// The engine's own text when it is not a statement.
pub(super) type Parsed = Result<Statement, String>;

impl Statement {
    /// Whether it shows a list of members, and changes nothing.
    pub(crate) fn shows(&self) -> bool {
        matches!(
            self,
            Self::ShowFrontends
                | Self::ShowFrontendDisks
                | Self::ShowNodes(_)
                | Self::ShowBroker
                | Self::ShowProc(_)
        )
    }

    pub(crate) fn parse(sql: &str, engine: Engine) -> Parsed {
        let mut reader = Reader::over(sql, engine);
        if reader.takes(&["SHOW"]) {
            return show(reader, sql);
        }
        if reader.takes(&["ADMIN", "SHOW", "FRONTEND", "CONFIG", "LIKE"]) {
            let key = reader.text()?;
            return reader.end(Self::ShowConfig(key));
        }
        if reader.takes(&["ALTER", "SYSTEM"]) {
            return alter_system(reader);
        }
        if reader.takes(&["CANCEL", "DECOMMISSION", "BACKEND"]) {
            let at = reader.places()?;
            return reader.end(Self::Decommission { at, cancel: true });
        }
        if reader.takes(&["SELECT"]) {
            let items = sql.trim_start().get("SELECT".len()..).unwrap_or_default();
            return Ok(Self::Select(items.trim().trim_end_matches(';').to_owned()));
        }
        if reader.takes(&["USE"]) {
            let name = reader.text()?;
            return reader.end(Self::Use(name));
        }
        accounts(reader)
    }
}

fn show(mut reader: Reader, sql: &str) -> Parsed {
    if reader.engine == Engine::Doris && reader.takes(&["FRONTENDS", "DISKS"]) {
        return reader.end(Statement::ShowFrontendDisks);
    }
    if reader.takes(&["FRONTENDS"]) {
        return reader.end(Statement::ShowFrontends);
    }
    if reader.takes(&["BACKENDS"]) {
        return reader.end(Statement::ShowNodes(NodeKind::Backend));
    }
    if reader.engine == Engine::StarRocks && reader.takes(&["COMPUTE", "NODES"]) {
        return reader.end(Statement::ShowNodes(NodeKind::Compute));
    }
    if reader.takes(&["BROKER"]) {
        return reader.end(Statement::ShowBroker);
    }
    if reader.takes(&["PROC"]) {
        let path = reader.text()?;
        return reader.end(Statement::ShowProc(path));
    }
    Ok(Statement::ShowOther(sql.to_owned()))
}

fn alter_system(mut reader: Reader) -> Parsed {
    for role in [FeRole::Follower, FeRole::Observer] {
        if reader.takes(&["ADD", role.word()]) {
            let at = reader.place()?;
            return reader.end(Statement::AddFrontend { role, at });
        }
        if reader.takes(&["DROP", role.word()]) {
            let at = reader.place()?;
            return reader.end(Statement::DropFrontend { role, at });
        }
    }
    if reader.takes(&["ADD", "BROKER"]) {
        let name = reader.text()?;
        let at = reader.places()?;
        return reader.end(Statement::AddBroker { name, at });
    }
    if reader.takes(&["DROP", "ALL", "BROKER"]) {
        let name = reader.text()?;
        return reader.end(Statement::DropAllBrokers { name });
    }
    if reader.takes(&["DROP", "BROKER"]) {
        let name = reader.text()?;
        let at = reader.places()?;
        return reader.end(Statement::DropBroker { name, at });
    }
    match reader.engine {
        Engine::StarRocks => alter_nodes_of_starrocks(reader),
        Engine::Doris => alter_nodes_of_doris(reader),
    }
}

fn alter_nodes_of_starrocks(mut reader: Reader) -> Parsed {
    for (kind, words) in [
        (NodeKind::Backend, &["BACKEND"][..]),
        (NodeKind::Compute, &["COMPUTE", "NODE"][..]),
    ] {
        if reader.takes(&[&["ADD"], words].concat()) {
            let at = reader.places()?;
            let tag = DEFAULT_TAG.to_owned();
            return reader.end(Statement::AddNodes { kind, at, tag });
        }
        if reader.takes(&[&["DROP"], words].concat()) {
            let at = reader.places()?;
            reader.takes(&["FORCE"]);
            return reader.end(Statement::DropNodes { kind, at });
        }
    }
    if reader.takes(&["DECOMMISSION", "BACKEND"]) {
        let at = reader.places()?;
        return reader.end(Statement::Decommission { at, cancel: false });
    }
    let is_frontend = reader.takes(&["MODIFY", "FRONTEND", "HOST"]);
    if is_frontend || reader.takes(&["MODIFY", "BACKEND", "HOST"]) {
        let from = reader.text()?;
        if !reader.takes(&["TO"]) {
            return Err(reader.stuck());
        }
        let to = reader.text()?;
        let port = None;
        return reader.end(if is_frontend {
            Statement::MoveFrontend { from, port, to }
        } else {
            Statement::MoveBackend { from, port, to }
        });
    }
    if reader.takes(&["CREATE", "IMAGE"]) {
        return reader.end(Statement::CreateImage);
    }
    Err(reader.no_clause())
}

fn alter_nodes_of_doris(mut reader: Reader) -> Parsed {
    let kind = NodeKind::Backend;
    if reader.takes(&["ADD", "BACKEND"]) {
        let at = reader.places()?;
        let mut tag = DEFAULT_TAG.to_owned();
        if reader.takes(&["PROPERTIES"]) {
            // Observed: a property that is not known is passed over.
            let location = reader.pairs()?.into_iter().find(|(key, _)| key == "tag.location");
            tag = location.map_or(tag, |(_, value)| value);
        }
        return reader.end(Statement::AddNodes { kind, at, tag });
    }
    if reader.takes(&["DROPP", "BACKEND"]) {
        let at = reader.places()?;
        return reader.end(Statement::DropNodes { kind, at });
    }
    if reader.takes(&["DROP", "BACKEND"]) {
        reader.places()?;
        return reader.end(Statement::DropBackendByDoris);
    }
    if reader.takes(&["DECOMMISSION"]) {
        if !reader.takes(&["BACKEND"]) {
            return Err(reader.expected("'BACKEND'"));
        }
        let at = reader.places()?;
        return reader.end(Statement::Decommission { at, cancel: false });
    }
    let is_frontend = reader.takes(&["MODIFY", "FRONTEND"]);
    if is_frontend || reader.takes(&["MODIFY", "BACKEND"]) {
        let place = reader.place()?;
        let (from, port) = place.rsplit_once(':').unwrap_or((&place, ""));
        let (from, port) = (from.to_owned(), port.parse().ok());
        if !reader.takes(&["HOSTNAME"]) {
            return Err(reader.expected("'HOSTNAME'"));
        }
        let to = reader.text()?;
        return reader.end(if is_frontend {
            Statement::MoveFrontend { from, port, to }
        } else {
            Statement::MoveBackend { from, port, to }
        });
    }
    Err(reader.no_clause())
}

fn accounts(mut reader: Reader) -> Parsed {
    if reader.takes(&["SET", "PASSWORD"]) {
        let user = if reader.takes(&["FOR"]) {
            Some(reader.user()?)
        } else {
            None
        };
        if !reader.takes(&["="]) {
            return Err(reader.stuck());
        }
        let password = if reader.takes(&["PASSWORD", "("]) {
            let text = reader.password()?;
            reader.takes(&[")"]);
            Password::Plain(text)
        } else {
            let text = reader.text()?;
            let digest = accounts::read_digest(&text);
            Password::Digest(
                digest.ok_or_else(|| "Password hash should be a 41-digit hexadecimal number".to_owned())?,
            )
        };
        return reader.end(Statement::SetPassword { user, password });
    }
    if reader.takes(&["ALTER", "USER"]) {
        let user = reader.user()?;
        let password = identified_by(&mut reader)?;
        return reader.end(Statement::SetPassword {
            user: Some(user),
            password,
        });
    }
    if reader.takes(&["CREATE", "USER"]) {
        reader.takes(&["IF", "NOT", "EXISTS"]);
        let user = reader.user()?;
        let password = if reader.tokens.get(reader.at).is_some_and(|t| t.is("IDENTIFIED")) {
            identified_by(&mut reader)?
        } else {
            Password::Plain(String::new())
        };
        let roles = if reader.takes(&["DEFAULT", "ROLE"]) {
            reader.list()?
        } else {
            Vec::new()
        };
        return reader.end(Statement::CreateUser {
            user,
            password,
            roles,
        });
    }
    if reader.takes(&["DROP", "USER"]) {
        let user = reader.user()?;
        return reader.end(Statement::DropUser { user });
    }
    if reader.takes(&["GRANT"]) {
        let roles = reader.list()?;
        if reader.takes(&["ON"]) {
            // `*.*.*`, `db.*`: what it is for does not matter here.
            while reader.at < reader.tokens.len() && !reader.tokens.get(reader.at).is_some_and(|t| t.is("TO"))
            {
                reader.at += 1;
            }
        }
        if !reader.takes(&["TO"]) {
            return Err(reader.stuck());
        }
        let user = reader.user()?;
        return reader.end(Statement::GrantRole { roles, user });
    }
    if reader.takes(&["SET", "DEFAULT", "ROLE"]) {
        reader.list()?;
        if !reader.takes(&["TO"]) {
            return Err(reader.stuck());
        }
        let user = reader.user()?;
        return reader.end(Statement::SetDefaultRole { user });
    }
    if reader.engine == Engine::StarRocks && reader.takes(&["SET", "ROLE"]) {
        return Ok(Statement::ActivateRoles);
    }
    if reader.takes(&["ADMIN", "SET", "FRONTEND", "CONFIG"]) {
        let (key, value) = reader.pairs()?.swap_remove(0);
        return reader.end(Statement::SetConfig { key, value });
    }
    if reader.takes(&["SET"]) {
        for scope in ["SESSION", "GLOBAL"] {
            reader.takes(&[scope]);
        }
        let name = reader.text().unwrap_or_default().to_ascii_lowercase();
        reader.takes(&["="]);
        let value = reader.text().unwrap_or_default().to_ascii_lowercase();
        return Ok(Statement::SetVariable { name, value });
    }
    Err(reader.stuck())
}

fn identified_by(reader: &mut Reader) -> Result<Password, String> {
    if reader.takes(&["IDENTIFIED", "BY"]) {
        reader.password().map(Password::Plain)
    } else {
        Err(reader.stuck())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_statements_of_the_membership_are_understood() {
        let parsed = |sql| Statement::parse(sql, Engine::StarRocks).unwrap();
        let at = || "10.77.0.12:9010".to_owned();
        assert_eq!(
            parsed("alter system add follower \"10.77.0.12:9010\";"),
            Statement::AddFrontend {
                role: FeRole::Follower,
                at: at()
            }
        );
        assert_eq!(
            parsed("ALTER SYSTEM DROP BACKEND '10.77.0.12:9010', 'x:1' FORCE"),
            Statement::DropNodes {
                kind: NodeKind::Backend,
                at: vec![at(), "x:1".into()]
            }
        );
        assert_eq!(
            parsed("SET PASSWORD FOR 'root'@'%' = PASSWORD('it''s')"),
            Statement::SetPassword {
                user: Some("root".into()),
                password: Password::Plain("it's".into())
            }
        );
        assert_eq!(
            parsed("ALTER USER root IDENTIFIED BY 'x'"),
            Statement::SetPassword {
                user: Some("root".into()),
                password: Password::Plain("x".into())
            }
        );
        assert_eq!(
            parsed("show proc '/frontends'"),
            Statement::ShowProc("/frontends".into())
        );
    }

    #[test]
    fn decommission_of_a_compute_node_is_a_syntax_error_at_column_26() {
        let sql = "ALTER SYSTEM DECOMMISSION COMPUTE NODE \"10.77.0.14:9050\"";
        assert_eq!(
            Statement::parse(sql, Engine::StarRocks).unwrap_err(),
            "Getting syntax error at line 1, column 26. Detail message: No viable statement for input 'DECOMMISSION COMPUTE'."
        );
    }

    /// Observed, each of them.
    #[test]
    fn doris_reads_addresses_in_quotes_and_no_compute_nodes() {
        let refused = [
            (
                "ALTER SYSTEM ADD FOLLOWER 10.78.0.14:9010",
                "mismatched input '10.78' expecting STRING_LITERAL(line 1, pos 26)",
            ),
            (
                "ALTER SYSTEM DECOMMISSION FOLLOWER \"10.78.0.14:9010\"",
                "mismatched input 'FOLLOWER' expecting 'BACKEND'(line 1, pos 26)",
            ),
            (
                "ALTER SYSTEM ADD COMPUTE NODE \"10.78.0.14:9050\"",
                "no viable alternative at input 'ADD COMPUTE'(line 1, pos 17)",
            ),
        ];
        for (sql, words) in refused {
            let error = Statement::parse(sql, Engine::Doris).unwrap_err();
            assert_eq!(error, format!("\n{words}\n"));
        }
    }

    /// Observed: `s3cret'"x`, written with a backslash before its quote, locks its owner out; a digest works for every password.
    #[test]
    fn a_backslash_in_a_password_is_part_of_it_in_doris() {
        let sql = r#"SET PASSWORD FOR 'root' = PASSWORD('s3cret\'"x')"#;
        let set = |engine| match Statement::parse(sql, engine).unwrap() {
            Statement::SetPassword { password, .. } => password,
            other => panic!("{other:?}"),
        };
        assert_eq!(set(Engine::StarRocks), Password::Plain("s3cret'\"x".into()));
        assert_eq!(set(Engine::Doris), Password::Plain("s3cret\\'\"x".into()));
        let sql = "SET PASSWORD FOR 'root' = '*2470C0C06DEE42FD1618BB99005ADCA2EC9D1E19'";
        for engine in [Engine::StarRocks, Engine::Doris] {
            let Statement::SetPassword { password, .. } = Statement::parse(sql, engine).unwrap() else {
                panic!("{sql}");
            };
            assert_eq!(password.digest(), accounts::digest("password"));
        }
    }
}
