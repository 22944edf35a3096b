//! Texts of others, made fit for a log and a terminal: nothing in them ends a line, moves the cursor or turns the direction
//! of writing.

use std::borrow::Cow;
use std::fmt::Write as _;

/// One line of at most `most` characters, with everything that is no visible character escaped.
pub fn excerpt(text: &str, most: usize) -> String {
    let mut shown = String::new();
    let mut rest = text.chars();
    for c in rest.by_ref().take(most) {
        push(&mut shown, c);
    }
    if rest.next().is_some() {
        shown.push('…');
    }
    shown
}

/// The beginning of a statement, up to where a value may begin: the rest may hold a password. A value that follows no quote,
/// bracket, sign or number is none of SQL.
pub fn statement(text: &str) -> String {
    const MOST: usize = 60;
    let begin = text
        .split(|c: char| !c.is_alphanumeric() && !c.is_whitespace() && !matches!(c, '_' | '.'))
        .next()
        .unwrap_or_default();
    let words = begin.split_whitespace();
    let words: Vec<&str> = words
        .take_while(|word| word.starts_with(|c: char| c.is_alphabetic() || c == '_'))
        .collect();
    excerpt(&words.join(" "), MOST)
}

/// The whole text on one line.
pub fn line(text: &str) -> Cow<'_, str> {
    escaped(text, &[])
}

/// A text of several lines, which stay lines.
pub fn lines(text: &str) -> Cow<'_, str> {
    escaped(text, &['\n', '\t'])
}

/// A text of JSON, which has escaped the control characters below U+0020 itself.
pub fn json(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::new();
    for c in text.chars() {
        if is_hidden(c) {
            // None of them is above U+FFFF.
            // Writing to a String cannot fail.
            write!(shown, "\\u{:04x}", u32::from(c)).unwrap_or_default();
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// The same for JSON of several lines, which stay lines; each ends with a line end.
pub fn json_lines(text: &str) -> String {
    text.lines()
        .flat_map(|line| [json(line), Cow::Borrowed("\n")])
        .collect()
}

fn escaped<'t>(text: &'t str, kept: &[char]) -> Cow<'t, str> {
    if !text.chars().any(|c| is_hidden(c) && !kept.contains(&c)) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::new();
    for c in text.chars() {
        if kept.contains(&c) {
            shown.push(c);
        } else {
            push(&mut shown, c);
        }
    }
    Cow::Owned(shown)
}

fn push(shown: &mut String, c: char) {
    if is_hidden(c) {
        shown.extend(c.escape_default());
    } else {
        shown.push(c);
    }
}

/// Control characters, separators of lines, and marks of direction (Unicode, UAX #9).
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'
        )
}

/// The width that every terminal has.
pub const COLUMNS: usize = 80;

/// Breaks lines that are longer than a terminal. In a table, the text goes on below its column.
pub fn fit(text: &str) -> String {
    let mut lines = Vec::new();
    for row in text.lines() {
        let name = row.trim_start();
        let margin = row.len() - name.len();
        let column = name
            .find("  ")
            .filter(|_| margin > 0)
            .map_or(margin, |gap| row.len() - name.split_at(gap).1.trim_start().len());
        let mut line = String::new();
        for word in row.split_inclusive(' ') {
            if line.chars().count() + word.trim_end().chars().count() > COLUMNS {
                lines.push(line.trim_end().to_owned());
                line = " ".repeat(column);
            }
            line.push_str(word);
        }
        lines.push(line);
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::{excerpt, fit, json, json_lines, line, lines, statement};

    #[test]
    fn nothing_of_a_foreign_text_ends_a_line_or_steers_a_terminal() {
        let table = [
            ("grün `a` \\ €", "grün `a` \\ €", "grün `a` \\ €"),
            ("a\nb\tc", r"a\nb\tc", "a\nb\tc"),
            (
                "\u{1b}[2J\u{7}\u{9b}1m",
                r"\u{1b}[2J\u{7}\u{9b}1m",
                r"\u{1b}[2J\u{7}\u{9b}1m",
            ),
            ("a\u{202e}b\u{2028}", r"a\u{202e}b\u{2028}", r"a\u{202e}b\u{2028}"),
            ("a\r", r"a\r", r"a\r"),
            ("a\u{61c}", r"a\u{61c}", r"a\u{61c}"),
        ];
        for (text, on_one, on_several) in table {
            assert_eq!(line(text), on_one);
            assert_eq!(lines(text), on_several);
        }
        assert_eq!(json("\"a\u{9b}\""), "\"a\\u009b\"");
        assert_eq!(json_lines("{\n\"a\u{202e}\"\n}"), "{\n\"a\\u202e\"\n}\n");
        assert_eq!(excerpt("\u{1b}abcdef", 4), r"\u{1b}abc…");
        assert_eq!(excerpt("abcd", 4), "abcd");
    }

    #[test]
    fn of_a_statement_only_what_stands_before_its_first_value_is_shown() {
        let table = [
            ("SHOW FRONTENDS", "SHOW FRONTENDS"),
            ("CREATE\nTABLE\td.t (a INT)", "CREATE TABLE d.t"),
            ("SET PASSWORD='hunter2'", "SET PASSWORD"),
            (
                "SET\tPASSWORD\nFOR\nroot\n=\nPASSWORD('hunter2')",
                "SET PASSWORD FOR root",
            ),
            (
                "CREATE USER hunter IDENTIFIED BY\"hunter2\"",
                "CREATE USER hunter IDENTIFIED BY",
            ),
            ("CREATE USER 'hunter2'@'%'", "CREATE USER"),
            ("set pin = 4711", "set pin"),
            ("SELECT 4711", "SELECT"),
            (
                "CREATE REPOSITORY r1 WITH S3 ON LOCATION 's3://b'",
                "CREATE REPOSITORY r1 WITH S3 ON LOCATION",
            ),
            ("/* hunter2 */ SELECT", ""),
            ("", ""),
        ];
        for (text, shown) in table {
            assert_eq!(statement(text), shown, "{text:?}");
        }
    }

    #[test]
    fn a_line_that_is_too_long_goes_on_below_its_column() {
        let long = "word ".repeat(20);
        assert_eq!(
            fit(&format!("  NAME  {long}")),
            format!(
                "  NAME  {}word\n        {}\n",
                "word ".repeat(13),
                "word ".repeat(6)
            )
        );
        assert_eq!(fit("  short  row\n\nend"), "  short  row\n\nend\n");
    }
}
