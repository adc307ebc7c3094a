//! Providers that came, went, or are others now.

use super::keys::Keys;
use super::summary::Count;
use super::{Difference, differ, fields};
use crate::provider::{Model, Models, Provider};

/// Adds what is another in `after` than in `before`.
pub(super) fn diff(before: &[Provider], after: &[Provider], told: &mut Difference) {
    let find = |all: &'_ [Provider], one: &Provider| all.iter().position(|p| p.name == one.name);
    for provider in after {
        if let Some(place) = find(before, provider) {
            changed(&before[place], provider, told);
            continue;
        }
        told.counts.providers.added += 1;
        let models = so_many(&provider.models);
        told.changes
            .push(format!("provider `{}` added ({models})", provider.name));
    }
    for provider in before.iter().filter(|one| find(after, one).is_none()) {
        told.counts.providers.removed += 1;
        told.changes
            .push(format!("provider `{}` removed", provider.name));
    }
    let order = |of: &[Provider], with: &[Provider]| -> Vec<_> {
        let known = of.iter().filter(|one| find(with, one).is_some());
        known.map(|one| one.name.clone()).collect()
    };
    if order(before, after) != order(after, before) {
        told.setting("the order of providers".to_owned());
    }
}

fn so_many(models: &Models) -> String {
    match models {
        Models::Everything => "every model".to_owned(),
        Models::Listed(models) if models.len() == 1 => "1 model".to_owned(),
        Models::Listed(models) => format!("{} models", models.len()),
    }
}

/// A provider that is in both.
fn changed(before: &Provider, after: &Provider, told: &mut Difference) {
    let name = &after.name;
    let keys = Keys::from(&*before.keys).diff(&Keys::from(&*after.keys));
    told.changes
        .extend(keys.lines("key", &format!(" of `{name}`")));
    told.counts.keys.add(&keys);
    let mut settings = settings(before, after);
    let (models, mut count) = models(&before.models, &after.models);
    if !settings.is_empty() {
        // Whatever else became of them, those that stay are others now.
        count.changed = targets(&after.models) - count.added;
    }
    settings.extend(models);
    if !settings.is_empty() {
        let what = settings.join(", ");
        told.changes.push(format!("provider `{name}`: {what}"));
    }
    told.counts.targets.changed += count.changed;
    told.counts.targets.added += count.added;
    told.counts.targets.removed += count.removed;
}

/// The names of settings that differ, beside keys and models.
fn settings(before: &Provider, after: &Provider) -> Vec<String> {
    let names = fields!(Provider, before, after;
        name, preset, base_url, keys, models, extra_body, extra_headers, weight, region, timeout,
        max_concurrency, max_rpm, retryable_status_codes, models_path, proxy, user_agent, demo,
    );
    let names = names.into_iter();
    let others = names.filter(|name| !["name", "keys", "models"].contains(name));
    let spelt = others.map(|name| if name == "preset" { "type" } else { name });
    spelt.map(str::to_owned).collect()
}

fn targets(models: &Models) -> usize {
    match models {
        Models::Everything => 1,
        Models::Listed(models) => models.len(),
    }
}

/// What became of models, in words and in numbers.
fn models(before: &Models, after: &Models) -> (Vec<String>, Count) {
    let mut count = Count::default();
    let (before, after) = match (before, after) {
        (Models::Everything, Models::Everything) => return (Vec::new(), count),
        (Models::Listed(before), Models::Listed(after)) => (before, after),
        (_, models) => {
            count.changed = targets(models);
            return (vec![format!("{} now", so_many(models))], count);
        }
    };
    let find = |all: &'_ [Model], name: &str| all.iter().position(|model| model.name == name);
    let mut told = Vec::new();
    for model in after {
        match find(before, &model.name) {
            None => {
                count.added += 1;
                told.push(format!("model `{}` added", model.name));
            }
            Some(place) if differ(&before[place], model) => {
                count.changed += 1;
                told.push(format!("model `{}` changed", model.name));
            }
            Some(_) => {}
        }
    }
    for model in before
        .iter()
        .filter(|model| find(after, &model.name).is_none())
    {
        count.removed += 1;
        told.push(format!("model `{}` removed", model.name));
    }
    (told, count)
}
