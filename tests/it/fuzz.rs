//! Every input of `fuzz/corpus/`: those a person thought of, and those `scripts/fuzz` found. What holds for each is in
//! `fuzz/src/`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
#![expect(
    unreachable_pub,
    reason = "the properties are a library of their own to the fuzz targets"
)]

use std::fs;
use std::path::Path;

#[expect(
    clippy::indexing_slicing,
    reason = "the input is as long as it was asked to be"
)]
#[path = "../../fuzz/src/lib.rs"]
mod properties;

/// Each input, alone; then cut off in the middle, and with its bytes changed one by one. So the corpus tests something
/// where nothing is looked for, too.
fn replay(target: &str, holds: fn(&[u8])) {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let mut inputs = 0;
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let input = fs::read(&path).unwrap();
        assert!(input.len() <= 4096, "{}: minimise it", path.display());
        holds(&input);
        holds(input.split_at(input.len() / 2).0);
        for place in (0..input.len()).step_by(1 + input.len() / 32) {
            for byte in [0, b'\n', b'\\', b'9', 0xff] {
                let mut changed = input.clone();
                if let Some(at) = changed.get_mut(place) {
                    *at = byte;
                }
                holds(&changed);
            }
        }
        inputs += 1;
    }
    assert!(inputs >= 3, "the corpus of {target} is gone");
}

macro_rules! replay {
    ($($target:ident)*) => {
        $(
            #[test]
            fn $target() {
                replay(stringify!($target), properties::$target::holds);
            }
        )*

        #[test]
        fn every_target_is_replayed() {
            let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/targets");
            let mut targets: Vec<String> = fs::read_dir(dir)
                .unwrap()
                .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
                .collect();
            targets.sort();
            assert_eq!(targets, [$(stringify!($target)),*]);
        }
    };
}

replay!(answers conf data hosts poll record render rows);
