//! `--undo`: the client's files as they were.

use serde_json::{Value, json};

use super::ConnectArgs;
use super::fault::Fault;
use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::cli::table::plain;
use crate::clients::carry::{self, How, PutBack};
use crate::clients::ledger::{Ledger, Record};
use crate::clients::place::short;
use crate::clients::recipe::Recipe;
use crate::config::Environment;

/// Puts them back.
pub(super) fn run(
    args: &ConnectArgs,
    ledger: &Ledger,
    env: &Environment,
    console: &mut Console<'_>,
) -> Result<Exit, Fault> {
    // Nobody was ever connected where there is no ledger, and none is made for that.
    let is_there = ledger.directory().exists();
    let _locked = is_there.then(|| ledger.lock()).transpose()?;
    let records = match &args.client {
        Some(client) => vec![ledger.of(client)],
        None if args.all => {
            let connected = ledger.connected().into_iter();
            connected.map(|record| record.map(Some)).collect()
        }
        None => {
            let fault = Fault::usage("which client?");
            let hint = "`autogw connect CLIENT --undo`, or `autogw connect --undo --all`";
            return Err(fault.hint(hint));
        }
    };
    let (mut undone, mut faults) = (Vec::new(), Vec::new());
    for record in records {
        match record
            .map_err(Fault::from)
            .and_then(|record| one(record, ledger))
        {
            Ok(client) => undone.extend(client),
            // The others are put back all the same.
            Err(fault) if args.all => faults.push(fault),
            Err(fault) => return Err(fault),
        }
    }
    if args.json {
        let clients: Vec<Value> = undone.iter().map(data).collect();
        let errors: Vec<Value> = faults.iter().map(Fault::data).collect();
        console.json(&json!({ "ok": errors.is_empty(), "clients": clients, "errors": errors }));
    } else {
        if !undone.is_empty() || faults.is_empty() {
            tell(args, &undone, env, console);
        }
        for fault in &faults {
            fault.tell(false, console);
        }
    }
    Ok(if faults.is_empty() {
        Exit::Done
    } else {
        Exit::Failed
    })
}

/// A client and what became of its files.
type Undone = (String, Vec<PutBack>);

fn one(record: Option<Record>, ledger: &Ledger) -> Result<Option<Undone>, Fault> {
    let Some(record) = record else {
        return Ok(None);
    };
    let client = record.client.clone();
    Ok(Some((client, carry::undo(record, ledger)?)))
}

fn tell(args: &ConnectArgs, undone: &[Undone], env: &Environment, console: &mut Console<'_>) {
    if undone.is_empty() {
        let who = args.client.as_deref();
        let who = who.map_or_else(|| "no client is".to_owned(), |who| format!("{who} is not"));
        console.data(format!("{who} connected: there is nothing to undo"));
    }
    for (client, files) in undone {
        let title = Recipe::of(client).map_or(client, |recipe| &recipe.title);
        console.data(format!("disconnected {}", plain(title)));
        for file in files {
            let path = plain(&short(&file.path, env));
            console.data(format!("  {path}: {}", said(&file.how, env)));
        }
    }
}

fn said(how: &How, env: &Environment) -> String {
    match how {
        How::Restored => "is what it was".to_owned(),
        How::Removed => "removed, as it was not there before".to_owned(),
        How::Untouched => "was as before already".to_owned(),
        How::Gone => "somebody has removed it, and it stays so".to_owned(),
        How::TakenOut { left, copy } => {
            let copy = short(copy, env);
            let left = if left.is_empty() {
                String::new()
            } else {
                let left: Vec<String> = left.iter().map(|place| plain(place)).collect();
                format!("; left as somebody has changed it: {}", left.join(", "))
            };
            format!(
                "has been changed since it was connected; what is ours was taken out, the rest stays{left}; \
                 as it was just now: {copy}"
            )
        }
    }
}

fn data((client, files): &Undone) -> Value {
    let files = files.iter().map(|file| {
        let (how, left, copy) = match &file.how {
            How::Restored => ("restored", None, None),
            How::Removed => ("removed", None, None),
            How::Untouched => ("untouched", None, None),
            How::Gone => ("gone", None, None),
            How::TakenOut { left, copy } => {
                ("taken_out", Some(left), Some(copy.display().to_string()))
            }
        };
        let path = file.path.display().to_string();
        json!({ "path": path, "how": how, "left": left, "copy": copy })
    });
    json!({ "client": client, "files": files.collect::<Vec<_>>() })
}
