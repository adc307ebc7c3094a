//! What would be written for a client, and where. Nothing is touched yet.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::disk::{self, Content, Untouchable};
use super::edit::{self, Change, EditError, Format};
use super::endpoint::Endpoint;
use super::ledger::{Ledger, LedgerError, Record};
use super::place::{self, NoPlace};
use super::recipe::{File, Recipe};
use super::revert::{self, Without};
use super::template;
use crate::config::Environment;

/// Permissions of a file that holds a key.
const PRIVATE: u32 = 0o600;

/// What a client's files become.
#[derive(Debug)]
pub struct Plan {
    /// The client's name.
    pub client: &'static str,
    /// Where it will ask.
    pub origin: String,
    /// What it will ask for, if it is told.
    pub model: Option<String>,
    /// What was done for it before.
    pub record: Option<Record>,
    /// Its files.
    pub files: Vec<Planned>,
}

/// What one file becomes.
#[derive(Debug)]
pub struct Planned {
    /// Where it is.
    pub path: PathBuf,
    /// How it is written.
    pub format: Format,
    /// What is there now.
    pub present: Option<Content>,
    /// What an undo goes back to: the present, without what was written when it was connected before.
    pub base: Base,
    /// What will be there.
    pub content: Content,
    /// What is changed in the base.
    pub changes: Vec<Change>,
    /// What undoes each of them.
    pub undo: Vec<Change>,
}

/// What an undo goes back to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Base {
    /// What was there before it was connected for the first time, which the ledger has.
    Kept(Option<Content>),
    /// Something that the ledger does not have yet.
    New(Option<Content>),
}

impl Base {
    /// The file; `None` is none.
    pub fn content(&self) -> Option<&Content> {
        let (Base::Kept(content) | Base::New(content)) = self;
        content.as_ref()
    }
}

impl Planned {
    /// Whether there is something to write.
    pub fn is_changed(&self) -> bool {
        self.present.as_ref() != Some(&self.content)
    }
}

/// Why a client cannot be connected, or put back.
#[derive(Debug, Error)]
pub enum ClientError {
    /// There is no place for its file.
    #[error(transparent)]
    NoPlace(#[from] NoPlace),
    /// A file is left alone.
    #[error("{path}: {why}")]
    Untouchable {
        /// Which.
        path: PathBuf,
        /// Why.
        why: Untouchable,
    },
    /// A file cannot be changed.
    #[error("{path}: {why}")]
    Edit {
        /// Which.
        path: PathBuf,
        /// Why.
        why: EditError,
    },
    /// The ledger names a file that the client has not.
    #[error("{path} is no file of {client}: the record of it is not one that autogw has written")]
    NotTheClients {
        /// Which.
        path: PathBuf,
        /// The client.
        client: String,
    },
    /// What was there before cannot be kept, or read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// One file could not be written, and what was written before it could not be put back.
    #[error("{why}; other files of {client} have been written already")]
    Half {
        /// The client.
        client: &'static str,
        /// Why the one could not be written.
        why: Box<ClientError>,
    },
}

impl ClientError {
    /// What to do about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            ClientError::NoPlace(_) => None,
            ClientError::Ledger(error) => match error {
                LedgerError::Io { source, .. } => of_the_system(source),
                LedgerError::Unreadable { .. } => Some(
                    "its copies, *.before, are beside it: put them back by hand, and move it away",
                ),
                LedgerError::Newer { .. } | LedgerError::Full { .. } => None,
            },
            ClientError::Half { .. } => {
                Some("`autogw connect --undo CLIENT` puts them back, as soon as it can")
            }
            ClientError::NotTheClients { .. } => Some("look at it in ~/.auto-gateway/clients"),
            ClientError::Untouchable { why, .. } => match why {
                Untouchable::Foreign | Untouchable::ForeignDirectory(_) => {
                    Some("connect as the user who runs the client, without sudo")
                }
                Untouchable::Open(_) => {
                    Some("take the right to write there from others: chmod o-w")
                }
                Untouchable::Changed => Some("close the client, and try again"),
                Untouchable::NoFile | Untouchable::TooLarge | Untouchable::NoText => {
                    Some("see what it is; if the client does not need it, move it away")
                }
                Untouchable::Io(error) => of_the_system(error),
            },
            ClientError::Edit { why, .. } => Some(match why {
                EditError::Unreadable { .. } => "mend the file, or move it away, and try again",
                EditError::InTheWay { .. } | EditError::Odd { .. } => {
                    "change that place by hand; `autogw connect CLIENT --print` shows what is needed"
                }
            }),
        }
    }
}

/// What to do about what the system has said.
fn of_the_system(error: &io::Error) -> Option<&'static str> {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            Some("look at the permissions of the file, and of the directory that it is in")
        }
        io::ErrorKind::ReadOnlyFilesystem => Some(
            "where the system makes that file (NixOS, a container), say there what --print shows",
        ),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            Some("make room, and try again")
        }
        _ => None,
    }
}

/// `why`, of the file at `path`.
pub(super) fn untouchable(path: &Path) -> impl FnOnce(Untouchable) -> ClientError {
    let path = path.to_owned();
    |why| ClientError::Untouchable { path, why }
}

/// What connects the client of `recipe` to `endpoint`.
pub fn plan(
    recipe: &'static Recipe,
    endpoint: &Endpoint,
    ledger: &Ledger,
    env: &Environment,
) -> Result<Plan, ClientError> {
    let record = ledger.of(&recipe.name)?;
    let files = recipe.files.iter();
    let files = files.map(|file| planned(file, endpoint, ledger, record.as_ref(), env));
    Ok(Plan {
        client: &recipe.name,
        origin: endpoint.origin.clone(),
        model: endpoint.model.clone(),
        files: files.collect::<Result<_, _>>()?,
        record,
    })
}

fn planned(
    file: &File,
    endpoint: &Endpoint,
    ledger: &Ledger,
    record: Option<&Record>,
    env: &Environment,
) -> Result<Planned, ClientError> {
    let path = place::path(file, env)?;
    let present = disk::read(&path).map_err(untouchable(&path))?;
    let base = base(&path, present.as_ref(), ledger, record)?;
    let before = base.content();
    let text = before.map_or(Ok(""), Content::text);
    let text = text.map_err(untouchable(&path))?;
    let changes = template::changes(file, endpoint);
    let edited = edit::apply(file.format, text, &changes).map_err(|why| ClientError::Edit {
        path: path.clone(),
        why,
    })?;
    let usual = before.map_or(PRIVATE, |before| before.mode);
    let mode = if endpoint.key.is_some() && template::presents_key(file) {
        PRIVATE
    } else {
        usual
    };
    Ok(Planned {
        format: file.format,
        content: Content {
            bytes: edited.text.into_bytes(),
            mode,
        },
        undo: edited.undo,
        path,
        present,
        base,
        changes,
    })
}

/// What is at `path` without what was written there before.
fn base(
    path: &Path,
    present: Option<&Content>,
    ledger: &Ledger,
    record: Option<&Record>,
) -> Result<Base, ClientError> {
    let Some(entry) = record.and_then(|record| record.entry(path)) else {
        return Ok(Base::New(present.cloned()));
    };
    let original = ledger.original(entry)?;
    let without = revert::without(entry, present, original.as_ref());
    Ok(match without.map_err(untouchable(path))? {
        Without::AsBefore => Base::Kept(original),
        Without::Gone => Base::New(None),
        Without::TakenOut { text, .. } => Base::New(present.map(|present| Content {
            bytes: text.into_bytes(),
            mode: mode_without(entry.before.as_ref().map(|before| before.mode), present),
        })),
    })
}

/// The permissions that a file gets back, if it still has those that it was given.
pub(super) fn mode_without(before: Option<u32>, present: &Content) -> u32 {
    before
        .filter(|_| present.mode == PRIVATE)
        .unwrap_or(present.mode)
}
