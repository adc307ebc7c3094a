//! Recipes: the rows of `assets/clients.json`.
//!
//! Strings in a row are templates. `{origin}` is scheme, host and port of the gateway, `{v1}` that and
//! `/v1`, `{v1beta}` that and `/v1beta`, `{key}` the client key, `{model}` the model to ask for. What
//! contains `{model}` is left out where the client keeps its own model. In an object the one key
//! `{models}`, and in a list an item `{"{models}": …}`, stand for an entry per model that may be asked for,
//! whose name is `{each}` below it.

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
    /// Files of its own that connect it for good.
    #[serde(default)]
    pub files: Vec<File>,
    /// What a person has to do, where no file can be written.
    #[serde(default)]
    pub steps: Vec<String>,
    /// What else there is to know, a line each.
    #[serde(default)]
    pub notes: Vec<String>,
    /// Whether it asks from its vendor's servers, and cannot reach this machine without a public URL.
    #[serde(default)]
    pub needs_public: bool,
    /// How the names of the models begin that it asks for by itself: where such a one is on offer it keeps
    /// its own choice.
    #[serde(default)]
    pub own_models: Option<String>,
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
    /// `at` leads to a list, and `to` is an item of it: the one whose field of this name is the same.
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
