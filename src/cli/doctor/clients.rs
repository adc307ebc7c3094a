//! The clients that were connected: whether their files still lead to a gateway that runs and takes their key.

use std::time::Duration;

use futures_util::future::join_all;
use reqwest::{Client, Response, StatusCode};
use serde_json::Value;
use url::Url;

use super::finding::Finding;
use super::patient::Patient;
use super::variables;
use crate::cli::caller::caller;
use crate::clients::disk;
use crate::clients::edit::Change;
use crate::clients::endpoint::Endpoint;
use crate::clients::ledger::{Ledger, Record};
use crate::clients::recipe::Recipe;
use crate::clients::standing::standing;
use crate::clients::template;
use crate::config::base_url;
use crate::provider::Secret;

/// Stands for a key, to see where one would be.
const MARK: &str = "\u{1}key\u{1}";

/// A gateway answers for itself at once; its public address takes a way around the world.
const PATIENCE: Duration = Duration::from_secs(3);

/// Most bytes that are read of an answer.
const MOST_BYTES: usize = 64 << 10;

/// What is found.
pub(super) async fn check(patient: &Patient) -> Vec<Finding> {
    let mut findings = of_ledger(patient).await;
    findings.extend(variables::check(patient).await);
    findings
}

async fn of_ledger(patient: &Patient) -> Vec<Finding> {
    let Some(home) = &patient.home else {
        return Vec::new();
    };
    let records = Ledger::open(home).connected();
    if records.is_empty() {
        return Vec::new();
    }
    let Ok(client) = caller(PATIENCE).await.no_proxy().build() else {
        return Vec::new();
    };
    let client = &client;
    let asked = records.into_iter().map(|record| async move {
        match record {
            Ok(record) => of_record(patient, client, &record).await,
            Err(error) => vec![
                Finding::warning("", error.to_string())
                    .fix("connect that client again: `autogw connect CLIENT`"),
            ],
        }
    });
    join_all(asked).await.into_iter().flatten().collect()
}

async fn of_record(patient: &Patient, client: &Client, record: &Record) -> Vec<Finding> {
    let mut findings = files(patient, record);
    findings.extend(origin(patient, client, record).await);
    if findings.is_empty() {
        let message = format!("connected to {}", record.origin);
        findings.push(Finding::ok(&*record.client, message));
    }
    findings
}

/// What has become of the files since.
fn files(patient: &Patient, record: &Record) -> Vec<Finding> {
    let mut findings = Vec::new();
    for entry in &record.files {
        let path = entry.path.display();
        match disk::read(&entry.path) {
            Err(why) => {
                let finding = Finding::warning(&*record.client, format!("{path}: {why}"));
                findings.push(finding.fix("look what it is, and who may write there"));
            }
            Ok(None) => {
                let message = format!("{path} is gone: it is connected no more");
                let again = connect_again(record);
                findings.push(Finding::warning(&*record.client, message).fix(again));
            }
            Ok(Some(content)) if !entry.is_as_written(&content.bytes) => {
                let message = format!("{path} was changed since it was connected");
                let fix = "nothing, if it was meant; `--undo` takes out what autogw has put in, and leaves the rest";
                findings.push(Finding::note(&*record.client, message).fix(fix));
            }
            Ok(Some(_)) => {}
        }
    }
    findings.extend(elsewhere(patient, record));
    findings
}

/// An address in a file of the client that is not the gateway's.
fn elsewhere(patient: &Patient, record: &Record) -> Option<Finding> {
    let files = standing(Recipe::of(&record.client)?, &patient.env);
    let is_other = |address: &&String| !address.starts_with(&record.origin);
    let mut addresses = files.iter().flat_map(|file| &file.addresses);
    let address = addresses.find(is_other)?;
    // Nothing but the origin: an address may hold a password.
    let address = Url::parse(address).map_or_else(
        |_| "somewhere else".to_owned(),
        |url| url.origin().ascii_serialization(),
    );
    let message = format!(
        "it leads to {address} by now, and was connected to {}",
        record.origin
    );
    Some(Finding::warning(&*record.client, message).fix(connect_again(record)))
}

fn connect_again(record: &Record) -> String {
    format!("`autogw connect {}`", record.client)
}

/// Whether a gateway answers where the client was told, and takes its key.
async fn origin(patient: &Patient, client: &Client, record: &Record) -> Option<Finding> {
    let url = Url::parse(&record.origin).ok()?;
    if patient.is_offline && !base_url::is_loopback(&url) {
        return None;
    }
    let health = format!("{}/health", record.origin);
    let answer = client.get(health).send().await.ok();
    let text = match answer {
        Some(answer) => beginning(answer).await,
        None => return Some(dead(patient, record)),
    };
    if !text.contains("\"autogw\"") {
        let message = format!(
            "it leads to {}, where something else answers",
            record.origin
        );
        return Some(Finding::error(&*record.client, message).fix(connect_again(record)));
    }
    let key = key(record)?;
    let models = format!("{}/v1/models", record.origin);
    let answer = client.get(models).bearer_auth(key).send().await.ok()?;
    (answer.status() == StatusCode::UNAUTHORIZED).then(|| {
        let message = format!(
            "the gateway at {} does not take its key any more",
            record.origin
        );
        Finding::error(&*record.client, message).fix(connect_again(record))
    })
}

/// As much of an answer as a gateway's has: who else answers may send without end.
async fn beginning(mut answer: Response) -> String {
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = answer.chunk().await {
        let room = MOST_BYTES - body.len();
        body.extend(chunk.iter().take(room));
        if body.len() == MOST_BYTES {
            break;
        }
    }
    String::from_utf8_lossy(&body).into_owned()
}

fn dead(patient: &Patient, record: &Record) -> Finding {
    let message = format!("it leads to {}, where nobody answers", record.origin);
    let undo = format!(
        "`autogw connect {} --undo` puts back what was there",
        record.client
    );
    let name = patient
        .name
        .as_ref()
        .map_or_else(String::new, |name| format!(" --name {}", name.as_str()));
    let fix = format!(
        "`autogw start{name}`; if the gateway is elsewhere now, {}; {undo}",
        connect_again(record)
    );
    Finding::error(&*record.client, message).fix(fix)
}

/// The key that stands in the files of the client, as far as it was put there.
fn key(record: &Record) -> Option<String> {
    let marked = Endpoint {
        origin: record.origin.clone(),
        key: Some(Secret::new(MARK)),
        model: record.model.clone(),
        models: Vec::new(),
    };
    let files = Recipe::of(&record.client)?.files.iter();
    let wanted: Vec<Change> = files
        .flat_map(|file| template::changes(file, &marked))
        .collect();
    let written = record.files.iter().flat_map(|entry| &entry.changes);
    written.into_iter().find_map(|written| {
        let (at, value) = put(written)?;
        let same = wanted
            .iter()
            .filter_map(put)
            .filter(|(place, _)| *place == at);
        same.into_iter()
            .find_map(|(_, wanted)| at_the_mark(wanted, value))
    })
}

fn put(change: &Change) -> Option<(&[String], &Value)> {
    match change {
        Change::Set { at, value } | Change::Item { at, value, .. } => Some((at, value)),
        Change::Remove { .. } | Change::RemoveItem { .. } => None,
    }
}

/// What stands in `found` where the mark stands in `wanted`.
fn at_the_mark(wanted: &Value, found: &Value) -> Option<String> {
    match (wanted, found) {
        (Value::String(wanted), Value::String(found)) => {
            let (before, after) = wanted.split_once(MARK)?;
            let key = found.strip_prefix(before)?.strip_suffix(after)?;
            Some(key.to_owned())
        }
        (Value::Object(wanted), Value::Object(found)) => {
            let mut fields = wanted.iter();
            fields.find_map(|(name, wanted)| at_the_mark(wanted, found.get(name)?))
        }
        (Value::Array(wanted), Value::Array(found)) => {
            let mut items = wanted.iter().zip(found);
            items.find_map(|(wanted, found)| at_the_mark(wanted, found))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_key_is_found_where_the_recipe_puts_one() {
        let wanted = json!({ "a": [{ "url": "u", "auth": format!("Bearer {MARK}") }] });
        let found = json!({ "a": [{ "url": "u", "auth": "Bearer one" }] });
        assert_eq!(at_the_mark(&wanted, &found).as_deref(), Some("one"));
        assert_eq!(at_the_mark(&json!("x"), &json!("x")), None);
    }
}
