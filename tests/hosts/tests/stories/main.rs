//! Stories on hosts that are namespaces, as one program: `cargo test -p hosts --test stories kills::` runs one file.

/// Makes two tests of a story, one for each engine: `<file>::<story>::<engine>`. That of Doris is left to scripts/nightly,
/// unless `both` is written behind the story; with an attribute both are what it says.
macro_rules! for_each_engine {
    () => {};
    ($(#[$attribute:meta])+ $story:ident, $($rest:tt)*) => {
        for_each_engine!(@tests $story [$(#[$attribute])+] [$(#[$attribute])+]);
        for_each_engine!($($rest)*);
    };
    ($story:ident: both, $($rest:tt)*) => {
        for_each_engine!(@tests $story [] []);
        for_each_engine!($($rest)*);
    };
    ($story:ident, $($rest:tt)*) => {
        for_each_engine!(@tests $story [] [#[ignore = "nightly: the story of the other engine is told every time"]]);
        for_each_engine!($($rest)*);
    };
    (@tests $story:ident [$($starrocks:tt)*] [$($doris:tt)*]) => {
        mod $story {
            #[test]
            $($starrocks)*
            fn starrocks() -> anyhow::Result<()> {
                crate::tell(hosts::this_test!(), super::$story)
            }

            #[test]
            $($doris)*
            fn doris() -> anyhow::Result<()> {
                crate::tell(hosts::this_test!(), super::$story)
            }
        }
    };
}

/// Tells a story in a world of its own.
fn tell(test: &str, story: impl FnOnce(&hosts::World) -> anyhow::Result<()>) -> anyhow::Result<()> {
    match hosts::World::enter(test)? {
        Some(world) => story(&world),
        None => Ok(()),
    }
}

mod adopted;
mod bad_input;
mod bench;
mod clocks;
mod cluster;
mod companion;
mod deployed;
mod doctor;
mod dropped;
mod first_steps;
mod harness;
mod herd;
mod history;
mod inside;
mod kills;
mod leader_changes;
mod nemesis;
mod ports;
mod readdress;
mod seeds;
mod serve;
mod stale_pids;
mod status;
mod strangers;
mod tls;
