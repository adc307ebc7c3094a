//! What a change means, in whatever format: what is there already, what is in the way, and what undoes it.
//!
//! The formats only ever put, push, swap and cut at places that are known to be there; objects that are
//! missing on the way are part of the value that is put.

use serde_json::{Map, Value};

use super::sure::sure;
use super::{Change, EditError, Edited, dotted, odd};

/// What marks the first bytes of a file as UTF-8, on some systems.
const BOM: &str = "\u{feff}";

/// How a format writes: each function gives the new text. Places are known to be there, but for the last
/// key of `put`, which may be new.
pub(super) trait Language {
    /// Everything in the text; `None` if nothing is but blanks and comments.
    fn read(text: &str) -> Result<Option<Value>, EditError>;
    /// `value` at the place; the object above is there.
    fn put(text: &str, at: &[String], value: &Value) -> Result<String, EditError>;
    /// `value` as the last item of the list.
    fn push(text: &str, at: &[String], value: &Value) -> Result<String, EditError>;
    /// `value` in the place of an item.
    fn swap(text: &str, at: &[String], index: usize, value: &Value) -> Result<String, EditError>;
    /// The text without the place; without everything if `at` is empty.
    fn cut(text: &str, at: &[String]) -> Result<String, EditError>;
    /// The text without an item of the list.
    fn cut_item(text: &str, at: &[String], index: usize) -> Result<String, EditError>;
    /// Whether a list or an object has no comments of its own that would go with it.
    fn bare(text: &str, at: &[String]) -> Result<bool, EditError>;
}

/// Applies changes one after the other.
pub(super) fn apply<L: Language>(text: &str, changes: &[Change]) -> Result<Edited, EditError> {
    let (mark, body) = unmarked(text);
    let mut body = body.to_owned();
    let mut undo = Vec::with_capacity(changes.len());
    for change in changes {
        let (text, back) = one::<L>(&body, change)?;
        body = text;
        undo.push(back);
    }
    let text = format!("{mark}{body}");
    Ok(Edited { text, undo })
}

/// What is at a place.
pub(super) fn value_at<L: Language>(text: &str, at: &[String]) -> Result<Option<Value>, EditError> {
    let root = L::read(unmarked(text).1)?;
    Ok(root.as_ref().and_then(|root| get(root, at)).cloned())
}

/// Whether a change is in force.
pub(super) fn holds<L: Language>(text: &str, change: &Change) -> Result<bool, EditError> {
    let (Change::Set { at, .. }
    | Change::Item { at, .. }
    | Change::Remove { at, .. }
    | Change::RemoveItem { at, .. }) = change;
    let there = value_at::<L>(text, at)?;
    Ok(match change {
        Change::Set { value, .. } => there.as_ref() == Some(value),
        Change::Item { value, .. } => items(there.as_ref()).contains(value),
        Change::Remove { .. } => there.is_none(),
        Change::RemoveItem { by, is, .. } => !items(there.as_ref())
            .iter()
            .any(|item| item.get(by) == Some(is)),
    })
}

fn unmarked(text: &str) -> (&str, &str) {
    match text.strip_prefix(BOM) {
        Some(body) => (BOM, body),
        None => ("", text),
    }
}

fn one<L: Language>(text: &str, change: &Change) -> Result<(String, Change), EditError> {
    let root = L::read(text)?;
    let (new, back) = changed::<L>(text, root.as_ref(), change)?;
    if new != text {
        sure(root, change, L::read(&new)?.as_ref())?;
    }
    Ok((new, back))
}

fn changed<L: Language>(
    text: &str,
    root: Option<&Value>,
    change: &Change,
) -> Result<(String, Change), EditError> {
    match change {
        Change::Set { at, value } => set::<L>(text, root, at, value),
        Change::Item { at, by, value } => item::<L>(text, root, at, by, value),
        Change::Remove { at, made } => {
            let target = Target::of(root, at);
            remove::<L>(text, root, target, *made, change)
        }
        Change::RemoveItem { at, by, is, made } => {
            remove_item::<L>(text, root, (at, by, is), *made, change)
        }
    }
}

fn set<L: Language>(
    text: &str,
    root: Option<&Value>,
    at: &[String],
    value: &Value,
) -> Result<(String, Change), EditError> {
    if let Some(old) = root.and_then(|root| get(root, at)) {
        let back = Change::Set {
            at: at.to_vec(),
            value: old.clone(),
        };
        let same = old == value;
        let text = if same {
            text.to_owned()
        } else {
            L::put(text, at, value)?
        };
        return Ok((text, back));
    }
    let (text, above) = grow::<L>(text, root, at, value.clone())?;
    let back = above.unwrap_or_else(|made| Change::Remove {
        at: at.to_vec(),
        made,
    });
    Ok((text, back))
}

fn item<L: Language>(
    text: &str,
    root: Option<&Value>,
    at: &[String],
    by: &str,
    value: &Value,
) -> Result<(String, Change), EditError> {
    let Some(is) = value.get(by) else {
        return Err(odd(at, "the item lacks the field that tells it apart"));
    };
    let gone = |made| Change::RemoveItem {
        at: at.to_vec(),
        by: by.to_owned(),
        is: is.clone(),
        made,
    };
    match root.and_then(|root| get(root, at)) {
        Some(Value::Array(items)) => {
            let Some(index) = items.iter().position(|item| item.get(by) == Some(is)) else {
                return Ok((L::push(text, at, value)?, gone(0)));
            };
            let back = Change::Item {
                at: at.to_vec(),
                by: by.to_owned(),
                value: items[index].clone(),
            };
            let same = items[index] == *value;
            let text = if same {
                text.to_owned()
            } else {
                L::swap(text, at, index, value)?
            };
            Ok((text, back))
        }
        Some(Value::Null) => {
            let back = Change::Set {
                at: at.to_vec(),
                value: Value::Null,
            };
            Ok((L::put(text, at, &Value::Array(vec![value.clone()]))?, back))
        }
        Some(other) => Err(in_the_way(at, other, "a list")),
        None => {
            let list = Value::Array(vec![value.clone()]);
            let (text, above) = grow::<L>(text, root, at, list)?;
            Ok((text, above.unwrap_or_else(|made| gone(made + 1))))
        }
    }
}

/// Puts a value where nothing is, with the objects missing above it. Gives how many these are; or, where
/// one of them was there as a null, what makes it null again.
fn grow<L: Language>(
    text: &str,
    root: Option<&Value>,
    at: &[String],
    value: Value,
) -> Result<(String, Result<Change, usize>), EditError> {
    let mut here = root;
    let mut depth = 0;
    let mut was_null = false;
    while let Some(value) = here {
        match value {
            Value::Object(object) => {
                here = at.get(depth).and_then(|key| object.get(key));
                depth += 1;
            }
            Value::Null => {
                was_null = true;
                break;
            }
            other => return Err(in_the_way(&at[..depth], other, "an object")),
        }
    }
    let top = &at[..depth.min(at.len())];
    let whole = at[top.len()..].iter().rev().fold(value, |value, key| {
        Value::Object(Map::from_iter([(key.clone(), value)]))
    });
    let text = L::put(text, top, &whole)?;
    let back = if was_null {
        Ok(Change::Set {
            at: top.to_vec(),
            value: Value::Null,
        })
    } else {
        Err(at.len() - top.len())
    };
    Ok((text, back))
}

/// What is to go: the keys that lead there, as far as anything is there.
struct Target<'a> {
    at: &'a [String],
    /// How many of the keys are left when it goes.
    depth: usize,
    /// Whether the last of them leads to something.
    there: bool,
}

impl<'a> Target<'a> {
    fn of(root: Option<&Value>, at: &'a [String]) -> Self {
        let reach = |depth: &usize| root.is_some_and(|root| get(root, &at[..*depth]).is_some());
        let deepest = (0..=at.len()).rev().find(reach);
        Self {
            at,
            depth: deepest.map_or(0, |deepest| (deepest + 1).min(at.len())),
            there: deepest == Some(at.len()),
        }
    }

    /// Moves up through containers that are empty without what goes, `made` of them at most.
    fn climb<L: Language>(
        &mut self,
        text: &str,
        root: &Value,
        mut made: usize,
    ) -> Result<(), EditError> {
        while made > 0 && self.depth > 0 {
            let above = &self.at[..self.depth - 1];
            let left = match get(root, above) {
                Some(Value::Object(object)) => object.len() - usize::from(self.there),
                _ => 1,
            };
            if left > 0 || !L::bare(text, above)? {
                break;
            }
            self.depth -= 1;
            self.there = true;
            made -= 1;
        }
        Ok(())
    }
}

fn remove<L: Language>(
    text: &str,
    root: Option<&Value>,
    mut target: Target<'_>,
    made: usize,
    change: &Change,
) -> Result<(String, Change), EditError> {
    let Some(root) = root else {
        return Ok((text.to_owned(), change.clone()));
    };
    // What is above counts only if the keys that are missing were made too.
    let missing = target.at.len() - target.depth;
    target.climb::<L>(text, root, made.saturating_sub(missing))?;
    let at = &target.at[..target.depth];
    match get(root, at) {
        Some(old) if target.there => {
            let back = Change::Set {
                at: at.to_vec(),
                value: old.clone(),
            };
            Ok((L::cut(text, at)?, back))
        }
        _ => Ok((text.to_owned(), change.clone())),
    }
}

fn remove_item<L: Language>(
    text: &str,
    root: Option<&Value>,
    (at, by, is): (&[String], &str, &Value),
    made: usize,
    change: &Change,
) -> Result<(String, Change), EditError> {
    let there = root.and_then(|root| get(root, at));
    let list = items(there);
    let goes: Vec<usize> = (0..list.len())
        .filter(|index| list[*index].get(by) == Some(is))
        .collect();
    let left = list.len() - goes.len();
    let is_list = there.is_none_or(Value::is_array);
    if made > 0 && left == 0 && is_list && (there.is_none() || L::bare(text, at)?) {
        let target = Target::of(root, at);
        return remove::<L>(text, root, target, made - 1, change);
    }
    let back = match goes[..] {
        [] => return Ok((text.to_owned(), change.clone())),
        [index] if index == left => Change::Item {
            at: at.to_vec(),
            by: by.to_owned(),
            value: list[index].clone(),
        },
        // An item in the middle would come back as the last.
        _ => Change::Set {
            at: at.to_vec(),
            value: Value::Array(list.to_vec()),
        },
    };
    let mut text = text.to_owned();
    for index in goes.into_iter().rev() {
        text = L::cut_item(&text, at, index)?;
    }
    Ok((text, back))
}

fn get<'a>(root: &'a Value, at: &[String]) -> Option<&'a Value> {
    at.iter()
        .try_fold(root, |value, key| value.as_object()?.get(key))
}

fn items(value: Option<&Value>) -> &[Value] {
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn in_the_way(at: &[String], found: &Value, wanted: &'static str) -> EditError {
    EditError::InTheWay {
        at: dotted(at),
        found: match found {
            Value::Null => "null",
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            Value::String(_) => "a text",
            Value::Array(_) => "a list",
            Value::Object(_) => "an object",
        },
        wanted,
    }
}
