//! The schemas of what is printed as JSON, from the same types: `docs/schema/`. `UPDATE_SCHEMA=1 cargo test --lib plan::view::tests::schema`
//! writes them anew. Keys are only ever added.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::Value;

use super::{cases, observed};
use crate::engine::ALL;
use crate::expect_file;
use crate::facts::history::{Event, Word};
use crate::plan::doctor::print;
use crate::plan::history;
use crate::plan::view::{may_stop, ports, report, targets, view};

fn schema<T: JsonSchema>() -> Value {
    // As it is printed: a key whose value may be null is there all the same.
    let settings = SchemaSettings::draft2020_12().for_serialize();
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

fn all() -> [(&'static str, Value); 6] {
    let mut all = [
        ("status", schema::<report::Report<'_>>()),
        ("may-stop", schema::<may_stop::Report<'_>>()),
        ("ports", schema::<ports::Report<'_>>()),
        ("targets", schema::<Vec<targets::Group<'_>>>()),
        ("doctor", schema::<print::Report<'_>>()),
        ("history", schema::<history::Report<'_>>()),
    ];
    for (name, schema) in &mut all {
        schema["title"] = format!("muster {name}").into();
    }
    all
}

/// Where each key of an object is, as a JSON pointer into the schema.
fn keys(schema: &Value, at: &str, found: &mut BTreeSet<String>) {
    for (word, value) in schema.as_object().into_iter().flatten() {
        let at = format!("{at}/{word}");
        if at.ends_with("/properties") {
            found.extend(
                value
                    .as_object()
                    .into_iter()
                    .flat_map(|keys| keys.keys())
                    .map(|key| format!("{at}/{key}")),
            );
        }
        keys(value, &at, found);
    }
}

/// They are written anew only with every key that they had.
#[test]
fn the_schemas_of_the_docs_are_those_of_what_is_printed() {
    for (name, schema) in all() {
        let file = format!("docs/schema/{name}.json");
        let written = expect_file::written(&file);
        let mut found = BTreeSet::new();
        keys(
            &serde_json::from_str(&written).unwrap_or_default(),
            "",
            &mut found,
        );
        for key in found {
            assert!(schema.pointer(&key).is_some(), "{name} has no {key} any more");
        }
        let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        expect_file::holds(&file, &text, "UPDATE_SCHEMA");
    }
}

#[test]
fn whatever_is_printed_is_as_its_schema_says() {
    let schemas = BTreeMap::from(all());
    let check = |name: &str, text: &str| {
        let value: Value = serde_json::from_str(text).unwrap();
        let root = &schemas[name];
        if let Err(why) = fits(&value, root, root) {
            panic!("{name}: {why}\n{text}");
        }
    };
    for case in cases() {
        for engine in 0..ALL.len() {
            let view = view(&observed(&case, engine));
            check("status", &report::json(&view, "2026-03-01T00:01:00Z"));
            check("targets", &targets::targets(&view));
            for node in view.nodes.iter().filter(|node| node.leader_says.is_some()) {
                let answer = may_stop::may_stop(&view, node);
                check("may-stop", &may_stop::json(&node.called(), &answer));
            }
        }
    }
    for result in crate::plan::doctor::tests::every() {
        check("doctor", &print::json(&result, ALL[0]));
    }
    let events: Vec<Event> = [Word::Started, Word::Stopped, Word::NoEnd]
        .map(|word| Event {
            cut: Some(true),
            ..Event::new(word, "what is so")
        })
        .into();
    check("history", &history::json(ALL[0].layouts[0].component, &events));
    for engine in ALL {
        for layout in engine.layouts {
            let rules = ports::rules(engine, layout.component, &BTreeMap::new());
            check("ports", &ports::json(&rules, &ports::Peers::new()));
        }
    }
}

#[test]
fn what_lacks_a_key_or_has_one_of_another_kind_is_not_as_its_schema_says() {
    let schemas = BTreeMap::from(all());
    let root = &schemas["may-stop"];
    let table = [
        (
            r#"{"muster":1,"may_stop":true,"node":"FE a","reasons":[],"notes":["b"]}"#,
            true,
        ),
        (
            r#"{"muster":1,"may_stop":true,"node":"FE a","reasons":[]}"#,
            false,
        ),
        (
            r#"{"muster":1,"may_stop":"yes","node":"FE a","reasons":[],"notes":[]}"#,
            false,
        ),
        (
            r#"{"muster":300,"may_stop":true,"node":"FE a","reasons":[],"notes":[]}"#,
            false,
        ),
        (
            r#"{"muster":1,"may_stop":true,"node":"FE a","reasons":[1],"notes":[]}"#,
            false,
        ),
        ("[]", false),
    ];
    for (text, expected) in table {
        let value = serde_json::from_str(text).unwrap();
        assert_eq!(fits(&value, root, root).is_ok(), expected, "{text}");
    }
}

/// Checks a value by the words of JSON Schema that occur here; another one is a failure, so that none is passed over.
fn fits(value: &Value, schema: &Value, root: &Value) -> Result<(), String> {
    let Some(words) = schema.as_object() else {
        return Ok(());
    };
    for (word, by) in words {
        let failed = |why: &str| Err(format!("{value} {why} {word} {by}"));
        match word.as_str() {
            "$schema" | "title" | "description" | "format" | "$defs" => {}
            "$ref" => {
                let path = by.as_str().and_then(|path| path.strip_prefix('#')).unwrap();
                fits(value, root.pointer(path).unwrap(), root)?;
            }
            "type" => {
                let kinds = by.as_array().map_or(std::slice::from_ref(by), Vec::as_slice);
                if !kinds.iter().any(|kind| is(value, kind.as_str().unwrap())) {
                    return failed("is not of");
                }
            }
            "minimum" | "maximum" => {
                let order = value
                    .as_f64()
                    .zip(by.as_f64())
                    .map(|(own, by)| own.total_cmp(&by));
                let beyond = if word == "minimum" {
                    std::cmp::Ordering::Less
                } else {
                    std::cmp::Ordering::Greater
                };
                if order == Some(beyond) {
                    return failed("is beyond");
                }
            }
            "required" => {
                let mut keys = by.as_array().unwrap().iter().map(|key| key.as_str().unwrap());
                if keys.any(|key| value.get(key).is_none()) {
                    return failed("lacks one of");
                }
            }
            "properties" => {
                for (key, by) in by.as_object().unwrap() {
                    value.get(key).map_or(Ok(()), |value| fits(value, by, root))?;
                }
            }
            "additionalProperties" => {
                for value in value.as_object().into_iter().flat_map(|map| map.values()) {
                    fits(value, by, root)?;
                }
            }
            "items" => {
                for value in value.as_array().into_iter().flatten() {
                    fits(value, by, root)?;
                }
            }
            "anyOf" => {
                let mut ways = by.as_array().unwrap().iter();
                if !ways.any(|by| fits(value, by, root).is_ok()) {
                    return failed("is none of");
                }
            }
            "oneOf" => {
                let ways = by.as_array().unwrap().iter();
                if ways.filter(|by| fits(value, by, root).is_ok()).count() != 1 {
                    return failed("is not one of");
                }
            }
            "const" if value == by => {}
            "const" => return failed("is not"),
            _ => return failed("has an unknown word"),
        }
    }
    Ok(())
}

fn is(value: &Value, kind: &str) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("{other}"),
    }
}
