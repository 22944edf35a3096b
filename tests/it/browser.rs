//! The page in a real browser, as `status --html` writes it and as `serve` answers it. `UPDATE_SCREENSHOTS=1 cargo test --test it
//! browser:: -- --ignored` makes the pictures of docs/reference.md anew.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says what it needs by failing"
)]
#![expect(
    clippy::disallowed_methods,
    reason = "the test program's own children, and the switch of the person who runs it"
)]

mod chromium;

use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hosts::fakes::{FRONTENDS, Manner, Reply, Stage};
use muster::engine::member::FrontendRole;
use muster::engine::{ALL, Component};
use muster::plan::view::observed::Tablets;
use muster::plan::view::page::page;
use muster::plan::view::verdict::Verdict;
use muster::plan::view::{ItselfSays, Leader, LeaderSays, Node, Quorum, SingleReplicas, Unseen, View};
use muster::settings::{Endpoint, Host};
use serde_json::{Value, json};

use self::chromium::Chromium;

const MEASURE: &str = include_str!("browser/measure.js");
const AT: &str = "2026-03-01T02:03:04Z";
/// The width of a small phone and that of a screen.
const WIDTHS: [u32; 2] = [360, 1280];

/// The pictures of the reference, each with its width and its colours.
const PICTURES: [(&str, u32, bool); 3] = [
    ("page-light.png", 1280, false),
    ("page-dark.png", 1280, true),
    ("page-360.png", 360, false),
];

fn node(component: Component, last: u8) -> Node {
    let is_fe = component.is_fe();
    Node {
        component,
        host: format!("10.0.0.{last}"),
        port: if is_fe { 9010 } else { 9050 },
        http_port: 0,
        role: is_fe.then_some(FrontendRole::Follower),
        name: None,
        version: Some("3.5.2".to_owned()),
        leader_says: Some(LeaderSays {
            alive: true,
            joined: true,
            behind: is_fe.then_some(0),
            disk_used: (!is_fe).then_some(41),
            ..LeaderSays::default()
        }),
        itself_says: if is_fe {
            ItselfSays::Follows("10.0.0.10".to_owned())
        } else {
            ItselfSays::Ready
        },
        record_says: None,
        verdicts: Vec::new(),
    }
}

/// Three FEs and five BEs with what may happen in one night: the view of the pictures.
fn a_night() -> View {
    let mut nodes: Vec<Node> = (10..=12).map(|last| node(Component::Fe, last)).collect();
    nodes.extend((20..=24).map(|last| node(Component::Be, last)));
    nodes[0].itself_says = ItselfSays::Leads;
    let refused = "connection refused";
    for (at, seconds) in [(2, 7_320), (6, 1_500)] {
        let silent = &mut nodes[at];
        silent.itself_says = ItselfSays::Silent(refused.to_owned());
        silent.leader_says = Some(LeaderSays {
            joined: true,
            silent_for: Some(seconds),
            ..LeaderSays::default()
        });
        silent.verdicts.push(Verdict::Dead {
            silent_for: Some(seconds),
            why: refused.to_owned(),
        });
    }
    nodes[4].version = Some("3.5.1".to_owned());
    nodes[4].verdicts.push(Verdict::OtherVersion {
        own: "3.5.1".to_owned(),
        most: "3.5.2".to_owned(),
    });
    if let Some(says) = &mut nodes[7].leader_says {
        says.disk_used = Some(91);
    }
    nodes[7].verdicts.push(Verdict::DiskFull { percent: 91 });
    View {
        single_replicas: SingleReplicas::NotAsked,
        engine: ALL[0],
        account: "root".to_owned(),
        cluster_id: Some("147889237".to_owned()),
        leader: Ok(Leader {
            host: "10.0.0.10".to_owned(),
            endpoint: Endpoint {
                host: Host::parse("10.0.0.10").unwrap(),
                port: 9030,
            },
            named_by: 2,
            of: 2,
        }),
        nodes,
        quorum: Some(Quorum { voters: 3, alive: 2 }),
        tablets: Some(Tablets {
            all: 120_331,
            unhealthy: 1_204,
        }),
        unseen: Vec::new(),
        verdicts: vec![
            Verdict::NoMargin { voters: 3, alive: 2 },
            Verdict::Unhealthy {
                tablets: 1_204,
                of: 120_331,
            },
        ],
    }
}

const HOSTILE: &str = "<script>window.ran=1</script><img src=x onerror=window.ran=2>\"'><svg onload=window.ran=3></td></table></title>\
                       <style>*{display:none}</style><a href=javascript:window.ran=4>x</a><iframe src=http://127.0.0.1:1/></iframe>\
                       &lt;script&gt; \u{202e}\u{1b}[2J";

/// A view of which every text is this one.
fn speaking(text: &str) -> View {
    let mut view = a_night();
    for node in &mut view.nodes {
        text.clone_into(&mut node.host);
        node.version = Some(text.to_owned());
        node.name = Some(text.to_owned());
        node.itself_says = ItselfSays::Silent(text.to_owned());
        node.verdicts.push(Verdict::Dead {
            silent_for: None,
            why: text.to_owned(),
        });
    }
    view.cluster_id = Some(text.to_owned());
    view.leader = Err(text.to_owned());
    view.unseen = vec![Unseen {
        what: text.to_owned(),
        why: text.to_owned(),
    }];
    view
}

/// Opens a page and measures it: what must hold for every page, width and colour.
fn measured(browser: &mut Chromium, url: &str, width: u32, is_dark: bool) -> Value {
    browser.open(url, width, is_dark);
    let page = browser.evaluate(MEASURE);
    let what = format!("{url} at {width}, dark: {is_dark}: {page:#}");
    assert_eq!(page["inner"], width, "{what}");
    assert_eq!(page["width"], width, "it scrolls sideways: {what}");
    assert_eq!(page["wider"], json!([]), "{what}");
    assert_eq!(page["faint"], json!([]), "{what}");
    assert!(page["measured"].as_u64().unwrap() > 20, "{what}");
    let is_light = page["background"].as_f64().unwrap() > 0.5;
    assert_eq!(is_light, !is_dark, "{what}");
    assert_eq!(
        (&page["ran"], &page["cookie"]),
        (&json!(""), &json!("")),
        "{what}"
    );
    for tag in page["tags"].as_array().unwrap() {
        let tag = tag.as_str().unwrap();
        let refused = [
            "script", "img", "svg", "iframe", "form", "input", "button", "link", "object",
        ];
        assert!(!refused.contains(&tag), "{tag}: {what}");
    }
    // A violation of the policy is a line of the log, too.
    for kind in [
        "Log.entryAdded",
        "Runtime.consoleAPICalled",
        "Runtime.exceptionThrown",
    ] {
        assert_eq!(browser.events(kind), Vec::<&Value>::new(), "{kind}: {what}");
    }
    for request in browser.events("Network.requestWillBeSent") {
        assert_eq!(request["request"]["url"], url, "{what}");
    }
    page
}

fn file(dir: &Path, name: &str, view: &View) -> String {
    let path = dir.join(name);
    std::fs::write(&path, page(view, AT, None)).unwrap();
    format!("file://{}", path.display())
}

#[test]
#[ignore = "nightly: Chromium is large"]
fn a_page_in_a_file_fits_a_phone_and_a_screen_and_can_be_read_in_light_and_dark() {
    let Some(mut browser) = Chromium::start() else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let mut well = a_night();
    well.verdicts.clear();
    for node in &mut well.nodes {
        node.verdicts.clear();
        node.host = format!("{}.database.example.com", "long-name-of-a-host".repeat(3));
    }
    let mut refused = a_night();
    refused.leader = Err("Access denied".to_owned());
    refused.verdicts = vec![Verdict::Refused {
        why: "Access denied for user 'muster'".to_owned(),
        cure: "GRANT NODE_PRIV ON *.*.* TO 'muster'".to_owned(),
    }];
    let pages = [
        ("night.html", a_night(), "Needs attention"),
        ("well.html", well, "Well"),
        ("refused.html", refused, "Account refused"),
        ("one-word.html", speaking(&"x".repeat(5_000)), "Needs attention"),
        ("hostile.html", speaking(&HOSTILE.repeat(10)), "Needs attention"),
    ];
    for (name, view, headline) in pages {
        let url = file(dir.path(), name, &view);
        for width in WIDTHS {
            for is_dark in [false, true] {
                let page = measured(&mut browser, &url, width, is_dark);
                let title = page["title"].as_str().unwrap();
                assert!(title.starts_with(headline), "{title}");
                assert_eq!(page["links"], json!([]), "{name}");
            }
        }
    }
    if std::env::var_os("UPDATE_SCREENSHOTS").is_some() {
        for (name, width, is_dark) in PICTURES {
            let url = file(dir.path(), "picture.html", &a_night());
            measured(&mut browser, &url, width, is_dark);
            let size = browser.ask("Page.getLayoutMetrics", &json!({}))["cssContentSize"].take();
            let clip = json!({"x": 0, "y": 0, "width": width, "height": size["height"], "scale": 1});
            let shot = json!({"format": "png", "captureBeyondViewport": true, "clip": clip});
            let data = browser.ask("Page.captureScreenshot", &shot)["data"].take();
            let png = BASE64_STANDARD.decode(data.as_str().unwrap()).unwrap();
            std::fs::write(in_docs(name), png).unwrap();
            // A page has few colours, and a picture of a palette is a third as large.
            let packed = Command::new("pngquant")
                .args(["--force", "--speed=1", "--ext=.png", "64"])
                .arg(in_docs(name))
                .status();
            assert!(packed.unwrap().success(), "Debian package pngquant");
        }
    }
}

fn in_docs(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)
}

#[test]
fn the_pictures_of_the_page_are_small_and_in_the_reference() {
    let reference = std::fs::read_to_string(in_docs("reference.md")).unwrap();
    for (name, ..) in PICTURES {
        let png = std::fs::read(in_docs(name)).unwrap();
        assert!(
            png.starts_with(b"\x89PNG") && png.len() <= 100_000,
            "{name}: {}",
            png.len()
        );
        assert!(reference.contains(name), "{name}");
    }
}

/// `muster serve` that asks one FE; it ends with this.
struct Server {
    process: Child,
    url: String,
}

impl Server {
    fn start(fe: SocketAddr) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_muster"))
            .args(["serve", "--listen", "127.0.0.1:0"])
            .env_clear()
            .env("ENGINE", ALL[0].id)
            .env("MASTER_HOST", fe.ip().to_string())
            .env("MASTER_FE_QUERY_PORT", fe.port().to_string())
            .env("LOG_FORMAT", "text")
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let line = lines.next().unwrap().unwrap();
        let (_, url) = line.split_once("serving ").unwrap();
        Self {
            url: url.trim().to_owned(),
            process,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

#[test]
#[ignore = "nightly: Chromium is large"]
fn the_page_of_a_hostile_cluster_runs_nothing_and_asks_nobody() {
    let Some(mut browser) = Chromium::start() else {
        return;
    };
    let stage = Stage::new().unwrap();
    let hostile: &'static str = HOSTILE.repeat(10).leak();
    let columns = [FRONTENDS.to_vec(), vec!["Version"]].concat();
    let fe = stage.fe(
        SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
        Manner::Speaks,
        move |statement| {
            if !statement.starts_with("SHOW FRONTENDS") {
                return Reply::Error(1064, "HY000", hostile.to_owned());
            }
            let row = |host, role, alive, heard, error| {
                [
                    "fe", host, "9010", "1", "0", "9020", role, "77", "true", alive, heard, error, hostile,
                ]
                .map(Some)
                .to_vec()
            };
            let rows = vec![
                row("127.0.0.1", "LEADER", "true", "2026-03-01 00:00:59", ""),
                row("127.0.0.2", "FOLLOWER", "true", "2026-03-01 00:00:59", ""),
                row("127.0.0.3", "FOLLOWER", "false", "2026-02-28 22:00:00", hostile),
            ];
            Reply::Rows(columns.clone(), rows)
        },
    );
    let server = Server::start(fe.at);
    for width in WIDTHS {
        for is_dark in [false, true] {
            let page = measured(&mut browser, &server.url, width, is_dark);
            let text = page["text"].as_str().unwrap();
            assert!(text.contains("<script>window.ran=1</script>"), "{text}");
            assert!(
                page["title"].as_str().unwrap().starts_with("Needs attention"),
                "{page:#}"
            );
            assert_eq!(page["links"], json!(["status.json", "metrics", "targets.json"]));
        }
    }
    assert!(fe.accepted() > 0);
}
