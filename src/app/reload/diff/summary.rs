//! The line that says how much has changed.

use super::keys::KeyChanges;

/// How many of a kind came, went, or are others now.
#[derive(Debug, Default)]
pub(super) struct Count {
    pub(super) changed: usize,
    pub(super) added: usize,
    pub(super) removed: usize,
}

impl Count {
    /// Counts keys, of which those that were rotated have changed.
    pub(super) fn add(&mut self, keys: &KeyChanges) {
        self.changed += keys.rotated.len();
        self.added += keys.added.len();
        self.removed += keys.removed.len();
    }
}

/// How much of everything.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) providers: Count,
    /// Models at providers: with a setting of a provider all of its targets change.
    pub(super) targets: Count,
    pub(super) keys: Count,
    pub(super) client_keys: Count,
    pub(super) routes: Count,
    pub(super) has_new_certificate: bool,
    pub(super) strategy: Option<&'static str>,
    pub(super) settings: usize,
}

impl Counts {
    /// E.g. `3 targets changed, 1 key rotated`.
    pub(super) fn told(&self, need_restart: usize) -> String {
        let mut parts = Vec::new();
        let kinds = [
            ("provider", "changed", &self.providers),
            ("target", "changed", &self.targets),
            ("key", "rotated", &self.keys),
            ("client key", "rotated", &self.client_keys),
            ("route", "changed", &self.routes),
        ];
        for (what, changed, count) in kinds {
            let verbs = [
                (count.added, "added"),
                (count.removed, "removed"),
                (count.changed, changed),
            ];
            let verbs = verbs.iter().filter(|(number, _)| *number > 0);
            parts.extend(verbs.map(|(number, verb)| format!("{} {verb}", so_many(*number, what))));
        }
        if self.has_new_certificate {
            parts.push("certificate renewed".to_owned());
        }
        parts.extend(self.strategy.map(|name| format!("strategy is {name}")));
        if self.settings > 0 {
            parts.push(format!("{} changed", so_many(self.settings, "setting")));
        }
        if parts.is_empty() {
            parts.push("nothing changed".to_owned());
        }
        if need_restart > 0 {
            let verb = if need_restart == 1 { "needs" } else { "need" };
            parts.push(format!(
                "{} {verb} a restart",
                so_many(need_restart, "setting")
            ));
        }
        parts.join(", ")
    }
}

fn so_many(number: usize, what: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {what}{ending}")
}
