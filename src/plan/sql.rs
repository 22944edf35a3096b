//! Splits a file of SQL into statements: an FE accepts one at a time (its greeting offers no multi-statements).

use crate::engine::{Component, Engine};

/// One statement of a file, without its semicolon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The line it begins on, from 1.
    pub line: usize,
    pub text: String,
}

/// Splits a text that comes line by line. A semicolon inside quotes or a comment ends nothing; a hint or comment stays in
/// its statement.
#[derive(Debug, Default)]
pub struct Splitter {
    inside: Inside,
    line: usize,
    /// The statement that is not ended yet, once it holds more than spaces and comments.
    current: Option<Statement>,
}

/// The part of the text that the reader is in.
#[derive(Debug, Default)]
enum Inside {
    #[default]
    Nothing,
    Quotes(char),
    LineComment,
    BlockComment,
}

impl Splitter {
    /// Takes the next line, with its line end. Returns the statements that end in it.
    pub fn take(&mut self, line: &str) -> Vec<Statement> {
        self.line += 1;
        let mut ended = Vec::new();
        let mut rest = line.char_indices().peekable();
        while let Some((at, c)) = rest.next() {
            let next = rest.peek().map(|(_, next)| *next);
            // True if `c` and `next` mean something together only.
            let mut pair = false;
            match self.inside {
                Inside::Nothing => match (c, next) {
                    (';', _) => {
                        ended.extend(self.end());
                        continue;
                    }
                    ('#', _) => self.inside = Inside::LineComment,
                    // Two dashes are a comment only before a space: `1--1` is arithmetic.
                    ('-', Some('-'))
                        if line
                            .get(at + 2..)
                            .is_none_or(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace)) =>
                    {
                        self.inside = Inside::LineComment;
                    }
                    ('/', Some('*')) => {
                        self.inside = Inside::BlockComment;
                        // Otherwise `/*/` would count as a whole comment.
                        pair = true;
                    }
                    _ if c.is_whitespace() => {}
                    _ => {
                        self.current.get_or_insert(Statement {
                            line: self.line,
                            text: String::new(),
                        });
                        if matches!(c, '\'' | '"' | '`') {
                            self.inside = Inside::Quotes(c);
                        }
                    }
                },
                // A doubled quote leaves the string and enters it again.
                Inside::Quotes(quote) if c == quote => self.inside = Inside::Nothing,
                Inside::Quotes(quote) => pair = c == '\\' && quote != '`',
                Inside::LineComment if c == '\n' => self.inside = Inside::Nothing,
                Inside::BlockComment if (c, next) == ('*', Some('/')) => {
                    self.inside = Inside::Nothing;
                    pair = true;
                }
                Inside::LineComment | Inside::BlockComment => {}
            }
            let second = if pair {
                rest.next().map(|(_, next)| next)
            } else {
                None
            };
            if let Some(current) = &mut self.current {
                current.text.push(c);
                current.text.extend(second);
            }
        }
        ended
    }

    /// The statement that the text so far ends with, without a semicolon.
    pub fn end(&mut self) -> Option<Statement> {
        let mut statement = self.current.take()?;
        statement.text.truncate(statement.text.trim_end().len());
        Some(statement)
    }

    /// The bytes of the statement that is not ended yet.
    pub fn pending(&self) -> usize {
        self.current.as_ref().map_or(0, |current| current.text.len())
    }
}

/// True for a statement that adds, drops or decommissions a member: every node registers itself, and under another spelling of
/// its host it would be there twice. A broker counts only if the engine's images have one.
pub fn changes_members(statement: &str, engine: &Engine) -> bool {
    let words = leading_words(statement);
    let mut words = words.iter().map(String::as_str);
    let begins = ["ALTER", "SYSTEM"]
        .into_iter()
        .all(|word| words.next() == Some(word));
    if !begins
        || !words
            .next()
            .is_some_and(|verb| engine.sql.member_verbs.contains(&verb))
    {
        return false;
    }
    match words.next() {
        // `DROP ALL BROKER`
        Some("BROKER" | "ALL") => engine.has(Component::Broker),
        _ => true,
    }
}

/// The first four words of a statement in upper case, without the comments between them.
fn leading_words(statement: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut rest = statement;
    while words.len() < 4 {
        rest = rest.trim_start();
        rest = if let Some(comment) = rest.strip_prefix("/*") {
            comment.split_once("*/").map_or("", |(_, rest)| rest)
        } else if rest.starts_with('#') || rest.starts_with("--") {
            rest.split_once('\n').map_or("", |(_, rest)| rest)
        } else {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
            if word.is_empty() {
                break;
            }
            words.push(word.to_ascii_uppercase());
            after
        };
    }
    words
}

#[cfg(test)]
mod tests {
    use super::{Splitter, changes_members};
    use crate::engine::{ALL, Component};

    #[test]
    fn a_semicolon_ends_a_statement_unless_it_is_text_or_comment() {
        for (text, expected) in [
            ("", vec![]),
            (" ;; \n;", vec![]),
            ("-- only a comment;\n# another;\n/* and; one */", vec![]),
            ("SELECT 1", vec![(1, "SELECT 1")]),
            ("SELECT 1;\nSELECT 2 ;", vec![(1, "SELECT 1"), (2, "SELECT 2")]),
            ("SET x = 'a;b'; Y", vec![(1, "SET x = 'a;b'"), (1, "Y")]),
            ("SET x = 'it''s;'; Y", vec![(1, "SET x = 'it''s;'"), (1, "Y")]),
            (r"SET x = 'it\';s'; Y", vec![(1, r"SET x = 'it\';s'"), (1, "Y")]),
            ("SET x = \"`;\"; Y", vec![(1, "SET x = \"`;\""), (1, "Y")]),
            (
                "CREATE TABLE `a;\\`; Y",
                vec![(1, "CREATE TABLE `a;\\`"), (1, "Y")],
            ),
            ("SELECT 1--1; Y", vec![(1, "SELECT 1--1"), (1, "Y")]),
            (
                "SELECT 1 -- one; or\n  + 2; Y",
                vec![(1, "SELECT 1 -- one; or\n  + 2"), (2, "Y")],
            ),
            ("/*/ ; */ X; Y", vec![(1, "X"), (1, "Y")]),
            ("-- head\n\nX\r\n;\r\n\r\nY\r\n", vec![(3, "X"), (6, "Y")]),
            ("X 'a\nb'; Y", vec![(1, "X 'a\nb'"), (2, "Y")]),
            (
                "X 'ä;€'; Y 'never ends;",
                vec![(1, "X 'ä;€'"), (1, "Y 'never ends;")],
            ),
            ("X --", vec![(1, "X --")]),
        ] {
            let mut splitter = Splitter::default();
            let mut found: Vec<_> = text
                .split_inclusive('\n')
                .flat_map(|line| splitter.take(line))
                .collect();
            found.extend(splitter.end());
            let found: Vec<_> = found.iter().map(|one| (one.line, &*one.text)).collect();
            assert_eq!(found, expected, "{text:?}");
        }
    }

    /// As people write them; several of them stand in one line of a file.
    #[test]
    fn a_statement_about_members_is_known_in_every_spelling() {
        // Without and with brokers.
        let [first, second] = [false, true].map(|has| {
            let mut engines = ALL.into_iter();
            engines
                .find(|engine| engine.has(Component::Broker) == has)
                .unwrap()
        });
        let table = [
            ("ALTER SYSTEM ADD FOLLOWER \"fe2:9010\"", [true, true]),
            ("alter system add observer 'FE2.example.:9010'", [true, true]),
            (
                "Alter\n\tSystem/* a */Add -- b\nBackend\r\n\"be1:9050\", \"be2:9050\"",
                [true, true],
            ),
            (
                "ALTER/**/SYSTEM # x\n DROP BACKEND \"be1:9050\" FORCE",
                [true, true],
            ),
            (
                "/*+ hint */ ALTER SYSTEM DECOMMISSION BACKEND \"be1:9050\"",
                [true, true],
            ),
            ("ALTER SYSTEM ADD COMPUTE NODE \"cn1:9050\"", [true, true]),
            ("ALTER SYSTEM DROPP BACKEND \"be1:9050\"", [false, true]),
            // A broker of others is nothing that a node adds itself.
            ("ALTER SYSTEM ADD BROKER b1 \"h:8000\"", [false, true]),
            ("ALTER SYSTEM DROP ALL BROKER b1", [false, true]),
            ("ALTER SYSTEM ADD", [true, true]),
            (
                "ALTER SYSTEM MODIFY BACKEND \"be1:9050\" SET (\"tag.location\" = \"a\")",
                [false, false],
            ),
            ("ALTER SYSTEM CREATE IMAGE", [false, false]),
            ("CANCEL DECOMMISSION BACKEND \"be1:9050\"", [false, false]),
            ("ALTER TABLE system ADD COLUMN follower INT", [false, false]),
            ("SELECT 'ALTER SYSTEM ADD FOLLOWER'", [false, false]),
            ("-- ALTER SYSTEM ADD FOLLOWER", [false, false]),
            ("/* ALTER SYSTEM", [false, false]),
            ("`ALTER` SYSTEM ADD FOLLOWER", [false, false]),
            ("", [false, false]),
        ];
        for (statement, expected) in table {
            let found = [first, second].map(|engine| changes_members(statement, engine));
            assert_eq!(found, expected, "{statement:?}");
        }
    }
}
