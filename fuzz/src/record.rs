//! The text of a record: read as it was written, or not at all.

use muster::facts::record::{NotARecord, Record, VERSION};

pub fn holds(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else {
        return;
    };
    let version = serde_json::from_str::<serde_json::Value>(text)
        .ok()
        .and_then(|value| value.get("version")?.as_u64());
    match Record::parse(text) {
        Ok(record) => {
            assert_eq!(
                version,
                Some(VERSION),
                "a record without its version is somebody else's"
            );
            let written = record.to_json();
            assert_eq!(
                Record::parse(&written),
                Ok(record.clone()),
                "it comes back as it was"
            );
            // A power cut leaves the beginning of a file: none of it is taken for the whole.
            let whole = written.trim_end();
            for length in (0..whole.len()).step_by(1 + whole.len() / 64) {
                if let Some(cut) = whole.get(..length) {
                    assert!(
                        matches!(
                            Record::parse(cut),
                            Err(NotARecord::Empty | NotARecord::NotJson(_))
                        ),
                        "cut off: {cut}"
                    );
                }
            }
        }
        Err(NotARecord::Newer(number)) => {
            assert!(
                version == Some(number) && number > VERSION,
                "{number} is no newer version"
            );
        }
        Err(NotARecord::Empty) => assert!(text.trim().is_empty()),
        Err(NotARecord::NotJson(_)) => assert_eq!(version, None, "it is JSON"),
        Err(NotARecord::Foreign(_)) => assert!(version.is_none_or(|version| version <= VERSION)),
    }
}
