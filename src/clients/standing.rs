//! Where a client's own files lead now.

use std::path::PathBuf;

use serde_json::Value;

use super::disk;
use super::edit;
use super::endpoint::Endpoint;
use super::place;
use super::plan::{ClientError, untouchable};
use super::recipe::{File, Recipe, Template};
use super::template;
use crate::config::Environment;

/// Names in braces that are the gateway's address.
const ADDRESSES: [&str; 3] = ["{origin}", "{v1}", "{v1beta}"];

/// Where one file of a client leads.
#[derive(Debug)]
pub struct Standing {
    /// The file; `None` where there is no place for it.
    pub path: Option<PathBuf>,
    /// Whether it is there.
    pub exists: bool,
    /// What stands at the places where the gateway's address would be, e.g. `http://127.0.0.1:8000/v1`.
    pub addresses: Vec<String>,
    /// Why it cannot be told.
    pub fault: Option<ClientError>,
}

/// Where the files of the client of `recipe` lead, in its order.
pub fn standing(recipe: &Recipe, env: &Environment) -> Vec<Standing> {
    let files = recipe.files.iter();
    files.map(|file| of_file(file, env)).collect()
}

fn of_file(file: &File, env: &Environment) -> Standing {
    let mut standing = Standing {
        path: None,
        exists: false,
        addresses: Vec::new(),
        fault: None,
    };
    if let Err(error) = look(file, env, &mut standing) {
        standing.fault = Some(error);
    }
    standing
}

fn look(file: &File, env: &Environment, standing: &mut Standing) -> Result<(), ClientError> {
    let path = place::path(file, env)?;
    standing.path = Some(path.clone());
    let Some(content) = disk::read(&path).map_err(untouchable(&path))? else {
        return Ok(());
    };
    standing.exists = true;
    let text = content.text().map_err(untouchable(&path))?;
    for template in &file.changes {
        let Some(at) = keys(template) else { continue };
        let found = edit::value_at(file.format, text, &at);
        let found = found.map_err(|why| ClientError::Edit {
            path: path.clone(),
            why,
        })?;
        let wanted = template.to.get(template::MODELS).unwrap_or(&template.to);
        for found in found
            .iter()
            .flat_map(|found| items(template, wanted, found))
        {
            collect(wanted, found, &mut standing.addresses);
        }
    }
    Ok(())
}

/// The place of `template`, if it is the same whatever is asked for.
fn keys(template: &Template) -> Option<Vec<String>> {
    let nowhere = Endpoint {
        origin: String::new(),
        key: None,
        model: None,
        models: Vec::new(),
    };
    let keys = template.at.iter();
    keys.map(|key| template::text(key, &nowhere)).collect()
}

/// Of a list, the items that would be replaced by `wanted`; else what was found.
fn items<'a>(template: &Template, wanted: &Value, found: &'a Value) -> Vec<&'a Value> {
    let Some(by) = &template.by else {
        return vec![found];
    };
    let name = wanted.get(by).and_then(Value::as_str).unwrap_or_default();
    // One of our names stands before that of the model, and any model may stand there.
    let (before, is_any) = match name.split_once(template::EACH) {
        Some((before, _)) => (before, true),
        None => (name, false),
    };
    let is_ours = |item: &&Value| {
        let name = item.get(by).and_then(Value::as_str).unwrap_or_default();
        name == before || is_any && name.starts_with(before)
    };
    let items = found.as_array().into_iter().flatten();
    items.filter(is_ours).collect()
}

/// Every text of `found` that stands where `template` has an address.
fn collect(template: &Value, found: &Value, addresses: &mut Vec<String>) {
    match (template, found) {
        (Value::String(text), Value::String(found))
            if ADDRESSES.iter().any(|address| text.contains(address)) =>
        {
            addresses.push(found.clone());
        }
        (Value::Object(fields), Value::Object(found)) => {
            for (name, field) in fields {
                if let Some(found) = found.get(name) {
                    collect(field, found, addresses);
                }
            }
        }
        (Value::Array(items), Value::Array(found)) => {
            for (item, found) in items.iter().zip(found) {
                collect(item, found, addresses);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Where the files of `client` lead, one of which is `name` with `text` in it.
    fn addresses(client: &str, name: &str, text: &str) -> Vec<String> {
        let home = tempfile::tempdir().expect("a directory");
        let path = home.path().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("directories");
        fs::write(&path, text).expect("a file");
        let recipe = Recipe::of(client).expect("a recipe");
        let standing = standing(recipe, &Environment::empty().with_home(home.path()));
        assert!(
            standing.iter().all(|file| file.fault.is_none()),
            "{standing:?}"
        );
        assert!(standing.iter().any(|file| file.exists), "{standing:?}");
        standing
            .into_iter()
            .flat_map(|file| file.addresses)
            .collect()
    }

    #[test]
    fn of_a_list_with_an_item_per_model_ours_count_whatever_the_model() {
        let text = "models:\n  - name: own\n    apiBase: http://own\n  - name: autogw/a\n    apiBase: http://h:1/v1\n  \
                    - name: autogwx\n    apiBase: http://x\n  - name: autogw/b/c\n    apiBase: http://h:2/v1\n";
        let found = addresses("continue", ".continue/config.yaml", text);
        assert_eq!(found, ["http://h:1/v1", "http://h:2/v1"]);
        let text = "- model_id: own\n  api_base: http://own\n- model_id: autogw/a\n  api_base: http://h:1/v1\n";
        let name = ".config/io.datasette.llm/extra-openai-models.yaml";
        assert_eq!(addresses("llm", name, text), ["http://h:1/v1"]);
    }

    #[test]
    fn of_an_object_only_our_entry_counts() {
        let text = r#"{ "provider": { "own": { "options": { "baseURL": "http://own" } },
            "autogw": { "options": { "baseURL": "http://h:1/v1" }, "models": {} } } }"#;
        let found = addresses("opencode", ".config/opencode/opencode.jsonc", text);
        assert_eq!(found, ["http://h:1/v1"]);
    }

    #[test]
    fn a_list_without_ours_or_of_another_kind_leads_nowhere() {
        for text in ["models: []\n", "models: 5\n", "models:\n  - own\n", "{}\n"] {
            let found = addresses("continue", ".continue/config.yaml", text);
            assert!(found.is_empty(), "{text}");
        }
    }
}
