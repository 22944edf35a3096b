//! The simple commands of a shell text, found without running any of it. What only running it could tell stays open.

use std::iter::Peekable;
use std::mem::take;
use std::str::Chars;

/// One word of a command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Word {
    /// As the shell would hand it on, with what variables hold.
    pub text: String,
    /// As it was written, for messages: a variable may hold anything.
    pub written: String,
    /// There is something in it that only running it could tell.
    pub open: bool,
}

impl Word {
    pub(super) fn plain(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            written: text.to_owned(),
            open: false,
        }
    }

    fn push(&mut self, c: char) {
        self.text.push(c);
        self.written.push(c);
    }
}

/// What a variable holds.
pub(super) type Value<'a> = &'a dyn Fn(&str) -> Option<String>;

/// The commands in their order: lists, pipes and blocks are taken apart, redirections, comments and here-documents left out.
pub(super) fn commands(text: &str, value: Value<'_>) -> Vec<Vec<Word>> {
    let mut reader = Reader {
        rest: text.chars().peekable(),
        value,
        word: None,
        redirected: None,
        documents: Vec::new(),
        command: Vec::new(),
        commands: Vec::new(),
    };
    reader.read();
    reader.commands
}

/// What the next word is for, if it is no argument.
enum Redirected {
    ToFile,
    ToDocument,
}

struct Reader<'a> {
    rest: Peekable<Chars<'a>>,
    value: Value<'a>,
    word: Option<Word>,
    redirected: Option<Redirected>,
    /// The last lines of the here-documents that begin with the next line.
    documents: Vec<String>,
    command: Vec<Word>,
    commands: Vec<Vec<Word>>,
}

impl Reader<'_> {
    fn read(&mut self) {
        while let Some(c) = self.rest.next() {
            match c {
                '\\' => match self.rest.next() {
                    None | Some('\n') => {}
                    Some(c) => self.word().push(c),
                },
                '\'' => {
                    let quoted = self.until('\'');
                    let word = self.word();
                    word.text.push_str(&quoted);
                    word.written.push_str(&quoted);
                }
                '"' => self.quoted(),
                '$' => self.variable(),
                '`' => {
                    self.until('`');
                    self.leave_open("`…`");
                }
                '#' if self.word.is_none() => {
                    self.until_end_of_line();
                }
                '&' if self.rest.peek() == Some(&'>') => {
                    self.end_word();
                    self.rest.next();
                    self.redirect('>');
                }
                '<' | '>' => {
                    // The number of a descriptor is no argument.
                    let is_number =
                        |word: &mut Word| word.text.bytes().all(|byte| byte.is_ascii_digit()) && !word.open;
                    self.word.take_if(is_number);
                    self.end_word();
                    self.redirect(c);
                }
                '\n' => {
                    self.end_command();
                    self.skip_documents();
                }
                ';' | '&' | '|' | '(' | ')' => self.end_command(),
                c if c.is_whitespace() => self.end_word(),
                c => self.word().push(c),
            }
        }
        self.end_command();
    }

    fn word(&mut self) -> &mut Word {
        self.word.get_or_insert_default()
    }

    fn leave_open(&mut self, written: &str) {
        let word = self.word();
        word.written.push_str(written);
        word.open = true;
    }

    fn end_word(&mut self) {
        let Some(word) = self.word.take() else { return };
        match self.redirected.take() {
            Some(Redirected::ToFile) => {}
            Some(Redirected::ToDocument) => self.documents.push(word.text),
            None => self.command.push(word),
        }
    }

    fn end_command(&mut self) {
        self.end_word();
        self.redirected = None;
        let command = take(&mut self.command);
        if !command.is_empty() {
            self.commands.push(command);
        }
    }

    /// After the first sign of a redirection.
    fn redirect(&mut self, first: char) {
        let mut signs = String::from(first);
        while let Some(c) = self.rest.next_if(|c| matches!(c, '<' | '>' | '&' | '|')) {
            signs.push(c);
        }
        if signs == "<<" {
            self.rest.next_if_eq(&'-');
            self.redirected = Some(Redirected::ToDocument);
        } else {
            self.redirected = Some(Redirected::ToFile);
        }
    }

    fn skip_documents(&mut self) {
        for end in take(&mut self.documents) {
            while self.rest.peek().is_some() {
                if self.until_end_of_line().trim() == end {
                    break;
                }
            }
        }
    }

    fn until(&mut self, end: char) -> String {
        self.rest.by_ref().take_while(|c| *c != end).collect()
    }

    fn until_end_of_line(&mut self) -> String {
        let mut line = String::new();
        // The end of the line is the end of the command too; it stays for that, unless we are in a document.
        while let Some(c) = self.rest.next_if(|c| *c != '\n') {
            line.push(c);
        }
        if self.word.is_none() && self.command.is_empty() {
            self.rest.next_if_eq(&'\n');
        }
        line
    }

    fn quoted(&mut self) {
        self.word();
        while let Some(c) = self.rest.next() {
            match c {
                '"' => return,
                '\\' => match self.rest.next() {
                    None | Some('\n') => {}
                    Some(c @ ('"' | '\\' | '$' | '`')) => self.word().push(c),
                    Some(c) => {
                        self.word().push('\\');
                        self.word().push(c);
                    }
                },
                '$' => self.variable(),
                '`' => {
                    self.until('`');
                    self.leave_open("`…`");
                }
                c => self.word().push(c),
            }
        }
    }

    /// After a `$`.
    fn variable(&mut self) {
        match self.rest.peek() {
            Some('{') => {
                let inner = self.nested('{', '}');
                let at = inner.find(|c| !is_of_name(c)).unwrap_or(inner.len());
                let (name, rest) = inner.split_at_checked(at).unwrap_or((&inner, ""));
                let held = (self.value)(name).filter(|held| !held.is_empty());
                let default = rest.strip_prefix(":-").or_else(|| rest.strip_prefix('-'));
                let written = format!("${{{inner}}}");
                match (held, rest, default) {
                    (Some(held), "", _) | (Some(held), _, Some(_)) => self.hold(&held, &written),
                    (None, "", _) => self.hold("", &written),
                    (None, _, Some(default)) if !default.contains(['$', '`']) => {
                        self.hold(default, &written);
                    }
                    _ => self.leave_open(&written),
                }
            }
            Some('(') => {
                self.nested('(', ')');
                self.leave_open("$(…)");
            }
            Some(c) if c.is_ascii_alphabetic() || *c == '_' => {
                let mut name = String::new();
                while let Some(c) = self.rest.next_if(|c| is_of_name(*c)) {
                    name.push(c);
                }
                let held = (self.value)(&name).unwrap_or_default();
                self.hold(&held, &format!("${name}"));
            }
            Some(c) if c.is_ascii_digit() || "@*#?$!-".contains(*c) => {
                let written = format!("${c}");
                self.rest.next();
                self.leave_open(&written);
            }
            _ => self.word().push('$'),
        }
    }

    fn hold(&mut self, held: &str, written: &str) {
        let word = self.word();
        word.text.push_str(held);
        word.written.push_str(written);
    }

    /// What stands between two brackets, of which the first is next.
    fn nested(&mut self, open: char, close: char) -> String {
        let mut inner = String::new();
        let mut depth = 0_usize;
        for c in self.rest.by_ref() {
            if c == close {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    break;
                }
            }
            if depth > 0 {
                inner.push(c);
            }
            if c == open {
                depth += 1;
            }
        }
        inner
    }
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::{Word, commands};

    /// The commands with `;` between them, an open word in brackets.
    fn read(text: &str) -> String {
        let value = |name: &str| (name == "SERVICE").then(|| "fe-0".to_owned());
        let word = |word: &Word| {
            if word.open {
                format!("[{}]", word.written)
            } else {
                word.text.clone()
            }
        };
        let command = |words: &Vec<Word>| words.iter().map(word).collect::<Vec<_>>().join(" ");
        let all = commands(text, &value);
        all.iter().map(command).collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn a_text_is_taken_apart_as_a_shell_does_it() {
        let table = [
            ("a b;c&&d||e|f & g\nh", "a b; c; d; e; f; g; h"),
            ("  \n\n ; a ;\n", "a"),
            ("a 'b;c' \"d e\" f\\ g \\\n h", "a b;c d e f g h"),
            (r#"m -e "ADD \"x:1\"" 'y'"#, r#"m -e ADD "x:1" y"#),
            ("a >b 2>&1 <c d", "a d"),
            ("a &>b c", "a c"),
            ("a>>b c2>d", "a c2"),
            ("a # b; c\nd #e", "a; d"),
            ("a#b", "a#b"),
            ("cat >f <<EOF\nhunter2 x\nEOF\na", "cat; a"),
            ("cat <<-'E' | b\n\tx\n\tE\nc", "cat; b; c"),
            ("a <<<b c", "a c"),
            ("a $SERVICE \"${SERVICE}\" '$SERVICE'", "a fe-0 fe-0 $SERVICE"),
            (
                "a ${SERVICE:-x} ${NONE:-x} ${NONE-$x} \"$NONE\"",
                "a fe-0 x [${NONE-$x}] ",
            ),
            ("a $(b; (c)) `d` $1 $", "a [$(…)] [`…`] [$1] $"),
            ("if a; then (b); fi", "if a; then; b; fi"),
            ("a 'b", "a b"),
            ("a \"b", "a b"),
            ("a ${b", "a "),
            ("a \\", "a"),
            ("", ""),
        ];
        for (text, expected) in table {
            assert_eq!(read(text), expected, "{text}");
        }
    }
}
