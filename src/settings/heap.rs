//! `FE_HEAP` and `BE_HEAP`: the heap of the Java VM, put into the options of the conf file.

use std::collections::BTreeMap;

use crate::engine::Component;

use super::Sourced;
use super::parse::Parser;

/// The conf keys with Java options; a newer JDK has a line of its own.
pub const JAVA_OPTIONS: [&str; 4] = [
    "JAVA_OPTS",
    "JAVA_OPTS_FOR_JDK_9",
    "JAVA_OPTS_FOR_JDK_11",
    "JAVA_OPTS_FOR_JDK_17",
];

/// Each variable and the components whose heap it sets.
const VARIABLES: [(&str, &[Component]); 2] = [
    ("FE_HEAP", &[Component::Fe]),
    ("BE_HEAP", &[Component::Be, Component::Cn]),
];

/// A heap size as the Java VM reads it: `4096m`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heap(String);

impl Heap {
    fn parse(text: &str) -> Result<Self, String> {
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = text.get(digits.len()..).unwrap_or_default();
        let is_number =
            digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.parse::<u32>().is_ok_and(|n| n > 0);
        if is_number
            && ["k", "m", "g"]
                .iter()
                .any(|known| known.eq_ignore_ascii_case(unit))
        {
            Ok(Self(text.to_owned()))
        } else {
            Err("is not a heap size, such as 4096m or 4g".to_owned())
        }
    }

    /// The options with this heap in place of the sizes of `-Xmx` and `-Xms`. `None`: they have no `-Xmx`.
    pub fn replace_in(&self, options: &str) -> Option<String> {
        let mut replaced = String::new();
        let mut rest = options;
        let mut found = false;
        while let Some(at) = ["-Xmx", "-Xms"]
            .iter()
            .filter_map(|option| rest.find(option))
            .min()
        {
            let (before, option) = rest.split_at_checked(at)?;
            let (option, after) = option.split_at_checked(4)?;
            let size = after
                .find(|c: char| !c.is_ascii_alphanumeric())
                .unwrap_or(after.len());
            found |= option == "-Xmx";
            replaced.extend([before, option, self.0.as_str()]);
            rest = after.get(size..)?;
        }
        replaced.push_str(rest);
        found.then_some(replaced)
    }
}

impl std::fmt::Display for Heap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The components whose heap this variable sets, if it sets one.
pub(super) fn components_of(variable: &str) -> Option<&'static [Component]> {
    let mut all = VARIABLES.into_iter();
    all.find(|(name, _)| *name == variable).map(|(_, of)| of)
}

/// The variable for the heap of that component, if it has a Java VM with options in its conf.
pub fn variable_of(component: Component) -> Option<&'static str> {
    let mut all = VARIABLES.into_iter();
    all.find(|(_, of)| of.contains(&component)).map(|(name, _)| name)
}

/// Reads the requests.
pub(super) fn read(parser: &mut Parser<'_>) -> BTreeMap<Component, Sourced<Heap>> {
    let mut heaps = BTreeMap::new();
    for (variable, of) in VARIABLES {
        if let Some(heap) = parser.parse(variable, Heap::parse) {
            heaps.extend(of.iter().map(|component| (*component, heap.clone())));
        }
    }
    heaps
}

#[cfg(test)]
mod tests {
    use super::Heap;

    #[test]
    fn a_heap_takes_the_place_of_both_sizes_and_of_nothing_else() {
        let heap = Heap::parse("2g").unwrap();
        let table = [
            (
                "\"-Dfile.encoding=UTF-8 -Xmx8192m -Xms8192m -XX:+UseG1GC -Xlog:gc*:$LOG_DIR/fe.gc.log.$DATE:time\"",
                Some(
                    "\"-Dfile.encoding=UTF-8 -Xmx2g -Xms2g -XX:+UseG1GC -Xlog:gc*:$LOG_DIR/fe.gc.log.$DATE:time\"",
                ),
            ),
            ("-Xms1G -Xss4m -Xmx1G", Some("-Xms2g -Xss4m -Xmx2g")),
            ("\"-Xmx1024m\"", Some("\"-Xmx2g\"")),
            ("-Xmx1g -Xmx4g", Some("-Xmx2g -Xmx2g")),
            ("-Xms1g", None),
            ("", None),
        ];
        for (options, expected) in table {
            assert_eq!(heap.replace_in(options).as_deref(), expected, "{options}");
        }
    }

    #[test]
    fn a_heap_needs_a_unit() {
        for good in ["1024m", "4G", "500000k"] {
            assert!(Heap::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "4096", "m", "4gb", "0m", "-1g", "1.5g", "4 g", "80%", "1g;id", "4t",
        ] {
            assert!(Heap::parse(bad).is_err(), "{bad}");
        }
    }
}
