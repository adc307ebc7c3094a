//! Models named inside a Gemini body. The path decides, and Google refuses a body that says otherwise.

use bytes::Bytes;

use crate::json::raw::{Edit, RawObject};
use crate::json::scan;

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
