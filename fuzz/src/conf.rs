//! Reading conf files, in both grammars.

use muster::facts::conf::{BEGIN_MARK, Grammar, without_block};

pub fn holds(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let shipped = without_block(text);
    assert_eq!(
        without_block(&shipped),
        shipped,
        "what is left of a block is shipped text"
    );
    assert!(shipped.lines().all(|line| !line.starts_with(BEGIN_MARK)));
    for grammar in [Grammar::Properties, Grammar::Plain] {
        let entries = grammar.entries(text);
        assert!(
            entries.len() <= text.split(['\n', '\r']).count(),
            "no more entries than lines"
        );
        for (_, value) in &entries {
            assert_eq!(value.trim(), value, "the engine trims {value:?}");
        }
        // Line by line is the same as all at once, where no line goes on.
        if !text.contains(['\\', '\r']) {
            let each = text.split('\n').flat_map(|line| grammar.entries(line));
            assert!(each.eq(entries), "{grammar:?} reads lines one by one");
        }
    }
}
