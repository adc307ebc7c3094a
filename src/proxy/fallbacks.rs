//! Models that a request names beside the one that is routed: some providers fall back to them by themselves.

use super::prepared::Payload;
use super::problem::Problem;
use crate::codec::head::Head;
use crate::json::scan;
use crate::route::Scope;

/// Lists of models to fall back to: OpenRouter's, and Anthropic's.
const LISTS: [&str; 2] = ["models", "fallbacks"];

/// Checks that all of them exist for whoever asks.
///
/// # Errors
/// 400 if one of them does not.
pub(super) fn check(payload: &Payload, head: &Head, scope: &Scope) -> Result<(), Problem> {
    let Payload::Json(object) = payload else {
        return Ok(());
    };
    if let Some(list) = object.duplicate(&LISTS) {
        return Err(refused(list));
    }
    for list in LISTS {
        let extras = head.extra_body.iter();
        let extra = extras.filter(|(name, _)| name == list);
        let mut values = object
            .get(list)
            .into_iter()
            .chain(extra.map(|(_, value)| &value[..]));
        if !values.all(|value| names_what_exists(value, scope)) {
            return Err(refused(list));
        }
    }
    Ok(())
}

fn names_what_exists(list: &[u8], scope: &Scope) -> bool {
    scan::elements(list).all(|entry| {
        let Ok(entry) = entry else { return false };
        name(entry).is_some_and(|name| scope.allows(&name))
    })
}

/// The model of an entry: a name, or an object with one.
fn name(entry: &[u8]) -> Option<String> {
    if entry.starts_with(b"\"") {
        return scan::string(entry).map(Into::into);
    }
    let entry: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(entry).ok()?;
    Some(entry.get("model")?.as_str()?.to_owned())
}

fn refused(list: &str) -> Problem {
    let message = format!("`{list}` may only name models that GET /v1/models lists");
    Problem::bad_field(list, message)
}
