//! Every short history of every small cluster, by the rules and by rules with one mistake.

#![expect(clippy::print_stdout, reason = "the figures of a run, shown with --nocapture")]
#![expect(
    clippy::disallowed_types,
    reason = "a run is timed, and nothing waits for the time"
)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Instant;

use model::ground::{FORGOTTEN, Ground, Move};
use model::promise::Promise;
use model::rules::{MUSTER, Rules};
use model::settle::{SETTLES, settles};
use model::{broken, grounds};
use stateright::{Checker, HasDiscoveries, Model};

fn ground(rules: Rules, name: &str, disturbances: u8) -> Ground {
    let ground = grounds::named(rules, name).unwrap();
    Ground {
        disturbances,
        ..ground
    }
}

/// The promises that some history breaks, each with the shortest such history.
fn walk(name: &str, ground: Ground, threads: usize) -> Vec<(&'static str, String)> {
    let begun = Instant::now();
    let (rules, disturbances) = (ground.rules.name, ground.disturbances);
    let checker = ground
        .checker()
        .threads(threads)
        .finish_when(HasDiscoveries::AnyFailures)
        .spawn_bfs()
        .join();
    println!(
        "{name}, {rules}: {disturbances} disturbances, {} states, {} unique, depth {}, {:.1} s",
        checker.state_count(),
        checker.unique_state_count(),
        checker.max_depth(),
        begun.elapsed().as_secs_f32()
    );
    let found = checker.discoveries().into_iter();
    found
        .filter(|(name, _)| *name != FORGOTTEN)
        .map(|(name, path)| {
            let last = format!("{:?}", path.last_state());
            let way: Vec<String> = path
                .into_actions()
                .iter()
                .map(|next| format!("{next:?}"))
                .collect();
            (name, format!("{}\n{last}", way.join("\n")))
        })
        .collect()
}

#[track_caller]
fn holds(name: &str, disturbances: u8) {
    let broken = walk(name, ground(MUSTER, name, disturbances), 2);
    for (promise, way) in &broken {
        println!("BROKEN: {promise}\n{way}");
    }
    assert!(broken.is_empty(), "{name}: {} promises are broken", broken.len());
}

/// The mistake is found, by the name of this promise.
#[track_caller]
fn finds(rules: Rules, name: &str, disturbances: u8, by: &'static str) {
    let broken: Vec<&str> = walk(name, ground(rules, name, disturbances), 1)
        .into_iter()
        .map(|(promise, _)| promise)
        .collect();
    assert!(
        broken.contains(&by),
        "{}: not caught by `{by}`, but {broken:?}",
        rules.name
    );
}

/// The same, where the rules pass.
#[track_caller]
fn caught(rules: Rules, name: &str, disturbances: u8, by: &'static str) {
    finds(rules, name, disturbances, by);
    holds(name, disturbances);
}

#[test]
fn two_nodes_that_begin_with_nothing_keep_every_promise() {
    holds("pair-cold", 2);
}

#[test]
fn two_members_keep_every_promise_through_four_disturbances() {
    holds("pair", 4);
}

#[test]
fn three_nodes_that_begin_with_nothing_keep_every_promise() {
    holds("three-cold", 1);
}

#[test]
fn three_members_keep_every_promise() {
    holds("three", 2);
}

#[test]
fn a_third_node_joins_two_whatever_happens_to_them() {
    holds("third-joins", 1);
}

#[test]
fn three_members_come_back_from_a_power_cut() {
    holds("power-cut", 1);
}

#[test]
fn a_voter_joins_a_seed_beside_an_observer() {
    holds("observer-stays", 2);
}

#[test]
fn a_backend_joins_while_the_cluster_is_made() {
    holds("backend", 1);
}

#[test]
fn four_members_keep_every_promise() {
    holds("four", 2);
}

#[test]
fn four_members_one_of_them_a_backend_keep_every_promise() {
    holds("four-with-backend", 2);
}

#[test]
fn a_fourth_node_joins_three_whatever_happens_to_them() {
    holds("fourth-joins", 1);
}

#[test]
fn four_members_come_back_from_a_power_cut() {
    holds("four-power-cut", 0);
}

#[test]
fn three_members_that_may_join_again_keep_every_promise() {
    holds("rejoin", 2);
}

#[test]
fn data_of_another_cluster_does_no_harm() {
    holds("foreign", 2);
}

#[test]
fn a_wiped_member_loses_no_write_that_was_acknowledged_while_another_lagged_behind() {
    holds("lagging", 3);
}

#[test]
fn empty_data_that_is_started_without_a_leader_is_found() {
    let by = Promise::NoWriteLost.name();
    caught(broken::STARTS_EMPTY_WITHOUT_A_LEADER, "lagging", 2, by);
}

#[test]
fn a_vote_that_lost_its_data_and_is_brought_without_a_leader_is_found() {
    for mistake in [broken::BRINGS_A_LOST_VOTE, broken::FORGETS_A_LOST_VOTE] {
        finds(mistake, "lagging", 3, Promise::NoWriteLost.name());
    }
}

#[test]
fn a_dropped_voter_that_is_started_on_its_old_data_is_found() {
    let by = Promise::NoDroppedVoterStarted.name();
    caught(broken::DOES_NOT_LOOK_BEFORE, "three", 2, by);
}

#[test]
fn the_witnesses_are_what_keeps_a_wiped_seed_from_founding() {
    let by = Promise::NoFoundingAgainstAWitness.name();
    caught(broken::FOUNDS_AGAINST_WITNESSES, "three", 2, by);
}

#[test]
fn the_guard_is_what_keeps_a_seed_that_lost_everything_from_founding() {
    let by = Promise::NoSecondCluster.name();
    caught(broken::FOUNDS_AT_ONCE, "pair", 2, by);
}

#[test]
fn a_caller_that_was_not_asked_back_yet_is_what_ends_too_short_a_guard() {
    let by = Promise::NoFoundingBesideALeader.name();
    caught(broken::DOES_NOT_WAIT_FOR_CALLERS, "power-cut", 1, by);
}

#[test]
fn an_unfinished_join_that_is_started_bare_is_found() {
    let by = Promise::NoUnfinishedJoinAlone.name();
    caught(broken::STARTS_UNFINISHED_BARE, "pair-cold", 1, by);
}

#[test]
fn poisoned_data_that_gets_a_helper_is_found_and_so_is_the_leader_it_kills() {
    caught(
        broken::KEEPS_POISONED,
        "pair-cold",
        2,
        Promise::NoHelperOnPoisonedData.name(),
    );
    caught(
        broken::KEEPS_POISONED,
        "pair-cold",
        2,
        Promise::NoLeaderKilled.name(),
    );
}

#[test]
fn role_and_version_as_a_proof_of_readiness_are_found() {
    let by = Promise::NoUnfinishedJoinAlone.name();
    caught(broken::TAKES_ROLE_FOR_PROOF, "third-joins", 1, by);
}

#[test]
fn an_add_to_a_leader_without_a_majority_is_found() {
    let by = Promise::NoAddWithoutMajority.name();
    caught(broken::BELIEVES_ANY_LEADER, "third-joins", 1, by);
}

#[test]
fn an_add_without_a_look_is_found() {
    let by = Promise::NoAddOfTheListed.name();
    caught(broken::ADDS_WITHOUT_LOOKING, "third-joins", 1, by);
}

#[test]
fn a_members_data_that_is_set_aside_is_found() {
    let by = Promise::NothingGoodSetAside.name();
    caught(broken::SETS_MEMBERS_ASIDE, "three", 2, by);
}

#[test]
fn foreign_data_that_gets_a_helper_is_found() {
    let by = Promise::NoHelperOnForeignData.name();
    caught(broken::IGNORES_FOREIGN_IDS, "foreign", 0, by);
}

#[test]
fn a_dropped_node_that_adds_itself_again_is_found() {
    let by = Promise::TheDroppedStayAway.name();
    caught(broken::COMES_BACK, "pair", 3, by);
}

#[test]
fn the_copy_in_the_state_dir_is_what_a_wiped_seed_knows_its_cluster_by() {
    let by = Promise::NoSecondCluster.name();
    caught(broken::FORGETS_ITS_STATE, "pair", 2, by);
}

#[test]
fn voters_and_their_last_vote_that_wait_for_each_other_are_found() {
    caught(broken::HEARS_THE_OBSERVER_ONLY, "observer-stays", 1, SETTLES);
}

#[test]
fn a_begun_join_that_can_never_be_finished_is_found() {
    caught(broken::REGISTERS_BEGUN_JOINS, "third-joins", 1, SETTLES);
}

/// Whether a fourth node that joins three comes to a good end, after moves that were once the way to a bad one. All such
/// histories are millions; these were the shortest.
fn settles_after(rules: Rules, moves: &[Move]) -> bool {
    let ground = ground(rules, "fourth-joins", 4);
    let mut world = ground.first();
    for next in moves {
        world = ground.next_state(&world, *next).unwrap();
    }
    settles(&ground, &world)
}

/// The fourth node joins at the leader that was elected when the first one was cut off, and it is as far as its engine.
fn joined_a_successor() -> Vec<Move> {
    let mut moves = vec![Move::Start(3), Move::Muster(3), Move::Cut(0), Move::Elect(0, 1)];
    moves.extend([Move::Muster(3); 7]);
    moves.extend([Move::Engine(3); 4]);
    moves.push(Move::Heal);
    moves
}

#[test]
fn a_replaced_leader_that_sees_more_voters_alive_is_not_believed() {
    let mut moves = joined_a_successor();
    moves.push(Move::Drop(0, 2));
    // It writes down that it was dropped; its next start refuses.
    let looks = [Move::Muster(3), Move::Muster(3), Move::Crash(3)];
    assert!(!settles_after(
        broken::BELIEVES_WHO_SEES_MORE,
        &[&moves[..], &looks].concat()
    ));
    // By the rules it finds two claimants and goes on looking.
    assert!(settles_after(MUSTER, &[&moves[..], &looks[..1]].concat()));
}

#[test]
fn a_leader_that_was_just_cut_off_does_not_show_who_was_dropped() {
    let mut moves = joined_a_successor();
    moves.push(Move::Cut(1));
    // It writes down that it was dropped; its next start refuses.
    let looks = [Move::Muster(3), Move::Muster(3), Move::Crash(3)];
    assert!(!settles_after(
        broken::DROPPED_BY_LOOKS_ALONE,
        &[&moves[..], &looks].concat()
    ));
    assert!(settles_after(MUSTER, &[&moves[..], &looks[..1]].concat()));
}
