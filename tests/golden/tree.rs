//! Trees: the nodes of a document by path, so that laws can be tried on each of them.

use serde_json::Value;

/// One step down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Into an object.
    Key(String),
    /// Into a list.
    Place(usize),
}

/// The way to a node.
pub(crate) type Path = Vec<Step>;

/// The way as reports write it: places in lists as `[]`.
pub(crate) fn spelled(path: &[Step]) -> String {
    let mut out = String::new();
    for step in path {
        match step {
            Step::Key(key) if out.is_empty() => out.push_str(key),
            Step::Key(key) => {
                out.push('.');
                out.push_str(key);
            }
            Step::Place(_) => out.push_str("[]"),
        }
    }
    out
}

/// The ways to all nodes for which `is_wanted`, outer ones first.
pub(crate) fn paths(root: &Value, is_wanted: impl Fn(&Value) -> bool) -> Vec<Path> {
    let mut found = Vec::new();
    let mut open: Vec<Path> = vec![Vec::new()];
    while let Some(path) = open.pop() {
        let node = node(root, &path).expect("it was just found");
        match node {
            Value::Object(map) => {
                open.extend(map.keys().map(|key| down(&path, Step::Key(key.clone()))));
            }
            Value::Array(list) => {
                open.extend((0..list.len()).map(|place| down(&path, Step::Place(place))));
            }
            _ => {}
        }
        if is_wanted(node) {
            found.push(path);
        }
    }
    found.sort_by_key(Vec::len);
    found
}

fn down(path: &[Step], step: Step) -> Path {
    let mut path = path.to_vec();
    path.push(step);
    path
}

/// The node at `path`.
pub(crate) fn node<'v>(root: &'v Value, path: &[Step]) -> Option<&'v Value> {
    path.iter().try_fold(root, |node, step| match step {
        Step::Key(key) => node.get(key),
        Step::Place(place) => node.get(place),
    })
}

/// The node at `path`, to be changed.
pub(crate) fn node_mut<'v>(root: &'v mut Value, path: &[Step]) -> Option<&'v mut Value> {
    path.iter().try_fold(root, |node, step| match step {
        Step::Key(key) => node.get_mut(key),
        Step::Place(place) => node.get_mut(place),
    })
}

/// The document without the node at `path`.
pub(crate) fn without(root: &Value, path: &[Step]) -> Value {
    let mut root = root.clone();
    if let Some((last, way)) = path.split_last() {
        match (node_mut(&mut root, way), last) {
            (Some(Value::Object(map)), Step::Key(key)) => drop(map.shift_remove(key)),
            (Some(Value::Array(list)), Step::Place(place)) if *place < list.len() => {
                drop(list.remove(*place));
            }
            _ => {}
        }
    }
    root
}

/// The document with `value` at `path`.
pub(crate) fn with(root: &Value, path: &[Step], value: Value) -> Value {
    let mut root = root.clone();
    if let Some(node) = node_mut(&mut root, path) {
        *node = value;
    }
    root
}

/// Whether one of two spelled paths lies below the other, or is it.
pub(crate) fn are_akin(a: &str, b: &str) -> bool {
    let below = |a: &str, b: &str| {
        a.strip_prefix(b)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    below(a, b) || below(b, a)
}

#[test]
fn nodes_are_found_by_their_ways() {
    let root = serde_json::json!({"a": [{"b": 1}, 2]});
    let all: Vec<_> = paths(&root, |_| true)
        .iter()
        .map(|path| spelled(path))
        .collect();
    assert_eq!(all, ["", "a", "a[]", "a[]", "a[].b"]);
    let way = [Step::Key("a".into()), Step::Place(0)];
    assert_eq!(without(&root, &way), serde_json::json!({"a": [2]}));
    assert_eq!(
        with(&root, &way, 3.into()),
        serde_json::json!({"a": [3, 2]})
    );
    assert!(are_akin("a[].b", "a") && are_akin("a", "a[]") && !are_akin("ab", "a"));
}
