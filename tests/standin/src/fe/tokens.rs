//! The words of a statement, and a reader that says in the engine's words where it is stuck.

use super::statement::{Parsed, Statement};
use crate::profile::Engine;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Word,
    Quoted,
    Symbol,
}

#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) text: String,
    /// As it was written, without the quotes around.
    pub(super) raw: String,
    pub(super) column: usize,
}

impl Token {
    pub(super) fn is(&self, word: &str) -> bool {
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
                // A number may have a fraction.
                let is_number = c.is_ascii_digit();
                let mut has_point = false;
                while let Some((_, more)) = rest.next_if(|(_, n)| {
                    n.is_alphanumeric() || *n == '_' || is_number && !has_point && *n == '.'
                }) {
                    has_point |= more == '.';
                    text.push(more);
                }
                Kind::Word
            }
            c => {
                text.push(c);
                Kind::Symbol
            }
        };
        let end = rest.peek().map_or(sql.len(), |(at, _)| *at);
        let quotes = usize::from(kind == Kind::Quoted);
        let raw = sql
            .get(column + quotes..end.saturating_sub(quotes))
            .unwrap_or_default()
            .to_owned();
        found.push(Token {
            kind,
            text,
            raw,
            column,
        });
    }
    found
}

pub(super) struct Reader {
    pub(super) engine: Engine,
    pub(super) tokens: Vec<Token>,
    pub(super) at: usize,
}

impl Reader {
    pub(super) fn over(sql: &str, engine: Engine) -> Self {
        Self {
            engine,
            tokens: tokens(sql),
            at: 0,
        }
    }

    pub(super) fn takes(&mut self, words: &[&str]) -> bool {
        let ahead = self.tokens.get(self.at..).unwrap_or_default();
        let fits = ahead.len() >= words.len() && ahead.iter().zip(words).all(|(token, word)| token.is(word));
        if fits {
            self.at += words.len();
        }
        fits
    }

    pub(super) fn text(&mut self) -> Result<String, String> {
        match self.tokens.get(self.at) {
            Some(token) if token.kind != Kind::Symbol => {
                self.at += 1;
                Ok(token.text.clone())
            }
            _ => Err(self.stuck()),
        }
    }

    /// A place, which Doris has in quotes only.
    pub(super) fn place(&mut self) -> Result<String, String> {
        let next = self.tokens.get(self.at);
        if self.engine == Engine::Doris && next.is_some_and(|token| token.kind != Kind::Quoted) {
            return Err(self.expected("STRING_LITERAL"));
        }
        self.text()
    }

    /// A password as a client wrote it. Observed: Doris takes a backslash in it for itself.
    pub(super) fn password(&mut self) -> Result<String, String> {
        let at = self.at;
        let text = self.text()?;
        let raw = self.tokens.get(at).map(|token| token.raw.clone());
        Ok(match self.engine {
            Engine::StarRocks => text,
            Engine::Doris => raw.unwrap_or(text),
        })
    }

    /// One or more strings with commas between them.
    pub(super) fn list(&mut self) -> Result<Vec<String>, String> {
        let mut found = vec![self.text()?];
        while self.takes(&[","]) {
            found.push(self.text()?);
        }
        Ok(found)
    }

    /// One or more places with commas between them.
    pub(super) fn places(&mut self) -> Result<Vec<String>, String> {
        let mut found = vec![self.place()?];
        while self.takes(&[","]) {
            found.push(self.place()?);
        }
        Ok(found)
    }

    /// `("key" = "value", …)`.
    pub(super) fn pairs(&mut self) -> Result<Vec<(String, String)>, String> {
        let mut found = Vec::new();
        if !self.takes(&["("]) {
            return Err(self.stuck());
        }
        loop {
            let key = self.text()?;
            if !self.takes(&["="]) {
                return Err(self.stuck());
            }
            found.push((key, self.text()?));
            if !self.takes(&[","]) {
                break;
            }
        }
        if self.takes(&[")"]) {
            Ok(found)
        } else {
            Err(self.stuck())
        }
    }

    /// `'root'@'%'`, `root`, `'root'`; the host part does not matter here.
    pub(super) fn user(&mut self) -> Result<String, String> {
        self.takes(&["USER"]);
        let name = self.text()?;
        if self.takes(&["@"]) && !self.takes(&["%"]) {
            self.text()?;
        }
        Ok(name)
    }

    pub(super) fn end(mut self, statement: Statement) -> Parsed {
        self.takes(&[";"]);
        if self.at < self.tokens.len() {
            Err(self.stuck())
        } else {
            Ok(statement)
        }
    }

    pub(super) fn column(&self) -> usize {
        self.tokens.get(self.at).map_or_else(
            || self.tokens.last().map_or(0, |t| t.column + t.text.len()),
            |t| t.column,
        )
    }

    pub(super) fn stuck(&self) -> String {
        self.expected("{<EOF>, ';'}")
    }

    pub(super) fn expected(&self, what: &str) -> String {
        let found = self
            .tokens
            .get(self.at)
            .map_or("<EOF>", |token| token.text.as_str());
        let column = self.column();
        match self.engine {
            Engine::StarRocks => format!(
                "Getting syntax error at line 1, column {column}. Detail message: Unexpected input '{found}', \
                 the most similar input is {what}."
            ),
            Engine::Doris => {
                format!("\nmismatched input '{found}' expecting {what}(line 1, pos {column})\n")
            }
        }
    }

    /// Observed for a word that may begin a clause and does not go on as one.
    pub(super) fn no_clause(&self) -> String {
        let pair: Vec<&str> = self
            .tokens
            .iter()
            .skip(self.at)
            .take(2)
            .map(|token| token.text.as_str())
            .collect();
        let pair = pair.join(" ");
        match self.engine {
            Engine::StarRocks => {
                let second = self.tokens.get(self.at + 1);
                let column = second.map_or_else(|| self.column(), |token| token.column);
                format!(
                    "Getting syntax error at line 1, column {column}. Detail message: No viable statement for input \
                     '{pair}'."
                )
            }
            Engine::Doris => {
                let second = self.tokens.get(self.at + 1);
                let column = second.map_or_else(|| self.column(), |token| token.column);
                format!("\nno viable alternative at input '{pair}'(line 1, pos {column})\n")
            }
        }
    }
}
