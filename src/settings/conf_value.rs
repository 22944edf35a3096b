//! Values of conf keys. What the engine or its start script would read differently from how it was written is refused:
//! both read the same file, one as text and one as shell.

/// The value of a key that muster does not know.
pub(super) fn any(key: &str, text: &str) -> Result<String, String> {
    if let Some(control) = text.chars().find(|c| c.is_control()) {
        return Err(match control {
            '\n' | '\r' => "contains a line break; a conf value is one line".to_owned(),
            _ => "contains a control character".to_owned(),
        });
    }
    if is_shell_key(key) {
        shell_value(text)
    } else {
        plain_value(text)
    }
}

/// A value that `eval "echo KEY=value"` does not change: nothing in it is quoted, expanded, split or matched.
fn shell_value(text: &str) -> Result<String, String> {
    let harmless = |c: &char| c.is_ascii_alphanumeric() || " _-+=:.,/@%^".contains(*c);
    if let Some(active) = text.chars().find(|c| !harmless(c)) {
        return Err(format!(
            "contains `{active}`, and the start script evaluates upper-case keys as shell code"
        ));
    }
    // `echo` makes one blank of many; so the value is what the engine gets.
    let words: Vec<&str> = text.split_whitespace().collect();
    let value = words.join(" ");
    if value.contains(" =") || value.contains("= ") {
        return Err("contains a space beside `=`, which the start script removes".to_owned());
    }
    Ok(value)
}

fn plain_value(text: &str) -> Result<String, String> {
    // The engine drops the blanks around a value: so it is the value.
    let text = text.trim();
    let quote = |c: char| matches!(c, '"' | '\'');
    if text.starts_with(quote) || text.ends_with(quote) {
        return Err("is quoted; the engine would read the quotes as part of the value".to_owned());
    }
    if text.contains(" #") {
        return Err("contains ` #`; the engine would read the comment as part of the value".to_owned());
    }
    Ok(text.to_owned())
}

pub(super) fn replication_num(text: &str) -> Result<String, String> {
    match text.parse::<u16>() {
        Ok(number) if (1..=32767).contains(&number) && !text.starts_with('+') => Ok(number.to_string()),
        _ => Err("is not a number of copies (1–32767)".to_owned()),
    }
}

/// The data dir of an FE. Newer start scripts evaluate it as shell code, although its key is lower-case.
pub(super) fn data_dir(text: &str) -> Result<String, String> {
    if !begins_absolute(text) {
        return Err("is not an absolute path".to_owned());
    }
    let bare = without_references(text)?;
    let harmless = |c: &char| c.is_ascii_alphanumeric() || "_-+=:.,/@%".contains(*c);
    match bare.chars().find(|c| !harmless(c)) {
        Some(c) if c.is_control() => Err("contains a control character".to_owned()),
        Some(active) => Err(format!(
            "contains `{active}`, and the start script evaluates this path as shell code"
        )),
        None => Ok(text.to_owned()),
    }
}

/// `/path[,medium:SSD];/path…`
pub(super) fn storage_dirs(text: &str) -> Result<String, String> {
    let entries: Vec<&str> = text.trim_end_matches(';').split(';').map(str::trim).collect();
    let mut paths: Vec<&str> = Vec::new();
    for entry in &entries {
        let path = entry.split(',').next().unwrap_or_default().trim_end();
        if path.is_empty() {
            return Err("has an empty path".to_owned());
        }
        if !begins_absolute(path) {
            return Err(format!("contains `{path}`, which is not an absolute path"));
        }
        without_references(path)?;
        if let Some(bad) = entry
            .chars()
            .find(|c| c.is_control() || c.is_whitespace() || matches!(c, '"' | '\'' | '#'))
        {
            return Err(format!(
                "contains `{}`, which is not allowed in this path",
                bad.escape_debug()
            ));
        }
        let path = path.trim_end_matches('/');
        if paths.contains(&path) {
            return Err(format!("lists `{path}` twice"));
        }
        paths.push(path);
    }
    Ok(entries.join(";"))
}

fn begins_absolute(text: &str) -> bool {
    text.starts_with('/') || text.starts_with("${")
}

/// The text without its `${NAME}`, which the engines replace; any other `$` is none of theirs.
fn without_references(text: &str) -> Result<String, String> {
    let wrong = || "contains a `$` that is not part of a ${NAME}".to_owned();
    let mut bare = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        bare.push_str(before);
        let (name, after) = after
            .strip_prefix('{')
            .and_then(|after| after.split_once('}'))
            .ok_or_else(wrong)?;
        let sound = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !sound {
            return Err(wrong());
        }
        rest = after;
    }
    bare.push_str(rest);
    Ok(bare)
}

/// Upper-case keys are `eval`ed by the start script and exported.
pub(super) fn is_shell_key(key: &str) -> bool {
    key.starts_with(|c: char| c.is_ascii_uppercase())
        && key
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::{any, data_dir, storage_dirs};

    #[test]
    fn what_the_start_script_evaluates_must_survive_that() {
        let table = [
            (
                "JAVA_OPTS",
                "-Xmx4g -XX:+UseG1GC -Dx=y",
                Some("-Xmx4g -XX:+UseG1GC -Dx=y"),
            ),
            ("JAVA_OPTS", "-Xmx4g   -Dx=y", Some("-Xmx4g -Dx=y")),
            ("LOG_DIR", "/var/log/fe-1", Some("/var/log/fe-1")),
            (
                "JAVA_OPTS_FOR_JDK_17",
                "-Xlog:gc:file=/log/gc.log:time,uptime",
                Some("-Xlog:gc:file=/log/gc.log:time,uptime"),
            ),
            ("JAVA_OPTS", "-Dx = y", None),
            ("JAVA_OPTS", "-Dpath=$HOME", None),
            ("JAVA_OPTS", "$(touch /f)", None),
            ("JAVA_OPTS", "`id`", None),
            ("JAVA_OPTS", "a; id", None),
            ("JAVA_OPTS", "a & b", None),
            ("JAVA_OPTS", "a | b", None),
            ("JAVA_OPTS", "a > b", None),
            ("JAVA_OPTS", "a < b", None),
            ("JAVA_OPTS", "(a)", None),
            ("JAVA_OPTS", "\"-Xmx4g\"", None),
            ("JAVA_OPTS", "it's", None),
            ("JAVA_OPTS", r"a\b", None),
            ("JAVA_OPTS", "-Xlog:gc*:x", None),
            ("JAVA_OPTS", "a?", None),
            ("JAVA_OPTS", "[a]", None),
            ("JAVA_OPTS", "{a,b}", None),
            ("JAVA_OPTS", "~/x", None),
            ("JAVA_OPTS", "a #b", None),
            ("JAVA_OPTS", "a!", None),
            ("JAVA_OPTS", "a\nB=c", None),
            ("JAVA_OPTS", "fünf", None),
        ];
        for (key, text, expected) in table {
            assert_eq!(any(key, text).ok().as_deref(), expected, "{key}={text}");
        }
    }

    #[test]
    fn what_the_engine_would_read_differently_is_refused() {
        let table = [
            ("query_timeout", "300", true),
            ("aws_s3_endpoint", "https://s3.example.com:9000/#x", true),
            ("cloud_native_hdfs_url", "hdfs://127.0.0.1:9000/data", true),
            ("sys_log_dir", "${LOG_DIR}/x", true),
            ("path", r"C:\new", true),
            ("x", "say \"hi\" there", true),
            ("x", "\"quoted\"", false),
            ("x", "'quoted'", false),
            ("x", "5 # five", false),
            ("x", "a\nb = c", false),
            ("x", "a\tb", false),
            ("x", "a\u{0}b", false),
        ];
        for (key, text, accepted) in table {
            assert_eq!(any(key, text).is_ok(), accepted, "{key}={text:?}");
        }
    }

    #[test]
    fn data_dirs() {
        for good in ["/data/meta", "${HOME_DIR}/meta", "/data/${NAME}/meta"] {
            assert_eq!(data_dir(good).as_deref(), Ok(good));
        }
        for bad in [
            "meta",
            "./meta",
            "/data dir/meta",
            "/data/$X",
            "/data/${X",
            "/data/$(id)",
            "/d;id",
            "/data/\"x\"",
        ] {
            assert!(data_dir(bad).is_err(), "{bad}");
        }
        let table = [
            ("/data1", Some("/data1")),
            ("/data1;/data2", Some("/data1;/data2")),
            (
                "/data1,medium:SSD ; /data2,medium:HDD;",
                Some("/data1,medium:SSD;/data2,medium:HDD"),
            ),
            ("data1", None),
            ("/data1;;/data2", None),
            ("/data1;/data1/", None),
            ("/data 1", None),
            ("\"/data1\"", None),
            ("/data1,/data2 x", None),
        ];
        for (text, expected) in table {
            assert_eq!(storage_dirs(text).ok().as_deref(), expected, "{text}");
        }
    }
}
