//! Durations as people write them: `300`, `300s`, `5m`, `1500ms`, `1m30s`.

use std::time::Duration;

/// A longer one is a typing mistake.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

/// Reads a duration of at most seven days; a plain number is seconds.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    // In lower case: the library takes an upper-case M for months.
    let mut text = text.trim().to_ascii_lowercase();
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.push('s');
    }
    let duration = humantime::parse_duration(&text)
        .map_err(|_| "is not a duration such as 300, 300s, 5m, 1500ms or 1m30s".to_owned())?;
    if duration > LONGEST {
        return Err("is longer than 7 days".to_owned());
    }
    Ok(duration)
}

/// Reads a duration that is not 0.
pub(super) fn parse_patience(text: &str) -> Result<Duration, String> {
    let duration = parse_duration(text)?;
    if duration.is_zero() {
        return Err("must be longer than 0".to_owned());
    }
    Ok(duration)
}

#[cfg(test)]
mod tests {
    use super::parse_duration;
    use std::time::Duration;

    #[test]
    fn durations_as_people_write_them() {
        let table = [
            ("300", 300_000),
            ("0", 0),
            ("300s", 300_000),
            ("5m", 300_000),
            ("1500ms", 1500),
            ("1m30s", 90_000),
            ("1h", 3_600_000),
            ("1h2m3s4ms", 3_723_004),
            (" 5M ", 300_000),
        ];
        for (text, millis) in table {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_duration() {
        for text in [
            "",
            "s",
            "-5",
            "+5",
            "1m30",
            "5x",
            "fünf",
            "1e3",
            "700000",
            "99999999999999999999",
            "99999999999999999999h",
        ] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
