//! Style as a test: the floors of the house, and what its files may not contain.
//!
//! A module imports only from lower floors; modules on one floor do not import each other. This
//! file reads `src/**` as text, so it sees what a reader sees, and proves on small examples that it
//! can fail.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// The floors, lowest first. A module that is missing here belongs nowhere yet.
const FLOORS: [&[&str]; 10] = [
    &["json", "sse"],
    &["chat"],
    &["provider"],
    &["config"],
    &["codec", "health", "memory", "quota", "cache"],
    &["route", "telemetry", "demo", "clients"],
    &["proxy"],
    &["server", "tunnel", "attach"],
    &["tui"],
    &["main", "cli", "app"],
];

/// Modules of the top floor form the program itself and know each other.
const TOP: usize = FLOORS.len() - 1;

/// The dashboard sees the gateway only through what telemetry tells, as it hears it over the admin socket.
const TUI_SEES: &[&str] = &["telemetry", "attach"];

/// Where the package keeps Rust files.
const FOLDERS: [&str; 3] = ["src", "tests", "benches"];

/// More lines than this are two ideas.
const LONGEST_FILE: usize = 600;

/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &[
    "utils", "util", "helpers", "helper", "common", "manager", "misc",
];

/// What no source file may contain. Written in halves, so that this file passes its own test.
const FORBIDDEN: &[&str] = &[
    concat!("#[ign", "ore"),
    concat!("to", "do!("),
    concat!("unimpl", "emented!("),
    concat!("db", "g!("),
    concat!("#[all", "ow("),
];

/// A source file as text.
struct Source {
    /// Path under the package, with `/`.
    path: String,
    text: String,
}

impl Source {
    /// The module at the crate's root that the file belongs to; `None` for the crate root itself.
    fn module(&self) -> Option<&str> {
        let inside = self.path.strip_prefix("src/")?;
        let first = inside.split('/').next()?;
        let name = first.strip_suffix(".rs").unwrap_or(first);
        (name != "lib").then_some(name)
    }
}

fn floor(module: &str) -> Option<usize> {
    FLOORS.iter().position(|floor| floor.contains(&module))
}

/// The root modules that `text` names through `root`.
fn imports(text: &str, root: &str) -> BTreeSet<String> {
    let code: String = text
        .lines()
        .map(without_comment)
        .collect::<Vec<_>>()
        .join("\n");
    let places = code.match_indices(root).filter(|(at, _)| {
        let before = code[..*at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '$')
    });
    places
        .flat_map(|(at, found)| heads(&code[at + found.len()..]))
        .collect()
}

/// The first segments of the path or the braced group that `rest` begins with.
fn heads(rest: &str) -> Vec<String> {
    let Some(group) = rest.trim_start().strip_prefix('{') else {
        return identifier(rest).into_iter().collect();
    };
    let mut depth = 1;
    let mut names = Vec::new();
    let mut expecting = true;
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => expecting = true,
            c if expecting && !c.is_whitespace() => {
                names.extend(identifier(&group[at..]));
                expecting = false;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
    }
    names
}

/// The module name `text` begins with; types and macros at the crate's root are not modules.
fn identifier(text: &str) -> Option<String> {
    let text = text.trim_start();
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_');
    let name = &text[..end.unwrap_or(text.len())];
    let is_module = name.starts_with(|c: char| c.is_ascii_lowercase());
    (is_module && name != "self").then(|| name.to_owned())
}

/// The line without a `//` comment. A `//` inside a string (a URL) may be cut too; nothing that is
/// looked for stands behind one.
fn without_comment(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}

fn faults(source: &Source) -> Vec<String> {
    let mut faults = import_faults(source);
    if !source.text.starts_with("//! ") {
        faults.push("has no `//!` head".to_owned());
    }
    let lines = source.text.lines().count();
    if lines > LONGEST_FILE {
        faults.push(format!("has {lines} lines, more than {LONGEST_FILE}"));
    }
    let names = source
        .path
        .split('/')
        .map(|part| part.trim_end_matches(".rs"));
    for name in names.filter(|name| EMPTY_NAMES.contains(name)) {
        faults.push(format!("`{name}` does not say what is inside"));
    }
    for word in FORBIDDEN {
        if let Some(line) = source.text.lines().position(|line| line.contains(word)) {
            faults.push(format!("line {}: `{word}`", line + 1));
        }
    }
    faults
}

fn import_faults(source: &Source) -> Vec<String> {
    let Some(module) = source.module() else {
        return Vec::new();
    };
    let Some(own) = floor(module) else {
        return vec![format!(
            "module `{module}` stands on no floor; give it one in tests/tidy.rs"
        )];
    };
    // The binary is a crate of its own and knows the library by its name.
    let root = if module == "main" {
        "autogw::"
    } else {
        "crate::"
    };
    let others = imports(&source.text, root)
        .into_iter()
        .filter(|name| name != module);
    let faults = others.filter_map(|other| match floor(&other) {
        None => Some(format!("imports `{other}`, which stands on no floor")),
        Some(_) if module == "tui" && !TUI_SEES.contains(&other.as_str()) => Some(format!(
            "imports `{other}`; the dashboard sees only telemetry, through attach"
        )),
        Some(its) if its > own => Some(format!("imports `{other}` from a floor above")),
        Some(its) if its == own && own != TOP => Some(format!("imports `{other}` beside it")),
        Some(_) => None,
    });
    faults.collect()
}

/// Every Rust file under `folder` of the package; none if the package was made without the folder.
fn sources(folder: &str) -> Vec<Source> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![package.join(folder)];
    folders.retain(|folder| folder.exists());
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a readable folder") {
            let path = entry.expect("a readable entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                found.push(read(package, &path));
            }
        }
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found
}

fn read(package: &Path, path: &PathBuf) -> Source {
    let inside = path
        .strip_prefix(package)
        .expect("a path under the package");
    Source {
        path: inside.to_string_lossy().replace('\\', "/"),
        text: fs::read_to_string(path).expect("a readable file"),
    }
}

#[test]
fn every_file_keeps_to_its_floor_and_to_the_style() {
    let mut report = String::new();
    for source in FOLDERS.into_iter().flat_map(sources) {
        for fault in faults(&source) {
            writeln!(report, "{}: {fault}", source.path).expect("a string takes text");
        }
    }
    assert!(report.is_empty(), "\n{report}");
}

#[track_caller]
fn check(path: &str, text: &str) -> String {
    let source = Source {
        path: path.to_owned(),
        text: format!("//! A head.\n{text}"),
    };
    faults(&source).join("; ")
}

#[test]
fn an_upward_import_is_found() {
    let fault = "imports `server` from a floor above";
    assert_eq!(check("src/proxy/mod.rs", "use crate::server::Edge;"), fault);
    assert_eq!(
        check("src/proxy/mod.rs", "fn f() { crate::server::edge() }"),
        fault
    );
    assert_eq!(
        check("src/proxy/mod.rs", "use crate::{chat::Dialect, server};"),
        fault
    );
    let nested = "use crate::{\n    chat::{Dialect, Failure},\n    server::{self, Edge},\n};";
    assert_eq!(check("src/proxy/mod.rs", nested), fault);
}

#[test]
fn a_sideways_import_is_found() {
    let fault = "imports `telemetry` beside it";
    assert_eq!(
        check("src/route/plan.rs", "use crate::telemetry::Event;"),
        fault
    );
}

#[test]
fn the_dashboard_sees_telemetry_through_attach_and_nothing_else() {
    assert_eq!(check("src/tui/mod.rs", "use crate::telemetry::Event;"), "");
    let fault = "imports `health`; the dashboard sees only telemetry, through attach";
    assert_eq!(
        check("src/tui/mod.rs", "use crate::health::Breaker;"),
        fault
    );
}

#[test]
fn downward_imports_and_the_modules_own_are_fine() {
    let text = "use crate::chat::Failure;\nuse crate::proxy::Call;\nuse crate::{config, json};";
    assert_eq!(check("src/proxy/attempt.rs", text), "");
    assert_eq!(
        check("src/config/resolve.rs", "use crate::provider::Preset;"),
        ""
    );
    assert_eq!(check("src/app.rs", "use crate::cli::Args;"), "");
}

#[test]
fn comments_and_other_crates_import_nothing() {
    assert_eq!(
        check(
            "src/json/raw.rs",
            "/// See [`crate::server`].\nuse other_crate::server;"
        ),
        ""
    );
}

#[test]
fn the_binary_counts_as_the_top_floor() {
    assert_eq!(check("src/main.rs", "fn main() { autogw::cli::run() }"), "");
    let fault = "imports `nowhere`, which stands on no floor";
    assert_eq!(
        check("src/main.rs", "fn main() { autogw::nowhere::run() }"),
        fault
    );
}

#[test]
fn a_module_without_a_floor_is_found() {
    let fault = check("src/attic.rs", "");
    assert!(
        fault.starts_with("module `attic` stands on no floor"),
        "{fault}"
    );
}

#[test]
fn a_file_without_a_head_is_found() {
    let source = Source {
        path: "src/json/raw.rs".to_owned(),
        text: "use std::fmt;\n".to_owned(),
    };
    assert_eq!(faults(&source), ["has no `//!` head"]);
}

#[test]
fn a_name_that_says_nothing_is_found() {
    assert_eq!(
        check("src/proxy/utils.rs", ""),
        "`utils` does not say what is inside"
    );
    assert_eq!(
        check("src/proxy/common/x.rs", ""),
        "`common` does not say what is inside"
    );
}

#[test]
fn a_long_file_is_found() {
    let fault = check("src/proxy/call.rs", &"\n".repeat(LONGEST_FILE));
    assert_eq!(fault, "has 601 lines, more than 600");
}

#[test]
fn unfinished_work_is_found() {
    for word in FORBIDDEN {
        let fault = check("src/proxy/call.rs", &format!("{word})]"));
        assert_eq!(fault, format!("line 2: `{word}`"));
    }
}
