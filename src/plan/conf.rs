//! Renders the engine's conf file: the shipped text, then one marked block of muster's. In both grammars the last value of
//! a key wins, so the block sets the requested values and leaves the rest unchanged.

#![expect(clippy::format_push_string, reason = "a short report, built once")]

use crate::engine::PortName;
use crate::facts::conf::{ConfFile, Grammar, without_block};
use crate::plan::ports::Choice;
use crate::settings::Sourced;
use std::collections::BTreeMap;

/// The first line of the block, without its line end.
pub const BLOCK_BEGINS: &str = "# >>> muster: written at each start, changes between these lines are lost";
/// The last line of the block.
pub const BLOCK_ENDS: &str = "# <<< muster";

/// One line of the block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfEntry {
    pub key: String,
    pub value: String,
}

/// Warnings about values in the file that have no effect.
pub fn warnings(
    file: &ConfFile,
    ports: &[Choice],
    requested: &BTreeMap<PortName, Sourced<u16>>,
) -> Vec<String> {
    let path = file.read_from.display();
    let mut warnings = Vec::new();
    for choice in ports
        .iter()
        .filter(|choice| !requested.contains_key(&choice.port.name))
    {
        let key = choice.port.conf_key;
        let value = file.lookup(key).filter(|value| !value.is_empty());
        if let Some(value) = value.filter(|value| value.parse::<u16>().is_err()) {
            warnings.push(format!(
                "{key} = `{value}` in {path} is not a port; {} is used instead",
                choice.number
            ));
        }
    }
    let returned = file.returned_keys();
    if !returned.is_empty() {
        warnings.push(format!(
            "{path} has Windows line ends: the start script reads the `\\r` as part of {}; save it with Unix line ends",
            returned.join(", ")
        ));
    }
    warnings
}

/// Renders the whole file. The same inputs give the same bytes; an old block in `base` is replaced.
pub fn render(base: &str, entries: &[ConfEntry], grammar: Grammar) -> String {
    let shipped = without_block(base);
    let mut text = shipped.clone();
    if entries.is_empty() {
        return text;
    }
    // Some shipped files end without a newline; the start script then skips that line, and an appended one would
    // be glued onto it.
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    end_continuation(&mut text, grammar);
    text.push_str(BLOCK_BEGINS);
    text.push('\n');
    for entry in entries {
        let value = match grammar {
            Grammar::Properties if !is_shell_key(&entry.key) => entry.value.replace('\\', "\\\\"),
            Grammar::Properties | Grammar::Plain => entry.value.clone(),
        };
        text.push_str(&format!("{} = {value}\n", entry.key));
    }
    // The shipped options name the gc log by ${LOG_DIR} and were evaluated above, with the old one: an engine whose
    // new LOG_DIR is the only writable place cannot create its log then (observed: exit 1).
    if entries.iter().any(|entry| entry.key == "LOG_DIR") {
        let mut lines = shipped.lines();
        while let Some(line) = lines.next() {
            // With the lines that continue it: none of them is an entry of its own.
            let mut whole = vec![line];
            while grammar == Grammar::Properties
                && !line.trim_start().starts_with(['#', '!'])
                && whole.last().is_some_and(|last| is_continued(last))
            {
                let Some(rest) = lines.next() else { break };
                whole.push(rest);
            }
            // The last value of a key wins: an overridden line must not be repeated.
            let overridden = || {
                let later: Vec<&str> = lines.clone().collect();
                let key = line.split_once('=').map_or("", |(key, _)| key.trim());
                grammar
                    .entries(&later.join("\n"))
                    .iter()
                    .any(|(name, _)| name == key)
            };
            // Such a line would end the block.
            let ends_block = || whole.iter().any(|line| line.starts_with(BLOCK_ENDS));
            if !uses_log_dir(line, entries) || ends_block() || overridden() {
                continue;
            }
            for line in whole {
                text.push_str(line.trim_end_matches('\r'));
                text.push('\n');
            }
            end_continuation(&mut text, grammar);
        }
    }
    text.push_str(BLOCK_ENDS);
    text.push('\n');
    text
}

/// Adds a blank line after a last line that ends with a backslash: it would continue on the block's first line.
fn end_continuation(text: &mut String, grammar: Grammar) {
    if grammar == Grammar::Properties && is_continued(text) {
        text.push('\n');
    }
}

/// True if the last line ends with a backslash that escapes its end.
fn is_continued(text: &str) -> bool {
    let line = text.strip_suffix('\n').unwrap_or(text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    let backslashes = line.len() - line.trim_end_matches('\\').len();
    backslashes % 2 == 1
}

/// True for upper-case keys: the start script `eval`s and exports them.
pub fn is_shell_key(key: &str) -> bool {
    key.bytes().next().is_some_and(|b| b.is_ascii_uppercase())
        && key
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

fn uses_log_dir(line: &str, entries: &[ConfEntry]) -> bool {
    let Some((key, value)) = line.split_once('=') else {
        return false;
    };
    let key = key.trim();
    // A carriage return inside ends the line for the engine, and what follows it would be another entry.
    !line.trim_end_matches('\r').contains('\r')
        && is_shell_key(key)
        && key != "LOG_DIR"
        && (value.contains("$LOG_DIR") || value.contains("${LOG_DIR}"))
        && entries.iter().all(|entry| entry.key != key)
}

#[cfg(test)]
mod tests {
    use super::{BLOCK_BEGINS, BLOCK_ENDS, ConfEntry, render};
    use crate::facts::conf::Grammar;

    fn entries(pairs: &[(&str, &str)]) -> Vec<ConfEntry> {
        pairs
            .iter()
            .map(|(key, value)| ConfEntry {
                key: (*key).to_owned(),
                value: (*value).to_owned(),
            })
            .collect()
    }

    #[test]
    fn the_block_follows_the_shipped_text_on_a_line_of_its_own() {
        let block = format!("{BLOCK_BEGINS}\nhttp_port = 8031\n{BLOCK_ENDS}\n");
        let table = [
            ("", block.clone()),
            ("a = 1\n", format!("a = 1\n{block}")),
            ("JAVA_OPTS = -Xmx1g", format!("JAVA_OPTS = -Xmx1g\n{block}")),
            ("a = 1\r\nb = 2\r\n", format!("a = 1\r\nb = 2\r\n{block}")),
            (
                "a = 1\n# >>> muster 0.0\nold = 1\n# <<< muster\nb = 2\n",
                format!("a = 1\nb = 2\n{block}"),
            ),
            // A truncated block extends to the last line.
            ("a = 1\n# >>> muster\nhttp_po", format!("a = 1\n{block}")),
        ];
        for (base, expected) in table {
            assert_eq!(
                render(base, &entries(&[("http_port", "8031")]), Grammar::Properties),
                expected,
                "{base:?}"
            );
        }
    }

    #[test]
    fn writing_twice_changes_nothing() {
        let wanted = entries(&[("http_port", "8031"), ("LOG_DIR", "/var/log/fe")]);
        let once = render(
            "JAVA_OPTS=\"-Xlog:gc:${LOG_DIR}/gc.log\"\n",
            &wanted,
            Grammar::Properties,
        );
        assert_eq!(render(&once, &wanted, Grammar::Properties), once);
    }

    #[test]
    fn without_an_entry_the_shipped_text_comes_back() {
        let once = render("a = 1", &entries(&[("b", "2")]), Grammar::Plain);
        assert_eq!(render(&once, &[], Grammar::Plain), "a = 1\n");
    }

    #[test]
    fn java_options_that_name_the_log_dir_are_repeated_after_a_new_one() {
        let text = render(
            "LOG_DIR = /home/log\nJAVA_OPTS=\"-Xlog:gc:${LOG_DIR}/gc.log\"\nX = 1\n",
            &entries(&[("LOG_DIR", "/w")]),
            Grammar::Properties,
        );
        assert!(
            text.ends_with("LOG_DIR = /w\nJAVA_OPTS=\"-Xlog:gc:${LOG_DIR}/gc.log\"\n# <<< muster\n"),
            "{text}"
        );
    }

    #[test]
    fn a_shipped_line_that_goes_on_ends_before_the_block() {
        let wanted = entries(&[("http_port", "8031")]);
        for (base, value) in [
            ("k = a\\", "a"),
            ("k = a\\\r\n", "a"),
            ("k = a\\\\\n", "a\\"),
            ("k = a\\\n\n", "a"),
        ] {
            let once = render(base, &wanted, Grammar::Properties);
            let read = Grammar::Properties.entries(&once);
            let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
            assert_eq!(read, [pair("k", value), pair("http_port", "8031")], "{once:?}");
            assert_eq!(render(&once, &wanted, Grammar::Properties), once);
        }
    }

    #[test]
    fn a_backslash_is_escaped_where_the_engine_unescapes_it() {
        let wanted = entries(&[("path", r"C:\new"), ("JAVA_OPTS", r"-Da=\b")]);
        assert!(render("", &wanted, Grammar::Properties).contains("path = C:\\\\new\nJAVA_OPTS = -Da=\\b\n"));
        assert!(render("", &wanted, Grammar::Plain).contains("path = C:\\new\n"));
    }
}
