//! `RawObject`: the top level of a body, edited in place; every nested byte stays as the client wrote it.
//!
//! Number spellings, key order and white space inside values reach the upstream unchanged: they keep
//! its prompt cache warm and signatures valid. The result is a list of slices of the original buffer
//! with our few insertions between them, so that a body of a megabyte is not copied to change a name.

use bytes::{Bytes, BytesMut};

use super::scan::{self, Member};

/// More members than any API defines; a body beyond it is an attack on our memory and time.
const MAX_MEMBERS: usize = 1024;

/// Names that are longer with their escapes are never one of ours, so they are not decoded.
const MAX_ESCAPED_NAME: usize = 128;

/// Below this size one copy is cheaper than the bookkeeping of several slices in one write.
const FLATTEN_BELOW: usize = 16 * 1024;

/// Why a body cannot be edited.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RawError {
    /// It is not JSON, or not an object.
    #[error("the body is not valid JSON: {0}")]
    Syntax(#[from] scan::SyntaxError),
    /// It is not UTF-8.
    #[error("the body is not valid UTF-8 (byte {0})")]
    Utf8(usize),
    /// It has more top-level fields than is sane.
    #[error("the body has more than {MAX_MEMBERS} fields")]
    TooManyMembers,
}

/// A validated JSON object that knows where its members are.
#[derive(Debug, Clone)]
pub struct RawObject {
    text: Bytes,
    members: Vec<Member>,
    /// The members whose names have escapes, in order: decoded once here, and not at every look-up.
    escaped: Vec<EscapedName>,
}

/// A name that is not spelled plainly.
#[derive(Debug, Clone)]
struct EscapedName {
    /// The place of its member.
    place: usize,
    /// What it says; `None` if it is too long to matter, or no text to Rust (a lone surrogate).
    name: Option<Box<str>>,
}

impl RawObject {
    /// Validates `text` as UTF-8 and JSON, to the last nested byte, and finds its members.
    pub fn parse(text: Bytes) -> Result<Self, RawError> {
        if let Err(error) = std::str::from_utf8(&text) {
            return Err(RawError::Utf8(error.valid_up_to()));
        }
        let mut members = Vec::with_capacity(16);
        let mut escaped = Vec::new();
        for member in scan::members(&text) {
            let member = member?;
            let place = members.len();
            if place == MAX_MEMBERS {
                return Err(RawError::TooManyMembers);
            }
            if memchr::memchr(b'\\', &text[member.key..member.key_end]).is_some() {
                let name = decoded(&text[member.key - 1..=member.key_end]);
                escaped.push(EscapedName { place, name });
            }
            members.push(member);
        }
        Ok(Self {
            text,
            members,
            escaped,
        })
    }

    /// The whole text as it came.
    pub fn text(&self) -> &Bytes {
        &self.text
    }

    /// Members as (name, value text), in order. A name is `None` if it is none of ours: spelled with
    /// escapes and longer than 128 bytes, or with half a surrogate pair.
    pub fn iter(&self) -> impl Iterator<Item = (Option<&str>, &[u8])> {
        self.names().zip(&self.members).map(|(name, member)| {
            let name = name.and_then(|name| std::str::from_utf8(name).ok());
            (name, self.value(member))
        })
    }

    /// The value text of the first member named `key`.
    pub fn get(&self, key: &str) -> Option<&[u8]> {
        self.position(key)
            .map(|index| self.value(&self.members[index]))
    }

    /// The first of `keys` that occurs more than once: two readers would see two different requests.
    pub fn duplicate<'k>(&self, keys: &[&'k str]) -> Option<&'k str> {
        let mut seen = 0u64;
        debug_assert!(keys.len() <= 64, "a bit for each key");
        self.names().flatten().find_map(|name| {
            let place = keys.iter().position(|key| key.as_bytes() == name)?;
            let again = seen & 1 << place != 0;
            seen |= 1 << place;
            again.then(|| keys[place])
        })
    }

    fn position(&self, key: &str) -> Option<usize> {
        self.names().position(|name| name == Some(key.as_bytes()))
    }

    /// The names of the members, escapes resolved.
    fn names(&self) -> impl Iterator<Item = Option<&[u8]>> {
        let mut escaped = self.escaped.iter().peekable();
        let with_place = self.members.iter().enumerate();
        with_place.map(
            move |(place, member)| match escaped.next_if(|name| name.place == place) {
                Some(escaped) => escaped.name.as_deref().map(str::as_bytes),
                None => Some(&self.text[member.key..member.key_end]),
            },
        )
    }

    fn value(&self, member: &Member) -> &[u8] {
        &self.text[member.value..member.end]
    }

    /// A set of edits, empty at first.
    pub fn edit(&self) -> Edit<'_> {
        Edit {
            object: self,
            changes: Vec::new(),
            additions: Vec::new(),
        }
    }
}

fn decoded(quoted: &[u8]) -> Option<Box<str>> {
    let is_short = quoted.len() <= MAX_ESCAPED_NAME + 2;
    let name = is_short.then(|| scan::string(quoted)).flatten();
    name.map(|name| name.into_owned().into())
}

/// Changes to the top level of a [`RawObject`].
#[derive(Debug, Clone)]
pub struct Edit<'a> {
    object: &'a RawObject,
    changes: Vec<(usize, Change)>,
    additions: Vec<(String, Bytes)>,
}

#[derive(Debug, Clone)]
enum Change {
    Replace(Bytes),
    Remove,
}

impl Edit<'_> {
    /// Gives `key` the value `json`, in its place or at the end.
    pub fn set(&mut self, key: &str, json: impl Into<Bytes>) {
        let json = json.into();
        match self.object.position(key) {
            Some(index) => self.changes.push((index, Change::Replace(json))),
            None => self.append(key, json),
        }
    }

    /// Gives `key` the value `json` unless the object, or an earlier edit, has one.
    pub fn set_default(&mut self, key: &str, json: impl Into<Bytes>) {
        if self.object.position(key).is_none() && self.additions.iter().all(|(name, _)| name != key)
        {
            self.append(key, json.into());
        }
    }

    /// Takes `key` out, as often as it is there.
    pub fn remove(&mut self, key: &str) {
        for (index, name) in self.object.names().enumerate() {
            if name == Some(key.as_bytes()) {
                self.changes.push((index, Change::Remove));
            }
        }
        self.additions.retain(|(name, _)| name != key);
    }

    fn append(&mut self, key: &str, json: Bytes) {
        self.additions.retain(|(name, _)| name != key);
        self.additions.push((key.to_owned(), json));
    }

    /// The edited text: the original buffer when nothing changed, else slices of it and our insertions.
    pub fn finish(self) -> Vec<Bytes> {
        if self.changes.is_empty() && self.additions.is_empty() {
            return vec![self.object.text.clone()];
        }
        let mut out = Pieces::new(&self.object.text);
        self.write(&mut out);
        out.finish()
    }

    fn write(&self, out: &mut Pieces) {
        let members = &self.object.members;
        // The text up to and including the opening brace; an empty object has no member to tell us.
        let body = members
            .first()
            .map_or_else(|| self.object.opening(), |member| member.lead);
        out.keep(0, body);
        let mut first = true;
        for (index, member) in members.iter().enumerate() {
            // The last change wins, as in a sequence of assignments.
            let change = self
                .changes
                .iter()
                .rev()
                .find(|(at, _)| *at == index)
                .map(|(_, change)| change);
            if let Some(Change::Remove) = change {
                continue;
            }
            if !std::mem::take(&mut first) {
                out.separator(member.lead);
            }
            match change {
                Some(Change::Replace(json)) => {
                    out.keep(member.lead, member.value);
                    out.insert(json.clone());
                }
                _ => out.keep(member.lead, member.end),
            }
        }
        for (key, json) in &self.additions {
            let comma = if std::mem::take(&mut first) { "" } else { "," };
            let name = serde_json::to_string(key).unwrap_or_default();
            out.insert(Bytes::from(format!("{comma}{name}:")));
            out.insert(json.clone());
        }
        out.keep(
            members.last().map_or(body, |member| member.end),
            self.object.text.len(),
        );
    }
}

impl RawObject {
    fn opening(&self) -> usize {
        memchr::memchr(b'{', &self.text).map_or(0, |at| at + 1)
    }
}

/// Output in the making: neighbouring ranges of the source grow together instead of piling up.
struct Pieces<'a> {
    source: &'a Bytes,
    pending: std::ops::Range<usize>,
    done: Vec<Bytes>,
}

impl<'a> Pieces<'a> {
    fn new(source: &'a Bytes) -> Self {
        Self {
            source,
            pending: 0..0,
            done: Vec::with_capacity(8),
        }
    }

    fn keep(&mut self, start: usize, end: usize) {
        if self.pending.end != start {
            self.flush();
            self.pending.start = start;
        }
        self.pending.end = end;
    }

    /// A comma before the member whose text begins at `lead`: the source's own if it stands there.
    fn separator(&mut self, lead: usize) {
        let between = self.source.get(self.pending.end..lead);
        let own = between.is_some_and(|text| {
            text.last() == Some(&b',') && text[..text.len() - 1].iter().all(u8::is_ascii_whitespace)
        });
        if own && !self.pending.is_empty() {
            self.pending.end = lead;
        } else {
            self.insert(Bytes::from_static(b","));
        }
    }

    fn insert(&mut self, text: Bytes) {
        self.flush();
        self.done.push(text);
    }

    fn flush(&mut self) {
        if !self.pending.is_empty() {
            self.done.push(self.source.slice(self.pending.clone()));
        }
        self.pending = self.pending.end..self.pending.end;
    }

    fn finish(mut self) -> Vec<Bytes> {
        self.flush();
        let total: usize = self.done.iter().map(Bytes::len).sum();
        if total >= FLATTEN_BELOW {
            return self.done;
        }
        let mut flat = BytesMut::with_capacity(total);
        self.done
            .iter()
            .for_each(|piece| flat.extend_from_slice(piece));
        vec![flat.freeze()]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn object(text: &str) -> RawObject {
        RawObject::parse(Bytes::copy_from_slice(text.as_bytes())).expect("valid")
    }

    fn edited(text: &str, change: impl FnOnce(&mut Edit<'_>)) -> String {
        let object = object(text);
        let mut edit = object.edit();
        change(&mut edit);
        let bytes: Vec<u8> = edit.finish().iter().flatten().copied().collect();
        String::from_utf8(bytes).expect("utf-8")
    }

    #[test]
    fn replaces_a_value_and_nothing_else() {
        let text = "{ \"model\" : \"a\",\n \"messages\":[ {\"n\": 1.0e+2} ] , \"x\":0 }";
        assert_eq!(
            edited(text, |edit| edit.set("model", "\"b\"")),
            "{ \"model\" : \"b\",\n \"messages\":[ {\"n\": 1.0e+2} ] , \"x\":0 }"
        );
    }

    #[test]
    fn removes_first_middle_last_and_only_members() {
        let text = "{\"a\":1, \"b\":2 ,\"c\":3}";
        assert_eq!(edited(text, |edit| edit.remove("a")), "{ \"b\":2 ,\"c\":3}");
        assert_eq!(edited(text, |edit| edit.remove("b")), "{\"a\":1,\"c\":3}");
        assert_eq!(edited(text, |edit| edit.remove("c")), "{\"a\":1, \"b\":2}");
        assert_eq!(edited("{ \"a\":1 }", |edit| edit.remove("a")), "{ }");
    }

    #[test]
    fn appends_to_full_and_empty_objects() {
        assert_eq!(
            edited("{\"a\":1}", |edit| edit.set("b", "true")),
            "{\"a\":1,\"b\":true}"
        );
        assert_eq!(
            edited(" { } ", |edit| edit.set("b", "true")),
            " {\"b\":true } "
        );
    }

    #[test]
    fn a_default_yields_to_what_is_there() {
        assert_eq!(
            edited("{\"a\":1}", |edit| edit.set_default("a", "2")),
            "{\"a\":1}"
        );
        assert_eq!(
            edited("{}", |edit| {
                edit.set_default("a", "1");
                edit.set_default("a", "2");
            }),
            "{\"a\":1}"
        );
    }

    #[test]
    fn no_edit_returns_the_original_buffer() {
        let object = object("{\"a\":1}");
        let pieces = object.edit().finish();
        assert_eq!(pieces.len(), 1);
        assert_eq!(pieces[0].as_ptr(), object.text().as_ptr());
    }

    #[test]
    fn a_large_body_is_not_copied() {
        let text = format!(
            "{{\"model\":\"a\",\"messages\":[\"{}\"]}}",
            "x".repeat(100_000)
        );
        let object = object(&text);
        let mut edit = object.edit();
        edit.set("model", "\"b\"");
        let pieces = edit.finish();
        let source = object.text().as_ptr_range();
        assert!(
            pieces
                .iter()
                .filter(|piece| piece.len() > 100)
                .all(|piece| source.contains(&piece.as_ptr()))
        );
    }

    #[test]
    fn a_key_spelled_with_escapes_is_the_same_key() {
        let object = object("{\"mod\\u0065l\":\"a\",\"model\":\"b\"}");
        assert_eq!(object.duplicate(&["model"]), Some("model"));
    }

    #[test]
    fn escaped_names_are_decoded_once_and_only_if_they_may_matter() {
        let long = "\\u0061".repeat(200);
        let object = object(&format!(
            "{{\"a\":1,\"\\u0062\":2,\"{long}\":3,\"\\ud800\":4,\"c\\\\d\":5}}"
        ));
        let names: Vec<_> = object.iter().map(|(name, _)| name).collect();
        assert_eq!(names, [Some("a"), Some("b"), None, None, Some("c\\d")]);
        let decoded = object.escaped.iter().filter(|name| name.name.is_some());
        assert_eq!((object.escaped.len(), decoded.count()), (4, 2));
        assert_eq!(object.get("b"), Some(&b"2"[..]));
        assert_eq!(object.get("c\\d"), Some(&b"5"[..]));
        assert_eq!(object.get("\\u0062"), None);
    }

    #[test]
    fn looking_up_costs_the_same_however_names_are_spelled() {
        let long = "\\u0061".repeat(800);
        let members: Vec<_> = (0..1000).map(|n| format!("\"{n}{long}\":1")).collect();
        let object = object(&format!("{{{}}}", members.join(",")));
        let began = std::time::Instant::now();
        assert!((0..2000).all(|n| object.get(&n.to_string()).is_none()));
        // Decoding five megabytes of names at each look-up would take a minute.
        assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
    }

    #[test]
    fn removal_leaves_no_second_member_of_the_name() {
        let text = "{\"a\":1,\"b\":2,\"\\u0061\":3}";
        assert_eq!(edited(text, |edit| edit.remove("a")), "{\"b\":2}");
    }

    #[test]
    fn more_members_than_any_api_has_are_refused() {
        let members: Vec<_> = (0..=MAX_MEMBERS).map(|n| format!("\"{n}\":1")).collect();
        let text = Bytes::from(format!("{{{}}}", members.join(",")));
        assert_eq!(RawObject::parse(text).err(), Some(RawError::TooManyMembers));
    }

    #[test]
    fn invalid_bodies_are_told_apart() {
        let parse = |bytes: &'static [u8]| RawObject::parse(Bytes::from_static(bytes)).map(|_| ());
        assert!(matches!(parse(b"[]"), Err(RawError::Syntax(_))));
        assert!(matches!(parse(b"{\"a\":\"\xff\"}"), Err(RawError::Utf8(6))));
    }

    proptest! {
        #[test]
        fn edits_equal_those_of_a_map(
            pairs in prop::collection::vec(("[a-f]", 0..100u32), 0..8),
            changes in prop::collection::vec(("[a-h]", prop::option::of(0..100u32)), 0..6),
        ) {
            let mut map = serde_json::Map::new();
            for (key, value) in pairs {
                map.insert(key, value.into());
            }
            let text = serde_json::to_string_pretty(&map).expect("serialises");
            let result = edited(&text, |edit| {
                for (key, value) in &changes {
                    match value {
                        Some(value) => edit.set(key, value.to_string()),
                        None => edit.remove(key),
                    }
                }
            });
            for (key, value) in changes {
                match value {
                    Some(value) => { map.insert(key, value.into()); }
                    None => { map.shift_remove(&key); }
                }
            }
            let seen: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&result).expect("valid");
            // Equality of maps ignores order, as does a repeated removal and addition.
            prop_assert_eq!(seen, map);
        }
    }
}
