//! `$ref`: made to stand alone where a target wants that, or replaced by what it means.

use serde_json::Value;

use super::merge::{self, ANNOTATIONS};
use super::walk::{Node, Walk, only, take};

/// References that may lead to a reference before the chain is taken for a circle.
pub(super) const MAX_CHAIN: usize = 16;

/// Leaves nothing beside a reference but what begins with `$`. If something beside it counts (a
/// description), the reference becomes the only choice of an `anyOf`, next to which everything may stand.
pub(super) fn stand_alone(walk: &mut Walk<'_>, node: &mut Node, counts: fn(&str) -> bool) {
    if !node.get("$ref").is_some_and(Value::is_string) {
        return;
    }
    let beside = |name: &&String| !name.starts_with('$');
    let may_choose = !node.contains_key("anyOf");
    if may_choose && node.keys().filter(beside).any(|name| counts(name)) {
        let reference = take(node, "$ref").unwrap_or_default();
        let choices = vec![only("$ref", reference)];
        node.insert("anyOf".to_owned(), choices.into());
        return;
    }
    node.retain(|keyword, _| {
        let stays = keyword.starts_with('$');
        if !stays {
            walk.note(keyword);
        }
        stays
    });
}

/// Whether a keyword only describes.
pub(super) fn is_annotation(keyword: &str) -> bool {
    ANNOTATIONS.contains(&keyword)
}

/// The node with its reference replaced by what it means, again and again until there is none; what
/// stands beside it is kept. `None` if it leads nowhere or in a circle.
pub(super) fn inlined(walk: &mut Walk<'_>, mut node: Node) -> Option<Node> {
    for _ in 0..MAX_CHAIN {
        let Some(Value::String(reference)) = node.get("$ref") else {
            return Some(node);
        };
        let target = walk.resolve(reference)?;
        if !walk.may_follow(target) {
            return None;
        }
        let target = target.as_object()?;
        let target = merge::without_all_of(walk, target.clone());
        take(&mut node, "$ref");
        for (keyword, value) in target {
            node.entry(keyword).or_insert(value);
        }
    }
    None
}
