//! Durations as people write them: `300`, `300s`, `5m`, `1500ms`, `1m30s`.

use std::time::Duration;

/// Longer than this is a slip of the keyboard.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

/// Milliseconds of each unit, largest first: they may only follow each other in this order.
const UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// Reads a duration of at most seven days; a plain number is seconds.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || "is not a duration such as 300, 300s, 5m, 1500ms or 1m30s".to_owned();
    let too_long = || "is longer than 7 days".to_owned();
    let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());

    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(wrong());
    }
    let mut total: u64 = 0;
    let mut units = UNITS.iter();
    if all_digits(rest) {
        total = rest
            .parse::<u64>()
            .ok()
            .and_then(|seconds| seconds.checked_mul(1000))
            .ok_or_else(too_long)?;
        rest = "";
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, after) = rest.split_at_checked(digits).ok_or_else(wrong)?;
        let letters = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at_checked(letters).ok_or_else(wrong)?;
        if !all_digits(number) {
            return Err(wrong());
        }
        // The iterator moves on: a smaller unit never stands before a larger one, and none stands twice.
        let (_, factor) = units
            .find(|(name, _)| unit.eq_ignore_ascii_case(name))
            .ok_or_else(wrong)?;
        total = number
            .parse::<u64>()
            .ok()
            .and_then(|number| number.checked_mul(*factor))
            .and_then(|millis| total.checked_add(millis))
            .ok_or_else(too_long)?;
        rest = after;
    }
    let duration = Duration::from_millis(total);
    if duration > LONGEST {
        return Err(too_long());
    }
    Ok(duration)
}

/// A duration in which something has to be done: not 0.
pub(super) fn parse_patience(text: &str) -> Result<Duration, String> {
    let duration = parse_duration(text)?;
    if duration.is_zero() {
        return Err("leaves no time at all".to_owned());
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
            "5 m",
            "1.5s",
            "-5",
            "+5",
            "30s1m",
            "5m5m",
            "1m30",
            "5x",
            "5min",
            "fünf",
            "5µs",
            "1e3",
            "700000",
            "99999999999999999999",
            "99999999999999999999h",
        ] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
