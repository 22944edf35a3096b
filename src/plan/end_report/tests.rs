use super::{CONSOLE, EndReport, FRAMES, LONG_LIFE, LONGEST, MOST, NEAR, NEAR_PRINTED, derive};
use std::fmt::Write as _;
use std::time::Duration;

fn told(texts: &[(&str, &str)], number: u8) -> EndReport {
    told_after(Duration::from_millis(7_040), texts, number)
}

fn told_after(lived: Duration, texts: &[(&str, &str)], number: u8) -> EndReport {
    let texts: Vec<(String, String)> = texts
        .iter()
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
        .collect();
    derive(&texts, number, lived)
}

fn numbered(prefix: &str, count: usize) -> String {
    (0..count).fold(String::new(), |mut text, number| {
        writeln!(text, "{prefix} {number}").unwrap();
        text
    })
}

const TAKEN: &str = "2026-11-21 04:10:52.123Z ERROR (main|1) [Server.start():90] edit_log_port 9010 is already in use. will exit.\n";

#[test]
fn an_end_is_told_by_what_happened_where_it_is_said_what_to_do_and_the_last_lines() {
    let told = told(&[("fe.log", TAKEN), ("fe.out", "starting\n")], 255);
    let line = TAKEN.trim_end();
    assert_eq!(
        told.to_string(),
        format!(
            "error: the engine ended with 255 after 7 s: its edit log port is in use\n  fe.log: {line}\n\n\
             hint: {}\n\nfe.log:\n{line}\nfe.out:\nstarting\n",
            told.hint().unwrap()
        )
    );
}

#[test]
fn an_end_that_says_nothing_is_told_by_its_number_and_how_long_it_lived() {
    assert_eq!(
        told(&[], 255).to_string(),
        "error: the engine ended with 255 after 7 s\n"
    );
    assert_eq!(
        told(&[("fe.log", "a word\n")], 1).to_string(),
        "error: the engine ended with 1 after 7 s\n\nfe.log:\na word\n"
    );
}

#[test]
fn the_number_tells_where_the_words_do_not() {
    for (number, words) in [
        (0, "ended by itself"),
        (126, "cannot be executed"),
        (127, "did not find"),
        (132, "AVX2"),
        (134, "SIGABRT"),
        (137, "SIGKILL"),
        (139, "SIGSEGV"),
        (143, "stop signal"),
    ] {
        let told = told(
            &[("be.INFO", "I1121 04:10:52.1 7 daemon.cpp:1] all is well\n")],
            number,
        );
        assert!(told.sentence().unwrap().contains(words), "{number}: {told}");
    }
    // Words say more than a number where the engine ended itself.
    assert_eq!(
        told(&[("fe.log", TAKEN)], 0).sentence(),
        Some("its edit log port is in use")
    );
}

#[test]
fn who_was_ended_from_outside_did_not_die_of_what_it_said() {
    for number in [129, 130, 137, 143] {
        let told = told(&[("fe.log", TAKEN)], number);
        assert!(told.sentence().unwrap().contains("not by muster"), "{told}");
    }
    let full = "java.lang.OutOfMemoryError: Java heap space\nDumping heap to java_pid77.hprof ...\n";
    assert_eq!(
        told(&[("fe.out", full)], 137).sentence(),
        Some("its Java heap is full"),
        "a JVM that kills itself when the heap is full"
    );
    assert!(
        told(&[("fe.out", full)], 143)
            .sentence()
            .unwrap()
            .contains("not by muster")
    );
}

#[test]
fn the_matter_is_named_and_not_what_came_of_it() {
    let full = "java.io.IOException: No space left on device\n";
    let result = "got exception when trying to write one batch, will exit now.\n";
    for text in [format!("{full}{result}"), format!("{result}{full}")] {
        assert_eq!(
            told(&[("fe.log", &text)], 255).sentence(),
            Some("a disk it writes to is full")
        );
    }
    // In another file too.
    assert_eq!(
        told(&[("fe.out", result), ("fe.log", full)], 255).sentence(),
        Some("a disk it writes to is full")
    );
}

#[test]
fn what_was_complained_of_long_before_the_end_is_not_blamed() {
    let far = format!("{TAKEN}{}", numbered("later", NEAR));
    assert_eq!(told(&[("fe.log", &far)], 255).sentence(), None);
    let near = format!("{TAKEN}{}", numbered("later", NEAR - 1));
    assert!(told(&[("fe.log", &near)], 255).sentence().is_some());
    // A trace is one matter, however deep.
    let trace = format!("{TAKEN}{}", numbered("\tat com.Deep.step", 10 * NEAR));
    assert!(told(&[("fe.log", &trace)], 255).sentence().is_some());
}

/// A WARN of weeks ago is among the last hundred lines of a file that has little else.
#[test]
fn after_a_long_life_only_files_that_are_written_to_all_the_time_tell_its_end() {
    for (name, lines) in [
        ("fe.log", NEAR),
        ("be.INFO", NEAR),
        (CONSOLE, NEAR),
        ("fe.out", NEAR_PRINTED),
        ("fe.warn.log", 0),
        ("be.WARNING", 0),
        ("je.info.0", 0),
    ] {
        for (later, lived, tells) in [
            (0, LONG_LIFE, lines > 0),
            (lines.saturating_sub(1), LONG_LIFE, lines > 0),
            (lines, LONG_LIFE, false),
            (NEAR - 1, LONG_LIFE / 2, true),
        ] {
            let text = format!("{TAKEN}{}", numbered("later", later));
            let told = told_after(lived, &[(name, &text)], 255);
            assert_eq!(told.sentence().is_some(), tells, "{name} {later} {lived:?}");
        }
    }
}

#[test]
fn the_line_that_tells_is_the_last_of_its_kind() {
    let text = "\tat java.net\nedit_log_port 1 is already in use. will exit.\nedit_log_port 2 is already in use. will exit.\n";
    let told = told(&[("fe.out", text)], 255);
    assert_eq!(
        told.said.unwrap(),
        "fe.out: edit_log_port 2 is already in use. will exit."
    );
}

#[test]
fn what_stands_on_the_console_already_is_searched_and_not_printed_again() {
    let told = told(&[(CONSOLE, TAKEN), ("je.info.0", "closing\n")], 255);
    assert_eq!(told.sentence(), Some("its edit log port is in use"));
    assert_eq!(told.lines(), ["je.info.0:", "closing"]);
}

#[test]
fn there_are_never_more_lines_than_fifty_and_every_file_has_some() {
    let texts = ["fe.out", "fe.log", "fe.warn.log", "je.info.0"].map(|name| (name, numbered(name, 300)));
    let texts: Vec<_> = texts.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let told = told(&texts, 255);
    assert_eq!(told.lines().len(), MOST);
    assert_eq!(told.lines()[0], "fe.out:");
    for (name, _) in &texts {
        assert!(told.lines().contains(&format!("{name} 299")), "{told}");
    }
    // One alone has them all.
    assert_eq!(super::tests::told(&texts[..1], 255).lines().len(), MOST);
}

#[test]
fn the_file_with_the_reason_comes_first() {
    let told = told(&[("fe.out", "starting\n"), ("fe.log", TAKEN)], 255);
    assert_eq!(told.lines()[0], "fe.log:");
    assert_eq!(told.lines()[2], "fe.out:");
}

#[test]
fn a_line_of_two_files_is_printed_once() {
    let told = told(
        &[("fe.log", "info\nwarn\n"), ("fe.warn.log", "old warn\nwarn\n")],
        255,
    );
    assert_eq!(
        told.lines(),
        ["fe.log:", "info", "warn", "fe.warn.log:", "old warn"]
    );
    // Nothing left of a file: no name of it either. A file may repeat itself.
    let told = super::tests::told(&[("fe.log", "warn\nwarn\n"), ("fe.warn.log", "warn\n")], 255);
    assert_eq!(told.lines(), ["fe.log:", "warn", "warn"]);
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
        // Cut off before its end: nothing says where it would be.
        ("<?xml?>\nafter\n".to_owned(), vec!["after"]),
        ("==\nno rule\n".to_owned(), vec!["==", "no rule"]),
    ] {
        let told = told(&[("fe.out", &text)], 255);
        assert_eq!(told.lines()[1..], expected, "{text}");
    }
}

#[test]
fn a_deep_trace_does_not_push_away_the_line_it_belongs_to() {
    for step in [
        "\tat com.example.Some.method(Some.java:1)",
        "    @     0x555669752cad  google::LogMessage::Fail()",
        "\t0#  some::Status::Error() at status.h:411",
        "12# main at main.cpp:3",
    ] {
        let text = format!("the reason\n{}after\n", format!("{step}\n").repeat(80));
        let told = told(&[("be.out", &text)], 255);
        assert_eq!(told.lines().len(), FRAMES + 3, "{told}");
        assert_eq!(told.lines()[1], "the reason");
    }
}

#[test]
fn a_long_line_is_cut_and_stays_text() {
    let long = "\u{e4}".repeat(LONGEST);
    let told = told(&[("fe.log", &long)], 255);
    assert_eq!(told.lines()[1].len(), LONGEST);
    let odd = format!("x{long}");
    let told = super::tests::told(&[("fe.log", &odd)], 255);
    assert_eq!(told.lines()[1].len(), LONGEST - 1);
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
        let told = told(&[("fe.warn.log", line)], 255);
        assert_eq!(told.lines()[1], shown);
    }
    // Not in the line that tells the end either, and not half of it where that is cut.
    let text = format!(
        "{} is already in use. edit_log_port will exit, token=secret",
        TAKEN.trim_end()
    );
    assert!(!told(&[("fe.log", &text)], 255).to_string().contains("secret"));
}
