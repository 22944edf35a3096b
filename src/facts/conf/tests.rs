//! Both grammars, line by line, as the sources and runs of the engines show them.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::{ConfFile, ConfState, Entries, Grammar, Variables, without_block};
use crate::engine::Component;
use crate::facts::fixture::{home, tree};
use crate::facts::mounts::Mounts;
use crate::settings::Inherited;

fn conf(text: &str, grammar: Grammar) -> ConfFile {
    ConfFile {
        path: "fe.conf".into(),
        read_from: "fe.conf".into(),
        grammar,
        text: text.to_owned(),
        state: ConfState::Read,
        writable: true,
        is_pinned: false,
        dir_writable: true,
        read: Entries::of(text, grammar),
        unresolved: Vec::new(),
    }
}

#[test]
fn both_grammars_give_what_the_engine_reads() {
    // The text, the key, and what an FE and a BE take it for.
    let table = [
        ("k = 1\n", "k", Some("1"), Some("1")),
        ("k=1", "k", Some("1"), Some("1")),
        ("  k  =  1  \r\nl = 2\r\n", "k", Some("1"), Some("1")),
        ("k = 1\nk = 2\n", "k", Some("2"), Some("2")),
        ("# k = 1\n", "k", None, None),
        ("   # k = 1\n", "k", None, None),
        ("! k = 1\n", "k", None, None),
        ("! k = 1\n", "! k", None, Some("1")),
        ("k = 9030 # c\n", "k", Some("9030 # c"), Some("9030 # c")),
        ("k = \"/x\"\n", "k", Some("\"/x\""), Some("\"/x\"")),
        ("k : 1\n", "k", Some("1"), None),
        ("k:1\n", "k", Some("1"), None),
        ("k 1\n", "k", Some("1"), None),
        ("k\t1\n", "k", Some("1"), None),
        ("k = a = b\n", "k", Some("a = b"), Some("a = b")),
        ("k =\n", "k", Some(""), Some("")),
        ("k\n", "k", Some(""), Some("")),
        ("k = a,\\\n    b\n", "k", Some("a,b"), Some("a,\\")),
        ("k = a,\\\r\n    b\r\n", "k", Some("a,b"), Some("a,\\")),
        ("k = a\\\n# b\n", "k", Some("a# b"), Some("a\\")),
        ("# c \\\nk = 1\n", "k", Some("1"), Some("1")),
        ("k = C:\\new\n", "k", Some("C:\new"), Some("C:\\new")),
        ("k = a\\\\\nl = 2\n", "k", Some("a\\"), Some("a\\\\")),
        ("k = \\u0041\\t1\n", "k", Some("A\t1"), Some("\\u0041\\t1")),
        ("a\\ b = 1\n", "a b", Some("1"), None),
        (
            "k = ${LOG_DIR}/a\n",
            "k",
            Some("${LOG_DIR}/a"),
            Some("${LOG_DIR}/a"),
        ),
        ("K = 1\nk = 2\n", "K", Some("1"), Some("1")),
        ("kk = 1\n", "k", None, None),
        ("", "k", None, None),
    ];
    for (text, key, fe, be) in table {
        let lookup = |grammar| conf(text, grammar).lookup(key);
        assert_eq!(lookup(Grammar::Properties).as_deref(), fe, "FE: {text:?}");
        assert_eq!(lookup(Grammar::Plain).as_deref(), be, "BE: {text:?}");
    }
}

#[test]
fn a_wish_that_we_wrote_earlier_is_not_taken_for_the_shipped_value() {
    let text = "http_port = 8030\n# >>> muster: written at each start\nhttp_port = 8031\n# <<< muster\nquery_port = 9031\n";
    let file = conf(text, Grammar::Properties);
    assert_eq!(file.lookup("http_port").as_deref(), Some("8030"));
    assert_eq!(file.lookup("query_port").as_deref(), Some("9031"));
    assert_eq!(file.shipped(), "http_port = 8030\nquery_port = 9031\n");
}

#[test]
fn the_block_is_what_lies_between_its_marks() {
    let table = [
        ("a\n", "a\n"),
        ("a", "a"),
        ("a\n# >>> muster\nb\n# <<< muster\n", "a\n"),
        ("a\r\n# >>> muster x\r\nb\r\n# <<< muster\r\nc\r\n", "a\r\nc\r\n"),
        // Cut off in the middle of a write.
        ("a\n# >>> muster\nb = 1\nhttp_po", "a\n"),
        // An end without a beginning is kept.
        ("a\n# <<< muster\nb\n", "a\n# <<< muster\nb\n"),
        (
            "# >>> muster\nb\n# <<< muster\na\n# >>> muster\nb\n# <<< muster\n",
            "a\n",
        ),
    ];
    for (text, shipped) in table {
        assert_eq!(without_block(text), shipped, "{text:?}");
    }
}

/// common.sh: blanks around the first `=` are squeezed, `^[A-Z][A-Z_0-9]*=` is exported, a last line without a newline is
/// never read.
#[test]
fn upper_case_lines_are_what_the_script_exports() {
    let table = [
        ("LOG_DIR = /w/log\n", Some("/w/log")),
        ("LOG_DIR=\"/w/log\"\n", Some("/w/log")),
        ("LOG_DIR = /w/log # a comment\n", Some("/w/log")),
        ("LOG_DIR=\"/w/log\" # a comment\n", Some("/w/log")),
        ("LOG_DIR = /a\nLOG_DIR = /b\n", Some("/b")),
        ("LOG_DIR = /a\r\n", Some("/a")),
        ("LOG_DIR = /a", None),
        ("LOG_DIR = /a\nLOG_DIR = /b", Some("/a")),
        ("export LOG_DIR=/a\n", None),
        ("# LOG_DIR=/a\n", None),
    ];
    for (text, exported) in table {
        assert_eq!(
            conf(text, Grammar::Properties).exported("LOG_DIR").as_deref(),
            exported,
            "{text:?}"
        );
    }
}

#[test]
fn a_path_is_resolved_as_the_engine_would() {
    let home = home(Path::new("/opt/e/fe"), Component::Fe);
    let variable = home.engine.home_variable;
    let shipped = format!("LOG_DIR = ${{{variable}}}/logs\nBASE = ${{LOG_DIR}}/..\n");
    let file = conf(&shipped, Grammar::Properties);
    let table = [
        ("/data/meta".to_owned(), "/data/meta"),
        (format!("${{{variable}}}/meta"), "/opt/e/fe/meta"),
        ("meta".to_owned(), "/opt/e/fe/meta"),
        ("${LOG_DIR}/meta".to_owned(), "/opt/e/fe/logs/meta"),
        ("${BASE}/meta".to_owned(), "/opt/e/fe/logs/../meta"),
        ("${PID_DIR}".to_owned(), "/opt/e/fe/bin"),
        // From the environment; the script sets LOG_DIR itself.
        ("${SR_DATA}/meta".to_owned(), "/disk/meta"),
        ("${ADDED}".to_owned(), "/opt/e/fe/logs/../x"),
    ];
    let inherited = [("SR_DATA", "/disk"), ("LOG_DIR", "/lost"), ("PASSWORD", "x")];
    let inherited = inherited.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let inherited = Inherited::new(inherited.into(), &["PASSWORD".to_owned()]);
    let known = Variables::of(&inherited, &home, &file, [("ADDED", "${BASE}/x")].into_iter());
    for (value, path) in table {
        assert_eq!(known.path(&value), Ok(path.into()), "{value}");
    }
    for name in ["NOPE", "PASSWORD"] {
        let unresolved = known.path(&format!("${{{name}}}/meta")).unwrap_err();
        assert_eq!(unresolved.variable, name);
    }
}

#[test]
fn the_file_says_what_may_be_done_with_it() {
    let root = tree(&[("conf/fe.conf", "a = 1\n"), ("conf/mounted.conf", "")]);
    std::fs::write(root.path().join("conf/latin1.conf"), b"# caf\xe9\na = 1\n").unwrap();
    let mounted = std::fs::canonicalize(root.path().join("conf/mounted.conf")).unwrap();
    let mounts = Mounts::parse(&format!(
        "31 22 8:1 /vol {} rw - ext4 /dev/sda1 rw\n",
        mounted.display()
    ));
    let read = |name: &str| {
        let path = root.path().join("conf").join(name);
        ConfFile::read(&path, &path, Grammar::Properties, &mounts)
    };

    let shipped = read("fe.conf");
    assert!(shipped.writable && shipped.dir_writable && !shipped.is_pinned);
    assert!(read("mounted.conf").is_pinned);

    let missing = read("cn.conf");
    assert_eq!((missing.state, missing.text.as_str()), (ConfState::Missing, ""));

    let latin1 = read("latin1.conf");
    assert_eq!(
        (latin1.lookup("a").as_deref(), &latin1.state),
        (Some("1"), &ConfState::ReadLossy)
    );

    // A mode restricts every user except root.
    if !nix::unistd::geteuid().is_root() {
        let path = root.path().join("conf/fe.conf");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o444)).unwrap();
        assert!(!read("fe.conf").writable);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
        assert!(matches!(read("fe.conf").state, ConfState::Unreadable(_)));
    }
}
