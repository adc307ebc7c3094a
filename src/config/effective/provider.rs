//! `providers` as they hold, presets and variables included.

use super::router::{name, off};
use super::sheet::{Sheet, address, secrets, span};
use crate::config::node::child;
use crate::config::secrets::secret_header;
use crate::provider::{DemoProfile, Feature, Model, Models, Provider, StatusSet};

/// What stands in the place of a header that may hold a key.
const HIDDEN: &str = "set";

/// Every setting of a provider.
pub(super) fn provider(index: usize, provider: &Provider, sheet: &mut Sheet<'_>) {
    let root = format!("providers[{index}]");
    let at = |key: &str| format!("{root}.{key}");
    sheet.put(at("type"), provider.preset.kind.clone());
    // Who has no name is called by its type, and who was found in a variable by that.
    sheet.put_as(at("name"), &*provider.name, &[&at("type")]);
    sheet.put(at("base_url"), provider.base_url.as_ref().map(address));
    let aliases: Vec<&str> = provider
        .keys
        .iter()
        .filter_map(|key| key.alias.as_deref())
        .collect();
    sheet.put(at("api_key"), secrets(provider.keys.len(), &aliases));
    models(&at("models"), &provider.models, sheet);
    extras(&root, provider, sheet);
    sheet.put(at("weight"), provider.weight);
    sheet.put(at("region"), provider.region.clone());
    sheet.put(at("timeout"), provider.timeout.map(span));
    sheet.put(at("max_concurrency"), provider.max_concurrency);
    sheet.put(at("max_rpm"), provider.max_rpm);
    let statuses = provider.retryable_status_codes.as_ref().map(statuses);
    sheet.put(at("retryable_status_codes"), statuses);
    sheet.put(at("models_path"), provider.models_path.clone());
    sheet.put(at("proxy"), provider.proxy.as_ref().map(address));
    let agent = provider.user_agent.as_ref();
    sheet.put(
        at("user_agent"),
        agent.and_then(|agent| agent.to_str().ok()),
    );
    if let Some(profile) = &provider.demo {
        demo(&at("demo"), profile, sheet);
    }
}

/// Names of fields and headers are shown, but what is in a field of the body only if it is a number or a
/// switch: a text may be anything.
fn extras(root: &str, provider: &Provider, sheet: &mut Sheet<'_>) {
    for (key, json) in &provider.extra_body {
        let path = child(&format!("{root}.extra_body"), key);
        let value: serde_json::Value = serde_json::from_str(json.get()).unwrap_or_default();
        let shown = match value {
            plain @ (serde_json::Value::Bool(_) | serde_json::Value::Number(_)) => plain,
            _ => HIDDEN.into(),
        };
        sheet.put_as(path, shown, &[&format!("{root}.extra_body")]);
    }
    for header in &provider.extra_headers {
        let path = child(&format!("{root}.extra_headers"), header.0.as_str());
        let shown = match (secret_header(header), header.1.to_str()) {
            (None, Ok(text)) => text,
            _ => HIDDEN,
        };
        sheet.put_as(path, shown, &[&format!("{root}.extra_headers")]);
    }
}

fn models(path: &str, models: &Models, sheet: &mut Sheet<'_>) {
    match models {
        Models::Everything => sheet.put(path, "*"),
        Models::Listed(models) => {
            let names: Vec<&str> = models.iter().map(|model| &*model.name).collect();
            sheet.put(path, names);
            for one in models {
                model(path, one, sheet);
            }
        }
    }
}

/// What is set of a model; what is not is known of its family, or found out.
fn model(path: &str, model: &Model, sheet: &mut Sheet<'_>) {
    let root = child(path, &model.name);
    let around = [root.as_str(), path];
    let mut put = |key: &str, value: Option<serde_json::Value>| {
        if let Some(value) = value {
            sheet.put_as(format!("{root}.{key}"), value, &around);
        }
    };
    let features = model.features.map(|features| {
        let names = features.iter().map(Feature::name);
        names.collect::<Vec<_>>().into()
    });
    put("features", features);
    put("upstream", model.upstream.clone().map(Into::into));
    put("context", model.context.map(Into::into));
    put("max_output", model.max_output.map(Into::into));
    put("like", model.like.clone().map(Into::into));
    put("thinking", model.thinking.map(|style| name(style).into()));
    put("sampling", model.sampling.map(Into::into));
    put(
        "forced_tool_choice",
        model.forced_tool_choice.map(Into::into),
    );
    put("prefill", model.prefill.map(Into::into));
    put("weight", model.weight.map(Into::into));
    put("input_price", model.input_price.map(Into::into));
    put("output_price", model.output_price.map(Into::into));
}

fn demo(path: &str, demo: &DemoProfile, sheet: &mut Sheet<'_>) {
    let at = |key: &str| format!("{path}.{key}");
    sheet.put(at("latency"), span(demo.latency));
    sheet.put(at("jitter"), span(demo.jitter));
    sheet.put(at("tokens_per_second"), demo.tokens_per_second);
    sheet.put(at("answer_tokens"), demo.answer_tokens);
    sheet.put(at("failure_rate"), demo.failure_rate);
    sheet.put(at("rate_limit_rate"), demo.rate_limit_rate);
    sheet.put(at("retry_after"), span(demo.retry_after));
    sheet.put(at("cut_rate"), demo.cut_rate);
    sheet.put(at("seed"), demo.seed);
    if demo.outages.is_empty() {
        sheet.put(at("outages"), off());
    }
    for (index, outage) in demo.outages.iter().enumerate() {
        let at = |key: &str| format!("{path}.outages[{index}].{key}");
        sheet.put(at("after"), span(outage.after));
        sheet.put(at("for"), span(outage.lasting));
        sheet.put(at("how"), name(outage.how));
    }
}

fn statuses(statuses: &StatusSet) -> String {
    let ranges = statuses.0.iter().map(|range| {
        let (first, last) = (range.start(), range.end());
        if first == last {
            first.to_string()
        } else {
            format!("{first}-{last}")
        }
    });
    ranges.collect::<Vec<_>>().join(",")
}
