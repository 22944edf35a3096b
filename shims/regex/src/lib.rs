//! The part of `regex` that `mysql_common` uses, on `regex-lite`, which knows no Unicode tables and builds no automata.
//! The driver matches the server's version with it and cannot be built without; the full crate is 0.4 MB of a static
//! binary, and its Unicode `\d` stays on the heap of PID 1.

/// Patterns on bytes, of which `regex-lite` sees those that are text.
pub mod bytes {
    pub use regex_lite::Error;

    /// A compiled pattern.
    #[derive(Debug, Clone)]
    pub struct Regex(regex_lite::Regex);

    impl Regex {
        pub fn new(pattern: &str) -> Result<Self, Error> {
            regex_lite::Regex::new(pattern).map(Self)
        }

        pub fn is_match(&self, haystack: &[u8]) -> bool {
            std::str::from_utf8(haystack).is_ok_and(|text| self.0.is_match(text))
        }

        pub fn captures<'h>(&self, haystack: &'h [u8]) -> Option<Captures<'h>> {
            self.0.captures(beginning(haystack)).map(Captures)
        }
    }

    /// The groups of one match.
    #[derive(Debug)]
    pub struct Captures<'h>(regex_lite::Captures<'h>);

    impl<'h> Captures<'h> {
        pub fn get(&self, group: usize) -> Option<Match<'h>> {
            self.0.get(group).map(Match)
        }
    }

    /// One group.
    #[derive(Debug, Clone, Copy)]
    pub struct Match<'h>(regex_lite::Match<'h>);

    impl<'h> Match<'h> {
        pub fn as_bytes(&self) -> &'h [u8] {
            self.0.as_str().as_bytes()
        }
    }

    /// The text before the first byte that is none: a version may be followed by anything.
    fn beginning(haystack: &[u8]) -> &str {
        haystack.utf8_chunks().next().map_or("", |chunk| chunk.valid())
    }

    #[cfg(test)]
    mod tests {
        use super::Regex;

        #[test]
        fn a_servers_version_is_taken_apart_as_the_full_crate_does() {
            let version = Regex::new(r"^(\d{1,2})\.(\d{1,2})\.(\d{1,3})(.*)").unwrap();
            for (server, expected) in [
                (&b"5.1.0"[..], Some(["5", "1", "0"])),
                (b"8.0.33-3.5.0 \xff\xfe", Some(["8", "0", "33"])),
                (b"Doris", None),
            ] {
                let found = version
                    .captures(server)
                    .map(|groups| [1, 2, 3].map(|group| groups.get(group).unwrap().as_bytes()));
                assert_eq!(found, expected.map(|parts| parts.map(str::as_bytes)));
            }
        }
    }
}
