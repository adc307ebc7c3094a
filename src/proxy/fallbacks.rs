//! Models that a request names beside the one that is routed: some providers fall back to them by themselves.

use super::prepared::Payload;
use super::problem::Problem;
use crate::codec::head::Head;
use crate::json::scan;
use crate::route::Scope;

/// Lists of models to fall back to, under all their spellings: OpenRouter's, Anthropic's, and those of hosts
/// that fold cases.
const LISTS: [&str; 3] = ["models", "fallbacks", "fallbackmodels"];

/// The field that is routed by. Under another spelling it is somebody else's, who may fold cases.
const MODEL: &str = "model";

/// Fields of ours that an `extra_body` may not hold again.
const OURS: [&str; 3] = ["extrabody", "alias", "strictalias"];

/// Checks that all of them exist for whoever asks.
///
/// # Errors
/// 400 if one of them does not.
pub(super) fn check(payload: &Payload, head: &Head, scope: &Scope) -> Result<(), Problem> {
    let Payload::Json(object) = payload else {
        return Ok(());
    };
    let own = object.iter().map(|(name, value)| (name, value, false));
    let extras = head.extra_body.iter();
    let extras = extras.map(|(name, value)| (Some(name.as_str()), &value[..], true));
    let mut seen = Vec::new();
    for (name, value, is_extra) in own.chain(extras) {
        // A name that is none of ours is too long, or no text: nobody folds it into one.
        let Some(name) = name else { continue };
        let folded = folded(name);
        let is_list = LISTS.contains(&folded.as_str());
        let is_hidden = folded == MODEL && (is_extra || name != MODEL);
        let is_nested = is_extra && OURS.contains(&folded.as_str());
        let is_twice = is_list && seen.contains(&(folded.clone(), is_extra));
        let names_others = is_list && !names_what_exists(value, scope);
        let tools = (folded == "tools").then(|| tools_within(value, scope));
        if is_hidden || is_nested || is_twice || names_others || tools == Some(false) {
            return Err(refused(name));
        }
        if is_list {
            seen.push((folded, is_extra));
        }
    }
    Ok(())
}

/// A name as whoever folds cases reads it.
fn folded(name: &str) -> String {
    let letters = name.chars().filter(|c| *c != '_');
    letters.map(|c| c.to_ascii_lowercase()).collect()
}

/// Whether the models that hosted tools name exist.
fn tools_within(tools: &[u8], scope: &Scope) -> bool {
    let tools: Vec<serde_json::Value> = serde_json::from_slice(tools).unwrap_or_default();
    let mut models = tools.iter().filter_map(|tool| tool.get(MODEL)?.as_str());
    models.all(|model| scope.allows(model))
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

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::chat::Dialect;
    use crate::json::raw::RawObject;

    fn is_allowed(body: &'static str) -> bool {
        let object = RawObject::parse(Bytes::from_static(body.as_bytes())).expect("an object");
        let head = Head::peek(Dialect::OpenAiChat, &object).expect("a head");
        let scope = Scope::new(Some(&["in-*".to_owned()]));
        check(&Payload::Json(object), &head, &scope).is_ok()
    }

    #[test]
    fn no_spelling_names_a_model_outside_the_scope() {
        for body in [
            r#"{"model":"in-a","models":["out"]}"#,
            r#"{"model":"in-a","Models":["out"]}"#,
            r#"{"model":"in-a","MODEL":"out"}"#,
            r#"{"model":"in-a","extra_body":{"Model":"out"}}"#,
            r#"{"model":"in-a","fallback_models":["out"]}"#,
            r#"{"model":"in-a","extra_body":{"fallbackModels":["out"]}}"#,
            r#"{"model":"in-a","fallbacks":[{"model":"out"}]}"#,
            r#"{"model":"in-a","tools":[{"type":"image_generation","model":"out"}]}"#,
            r#"{"model":"in-a","extra_body":{"extra_body":{"models":["out"]}}}"#,
        ] {
            assert!(!is_allowed(body), "{body}");
        }
    }

    #[test]
    fn what_stays_within_it_passes() {
        for body in [
            r#"{"model":"in-a","models":["in-b"],"fallbacks":[{"model":"in-c"}]}"#,
            r#"{"model":"in-a","tools":[{"type":"function","function":{"name":"f"}}]}"#,
            r#"{"model":"in-a","extra_body":{"top_k":1,"models":["in-b"]}}"#,
        ] {
            assert!(is_allowed(body), "{body}");
        }
    }
}
