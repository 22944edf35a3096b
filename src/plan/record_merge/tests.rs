//! Both copies of the record with the data: the classification and the messages.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{Identity, RecordCopies};
use crate::engine::{ALL, Component};
use crate::facts::record::{Progress, Record, RecordCopy};
use crate::plan::data::{ClusterId, Data, FeDir, Storage, classify_backend, classify_fe};
use crate::plan::refusal::Refusal;
use crate::plan::role_host::RoleHost;
use crate::settings::Host;

/// `-`, `cut off`, `newer`, or a progress, a cluster and a host other than this one: `joined 77 of 10.0.0.6`.
fn copy(text: &str, place: &str, component: Component) -> RecordCopy {
    let path = PathBuf::from(place);
    match text {
        "-" => return RecordCopy::Missing,
        "cut off" => {
            let why = "it is empty".to_owned();
            return RecordCopy::Unreadable { path, why };
        }
        "newer" => return RecordCopy::Newer { path, version: 2 },
        _ => {}
    }
    let (text, host) = text.split_once(" of ").unwrap_or((text, "10.0.0.5"));
    let (progress, cluster) = text.split_once(' ').unwrap_or((text, ""));
    let (component, engine) = match cluster {
        "as BE" => (Component::Be, ALL[0]),
        "as the other engine" => (component, ALL[1]),
        _ => (component, ALL[0]),
    };
    RecordCopy::Present(Record {
        engine,
        component,
        role: "follower".to_owned(),
        host: Host::parse(host).unwrap(),
        ports: BTreeMap::new(),
        cluster_id: cluster.parse::<u32>().ok().map(|id| id.to_string()),
        members: Vec::new(),
        progress: match progress {
            "planned" => Progress::Planned,
            "added" => Progress::Added,
            "started" => Progress::Started,
            "joined" => Progress::Joined,
            "founding" => Progress::Founding,
            "dropped" => Progress::Dropped,
            other => panic!("no such progress: {other}"),
        },
        first_steps: None,
        lost: false,
    })
}

/// `empty`, `ready`, `begun` (a journal), `elected itself`, `no journal`, `no image`; of cluster 77 unless another is named. After `, `
/// the host in ROLE.
fn dir(text: &str) -> FeDir {
    let (text, role) = text
        .split_once(", ")
        .map_or((text, None), |(text, host)| (text, Some(host)));
    let (state, cluster) = text.split_once(" of ").unwrap_or((text, "77"));
    FeDir {
        path: "/meta".to_owned(),
        empty: state == "empty",
        journal: ["ready", "begun", "elected itself", "no image"].contains(&state),
        nascent: state == "elected itself",
        ready: state == "ready",
        name: None,
        host: role.map(|host| match host {
            "a name" => RoleHost::SomeName,
            host => RoleHost::Named(Host::parse(host).unwrap()),
        }),
        cluster: (!["empty", "no image"].contains(&state)).then(|| cluster.to_owned()),
    }
}

fn word(data: Result<Data, Refusal>) -> String {
    let of = |cluster: Option<ClusterId>| cluster.map_or(String::new(), |cluster| format!(" {}", cluster.id));
    match data {
        Ok(Data::Empty { known: None }) => "empty".to_owned(),
        Ok(Data::Empty { known: Some(known) }) => format!("wiped: {}", known.sentence),
        Ok(Data::Joined { cluster }) => format!("joined{}", of(cluster)),
        Ok(Data::Adopted { cluster }) => format!("adopted{}", of(cluster)),
        Ok(Data::Moved(moved)) => format!("{:?} moved from {}{}", moved.data, moved.from, of(moved.cluster)),
        Ok(Data::Unfinished { keep, .. }) => {
            format!("unfinished, {}", if keep { "kept" } else { "set aside" })
        }
        Ok(Data::UnfinishedFounding) => "unfinished founding".to_owned(),
        Ok(Data::Dropped { cluster }) => format!("dropped{}", of(cluster)),
        Ok(Data::Unproven { .. }) => "unproven".to_owned(),
        Err(refusal) => {
            assert!(!refusal.hint.is_empty());
            format!("refuse {}: {refusal}", refusal.code.number())
                .replace(ALL[0].name, "ONE")
                .replace(ALL[1].name, "OTHER")
        }
    }
}

const CUT: &str = "refuse 79: the record /meta/muster.json cannot be read, and nothing in the data proves that the copy in \
                   the state dir belongs to it";

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn both_copies_and_the_data_amount_to_one_thing() {
    let table = [
        // Ordinary, and a container that was made again.
        ("joined 77", "joined 77", "ready", "joined 77"),
        ("joined 77", "-", "ready", "joined 77"),
        ("joined 77", "-", "begun", "joined 77"),
        // The data was wiped.
        (
            "-",
            "joined 77",
            "empty",
            "wiped: the record says that this host was a member of cluster 77",
        ),
        (
            "-",
            "added 77",
            "empty",
            "wiped: the record says that this host was added to cluster 77",
        ),
        ("-", "founding", "empty", "empty"),
        ("-", "planned", "empty", "empty"),
        ("-", "-", "empty", "empty"),
        // It ran without muster.
        ("-", "-", "ready", "adopted 77"),
        ("-", "-", "begun", "unfinished, kept"),
        ("-", "-", "ready, 10.0.0.5", "adopted 77"),
        (
            "-",
            "-",
            "ready, a name",
            "refuse 79: the data in /meta belongs to a member that is known by a name (image/ROLE, \
                                     hostType=FQDN); LOCAL_HOST says 10.0.0.5",
        ),
        // A wrong LOCAL_HOST, or another address: ROLE names the owner.
        ("-", "-", "ready, 10.0.0.6", "Member moved from 10.0.0.6 77"),
        ("-", "-", "ready, db-fe", "Member moved from db-fe 77"),
        ("-", "-", "begun, 10.0.0.6", "Unfinished moved from 10.0.0.6 77"),
        (
            "founding",
            "founding",
            "ready, 10.0.0.6",
            "Member moved from 10.0.0.6 77",
        ),
        // A start with a wrong LOCAL_HOST recorded it, and no list has shown it: it binds nothing.
        (
            "planned 77 of 10.0.0.6",
            "planned 77 of 10.0.0.6",
            "ready",
            "adopted 77",
        ),
        ("planned 77 of 10.0.0.6", "-", "ready, 10.0.0.5", "adopted 77"),
        ("planned 77", "planned 77", "ready", "adopted 77"),
        (
            "founding of 10.0.0.6",
            "founding of 10.0.0.6",
            "ready, 10.0.0.5",
            "adopted 77",
        ),
        ("started 77", "started 77", "ready, 10.0.0.6", "joined 77"),
        ("joined 77", "joined 77", "ready, 10.0.0.6", "joined 77"),
        // The address changed: only the cluster can say what became of the old one.
        (
            "joined 77 of 10.0.0.6",
            "-",
            "ready",
            "Member moved from 10.0.0.6 77",
        ),
        (
            "joined 77 of 10.0.0.6",
            "joined 77 of 10.0.0.6",
            "ready",
            "Member moved from 10.0.0.6 77",
        ),
        (
            "started 77 of 10.0.0.6",
            "-",
            "begun",
            "Unfinished moved from 10.0.0.6 77",
        ),
        (
            "-",
            "joined 77 of 10.0.0.6",
            "empty",
            "Empty moved from 10.0.0.6 77",
        ),
        (
            "joined 77 of 10.0.0.6",
            "dropped 77 of 10.0.0.6",
            "ready",
            "Dropped moved from 10.0.0.6 77",
        ),
        // Killed between the two writes of the first start after it was readdressed.
        (
            "joined 77 of 10.0.0.6",
            "started 77",
            "ready",
            "Member moved from 10.0.0.6 77",
        ),
        // This host has joined, and the data is another one's.
        (
            "joined 77 of 10.0.0.6",
            "joined 77",
            "ready",
            "refuse 79: the record in the data dir names 10.0.0.6, but the record in the state dir names 10.0.0.5, \
             this host",
        ),
        // Two hosts share a state dir: the data knows whose it is.
        ("joined 77", "joined 77 of 10.0.0.6", "ready", "joined 77"),
        ("joined 77", "dropped 77 of 10.0.0.6", "ready", "joined 77"),
        ("joined 77", "joined 88 of 10.0.0.6", "ready", "joined 77"),
        // Of another cluster than the data, or than the other copy.
        (
            "joined 88",
            "joined 88",
            "ready",
            "refuse 79: the data belongs to cluster 77 (/meta/image/VERSION), but the record names cluster 88",
        ),
        (
            "joined 77",
            "joined 88",
            "ready",
            "refuse 79: the record in the data dir names cluster 77, but the record in the state dir names cluster 88",
        ),
        ("started", "joined 88", "ready of 88", "joined 88"),
        // Killed between the two writes, the state copy first: what the data proves decides, and the next start
        // writes both again.
        (
            "-",
            "started 77",
            "empty",
            "wiped: the record says that this host was being started in cluster 77",
        ),
        ("added 77", "started 77", "begun", "unfinished, kept"),
        ("started 77", "joined 77", "ready", "joined 77"),
        ("started 77", "joined 77", "begun", "unfinished, kept"),
        (
            "started 77",
            "joined 77",
            "elected itself",
            "unfinished, set aside",
        ),
        ("founding", "joined 77", "ready", "joined 77"),
        ("founding", "joined 77", "begun", "unfinished founding"),
        // A state dir older than the data, from an image or a backup.
        ("joined 77", "added 77", "ready", "joined 77"),
        ("joined 77", "planned 77", "begun", "joined 77"),
        ("joined 77", "founding", "begun", "joined 77"),
        // A dropped node stays dropped, by either copy.
        ("joined 77", "dropped 77", "ready", "dropped 77"),
        ("dropped 77", "joined 77", "ready", "dropped 77"),
        ("-", "dropped 77", "empty", "dropped 77"),
        ("-", "dropped 77", "ready", "dropped 77"),
        // One copy cannot be read. The data's own needs no other.
        ("joined 77", "cut off", "ready", "joined 77"),
        ("added 77", "cut off", "begun", "unfinished, kept"),
        // The state's one must be proven by the data, and never lets a seed found.
        ("cut off", "joined 77", "ready", "joined 77"),
        ("cut off", "dropped 77", "ready", "dropped 77"),
        (
            "cut off",
            "joined 77",
            "empty",
            "wiped: the record says that this host was a member of cluster 77",
        ),
        ("cut off", "joined 77", "begun", CUT),
        ("cut off", "joined 77", "elected itself", CUT),
        ("cut off", "added 77", "begun", CUT),
        ("cut off", "started 77", "ready", CUT),
        ("cut off", "founding", "begun", CUT),
        ("cut off", "founding", "empty", CUT),
        (
            "cut off",
            "joined 88",
            "ready",
            "refuse 79: the data belongs to cluster 77 (/meta/image/VERSION), but the record names cluster 88",
        ),
        (
            "cut off",
            "joined 77 of 10.0.0.6",
            "ready",
            "refuse 79: the record /meta/muster.json cannot be read, and nothing in the data proves that the copy in the \
             state dir belongs to it",
        ),
        // The other copy cannot replace it.
        (
            "cut off",
            "-",
            "ready",
            "refuse 79: the record /meta/muster.json cannot be read: it is empty",
        ),
        (
            "-",
            "cut off",
            "empty",
            "refuse 79: the record /state/muster-fe.json cannot be read: it is empty",
        ),
        (
            "cut off",
            "cut off",
            "empty",
            "refuse 79: the record /meta/muster.json cannot be read: it is empty; the record \
             /state/muster-fe.json cannot be read: it is empty",
        ),
        // A newer muster wrote one of the copies.
        (
            "newer",
            "joined 77",
            "ready",
            "refuse 79: the record /meta/muster.json has version 2, written by a newer muster; this muster reads \
             version 1",
        ),
        (
            "joined 77",
            "newer",
            "ready",
            "refuse 79: the record /state/muster-fe.json has version 2, written by a newer muster; this muster reads \
             version 1",
        ),
        (
            "cut off",
            "newer",
            "ready",
            "refuse 79: the record /state/muster-fe.json has version 2, written by a newer muster; this muster reads \
             version 1",
        ),
        // Another image on the same volumes.
        (
            "joined as BE",
            "-",
            "ready",
            "refuse 79: the record of this node names ONE BE, but it is started as ONE FE",
        ),
        (
            "joined as the other engine",
            "-",
            "ready",
            "refuse 79: the record of this node names OTHER FE, but it is started as ONE FE",
        ),
        // An image without a journal elects itself, whatever it once was.
        (
            "joined 77",
            "joined 77",
            "no journal",
            "refuse 79: /meta holds a member's data according to its record, but its journal (bdb/*.jdb) is missing: an FE \
             started on it would elect itself leader",
        ),
        // A journal without an image founds another cluster.
        (
            "joined 77",
            "joined 77",
            "no image",
            "refuse 79: /meta holds a member's data according to its record, but image/ROLE and image/VERSION are missing: \
             an FE started on it would found another cluster",
        ),
        ("-", "joined 77", "no image", "unfinished, kept"),
        ("started 77", "started 77", "no journal", "unfinished, set aside"),
    ];
    for (data, state, files, expected) in table {
        let own = Host::parse("10.0.0.5").unwrap();
        let copies = RecordCopies {
            data: &copy(data, "/meta/muster.json", Component::Fe),
            state: &copy(state, "/state/muster-fe.json", Component::Fe),
            owner: Identity {
                engine: ALL[0],
                component: Component::Fe,
                host: &own,
            },
        };
        assert_eq!(
            word(classify_fe(false, &dir(files), copies)),
            expected,
            "{data} | {state} | {files}"
        );
    }
}

#[test]
fn storage_and_both_copies_amount_to_one_thing() {
    let table: [(&str, &str, &[&str], &str); 13] = [
        ("joined 77", "joined 77", &["77"], "joined 77"),
        ("-", "-", &[], "empty"),
        ("-", "-", &["77"], "adopted 77"),
        ("started 77", "-", &["77"], "adopted 77"),
        (
            "-",
            "joined 77",
            &[],
            "wiped: the record says that this host was a member of cluster 77",
        ),
        ("dropped 77", "dropped 77", &["77"], "dropped 77"),
        ("joined 77", "dropped 77", &["77"], "dropped 77"),
        // Dropped, and then wiped: muster does not register it again.
        ("-", "dropped 77", &[], "dropped 77"),
        ("cut off", "joined 77", &["77"], "joined 77"),
        ("cut off", "started 77", &["77"], CUT),
        (
            "cut off",
            "joined 88",
            &["77"],
            "refuse 79: the data belongs to cluster 77 (/disk0/cluster_id), but the record names cluster 88",
        ),
        ("joined 77", "cut off", &["77"], "joined 77"),
        (
            "joined 77",
            "joined 77",
            &["77", "88"],
            "refuse 79: the storage paths belong to two clusters: 77 (/disk0/cluster_id) and 88 (/disk1/cluster_id)",
        ),
    ];
    for (data, state, ids, expected) in table {
        let own = Host::parse("10.0.0.5").unwrap();
        let copies = RecordCopies {
            data: &copy(data, "/meta/muster.json", Component::Be),
            state: &copy(state, "/state/muster-be.json", Component::Be),
            owner: Identity {
                engine: ALL[0],
                component: Component::Be,
                host: &own,
            },
        };
        let ids = ids.iter().zip(0..).map(|(id, disk)| ClusterId {
            id: (*id).to_owned(),
            read_from: format!("/disk{disk}/cluster_id"),
        });
        let storage = Storage { ids: ids.collect() };
        assert_eq!(
            word(classify_backend(&storage, copies)),
            expected,
            "{data} | {state} | {storage:?}"
        );
    }
}

#[test]
fn a_copy_that_is_passed_over_is_named() {
    let table = [
        ("joined 77", "joined 77", ""),
        ("joined 77", "-", ""),
        ("-", "joined 77", ""),
        (
            "joined 77",
            "cut off",
            "the record /state/muster-fe.json cannot be read: it is empty; muster uses the copy in the data dir and \
             writes both again",
        ),
        (
            "cut off",
            "joined 77",
            "the record /meta/muster.json cannot be read: it is empty; muster uses the copy in the state dir and \
             writes both again",
        ),
        (
            "joined 77",
            "joined 77 of 10.0.0.6",
            "the record in the state dir names 10.0.0.6, but the record in the data dir names 10.0.0.5: muster uses \
             the one in the data dir; set a separate STATE_DIR on each host",
        ),
    ];
    for (data, state, expected) in table {
        let own = Host::parse("10.0.0.5").unwrap();
        let copies = RecordCopies {
            data: &copy(data, "/meta/muster.json", Component::Fe),
            state: &copy(state, "/state/muster-fe.json", Component::Fe),
            owner: Identity {
                engine: ALL[0],
                component: Component::Fe,
                host: &own,
            },
        };
        assert_eq!(copies.warnings().join("; "), expected, "{data} | {state}");
    }
}
