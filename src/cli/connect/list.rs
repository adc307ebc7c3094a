//! The clients: what they are, which are here, which are connected and where to.

use std::path::PathBuf;

use anstyle::Style;
use serde_json::{Value, json};

use super::ConnectArgs;
use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::cli::page::GOOD;
use crate::cli::table::{self, Column, NOTHING, Row, Table, plain};
use crate::clients::ledger::{Ledger, Record};
use crate::clients::recipe::{Known, Recipe, recipes};
use crate::config::Environment;

/// Lists them.
pub(super) fn run(
    args: &ConnectArgs,
    ledger: &Ledger,
    env: &Environment,
    console: &mut Console<'_>,
) -> Exit {
    let of = |recipe: &'static Recipe| (recipe, ledger.of(&recipe.name));
    let clients: Vec<_> = recipes().iter().map(of).collect();
    let mut exit = Exit::Done;
    for error in clients
        .iter()
        .filter_map(|(_, record)| record.as_ref().err())
    {
        console.error(plain(&error.to_string()), None);
        exit = Exit::Failed;
    }
    let clients = clients.iter();
    let clients =
        clients.map(|(recipe, record)| (*recipe, record.as_ref().ok().and_then(Option::as_ref)));
    if args.json {
        let clients: Vec<Value> = clients
            .map(|(recipe, record)| data(recipe, record, env))
            .collect();
        console.json(&json!({ "clients": clients }));
    } else {
        let rows = clients.map(|(recipe, record)| row(recipe, record, env));
        console.page(&table(rows.collect()).render(table::width()));
    }
    exit
}

/// Where `program` is, if it is installed.
pub(super) fn installed(program: &str, env: &Environment) -> Option<PathBuf> {
    let found = which::which_in_global(program, env.get("PATH"));
    found.ok().and_then(|mut found| found.next())
}

fn data(recipe: &Recipe, record: Option<&Record>, env: &Environment) -> Value {
    let program = recipe.program.as_deref();
    let known = match &recipe.known {
        Known::Tried(version) => json!({ "tried": version }),
        Known::Documented(month) => json!({ "documented": month }),
    };
    let connected = record.map(|record| {
        let paths = record
            .files
            .iter()
            .map(|entry| entry.path.display().to_string());
        json!({
            "origin": record.origin, "model": record.model, "when": record.when,
            "files": paths.collect::<Vec<_>>(),
        })
    });
    json!({
        "name": recipe.name,
        "title": recipe.title,
        "dialect": recipe.dialect.name(),
        "known": known,
        "installed": program.map(|program| installed(program, env).is_some()),
        "connected": connected,
    })
}

fn row(recipe: &Recipe, record: Option<&Record>, env: &Environment) -> Row {
    let program = recipe.program.as_deref();
    let installed = match program.map(|program| installed(program, env)) {
        Some(Some(_)) => "yes",
        Some(None) => "no",
        None => NOTHING,
    };
    let known = match &recipe.known {
        Known::Tried(version) => format!("tried {version}"),
        Known::Documented(month) => format!("documented {month}"),
    };
    let connected = record.map(|record| {
        let model = record.model.as_ref();
        let model = model.map_or_else(String::new, |model| format!(", {model}"));
        plain(&format!("{}{model}", record.origin))
    });
    Row {
        style: if connected.is_some() {
            GOOD
        } else {
            Style::new()
        },
        cells: vec![
            recipe.name.clone(),
            recipe.title.clone(),
            recipe.dialect.name().to_owned(),
            known,
            installed.to_owned(),
        ],
        last: connected.unwrap_or_else(|| NOTHING.to_owned()),
    }
}

fn table(rows: Vec<Row>) -> Table {
    let column = |title, spare| Column {
        title,
        is_number: false,
        spare,
    };
    Table {
        columns: vec![
            column("CLIENT", 0),
            column("TITLE", 1),
            column("DIALECT", 2),
            column("KNOWN", 3),
            column("INSTALLED", 0),
        ],
        last: "CONNECTED TO",
        rows,
    }
}
