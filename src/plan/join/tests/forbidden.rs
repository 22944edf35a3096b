//! The forbidden outcomes, each as one sentence. They are checked against the files and the shown rows, not against the
//! classification that the decision uses.

use crate::engine::member::{Backend, Frontend};
use crate::exit::ExitCode;
use crate::plan::caller::Believed;
use crate::plan::data::Data;
use crate::plan::leader::{Belief, Cluster};
use crate::plan::node::{Asking, Decision, Node, Seen};
use crate::plan::refusal::Refusal;
use crate::settings::{Bootstrap, Host};

use super::situation::Facts;

/// One combination.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'a> {
    pub facts: &'a Facts,
    pub node: &'a Node,
    pub seen: &'a Seen,
}

/// A sentence, and the check whether a combination makes it true.
pub(super) struct Forbidden {
    pub name: &'static str,
    pub came_of: Came,
}

/// The step that an outcome belongs to.
pub(super) enum Came {
    /// The classification of the files.
    Data(fn(&Facts, &Result<Data, Refusal>) -> bool),
    /// The queries before the decision.
    Asking(fn(&Facts, Asking) -> bool),
    /// One kind of decision.
    Decision(Kind, fn(&Row<'_>, &Decision) -> bool),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Any,
    Start,
    Join,
    Found,
    Register,
    SetAside,
    Wait,
    Refuse,
}

impl Kind {
    pub(super) const fn of(step: &Decision) -> Self {
        match step {
            Decision::Start => Self::Start,
            Decision::Join { .. } => Self::Join,
            Decision::Found => Self::Found,
            Decision::Register { .. } => Self::Register,
            Decision::SetAside { .. } => Self::SetAside,
            Decision::Wait { .. } => Self::Wait,
            Decision::Refuse(_) => Self::Refuse,
        }
    }
}

impl Row<'_> {
    fn leader(&self) -> Option<&Cluster> {
        match &self.seen.belief {
            Belief::Leader(cluster) => Some(cluster),
            Belief::Doubt(_) | Belief::Nobody => None,
        }
    }

    /// A leader that nobody named is believed, and no other one is.
    fn caller(&self) -> Option<&Believed> {
        let caller = self.seen.caller.as_ref();
        caller.filter(|_| self.leader().is_none())
    }

    /// The helper is that leader.
    fn is_caller(&self, helper: &str) -> bool {
        self.caller()
            .is_some_and(|caller| caller.helper.as_deref() == Some(helper))
    }

    fn silent(&self) -> bool {
        matches!(self.seen.belief, Belief::Nobody)
    }

    /// The list of the confirmed leader, or else of any FE.
    fn shown(&self) -> &[Frontend] {
        self.leader()
            .map_or(self.seen.members.as_slice(), |cluster| &cluster.frontends)
    }

    fn is_us(&self, host: &str) -> bool {
        Host::parse(host).is_ok_and(|host| host == self.node.host || self.node.also.contains(&host))
    }

    /// The row of this host.
    fn own(&self) -> Option<&Frontend> {
        self.shown().iter().find(|fe| self.is_us(&fe.host))
    }

    /// The row of the helper: its host string as the cluster spells it, with its own port.
    fn helper(&self, helper: &str) -> Option<&Frontend> {
        self.shown().iter().find(|fe| {
            let spelled = if fe.host.contains(':') {
                format!("[{}]", fe.host)
            } else {
                fe.host.clone()
            };
            format!("{spelled}:{}", fe.edit_log_port) == helper
        })
    }

    /// True unless an operator forces the founding.
    fn unforced(&self) -> bool {
        self.node.bootstrap != Bootstrap::Force
    }

    /// True if the data belongs to another cluster than the confirmed one.
    fn foreign(&self) -> bool {
        self.leader()
            .is_some_and(|cluster| self.facts.id.is_other_than(&cluster.id))
    }

    fn bound_elsewhere(&self) -> bool {
        self.leader()
            .is_some_and(|cluster| self.facts.bound.is_other_than(&cluster.id))
    }

    /// Whether this address is listed as a member of its own component, and of another one.
    fn listed_as_backend(&self) -> (bool, bool) {
        let Some(Ok(rows)) = &self.seen.backends else {
            return (false, false);
        };
        let here = rows
            .iter()
            .filter(|row| self.is_us(&row.host) && row.port == self.node.identity_port);
        let is_own = |row: &&Backend| row.component.is_none_or(|of| of == self.node.component);
        let (own, other): (Vec<_>, Vec<_>) = here.partition(is_own);
        (!own.is_empty(), !other.is_empty())
    }
}

const fn helper_of(step: &Decision) -> Option<&String> {
    match step {
        Decision::Join { helper, .. } => Some(helper),
        _ => None,
    }
}

const fn starts(step: &Decision) -> bool {
    matches!(step, Decision::Start)
}

const fn sets_aside(step: &Decision) -> bool {
    matches!(step, Decision::SetAside { .. })
}

const fn is_let_in(outcome: &Result<Data, Refusal>) -> bool {
    outcome.is_ok()
}

/// The host a record of another one names in these tables.
const OLD_HOST: &str = "10.0.0.6";

impl Row<'_> {
    fn lists_the_old_host(&self) -> bool {
        if self.facts.fe {
            return self.shown().iter().any(|fe| fe.host == OLD_HOST);
        }
        matches!(&self.seen.backends, Some(Ok(rows)) if rows.iter().any(|row| row.host == OLD_HOST))
    }
}

pub(super) const ALL: &[Forbidden] = &[
    // Founding.
    Forbidden {
        name: "founds although a record knows a cluster",
        came_of: Came::Decision(Kind::Found, |row, _| row.unforced() && row.facts.knows),
    },
    Forbidden {
        name: "founds although a witness knows a cluster",
        came_of: Came::Decision(Kind::Found, |row, _| {
            row.unforced() && !row.seen.witnesses.is_empty()
        }),
    },
    Forbidden {
        name: "founds although an FE answers",
        came_of: Came::Decision(Kind::Found, |row, _| row.unforced() && !row.silent()),
    },
    Forbidden {
        name: "founds although the data has a record that cannot be read",
        came_of: Came::Decision(Kind::Found, |row, _| row.unforced() && row.facts.data_unreadable),
    },
    Forbidden {
        name: "founds before the guard is over",
        came_of: Came::Decision(Kind::Found, |row, _| row.unforced() && !row.seen.guard_over),
    },
    Forbidden {
        name: "founds although BOOTSTRAP is never",
        came_of: Came::Decision(Kind::Found, |row, _| row.node.bootstrap == Bootstrap::Never),
    },
    Forbidden {
        name: "founds without being the seed",
        came_of: Came::Decision(Kind::Found, |row, _| !row.facts.seed),
    },
    Forbidden {
        name: "founds over data",
        came_of: Came::Decision(Kind::Found, |row, _| !row.facts.empty),
    },
    // The helper.
    Forbidden {
        name: "the helper is this node",
        came_of: Came::Decision(Kind::Join, |row, step| {
            helper_of(step).is_some_and(|helper| {
                helper.starts_with("10.0.0.5:")
                    || helper.to_lowercase().starts_with("fe5")
                    || row.helper(helper).is_some_and(|fe| row.is_us(&fe.host))
            })
        }),
    },
    Forbidden {
        name: "a helper on data of another cluster",
        came_of: Came::Decision(Kind::Join, |row, step| match step {
            Decision::Join { cluster, .. } => {
                row.facts.id.is_other_than(cluster) || row.foreign() || row.bound_elsewhere()
            }
            _ => false,
        }),
    },
    Forbidden {
        name: "the helper is an observer",
        came_of: Came::Decision(Kind::Join, |row, step| {
            helper_of(step)
                .and_then(|helper| row.helper(helper))
                .is_some_and(|fe| !fe.role.is_electable())
        }),
    },
    Forbidden {
        name: "the helper never joined",
        came_of: Came::Decision(Kind::Join, |row, step| {
            helper_of(step)
                .and_then(|helper| row.helper(helper))
                .is_some_and(|fe| !fe.join)
        }),
    },
    Forbidden {
        name: "the helper is dead",
        came_of: Came::Decision(Kind::Join, |row, step| {
            helper_of(step)
                .and_then(|helper| row.helper(helper))
                .is_some_and(|fe| !fe.alive)
        }),
    },
    Forbidden {
        name: "the helper is no member's registered address",
        came_of: Came::Decision(Kind::Join, |row, step| {
            helper_of(step).is_some_and(|helper| {
                row.helper(helper).is_none() && !row.seen.waiting.contains(helper) && !row.is_caller(helper)
            })
        }),
    },
    Forbidden {
        name: "a helper on what may have elected itself",
        came_of: Came::Decision(Kind::Join, |row, step| {
            helper_of(step).is_some()
                && !row.facts.empty
                && (!row.facts.journal || (row.facts.nascent && !row.facts.ready))
        }),
    },
    Forbidden {
        name: "a helper on joined data",
        came_of: Came::Decision(Kind::Join, |row, step| {
            helper_of(step).is_some() && row.facts.member()
        }),
    },
    Forbidden {
        name: "joins under a port that the cluster does not list",
        came_of: Came::Decision(Kind::Join, |row, step| {
            helper_of(step).is_some_and(|helper| !row.is_caller(helper))
                && row
                    .own()
                    .is_some_and(|own| own.edit_log_port != row.node.identity_port)
        }),
    },
    Forbidden {
        name: "joins under another text than the cluster lists",
        came_of: Came::Decision(Kind::Join, |row, step| {
            let exactly = |fe: &Frontend| Host::parse(&fe.host).is_ok_and(|host| host == row.node.host);
            helper_of(step).is_some_and(|helper| !row.is_caller(helper))
                && row.own().is_some()
                && !row.shown().iter().any(exactly)
        }),
    },
    Forbidden {
        name: "joins without being listed",
        came_of: Came::Decision(Kind::Join, |row, step| {
            helper_of(step).is_some_and(|helper| {
                row.own().is_none() && !row.seen.waiting.contains(helper) && !row.is_caller(helper)
            })
        }),
    },
    Forbidden {
        name: "joins without a leader and without data",
        came_of: Came::Decision(Kind::Join, |row, step| {
            helper_of(step)
                .is_some_and(|helper| row.leader().is_none() && row.facts.empty && !row.is_caller(helper))
        }),
    },
    Forbidden {
        name: "follows a caller although a named host leads",
        came_of: Came::Decision(Kind::Join, |row, step| {
            helper_of(step).is_some_and(|helper| {
                row.leader().is_some()
                    && row.seen.caller.as_ref().and_then(|it| it.helper.as_ref()) == Some(helper)
            })
        }),
    },
    Forbidden {
        name: "founds although a leader polls this host and is believed",
        came_of: Came::Decision(Kind::Found, |row, _| row.unforced() && row.caller().is_some()),
    },
    Forbidden {
        name: "a BE is started with a helper",
        came_of: Came::Decision(Kind::Join, |row, step| helper_of(step).is_some() && !row.facts.fe),
    },
    // ADD.
    Forbidden {
        name: "takes another host's record for its own",
        came_of: Came::Data(|facts, outcome| {
            facts.other_host && is_let_in(outcome) && !matches!(outcome, Ok(Data::Moved(_)))
        }),
    },
    Forbidden {
        name: "adds a host that the record does not name",
        came_of: Came::Decision(Kind::Register, |row, _| {
            row.facts.other_host && (!row.facts.planned_elsewhere || row.lists_the_old_host())
        }),
    },
    Forbidden {
        name: "founds with the record of another host",
        came_of: Came::Decision(Kind::Found, |row, _| row.facts.other_host),
    },
    Forbidden {
        name: "starts as another host than the one that is listed",
        came_of: Came::Decision(Kind::Start, |row, _| {
            let (own, other) = row.listed_as_backend();
            let listed = if row.facts.fe {
                row.own().is_some()
            } else {
                own || other
            };
            row.facts.other_host && (!listed || row.lists_the_old_host() || row.leader().is_none())
        }),
    },
    Forbidden {
        name: "sets a moved one aside while its old host is listed, or without REJOIN",
        came_of: Came::Decision(Kind::SetAside, |row, _| {
            row.facts.other_host && !row.facts.gone && (!row.node.rejoin || row.lists_the_old_host())
        }),
    },
    Forbidden {
        name: "registers at a leader that is not confirmed",
        came_of: Came::Decision(Kind::Register, |row, step| match step {
            Decision::Register { cluster } => row.leader() != Some(&**cluster),
            _ => false,
        }),
    },
    Forbidden {
        name: "adds although it is listed",
        came_of: Came::Decision(Kind::Register, |row, _| {
            if row.facts.fe {
                row.own().is_some()
            } else {
                let (own, other) = row.listed_as_backend();
                own || other
            }
        }),
    },
    Forbidden {
        name: "adds without having seen the list",
        came_of: Came::Decision(Kind::Register, |row, _| {
            !row.facts.fe && !matches!(row.seen.backends, Some(Ok(_)))
        }),
    },
    Forbidden {
        name: "adds data or a record of another cluster",
        came_of: Came::Decision(Kind::Register, |row, _| row.foreign() || row.bound_elsewhere()),
    },
    Forbidden {
        name: "adds joined data again",
        came_of: Came::Decision(Kind::Register, |row, _| row.facts.member()),
    },
    // Starting.
    Forbidden {
        name: "starts data of another cluster although one answers",
        came_of: Came::Decision(Kind::Start, |row, _| {
            !row.facts.member() && !row.facts.says_founding && row.foreign()
        }),
    },
    Forbidden {
        name: "starts an unfinished join bare",
        came_of: Came::Decision(Kind::Start, |row, _| {
            row.facts.fe
                && !row.facts.empty
                && !row.facts.ready
                && !row.facts.member()
                && !row.facts.says_founding
                && !row.facts.member_elsewhere
                && (row.facts.recorded || !row.facts.seed)
        }),
    },
    Forbidden {
        name: "starts data without proof although another node may know a cluster",
        came_of: Came::Decision(Kind::Start, |row, _| {
            let silence = row.silent() && row.seen.witnesses.is_empty() && row.seen.guard_over;
            row.facts.fe
                && !row.facts.empty
                && !row.facts.ready
                && !row.facts.recorded
                && !row.facts.member_elsewhere
                && (!silence || row.node.bootstrap == Bootstrap::Never)
        }),
    },
    Forbidden {
        name: "starts an FE that has nothing",
        came_of: Came::Decision(Kind::Start, |row, _| row.facts.fe && row.facts.empty),
    },
    Forbidden {
        name: "starts a journal's loss as an election of its own",
        came_of: Came::Decision(Kind::Start, |row, _| {
            row.facts.joined_in_data && row.facts.fe && !row.facts.journal && !row.facts.ready
        }),
    },
    Forbidden {
        name: "starts a BE that the cluster does not list",
        came_of: Came::Decision(Kind::Start, |row, _| {
            !row.facts.fe && !row.facts.member() && !row.listed_as_backend().0 && row.caller().is_none()
        }),
    },
    Forbidden {
        name: "joined data does not start",
        came_of: Came::Decision(Kind::Any, |row, step| row.facts.member() && !starts(step)),
    },
    Forbidden {
        name: "asks other FEs although the data is joined",
        came_of: Came::Asking(|facts, asking| facts.member() && asking != Asking::Nobody),
    },
    // Setting aside.
    Forbidden {
        name: "sets joined data aside",
        came_of: Came::Decision(Kind::SetAside, |row, _| {
            let proven = row.facts.ready || row.facts.member();
            !row.facts.empty && proven && !row.facts.dropped && !row.facts.other_host
        }),
    },
    Forbidden {
        name: "sets data aside without a leader",
        came_of: Came::Decision(Kind::SetAside, |row, _| {
            row.leader().is_none() && row.caller().is_none() && !row.facts.dropped && !row.facts.gone
        }),
    },
    Forbidden {
        name: "sets data of another cluster aside",
        came_of: Came::Decision(Kind::SetAside, |row, _| {
            row.foreign() && !row.facts.dropped && !row.facts.gone
        }),
    },
    Forbidden {
        name: "sets nothing aside, again and again",
        came_of: Came::Decision(Kind::SetAside, |row, _| {
            // The record of a moved one goes with it.
            row.facts.empty && !row.facts.dropped && !row.facts.other_host
        }),
    },
    // Dropped.
    Forbidden {
        name: "a dropped node continues without REJOIN",
        came_of: Came::Decision(Kind::Any, |row, step| {
            let listed = !row.facts.fe && row.listed_as_backend().0;
            row.facts.dropped && !row.node.rejoin && !listed && !matches!(step, Decision::Refuse(_))
        }),
    },
    Forbidden {
        name: "a dropped node continues with its old data",
        came_of: Came::Decision(Kind::Any, |row, step| {
            let listed = !row.facts.fe && row.listed_as_backend().0;
            row.facts.dropped && row.node.rejoin && !listed && !sets_aside(step)
        }),
    },
    // Waiting and refusing.
    Forbidden {
        name: "waits after the patience is over",
        came_of: Came::Decision(Kind::Wait, |row, step| {
            row.seen.patience_over && matches!(step, Decision::Wait { .. })
        }),
    },
    Forbidden {
        name: "waits although asking again cannot help",
        came_of: Came::Decision(Kind::Wait, |row, step| {
            matches!(step, Decision::Wait { .. }) && row.leader().is_none() && !row.seen.fatal.is_empty()
        }),
    },
    Forbidden {
        name: "waits without a sentence",
        came_of: Came::Decision(Kind::Any, |_, step| match step {
            Decision::Wait { why } | Decision::SetAside { why } => why.trim().is_empty(),
            _ => false,
        }),
    },
    Forbidden {
        name: "refuses without a sentence, a hint and a documented code",
        came_of: Came::Decision(Kind::Refuse, |_, step| match step {
            Decision::Refuse(refusal) => !is_sound(refusal),
            _ => false,
        }),
    },
    Forbidden {
        name: "refuses data without a sentence, a hint and a documented code",
        came_of: Came::Data(|_, outcome| outcome.as_ref().is_err_and(|refusal| !is_sound(refusal))),
    },
    // The record.
    Forbidden {
        name: "a newer record is passed over",
        came_of: Came::Data(|facts, outcome| facts.newer && is_let_in(outcome)),
    },
    Forbidden {
        name: "an unreadable record is treated as none",
        came_of: Came::Data(|facts, outcome| {
            let unreadable = facts.data_unreadable || facts.state_unreadable;
            // A record in the data that names another host counts.
            let heard = facts.recorded || (facts.other_host && !facts.data_unreadable);
            unreadable && !heard && is_let_in(outcome)
        }),
    },
    Forbidden {
        name: "the state dir speaks for data that has a record of its own and proves nothing",
        came_of: Came::Data(|facts, outcome| {
            let proven = facts.dropped
                || (facts.empty && facts.knows)
                || (facts.says_joined && (facts.ready || !facts.fe));
            facts.data_unreadable && !proven && is_let_in(outcome)
        }),
    },
    Forbidden {
        name: "data and record of two clusters are taken together",
        came_of: Came::Data(|facts, outcome| {
            let two = facts
                .bound
                .text()
                .is_some_and(|bound| facts.id.is_other_than(&bound));
            two && is_let_in(outcome)
        }),
    },
];

/// Checks that a refusal has a sentence, a hint, and a documented exit code.
fn is_sound(refusal: &Refusal) -> bool {
    let ends = [
        ExitCode::NoLeader,
        ExitCode::TryAgain,
        ExitCode::Credentials,
        ExitCode::Refused,
    ];
    let sentence = refusal.sentence.trim();
    ends.contains(&refusal.code)
        && ExitCode::TABLE.contains(&refusal.code)
        && !sentence.is_empty()
        && !sentence.ends_with('.')
        && !sentence.contains('\n')
        && !refusal.hint.trim().is_empty()
        && sentence != refusal.hint
}
