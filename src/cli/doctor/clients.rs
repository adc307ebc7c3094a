//! The clients that were connected: whether their files still lead to a gateway that runs and takes their key.

use std::error::Error;
use std::io;
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
use crate::clients::edit::{self, Change, EditError, Format};
use crate::clients::endpoint::Endpoint;
use crate::clients::ledger::{Entry, Ledger, Record};
use crate::clients::plan::ClientError;
use crate::clients::recipe::Recipe;
use crate::clients::standing::{Standing, standing};
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
    findings.extend(variables::other(&patient.env, record));
    if findings.is_empty() {
        let message = format!("connected to {}", record.origin);
        findings.push(Finding::ok(&*record.client, message));
    }
    findings
}

/// What has become of the files since.
fn files(patient: &Patient, record: &Record) -> Vec<Finding> {
    let (mut findings, mut changed) = (Vec::new(), Vec::new());
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
                changed.push(Finding::note(&*record.client, message).fix(fix));
            }
            Ok(Some(_)) => {}
        }
    }
    let files = Recipe::of(&record.client).map(|recipe| standing(recipe, &patient.env));
    let files = files.unwrap_or_default();
    // That it was changed is no news where the change does harm.
    match broken(record, &files).or_else(|| elsewhere(record, &files)) {
        Some(harm) => findings.push(harm),
        None => findings.extend(changed),
    }
    findings
}

/// A file that its client cannot read either.
fn broken(record: &Record, files: &[Standing]) -> Option<Finding> {
    let faults = files.iter().filter_map(|file| file.fault.as_ref());
    let message = faults.into_iter().find_map(|fault| match fault {
        // Where, and not what: the line may hold a key.
        ClientError::Edit {
            path,
            why: EditError::Unreadable { line, .. },
        } => Some(format!(
            "{} cannot be read any more, from line {line} on",
            path.display()
        )),
        _ => None,
    })?;
    let fix = format!("correct it, then {}", connect_again(record));
    Some(Finding::error(&*record.client, message).fix(fix))
}

/// An address in a file of the client that is not the gateway's.
fn elsewhere(record: &Record, files: &[Standing]) -> Option<Finding> {
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
    let text = match client.get(health).send().await {
        Ok(answer) => beginning(answer).await,
        Err(error) if is_mistrust(&error) => return Some(mistrusted(record)),
        Err(_) => return Some(dead(patient, record)),
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

/// Whether somebody answered who could not prove who it is.
fn is_mistrust(error: &reqwest::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if error.is::<rustls::Error>() {
            return true;
        }
        // The source of an error of I/O is that of what it wraps, and not that itself.
        cause = match error.downcast_ref::<io::Error>() {
            Some(io) => io.get_ref().map(|inner| inner as &dyn Error),
            None => error.source(),
        };
    }
    false
}

fn mistrusted(record: &Record) -> Finding {
    let message = format!(
        "it leads to {}, whose certificate is not trusted on this machine",
        record.origin
    );
    let fix = "install the issuer's root certificate; programs of Node.js want \
               `export NODE_EXTRA_CA_CERTS=ROOT.pem`, most others `export SSL_CERT_FILE=ROOT.pem`";
    Finding::error(&*record.client, message).fix(fix)
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

/// The key that stands in the files of the client now, at the place where one was put.
fn key(record: &Record) -> Option<String> {
    let marked = Endpoint {
        origin: record.origin.clone(),
        key: Some(Secret::new(MARK)),
        model: record.model.clone(),
        models: Vec::new(),
    };
    let mut files = Recipe::of(&record.client)?.files.iter();
    files.find_map(|file| {
        let wanted = template::changes(file, &marked);
        let mut entries = record.files.iter();
        entries.find_map(|entry| key_in(entry, file.format, &wanted))
    })
}

/// The key in the file of `entry`, which is written in `format`.
fn key_in(entry: &Entry, format: Format, wanted: &[Change]) -> Option<String> {
    let content = disk::read(&entry.path).ok()??;
    let text = content.text().ok()?;
    entry.changes.iter().find_map(|written| {
        let (at, value) = put(written)?;
        // An item of a list is found as it was written; it is the place of any other that counts.
        let now = match written {
            Change::Set { .. } => edit::value_at(format, text, at).ok()?,
            _ => None,
        };
        let value = now.as_ref().unwrap_or(value);
        let mut same = wanted.iter().filter_map(put).filter(|put| put.0 == at);
        same.find_map(|(_, wanted)| at_the_mark(wanted, value))
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
