//! Everybody once a round, each round beginning with the next one: what the machine does meanwhile hits all alike.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// A program to be compared, and what it is called in the table.
#[derive(Debug, Clone)]
pub(crate) struct Contestant {
    pub(crate) name: &'static str,
    pub(crate) words: Vec<OsString>,
}

impl Contestant {
    /// A program with arguments, in front of a script.
    pub(crate) fn before(name: &'static str, program: &Path, words: &[&str], script: &Path) -> Self {
        let mut all = vec![program.into()];
        all.extend(words.iter().map(OsString::from));
        all.push(script.into());
        Self { name, words: all }
    }

    /// Muster itself, as `run` with the home the script is in.
    pub(crate) fn muster(name: &'static str, program: PathBuf, home: &Path, flags: &[&str]) -> Self {
        let mut all: Vec<OsString> = vec![program.into(), "run".into(), "--home".into(), home.into()];
        all.extend(flags.iter().map(OsString::from));
        Self { name, words: all }
    }
}

/// What each of them came to, in their order.
pub(crate) fn in_turns<C, T>(
    contestants: &[C],
    rounds: usize,
    mut measure: impl FnMut(&C) -> anyhow::Result<T>,
) -> anyhow::Result<Vec<Vec<T>>> {
    let mut found: Vec<Vec<T>> = contestants.iter().map(|_| Vec::new()).collect();
    for round in 0..rounds {
        let places = contestants.iter().zip(0..).cycle().skip(round);
        for (contestant, place) in places.take(contestants.len()) {
            let figure = measure(contestant)?;
            if let Some(all) = found.get_mut::<usize>(place) {
                all.push(figure);
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::in_turns;

    #[test]
    fn everybody_has_a_turn_in_each_round_and_begins_one() {
        let mut order = String::new();
        let found = in_turns(&["a", "b", "c"], 3, |name| {
            order += name;
            Ok(order.len())
        });
        assert_eq!(order, "abcbcacab");
        assert_eq!(found.unwrap(), [[1, 6, 8], [2, 4, 9], [3, 5, 7]]);
    }
}
