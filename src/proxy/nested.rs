//! Edits below the top level, the rest of which stays as it came: models named inside a Gemini body (the path
//! decides, and Google refuses a body that says otherwise), and parameters that an upstream refused.

use std::sync::Arc;

use bytes::Bytes;

use crate::json::raw::{Edit, RawObject};
use crate::json::scan;
use crate::provider::refused::is_same_name;

/// Leaves out the fields at the dotted `paths`, however they are spelled; those that were there.
pub(super) fn leave_out(
    object: &RawObject,
    paths: &[Arc<str>],
    edit: &mut Edit<'_>,
) -> Vec<String> {
    let mut left_out = Vec::new();
    for (name, value) in object.iter() {
        let Some(name) = name else { continue };
        let mut rest = None;
        for path in paths {
            let (first, below) = path.split_once('.').unwrap_or((path, ""));
            if !is_same_name(name, first) {
                continue;
            }
            if below.is_empty() {
                edit.remove(name);
                rest = None;
                left_out.push(path.to_string());
                break;
            }
            if let Some(without) = without(rest.as_deref().unwrap_or(value), below) {
                rest = Some(without);
                left_out.push(path.to_string());
            }
        }
        if let Some(rest) = rest {
            edit.set(name, rest);
        }
    }
    left_out
}

/// `object` without the field at the dotted `path`; `None` if it has none.
fn without(object: &[u8], path: &str) -> Option<Bytes> {
    let (first, below) = path.split_once('.').unwrap_or((path, ""));
    let object = RawObject::parse(Bytes::copy_from_slice(object)).ok()?;
    let named = object
        .iter()
        .find_map(|(name, value)| Some((name.filter(|name| is_same_name(name, first))?, value)));
    let (name, value) = named?;
    let mut edit = object.edit();
    if below.is_empty() {
        edit.remove(name);
    } else {
        edit.set(name, without(value, below)?);
    }
    Some(edit.finish().concat().into())
}

/// Gives every mention of the request's model the name it has upstream; what names none stays as it is.
pub(super) fn rename(object: &RawObject, model: &str, edit: &mut Edit<'_>) {
    let full = match model.split_once('/') {
        Some(("models" | "tunedModels", _)) => model.to_owned(),
        _ => format!("models/{model}"),
    };
    let json = Bytes::from(serde_json::Value::from(full).to_string());
    if object.get("model").is_some_and(|own| own != json) {
        edit.set("model", json.clone());
    }
    for field in ["generateContentRequest", "generate_content_request"] {
        if let Some(inner) = object.get(field).and_then(|it| renamed(it, &json)) {
            edit.set(field, inner);
        }
    }
    if let Some(requests) = object
        .get("requests")
        .and_then(|list| all_renamed(list, &json))
    {
        edit.set("requests", requests);
    }
}

/// `request` with its model replaced; `None` if it has none, or that one already.
fn renamed(request: &[u8], json: &Bytes) -> Option<Bytes> {
    let request = RawObject::parse(Bytes::copy_from_slice(request)).ok()?;
    if request.get("model")? == json && request.duplicate(&["model"]).is_none() {
        return None;
    }
    let mut edit = request.edit();
    // A second one would be another model to a reader that takes the last.
    edit.remove("model");
    edit.set("model", json.clone());
    Some(edit.finish().concat().into())
}

/// The list with every model replaced; `None` if there is none to replace.
fn all_renamed(list: &[u8], json: &Bytes) -> Option<Bytes> {
    let mut elements = scan::elements(list).flatten();
    if elements.all(|request| renamed(request, json).is_none()) {
        return None;
    }
    let requests: Vec<Bytes> = scan::elements(list)
        .flatten()
        .map(|request| renamed(request, json).unwrap_or_else(|| Bytes::copy_from_slice(request)))
        .collect();
    Some([b"[", &requests.join(&b","[..])[..], b"]"].concat().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edited(text: &str, model: &str) -> String {
        let object = RawObject::parse(Bytes::copy_from_slice(text.as_bytes())).expect("valid");
        let mut edit = object.edit();
        rename(&object, model, &mut edit);
        String::from_utf8(edit.finish().concat()).expect("utf-8")
    }

    #[test]
    fn what_is_refused_is_left_out_however_deep_and_the_rest_stays() {
        let text = r#"{"top_p":1.0, "generationConfig":{"topK":4,"temperature":1.0e+0, "thinkingConfig":{"a":1,"thinkingLevel":"low"}},"x":[1E5]}"#;
        let paths: Vec<Arc<str>> = [
            "generation_config.top_k",
            "generation_config.thinking_config.thinking_level",
            "top_p",
            "generation_config.seed",
            "x.y",
        ]
        .map(Arc::from)
        .into();
        let object = RawObject::parse(Bytes::copy_from_slice(text.as_bytes())).expect("valid");
        let mut edit = object.edit();
        let left_out = leave_out(&object, &paths, &mut edit);
        assert_eq!(left_out, ["top_p", &*paths[0], &*paths[1]]);
        let rest = String::from_utf8(edit.finish().concat()).expect("utf-8");
        let expected =
            r#"{"generationConfig":{"temperature":1.0e+0, "thinkingConfig":{"a":1}},"x":[1E5]}"#;
        assert_eq!(rest.replace("{ ", "{"), expected);
    }

    #[test]
    fn every_mention_follows_the_path() {
        let text = r#"{"model": "models/a","requests": [{"model":"models/a","content":{"n":1.0}}, {"x":1}],
            "generateContentRequest":{"model":"models/a", "contents":[]}}"#;
        let expected = r#"{"model": "models/b","requests": [{"model":"models/b","content":{"n":1.0}},{"x":1}],
            "generateContentRequest":{"model":"models/b", "contents":[]}}"#;
        assert_eq!(edited(text, "b"), expected);
        assert_eq!(edited(text, "a"), text);
        assert_eq!(edited(r#"{"contents":[]}"#, "b"), r#"{"contents":[]}"#);
    }
}
