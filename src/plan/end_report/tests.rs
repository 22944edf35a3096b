use super::{
    CONSOLE, EndReport, LONG_RUN, MAX_FRAMES, MAX_LINE_BYTES, MAX_LINES, SEARCHED, SEARCHED_PRINTED, derive,
};
use std::fmt::Write as _;
use std::time::Duration;

fn report(texts: &[(&str, &str)], number: u8) -> EndReport {
    report_after(Duration::from_millis(7_040), texts, number)
}

fn report_after(uptime: Duration, texts: &[(&str, &str)], number: u8) -> EndReport {
    let texts: Vec<(String, String)> = texts
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
        .collect();
    derive(&texts, number, uptime)
}

fn numbered(prefix: &str, count: usize) -> String {
    (0..count).fold(String::new(), |mut text, number| {
        writeln!(text, "{prefix} {number}").unwrap();
        text
    })
}

/// The exit code, the kills that the kernel counts, and the beginning of the sentence and of the hint.
#[test]
fn a_kill_is_the_kernels_only_if_it_counts_one() {
    let table = [
        (
            137,
            None,
            "it was killed (SIGKILL), but not by muster: probably",
            "look for `oom-kill`",
        ),
        (
            137,
            Some(1),
            "the kernel killed it because memory ran out",
            "look for `oom-kill`",
        ),
        (
            137,
            Some(0),
            "it was killed (SIGKILL), but not by muster, and not because",
            "look for what kills it",
        ),
        (
            143,
            Some(1),
            "it was stopped by a signal",
            "look for what stops it",
        ),
    ];
    for (number, kills, sentence, hint) in table {
        let report = report(&[], number).with_oom_kills(kills);
        assert!(report.sentence().unwrap().starts_with(sentence), "{report}");
        assert!(report.hint().unwrap().starts_with(hint), "{report}");
    }
    // It ends itself so, and says why.
    let heap = "java.lang.OutOfMemoryError: Java heap space\n";
    let report = report(&[("fe.out", heap)], 137).with_oom_kills(Some(0));
    assert_eq!(report.id(), Some(super::HEAP_FULL));
}

const TAKEN: &str = "2026-11-21 04:10:52.123Z ERROR (main|1) [Server.start():90] edit_log_port 9010 is already in use. will exit.\n";

#[test]
fn a_report_has_the_problem_the_line_that_shows_it_the_remedy_and_the_last_lines() {
    let report = report(&[("fe.log", TAKEN), ("fe.out", "starting\n")], 255);
    let line = TAKEN.trim_end();
    assert_eq!(
        report.to_string(),
        format!(
            "error: the engine ended with 255 after 7 s: its edit log port is in use\n  fe.log: {line}\n\n\
             hint: {}\n\nfe.log:\n{line}\nfe.out:\nstarting\n",
            report.hint().unwrap()
        )
    );
}

#[test]
fn an_unknown_end_is_reported_with_its_number_and_the_time_since_the_start() {
    assert_eq!(
        report(&[], 255).to_string(),
        "error: the engine ended with 255 after 7 s\n"
    );
    assert_eq!(
        report(&[("fe.log", "a word\n")], 1).to_string(),
        "error: the engine ended with 1 after 7 s\n\nfe.log:\na word\n"
    );
}

#[test]
fn the_number_gives_the_reason_if_no_line_does() {
    for (number, words) in [
        (0, "ended by itself"),
        (126, "cannot be executed"),
        (127, "did not find"),
        (132, "AVX2"),
        (134, "SIGABRT"),
        (137, "SIGKILL"),
        (139, "SIGSEGV"),
        (143, "stopped by a signal"),
    ] {
        let report = report(
            &[("be.INFO", "I1121 04:10:52.1 7 daemon.cpp:1] all is well\n")],
            number,
        );
        assert!(report.sentence().unwrap().contains(words), "{number}: {report}");
    }
    // A line says more than the number.
    assert_eq!(
        report(&[("fe.log", TAKEN)], 0).sentence(),
        Some("its edit log port is in use")
    );
}

#[test]
fn a_clock_that_differs_too_much_is_named_with_how_much_and_which_way() {
    for (delta, words) in [("-10000", "10000 ms ahead of"), ("8000", "8000 ms behind")] {
        let line = format!(
            "(JE 18.3.12) Clock delta: {delta} ms. between Feeder: fe_3db5 and this Replica exceeds max permissible delta: \
             5000 ms. HANDSHAKE_ERROR: Error during the handshake between two nodes."
        );
        let report = report(&[("fe.log", &line)], 255);
        assert_eq!(
            report.sentence().unwrap(),
            format!("the clock of its host is {words} the clock of the leader's host, which is too much")
        );
    }
}

#[test]
fn an_engine_that_was_stopped_from_outside_has_no_cause_in_its_log() {
    for number in [129, 130, 137, 143] {
        let report = report(&[("fe.log", TAKEN)], number);
        assert!(report.sentence().unwrap().contains("not by muster"), "{report}");
    }
    let full = "java.lang.OutOfMemoryError: Java heap space\nDumping heap to java_pid77.hprof ...\n";
    assert_eq!(
        report(&[("fe.out", full)], 137).sentence(),
        Some("its Java heap is full"),
        "a JVM that kills itself when the heap is full"
    );
    assert!(
        report(&[("fe.out", full)], 143)
            .sentence()
            .unwrap()
            .contains("not by muster")
    );
}

#[test]
fn the_cause_is_named_and_not_its_result() {
    let full = "java.io.IOException: No space left on device\n";
    let result = "got exception when trying to write one batch, will exit now.\n";
    for text in [format!("{full}{result}"), format!("{result}{full}")] {
        assert_eq!(
            report(&[("fe.log", &text)], 255).sentence(),
            Some("a disk it writes to is full")
        );
    }
    // In another file too.
    assert_eq!(
        report(&[("fe.out", result), ("fe.log", full)], 255).sentence(),
        Some("a disk it writes to is full")
    );
}

#[test]
fn an_error_long_before_the_end_is_no_cause() {
    let far = format!("{TAKEN}{}", numbered("later", SEARCHED));
    assert_eq!(report(&[("fe.log", &far)], 255).sentence(), None);
    let near = format!("{TAKEN}{}", numbered("later", SEARCHED - 1));
    assert!(report(&[("fe.log", &near)], 255).sentence().is_some());
    // The frames of a trace do not count.
    let trace = format!("{TAKEN}{}", numbered("\tat com.Deep.step", 10 * SEARCHED));
    assert!(report(&[("fe.log", &trace)], 255).sentence().is_some());
}

/// A WARN of weeks ago is among the last hundred lines of a file that has little else.
#[test]
fn after_a_long_run_only_busy_logs_are_searched() {
    for (name, lines) in [
        ("fe.log", SEARCHED),
        ("be.INFO", SEARCHED),
        (CONSOLE, SEARCHED),
        ("fe.out", SEARCHED_PRINTED),
        ("fe.warn.log", 0),
        ("be.WARNING", 0),
        ("je.info.0", 0),
    ] {
        for (later, uptime, matches) in [
            (0, LONG_RUN, lines > 0),
            (lines.saturating_sub(1), LONG_RUN, lines > 0),
            (lines, LONG_RUN, false),
            (SEARCHED - 1, LONG_RUN / 2, true),
        ] {
            let text = format!("{TAKEN}{}", numbered("later", later));
            let report = report_after(uptime, &[(name, &text)], 255);
            assert_eq!(report.sentence().is_some(), matches, "{name} {later} {uptime:?}");
        }
    }
}

#[test]
fn the_line_that_is_shown_is_the_last_that_matches() {
    let text = "\tat java.net\nedit_log_port 1 is already in use. will exit.\nedit_log_port 2 is already in use. will exit.\n";
    let report = report(&[("fe.out", text)], 255);
    assert_eq!(
        report.matched.unwrap(),
        "fe.out: edit_log_port 2 is already in use. will exit."
    );
}

#[test]
fn the_console_is_searched_and_not_printed_again() {
    let report = report(&[(CONSOLE, TAKEN), ("je.info.0", "closing\n")], 255);
    assert_eq!(report.sentence(), Some("its edit log port is in use"));
    assert_eq!(report.lines(), ["je.info.0:", "closing"]);
}

#[test]
fn at_most_fifty_lines_are_printed_and_every_file_has_some() {
    let texts = ["fe.out", "fe.log", "fe.warn.log", "je.info.0"].map(|name| (name, numbered(name, 300)));
    let texts: Vec<_> = texts.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let report = report(&texts, 255);
    assert_eq!(report.lines().len(), MAX_LINES);
    assert_eq!(report.lines()[0], "fe.out:");
    for (name, _) in &texts {
        assert!(report.lines().contains(&format!("{name} 299")), "{report}");
    }
    // A single file gets all of them.
    assert_eq!(super::tests::report(&texts[..1], 255).lines().len(), MAX_LINES);
}

#[test]
fn the_file_with_the_cause_comes_first() {
    let report = report(&[("fe.out", "starting\n"), ("fe.log", TAKEN)], 255);
    assert_eq!(report.lines()[0], "fe.log:");
    assert_eq!(report.lines()[2], "fe.out:");
}

#[test]
fn a_line_of_two_files_is_printed_once() {
    let report = report(
        &[("fe.log", "info\nwarn\n"), ("fe.warn.log", "old warn\nwarn\n")],
        255,
    );
    assert_eq!(
        report.lines(),
        ["fe.log:", "info", "warn", "fe.warn.log:", "old warn"]
    );
    // Without a line of a file its name is not printed either. A file may repeat itself.
    let report = super::tests::report(&[("fe.log", "warn\nwarn\n"), ("fe.warn.log", "warn\n")], 255);
    assert_eq!(report.lines(), ["fe.log:", "warn", "warn"]);
}

#[test]
fn the_log_settings_of_a_start_are_never_shown() {
    let xml = format!(
        "<?xml version=\"1.0\"?>\n<Configuration status=\"info\">\n{}</Configuration>\n",
        numbered("  <Appender>", 120)
    );
    for (text, expected) in [
        (
            format!("before\n=====\n{xml}=====\nafter\n"),
            vec!["before", "after"],
        ),
        (
            format!("=====\n{xml}=====\none\n=====\n{xml}=====\ntwo\n"),
            vec!["one", "two"],
        ),
        (
            "=====\n<?xml?>\n<Configuration/>\n=====\nafter\n".to_owned(),
            vec!["after"],
        ),
        // Cut off before its end.
        ("<?xml?>\nafter\n".to_owned(), vec!["after"]),
        ("==\nno rule\n".to_owned(), vec!["==", "no rule"]),
    ] {
        let report = report(&[("fe.out", &text)], 255);
        assert_eq!(report.lines()[1..], expected, "{text}");
    }
}

#[test]
fn a_deep_trace_does_not_hide_the_line_above_it() {
    for step in [
        "\tat com.example.Some.method(Some.java:1)",
        "    @     0x555669752cad  google::LogMessage::Fail()",
        "\t0#  some::Status::Error() at status.h:411",
        "12# main at main.cpp:3",
    ] {
        let text = format!("the reason\n{}after\n", format!("{step}\n").repeat(80));
        let report = report(&[("be.out", &text)], 255);
        assert_eq!(report.lines().len(), MAX_FRAMES + 3, "{report}");
        assert_eq!(report.lines()[1], "the reason");
    }
}

#[test]
fn a_long_line_is_cut_between_characters() {
    let long = "\u{e4}".repeat(MAX_LINE_BYTES);
    let report = report(&[("fe.log", &long)], 255);
    assert_eq!(report.lines()[1].len(), MAX_LINE_BYTES);
    let odd = format!("x{long}");
    let report = super::tests::report(&[("fe.log", &odd)], 255);
    assert_eq!(report.lines()[1].len(), MAX_LINE_BYTES - 1);
}

#[test]
fn the_token_of_the_cluster_is_not_printed() {
    for (line, shown) in [
        (
            "GET http://10.0.0.2:8030/api/bootstrap?cluster_id=147889237&token=a1491ae0-27b3 failed",
            "GET http://10.0.0.2:8030/api/bootstrap?cluster_id=147889237&token=*** failed",
        ),
        ("token=a&token=b_c.", "token=***&token=***."),
        ("tokens are fine", "tokens are fine"),
    ] {
        let report = report(&[("fe.warn.log", line)], 255);
        assert_eq!(report.lines()[1], shown);
    }
    // Nor in the line that matched, and no half of it where that line is cut.
    let text = format!(
        "{} is already in use. edit_log_port will exit, token=secret",
        TAKEN.trim_end()
    );
    assert!(!report(&[("fe.log", &text)], 255).to_string().contains("secret"));
}
