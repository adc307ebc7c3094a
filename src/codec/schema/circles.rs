//! Definitions that contain themselves, and the properties through which they do.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::walk::{Node, Walk, take};

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
            direct.insert(format!("#/$defs/{name}"), references([definition]));
        }
        direct.insert(ROOT.to_owned(), references_outside_definitions(schema));
        keep_known(&mut direct);
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
        let definitions = schema.get_mut("$defs").and_then(Value::as_object_mut);
        for (name, definition) in definitions.into_iter().flatten() {
            let home = format!("#/$defs/{name}");
            walk.at(&["$defs", name], |walk| {
                self.open_node(walk, definition, &home);
            });
        }
        walk.at(&[], |walk| self.open_node(walk, schema, ROOT));
    }

    fn open_node(&self, walk: &mut Walk<'_>, schema: &mut Value, home: &str) {
        let Some(node) = schema.as_object_mut() else {
            return;
        };
        self.require_less(walk, node, home);
        for (keyword, value) in node.iter_mut() {
            match (keyword.as_str(), value) {
                ("properties", Value::Object(schemas)) => {
                    for (name, schema) in schemas {
                        walk.at(&[keyword, name], |walk| self.open_node(walk, schema, home));
                    }
                }
                ("anyOf" | "prefixItems", Value::Array(schemas)) => {
                    for (place, schema) in schemas.iter_mut().enumerate() {
                        let place = place.to_string();
                        walk.at(&[keyword, &place], |walk| {
                            self.open_node(walk, schema, home);
                        });
                    }
                }
                ("items" | "additionalProperties", schema) => {
                    walk.at(&[keyword], |walk| self.open_node(walk, schema, home));
                }
                _ => {}
            }
        }
    }

    fn require_less(&self, walk: &mut Walk<'_>, node: &mut Node, home: &str) {
        let Some(mut required) = take(node, "required") else {
            return;
        };
        let properties = node.get("properties").and_then(Value::as_object);
        // A name may stand there thousands of times.
        let mut found = HashMap::new();
        let mut is_circular = |name: &Value| {
            let schema = name
                .as_str()
                .and_then(|name| properties?.get_key_value(name));
            schema.is_some_and(|(name, schema)| {
                let found = found.entry(name.as_str());
                *found.or_insert_with(|| self.leads_home(schema, home))
            })
        };
        if let Some(names) = required.as_array_mut() {
            let count = names.len();
            names.retain(|name| !is_circular(name));
            if names.len() < count {
                walk.note("required");
            }
            if names.is_empty() {
                return;
            }
        }
        node.insert("required".to_owned(), required);
    }

    fn leads_home(&self, schema: &Value, home: &str) -> bool {
        let far = |to: &String| self.reached.get(to).is_some_and(|far| far.contains(home));
        references([schema]).iter().any(|to| to == home || far(to))
    }
}

fn references_outside_definitions(schema: &Value) -> HashSet<String> {
    let members = schema.as_object().into_iter().flatten();
    let outside = members.filter(|(keyword, _)| *keyword != "$defs");
    let mut found = references(outside.map(|(_, value)| value));
    let own = schema.get("$ref").and_then(Value::as_str);
    found.extend(own.map(str::to_owned));
    found
}

/// Leaves only what refers to a definition looked at: only that can be part of a circle.
fn keep_known(direct: &mut HashMap<String, HashSet<String>>) {
    let names: HashSet<String> = direct.keys().cloned().collect();
    for references in direct.values_mut() {
        references.retain(|to| names.contains(to));
    }
}

/// Every reference in the schemas, themselves included.
fn references<'a>(schemas: impl IntoIterator<Item = &'a Value>) -> HashSet<String> {
    let mut found = HashSet::new();
    let mut open = Vec::from_iter(schemas);
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
