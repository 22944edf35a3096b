//! Splits a file of SQL into statements: an FE accepts one at a time (its greeting offers no multi-statements).

/// One statement of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statement<'a> {
    /// The line it begins on, from 1.
    pub line: usize,
    pub text: &'a str,
}

/// The part of the text that the reader is in.
enum Inside {
    Nothing,
    Quotes(char),
    LineComment,
    BlockComment,
}

/// Splits a text into statements, without their semicolons. A semicolon inside quotes or a comment ends nothing; a hint or
/// comment stays in its statement.
pub fn statements(text: &str) -> Vec<Statement<'_>> {
    let mut found = Vec::new();
    let mut inside = Inside::Nothing;
    let mut rest = text.char_indices().peekable();
    // Where the current statement begins, once it holds more than spaces and comments.
    let mut begin = None;
    let mut line = 1;
    let mut ended = |begin: &mut Option<(usize, usize)>, end: usize| {
        if let Some((line, from)) = begin.take() {
            let text = text.get(from..end).unwrap_or_default().trim_end();
            found.push(Statement { line, text });
        }
    };
    while let Some((at, c)) = rest.next() {
        let next = rest.peek().map(|(_, next)| *next);
        match inside {
            Inside::Nothing => match (c, next) {
                (';', _) => ended(&mut begin, at),
                ('#', _) => inside = Inside::LineComment,
                // Two dashes are a comment only before a space: `1--1` is arithmetic.
                ('-', Some('-'))
                    if text
                        .get(at + 2..)
                        .is_none_or(|rest| rest.is_empty() || rest.starts_with(char::is_whitespace)) =>
                {
                    inside = Inside::LineComment;
                }
                ('/', Some('*')) => {
                    inside = Inside::BlockComment;
                    // Otherwise `/*/` would count as a whole comment.
                    rest.next();
                }
                _ if c.is_whitespace() => {}
                _ => {
                    begin.get_or_insert((line, at));
                    if matches!(c, '\'' | '"' | '`') {
                        inside = Inside::Quotes(c);
                    }
                }
            },
            // A doubled quote leaves the string and enters it again.
            Inside::Quotes(quote) if c == quote => inside = Inside::Nothing,
            Inside::Quotes(quote) if c == '\\' && quote != '`' => {
                if let Some((_, '\n')) = rest.next() {
                    line += 1;
                }
            }
            Inside::LineComment if c == '\n' => inside = Inside::Nothing,
            Inside::BlockComment if (c, next) == ('*', Some('/')) => {
                inside = Inside::Nothing;
                rest.next();
            }
            Inside::Quotes(_) | Inside::LineComment | Inside::BlockComment => {}
        }
        if c == '\n' {
            line += 1;
        }
    }
    ended(&mut begin, text.len());
    found
}

#[cfg(test)]
mod tests {
    use super::statements;

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
            let found: Vec<_> = statements(text).iter().map(|one| (one.line, one.text)).collect();
            assert_eq!(found, expected, "{text:?}");
        }
    }
}
