//! Every combination, through the real rules.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;

use crate::plan::data::{Data, FeDir, Storage, classify_backend, classify_fe};
use crate::plan::join::{asking, decide};
use crate::plan::node::{Asking, Decision, Node, Role, Seen};
use crate::plan::record_merge::RecordCopies;
use crate::plan::refusal::Refusal;
use crate::settings::Bootstrap;

use super::forbidden::{self, Came, Forbidden, Kind, Row};
use super::seen;
use super::situation::{Facts, Kept, Lies, ROLES, Situation, node};

/// The rules that are held to the table: the real ones, or ones that were broken on purpose.
#[derive(Clone, Copy)]
pub(super) struct Rules {
    pub classify_fe: fn(bool, &FeDir, RecordCopies<'_>) -> Result<Data, Refusal>,
    pub classify_backend: fn(&Storage, RecordCopies<'_>) -> Result<Data, Refusal>,
    pub asking: fn(&Node) -> Asking,
    pub decide: fn(&Node, &Seen) -> Decision,
}

pub(super) const REAL: Rules = Rules {
    classify_fe: |seed, dir, copies| classify_fe(seed, dir, copies),
    classify_backend: |storage, copies| classify_backend(storage, copies),
    asking,
    decide,
};

/// The forbidden outcomes that were found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub rows: u64,
    /// The count of each, with the first combination.
    pub forbidden: BTreeMap<&'static str, (u64, String)>,
}

impl Found {
    fn note(&mut self, name: &'static str, example: impl FnOnce() -> String) {
        self.forbidden
            .entry(name)
            .and_modify(|(count, _)| *count += 1)
            .or_insert_with(|| (1, example()));
    }

    fn merge(&mut self, other: Self) {
        self.rows += other.rows;
        for (name, (count, example)) in other.forbidden {
            self.forbidden
                .entry(name)
                .and_modify(|(all, _)| *all += count)
                .or_insert((count, example));
        }
    }
}

/// Situations that are equal for the decision: the same role and the same data. The files differ, and the
/// forbidden outcomes are about that.
pub(super) struct Group {
    pub node: Node,
    pub facts: BTreeSet<Facts>,
}

/// Every situation, classified.
pub(super) fn groups(rules: &Rules) -> (Vec<Group>, Found) {
    let mut groups: BTreeMap<(u8, String), Group> = BTreeMap::new();
    let mut found = Found::default();
    let copies = Kept::all();
    for (number, role) in (0..).zip(ROLES) {
        for lies in Lies::all(role) {
            let in_data = if lies == Lies::Never {
                &[Kept::Missing][..]
            } else {
                &copies
            };
            for data in in_data {
                for state in &copies {
                    let situation = Situation {
                        role,
                        lies,
                        data: *data,
                        state: *state,
                    };
                    let facts = situation.facts();
                    let outcome = situation.classify(rules);
                    found.rows += 1;
                    for forbidden in forbidden::ALL {
                        if let Came::Data(came) = &forbidden.came_of
                            && came(&facts, &outcome)
                        {
                            found.note(forbidden.name, || format!("{situation:?}: {outcome:?}"));
                        }
                    }
                    let Ok(data) = outcome else { continue };
                    groups
                        .entry((number, format!("{data:?}")))
                        .or_insert_with(|| Group {
                            node: node(role, data),
                            facts: BTreeSet::new(),
                        })
                        .facts
                        .insert(facts.let_in());
                }
            }
        }
    }
    (groups.into_values().collect(), found)
}

/// Every group with everything that can be seen and everything that can be asked for. Ends early once `sought` came of
/// a combination.
pub(super) fn decide_all(rules: &Rules, groups: &[Group], sought: Option<&str>) -> Found {
    let mut found = Found::default();
    let judges = Judges::new(sought);
    for group in groups {
        let mut node = group.node.clone();
        for forbidden in forbidden::ALL {
            if let Came::Asking(came) = &forbidden.came_of
                && let Some(facts) = group
                    .facts
                    .iter()
                    .find(|facts| came(facts, (rules.asking)(&node)))
            {
                found.note(forbidden.name, || format!("{node:?} {facts:?}"));
            }
        }
        let ended = |found: &Found| sought.is_some_and(|name| found.forbidden.contains_key(name));
        for (bootstrap, rejoin) in asked_for(node.role) {
            node.bootstrap = *bootstrap;
            node.rejoin = *rejoin;
            seen::every(node.component, &mut |seen| {
                let step = (rules.decide)(&node, seen);
                found.rows += 1;
                judges.judge(group, &node, seen, &step, &mut found);
                !ended(&found)
            });
            if ended(&found) {
                return found;
            }
        }
    }
    found
}

/// BOOTSTRAP and REJOIN. Only a seed is asked what it may found: for the others each value is tried, not each pair.
fn asked_for(role: Role) -> &'static [(Bootstrap, bool)] {
    const ALL: [(Bootstrap, bool); 6] = [
        (Bootstrap::Guarded, false),
        (Bootstrap::Never, true),
        (Bootstrap::Force, false),
        (Bootstrap::Force, true),
        (Bootstrap::Never, false),
        (Bootstrap::Guarded, true),
    ];
    if role == Role::Seed { &ALL } else { &ALL[..3] }
}

/// The sentences about each kind of step, so that no other is looked at.
struct Judges(Vec<(Kind, Vec<&'static Forbidden>)>);

impl Judges {
    fn new(sought: Option<&str>) -> Self {
        let kinds = [
            Kind::Start,
            Kind::Join,
            Kind::Found,
            Kind::Register,
            Kind::SetAside,
            Kind::Wait,
            Kind::Refuse,
        ];
        Self(
            kinds
                .into_iter()
                .map(|kind| {
                    let about = forbidden::ALL.iter().filter(|forbidden| {
                        matches!(forbidden.came_of, Came::Decision(of, _) if of == kind || of == Kind::Any)
                            && sought.is_none_or(|name| name == forbidden.name)
                    });
                    (kind, about.collect())
                })
                .collect(),
        )
    }

    fn judge(&self, group: &Group, node: &Node, seen: &Seen, step: &Decision, found: &mut Found) {
        let kind = Kind::of(step);
        let about = self.0.iter().find(|(of, _)| *of == kind).map(|(_, about)| about);
        for forbidden in about.into_iter().flatten() {
            let Came::Decision(_, came) = &forbidden.came_of else {
                continue;
            };
            for facts in &group.facts {
                let row = Row { facts, node, seen };
                if came(&row, step) {
                    found.note(forbidden.name, || format!("{row:?}: {step:?}"));
                }
            }
        }
    }
}

#[test]
#[expect(clippy::print_stdout, reason = "how much was looked at, for --nocapture")]
fn no_combination_does_what_must_never_be_done() {
    let (groups, mut found) = groups(&REAL);
    let situations = found.rows;
    let half = groups.len() / 2;
    let decided = thread::scope(|scope| {
        let parts = [&groups[..half], &groups[half..]];
        let parts = parts.map(|part| scope.spawn(move || decide_all(&REAL, part, None)));
        parts.map(|part| part.join().unwrap())
    });
    for part in decided {
        found.merge(part);
    }
    let kinds: usize = groups.iter().map(|group| group.facts.len()).sum();
    println!(
        "{situations} situations of files, which are {} kinds of nodes ({kinds} with what must not come of them); {} rows \
         in all, {} sentences",
        groups.len(),
        found.rows,
        forbidden::ALL.len()
    );
    let report = found.forbidden.iter();
    let report = report.map(|(name, (count, example))| format!("{name}: {count} times, first {example}"));
    let report: Vec<String> = report.collect();
    assert!(report.is_empty(), "{}", report.join("\n\n"));
    // The product itself: a value that gets lost makes the table smaller.
    assert_eq!(situations, (3 * 25 + 2 * 4) * 39 * 39 + 39);
    assert!(groups.len() > 100 && found.rows > 900_000, "{}", found.rows);
    for role in ROLES {
        assert!(groups.iter().any(|group| group.node.role == role), "{role:?}");
    }
}
