//! `providers[].models`: a map, a list, or `"*"`.

use serde_json::json;

use crate::config::node::Value;
use crate::config::read::{At, Item, Object, Read, Section};
use crate::config::report::Report;
use crate::config::scalar::{Amount, Named, OneOf, Whole};
use crate::provider::{Feature, Features, Model, Models, ThinkingStyle, knowledge};

impl Named for Feature {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("vision", Feature::Vision),
        ("media", Feature::Media),
        ("video_vision", Feature::VideoVision),
        ("tool_calls", Feature::ToolCalls),
        ("json", Feature::Json),
        ("reasoning", Feature::Reasoning),
        ("audio", Feature::Audio),
        ("embeddings", Feature::Embeddings),
    ];
}

impl Named for ThinkingStyle {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("effort", ThinkingStyle::Effort),
        ("budget", ThinkingStyle::Budget),
        ("adaptive", ThinkingStyle::Adaptive),
        ("level", ThinkingStyle::Level),
        ("toggle", ThinkingStyle::Toggle),
        ("none", ThinkingStyle::None),
    ];
}

/// The name of a model that is known, be it as the newest of its family.
#[derive(Debug)]
struct KnownModel(String);

impl Read for KnownModel {
    fn read(at: &At<'_>, report: &mut Report) -> Option<Self> {
        let name = String::read(at, report)?;
        if knowledge::known(&name).is_none() {
            report
                .error(
                    &at.place(),
                    format!("{} is of no known family", at.quoted()),
                )
                .hint(
                    "name a model such as \"claude-opus-4-5\", \"gpt-5.1\" or \"gemini-2.5-pro\"",
                );
            return None;
        }
        Some(Self(name))
    }

    fn schema() -> serde_json::Value {
        String::schema()
    }
}

const FORMS: &str = "a map of models, a list of models, or \"*\"";

impl Read for Models {
    fn read(at: &At<'_>, report: &mut Report) -> Option<Self> {
        let models = match &at.node.value {
            Value::Text(text) if text.text == "*" => return Some(Models::Everything),
            Value::Text(text) if !text.expanded => {
                report
                    .error(&at.place(), format!("expected {FORMS}"))
                    .hint(format!("did you mean [\"{}\"]?", text.text));
                return None;
            }
            Value::List(_) => list(at, report),
            Value::Object(_) => map(at, report),
            _ => {
                at.expected(FORMS, report);
                return None;
            }
        };
        if let [only] = models.as_slice()
            && only.name == "*"
        {
            return Some(Models::Everything);
        }
        if models.is_empty() {
            report
                .warning(&at.place(), "no models: this provider will serve nothing")
                .hint("leave `models` out, or write \"*\", for whatever the upstream lists");
        }
        Some(Models::Listed(models))
    }

    fn schema() -> serde_json::Value {
        let features = Vec::<OneOf<Feature>>::schema();
        let entry = json!({ "anyOf": [features, ModelFile::schema(), { "type": "null" }] });
        json!({ "anyOf": [
            { "const": "*" },
            Vec::<String>::schema(),
            { "type": "object", "additionalProperties": entry },
        ] })
    }
}

fn list(at: &At<'_>, report: &mut Report) -> Vec<Model> {
    let mut models: Vec<Model> = Vec::new();
    for item in at.items(FORMS, report).unwrap_or_default() {
        let Some(name) = String::read(&item, report) else {
            continue;
        };
        if models.iter().any(|model| model.name == name.trim()) {
            report.warning(&item.place(), format!("{} is listed twice", item.quoted()));
        } else {
            models.push(Model::named(name.trim()));
        }
    }
    models
}

fn map(at: &At<'_>, report: &mut Report) -> Vec<Model> {
    let items = at.entries(FORMS, report).unwrap_or_default();
    items
        .iter()
        .filter_map(|item| entry(item, report))
        .collect()
}

fn entry(item: &Item<'_>, report: &mut Report) -> Option<Model> {
    if item.key.trim().is_empty() {
        report.error(&item.key_place, "a model needs a name");
        return None;
    }
    let model = Model::named(item.key.trim());
    match &item.value.node.value {
        Value::Null => Some(model),
        Value::List(_) => Some(Model {
            features: Some(features(&item.value, report)?),
            ..model
        }),
        Value::Object(_) => Some(ModelFile::read(&item.value, report)?.resolve(model)),
        _ => {
            item.value
                .expected("a list of features, or an object", report);
            None
        }
    }
}

fn features(at: &At<'_>, report: &mut Report) -> Option<Features> {
    let list: Vec<OneOf<Feature>> = Vec::read(at, report)?;
    Some(list.into_iter().map(|feature| feature.0).collect())
}

/// A model given as an object.
#[derive(Debug)]
struct ModelFile {
    features: Option<Vec<OneOf<Feature>>>,
    upstream: Option<String>,
    context: Option<Whole<1, { u32::MAX }>>,
    max_output: Option<Whole<1, { u32::MAX }>>,
    like: Option<KnownModel>,
    thinking: Option<OneOf<ThinkingStyle>>,
    sampling: Option<bool>,
    forced_tool_choice: Option<bool>,
    prefill: Option<bool>,
    weight: Option<Amount>,
    input_price: Option<Amount>,
    output_price: Option<Amount>,
}

impl Section for ModelFile {
    fn fields(object: &mut Object<'_>, report: &mut Report) -> Option<Self> {
        Some(Self {
            features: object.take("features", report),
            upstream: object.take("upstream", report),
            context: object.take("context", report),
            max_output: object.take("max_output", report),
            like: object.take("like", report),
            thinking: object.take("thinking", report),
            sampling: object.take("sampling", report),
            forced_tool_choice: object.take("forced_tool_choice", report),
            prefill: object.take("prefill", report),
            weight: object.take("weight", report),
            input_price: object.take("input_price", report),
            output_price: object.take("output_price", report),
        })
    }
}

impl ModelFile {
    fn resolve(self, model: Model) -> Model {
        Model {
            features: self
                .features
                .map(|list| list.into_iter().map(|feature| feature.0).collect()),
            upstream: self.upstream,
            context: self.context.map(|tokens| u64::from(tokens.0)),
            max_output: self.max_output.map(|tokens| u64::from(tokens.0)),
            like: self.like.map(|known| known.0),
            thinking: self.thinking.map(|style| style.0),
            sampling: self.sampling,
            forced_tool_choice: self.forced_tool_choice,
            prefill: self.prefill,
            weight: self.weight.map(|weight| weight.0),
            input_price: self.input_price.map(|price| price.0),
            output_price: self.output_price.map(|price| price.0),
            ..model
        }
    }
}
