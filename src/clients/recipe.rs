//! Recipes: the rows of `assets/clients.json`.
//!
//! Strings in a row are templates. `{origin}` is scheme, host and port of the gateway, `{v1}` that and
//! `/v1`, `{v1beta}` that and `/v1beta`, `{key}` the client key, `{model}` the model to ask for. What
//! contains `{model}` is left out where the client keeps its own model. In an object the one key
//! `{models}`, and in a list an item `{"{models}": …}`, stand for an entry per model that may be asked for,
//! whose name is `{each}` below it. So does an item that is put into a list of the client's own.

use std::sync::LazyLock;

use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

use super::edit::Format;
use crate::chat::Dialect;

/// How a client is connected.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// What it is called on the command line.
    pub name: String,
    /// What people call it.
    pub title: String,
    /// The wire language it speaks.
    #[serde(deserialize_with = "dialect")]
    pub dialect: Dialect,
    /// How it is known that this works.
    pub known: Known,
    /// Its program, to be started connected; `None` if it is not started from a command line.
    #[serde(default)]
    pub program: Option<String>,
    /// Arguments that connect it, before those of the person.
    #[serde(default)]
    pub arguments: Vec<String>,
    /// Variables that connect it, as name and template.
    #[serde(default)]
    pub variables: Vec<Variable>,
    /// Variables that it would present beside these, or before them: keys of its vendor's, which are for nobody
    /// else.
    #[serde(default)]
    pub unset: Vec<String>,
    /// Files of its own that connect it for good.
    #[serde(default)]
    pub files: Vec<File>,
    /// What a person has to do, where no file can be written.
    #[serde(default)]
    pub steps: Vec<String>,
    /// What else there is to know, a line each.
    #[serde(default)]
    pub notes: Vec<String>,
    /// What there is to know where variables and arguments alone connect it, a line each.
    #[serde(default)]
    pub alone: Vec<String>,
    /// Whether it asks from its vendor's servers, and cannot reach this machine without a public URL.
    #[serde(default)]
    pub needs_public: bool,
    /// How the names of the models begin that it asks for by itself: where such a one is on offer it keeps
    /// its own choice.
    #[serde(default)]
    pub own_models: Option<String>,
    /// What it asks for where nobody has said, if `auto` is a word of its own that means something else.
    #[serde(default)]
    pub usual_model: Option<String>,
}

/// How it is known that a recipe works.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Known {
    /// This version was connected and has answered.
    Tried(String),
    /// It cannot run without a screen or an account; its documentation says so, read in this month
    /// (`2026-11`).
    Documented(String),
}

/// A variable of the environment.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its value, a template.
    pub value: String,
}

/// A file of a client.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Where it is: `~/` is the home directory, `${NAME:-default}` a variable.
    pub path: String,
    /// Where it is on macOS, if elsewhere.
    #[serde(default)]
    pub macos_path: Option<String>,
    /// A file that goes before it: where there is one, it is changed instead.
    #[serde(default)]
    pub instead: Option<String>,
    /// How it is written.
    pub format: Format,
    /// What is to be in it.
    pub changes: Vec<Template>,
}

/// One place of a file, and what is to be there.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    /// The keys that lead there, from the top; each a template.
    pub at: Vec<String>,
    /// What is to be there; its strings are templates.
    pub to: Value,
    /// `at` leads to a list, and `to` is an item of it, or one per model: the one whose field of this name
    /// is the same.
    #[serde(default)]
    pub by: Option<String>,
}

static RECIPES: LazyLock<Vec<Recipe>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("../../assets/clients.json"))
        .expect("the asset is checked by a test")
});

/// Every recipe, in the order of the asset.
pub fn recipes() -> &'static [Recipe] {
    &RECIPES
}

impl Recipe {
    /// The recipe of the client that is called so.
    pub fn of(name: &str) -> Option<&'static Recipe> {
        recipes().iter().find(|recipe| recipe.name == name)
    }
}

fn dialect<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Dialect, D::Error> {
    let name = String::deserialize(deserializer)?;
    let mut all = Dialect::ALL.into_iter();
    all.find(|dialect| dialect.name() == name)
        .ok_or_else(|| de::Error::custom(format!("`{name}` is no dialect")))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// What may stand in braces.
    const WORDS: [&str; 7] = ["origin", "v1", "v1beta", "key", "model", "models", "each"];

    /// Every template of a row, wherever it stands.
    fn templates(recipe: &Recipe) -> Vec<String> {
        let lists = [
            &recipe.arguments,
            &recipe.steps,
            &recipe.notes,
            &recipe.alone,
        ];
        let mut all: Vec<String> = lists.into_iter().flatten().cloned().collect();
        all.extend(
            recipe
                .variables
                .iter()
                .map(|variable| variable.value.clone()),
        );
        for change in recipe.files.iter().flat_map(|file| &file.changes) {
            all.extend(change.at.iter().cloned());
            strings(&change.to, &mut all);
        }
        all
    }

    fn strings(value: &Value, all: &mut Vec<String>) {
        match value {
            Value::String(text) => all.push(text.clone()),
            Value::Array(items) => items.iter().for_each(|item| strings(item, all)),
            Value::Object(fields) => fields.iter().for_each(|(name, field)| {
                all.push(name.clone());
                strings(field, all);
            }),
            _ => {}
        }
    }

    /// What stands in braces in `text` and is written like a word.
    fn words(text: &str) -> Vec<&str> {
        let parts = text.split('{').skip(1);
        let words = parts.filter_map(|part| part.split_once('}').map(|(word, _)| word));
        words
            .filter(|word| !word.is_empty() && word.chars().all(char::is_alphanumeric))
            .collect()
    }

    #[test]
    fn every_client_that_was_promised_has_a_row_of_its_own() {
        let names: Vec<&str> = recipes().iter().map(|recipe| &*recipe.name).collect();
        let promised = [
            "claude-code",
            "codex",
            "gemini-cli",
            "cursor",
            "opencode",
            "aider",
            "continue",
            "cline",
            "zed",
            "llm",
            "open-webui",
            "openai-sdk",
            "anthropic-sdk",
            "gemini-sdk",
        ];
        assert_eq!(names, promised);
        assert!(Recipe::of("codex").is_some_and(|recipe| recipe.title == "Codex"));
        assert!(Recipe::of("Codex").is_none());
    }

    #[test]
    fn every_row_connects_by_something_and_presents_the_key_at_the_address() {
        for recipe in recipes() {
            let name = &recipe.name;
            let all = templates(recipe);
            let mentions = |word: &str| all.iter().any(|text| words(text).contains(&word));
            assert!(mentions("key"), "{name}");
            assert!(mentions("origin") || mentions("v1"), "{name}");
            let by_hand = recipe.steps.iter().any(|step| step.contains("{key}"));
            assert!(
                by_hand || !recipe.files.is_empty() || !recipe.variables.is_empty(),
                "{name}"
            );
            let started = !recipe.arguments.is_empty() || !recipe.variables.is_empty();
            assert!(
                recipe.arguments.is_empty() || recipe.program.is_some(),
                "{name}"
            );
            assert!(
                started || recipe.program.is_none() || !recipe.files.is_empty(),
                "{name}"
            );
        }
    }

    #[test]
    fn only_known_words_stand_in_braces() {
        for recipe in recipes() {
            for text in templates(recipe) {
                let unknown: Vec<&str> = words(&text)
                    .into_iter()
                    .filter(|word| !WORDS.contains(word))
                    .collect();
                assert!(unknown.is_empty(), "{}: {text}: {unknown:?}", recipe.name);
            }
        }
    }

    #[test]
    fn files_are_where_every_user_has_them_and_no_place_is_changed_twice() {
        for recipe in recipes() {
            let mut places = HashSet::new();
            for file in &recipe.files {
                for path in [
                    Some(&file.path),
                    file.macos_path.as_ref(),
                    file.instead.as_ref(),
                ]
                .into_iter()
                .flatten()
                {
                    assert!(path.starts_with("~/") || path.starts_with("${"), "{path}");
                }
                assert!(!file.changes.is_empty(), "{}", file.path);
                for change in &file.changes {
                    let list = change.by.is_some();
                    assert!(list || !change.at.is_empty(), "{}: a whole file", file.path);
                    assert!(places.insert((&file.path, &change.at)), "{:?}", change.at);
                }
            }
        }
    }

    #[test]
    fn an_item_of_a_list_has_the_field_that_it_is_known_by() {
        let changes = recipes().iter().flat_map(|recipe| &recipe.files);
        let mut seen = 0;
        for change in changes.flat_map(|file| &file.changes) {
            let Some(by) = &change.by else { continue };
            seen += 1;
            let item = change.to.get("{models}").unwrap_or(&change.to);
            assert!(item.get(by).is_some_and(Value::is_string), "{by}: {item}");
        }
        assert!(seen > 0);
    }

    #[test]
    fn how_it_is_known_has_a_version_or_a_month() {
        for recipe in recipes() {
            let is_fit = match &recipe.known {
                Known::Tried(version) => version.contains('.'),
                Known::Documented(month) => month.len() == 7 && month.as_bytes()[4] == b'-',
            };
            assert!(is_fit, "{}", recipe.name);
        }
    }
}
