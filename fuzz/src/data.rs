//! An FE data dir of any content: ROLE, VERSION, the journal's log and the journal, parted by lines of `---`.

use std::fs;
use std::path::Path;

use muster::engine::ReadyProof;
use muster::facts::data::FeData;
use muster::facts::mounts::Mounts;

pub fn holds(input: &[u8]) {
    let files = parts(input);
    // In memory where there is such a place: nothing here waits for a disk.
    let shm = Path::new("/dev/shm");
    let dir = if shm.is_dir() {
        tempfile::tempdir_in(shm)
    } else {
        tempfile::tempdir()
    };
    let Ok(dir) = dir else { return };
    let names = ["image/ROLE", "image/VERSION", "bdb/je.info.0", "bdb/00000000.jdb"];
    for (name, content) in names.iter().zip(&files) {
        let path = dir.path().join(name);
        let made =
            fs::create_dir_all(path.parent().unwrap_or(dir.path())).and_then(|()| fs::write(&path, content));
        assert!(made.is_ok(), "{}: {made:?}", path.display());
    }
    let all = files.len() >= names.len();
    let file = |number: usize| files.get(number).copied().unwrap_or_default();
    let role = String::from_utf8_lossy(file(0)).into_owned();
    let mounts = Mounts::parse("");

    let by_role = FeData::look(dir.path(), ReadyProof::RoleKeyFilled("hostType"), &mounts);
    assert!(!by_role.is_empty(), "there is a ROLE");
    // A ready node has a line that begins with the key and goes on; whatever else the file holds.
    if by_role.ready {
        // Not the key as it is: a backslash may stand before any of its letters.
        assert!(all && role.contains('='), "{role:?}");
        assert!(
            by_role
                .role
                .as_ref()
                .and_then(|role| role.keys.get("hostType"))
                .is_some_and(|kind| !kind.is_empty())
        );
    }

    let by_journal = FeData::look(dir.path(), ReadyProof::JournalInfo, &mounts);
    assert_eq!(
        by_journal.journal_info.nascent_group,
        contains(file(2), b"Nascent group")
    );
    assert_eq!(
        by_journal.journal_info.joined_as_replica,
        contains(file(2), b"Joined group as a replica")
    );
    let name = by_journal
        .role
        .as_ref()
        .and_then(|role| role.name())
        .map(|name| format!("\"nodeName\":\"{name}\""));
    let own = name.is_some_and(|name| contains(file(3), name.as_bytes()));
    let proof = if by_journal.journal_info.nascent_group {
        own
    } else {
        by_journal.journal_info.joined_as_replica
    };
    assert_eq!(by_journal.ready, all && proof);
    let text = String::from_utf8_lossy(file(1));
    if let Some(id) = by_journal.version.and_then(|version| version.cluster_id) {
        assert!(
            text.contains("clusterId") || text.contains('\\'),
            "{id} came of {text:?}"
        );
    }
}

fn parts(input: &[u8]) -> Vec<&[u8]> {
    let mut parts = Vec::new();
    let mut rest = input;
    while parts.len() < 3 {
        let Some(at) = rest.windows(5).position(|part| part == b"\n---\n") else {
            break;
        };
        parts.push(&rest[..at]);
        rest = &rest[at + 5..];
    }
    parts.push(rest);
    parts
}

fn contains(text: &[u8], words: &[u8]) -> bool {
    text.windows(words.len()).any(|part| part == words)
}
