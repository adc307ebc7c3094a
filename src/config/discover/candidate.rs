//! What variables say of a provider, written as the object that a file would hold.

use super::Found;
use crate::config::diagnostic::{Diagnostic, Severity};
use crate::config::environment::Environment;
use crate::config::nearest::nearest;
use crate::config::node::{Entry, Node, Text, Value};
use crate::config::read::{At, Read as _};
use crate::config::report::Report;
use crate::config::section::keys::variable_of;
use crate::config::section::provider::ProviderFile;
use crate::provider::{Preset, preset};

/// A provider as the environment describes it: the fields of a file's object, and whence they come.
pub(super) struct Candidate {
    /// Its routing id.
    pub(super) name: String,
    origin: String,
    key_variable: Option<String>,
    /// Whether somebody listed it, so that its faults are theirs to mend.
    pub(super) is_explicit: bool,
    /// What it cannot do without, where that is known before it is read.
    pub(super) lack: Option<Diagnostic>,
    fields: Vec<(&'static str, Value)>,
    /// The variable behind a field, for faults.
    variable: Box<dyn Fn(&str) -> String>,
}

impl Candidate {
    /// The provider, and what should be said about it; else what is wrong, in terms of variables.
    pub(super) fn read(
        self,
        env: &Environment,
    ) -> Result<(Found, Vec<Diagnostic>), Vec<Diagnostic>> {
        let mut report = Report::default();
        let node = object(self.fields);
        let at = At {
            node: &node,
            path: String::new(),
        };
        let provider = ProviderFile::read(&at, &mut report)
            .and_then(|provider| provider.resolve(env, &mut report));
        let is_valid = !report.has_errors();
        let said: Vec<Diagnostic> = report
            .finish("", "")
            .into_iter()
            .map(|said| in_terms_of_variables(&said, &self.variable))
            .collect();
        match provider {
            Some(provider) if is_valid => Ok((
                Found {
                    provider,
                    origin: self.origin,
                    key_variable: self.key_variable,
                },
                said,
            )),
            _ => Err(said),
        }
    }
}

fn in_terms_of_variables(said: &Diagnostic, variable: &dyn Fn(&str) -> String) -> Diagnostic {
    let message = match said.path.split(['.', '[']).next() {
        None | Some("") => said.message.clone(),
        Some(field) => format!("environment variable {}: {}", variable(field), said.message),
    };
    let translated = match said.severity {
        Severity::Error => Diagnostic::error(message),
        Severity::Warning => Diagnostic::warning(message),
    };
    translated.with_hint(said.hint.clone())
}

fn object(fields: Vec<(&'static str, Value)>) -> Node {
    let entry = |(key, value): (&str, Value)| Entry {
        key: key.to_owned(),
        key_span: 0..0,
        value: Node { value, span: 0..0 },
    };
    Node {
        value: Value::Object(fields.into_iter().map(entry).collect()),
        span: 0..0,
    }
}

/// Text that came out of a variable.
fn text(value: &str) -> Value {
    Value::Text(Text {
        text: value.to_owned(),
        expanded: true,
    })
}

/// `LLM_PROVIDERS=a,b` and `LLM_PROVIDER_{id}_…`, the id as written or in capitals.
pub(super) fn listed(env: &Environment) -> Vec<Candidate> {
    let ids = env
        .filled("LLM_PROVIDERS")
        .unwrap_or_default()
        .split(',')
        .map(str::trim);
    ids.filter(|id| !id.is_empty())
        .map(|id| listed_one(id, env))
        .collect()
}

/// The fields that have a variable of their own.
const LISTED_FIELDS: [(&str, &str); 6] = [
    ("BASE_URL", "base_url"),
    ("API_KEY", "api_key"),
    ("MODELS_PATH", "models_path"),
    ("WEIGHT", "weight"),
    ("REGION", "region"),
    ("RETRYABLE_STATUS_CODES", "retryable_status_codes"),
];

fn listed_one(id: &str, env: &Environment) -> Candidate {
    let capitals = id.to_ascii_uppercase().replace('-', "_");
    let variable = |suffix: &str| {
        let names = [
            format!("LLM_PROVIDER_{id}_{suffix}"),
            format!("LLM_PROVIDER_{capitals}_{suffix}"),
        ];
        names.into_iter().find(|name| env.filled(name).is_some())
    };
    let get = |suffix: &str| variable(suffix).and_then(|name| env.filled(&name));
    let preset = preset::find(&id.to_ascii_lowercase()).filter(|preset| !preset.is_simulated());
    let kind = preset.map_or("openai_compatible", |preset| preset.kind.as_str());
    let name = get("NAME").unwrap_or(id).to_owned();
    let mut fields = vec![("type", text(kind)), ("name", text(&name))];
    for (suffix, field) in LISTED_FIELDS {
        fields.extend(get(suffix).map(|value| (field, text(value))));
    }
    fields.extend(get("MAX_QPS").map(|value| ("max_rpm", per_minute(value))));
    let owner = id.to_owned();
    Candidate {
        name,
        origin: "LLM_PROVIDERS".to_owned(),
        key_variable: variable("API_KEY").or_else(|| key_variable(preset?, env)),
        is_explicit: true,
        lack: lack_of_address(id, preset, get("BASE_URL"), env),
        fields,
        variable: Box::new(move |field| match field {
            "max_rpm" => format!("LLM_PROVIDER_{owner}_MAX_QPS"),
            field => format!("LLM_PROVIDER_{owner}_{}", field.to_ascii_uppercase()),
        }),
    }
}

/// Somebody listed `id`, and no variable says where it is.
fn lack_of_address(
    id: &str,
    preset: Option<&Preset>,
    address: Option<&str>,
    env: &Environment,
) -> Option<Diagnostic> {
    let variable = preset.and_then(|preset| preset.base_url_variable.as_deref());
    let is_known = preset.is_some_and(|preset| preset.base_url.is_some())
        || variable.is_some_and(|name| env.filled(name).is_some());
    if is_known || address.is_some() {
        return None;
    }
    let own = format!("LLM_PROVIDER_{id}_BASE_URL");
    let message = format!("LLM_PROVIDERS lists `{id}`, but {own} is not set");
    let kinds = preset::PRESETS.iter().map(|preset| preset.kind.as_str());
    let hint = match (variable, nearest(id, kinds)) {
        (Some(variable), _) => format!("set {own} or {variable} to its address"),
        (None, Some(near)) => format!("set it to its address; or did you mean `{near}`?"),
        (None, None) => "set it to its address, such as https://example.com/v1".to_owned(),
    };
    Some(Diagnostic::error(message).with_hint(hint))
}

fn key_variable(preset: &Preset, env: &Environment) -> Option<String> {
    variable_of(preset, env).map(|(name, _)| name.to_owned())
}

/// A rate per second as one per minute; what is no number is left for the reader to refuse.
fn per_minute(value: &str) -> Value {
    value.parse::<f64>().map_or_else(
        |_| text(value),
        |per_second| text(&format!("{:.0}", per_second * 60.0)),
    )
}

/// Presets whose key or address a variable holds.
pub(super) fn well_known(env: &Environment) -> Vec<Candidate> {
    preset::PRESETS
        .iter()
        .filter_map(|preset| well_known_one(preset, env))
        .collect()
}

fn well_known_one(preset: &'static Preset, env: &Environment) -> Option<Candidate> {
    let address_variable = preset.base_url_variable.as_deref();
    let address = address_variable.filter(|name| env.filled(name).is_some());
    let key = key_variable(preset, env);
    let origin = key.clone().or_else(|| address.map(str::to_owned))?;
    if preset.base_url.is_none() && address.is_none() {
        return None;
    }
    let mut fields = vec![("type", text(&preset.kind))];
    fields.extend(address.and_then(|name| Some(("base_url", text(env.filled(name)?)))));
    if key.is_none() {
        fields.push(("api_key", Value::Null));
    }
    let variable = address_variable.unwrap_or_default().to_owned();
    Some(Candidate {
        name: preset.kind.clone(),
        origin,
        key_variable: key,
        is_explicit: false,
        lack: None,
        fields,
        variable: Box::new(move |_| variable.clone()),
    })
}
