//! Every result of one round.

use crate::engine::Component;
use crate::engine::failure::Failure;
use crate::engine::member::{Backend, Frontend};
use crate::engine::probe::HttpWitness;
use crate::plan::caller::Believed;
use crate::plan::leader::tests::members as rows;
use crate::plan::leader::{Belief, Cluster, Doubt};
use crate::plan::node::Seen;
use crate::plan::witness::Witness;
use crate::settings::{Endpoint, Host};

/// A confirmed leader. `believe` need not be able to return it: `decide` is total.
pub(crate) fn led(text: &str) -> Belief {
    let frontends = rows(text);
    let leader = frontends
        .iter()
        .find(|fe| fe.role == crate::engine::member::FrontendRole::Leader)
        .unwrap()
        .clone();
    Belief::Leader(Cluster {
        id: leader.cluster_id.clone(),
        from: Endpoint {
            host: Host::parse(&leader.host).unwrap(),
            port: 9030,
        },
        leader,
        frontends,
    })
}

/// Every kind of list of a confirmed leader.
pub(super) const LED: [&str; 13] = [
    // This host is missing, there and well, there and never joined.
    "1L+ 2F+",
    "1L+ 2F+ 5F+",
    "1L+ 2F+ 5f-",
    // With another port, under another spelling.
    "1L+ 2F+ 5F-@9011",
    "1L+ 2F+ 5F-=FE5.",
    // It is the leader itself, with and without another FE.
    "5L+ 2F+",
    "5L+",
    // The leader is dead by its own list; the usable one comes last.
    "1L- 4O+ 3f+ 6F- 2F+ 5F-",
    // No FE can be the helper.
    "1L- 4O+ 3f+ 6F- 5F-",
    // The helper has a port of its own.
    "1L+@9110 2F+ 5F-",
    // Members by IPv6.
    "1L+=2001:db8::1 5F-",
    "1L+ 2F+ of 88",
    "1L+ 2F+ 5F- of 88",
];

/// Every kind of list without a confirmed leader.
const SHOWN: [&str; 6] = [
    "",
    "1F+ 2F-",
    "1F+ 2F- 5F-",
    "4O+ 3f+ 2F- 5F-",
    "1F+ 5F-@9011",
    "1F+ 5F- of 88",
];

fn doubts() -> Vec<Doubt> {
    let one = || "10.0.0.1".to_owned();
    let from = || "10.0.0.1:9030".to_owned();
    vec![
        Doubt::NoLeader { from: from() },
        Doubt::SeveralLeaders {
            from: from(),
            leaders: vec![one(), "10.0.0.2".to_owned()],
        },
        Doubt::DeadLeader {
            from: from(),
            leader: one(),
        },
        Doubt::NoMajority {
            leader: one(),
            alive: 1,
            of: 3,
        },
        Doubt::Impostor {
            from: from(),
            leader: one(),
            member: "10.0.0.2".to_owned(),
        },
        Doubt::SilentHeartbeats {
            leader: one(),
            alive: 1,
            of: 3,
        },
        Doubt::TwoLeaders {
            one: one(),
            other: "10.0.0.2".to_owned(),
        },
        Doubt::TwoClusters {
            one: (one(), "77".to_owned()),
            other: ("10.0.0.2".to_owned(), "88".to_owned()),
        },
        Doubt::Failed {
            from: from(),
            why: Failure::Deadline(3),
        },
    ]
}

/// Every belief, with the shown list.
fn beliefs(fe: bool) -> Vec<(Belief, Vec<Frontend>)> {
    let mut all = vec![(Belief::Nobody, Vec::new())];
    // Of a list of FEs a BE needs the cluster's id alone.
    let led_by = LED.iter().filter(|text| fe || !text.contains("5F-"));
    all.extend(led_by.map(|text| (led(text), rows(text))));
    // Every doubt, and every list: the decision only repeats the text of a doubt.
    all.extend(
        doubts()
            .into_iter()
            .map(|doubt| (Belief::Doubt(vec![doubt]), rows(SHOWN[2]))),
    );
    all.extend(SHOWN.map(|text| (Belief::Doubt(doubts()), rows(text))));
    all
}

/// A member that is no FE; `None`: its list does not say which.
pub(super) fn backend(component: Option<Component>, number: u8, port: u16) -> Backend {
    Backend {
        component,
        host: format!("10.0.0.{number}"),
        port,
        alive: true,
        ..Backend::default()
    }
}

/// The answers of a confirmed leader to a query for the members that are no FEs.
pub(super) fn lists(component: Component) -> Vec<Option<Result<Vec<Backend>, Failure>>> {
    let be = |number, port| backend(Some(Component::Be), number, port);
    let cn = |number| backend(Some(Component::Cn), number, 9050);
    let broker = |number, port| backend(Some(Component::Broker), number, port);
    let mut all = vec![
        None,
        Some(Err(Failure::Deadline(3))),
        Some(Err(Failure::Privilege {
            said: "you need NODE".to_owned(),
            cure: "GRANT NODE TO x".to_owned(),
        })),
        Some(Ok(vec![])),
    ];
    let lists = if component == Component::Broker {
        vec![
            vec![broker(4, 8000), broker(5, 8000)],
            // The old host of a moved one, and another broker of this host.
            vec![broker(6, 8000)],
            vec![broker(5, 8001)],
        ]
    } else {
        vec![
            vec![be(4, 9050), be(5, 9050), cn(4)],
            vec![be(4, 9050), cn(5)],
            // Another BE of this host.
            vec![be(5, 9051)],
            // A dead one of either kind.
            vec![backend(None, 5, 9050)],
        ]
    };
    all.extend(lists.into_iter().map(|list| Some(Ok(list))));
    all
}

fn witnesses(fe: bool) -> Vec<Vec<Witness>> {
    let from = Host::parse("10.0.0.1").unwrap();
    let http = Witness::Http {
        from: from.clone(),
        told: HttpWitness::IsFe,
    };
    let mut all = vec![vec![], vec![Witness::Called(from.clone())]];
    // Only an FE may found, and so looks for more.
    if fe {
        let member = Witness::Member {
            from: from.clone(),
            cluster: "77".to_owned(),
        };
        let seed = Witness::Seed {
            host: from.clone(),
            founding: false,
            from: None,
        };
        let starts = Witness::Starts(Endpoint {
            host: from.clone(),
            port: 9010,
        });
        all.extend([
            vec![http],
            vec![seed],
            vec![starts],
            vec![Witness::WantsVote(from), member],
        ]);
    }
    all
}

/// A caller that is believed, of cluster 77.
pub(super) fn caller(fe: bool) -> Believed {
    Believed {
        leader: Host::parse("10.0.0.7").unwrap(),
        helper: fe.then(|| "10.0.0.7:9010".to_owned()),
        cluster: fe.then(|| "77".to_owned()),
    }
}

/// A round without an answer.
pub(super) fn silence() -> Seen {
    Seen {
        belief: Belief::Nobody,
        fatal: Vec::new(),
        members: Vec::new(),
        backends: None,
        answers: Vec::new(),
        witnesses: Vec::new(),
        caller: None,
        calls: Vec::new(),
        complete: true,
        reset: None,
        other_mode: None,
        waiting: Vec::new(),
        guard_over: false,
        patience_over: false,
    }
}

/// Calls `each` with every combination of what can be seen. Only a node that is no FE is shown lists of such nodes, and
/// only an FE looks for members that wait for a vote.
pub(super) fn every(component: Component, each: &mut dyn FnMut(&mut Seen) -> bool) -> bool {
    let fe = component.is_fe();
    let all_lists = lists(component);
    let nothing = [None];
    let voters: [&[&str]; 2] = [&[], &["10.0.0.1:9010"]];
    let witnesses = witnesses(fe);
    for (belief, members) in beliefs(fe) {
        let mut seen = Seen {
            belief,
            members,
            ..silence()
        };
        for denied in [false, true] {
            seen.fatal = if denied {
                vec![(
                    "10.0.0.9:9030".to_owned(),
                    Failure::Denied("for user 'root'".to_owned()),
                )]
            } else {
                Vec::new()
            };
            let asked = !fe && matches!(seen.belief, Belief::Leader(_));
            for list in if asked { all_lists.as_slice() } else { &nothing } {
                seen.backends.clone_from(list);
                for told in &witnesses {
                    seen.witnesses.clone_from(told);
                    // The ports are tried only if no FE answers.
                    let voteless = fe && matches!(seen.belief, Belief::Nobody);
                    for votes in &voters[..=usize::from(voteless)] {
                        seen.waiting = votes.iter().map(|vote| (*vote).to_owned()).collect();
                        for (guard_over, patience_over) in
                            [(false, false), (false, true), (true, false), (true, true)]
                        {
                            seen.guard_over = guard_over;
                            seen.patience_over = patience_over;
                            if !each(&mut seen) {
                                return false;
                            }
                        }
                        // A leader that nobody named polls this host.
                        seen.caller = Some(caller(fe));
                        let goes_on = each(&mut seen);
                        seen.caller = None;
                        if !goes_on {
                            return false;
                        }
                    }
                }
            }
        }
    }
    true
}
