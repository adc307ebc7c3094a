//! The laws, for trees of every shape in several styles of each format.

use proptest::prelude::*;
use serde_json::{Map, Value};

use super::super::{Change, EditError, Edited, Format, apply, holds, value_at};

/// Keys that collide often, and some that need quotes.
fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-d]",
        1 => Just("a b".to_owned()),
        1 => Just("yes".to_owned()),
        1 => Just("it's \"q\" \\ # : {".to_owned()),
        1 => Just("\u{e9}\u{1f600}".to_owned()),
        1 => Just("/home/x.y".to_owned()),
        1 => Just("1".to_owned()),
        1 => Just(String::new()),
    ]
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        (-1e6..1e6f64).prop_map(Value::from),
        Just(Value::from(1e100)),
        "[ -~]{0,8}".prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        key().prop_map(Value::from),
    ]
}

fn tree() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            1 => prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            2 => object(inner),
        ]
    })
}

fn object(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    let entries = prop::collection::vec((key(), inner), 0..4);
    entries.prop_map(|entries| Value::Object(entries.into_iter().collect::<Map<_, _>>()))
}

fn at() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(key(), 1..4)
}

fn change() -> impl Strategy<Value = Change> {
    let item = (at(), key(), object(tree())).prop_map(|(at, is, mut value)| {
        value["name"] = Value::from(is);
        let by = "name".to_owned();
        Change::Item { at, by, value }
    });
    prop_oneof![
        3 => (at(), tree()).prop_map(|(at, value)| Change::Set { at, value }),
        2 => item,
        1 => (at(), 0..3usize).prop_map(|(at, made)| Change::Remove { at, made }),
        1 => (at(), key(), 0..3usize).prop_map(|(at, is, made)| Change::RemoveItem {
            at,
            by: "name".to_owned(),
            is: Value::from(is),
            made,
        }),
    ]
}

/// A tree in one of the styles of a format.
fn printed(format: Format, tree: &Value, style: usize) -> String {
    let text = match format {
        Format::Json if style.is_multiple_of(2) => json_lines(tree, "", style),
        Format::Json => tree.to_string(),
        Format::Toml => toml::to_string(tree).unwrap_or_default(),
        Format::Yaml => yaml(tree, 0, style),
        Format::Env => env(tree),
    };
    let text = if style / 2 % 2 == 1 {
        text.trim_end().to_owned()
    } else {
        text
    };
    let text = if style / 4 % 2 == 1 {
        text.replace('\n', "\r\n")
    } else {
        text
    };
    if style / 8 % 2 == 1 {
        format!("\u{feff}{text}")
    } else {
        text
    }
}

/// With comments behind values, tabs, and a comma behind the last where the style has it so.
fn json_lines(value: &Value, indent: &str, style: usize) -> String {
    let deeper = format!("{indent}\t");
    let (open, lines, close): (_, Vec<String>, _) = match value {
        Value::Array(items) if !items.is_empty() => {
            let items = items.iter().map(|item| json_lines(item, &deeper, style));
            ("[", items.collect(), "]")
        }
        Value::Object(entries) if !entries.is_empty() => {
            let entries = entries.iter().map(|(key, value)| {
                format!(
                    "{}: {}",
                    Value::from(key.as_str()),
                    json_lines(value, &deeper, style)
                )
            });
            ("{", entries.collect(), "}")
        }
        other => return other.to_string(),
    };
    let trailing = style / 16 % 2 == 1;
    let mut out = format!("{open} // \"{{\n");
    for (index, line) in lines.iter().enumerate() {
        let comma = if trailing || index + 1 < lines.len() {
            ","
        } else {
            ""
        };
        out.extend([deeper.as_str(), line, comma, " // } , ]\n"]);
    }
    out + indent + close
}

/// Lists indented under their key or not, scalars always in quotes if they are texts, comments between.
fn yaml(value: &Value, depth: usize, style: usize) -> String {
    let indent = "  ".repeat(depth);
    let child = |value: &Value, depth| match value {
        Value::Array(items) if !items.is_empty() => format!("\n{}", yaml(value, depth, style)),
        Value::Object(entries) if !entries.is_empty() => format!("\n{}", yaml(value, depth, style)),
        other => format!(" {} # c: d\n", quoted(other)),
    };
    match value {
        Value::Array(items) if !items.is_empty() => items
            .iter()
            .map(|item| {
                let rest = child(item, depth + 1);
                let rest = rest.strip_prefix('\n').map_or(rest.clone(), |rest| {
                    format!(" {}", rest.trim_start_matches(' '))
                });
                format!("{indent}-{rest}")
            })
            .collect::<Vec<_>>()
            .concat(),
        Value::Object(entries) if !entries.is_empty() => entries
            .iter()
            .map(|(key, value)| {
                let same = value.is_array() && style.is_multiple_of(2);
                let rest = child(value, if same { depth } else { depth + 1 });
                let key = quoted(&Value::from(key.as_str()));
                format!("{indent}{key}:{rest}\n")
            })
            .collect::<Vec<_>>()
            .concat(),
        other => quoted(other) + "\n",
    }
}

fn quoted(value: &Value) -> String {
    let escape = |letter: char| match letter {
        ' '..='~' => letter.to_string(),
        _ => format!("\\U{:08X}", u32::from(letter)),
    };
    match value {
        Value::String(text) => {
            let text = text.replace('\\', "\\\\").replace('"', "\\\"");
            format!("\"{}\"", text.chars().map(escape).collect::<String>())
        }
        other => other.to_string(),
    }
}

fn env(tree: &Value) -> String {
    let keys = tree.as_object().into_iter().flat_map(Map::keys);
    keys.map(|key| format!("{key}='v' # c\n"))
        .collect::<Vec<_>>()
        .concat()
}

/// What an independent reader makes of a text.
fn independent(format: Format, text: &str) -> Option<Value> {
    match format {
        Format::Json => serde_json::from_str(text.trim_start_matches('\u{feff}')).ok(),
        Format::Toml => toml::from_str(text.trim_start_matches('\u{feff}')).ok(),
        _ => None,
    }
}

/// What the tree is after a change that went well.
fn changed(tree: &mut Value, change: &Change) {
    fn place<'a>(tree: &'a mut Value, at: &[String]) -> &'a mut Value {
        at.iter().fold(tree, |tree, key| &mut tree[key])
    }
    match change {
        Change::Set { at, value } => *place(tree, at) = value.clone(),
        Change::Item { at, by, value } => {
            let list = place(tree, at);
            if list.is_null() {
                *list = Value::Array(Vec::new());
            }
            let items = list.as_array_mut().expect("only a list takes an item");
            match items.iter_mut().find(|item| item.get(by) == value.get(by)) {
                Some(item) => *item = value.clone(),
                None => items.push(value.clone()),
            }
        }
        Change::Remove { .. } | Change::RemoveItem { .. } => {}
    }
}

fn undone(format: Format, edited: &Edited) -> Result<String, EditError> {
    let back: Vec<_> = edited.undo.iter().rev().cloned().collect();
    apply(format, &edited.text, &back).map(|edited| edited.text)
}

/// Whether the undo of a change must give the same bytes: what was there is nothing, or a short value.
fn is_gentle(before: &Value, change: &Change) -> bool {
    let old = |at: &[String]| at.iter().try_fold(before, |tree, key| tree.get(key));
    // An object that was empty may have had blanks or a comment in it, and does not get them back.
    let above = |at: &[String]| {
        (0..at.len())
            .filter_map(|depth| old(&at[..depth]))
            .all(|above| above.as_object().is_some_and(|object| !object.is_empty()))
    };
    match change {
        Change::Set { at, value } => {
            let short = |value: &Value| value.is_string() || value.is_boolean();
            above(at) && old(at).is_none_or(|old| short(old) && short(value))
        }
        Change::Item { at, value, .. } => {
            let fresh = |old: &Value| {
                let items = old.as_array().filter(|items| !items.is_empty());
                items.is_some_and(|items| items.iter().all(|item| item["name"] != value["name"]))
            };
            above(at) && old(at).is_none_or(fresh)
        }
        Change::Remove { .. } | Change::RemoveItem { .. } => false,
    }
}

fn lawful(
    format: Format,
    tree: &Value,
    change: &Change,
    style: usize,
) -> Result<bool, TestCaseError> {
    let text = printed(format, tree, style);
    let Some(before) = value_at(format, &text, &[]).expect("what was printed can be read") else {
        return Ok(false);
    };
    // A TOML printer refuses some trees, and then there is nothing.
    if before.as_object().is_some_and(|before| !before.is_empty()) {
        prop_assert_eq!(&before, tree, "{}", text);
    }
    let change = std::slice::from_ref(change);
    let Ok(edited) = apply(format, &text, change) else {
        return Ok(false);
    };
    prop_assert_eq!(
        holds(format, &edited.text, &change[0]),
        Ok(true),
        "{}",
        edited.text
    );
    let again = apply(format, &edited.text, change).map(|edited| edited.text);
    prop_assert_eq!(again.as_ref(), Ok(&edited.text));
    let after = value_at(format, &edited.text, &[]).expect("what was written can be read");
    if let Some(seen) = independent(format, &edited.text) {
        prop_assert_eq!(Some(&seen), after.as_ref());
    }
    if matches!(change[0], Change::Set { .. } | Change::Item { .. }) {
        let mut wanted = before.clone();
        changed(&mut wanted, &change[0]);
        prop_assert_eq!(after, Some(wanted), "{}\n---\n{}", text, edited.text);
    }
    let back = undone(format, &edited);
    let back = back.map_err(|error| TestCaseError::fail(format!("{error}\n{}", edited.text)))?;
    if is_gentle(&before, &change[0]) {
        prop_assert_eq!(&back, &text, "by way of\n{}", edited.text);
    }
    let back = value_at(format, &back, &[]).expect("what was undone can be read");
    prop_assert_eq!(back, Some(before), "{}\n---\n{}", text, edited.text);
    Ok(true)
}

/// Runs the laws over many trees; enough of the changes must have been possible at all.
fn laws(format: Format) {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut done = 0;
    for _ in 0..400 {
        let cases = (object(tree()), change(), 0..32usize);
        let case = cases.new_tree(&mut runner).expect("a case can be made");
        let (tree, change, style) = proptest::strategy::ValueTree::current(&case);
        match lawful(format, &tree, &change, style) {
            Ok(true) => done += 1,
            Ok(false) => {}
            Err(error) => panic!("{error}\n{change:?}\n{}", printed(format, &tree, style)),
        }
    }
    assert!(done > 40, "only {done} changes were possible");
}

#[test]
fn json_is_changed_lawfully() {
    laws(Format::Json);
}

#[test]
fn toml_is_changed_lawfully() {
    laws(Format::Toml);
}

#[test]
fn yaml_is_changed_lawfully() {
    laws(Format::Yaml);
}

#[test]
fn hostile_texts_give_an_error_and_no_panic() {
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(20_000), close.repeat(20_000));
    let texts = [
        deep("[", "]"),
        deep("{\"a\":", "}"),
        deep("- ", ""),
        format!("a = {}", deep("[", "]")),
        format!("[{}]", deep("a.", "a")),
        "{\"a\": \"\\ud800\"}".to_owned(),
        "{\"a\": 1, \"a\": {\"b\": 1}}".to_owned(),
        "a: &a [*a]".to_owned(),
        "\u{0}\u{feff}\u{feff}{".to_owned(),
        "a='\nb=\"".repeat(1000),
    ];
    let change = Change::Set {
        at: vec!["a".to_owned(), "b".to_owned()],
        value: Value::from("c"),
    };
    for format in [Format::Json, Format::Toml, Format::Yaml, Format::Env] {
        for text in &texts {
            let changed = apply(format, text, std::slice::from_ref(&change));
            assert!(changed.is_err(), "{format:?} {text:.40}");
        }
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(
        text in "[\\[\\]{}:,\"'#=&*!|>?\\-\\\\ \t\r\nab1.\u{e9}\u{feff}/]{0,40}",
        change in change(),
    ) {
        for format in [Format::Json, Format::Toml, Format::Yaml, Format::Env] {
            if let Ok(edited) = apply(format, &text, std::slice::from_ref(&change)) {
                prop_assert_eq!(holds(format, &edited.text, &change), Ok(true));
            }
        }
    }
}
