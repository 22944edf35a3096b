//! Every row of the tables that were observed by killing real FEs: what lay on disk, and whether it may start bare.

use super::{FeData, JournalInfo, Mounts, Sought};
use crate::engine::{self, ReadyProof};
use crate::facts::dir_state::PlaceState;
use crate::facts::fixture::tree;

const VERSION: &str = "#Sat Jun 14 09:00:00 UTC 2025\nclusterId=147889237\nrunMode=shared_nothing\n\
                       token=a1491ae0-5d2c-4c9e-8f3a-2b1d0e9c7a65\n";
const NAME: &str = "10.79.0.11_9010_1795234059948";
const NASCENT: &str =
    "2026-11-21 07:00:00.000 UTC INFO [me] Nascent group. me is master by virtue of being the first node.\n";
const REPLICA: &str = "2026-11-21 07:00:00.000 UTC INFO [me] Joined group as a replica.\n";

/// ROLE of an engine that notes there what it was started as: `hostType=` is empty until it was ready.
fn role_until_ready() -> String {
    format!("#Sat Jun 14 09:00:00 UTC 2025\nrole=FOLLOWER\nhostType=\nname={NAME}\n")
}

fn role_once_ready() -> String {
    role_until_ready().replace("hostType=", "hostType=IP")
}

/// ROLE of an engine that never writes it again.
fn role() -> String {
    format!("#Sat Jun 14 09:00:00 UTC 2025\nrole=FOLLOWER\nname={NAME}\n")
}

/// Journal text in which this node is a member.
fn journal_with_own_name() -> String {
    format!("....{{\"role\":\"FOLLOWER\",\"nodeName\":\"{NAME}\",\"host\":\"10.79.0.11\"}}....")
}

/// A data dir by its files.
#[derive(Default)]
struct Dir {
    role: Option<String>,
    version: bool,
    deploy_mode: Option<&'static str>,
    /// The text of `00000000.jdb`.
    journal: Option<String>,
    info: Option<&'static str>,
    /// `je.info.1`
    older_info: Option<&'static str>,
    /// The text of `image.120`.
    image: Option<String>,
}

impl Dir {
    fn with_role(self, text: String) -> Self {
        let role = Some(text);
        Self { role, ..self }
    }

    fn with_version(self) -> Self {
        let version = true;
        Self { version, ..self }
    }

    fn with_deploy_mode(self, text: &'static str) -> Self {
        let deploy_mode = Some(text);
        Self { deploy_mode, ..self }
    }

    /// A journal of so many bytes, without a word in it.
    fn with_journal(self, bytes: usize) -> Self {
        let journal = Some(".".repeat(bytes));
        Self { journal, ..self }
    }

    fn with_own_name_in_journal(self) -> Self {
        let journal = Some(journal_with_own_name());
        Self { journal, ..self }
    }

    fn with_info(self, text: &'static str) -> Self {
        let info = Some(text);
        Self { info, ..self }
    }

    fn with_older_info(self, text: &'static str) -> Self {
        let older_info = Some(text);
        Self { older_info, ..self }
    }

    fn with_image(self) -> Self {
        let image = Some("image".to_owned());
        Self { image, ..self }
    }

    fn with_own_name_in_image(self) -> Self {
        let image = Some(journal_with_own_name());
        Self { image, ..self }
    }

    fn look(&self, proof: ReadyProof) -> FeData {
        let mut files: Vec<(&str, &str)> = vec![("meta/bdb/", ""), ("meta/image/", "")];
        let mut add = |path, text: Option<&'static str>| files.extend(text.map(|text| (path, text)));
        add("meta/image/VERSION", self.version.then_some(VERSION));
        add("meta/image/DEPLOY_MODE", self.deploy_mode);
        add("meta/bdb/je.info.0", self.info);
        add("meta/bdb/je.info.1", self.older_info);
        files.extend(self.image.as_deref().map(|text| ("meta/image/image.120", text)));
        files.extend(self.role.as_deref().map(|text| ("meta/image/ROLE", text)));
        files.extend(
            self.journal
                .as_deref()
                .map(|text| ("meta/bdb/00000000.jdb", text)),
        );
        let root = tree(&files);
        FeData::look(&root.path().join("meta"), proof, &Mounts::default())
    }
}

/// One word for what a row means to a start.
fn verdict(data: &FeData) -> &'static str {
    match (
        data.is_empty(),
        data.ready,
        data.journals.is_empty(),
        data.journal_info.nascent_group,
    ) {
        (true, ..) => "empty",
        (_, true, ..) => "ready",
        // An unfinished join: the engine can finish it with a helper, or has to begin again.
        (_, _, false, false) => "unfinished, journal to keep",
        (_, _, true, _) => "unfinished, no journal",
        (_, _, false, true) => "unfinished, began a group of its own",
    }
}

fn proof(wanted: fn(ReadyProof) -> bool) -> ReadyProof {
    let mut proofs = engine::ALL.into_iter().map(|engine| engine.ready_proof);
    proofs.find(|proof| wanted(*proof)).unwrap()
}

fn in_role() -> ReadyProof {
    proof(|proof| matches!(proof, ReadyProof::RoleKeyFilled(_)))
}

fn in_journal() -> ReadyProof {
    proof(|proof| proof == ReadyProof::JournalInfo)
}

const KEEP: &str = "unfinished, journal to keep";
const AGAIN: &str = "unfinished, no journal";
const POISONED: &str = "unfinished, began a group of its own";

/// "`hostType=` with a non-empty value": the key is there from the first write, the value 0.7 s after `can write now`.
#[test]
fn an_engine_that_notes_readiness_in_role_is_ready_when_the_value_is_there() {
    let role = || Dir::default().with_role(role_until_ready());
    let both = || role().with_version();
    let filled = || Dir::default().with_role(role_once_ready());
    let table = [
        ("nothing at all", Dir::default(), "empty"),
        ("founder: ROLE", role(), AGAIN),
        ("founder: VERSION", both(), AGAIN),
        ("founder: je.lck", both().with_info(""), AGAIN),
        (
            "founder: 00000000.jdb",
            both().with_journal(38).with_info(""),
            KEEP,
        ),
        (
            "founder: LEADER",
            both().with_journal(2422).with_info(NASCENT),
            POISONED,
        ),
        (
            "founder: ready",
            filled().with_version().with_journal(4251).with_info(NASCENT),
            "ready",
        ),
        ("joiner: ROLE, VERSION", both(), AGAIN),
        (
            "joiner: the image, je.lck",
            both().with_image().with_info(""),
            AGAIN,
        ),
        (
            "joiner: 00000000.jdb",
            both().with_journal(1412).with_info(""),
            KEEP,
        ),
        ("joiner: FOLLOWER", both().with_journal(99_000).with_image(), KEEP),
        (
            "joiner: ready",
            filled().with_version().with_journal(118_000),
            "ready",
        ),
        (
            "joiner, started bare",
            both().with_journal(2422).with_info(NASCENT),
            POISONED,
        ),
        // Ready once; without the missing file a start elects itself or exits.
        ("ready, journal lost", filled().with_version(), AGAIN),
        ("ready, VERSION lost", filled().with_journal(118_000), KEEP),
    ];
    for (killed_after, dir, expected) in table {
        assert_eq!(
            verdict(&dir.look(in_role())),
            expected,
            "killed after {killed_after}"
        );
    }
}

/// "`Joined group as a replica` and no `Nascent group`, or `Nascent group` and own nodeName in a jdb."
#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn an_engine_that_notes_nothing_is_ready_by_its_journal() {
    let joiner_role = || Dir::default().with_role(role());
    let joiner = || joiner_role().with_version();
    let founder = || joiner().with_deploy_mode("#Sat Jun 14 09:00:00 UTC 2025\ndeploy_mode=local\n");
    // An impostor that was given a helper later has both lines.
    let both_lines = concat!("Nascent group\n", "Joined group as a replica.\n");
    let table = [
        ("process.lock", Dir::default(), "empty"),
        // "a 0-byte DEPLOY_MODE alone already poisons the dir"
        ("founder: DEPLOY_MODE", Dir::default().with_deploy_mode(""), AGAIN),
        ("founder: ROLE / VERSION", founder(), AGAIN),
        ("founder: je.lck", founder().with_info(""), AGAIN),
        (
            "founder: 00000000.jdb",
            founder().with_journal(38).with_info(""),
            KEEP,
        ),
        (
            "founder: MASTER",
            founder().with_journal(2422).with_info(NASCENT),
            POISONED,
        ),
        (
            "founder: begin to transfer",
            founder().with_journal(2654).with_info(NASCENT),
            POISONED,
        ),
        (
            "founder: can write now",
            founder().with_own_name_in_journal().with_info(NASCENT),
            "ready",
        ),
        ("joiner: ROLE", joiner_role(), AGAIN),
        ("joiner: VERSION, no image", joiner(), AGAIN),
        ("joiner: the image", joiner().with_image(), AGAIN),
        (
            "joiner: 00000000.jdb",
            joiner().with_journal(1412).with_info(""),
            KEEP,
        ),
        (
            "joiner: FOLLOWER",
            joiner().with_own_name_in_journal().with_info(REPLICA),
            "ready",
        ),
        (
            "joiner: ready",
            joiner()
                .with_own_name_in_journal()
                .with_image()
                .with_info(REPLICA),
            "ready",
        ),
        (
            "joiner, started bare",
            joiner().with_image().with_journal(2422).with_info(NASCENT),
            POISONED,
        ),
        (
            "impostor, then joined",
            joiner().with_journal(2422).with_info(both_lines),
            POISONED,
        ),
        // "image (img), no bdb: READY AS MASTER OF ITS OWN GROUP": the image lists it.
        (
            "impostor of an image that lists it",
            joiner()
                .with_own_name_in_image()
                .with_journal(2422)
                .with_info(NASCENT),
            POISONED,
        ),
        // The lines of the start are gone after some 100 MB.
        (
            "member with an old log",
            joiner()
                .with_own_name_in_journal()
                .with_info("...")
                .with_older_info("..."),
            "ready",
        ),
        (
            "joiner with an old log",
            joiner()
                .with_own_name_in_image()
                .with_journal(1412)
                .with_info("...")
                .with_older_info("..."),
            KEEP,
        ),
        (
            "founder whose first lines are in an old log",
            founder()
                .with_own_name_in_journal()
                .with_info("...")
                .with_older_info(NASCENT),
            "ready",
        ),
        (
            "impostor whose first lines are in an old log",
            joiner()
                .with_journal(2422)
                .with_info("...")
                .with_older_info(NASCENT),
            POISONED,
        ),
    ];
    for (killed_after, dir, expected) in table {
        assert_eq!(
            verdict(&dir.look(in_journal())),
            expected,
            "killed after {killed_after}"
        );
    }
}

#[test]
fn the_raw_facts_are_as_they_lie_there_and_the_token_stays_in_its_file() {
    let dir = Dir::default().with_role(role_once_ready()).with_version();
    let data = dir.with_journal(38).with_info(REPLICA).look(in_role());
    let role = data.role.as_ref().unwrap();
    let key = |key: &str| role.keys.get(key).map(String::as_str);
    assert_eq!(
        (key("role"), role.name(), key("hostType")),
        (Some("FOLLOWER"), Some(NAME), Some("IP"))
    );
    let version = data.version.as_ref().unwrap();
    assert_eq!(version.cluster_id.as_deref(), Some("147889237"));
    assert_eq!(data.journals, ["00000000.jdb"]);
    // ROLE is enough.
    assert_eq!(data.journal_info, JournalInfo::default());
    assert!(!format!("{data:?}").contains("a1491ae0"));
}

#[test]
fn the_journal_is_read_only_for_an_engine_that_leaves_nothing_better() {
    let founder = |role| {
        let dir = Dir::default().with_role(role).with_version();
        dir.with_own_name_in_journal().with_info(NASCENT)
    };
    assert_eq!(founder(role()).look(in_role()).own_name, Sought::NotSought);
    assert_eq!(founder(role()).look(in_journal()).own_name, Sought::Found);
    let another_node = role().replace("10.79.0.11", "10.79.0.12");
    assert_eq!(founder(another_node).look(in_journal()).own_name, Sought::Absent);
}

/// "INFER: the JE cleaner may drop old jdb text once an image holds it."
#[test]
fn the_own_name_may_have_moved_from_the_journal_into_an_image() {
    let text = journal_with_own_name();
    for image in ["meta/image/image.120", "meta/image/v2/image.120"] {
        let root = tree(&[
            ("meta/image/ROLE", &role()),
            ("meta/image/VERSION", VERSION),
            ("meta/bdb/00000007.jdb", "...."),
            ("meta/bdb/je.info.0", NASCENT),
            (image, &text),
        ]);
        let data = FeData::look(&root.path().join("meta"), in_journal(), &Mounts::default());
        assert!(data.ready, "{image}");
    }
}

#[test]
fn the_hosts_of_the_journal_are_those_of_this_node_alone() {
    let member = |name: &str, host: &str| {
        format!("..{{\"role\":\"FOLLOWER\",\"nodeName\":\"{name}\",{host},\"editLogPort\":9010}}..")
    };
    let older = member(NAME, "\"ip\":\"10.79.0.11\"") + &member("another", "\"host\":\"10.79.0.12\"");
    let newer = member(NAME, "\"host\":\"10.79.0.21\"");
    let root = tree(&[
        ("meta/image/ROLE", &role()),
        ("meta/image/VERSION", VERSION),
        ("meta/image/image.120", &older),
        ("meta/bdb/00000007.jdb", &newer),
        ("meta/bdb/je.info.0", REPLICA),
    ]);
    let dir = root.path().join("meta");
    let mut data = FeData::look(&dir, in_journal(), &Mounts::default());
    assert!(data.ready && data.own_hosts.is_empty());
    data.look_for_hosts(&dir);
    assert_eq!(data.own_hosts, ["10.79.0.11", "10.79.0.21"]);
}

#[test]
fn what_was_set_aside_is_no_data() {
    let root = tree(&[
        ("meta/unfinished-17/image/ROLE", "role=FOLLOWER\n"),
        ("meta/lost+found/", ""),
        ("meta/muster.json", "{}"),
        ("meta.unfinished-3/image/ROLE", "role=FOLLOWER\n"),
        ("metadata.unfinished-3/image/ROLE", "role=FOLLOWER\n"),
    ]);
    let data = FeData::look(&root.path().join("meta"), in_role(), &Mounts::default());
    assert!(data.is_empty());
}

#[test]
fn what_cannot_be_read_is_never_empty() {
    // A dir in the place of a file is unreadable, even for root.
    let root = tree(&[
        ("role/image/ROLE/", ""),
        ("journal/bdb", "a file"),
        ("file", ""),
        ("info/bdb/je.info.0/", ""),
    ]);
    let look = |dir: &str| FeData::look(&root.path().join(dir), in_role(), &Mounts::default());
    assert!(!look("role").is_empty() && look("role").unreadable[0].contains("image/ROLE"));
    assert!(!look("journal").is_empty() && !look("file").is_empty());
    assert!(!look("info").is_empty() && look("info").unreadable[0].contains("bdb/je.info.0"));
    assert!(look("missing").is_empty());
    assert_eq!(look("missing").place.state, PlaceState::Missing);
}

#[test]
fn a_data_dir_of_its_own_mount_says_so_and_so_does_a_link_to_it() {
    let root = tree(&[("volume/", ""), ("meta", "-> volume"), ("plain/", "")]);
    let volume = std::fs::canonicalize(root.path().join("volume")).unwrap();
    let mounts = Mounts::parse(&format!(
        "31 22 8:1 /vol {} rw - ext4 /dev/sda1 rw\n",
        volume.display()
    ));
    let is_mount = |dir: &str| {
        FeData::look(&root.path().join(dir), in_role(), &mounts)
            .place
            .is_mount_point
    };
    assert!(is_mount("volume") && is_mount("meta") && !is_mount("plain"));
}

#[test]
fn a_dir_that_is_not_there_yet_may_be_made_where_its_nearest_parent_may_be_written() {
    let root = tree(&[("a/", "")]);
    let place = FeData::look(&root.path().join("a/b/meta"), in_role(), &Mounts::default()).place;
    assert_eq!((place.state, place.unwritable), (PlaceState::Missing, None));
    assert!(!place.parent_exists);
}
