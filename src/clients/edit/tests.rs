//! What holds for every format: a change is in force, touches nothing else, and can be undone.

use serde_json::{Value, json};

use super::{Change, Edited, Format, apply, holds, value_at};

mod env_files;
mod json_files;
mod laws;
mod toml_files;
mod yaml_files;

fn set(at: &[&str], value: Value) -> Change {
    Change::Set {
        at: at.iter().map(ToString::to_string).collect(),
        value,
    }
}

fn item(at: &[&str], by: &str, value: Value) -> Change {
    Change::Item {
        at: at.iter().map(ToString::to_string).collect(),
        by: by.to_owned(),
        value,
    }
}

fn edit(format: Format, text: &str, changes: &[Change]) -> Edited {
    match apply(format, text, changes) {
        Ok(edited) => edited,
        Err(error) => panic!("{error}\n{text}\n{changes:?}"),
    }
}

fn undone(format: Format, edited: &Edited) -> String {
    let back: Vec<_> = edited.undo.iter().rev().cloned().collect();
    edit(format, &edited.text, &back).text
}

/// Applies, and checks the laws that hold for all files: the changes are in force, a second time changes
/// nothing, and undoing gives the same bytes.
fn lawful(format: Format, text: &str, changes: &[Change]) -> String {
    let edited = edit(format, text, changes);
    for change in changes {
        let in_force = holds(format, &edited.text, change);
        assert_eq!(in_force, Ok(true), "{change:?}\n{}", edited.text);
    }
    let again = edit(format, &edited.text, changes);
    assert_eq!(again.text, edited.text, "a second time changes nothing");
    assert_eq!(
        undone(format, &edited),
        text,
        "undone from\n{}",
        edited.text
    );
    edited.text
}

#[test]
fn a_value_is_found_at_its_place() {
    let at = ["env".to_owned(), "A".to_owned()];
    let found = value_at(Format::Json, "\u{feff}{\"env\": {\"A\": 1}} // x", &at);
    assert_eq!(found, Ok(Some(json!(1))));
    assert_eq!(value_at(Format::Json, "", &at), Ok(None));
}
