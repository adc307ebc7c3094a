//! `autogw connect` with the real program, its files and a gateway of simulated providers.

mod files;
mod found;
mod public;
mod shown;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;

use crate::support::Binary;

/// The client key of these gateways.
const KEY: &str = "agw-canary-key-of-these-tests";

/// What came of a command.
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Said {
    /// What it has printed, if it has done what it should.
    fn done(self) -> String {
        assert_eq!(self.code, Some(0), "{}{}", self.out, self.err);
        self.out
    }

    /// What it has said, if it failed so.
    fn failed(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{}{}", self.out, self.err);
        format!("{}{}", self.out, self.err)
    }
}

/// A person's home directory, which is autogw's, too.
struct House {
    home: Arc<TempDir>,
    variables: Vec<(String, String)>,
}

impl House {
    fn new() -> Self {
        let home = tempfile::tempdir().expect("a directory");
        Self {
            home: Arc::new(home),
            variables: Vec::new(),
        }
    }

    /// The same with a variable for every command.
    fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// A file with these bytes and permissions.
    fn holds(&self, name: &str, bytes: &str, mode: u32) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(&path, bytes).expect("a file");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("its mode");
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// What `autogw connect` says to `words`.
    async fn connect(&self, words: &str) -> Said {
        let args = words.split_whitespace();
        let variables = self.variables.iter();
        let variables = variables.map(|(name, value)| (name.as_str(), value.as_str()));
        let args = std::iter::once("connect").chain(args);
        let mut binary = Binary::run(self.home.clone(), args, variables);
        let code = binary.exit().await.code();
        Said {
            code,
            out: binary.stdout(),
            err: binary.stderr(),
        }
    }

    /// A gateway of simulated providers that asks for [`KEY`].
    async fn gateway(&self) -> Binary {
        let config = serde_json::json!({
            "server": { "port": 0, "api_key": KEY },
            "providers": [{ "type": "demo", "models": ["demo-chat", "claude-demo"] }],
        });
        self.holds("config.json", &config.to_string(), 0o600);
        self.start(&[]).await
    }

    async fn start(&self, more: &[&str]) -> Binary {
        let args = ["start", "--json", "--port", "0"].into_iter();
        let variables = self.variables.iter();
        let variables = variables.map(|(name, value)| (name.as_str(), value.as_str()));
        let args = args.chain(more.iter().copied());
        let binary = Binary::run(self.home.clone(), args, variables);
        binary.banner().await;
        binary
    }
}

/// Where a gateway is.
async fn url(gateway: &Binary) -> String {
    let banner = gateway.banner().await;
    let url = banner["url"].as_str().expect("a url");
    url.trim_end_matches('/').to_owned()
}

/// Everything below `directory`, with its bytes, its permissions and where its links lead.
pub(crate) fn tree(directory: &Path) -> Vec<(PathBuf, u32, Vec<u8>)> {
    let mut found = Vec::new();
    let mut directories = vec![directory.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).expect("a directory") {
            let path = entry.expect("an entry").path();
            let kind = fs::symlink_metadata(&path).expect("it is there");
            let bytes = if kind.is_dir() {
                directories.push(path.clone());
                Vec::new()
            } else if kind.is_symlink() {
                let to = fs::read_link(&path).expect("a link");
                to.to_string_lossy().into_owned().into_bytes()
            } else {
                fs::read(&path).expect("a file")
            };
            found.push((path, kind.permissions().mode() & 0o7777, bytes));
        }
    }
    found.sort();
    found
}
