//! A plan carried out, and undone. The ledger always knows first.

use std::fs;
use std::io;
use std::path::PathBuf;

use super::disk::{self, Content, Untouchable};
use super::ledger::{Before, Entry, Ledger, LedgerError, Record, sha256};
use super::place;
use super::plan::{Base, ClientError, Plan, Planned, mode_without, untouchable};
use super::recipe::Recipe;
use super::revert::{self, Without};

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Which.
    pub path: PathBuf,
    /// Whether there was something to write.
    pub is_changed: bool,
    /// Where it is as it was before; `None` if it was not there.
    pub copy: Option<PathBuf>,
}

/// How a file was put back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutBack {
    /// Which.
    pub path: PathBuf,
    /// How.
    pub how: How,
}

/// See [`PutBack`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// It is byte for byte what it was.
    Restored,
    /// It was not there, and is not there any more.
    Removed,
    /// It was what it had been already.
    Untouched,
    /// Somebody has removed it; it stays so.
    Gone,
    /// Somebody has changed it since: ours was taken out, and the rest stays.
    TakenOut {
        /// Places that somebody has given another value; they stay so.
        left: Vec<String>,
        /// Where it is as it was before that.
        copy: PathBuf,
    },
}

/// Carries out `plan`; `when` is the present.
///
/// # Errors
/// Files that were written until then are put back, or [`ClientError::Half`] says that they are not.
pub fn connect(plan: &Plan, ledger: &Ledger, when: String) -> Result<Vec<Written>, ClientError> {
    let (origin, model) = (plan.origin.clone(), plan.model.clone());
    let mut record = Record::new(plan.client, when, origin, model);
    if let Err(error) = remember(&mut record, plan, ledger) {
        forget(&record, plan, ledger);
        return Err(error.into());
    }
    let mut written = Vec::new();
    for file in &plan.files {
        match write(file, &record, ledger) {
            Ok(file) => written.push(file),
            Err(why) => return Err(take_back(plan, written.len(), &record, ledger, why)),
        }
    }
    Ok(written)
}

/// Writes down what is about to be done.
fn remember(record: &mut Record, plan: &Plan, ledger: &Ledger) -> Result<(), LedgerError> {
    // Files that are somewhere else now (a variable has changed) have to be put back all the same.
    let earlier = plan.record.iter().flat_map(|record| &record.files);
    let is_planned = |entry: &&Entry| plan.files.iter().any(|file| file.path == entry.path);
    let (again, other): (Vec<&Entry>, Vec<&Entry>) = earlier.partition(is_planned);
    record.files.extend(other.into_iter().cloned());
    for file in &plan.files {
        let before = again.iter().find(|entry| entry.path == file.path);
        record
            .files
            .push(entry(file, before.copied(), plan.client, ledger)?);
    }
    ledger.write(record)
}

/// Makes the files of `plan` up to the one that could not be written what they were, and says why it could not.
fn take_back(
    plan: &Plan,
    failed: usize,
    record: &Record,
    ledger: &Ledger,
    why: ClientError,
) -> ClientError {
    let touched = plan.files.iter().enumerate().take(failed + 1).rev();
    let mut back = touched.map(|(at, file)| unwritten(file, at < failed, record));
    if back.all(|done| done.is_ok()) && earlier(plan, ledger).is_ok() {
        forget(record, plan, ledger);
        return why;
    }
    ClientError::Half {
        client: plan.client,
        why: Box::new(why),
    }
}

fn unwritten(file: &Planned, was_written: bool, record: &Record) -> Result<(), Untouchable> {
    let (path, was) = (&file.path, file.present.as_ref());
    let now = disk::read(path);
    let is_ours = matches!(&now, Ok(Some(now)) if now.bytes == file.content.bytes);
    // The one that failed is ours only if it failed at the very end; else it is nothing to us.
    if (was_written || is_ours) && now?.as_ref() != was {
        match was {
            Some(was) => disk::replace(path, Some(&file.content), was)?,
            None => disk::remove(path, Some(&file.content))?,
        }
    }
    if was.is_none() {
        remove_empty(record.entry(path).map_or(&[], |entry| &entry.made));
    }
    Ok(())
}

/// Puts back what the ledger had of the client.
fn earlier(plan: &Plan, ledger: &Ledger) -> Result<(), LedgerError> {
    match &plan.record {
        Some(earlier) => ledger.write(earlier),
        None => ledger.forget(plan.client),
    }
}

/// Removes the copies that were made for `record` alone, unless the ledger has come to hold it.
fn forget(record: &Record, plan: &Plan, ledger: &Ledger) {
    let now = ledger.of(plan.client);
    if !now.is_ok_and(|now| now == plan.record) {
        return;
    }
    let earlier = plan.record.iter().flat_map(|record| &record.files);
    let needed: Vec<_> = earlier.filter_map(|entry| entry.before.as_ref()).collect();
    let entries = record.files.iter();
    let is_new = |entry: &&Entry| {
        let before = entry.before.as_ref();
        before.is_some_and(|before| !needed.contains(&before))
    };
    entries
        .filter(is_new)
        .for_each(|entry| ledger.drop_copy(entry));
}

fn entry(
    file: &Planned,
    earlier: Option<&Entry>,
    client: &str,
    ledger: &Ledger,
) -> Result<Entry, LedgerError> {
    let before = match (&file.base, earlier) {
        (Base::Kept(_), Some(earlier)) => earlier.before.clone(),
        (base, _) => match base.content() {
            None => None,
            Some(content) => Some(Before {
                mode: content.mode,
                copy: ledger.keep(client, "before", &content.bytes)?,
            }),
        },
    };
    let mut made = earlier.map_or_else(Vec::new, |earlier| earlier.made.clone());
    let missing = disk::missing_directories(&file.path).unwrap_or_default();
    for directory in missing {
        if !made.contains(&directory) {
            made.push(directory);
        }
    }
    // What is there now is ours, too, if it was connected before: the write may never happen.
    let present = file.present.as_ref().filter(|_| earlier.is_some());
    let written = present.into_iter().chain([&file.content]);
    Ok(Entry {
        path: file.path.clone(),
        format: file.format,
        before,
        made,
        wrote: written.map(|content| sha256(&content.bytes)).collect(),
        changes: file.changes.clone(),
        undo: file.undo.clone(),
    })
}

fn write(file: &Planned, record: &Record, ledger: &Ledger) -> Result<Written, ClientError> {
    if file.is_changed() {
        disk::replace(&file.path, file.present.as_ref(), &file.content)
            .map_err(untouchable(&file.path))?;
    }
    let before = record
        .entry(&file.path)
        .and_then(|entry| entry.before.as_ref());
    Ok(Written {
        path: file.path.clone(),
        is_changed: file.is_changed(),
        copy: before.map(|before| ledger.directory().join(&before.copy)),
    })
}

/// Puts the files of `record` back, the last first.
///
/// # Errors
/// Those of the first file that cannot be put back; what the ledger has of it and of the others stays.
pub fn undo(mut record: Record, ledger: &Ledger) -> Result<Vec<PutBack>, ClientError> {
    for entry in &record.files {
        is_the_clients(&record.client, entry)?;
    }
    let mut done = Vec::new();
    while let Some(entry) = record.files.last() {
        let how = put_back(entry, &record.client, ledger)?;
        let path = entry.path.clone();
        let entry = record.files.pop();
        if record.files.is_empty() {
            ledger.forget(&record.client)?;
        } else {
            ledger.write(&record)?;
        }
        // Where others have changed a file since, what it was at first may still be wanted.
        if let Some(entry) = entry.filter(|_| !matches!(how, How::TakenOut { .. } | How::Gone)) {
            ledger.drop_copy(&entry);
        }
        done.push(PutBack { path, how });
    }
    ledger.forget(&record.client)?;
    Ok(done)
}

/// What a record names is written and removed: that is what a client has, and no other file.
fn is_the_clients(client: &str, entry: &Entry) -> Result<(), ClientError> {
    let files = Recipe::of(client).map_or(&[][..], |recipe| &recipe.files);
    if files.iter().any(|file| place::may_be_at(file, &entry.path)) {
        return Ok(());
    }
    let path = entry.path.clone();
    let client = client.to_owned();
    Err(ClientError::NotTheClients { path, client })
}

fn put_back(entry: &Entry, client: &str, ledger: &Ledger) -> Result<How, ClientError> {
    let path = &entry.path;
    let original = ledger.original(entry)?;
    let present = disk::read(path).map_err(untouchable(path))?;
    let without = revert::without(entry, present.as_ref(), original.as_ref());
    match without.map_err(untouchable(path))? {
        Without::Gone => Ok(How::Gone),
        Without::AsBefore => as_before(entry, present.as_ref(), original.as_ref()),
        Without::TakenOut { text, left } => {
            let bytes = present.as_ref().map_or(&[][..], |present| &present.bytes);
            let copy = ledger.keep(client, "undone", bytes)?;
            let before = entry.before.as_ref().map(|before| before.mode);
            let content = Content {
                bytes: text.into_bytes(),
                mode: present
                    .as_ref()
                    .map_or(0o600, |present| mode_without(before, present)),
            };
            disk::replace(path, present.as_ref(), &content).map_err(untouchable(path))?;
            let copy = ledger.directory().join(copy);
            Ok(How::TakenOut { left, copy })
        }
    }
}

fn as_before(
    entry: &Entry,
    present: Option<&Content>,
    original: Option<&Content>,
) -> Result<How, ClientError> {
    let path = &entry.path;
    match original {
        Some(original) if present == Some(original) => Ok(How::Untouched),
        Some(original) => {
            disk::replace(path, present, original).map_err(untouchable(path))?;
            Ok(How::Restored)
        }
        None => {
            if present.is_some() {
                disk::remove(path, present).map_err(untouchable(path))?;
            }
            remove_empty(&entry.made);
            Ok(match present {
                Some(_) => How::Removed,
                None => How::Untouched,
            })
        }
    }
}

/// Removes the directories that were made, the innermost first, as long as nobody has put something there.
fn remove_empty(made: &[PathBuf]) {
    for directory in made.iter().rev() {
        match fs::remove_dir(directory) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return,
            _ => {}
        }
    }
}
