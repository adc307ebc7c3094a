//! Arguments of calls: an object here, text in the neutral form, as other dialects have them.

use serde_json::{Value, json};

/// A call's input as text: compact, its keys in their order.
pub fn read(input: Option<&Value>) -> String {
    match input {
        None | Some(Value::Null) => "{}".to_owned(),
        Some(input) => input.to_string(),
    }
}

/// Arguments as the object that they have to be here; `None` if they are none. No text is no arguments.
pub fn write(arguments: &str) -> Option<Value> {
    if arguments.trim().is_empty() {
        return Some(json!({}));
    }
    serde_json::from_str(arguments)
        .ok()
        .filter(Value::is_object)
}

/// What stands for arguments that are no object: nothing of them is lost.
pub fn raw(arguments: &str) -> Value {
    json!({"_raw": arguments})
}
