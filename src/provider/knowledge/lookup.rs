//! Lookup: which row of `assets/models.json` a model's name means.
//!
//! Hosts and clouds decorate names: `anthropic/claude-opus-4.5:thinking`, `claude-haiku-4-5@20251001`,
//! `us.anthropic.claude-sonnet-4-20250514-v1:0`, `models/gemini-2.5-pro`. A name is made plain first
//! (lower case, without what stands before the model, words joined by `-`), and then a row fits that
//! has the beginning of it in `match`, the longest first. A version that goes on is another model:
//! `gpt-5` is no beginning of `gpt-5-9`.
//!
//! What fits no row is looked up without its versions in `newest_of`, so that `gpt-7` is taken as the
//! newest GPT and `gemini-5-pro` as the newest Gemini Pro. Its prices are then unknown.

use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Knowledge;

/// All rows, those of a family together, the newest first.
static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| {
    read(include_str!("../../../assets/models.json")).expect("the asset is checked by a test")
});

/// What is known of `model`, by whatever name a vendor, a host or a cloud gives it.
pub fn of(model: &str) -> Knowledge {
    known(model).unwrap_or_else(Knowledge::nothing)
}

/// What is known of `model` if it is of a family we know.
pub fn known(model: &str) -> Option<Knowledge> {
    let name = plain(model);
    row_of(&name)
        .map(|row| row.knowledge.clone())
        .or_else(|| newest_of(&name).map(unpriced))
}

/// One model, or several that differ in nothing we know.
#[derive(Debug)]
struct Row {
    /// Beginnings of plain names.
    matches: Vec<String>,
    /// Beginnings of plain names without versions, of which this is the newest.
    newest_of: Vec<String>,
    knowledge: Knowledge,
}

/// A family as written: what holds for all its models, then each model with what is different.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    family: Value,
    all: Map<String, Value>,
    models: Vec<Map<String, Value>>,
}

fn read(text: &str) -> serde_json::Result<Vec<Row>> {
    let groups: Vec<Group> = serde_json::from_str(text)?;
    let mut rows = Vec::new();
    for group in groups {
        for model in group.models {
            let mut fields = group.all.clone();
            fields.insert("family".to_owned(), group.family.clone());
            fields.extend(model);
            rows.push(row(fields)?);
        }
    }
    Ok(rows)
}

fn row(mut fields: Map<String, Value>) -> serde_json::Result<Row> {
    let mut names = |key| {
        let names = fields.remove(key).unwrap_or_else(|| Value::Array(vec![]));
        serde_json::from_value(names)
    };
    Ok(Row {
        matches: names("match")?,
        newest_of: names("newest_of")?,
        knowledge: serde_json::from_value(Value::Object(fields))?,
    })
}

/// The row with the longest beginning of `name`.
fn row_of(name: &str) -> Option<&'static Row> {
    longest(|row| &row.matches, |pattern| is_model(pattern, name))
}

/// The row of the newest model of the line that `name` belongs to.
fn newest_of(name: &str) -> Option<&'static Row> {
    let line = without_versions(name);
    longest(
        |row| &row.newest_of,
        |pattern| rest(pattern, &line).is_some(),
    )
}

fn longest(
    patterns: impl Fn(&'static Row) -> &'static Vec<String>,
    fits: impl Fn(&str) -> bool,
) -> Option<&'static Row> {
    let fitting = ROWS.iter().filter_map(|row| {
        let lengths = patterns(row).iter().filter(|pattern| fits(pattern));
        Some((lengths.map(String::len).max()?, row))
    });
    fitting
        .max_by_key(|(length, _)| *length)
        .map(|(_, row)| row)
}

/// Prices do not carry over to a model nobody knew when the rows were written.
fn unpriced(row: &Row) -> Knowledge {
    Knowledge {
        input_price: None,
        output_price: None,
        cached_price: None,
        cache_write_price: None,
        ..row.knowledge.clone()
    }
}

/// The name without vendor, host and punctuation: words and versions joined by `-`.
fn plain(model: &str) -> String {
    let name = model.rsplit('/').next().unwrap_or_default().trim();
    let name = name.strip_prefix("ft:").unwrap_or(name);
    let name = without_prefixes(name).to_ascii_lowercase();
    name.replace(|c: char| !c.is_ascii_alphanumeric(), "-")
}

/// Cuts `us.anthropic.` and the like: a dot after letters only is no version's.
fn without_prefixes(name: &str) -> &str {
    let mut name = name;
    while let Some((prefix, model)) = name.split_once('.') {
        if prefix.is_empty() || !prefix.bytes().all(|byte| byte.is_ascii_alphabetic()) {
            break;
        }
        name = model;
    }
    name
}

/// What follows `pattern` at the beginning of `name`, if it ends where a word does.
fn rest<'a>(pattern: &str, name: &'a str) -> Option<&'a str> {
    let rest = name.strip_prefix(pattern)?;
    (rest.is_empty() || rest.starts_with('-')).then_some(rest)
}

/// Whether `name` is the model `pattern`: what follows may be a date, a size or a mode, but no version.
fn is_model(pattern: &str, name: &str) -> bool {
    let rest = rest(pattern, name).map(|rest| rest.split('-').nth(1).unwrap_or_default());
    rest.is_some_and(|next| !continues_a_version(next))
}

/// One or two digits: `1` in `gpt-4-1`. A zero is the first of its kind (`claude-opus-4-0`), three and
/// more digits are a build, four a month, eight a day.
fn continues_a_version(word: &str) -> bool {
    let is_number = word.bytes().all(|byte| byte.is_ascii_digit());
    is_number && matches!(word.len(), 1 | 2) && !word.starts_with('0')
}

/// The name without numbers: `gemini-5-pro` → `gemini-pro`, `o5-mini` → `o-mini`, `qwen4` → `qwen`.
fn without_versions(name: &str) -> String {
    let words = name.split('-').map(|word| {
        let letters = word.trim_end_matches(|c: char| c.is_ascii_digit());
        let is_plain = letters.bytes().all(|byte| byte.is_ascii_alphabetic());
        if is_plain { letters } else { word }
    });
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    words.join("-")
}

#[cfg(test)]
mod tests;
