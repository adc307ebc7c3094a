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
        if let Some(found) = found.and_then(|found| item(template, found)) {
            collect(&template.to, &found, &mut standing.addresses);
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

/// Of a list, the item that would be replaced.
fn item(template: &Template, found: Value) -> Option<Value> {
    let Some(by) = &template.by else {
        return Some(found);
    };
    let is = template.to.get(by)?;
    let Value::Array(items) = found else {
        return None;
    };
    items.into_iter().find(|item| item.get(by) == Some(is))
}

/// Every text of `found` that stands where `template` has an address.
fn collect(template: &Value, found: &Value, addresses: &mut Vec<String>) {
    match (template, found) {
        (Value::String(text), Value::String(found)) => {
            if ADDRESSES.iter().any(|address| text.contains(address)) {
                addresses.push(found.clone());
            }
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
