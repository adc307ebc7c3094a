//! The corpus: every fixture of every dialect, as it lies on disk.

use std::fs;
use std::path::PathBuf;

use autogw::chat::Dialect;
use serde_json::{Map, Value};

/// What a fixture is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// What a client sends.
    Request,
    /// What an upstream answers.
    Response,
    /// The same in pieces.
    Stream,
}

impl Kind {
    /// Its folder.
    fn folder(self) -> &'static str {
        match self {
            Kind::Request => "request",
            Kind::Response => "response",
            Kind::Stream => "stream",
        }
    }
}

/// One fixture.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    /// Its name, the same for one situation in all dialects.
    pub name: String,
    /// Its bytes.
    pub text: String,
}

impl Case {
    /// The document it holds.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }

    /// The object it holds.
    pub(crate) fn object(&self) -> Map<String, Value> {
        match self.json() {
            Value::Object(map) => map,
            other => panic!("{} is no object but {other}", self.name),
        }
    }
}

/// The fixtures of one dialect and kind, by name.
pub(crate) fn cases(dialect: Dialect, kind: Kind) -> Vec<Case> {
    let folder = root().join(dialect.name()).join(kind.folder());
    let cases = read(&folder);
    assert!(!cases.is_empty(), "no fixtures in {}", folder.display());
    cases
}

/// The one fixture of that name.
pub(crate) fn case(dialect: Dialect, kind: Kind, name: &str) -> Case {
    let mut cases = cases(dialect, kind).into_iter();
    let found = cases.find(|case| case.name == name);
    found.unwrap_or_else(|| panic!("{dialect} has no {kind:?} called {name}"))
}

/// The recorded requests of one client.
pub(crate) fn recorded(client: &str) -> Vec<Case> {
    let cases = read(&root().join("recorded").join(client));
    assert!(!cases.is_empty(), "nothing was recorded of {client}");
    cases
}

/// Every dialect but `dialect`.
pub(crate) fn others(dialect: Dialect) -> impl Iterator<Item = Dialect> {
    Dialect::ALL
        .into_iter()
        .filter(move |other| *other != dialect)
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

fn read(folder: &std::path::Path) -> Vec<Case> {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut cases: Vec<Case> = entries
        .map(|entry| {
            let path = entry.expect("a readable entry").path();
            let name = path
                .file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            let text = fs::read_to_string(&path).expect("a readable fixture");
            Case { name, text }
        })
        .collect();
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    cases
}
