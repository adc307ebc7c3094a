//! `generationConfig`, both ways.

use serde_json::{Map, Value};

use super::schemas::{AnswerSchema, schema_for};
use super::thinking;
use crate::chat::request::{Format, Sampling};
use crate::chat::{Dialect, Leftovers, Report, Request};
use crate::codec::field_names::Field;
use crate::codec::gemini::wire;
use crate::codec::schema::lower_types;
use crate::codec::target::Target;
use crate::json::fields::{BadField, Fields};

/// Most texts that may end an answer.
const MAX_STOPS: usize = 5;

/// Most alternatives of a token.
const MAX_LOGPROBS: u64 = 20;

/// Reads `generationConfig`; what Gemini is to see again in its own words goes to `own`.
pub(super) fn decode(
    fields: &mut Fields,
    request: &mut Request,
    own: &mut Map<String, Value>,
    leftovers: &mut Leftovers,
) -> Result<(), BadField> {
    let Some(mut config) = wire::child(fields, "generationConfig")? else {
        return Ok(());
    };
    let mut kept = Map::new();
    request.max_tokens = config.count("maxOutputTokens")?;
    request.sampling = sampling(&mut config)?;
    request.candidates = config.count("candidateCount")?;
    logprobs(&mut config, request, &mut kept)?;
    format(&mut config, request, &mut kept, leftovers)?;
    thinking::decode(&mut config, request, &mut kept, leftovers)?;
    if let Some(modalities) = config.take("responseModalities") {
        if !is_text_alone(&modalities) {
            leftovers.note(config.path_of("responseModalities"));
        }
        kept.insert("responseModalities".to_owned(), modalities);
    }
    leftovers.collect(config).merge_into(&mut kept);
    own.insert("generationConfig".to_owned(), kept.into());
    Ok(())
}

fn sampling(config: &mut Fields) -> Result<Sampling, BadField> {
    let stop = wire::list(config, "stopSequences").into_iter();
    let stop = stop.filter_map(|stop| match stop {
        Value::String(stop) => Some(stop),
        _ => None,
    });
    Ok(Sampling {
        stop: stop.collect(),
        temperature: wire::number(config, "temperature")?,
        top_p: wire::number(config, "topP")?,
        top_k: wire::number(config, "topK")?,
        seed: wire::number(config, "seed")?,
        frequency_penalty: wire::number(config, "frequencyPenalty")?,
        presence_penalty: wire::number(config, "presencePenalty")?,
    })
}

fn logprobs(
    config: &mut Fields,
    request: &mut Request,
    kept: &mut Map<String, Value>,
) -> Result<(), BadField> {
    let wanted = config.boolean("responseLogprobs")?;
    let count = config.count("logprobs")?;
    if wanted == Some(true) {
        request.logprobs = Some(count.unwrap_or_default());
    }
    kept.extend(wanted.map(|wanted| ("responseLogprobs".to_owned(), wanted.into())));
    kept.extend(count.map(|count| ("logprobs".to_owned(), count.into())));
    Ok(())
}

fn format(
    config: &mut Fields,
    request: &mut Request,
    kept: &mut Map<String, Value>,
    leftovers: &mut Leftovers,
) -> Result<(), BadField> {
    let mut schema = None;
    for key in ["responseJsonSchema", "responseSchema"] {
        if let Some(value) = config.take(key) {
            let mut plain = value.clone();
            lower_types(&mut plain);
            schema.get_or_insert((config.path_of(key), plain));
            kept.insert(key.to_owned(), value);
        }
    }
    let mime = config.text("responseMimeType")?;
    let is_choice = mime.as_deref() == Some("text/x.enum");
    request.format = match (mime.as_deref(), schema) {
        (None | Some("application/json" | ""), Some((_, schema))) => Some(Format::Schema {
            name: None,
            description: None,
            schema,
            strict: None,
        }),
        (Some("application/json"), None) => Some(Format::Json),
        (Some("text/plain"), _) => Some(Format::Text),
        (None | Some(""), None) => None,
        // One word out of a list, without quotes: nobody else can be held to that.
        (Some(_), schema) => {
            leftovers.note(config.path_of("responseMimeType"));
            if let Some((path, _)) = schema.filter(|_| is_choice) {
                leftovers.note(path);
            }
            None
        }
    };
    kept.extend(mime.map(|mime| ("responseMimeType".to_owned(), mime.into())));
    Ok(())
}

fn is_text_alone(modalities: &Value) -> bool {
    let is_text = |value: &Value| {
        let name = value.as_str().unwrap_or_default();
        matches!(
            wire::constant(name, "MODALITY_").as_str(),
            "TEXT" | "UNSPECIFIED"
        )
    };
    match modalities {
        Value::Array(list) => list.iter().all(is_text),
        single => is_text(single),
    }
}

/// Writes `generationConfig`.
pub(super) fn encode(
    request: &Request,
    target: &Target<'_>,
    report: &mut Report,
) -> Map<String, Value> {
    let is_own = request.dialect == Dialect::Gemini;
    let mut config = Map::new();
    write_max_tokens(request, target, report, &mut config);
    write_sampling(&request.sampling, request, report, &mut config);
    write_candidates(request, &mut config);
    if !is_own {
        write_logprobs(request, report, &mut config);
        write_format(request, target, report, &mut config);
        if let Some(thinking) = thinking::encode(request, target, report) {
            config.insert("thinkingConfig".to_owned(), thinking);
        }
    }
    config
}

fn write_max_tokens(
    request: &Request,
    target: &Target<'_>,
    report: &mut Report,
    config: &mut Map<String, Value>,
) {
    let Some(asked) = request.max_tokens else {
        return;
    };
    let most = target.knowledge.max_output.unwrap_or(u64::MAX);
    let is_own = request.dialect == Dialect::Gemini;
    let given = if is_own { asked } else { asked.min(most) };
    if given != asked {
        report.adjust(Field::MaxTokens.name(request.dialect), given);
    }
    config.insert("maxOutputTokens".to_owned(), given.into());
}

fn write_sampling(
    sampling: &Sampling,
    request: &Request,
    report: &mut Report,
    config: &mut Map<String, Value>,
) {
    let Sampling {
        temperature,
        top_p,
        top_k,
        seed,
        frequency_penalty,
        presence_penalty,
        stop,
    } = sampling;
    let numbers = [
        ("temperature", temperature),
        ("topP", top_p),
        ("topK", top_k),
        ("frequencyPenalty", frequency_penalty),
        ("presencePenalty", presence_penalty),
    ];
    for (key, number) in numbers {
        if let Some(number) = number {
            config.insert(key.to_owned(), Value::Number(number.clone()));
        }
    }
    let is_own = request.dialect == Dialect::Gemini;
    if let Some(seed) = seed {
        // A signed number of 32 bits; a greater one still means the same draw each time.
        let fits = seed
            .as_i64()
            .is_some_and(|seed| i32::try_from(seed).is_ok());
        let folded = seed.as_u64().map(|seed| seed & 0x7fff_ffff);
        match folded.filter(|_| !fits && !is_own) {
            Some(folded) => {
                report.adjust(Field::Seed.name(request.dialect), folded);
                config.insert("seed".to_owned(), folded.into());
            }
            None if fits || is_own => {
                config.insert("seed".to_owned(), Value::Number(seed.clone()));
            }
            None => report.drop(Field::Seed.name(request.dialect)),
        }
    }
    let stops = stop.iter().filter(|stop| is_own || !stop.is_empty());
    let most = if is_own { usize::MAX } else { MAX_STOPS };
    let stops: Vec<Value> = stops.map(|stop| stop.as_str().into()).collect();
    if stops.len() > most {
        report.drop(Field::Stop.name(request.dialect));
    }
    if !stops.is_empty() {
        let kept: Vec<Value> = stops.into_iter().take(most).collect();
        config.insert("stopSequences".to_owned(), kept.into());
    }
}

fn write_candidates(request: &Request, config: &mut Map<String, Value>) {
    let is_own = request.dialect == Dialect::Gemini;
    // Some models refuse the field altogether, and one answer is what everybody gives.
    if let Some(count) = request.candidates.filter(|count| is_own || *count > 1) {
        config.insert("candidateCount".to_owned(), count.into());
    }
}

fn write_logprobs(request: &Request, report: &mut Report, config: &mut Map<String, Value>) {
    let Some(count) = request.logprobs else {
        return;
    };
    config.insert("responseLogprobs".to_owned(), true.into());
    if count > MAX_LOGPROBS {
        report.adjust(Field::Logprobs.name(request.dialect), MAX_LOGPROBS);
    }
    if count > 0 {
        config.insert("logprobs".to_owned(), count.min(MAX_LOGPROBS).into());
    }
}

fn write_format(
    request: &Request,
    target: &Target<'_>,
    report: &mut Report,
    config: &mut Map<String, Value>,
) {
    match &request.format {
        None | Some(Format::Text) => {}
        Some(Format::Json) => {
            config.insert("responseMimeType".to_owned(), "application/json".into());
        }
        Some(Format::Schema {
            name,
            description,
            schema,
            strict,
        }) => {
            if name.is_some() {
                report.note(Field::FormatName.name(request.dialect));
            }
            if strict.is_some() {
                report.note(Field::FormatStrict.name(request.dialect));
            }
            config.insert("responseMimeType".to_owned(), "application/json".into());
            if !target.knowledge.structured_output {
                report.drop(Field::Format.name(request.dialect));
                return;
            }
            let (key, mut schema) = schema_for(schema, AnswerSchema, request, target, report);
            if let (Some(map), Some(text)) = (schema.as_object_mut(), description)
                && !map.contains_key("description")
                && !map.contains_key("$ref")
            {
                map.insert("description".to_owned(), text.as_str().into());
            }
            config.insert(key.to_owned(), schema);
        }
    }
}
