//! Definitions that contain themselves, and the properties through which they do.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::walk::Walk;

/// The definition whose name is the whole schema.
const ROOT: &str = "#";

/// Which definitions reach which, however far.
pub(super) struct Circles {
    reached: HashMap<String, HashSet<String>>,
}

/// Definitions looked at; with more, circles through the others are not found.
const MAX_DEFINITIONS: usize = 200;

impl Circles {
    /// Finds them in a schema that was rewritten already, and so is not deep.
    pub(super) fn of(schema: &Value) -> Self {
        let mut direct = HashMap::new();
        let definitions = schema.get("$defs").and_then(Value::as_object);
        for (name, definition) in definitions.into_iter().flatten().take(MAX_DEFINITIONS) {
            direct.insert(format!("#/$defs/{name}"), references(definition));
        }
        direct.insert(ROOT.to_owned(), references(&without_definitions(schema)));
        let reached = direct
            .keys()
            .map(|name| (name.clone(), reachable(name, &direct)));
        Self {
            reached: reached.collect(),
        }
    }

    /// Takes every property that leads back to its own definition out of `required`.
    pub(super) fn open(&self, walk: &mut Walk<'_>, schema: &mut Value) {
        if !self
            .reached
            .iter()
            .any(|(name, reached)| reached.contains(name))
        {
            return;
        }
        if let Some(definitions) = schema.get_mut("$defs").and_then(Value::as_object_mut) {
            for (name, definition) in definitions {
                self.open_in(
                    walk,
                    definition,
                    &format!("#/$defs/{name}"),
                    &[&["$defs", name]],
                );
            }
        }
        self.open_in(walk, schema, ROOT, &[]);
    }

    fn open_in(&self, walk: &mut Walk<'_>, schema: &mut Value, home: &str, path: &[&[&str; 2]]) {
        let steps: Vec<&str> = path.iter().flat_map(|step| step.iter().copied()).collect();
        walk.at(&steps, |walk| self.open_node(walk, schema, home));
    }

    fn open_node(&self, walk: &mut Walk<'_>, schema: &mut Value, home: &str) {
        let leads_home = |schema: &Value| {
            references(schema)
                .iter()
                .any(|to| to == home || self.reached.get(to).is_some_and(|far| far.contains(home)))
        };
        let Some(node) = schema.as_object_mut() else {
            return;
        };
        let properties = node.get("properties").and_then(Value::as_object);
        let circular: Vec<String> = properties
            .into_iter()
            .flatten()
            .filter(|(_, schema)| leads_home(schema))
            .map(|(name, _)| name.clone())
            .collect();
        if let Some(required) = node.get_mut("required").and_then(Value::as_array_mut) {
            let count = required.len();
            required.retain(|name| !circular.iter().any(|other| name == other.as_str()));
            if required.len() < count {
                walk.note("required");
            }
            if required.is_empty() {
                node.shift_remove("required");
            }
        }
        for (keyword, value) in node.iter_mut() {
            match keyword.as_str() {
                "properties" => {
                    for (name, schema) in value.as_object_mut().into_iter().flatten() {
                        walk.at(&["properties", name], |walk| {
                            self.open_node(walk, schema, home)
                        });
                    }
                }
                "items" | "additionalProperties" => {
                    walk.at(&[keyword], |walk| self.open_node(walk, value, home));
                }
                "anyOf" | "prefixItems" => {
                    for (place, schema) in value.as_array_mut().into_iter().flatten().enumerate() {
                        let place = place.to_string();
                        walk.at(&[keyword, &place], |walk| {
                            self.open_node(walk, schema, home)
                        });
                    }
                }
                _ => {}
            }
        }
    }
}

fn without_definitions(schema: &Value) -> Value {
    let mut schema = schema.clone();
    if let Some(node) = schema.as_object_mut() {
        node.shift_remove("$defs");
    }
    schema
}

/// Every reference in the schema, itself included.
fn references(schema: &Value) -> HashSet<String> {
    let mut found = HashSet::new();
    let mut open = vec![schema];
    while let Some(value) = open.pop() {
        match value {
            Value::Object(node) => {
                if let Some(Value::String(to)) = node.get("$ref") {
                    found.insert(to.clone());
                }
                open.extend(node.values());
            }
            Value::Array(values) => open.extend(values),
            _ => {}
        }
    }
    found
}

fn reachable(from: &str, direct: &HashMap<String, HashSet<String>>) -> HashSet<String> {
    let mut reached = HashSet::new();
    let mut open = vec![from];
    while let Some(name) = open.pop() {
        for to in direct.get(name).into_iter().flatten() {
            if reached.insert(to.clone()) {
                open.push(to);
            }
        }
    }
    reached
}
