//! Writes the client's own files, says what a person has to do, and asks once whether it works.

use std::time::SystemTime;

use serde_json::{Value, json};

use super::fault::Fault;
use super::gateway::Found;
use super::list::installed;
use super::print::{MASK, exports, masked, steps};
use super::verify::{self, Answered, Silent};
use super::{ConnectArgs, Shell};
use crate::cli::console::Console;
use crate::cli::exit::Exit;
use crate::cli::table::plain;
use crate::clients::carry::{self, Written};
use crate::clients::endpoint::Endpoint;
use crate::clients::ledger::Ledger;
use crate::clients::place::short;
use crate::clients::plan;
use crate::clients::recipe::Recipe;
use crate::clients::template;
use crate::config::{Diagnostic, Environment};

/// How the request of verification went; `None` where none was sent.
type Verified = Option<Result<Answered, Silent>>;

/// Connects the client of `recipe`.
pub(super) async fn run(
    args: &ConnectArgs,
    recipe: &'static Recipe,
    found: &Found,
    ledger: &Ledger,
    env: &Environment,
    console: &mut Console<'_>,
) -> Result<Exit, Fault> {
    let written = write(recipe, found, ledger, env)?;
    if !args.json {
        tell(recipe, found, &written, env, console);
    }
    let verified = if args.no_verify || !found.can_be_asked {
        None
    } else {
        let model = found.endpoint.model.as_ref().unwrap_or(&found.example);
        Some(verify::ask(recipe.dialect, &found.endpoint, model).await)
    };
    if args.json {
        let mut warnings = found.warnings.clone();
        warnings.extend(overridden(recipe, &found.endpoint, env));
        console.json(&data(recipe, found, &written, &verified, &warnings));
    } else {
        tell_verified(&verified, console);
        if !written.is_empty() {
            console.say(format!("undo it: `autogw connect {} --undo`", recipe.name));
        }
    }
    Ok(match verified {
        Some(Err(_)) => Exit::Failed,
        _ => Exit::Done,
    })
}

fn write(
    recipe: &'static Recipe,
    found: &Found,
    ledger: &Ledger,
    env: &Environment,
) -> Result<Vec<Written>, Fault> {
    if recipe.files.is_empty() {
        return Ok(Vec::new());
    }
    let _locked = ledger.lock()?;
    let plan = plan::plan(recipe, &found.endpoint, ledger, env)?;
    let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    Ok(carry::connect(&plan, ledger, now)?)
}

fn tell(
    recipe: &Recipe,
    found: &Found,
    written: &[Written],
    env: &Environment,
    console: &mut Console<'_>,
) {
    let (title, endpoint) = (&recipe.title, &found.endpoint);
    let origin = plain(&endpoint.origin);
    let model = match &endpoint.model {
        Some(model) => format!("asking for {}", plain(model)),
        None => "with its own choice of models".to_owned(),
    };
    console.data(if written.is_empty() {
        format!("to connect {title} to {origin}, {model}:")
    } else {
        format!("connected {title} to {origin}, {model}")
    });
    for file in written {
        console.data(format!("  {}", of_file(file, env)));
    }
    let lines = by_hand(recipe, endpoint, written);
    for line in &lines {
        console.data(format!("  {}", plain(line)));
    }
    let notes = recipe.notes.iter();
    for note in notes.filter_map(|note| template::text(note, &masked(endpoint))) {
        console.say(plain(&note));
    }
    if lines.iter().any(|line| line.contains(MASK)) {
        let name = &recipe.name;
        console.say(format!(
            "{MASK} is the client key: `autogw connect {name} --print` shows it"
        ));
    }
    console.diagnostics(&overridden(recipe, endpoint, env));
    if let Some(line) = absent(recipe, env) {
        console.say(line);
    }
}

/// What is to be said of a program that is not there, though its files are written.
fn absent(recipe: &Recipe, env: &Environment) -> Option<String> {
    let program = recipe.program.as_deref()?;
    let is_missing = !recipe.files.is_empty() && installed(program, env).is_none();
    is_missing.then(|| {
        format!(
            "{} is not installed, as far as PATH tells: no `{program}` is there",
            recipe.title
        )
    })
}

/// What a person has to do, without the key: variables where there is no file, and steps.
fn by_hand(recipe: &Recipe, endpoint: &Endpoint, written: &[Written]) -> Vec<String> {
    let masked = masked(endpoint);
    let steps = steps(recipe, &masked).into_iter().zip(1..);
    let steps = steps.map(|(step, number)| format!("{number}. {step}"));
    let exports = exports(recipe, &masked, Shell::Sh).into_iter();
    exports
        .filter(|_| written.is_empty())
        .chain(steps)
        .collect()
}

fn of_file(file: &Written, env: &Environment) -> String {
    let path = plain(&short(&file.path, env));
    match (&file.copy, file.is_changed) {
        (_, false) => format!("{path}: nothing to change"),
        (None, true) => format!("{path}: written, it was not there before"),
        (Some(copy), true) => {
            let copy = plain(&short(copy, env));
            format!("{path}: changed; as it was: {copy}")
        }
    }
}

/// What is to be said of variables that say something else than the files: with some clients they win.
fn overridden(recipe: &Recipe, endpoint: &Endpoint, env: &Environment) -> Vec<Diagnostic> {
    let ours = template::variables(recipe, endpoint).into_iter();
    let others = ours.filter(|(name, value)| {
        let theirs = env.filled(name);
        theirs.is_some_and(|theirs| theirs != value)
    });
    let warnings = others.map(|(name, _)| {
        let message = format!("{name} is set to something else here, and may win over the file");
        Diagnostic::warning(message).with_hint(format!("unset {name}"))
    });
    let keys = recipe
        .unset
        .iter()
        .filter(|name| env.filled(name).is_some());
    let keys = keys.map(|name| {
        let message = format!("{name} is set here: the client may present that key to the gateway");
        Diagnostic::warning(message).with_hint(format!("unset {name}"))
    });
    let warnings = warnings.chain(keys);
    warnings.filter(|_| !recipe.files.is_empty()).collect()
}

fn tell_verified(verified: &Verified, console: &mut Console<'_>) {
    match verified {
        None => {}
        Some(Ok(answered)) => console.data(answered),
        Some(Err(silent)) => {
            console.error(plain(&silent.message), silent.hint.as_deref());
        }
    }
}

fn data(
    recipe: &Recipe,
    found: &Found,
    written: &[Written],
    verified: &Verified,
    warnings: &[Diagnostic],
) -> Value {
    let files = written.iter().map(|file| {
        json!({
            "path": file.path.display().to_string(),
            "changed": file.is_changed,
            "copy": file.copy.as_ref().map(|copy| copy.display().to_string()),
        })
    });
    let answer = match verified {
        None => Value::Null,
        Some(Ok(answered)) => json!({
            "ok": true, "provider": answered.provider, "model": answered.model,
            "ms": answered.ms,
        }),
        Some(Err(silent)) => {
            json!({ "ok": false, "error": silent.message, "hint": silent.hint })
        }
    };
    json!({
        "ok": !matches!(verified, Some(Err(_))),
        "client": recipe.name,
        "origin": found.endpoint.origin,
        "model": found.endpoint.model,
        "files": files.collect::<Vec<_>>(),
        "steps": steps(recipe, &masked(&found.endpoint)),
        "verified": answer,
        "warnings": warnings.iter().map(|warning| &warning.message).collect::<Vec<_>>(),
    })
}
