//! What a text must say after a change: it is read again before it is believed.

use serde_json::{Map, Value};

use super::{Change, EditError, odd};

/// Refuses unless what a changed text says is what was said before, with the change.
pub(super) fn sure(
    before: Option<Value>,
    change: &Change,
    after: Option<&Value>,
) -> Result<(), EditError> {
    let (at, kept) = match change {
        Change::Set { at, value } => {
            let mut tree = before.unwrap_or_default();
            *place(&mut tree, at) = value.clone();
            (at, after == Some(&tree))
        }
        Change::Item { at, by, value } => {
            let mut tree = before.unwrap_or_default();
            let list = place(&mut tree, at);
            if list.is_null() {
                *list = Value::Array(Vec::new());
            }
            add(list, by, value);
            (at, after == Some(&tree))
        }
        // What goes may take empty objects with it; what is left must be as it was.
        Change::Remove { at, .. } | Change::RemoveItem { at, .. } => {
            (at, is_part(after, before.as_ref()))
        }
    };
    if kept {
        return Ok(());
    }
    Err(odd(at, "the file would say something else than it should"))
}

fn place<'a>(root: &'a mut Value, at: &[String]) -> &'a mut Value {
    at.iter().fold(root, |here, key| {
        if !here.is_object() {
            *here = Value::Object(Map::new());
        }
        &mut here[key]
    })
}

fn add(list: &mut Value, by: &str, value: &Value) {
    let Some(items) = list.as_array_mut() else {
        return;
    };
    match items.iter_mut().find(|item| item.get(by) == value.get(by)) {
        Some(item) => *item = value.clone(),
        None => items.push(value.clone()),
    }
}

/// Whether all that is in one tree is in the other.
fn is_part(part: Option<&Value>, whole: Option<&Value>) -> bool {
    match (part, whole) {
        (None, _) => true,
        (Some(Value::Object(part)), Some(Value::Object(whole))) => part
            .iter()
            .all(|(key, value)| is_part(Some(value), whole.get(key))),
        (Some(Value::Array(part)), Some(Value::Array(whole))) => {
            let mut whole = whole.iter();
            part.iter().all(|item| whole.any(|other| item == other))
        }
        (Some(part), Some(whole)) => part == whole,
        (Some(_), None) => false,
    }
}
