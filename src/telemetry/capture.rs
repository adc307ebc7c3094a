//! `router.capture`: headers and bodies of the last requests, for the inspector.
//!
//! Off by default, and then one look at a flag per request. While a public door is open, or being opened, nothing
//! is kept, and what was kept is forgotten when one opens: what strangers say is not for the owner's eyes,
//! and what the owner says has no business in a process that strangers reach. Nothing is ever written
//! to disk.
//!
//! Headers that carry keys lose their values before they are kept. Bodies are redacted when they are shown:
//! a key that arrives in two pieces is only found in the whole.

mod text;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use http::HeaderMap;
use parking_lot::Mutex;

use super::snapshot::Captured;
use crate::config;
use crate::provider::Redactor;

/// A request and its answer may each have this share of what is kept of all: one large prompt does not push
/// everything else out.
const SHARE: usize = 4;

/// Bytes of headers that are kept of a request, and of its answer.
const MOST_HEADERS: usize = 16 << 10;

/// What is kept beyond the limit and never shown: a key that the limit cuts in two would not be recognised,
/// so the end of a cut text is dropped once it has been redacted. Longer than any key.
const MARGIN: usize = 1 << 10;

/// See the module's head.
#[derive(Debug)]
pub struct Capture {
    /// Whether it is configured and no public door is open.
    is_on: AtomicBool,
    shelf: Mutex<Shelf>,
    /// Bytes held by all entries on the shelf.
    held: AtomicUsize,
}

#[derive(Debug)]
struct Shelf {
    settings: Option<config::Capture>,
    redactor: Arc<Redactor>,
    /// Public doors that are open or being opened.
    doors: usize,
    entries: VecDeque<Arc<Entry>>,
}

/// What is kept of a request.
#[derive(Debug)]
struct Entry {
    id: String,
    limit: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    request_headers: Vec<(String, String)>,
    request: Text,
    answer_headers: Vec<(String, String)>,
    answer: Text,
    /// Bytes that are counted as held.
    counted: usize,
    /// It is on the shelf no more.
    is_gone: bool,
}

/// The beginning of a text.
#[derive(Debug, Default)]
struct Text {
    bytes: Vec<u8>,
    is_cut: bool,
}

/// Keeps what a request is answered.
#[derive(Debug)]
pub struct Tap {
    capture: Arc<Capture>,
    entry: Arc<Entry>,
}

/// Nothing is captured while it lives.
#[derive(Debug)]
pub struct Hush(Arc<Capture>);

impl Capture {
    /// A shelf with room for what `settings` say; `None` keeps nothing.
    pub fn new(settings: Option<config::Capture>, redactor: Arc<Redactor>) -> Self {
        Self {
            is_on: AtomicBool::new(settings.is_some()),
            shelf: Mutex::new(Shelf {
                settings,
                redactor,
                doors: 0,
                entries: VecDeque::new(),
            }),
            held: AtomicUsize::new(0),
        }
    }

    /// Goes on with other settings, and hides other secrets, too.
    pub fn configure(&self, settings: Option<config::Capture>, redactor: Arc<Redactor>) {
        let mut all = self.shelf.lock();
        all.settings = settings;
        all.redactor = redactor;
        self.settle(&mut all);
    }

    /// Whether requests are captured now.
    pub fn is_on(&self) -> bool {
        self.is_on.load(Ordering::Relaxed)
    }

    /// Forgets everything, and captures nothing while a public door stands open, which is as long as what is
    /// returned lives.
    pub fn hush(self: &Arc<Self>) -> Hush {
        let mut all = self.shelf.lock();
        all.doors += 1;
        self.settle(&mut all);
        Hush(Arc::clone(self))
    }

    /// Keeps a request; `None` if nothing is captured.
    pub fn begin(self: &Arc<Self>, id: &str, headers: &HeaderMap, body: &[u8]) -> Option<Tap> {
        // The one branch of those who capture nothing.
        if !self.is_on() {
            return None;
        }
        self.keep(id, headers, body)
    }

    #[cold]
    fn keep(self: &Arc<Self>, id: &str, headers: &HeaderMap, body: &[u8]) -> Option<Tap> {
        let mut all = self.shelf.lock();
        let settings = all.settings.filter(|_| self.is_on())?;
        let entry = Arc::new(Entry {
            id: id.to_owned(),
            limit: (settings.max_bytes / SHARE).max(1),
            kept: Mutex::default(),
        });
        all.entries.push_back(Arc::clone(&entry));
        let tap = Tap {
            capture: Arc::clone(self),
            entry,
        };
        tap.add(|kept, limit| {
            kept.request_headers = shown(headers);
            kept.request.add(body, limit);
        });
        self.make_room(&mut all, settings);
        Some(tap)
    }

    /// What was captured of the request of that id; the latest, if there were several.
    pub fn get(&self, id: &str) -> Option<Captured> {
        let all = self.shelf.lock();
        let entry = all.entries.iter().rev().find(|entry| entry.id == id);
        let (entry, redactor) = (entry.cloned()?, Arc::clone(&all.redactor));
        drop(all);
        Some(entry.captured(&redactor))
    }

    /// How many requests are kept, and bytes of them.
    pub fn size(&self) -> (usize, usize) {
        let entries = self.shelf.lock().entries.len();
        (entries, self.held.load(Ordering::Relaxed))
    }

    /// Is on or off as it has to be, and keeps no more than it may.
    fn settle(&self, all: &mut Shelf) {
        let settings = all.settings.filter(|_| all.doors == 0);
        self.is_on.store(settings.is_some(), Ordering::Relaxed);
        match settings {
            Some(settings) => self.make_room(all, settings),
            None => all.entries.drain(..).for_each(|entry| self.forget(&entry)),
        }
    }

    /// Forgets the oldest until the rest is no more than it may be.
    fn make_room(&self, all: &mut Shelf, settings: config::Capture) {
        while all.entries.len() > settings.entries
            || self.held.load(Ordering::Relaxed) > settings.max_bytes
        {
            let Some(oldest) = all.entries.pop_front() else {
                break;
            };
            self.forget(&oldest);
        }
    }

    fn forget(&self, entry: &Entry) {
        let mut kept = entry.kept.lock();
        self.held.fetch_sub(kept.counted, Ordering::Relaxed);
        *kept = Kept {
            is_gone: true,
            ..Kept::default()
        };
    }
}

impl Drop for Hush {
    fn drop(&mut self) {
        let mut all = self.0.shelf.lock();
        all.doors = all.doors.saturating_sub(1);
        self.0.settle(&mut all);
    }
}

impl Tap {
    /// The head of the answer is here.
    pub fn answered(&self, headers: &HeaderMap) {
        self.add(|kept, _| kept.answer_headers = shown(headers));
        self.make_room();
    }

    /// The client is sent these bytes.
    pub fn told(&self, bytes: &[u8]) {
        if self.add(|kept, limit| kept.answer.add(bytes, limit)) {
            self.make_room();
        }
    }

    /// Adds to the entry, if it is still on the shelf; whether it has grown.
    fn add(&self, add: impl FnOnce(&mut Kept, usize)) -> bool {
        let mut kept = self.entry.kept.lock();
        if kept.is_gone {
            return false;
        }
        add(&mut kept, self.entry.limit);
        let size = kept.size();
        let grown = size.saturating_sub(kept.counted);
        kept.counted = size;
        self.capture.held.fetch_add(grown, Ordering::Relaxed);
        grown > 0
    }

    fn make_room(&self) {
        let mut all = self.capture.shelf.lock();
        if let Some(settings) = all.settings {
            self.capture.make_room(&mut all, settings);
        }
    }
}

impl Entry {
    fn captured(&self, redactor: &Redactor) -> Captured {
        let kept = self.kept.lock();
        let headers = |headers: &[(String, String)]| {
            let clean = headers.iter().map(|(name, value)| {
                let value = redactor.redact(value).into_owned();
                (name.clone(), value)
            });
            clean.collect()
        };
        let request = kept.request.shown(self.limit, redactor, str::to_owned);
        let answer = kept.answer.shown(self.limit, redactor, text::of_answer);
        Captured {
            request_headers: headers(&kept.request_headers),
            request,
            request_is_cut: kept.request.is_cut,
            answer_headers: headers(&kept.answer_headers),
            answer,
            answer_is_cut: kept.answer.is_cut,
        }
    }
}

impl Kept {
    fn size(&self) -> usize {
        let headers = self.request_headers.iter().chain(&self.answer_headers);
        let headers: usize = headers.map(|(name, value)| name.len() + value.len()).sum();
        headers + self.request.bytes.len() + self.answer.bytes.len()
    }
}

impl Text {
    /// Adds as much of `bytes` as there is room for, and a little more.
    fn add(&mut self, bytes: &[u8], limit: usize) {
        let room = (limit + MARGIN).saturating_sub(self.bytes.len());
        let end = bytes.len().min(room);
        self.bytes.extend_from_slice(&bytes[..end]);
        self.is_cut |= self.bytes.len() > limit || end < bytes.len();
    }

    /// What `read` makes of it, without secrets.
    fn shown(&self, limit: usize, redactor: &Redactor, read: fn(&str) -> String) -> String {
        let text = read(&String::from_utf8_lossy(&self.bytes));
        let mut clean = redactor.redact(&text).into_owned();
        if self.is_cut {
            // Half a key may stand at the very end.
            let end = clean.len().saturating_sub(MARGIN).min(limit);
            clean.truncate(clean.floor_char_boundary(end));
        }
        clean
    }
}

/// Headers as they are kept: those that carry keys without a value, and none beyond the limit.
fn shown(headers: &HeaderMap) -> Vec<(String, String)> {
    let mut left = MOST_HEADERS;
    let lines = headers.iter().map(|(name, value)| {
        let name = name.as_str();
        let value = if carries_a_key(name) || value.is_sensitive() {
            String::new()
        } else {
            String::from_utf8_lossy(value.as_bytes()).into_owned()
        };
        (name.to_owned(), value)
    });
    lines
        .take_while(|(name, value)| {
            let size = name.len() + value.len();
            let fits = size <= left;
            left = left.saturating_sub(size);
            fits
        })
        .collect()
}

fn carries_a_key(name: &str) -> bool {
    // What is left of a limit counts tokens of another kind.
    !name.contains("ratelimit")
        && [
            "auth",
            "key",
            "token",
            "secret",
            "cookie",
            "signature",
            "passw",
            "credential",
            "assertion",
            "jwt",
        ]
        .iter()
        .any(|word| name.contains(word))
}
