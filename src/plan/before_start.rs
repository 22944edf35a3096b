//! Decides whether a member's data may still be started. It is, whoever is silent: all nodes may be coming back from a power cut
//! together. But the old data of a voter that was dropped while it was away, or whose group was reset without it, stops the
//! leader of either engine (observed); a leader that is believed and does not list this node shows that.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::engine::probe::Ha;
use crate::plan::data::Data;
use crate::plan::node::{Node, Role};
use crate::plan::refusal::Refusal;
use crate::settings::Host;

/// The answer of one FE, over HTTP and without an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberAnswer {
    pub from: Host,
    pub ha: Ha,
    /// The leader that it names is itself.
    pub leads_itself: bool,
    /// It knows the cluster id and the token of this node's data.
    pub ours: bool,
    /// The addresses of each voter that it lists; none if the name cannot be resolved.
    pub voters: BTreeMap<String, Vec<IpAddr>>,
}

/// True if this node looks at its group before it starts. An observer has no vote that could harm, and its leader forgets it
/// within 3 s of its death (observed).
pub const fn looks(node: &Node) -> bool {
    let voter = matches!(node.role, Role::Seed | Role::Follower) && !node.data_of_observer;
    voter && matches!(node.data, Data::Joined { .. } | Data::Adopted { .. })
}

/// True if this answer ends the look: a leader of this node's group lists it.
pub fn lists(node: &Node, own: &[IpAddr], answer: &MemberAnswer) -> bool {
    leads(answer)
        && answer.ours
        && answer
            .voters
            .iter()
            .any(|(voter, at)| is_us(node, own, voter, at))
}

/// The refusal if the only leader among the answers is believed and none of its voters is this node. `own` has every
/// address of this host.
pub fn reset_without(node: &Node, own: &[IpAddr], answers: &[MemberAnswer]) -> Option<Refusal> {
    let mut leaders = answers.iter().filter(|answer| answer.ha.leads);
    let (Some(leader), None) = (leaders.next(), leaders.next()) else {
        return None;
    };
    let name = leader.ha.leader.as_deref()?;
    // One that names another leader shows a second group.
    let agreed = answers
        .iter()
        .all(|answer| answer.ha.leader.as_deref().is_none_or(|named| named == name));
    let others = leader
        .voters
        .iter()
        .all(|(voter, at)| !at.is_empty() && !is_us(node, own, voter, at));
    if !leads(leader) || !leader.ours || !agreed || !others {
        return None;
    }
    let voters: Vec<&str> = leader.voters.keys().map(String::as_str).collect();
    let voters = voters.join(", ");
    if matches!(node.data, Data::Adopted { .. }) {
        return Some(Refusal::protect(
            format!(
                "the leader {name} lists {voters} and not LOCAL_HOST = {}",
                node.host
            ),
            "check LOCAL_HOST: it must be the host by which the cluster knows the owner of this data",
        ));
    }
    Some(Refusal::protect(
        format!(
            "the leader {name} of this node's cluster lists {voters} and not {}: it was dropped, or the group was reset without \
             it; started on its old data, it would stop that leader",
            node.host
        ),
        "set REJOIN=1 to set the data aside and join again, or remove this node",
    ))
}

const fn leads(answer: &MemberAnswer) -> bool {
    answer.ha.leads && answer.leads_itself
}

fn is_us(node: &Node, own: &[IpAddr], voter: &str, addresses: &[IpAddr]) -> bool {
    node.identity().is_at(voter) || addresses.iter().any(|address| own.contains(address))
}

#[cfg(test)]
mod tests {
    use super::{MemberAnswer, lists, looks, reset_without};
    use crate::engine::Component;
    use crate::engine::probe::Ha;
    use crate::plan::data::Data;
    use crate::plan::join::tests::node;
    use crate::plan::node::Role;
    use crate::settings::Host;
    use std::net::IpAddr;

    /// Names in these tests that resolve: `fe5` is this host, 10.0.0.5, and so is its second address 192.168.0.5.
    fn resolve(voter: &str) -> Vec<IpAddr> {
        let known = match voter {
            "fe1" => "10.0.0.1",
            "other" => "192.168.0.5",
            "gone" => return Vec::new(),
            address => address,
        };
        vec![known.parse().unwrap()]
    }

    /// `<asked> <role> <master> <voters>[ foreign]`.
    fn answer(text: &str) -> MemberAnswer {
        let words: Vec<&str> = text.split(' ').collect();
        let leader = (words[2] != "-").then(|| words[2].to_owned());
        let voters: Vec<&str> = words[3].split(',').filter(|voter| *voter != "-").collect();
        let all = voters.iter().copied().chain(leader.as_deref());
        MemberAnswer {
            from: Host::parse(words[0]).unwrap(),
            leads_itself: leader.as_deref() == Some(words[0])
                || (words[0] == "10.0.0.1" && words[2] == "fe1"),
            ours: words.get(4) != Some(&"foreign"),
            voters: all.map(|voter| (voter.to_owned(), resolve(voter))).collect(),
            ha: Ha {
                leads: words[1] == "L",
                leader,
                voters: voters.into_iter().map(str::to_owned).collect(),
                ..Ha::default()
            },
        }
    }

    #[test]
    fn a_members_data_starts_unless_the_only_leader_of_its_group_lists_others_alone() {
        let table: [(&str, &[&str], bool); 15] = [
            ("power cut of all", &[], false),
            (
                "rolling restart",
                &[
                    "10.0.0.1 L 10.0.0.1 10.0.0.2,10.0.0.5",
                    "10.0.0.2 F 10.0.0.1 10.0.0.2,10.0.0.5",
                ],
                false,
            ),
            (
                "dropped, or reset without it",
                &["10.0.0.1 L 10.0.0.1 10.0.0.2"],
                true,
            ),
            (
                "the same, with a follower that agrees",
                &["10.0.0.1 L 10.0.0.1 10.0.0.2", "10.0.0.2 F 10.0.0.1 10.0.0.2"],
                true,
            ),
            ("a group of one that was reset", &["10.0.0.1 L 10.0.0.1 -"], true),
            (
                "a follower without a leader knows nothing",
                &["10.0.0.2 U - -"],
                false,
            ),
            (
                "a follower's word alone",
                &["10.0.0.2 F 10.0.0.1 10.0.0.2"],
                false,
            ),
            (
                "a stale leader is back on the network",
                &["10.0.0.1 L 10.0.0.1 10.0.0.2", "10.0.0.2 L 10.0.0.2 10.0.0.1"],
                false,
            ),
            (
                "an armed impostor",
                &["10.0.0.1 L 10.0.0.1 -", "10.0.0.3 L 10.0.0.1 10.0.0.2"],
                false,
            ),
            (
                "one names another leader",
                &["10.0.0.1 L 10.0.0.1 10.0.0.2", "10.0.0.3 F 10.0.0.2 10.0.0.3"],
                false,
            ),
            (
                "another cluster at a member's address",
                &["10.0.0.1 L 10.0.0.1 10.0.0.2 foreign"],
                false,
            ),
            (
                "a name that does not resolve",
                &["10.0.0.1 L 10.0.0.1 gone"],
                false,
            ),
            (
                "a second address of this host",
                &["10.0.0.1 L 10.0.0.1 192.168.0.5"],
                false,
            ),
            (
                "a name of this host's second address",
                &["10.0.0.1 L fe1 other"],
                false,
            ),
            ("names that are others", &["10.0.0.1 L fe1 10.0.0.2"], true),
        ];
        let own: Vec<IpAddr> = ["10.0.0.5", "192.168.0.5"]
            .map(|text| text.parse().unwrap())
            .to_vec();
        for data in [Data::Joined { cluster: None }, Data::Adopted { cluster: None }] {
            let node = node(Role::Follower, data);
            for (what, answers, refused) in &table {
                let answers: Vec<MemberAnswer> = answers.iter().map(|text| answer(text)).collect();
                let refusal = reset_without(&node, &own, &answers);
                assert_eq!(refusal.is_some(), *refused, "{what}");
                let listed = answers.iter().any(|answer| lists(&node, &own, answer));
                assert!(!(listed && *refused), "{what}");
            }
        }
    }

    #[test]
    fn only_the_data_of_a_voter_is_looked_for_and_without_a_record_rejoin_is_no_remedy() {
        let joined = || Data::Joined { cluster: None };
        let adopted = || Data::Adopted { cluster: None };
        for (role, data, expected) in [
            (Role::Seed, joined(), true),
            (Role::Follower, adopted(), true),
            (Role::Observer, joined(), false),
            (Role::Component(Component::Be), joined(), false),
            (Role::Follower, Data::Empty { known: None }, false),
            (Role::Seed, Data::UnfinishedFounding, false),
        ] {
            assert_eq!(looks(&node(role, data)), expected, "{role:?}");
        }
        let mut observer = node(Role::Follower, adopted());
        observer.data_of_observer = true;
        assert!(!looks(&observer));
        let alone = [answer("10.0.0.1 L 10.0.0.1 10.0.0.2")];
        let refusal = |data| reset_without(&node(Role::Follower, data), &[], &alone).unwrap();
        assert!(refusal(joined()).hint.contains("REJOIN"));
        let without = refusal(adopted());
        assert_eq!(
            without.sentence,
            "the leader 10.0.0.1 lists 10.0.0.1, 10.0.0.2 and not LOCAL_HOST = 10.0.0.5"
        );
        assert!(!without.hint.contains("REJOIN") && !without.sentence.contains("dropped"));
    }
}
