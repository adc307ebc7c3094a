//! Keys that came and went. One that went where another came was rotated.

use crate::provider::{ApiKey, Secret};

/// Keys in their order, some of them with a name.
#[derive(Debug, Default)]
pub(super) struct Keys(Vec<(Option<String>, Secret)>);

impl FromIterator<Secret> for Keys {
    fn from_iter<I: IntoIterator<Item = Secret>>(keys: I) -> Self {
        Self(keys.into_iter().map(|key| (None, key)).collect())
    }
}

impl From<&[ApiKey]> for Keys {
    fn from(keys: &[ApiKey]) -> Self {
        let named = |key: &ApiKey| (key.alias.clone(), key.secret.clone());
        Self(keys.iter().map(named).collect())
    }
}

/// What became of keys, each told by its alias or its place.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct KeyChanges {
    pub(super) rotated: Vec<String>,
    pub(super) added: Vec<String>,
    pub(super) removed: Vec<String>,
}

impl Keys {
    /// How `after` came to be.
    pub(super) fn diff(&self, after: &Self) -> KeyChanges {
        let mut changes = KeyChanges::default();
        let mut gone = self.without(after);
        let mut came = after.without(self);
        // The same name first, then the same place; then whoever is left, in their order.
        let alike: [fn(&Known, &Known) -> bool; 3] = [
            |one, other| one.alias.is_some() && one.alias == other.alias,
            |one, other| one.place == other.place,
            |_, _| true,
        ];
        for is_alike in alike {
            came.retain(|new| {
                let place = gone.iter().position(|old| is_alike(old, new));
                if let Some(place) = place {
                    gone.remove(place);
                    changes.rotated.push(new.name());
                }
                place.is_none()
            });
        }
        changes.added = came.iter().map(Known::name).collect();
        changes.removed = gone.iter().map(Known::name).collect();
        changes
    }

    /// Those that `other` does not have.
    fn without(&self, other: &Self) -> Vec<Known> {
        let keys = self.0.iter().zip(1..);
        let alone = keys.filter(|((_, key), _)| other.0.iter().all(|(_, known)| known != key));
        alone
            .map(|((alias, _), place)| Known {
                alias: alias.clone(),
                place,
            })
            .collect()
    }
}

/// A key, as it is told.
struct Known {
    alias: Option<String>,
    place: usize,
}

impl Known {
    fn name(&self) -> String {
        match &self.alias {
            Some(alias) => format!("`{alias}`"),
            None => self.place.to_string(),
        }
    }
}

impl KeyChanges {
    /// A line for each kind of change; `what` they are, and `of` whom.
    pub(super) fn lines<'a>(
        &'a self,
        what: &'a str,
        of: &'a str,
    ) -> impl Iterator<Item = String> + 'a {
        let kinds = [
            (&self.rotated, "rotated"),
            (&self.added, "added"),
            (&self.removed, "removed"),
        ];
        let kinds = kinds.into_iter().filter(|(names, _)| !names.is_empty());
        kinds.map(move |(names, verb)| format!("{what} {}{of} {verb}", names.join(", ")))
    }
}
