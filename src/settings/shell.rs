//! The commands of a shell text, taken apart without running any of it.

use std::iter::Peekable;
use std::mem::take;
use std::str::Chars;

/// A text for `sh -c`.
#[derive(Debug, Default)]
pub(super) struct Script {
    /// Without comments and redirections.
    pub commands: Vec<Vec<String>>,
    /// The files that output is redirected to.
    pub outputs: Vec<String>,
    /// The lines of all here-documents.
    pub documents: Vec<String>,
}

impl Script {
    /// Splits at line ends, lists and pipes; `shlex` makes words of the pieces.
    pub(super) fn parse(text: &str) -> Self {
        let mut script = Self::default();
        let mut rest = text.chars().peekable();
        let mut quote = None;
        let mut command = String::new();
        let mut ends = Vec::new();
        while let Some(c) = rest.next() {
            match c {
                '\\' if quote != Some('\'') => command.extend([Some(c), rest.next()].into_iter().flatten()),
                '"' | '\'' if quote.is_none_or(|open| open == c) => {
                    quote = quote.is_none().then_some(c);
                    command.push(c);
                }
                _ if quote.is_some() => command.push(c),
                '#' if command.is_empty() || command.ends_with(char::is_whitespace) => {
                    while rest.next_if(|c| *c != '\n').is_some() {}
                }
                '(' if command.ends_with('$') => command.push(c),
                '&' if rest.peek() == Some(&'>') => {}
                '<' | '>' => {
                    // The number of a descriptor is no argument.
                    let bare = command.trim_end_matches(|c: char| c.is_ascii_digit());
                    if bare.ends_with(char::is_whitespace) {
                        command.truncate(bare.len());
                    }
                    command.extend([' ', c]);
                    while let Some(sign) = rest.next_if(|c| "<>&|".contains(*c)) {
                        command.push(sign);
                    }
                    command.push(' ');
                }
                ';' | '&' | '|' | '(' | ')' => script.push(&take(&mut command), &mut ends),
                '\n' => {
                    script.push(&take(&mut command), &mut ends);
                    for end in ends.drain(..) {
                        script.read_document(&mut rest, &end);
                    }
                }
                c => command.push(c),
            }
        }
        script.push(&command, &mut ends);
        script
    }

    /// Adds a command; `ends` are the last lines of the here-documents that follow its line.
    fn push(&mut self, text: &str, ends: &mut Vec<String>) {
        let mut words = shlex::split(text).unwrap_or_default().into_iter();
        let mut command = Vec::new();
        while let Some(word) = words.next() {
            match word.as_str() {
                "<<" => ends.extend(words.next().map(|end| end.trim_start_matches('-').to_owned())),
                sign if sign.starts_with('>') => self.outputs.extend(words.next()),
                sign if sign.starts_with('<') => drop(words.next()),
                _ => command.push(word),
            }
        }
        if !command.is_empty() {
            self.commands.push(command);
        }
    }

    fn read_document(&mut self, rest: &mut Peekable<Chars<'_>>, end: &str) {
        while rest.peek().is_some() {
            let line: String = rest.by_ref().take_while(|c| *c != '\n').collect();
            if line.trim() == end {
                return;
            }
            self.documents.push(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Script;

    #[test]
    fn a_text_is_taken_apart_as_a_shell_does_it() {
        // The text, its commands, where output goes, what stands in here-documents.
        let table = [
            ("a b;c&&d||e|f & g\nh", "a b; c; d; e; f; g; h", "", ""),
            ("a 'b;c' \"d e\" f\\ g \\\nh", "a b;c d e f g h", "", ""),
            (r#"m -e "ADD \"x:1\"" 'y'"#, r#"m -e ADD "x:1" y"#, "", ""),
            ("a \"it's\" 'say \"x\"'; b", "a it's say \"x\"; b", "", ""),
            ("a >b 2>&1 <c d", "a d", "b 1", ""),
            ("a &>b c; d>>e f2 2>g", "a c; d f2", "b e g", ""),
            ("a > 'b c.conf'", "a", "b c.conf", ""),
            ("a # b; c\nd#e #f", "a; d#e", "", ""),
            ("a >f <<EOF\nit's x\nEOF\nb", "a; b", "f", "it's x"),
            ("a <<-'E' | b\n\tx\n\tE\nc <<<d", "a; b; c", "", "\tx"),
            ("a <<E", "a", "", ""),
            ("a $(b); (c; d)", "a $(b; c; d", "", ""),
            ("a 'b", "", "", ""),
        ];
        for (text, commands, outputs, documents) in table {
            let script = Script::parse(text);
            let words: Vec<String> = script.commands.iter().map(|words| words.join(" ")).collect();
            assert_eq!(words.join("; "), commands, "{text}");
            assert_eq!(script.outputs.join(" "), outputs, "{text}");
            assert_eq!(script.documents.join("\n"), documents, "{text}");
        }
    }
}
