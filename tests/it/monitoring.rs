//! What contrib/ has for monitoring: every alert has a test and a row of the reference, every name of a metric is proven, and
//! Prometheus' own programs accept all of it.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::panic,
    reason = "a test says what it needs by failing"
)]

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use muster::plan::view::verdict::REFERENCE;
use serde_json::Value;
use yaml_rust2::{Yaml, YamlLoader};

use crate::support::skipped;

fn at(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn text(path: &str) -> String {
    fs::read_to_string(at(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn yaml(path: &str) -> Yaml {
    YamlLoader::load_from_str(&text(path)).unwrap().remove(0)
}

/// The files of a directory with this ending, from the project's root.
fn files(dir: &str, ending: &str) -> Vec<String> {
    let entries = fs::read_dir(at(dir)).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut files: Vec<String> = names
        .filter(|name| name.ends_with(ending))
        .map(|name| format!("{dir}/{name}"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{dir}");
    files
}

struct Alert {
    /// The name of its file, without the directory.
    file: String,
    name: String,
    rule: Yaml,
}

fn alerts() -> Vec<Alert> {
    let mut alerts = Vec::new();
    for path in files("contrib/prometheus/rules", ".yml") {
        for group in yaml(&path)["groups"].as_vec().unwrap() {
            alerts.extend(group["rules"].as_vec().unwrap().iter().map(|rule| Alert {
                file: path.rsplit('/').next().unwrap().to_owned(),
                name: rule["alert"].as_str().unwrap().to_owned(),
                rule: rule.clone(),
            }));
        }
    }
    alerts
}

#[test]
fn every_alert_waits_and_says_how_severe_it_is_and_where_the_reference_has_the_remedy() {
    let reference = text("docs/reference.md");
    let anchor = |heading: &str| {
        heading
            .trim_start_matches(['#', ' '])
            .to_lowercase()
            .replace(' ', "-")
    };
    let mut names = BTreeSet::new();
    for Alert { name, rule, .. } in alerts() {
        assert!(names.insert(name.clone()), "{name} is there twice");
        assert!(rule["for"].as_str().is_some(), "{name} has no `for`");
        let severity = rule["labels"]["severity"].as_str().unwrap();
        assert!(["critical", "warning"].contains(&severity), "{name}: {severity}");
        let annotation = |key: &str| {
            rule["annotations"][key]
                .as_str()
                .unwrap_or_else(|| panic!("{name}: {key}"))
        };
        assert!(annotation("summary").len() > 20, "{name}");
        let (file, section) = annotation("runbook").split_once('#').unwrap();
        assert_eq!(file, "docs/reference.md", "{name}");
        // The text below that heading, to the next one of its level.
        let lines: Vec<&str> = reference.lines().collect();
        let begin = lines
            .iter()
            .position(|line| line.starts_with('#') && anchor(line) == section)
            .unwrap_or_else(|| panic!("{name}: {section} is no heading"));
        let level = lines[begin].split(' ').next().unwrap();
        let rest = &lines[begin + 1..];
        let end = rest.iter().position(|line| line.split(' ').next() == Some(level));
        let row = annotation("row");
        let cells = [format!("| `{row}` |"), format!("| {row} |")];
        let has = rest[..end.unwrap_or(rest.len())]
            .iter()
            .any(|line| cells.iter().any(|cell| line.starts_with(cell)));
        assert!(has, "{name}: there is no row {row} below {section}");
    }
    assert!(names.len() >= 20, "{names:?}");
}

/// By the names of their tests; that these fire and are silent is what promtool looks at.
#[test]
fn every_alert_is_tested_where_it_fires_and_where_it_is_silent() {
    for Alert { file, name, .. } in alerts() {
        let tests = yaml(&format!("contrib/prometheus/tests/{file}"));
        for (case, count) in [(format!("{name} fires"), 1), (format!("{name} is silent"), 0)] {
            let test = tests["tests"]
                .as_vec()
                .unwrap()
                .iter()
                .find(|test| test["name"].as_str() == Some(&case));
            let test = test.unwrap_or_else(|| panic!("{file} has no test `{case}`"));
            let checks = test["alert_rule_test"].as_vec().unwrap();
            assert!(
                checks
                    .iter()
                    .all(|check| check["alertname"].as_str() == Some(&name)),
                "{case}"
            );
            let fired = checks
                .iter()
                .filter(|check| check["exp_alerts"].as_vec().is_some_and(|list| !list.is_empty()));
            assert_eq!(fired.count(), count, "{case}");
        }
    }
}

/// Of the words of an expression, the names of metrics: what is no function, no operator, no label and no text.
fn metrics_of(expression: &str) -> BTreeSet<String> {
    const WORDS: &str = "and or unless on ignoring by without group_left group_right bool offset";
    let mut names = BTreeSet::new();
    let (mut rest, mut braces) = (expression, 0);
    while let Some(first) = rest.chars().next() {
        if first == '"' {
            rest = rest[1..].split_once('"').unwrap().1;
            continue;
        }
        if first.is_ascii_digit() || first == '[' {
            // A number, or a range.
            let end = rest
                .find(|c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '[')
                .unwrap_or(rest.len());
            rest = &rest[end..];
            continue;
        }
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        let end = rest.find(|c: char| !is_name(c)).unwrap_or(rest.len());
        if end == 0 {
            braces += i32::from(first == '{') - i32::from(first == '}');
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let word = &rest[..end];
        rest = &rest[end..];
        let after = rest.trim_start();
        if ["on", "ignoring", "by", "without", "group_left", "group_right"].contains(&word)
            && after.starts_with('(')
        {
            // The labels in the parentheses.
            rest = after.split_once(')').unwrap().1;
            continue;
        }
        let is_function = ["(", "by ", "without "]
            .iter()
            .any(|next| after.starts_with(next));
        if braces == 0 && !is_function && !WORDS.split(' ').any(|known| known == word) {
            names.insert(word.to_owned());
        }
    }
    names
}

#[test]
fn the_names_of_metrics_are_told_from_the_other_words_of_an_expression() {
    let table = [
        ("up{job=\"muster\"} == 0", "up"),
        ("sum by (job, cluster) (a_b{type=\"x y\"}) > 1", "a_b"),
        ("a - on (instance, kind) group_left () b offset 30m", "a b"),
        ("time() - a > b / 2 and on (x) c == 1", "a b c"),
        ("1 - a / (b > 0) > 0.9", "a b"),
        ("a < 10e9", "a"),
        ("changes(a[1h]) >= 3 unless b", "a b"),
        ("rate(a{x=~\"b|c\"}[5m]) / 1000 or vector(0)", "a"),
    ];
    for (expression, names) in table {
        let found: Vec<String> = metrics_of(expression).into_iter().collect();
        assert_eq!(found.join(" "), names, "{expression}");
    }
}

/// Ours are those of the files that tests write as the program does.
fn ours() -> BTreeSet<String> {
    let both = text("tests/monitoring/cluster.prom") + &text("tests/monitoring/own.prom");
    let types = both.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    types
        .map(|line| line.split(' ').next().unwrap().to_owned())
        .collect()
}

fn theirs() -> BTreeSet<String> {
    let text = text("tests/monitoring/engine-metrics.txt");
    let lines = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let mut words = line.split(' ');
            let name = words.next().unwrap();
            assert!(words.next().is_some(), "{name} has no source");
            for source in words {
                assert!(text.contains(&format!("[{source}]")), "{name}: {source}");
            }
            name.to_owned()
        })
        .collect()
}

/// Every expression of the rules and the dashboards, and where it is.
fn expressions() -> Vec<(String, String)> {
    let of_rules = alerts()
        .into_iter()
        .map(|alert| (alert.name, alert.rule["expr"].as_str().unwrap().to_owned()));
    let mut all: Vec<(String, String)> = of_rules.collect();
    for path in files("contrib/grafana", ".json") {
        for panel in panels(&path) {
            let title = panel["title"].as_str().unwrap();
            for target in panel["targets"].as_array().into_iter().flatten() {
                all.push((
                    format!("{path}: {title}"),
                    target["expr"].as_str().unwrap().to_owned(),
                ));
            }
        }
    }
    all
}

#[test]
fn every_metric_of_an_expression_is_ours_or_proven() {
    let (ours, theirs) = (ours(), theirs());
    let mut used = BTreeSet::new();
    for (place, expression) in expressions() {
        let names = metrics_of(&expression);
        assert!(!names.is_empty(), "{place}: {expression}");
        for name in names {
            assert!(ours.contains(&name) || theirs.contains(&name), "{place}: {name}");
            used.insert(name);
        }
    }
    let unused: Vec<&String> = theirs.difference(&used).collect();
    assert!(unused.is_empty(), "listed, and nothing uses them: {unused:?}");
}

/// A word that no finding has any more would be an alert that never fires.
#[test]
fn every_finding_that_an_alert_is_about_is_one_of_status() {
    for (place, expression) in expressions() {
        for part in expression.split("verdict=").skip(1) {
            let words = part.trim_start_matches('~').split('"').nth(1).unwrap();
            for word in words.split('|') {
                assert!(REFERENCE.iter().any(|(id, ..)| *id == word), "{place}: {word}");
            }
        }
    }
}

/// All panels of a dashboard, those of closed rows too.
fn panels(path: &str) -> Vec<Value> {
    let dashboard: Value = serde_json::from_str(&text(path)).unwrap();
    let mut panels = Vec::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        panels.push(panel.clone());
        panels.extend(panel["panels"].as_array().into_iter().flatten().cloned());
    }
    panels
}

#[test]
fn every_panel_has_a_title_a_unit_and_a_place_of_its_own() {
    for path in files("contrib/grafana", ".json") {
        let panels = panels(&path);
        let (mut ids, mut places) = (BTreeSet::new(), BTreeSet::new());
        for panel in &panels {
            let title = panel["title"].as_str().unwrap();
            assert!(!title.is_empty(), "{path}");
            assert!(ids.insert(panel["id"].as_u64().unwrap()), "{path}: {title}");
            if panel["type"] == "row" {
                continue;
            }
            let unit = panel["fieldConfig"]["defaults"]["unit"].as_str();
            assert!(
                unit.is_some_and(|unit| !unit.is_empty()),
                "{path}: {title} has no unit"
            );
            let place = ["x", "y", "w", "h"].map(|key| panel["gridPos"][key].as_u64().unwrap());
            let [x, y, width, height] = place;
            assert!(x + width <= 24, "{path}: {title}");
            for cell in (x..x + width).flat_map(|x| (y..y + height).map(move |y| (x, y))) {
                assert!(places.insert(cell), "{path}: {title} covers another panel");
            }
            assert!(
                !panel["targets"].as_array().unwrap().is_empty(),
                "{path}: {title}"
            );
        }
        let rows = panels.iter().filter(|panel| panel["type"] == "row").count();
        assert!(
            rows >= 5 && panels.len() > 30,
            "{path}: {rows} rows, {} panels",
            panels.len()
        );
    }
}

/// Runs one of Prometheus' programs; false if it is not installed.
fn accepts(program: &str, arguments: &[&str], input: &str) -> bool {
    let child = Command::new(program)
        .args(arguments)
        .current_dir(at(""))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = match child {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            skipped(&format!(
                "{program} is not installed (Debian packages prometheus and prometheus-alertmanager)"
            ));
            return false;
        }
        child => child.unwrap(),
    };
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let done = child.wait_with_output().unwrap();
    let said = [done.stdout, done.stderr].concat();
    assert!(
        done.status.success(),
        "{program} {arguments:?}: {}",
        String::from_utf8_lossy(&said)
    );
    true
}

#[test]
fn prometheus_accepts_the_rules_the_metrics_and_the_configuration() {
    let config = ["check", "config", "contrib/prometheus/prometheus.yml"];
    if !accepts("promtool", &config, "") {
        return;
    }
    for file in ["tests/monitoring/own.prom", "tests/monitoring/cluster.prom"] {
        accepts("promtool", &["check", "metrics"], &text(file));
    }
    // The jobs that are commented out are to be uncommented as they are.
    let whole = uncommented(&text("contrib/prometheus/prometheus.yml"));
    assert_eq!(whole.matches("job_name").count(), 4, "{whole}");
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("prometheus.yml");
    fs::write(&file, whole).unwrap();
    accepts("promtool", &["check", "config", file.to_str().unwrap()], "");
}

/// As rules that record, because promtool knows no dashboards.
#[test]
fn prometheus_understands_every_expression_of_a_panel() {
    let mut lines = vec!["groups:\n  - name: panels\n    rules:".to_owned()];
    for (number, (_, expression)) in expressions().iter().enumerate() {
        let plain = expression.replace("$cluster", "77").replace("$muster", "here");
        assert!(!plain.contains('$'), "{expression}");
        // What JSON quotes, YAML reads.
        let quoted = serde_json::to_string(&plain).unwrap();
        lines.push(format!("      - {{record: \"panel:{number}\", expr: {quoted}}}"));
    }
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("panels.yml");
    fs::write(&file, lines.join("\n")).unwrap();
    accepts("promtool", &["check", "rules", file.to_str().unwrap()], "");
}

/// The lines of a YAML file behind `# `, where they are YAML.
fn uncommented(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let indented = line.trim_start();
        let indent = &line[..line.len() - indented.len()];
        let Some(inner) = indented.strip_prefix("# ") else {
            return line.to_owned();
        };
        let is_yaml = inner.trim_start().starts_with("- ")
            || inner
                .trim_start()
                .split(' ')
                .next()
                .is_some_and(|word| word.ends_with(':') && word.len() > 1);
        let is_sentence = inner.ends_with('.') || inner.starts_with(char::is_uppercase);
        if is_yaml && !is_sentence {
            format!("{indent}{inner}")
        } else {
            line.to_owned()
        }
    });
    lines.collect::<Vec<_>>().join("\n") + "\n"
}

#[test]
fn the_alerts_fire_and_are_silent_when_they_should() {
    for file in files("contrib/prometheus/tests", ".yml") {
        if !accepts("promtool", &["test", "rules", &file], "") {
            return;
        }
    }
}

#[test]
fn alertmanager_accepts_the_example() {
    accepts(
        "amtool",
        &["check-config", "contrib/alertmanager/alertmanager.yml"],
        "",
    );
}
