//! The statements the stand-in understands, and the engine's words for those it does not.

use crate::group::membership::{FeRole, NodeKind};

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Statement {
    ShowFrontends,
    ShowNodes(NodeKind),
    ShowBroker,
    ShowProc(String),
    ShowOther(String),
    AddFrontend {
        role: FeRole,
        at: String,
    },
    DropFrontend {
        role: FeRole,
        at: String,
    },
    MoveFrontend {
        from: String,
        to: String,
    },
    AddNodes {
        kind: NodeKind,
        at: Vec<String>,
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
        to: String,
    },
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
    SetPassword {
        user: Option<String>,
        password: String,
    },
    CreateUser {
        user: String,
        password: String,
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
    SetVariable,
    Select(String),
    Use(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Word,
    Quoted,
    Symbol,
}

#[derive(Debug, Clone)]
struct Token {
    kind: Kind,
    text: String,
    column: usize,
}

impl Token {
    fn is(&self, word: &str) -> bool {
        self.kind != Kind::Quoted && self.text.eq_ignore_ascii_case(word)
    }
}

fn tokens(sql: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let mut rest = sql.char_indices().peekable();
    while let Some((column, c)) = rest.next() {
        if c.is_whitespace() {
            continue;
        }
        let mut text = String::new();
        let kind = match c {
            '\'' | '"' | '`' => {
                while let Some((_, inner)) = rest.next() {
                    if inner == '\\' {
                        text.extend(rest.next().map(|(_, escaped)| escaped));
                    } else if inner != c {
                        text.push(inner);
                    } else if rest.next_if(|(_, again)| *again == c).is_some() {
                        text.push(c);
                    } else {
                        break;
                    }
                }
                Kind::Quoted
            }
            c if c.is_alphanumeric() || c == '_' => {
                text.push(c);
                while let Some((_, more)) = rest.next_if(|(_, n)| n.is_alphanumeric() || *n == '_') {
                    text.push(more);
                }
                Kind::Word
            }
            c => {
                text.push(c);
                Kind::Symbol
            }
        };
        found.push(Token { kind, text, column });
    }
    found
}

struct Reader {
    tokens: Vec<Token>,
    at: usize,
}

type Parsed = Result<Statement, String>;

impl Reader {
    fn takes(&mut self, words: &[&str]) -> bool {
        let ahead = self.tokens.get(self.at..).unwrap_or_default();
        let fits = ahead.len() >= words.len() && ahead.iter().zip(words).all(|(token, word)| token.is(word));
        if fits {
            self.at += words.len();
        }
        fits
    }

    fn text(&mut self) -> Result<String, String> {
        match self.tokens.get(self.at) {
            Some(token) if token.kind != Kind::Symbol => {
                self.at += 1;
                Ok(token.text.clone())
            }
            _ => Err(self.stuck()),
        }
    }

    /// One or more strings with commas between them.
    fn list(&mut self) -> Result<Vec<String>, String> {
        let mut found = vec![self.text()?];
        while self.takes(&[","]) {
            found.push(self.text()?);
        }
        Ok(found)
    }

    /// `'root'@'%'`, `root`, `'root'`; the host part does not matter here.
    fn user(&mut self) -> Result<String, String> {
        self.takes(&["USER"]);
        let name = self.text()?;
        if self.takes(&["@"]) && !self.takes(&["%"]) {
            self.text()?;
        }
        Ok(name)
    }

    fn end(mut self, statement: Statement) -> Parsed {
        self.takes(&[";"]);
        if self.at < self.tokens.len() {
            Err(self.stuck())
        } else {
            Ok(statement)
        }
    }

    fn column(&self) -> usize {
        self.tokens.get(self.at).map_or_else(
            || self.tokens.last().map_or(0, |t| t.column + t.text.len()),
            |t| t.column,
        )
    }

    fn stuck(&self) -> String {
        let found = self
            .tokens
            .get(self.at)
            .map_or("<EOF>", |token| token.text.as_str());
        format!(
            "Getting syntax error at line 1, column {}. Detail message: Unexpected input '{found}', \
             the most similar input is {{<EOF>, ';'}}.",
            self.column()
        )
    }
}

impl Statement {
    /// The engine's own text when it is not a statement.
    pub(crate) fn parse(sql: &str) -> Parsed {
        let mut reader = Reader {
            tokens: tokens(sql),
            at: 0,
        };
        if reader.takes(&["SHOW"]) {
            return show(reader, sql);
        }
        if reader.takes(&["ALTER", "SYSTEM"]) {
            return alter_system(reader);
        }
        if reader.takes(&["CANCEL", "DECOMMISSION", "BACKEND"]) {
            let at = reader.list()?;
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
    if reader.takes(&["FRONTENDS"]) {
        return reader.end(Statement::ShowFrontends);
    }
    if reader.takes(&["BACKENDS"]) {
        return reader.end(Statement::ShowNodes(NodeKind::Backend));
    }
    if reader.takes(&["COMPUTE", "NODES"]) {
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
            let at = reader.text()?;
            return reader.end(Statement::AddFrontend { role, at });
        }
        if reader.takes(&["DROP", role.word()]) {
            let at = reader.text()?;
            return reader.end(Statement::DropFrontend { role, at });
        }
    }
    for (kind, words) in [
        (NodeKind::Backend, &["BACKEND"][..]),
        (NodeKind::Compute, &["COMPUTE", "NODE"][..]),
    ] {
        if reader.takes(&[&["ADD"], words].concat()) {
            let at = reader.list()?;
            return reader.end(Statement::AddNodes { kind, at });
        }
        if reader.takes(&[&["DROP"], words].concat()) {
            let at = reader.list()?;
            reader.takes(&["FORCE"]);
            return reader.end(Statement::DropNodes { kind, at });
        }
    }
    if reader.takes(&["DECOMMISSION", "BACKEND"]) {
        let at = reader.list()?;
        return reader.end(Statement::Decommission { at, cancel: false });
    }
    if reader.takes(&["MODIFY", "FRONTEND", "HOST"]) {
        let (from, to) = from_to(&mut reader)?;
        return reader.end(Statement::MoveFrontend { from, to });
    }
    if reader.takes(&["MODIFY", "BACKEND", "HOST"]) {
        let (from, to) = from_to(&mut reader)?;
        return reader.end(Statement::MoveBackend { from, to });
    }
    if reader.takes(&["ADD", "BROKER"]) {
        let name = reader.text()?;
        let at = reader.list()?;
        return reader.end(Statement::AddBroker { name, at });
    }
    if reader.takes(&["DROP", "ALL", "BROKER"]) {
        let name = reader.text()?;
        return reader.end(Statement::DropAllBrokers { name });
    }
    if reader.takes(&["DROP", "BROKER"]) {
        let name = reader.text()?;
        let at = reader.list()?;
        return reader.end(Statement::DropBroker { name, at });
    }
    if reader.takes(&["CREATE", "IMAGE"]) {
        return reader.end(Statement::CreateImage);
    }
    // Observed for a word that may begin a clause and does not go on as one.
    let pair: Vec<&str> = reader
        .tokens
        .iter()
        .skip(reader.at)
        .take(2)
        .map(|token| token.text.as_str())
        .collect();
    let column = reader
        .tokens
        .get(reader.at + 1)
        .map_or_else(|| reader.column(), |token| token.column);
    Err(format!(
        "Getting syntax error at line 1, column {column}. Detail message: No viable statement for input '{}'.",
        pair.join(" ")
    ))
}

fn from_to(reader: &mut Reader) -> Result<(String, String), String> {
    let from = reader.text()?;
    if !reader.takes(&["TO"]) {
        return Err(reader.stuck());
    }
    Ok((from, reader.text()?))
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
            let text = reader.text()?;
            reader.takes(&[")"]);
            text
        } else {
            reader.text()?
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
            String::new()
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
    if reader.takes(&["SET", "ROLE"]) {
        return Ok(Statement::ActivateRoles);
    }
    if reader.takes(&["SET"]) {
        return Ok(Statement::SetVariable);
    }
    Err(reader.stuck())
}

fn identified_by(reader: &mut Reader) -> Result<String, String> {
    if reader.takes(&["IDENTIFIED", "BY"]) {
        reader.text()
    } else {
        Err(reader.stuck())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_statements_of_the_membership_are_understood() {
        let parsed = |sql| Statement::parse(sql).unwrap();
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
                password: "it's".into()
            }
        );
        assert_eq!(
            parsed("ALTER USER root IDENTIFIED BY 'x'"),
            Statement::SetPassword {
                user: Some("root".into()),
                password: "x".into()
            }
        );
        assert_eq!(
            parsed("show proc '/frontends'"),
            Statement::ShowProc("/frontends".into())
        );
    }

    #[test]
    fn decommission_of_a_compute_node_is_a_syntax_error_at_column_26() {
        let error =
            Statement::parse("ALTER SYSTEM DECOMMISSION COMPUTE NODE \"10.77.0.14:9050\"").unwrap_err();
        assert_eq!(
            error,
            "Getting syntax error at line 1, column 26. Detail message: No viable statement for input 'DECOMMISSION COMPUTE'."
        );
    }
}
