//! Setting the contents of a mount point aside takes as many renames as there are names in it, and a kill may come between
//! any two of them. The next start must recognise the rest: data that is still to be set aside, or none.

use std::fs;
use std::path::Path;

use crate::effects::set_aside::set_aside;
use crate::engine::{Component, ReadyProof};
use crate::facts::data::FeData;
use crate::facts::mounts::Mounts;
use crate::facts::record::{Progress, RecordCopy};
use crate::plan::data::{Data, FeDir, classify_fe};
use crate::plan::record_merge::{Identity, RecordCopies};
use crate::settings::Host;

const HOST: &str = "10.0.0.11";
const NEVER_READY: &str = "role=FOLLOWER\nhostType=\nname=10.0.0.11_9010_1\n";
const READY: &str = "role=FOLLOWER\nhostType=IP\nname=10.0.0.11_9010_1\n";

/// The existing copies of the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Copies {
    Both,
    /// The container was created again.
    Data,
    /// The data dir has no record yet.
    State,
    Neither,
}

/// The reason why a dir is set aside, and the classifications of the rest that the next start may make.
struct Story {
    what: &'static str,
    seed: bool,
    role: &'static str,
    /// Names and texts below `bdb/`.
    journal: &'static [(&'static str, &'static str)],
    progress: Progress,
    allowed: fn(&Data) -> bool,
}

fn to_be_set_aside(data: &Data) -> bool {
    matches!(data, Data::Unfinished { keep: false, .. } | Data::Empty { .. })
}

/// The founding is started without a helper first, which ends without a journal, and then the move continues.
fn founded_again(data: &Data) -> bool {
    matches!(data, Data::UnfinishedFounding | Data::Empty { known: None })
}

fn still_dropped(data: &Data) -> bool {
    matches!(data, Data::Dropped { .. } | Data::Empty { .. })
}

fn of_a_seed(data: &Data) -> bool {
    matches!(data, Data::Unproven { .. } | Data::Empty { .. })
}

const STORIES: &[Story] = &[
    Story {
        what: "a join without a journal",
        seed: false,
        role: NEVER_READY,
        journal: &[],
        progress: Progress::Started,
        allowed: to_be_set_aside,
    },
    Story {
        what: "a join that elected itself",
        seed: false,
        role: NEVER_READY,
        journal: &[("00000000.jdb", ""), ("je.info.0", "Nascent group")],
        progress: Progress::Started,
        allowed: to_be_set_aside,
    },
    Story {
        what: "a kept join whose engine reported that it cannot finish",
        seed: false,
        role: NEVER_READY,
        journal: &[("00000000.jdb", ""), ("je.info.0", "")],
        progress: Progress::Started,
        allowed: to_be_set_aside,
    },
    Story {
        what: "a founding whose engine reported an interrupted founding",
        seed: true,
        role: NEVER_READY,
        journal: &[("00000000.jdb", ""), ("je.info.0", "Nascent group")],
        progress: Progress::Founding,
        allowed: founded_again,
    },
    Story {
        what: "a seed whose cluster has another leader by now",
        seed: true,
        role: NEVER_READY,
        journal: &[("00000000.jdb", ""), ("je.info.0", "")],
        progress: Progress::Started,
        allowed: to_be_set_aside,
    },
    Story {
        what: "a member that was dropped",
        seed: false,
        role: READY,
        journal: &[("00000000.jdb", ""), ("je.info.0", "")],
        progress: Progress::Dropped,
        allowed: still_dropped,
    },
];

fn record(progress: Progress) -> String {
    let progress = crate::plan::progress_word(progress);
    let engine = crate::engine::ALL[0].id;
    format!(
        r#"{{"version":1,"engine":"{engine}","component":"fe","role":"follower","host":"{HOST}","cluster_id":"7","progress":"{progress}"}}"#
    )
}

fn make(root: &Path, story: &Story, copies: Copies) {
    let meta = root.join("meta");
    fs::create_dir_all(meta.join("image")).unwrap();
    fs::create_dir_all(root.join("state")).unwrap();
    fs::write(meta.join("image/ROLE"), story.role).unwrap();
    fs::write(meta.join("image/VERSION"), "clusterId=7\n").unwrap();
    fs::write(meta.join("image/image.17"), "").unwrap();
    if !story.journal.is_empty() {
        fs::create_dir_all(meta.join("bdb")).unwrap();
    }
    for (name, text) in story.journal {
        fs::write(meta.join("bdb").join(name), text).unwrap();
    }
    let text = record(story.progress);
    if matches!(copies, Copies::Both | Copies::Data) {
        fs::write(meta.join("muster.json"), &text).unwrap();
    }
    if matches!(copies, Copies::Both | Copies::State) {
        fs::write(root.join("state/muster-fe.json"), &text).unwrap();
    }
}

fn classified(root: &Path, seed: bool) -> Data {
    let meta = root.join("meta");
    let proof = ReadyProof::RoleKeyFilled("hostType");
    let data = FeData::look(&meta, proof, &Mounts::default());
    let own = RecordCopy::read(&meta.join("muster.json"));
    let state = RecordCopy::read(&root.join("state/muster-fe.json"));
    let host = Host::parse(HOST).unwrap();
    let owner = Identity {
        engine: crate::engine::ALL[0],
        component: Component::Fe,
        host: &host,
    };
    let copies = RecordCopies {
        data: &own,
        state: &state,
        owner,
    };
    classify_fe(seed, &FeDir::of(&data, &owner.engine.own_host), copies).unwrap()
}

/// All files, without the directories of set-asides in their paths.
fn contents(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut dirs = vec![root.join("meta")];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
            } else {
                let below = path.strip_prefix(root).unwrap();
                let parts = below.iter().map(|part| part.to_string_lossy().into_owned());
                let own: Vec<String> = parts.filter(|part| !part.starts_with("unfinished-")).collect();
                found.push(own.join("/"));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn what_a_kill_leaves_of_a_set_aside_is_never_taken_for_a_member() {
    for story in STORIES {
        for copies in [Copies::Both, Copies::Data, Copies::State, Copies::Neither] {
            // Without a record a dropped member looks like any other, and a seed asks other FEs first.
            let allowed = match (copies, story.progress, story.seed) {
                (Copies::Neither, Progress::Dropped, _) => continue,
                (Copies::Neither, _, true) => of_a_seed,
                _ => story.allowed,
            };
            let whole = tempfile::tempdir().unwrap();
            make(whole.path(), story, copies);
            let all = contents(whole.path());
            // The renames in the order in which they are made.
            let names = crate::effects::set_aside::in_order(&whole.path().join("meta")).unwrap();
            for killed in 0..=names.len() {
                let root = tempfile::tempdir().unwrap();
                make(root.path(), story, copies);
                let meta = root.path().join("meta");
                fs::create_dir(meta.join("unfinished-1")).unwrap();
                for name in names.iter().take(killed) {
                    fs::rename(meta.join(name), meta.join("unfinished-1").join(name)).unwrap();
                }
                let found = classified(root.path(), story.seed);
                let place = format!("{}, {copies:?}, killed after {killed} of {names:?}", story.what);
                assert!(killed == 0 || allowed(&found), "{place}: {found:?}");
                // The next start continues, and no file is lost.
                set_aside(&meta, true, 2).unwrap();
                assert!(
                    matches!(
                        classified(root.path(), story.seed),
                        Data::Empty { .. } | Data::Dropped { .. }
                    ),
                    "{place}"
                );
                assert_eq!(contents(root.path()), all, "{place}");
            }
        }
    }
}
