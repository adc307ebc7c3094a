//! What was there before a client was connected, so that it can be put back: `clients/` in autogw's home.
//!
//! ```text
//! <client>.json        what was done, and what undoes it
//! <client>.1.before    a file as it was, byte for byte
//! <client>.1.undone    a file as it was before ours was taken out of what others have made of it since
//! ```
//!
//! All of it is written before a file of the client's is touched, so that whatever happens then can be undone.
//! It holds keys, of the gateway and of others, and is for its owner only.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use ring::digest::{SHA256, digest};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::disk::{Content, plainly};
use super::edit::{Change, Format};
use crate::config::Home;
use crate::config::write::{create_private_directory, sync_directory, write_private};

/// The version of the records. One that is not known is left to the autogw that wrote it.
const VERSION: u32 = 1;

/// Copies of one client's files that are kept at most.
const MOST_COPIES: u32 = 1000;

/// The records of every client that is connected.
#[derive(Debug, Clone)]
pub struct Ledger {
    directory: PathBuf,
}

/// A client that is connected.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    version: u32,
    /// Its name.
    pub client: String,
    /// When it was connected, the last time.
    pub when: String,
    /// Where to.
    pub origin: String,
    /// The model it was told to ask for, if it was.
    pub model: Option<String>,
    /// Its files.
    pub files: Vec<Entry>,
}

/// One file of a client that is connected.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Where it is.
    pub path: PathBuf,
    /// How it is written.
    pub format: Format,
    /// What was there; `None` is nothing.
    pub before: Option<Before>,
    /// The directories that were made for it, the outermost first.
    pub made: Vec<PathBuf>,
    /// SHA-256 of what it is, or was on the way there, as we have written it.
    pub wrote: Vec<String>,
    /// What was changed in it.
    pub changes: Vec<Change>,
    /// What undoes each of them.
    pub undo: Vec<Change>,
}

/// A file before it was touched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Before {
    /// Its permissions.
    pub mode: u32,
    /// The copy of it, a name in the ledger's directory.
    pub copy: String,
}

/// Why the ledger cannot be used.
#[derive(Debug, Error)]
pub enum LedgerError {
    /// The system says no.
    #[error("{path}: {source}")]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It holds something else.
    #[error("{path} is no record of a connected client: {why}")]
    Unreadable {
        /// Where.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// It comes from another autogw.
    #[error("{path} was written by a newer autogw: undo it with that one")]
    Newer {
        /// Where.
        path: PathBuf,
    },
    /// Copies are never removed unasked.
    #[error("{path} holds too many copies of files: remove those that are not needed any more")]
    Full {
        /// Where.
        path: PathBuf,
    },
}

/// The ledger for one at a time; others wait until it is dropped.
#[derive(Debug)]
pub struct Locked(#[expect(dead_code, reason = "the lock ends with the file")] File);

impl Record {
    /// A record of `client` without files.
    pub fn new(client: &str, when: String, origin: String, model: Option<String>) -> Self {
        Self {
            version: VERSION,
            client: client.to_owned(),
            when,
            origin,
            model,
            files: Vec::new(),
        }
    }

    /// Why this is no record of `client` that was written here: it would lead out of the ledger.
    fn leads_out(&self, client: &str) -> Option<String> {
        if self.client != client {
            return Some("it is that of another client".to_owned());
        }
        let copies = self.files.iter().filter_map(|entry| entry.before.as_ref());
        let mut foreign = copies.filter(|before| {
            let begins = before.copy.strip_prefix(client);
            !begins.is_some_and(|rest| rest.starts_with('.') && !rest.contains('/'))
        });
        let foreign = foreign.next()?;
        Some(format!(
            "{:?} is no copy of a file of its own",
            foreign.copy
        ))
    }

    /// The entry of the file at `path`.
    pub fn entry(&self, path: &Path) -> Option<&Entry> {
        self.files.iter().find(|entry| entry.path == path)
    }
}

impl Entry {
    /// Whether the file is as we have left it.
    pub fn is_as_written(&self, bytes: &[u8]) -> bool {
        self.wrote.contains(&sha256(bytes))
    }
}

/// SHA-256 of `bytes` in hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    let hash = digest(&SHA256, bytes);
    let digits = hash.as_ref().iter().map(|byte| format!("{byte:02x}"));
    digits.collect()
}

impl Ledger {
    /// The ledger in `home`, be there one or not.
    pub fn open(home: &Home) -> Self {
        Self {
            directory: home.directory().join("clients"),
        }
    }

    /// Where it is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Keeps other programs out of it.
    pub fn lock(&self) -> Result<Locked, LedgerError> {
        let path = self.directory.join(".lock");
        let lock = || {
            create_private_directory(&self.directory)?;
            let file = File::create(&path)?;
            flock(&file, FlockOperation::LockExclusive)?;
            Ok(Locked(file))
        };
        lock().map_err(at(&path))
    }

    /// Every client that is connected, by name; those that cannot be read are errors of their own.
    pub fn connected(&self) -> Vec<Result<Record, LedgerError>> {
        let Ok(entries) = fs::read_dir(&self.directory) else {
            return Vec::new();
        };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let clients = names.filter_map(|name| Some(name.strip_suffix(".json")?.to_owned()));
        let mut clients: Vec<String> = clients.collect();
        clients.sort();
        let records = clients.iter().map(|client| self.of(client));
        records.filter_map(Result::transpose).collect()
    }

    /// The record of `client`, if it is connected.
    pub fn of(&self, client: &str) -> Result<Option<Record>, LedgerError> {
        let path = self.file(client);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(LedgerError::Io { path, source }),
        };
        let unreadable = |error: serde_json::Error| LedgerError::Unreadable {
            path: path.clone(),
            why: error.to_string(),
        };
        let version: Version = serde_json::from_slice(&text).map_err(unreadable)?;
        if version.version > VERSION {
            return Err(LedgerError::Newer { path });
        }
        let record: Record = serde_json::from_slice(&text).map_err(unreadable)?;
        match record.leads_out(client) {
            Some(why) => Err(LedgerError::Unreadable { path, why }),
            None => Ok(Some(record)),
        }
    }

    /// Writes `record` for good.
    pub fn write(&self, record: &Record) -> Result<(), LedgerError> {
        let path = self.file(&record.client);
        let text = serde_json::to_vec_pretty(record).map_err(io::Error::other);
        let written = text.and_then(|text| write_private(&path, &text));
        written.map_err(at(&path))
    }

    /// Forgets `client`.
    pub fn forget(&self, client: &str) -> Result<(), LedgerError> {
        let path = self.file(client);
        let removed = match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => sync_directory(&self.directory),
        };
        removed.map_err(at(&path))
    }

    /// Keeps `bytes` for good under a name of their own that ends in `kind`, and says which.
    pub fn keep(&self, client: &str, kind: &str, bytes: &[u8]) -> Result<String, LedgerError> {
        let names = (1..=MOST_COPIES).map(|number| format!("{client}.{number}.{kind}"));
        let mut free = names.filter(|name| !self.directory.join(name).exists());
        let name = free.next().ok_or_else(|| LedgerError::Full {
            path: self.directory.clone(),
        })?;
        let path = self.directory.join(&name);
        write_private(&path, bytes).map_err(at(&path))?;
        Ok(name)
    }

    /// What was kept under `name`.
    pub fn kept(&self, name: &str) -> Result<Vec<u8>, LedgerError> {
        let path = self.directory.join(name);
        fs::read(&path).map_err(at(&path))
    }

    /// What was at the place of `entry`.
    pub fn original(&self, entry: &Entry) -> Result<Option<Content>, LedgerError> {
        let Some(before) = &entry.before else {
            return Ok(None);
        };
        let bytes = self.kept(&before.copy)?;
        let mode = before.mode;
        Ok(Some(Content { bytes, mode }))
    }

    /// Removes the copy that `entry` goes back to: it is in its place again.
    pub fn drop_copy(&self, entry: &Entry) {
        if let Some(before) = &entry.before {
            // One that stays is a file too many, and no harm.
            let _ = fs::remove_file(self.directory.join(&before.copy));
        }
    }

    fn file(&self, client: &str) -> PathBuf {
        self.directory.join(format!("{client}.json"))
    }
}

#[derive(Deserialize)]
struct Version {
    version: u32,
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> LedgerError {
    let path = path.to_owned();
    |source| LedgerError::Io {
        path,
        source: plainly(source),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn ledger() -> (tempfile::TempDir, Ledger) {
        let home = tempfile::tempdir().expect("a directory");
        let ledger = Ledger::open(&Home::at(home.path().join("home")));
        (home, ledger)
    }

    fn record(client: &str) -> Record {
        let mut record = Record::new(client, String::new(), "http://h:1".to_owned(), None);
        record.files.push(Entry {
            path: "/x".into(),
            format: Format::Json,
            before: None,
            made: Vec::new(),
            wrote: vec![sha256(b"x")],
            changes: Vec::new(),
            undo: Vec::new(),
        });
        record
    }

    #[test]
    fn what_is_written_is_read_again_and_forgotten() {
        let (_home, ledger) = ledger();
        assert!(ledger.connected().is_empty());
        assert!(matches!(ledger.of("b"), Ok(None)));
        for client in ["b", "a"] {
            ledger.write(&record(client)).expect("it is written");
        }
        let connected: Result<Vec<_>, _> = ledger.connected().into_iter().collect();
        assert_eq!(connected.expect("records"), [record("a"), record("b")]);
        ledger.forget("a").expect("it is forgotten");
        ledger.forget("a").expect("it is no harm");
        assert_eq!(ledger.connected().len(), 1);
        assert!(record("a").files[0].is_as_written(b"x"));
    }

    #[test]
    fn nobody_else_may_read_it() {
        let (_home, ledger) = ledger();
        ledger.write(&record("a")).expect("it is written");
        let name = ledger.keep("a", "before", b"old").expect("it is kept");
        let mode = |path: &Path| {
            fs::metadata(path)
                .expect("it is there")
                .permissions()
                .mode()
        };
        assert_eq!(mode(ledger.directory()) & 0o777, 0o700);
        for name in ["a.json", &name] {
            assert_eq!(
                mode(&ledger.directory().join(name)) & 0o777,
                0o600,
                "{name}"
            );
        }
    }

    #[test]
    fn no_copy_takes_the_place_of_another() {
        let (_home, ledger) = ledger();
        let keep = |bytes: &[u8]| ledger.keep("a", "before", bytes).expect("it is kept");
        assert_eq!(
            (keep(b"1"), keep(b"2")),
            ("a.1.before".into(), "a.2.before".into())
        );
        assert_eq!(ledger.kept("a.1.before").expect("a copy"), b"1");
    }

    #[test]
    fn what_cannot_be_understood_is_said_with_its_place() {
        let (_home, ledger) = ledger();
        ledger.write(&record("a")).expect("it is written");
        let path = ledger.directory().join("a.json");
        fs::write(&path, r#"{ "version": 2 }"#).expect("it is written");
        assert!(matches!(ledger.of("a"), Err(LedgerError::Newer { .. })));
        fs::write(&path, "{").expect("it is written");
        let error = ledger.of("a").expect_err("no JSON").to_string();
        assert!(error.contains("a.json"), "{error}");
    }
}
