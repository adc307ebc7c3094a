//! The scalars of a request: how long, how random, how thoughtful, in what form.

use serde_json::{Value, json};

use super::Reader;
use crate::chat::Effort;
use crate::chat::request::{Format, Thinking, ThinkingMode};
use crate::codec::openai_chat::cache::cache_mark;
use crate::json::fields::{BadField, Fields};

impl Reader {
    pub(super) fn settings(&mut self, fields: &mut Fields) -> Result<(), BadField> {
        self.max_tokens(fields)?;
        self.sampling(fields)?;
        self.logprobs(fields)?;
        self.format(fields)?;
        self.thinking(fields)?;
        self.user(fields)?;
        self.request.parallel_tool_calls = fields.boolean("parallel_tool_calls")?;
        self.request.candidates = fields.count("n")?;
        self.request.store = fields.boolean("store")?;
        self.request.verbosity = fields.text("verbosity")?;
        self.request.service_tier = fields.text("service_tier")?;
        self.request.cache_key = fields.text("prompt_cache_key")?;
        let metadata = fields.object("metadata")?;
        self.request.metadata = metadata.map(Fields::into_rest);
        if let Some(mark) = fields.take("cache_control") {
            self.request.cache = Some(cache_mark(&mark));
            self.spelling.note_field("cache", "cache_control", mark);
        }
        Ok(())
    }

    /// The newer name wins; a request may hold both, for hosts old and new.
    fn max_tokens(&mut self, fields: &mut Fields) -> Result<(), BadField> {
        let new = fields.count("max_completion_tokens")?;
        let old = fields.count("max_tokens")?;
        self.request.max_tokens = new.or(old);
        if new.is_some() && old.is_some() {
            self.leftovers.note_idle("max_tokens".to_owned());
        }
        for (key, value) in [("max_completion_tokens", new), ("max_tokens", old)] {
            if let Some(value) = value {
                self.spelling.note_field("max_tokens", key, value.into());
            }
        }
        Ok(())
    }

    fn sampling(&mut self, fields: &mut Fields) -> Result<(), BadField> {
        let sampling = &mut self.request.sampling;
        sampling.temperature = fields.number("temperature")?;
        sampling.top_p = fields.number("top_p")?;
        sampling.top_k = fields.number("top_k")?;
        sampling.seed = fields.number("seed")?;
        sampling.frequency_penalty = fields.number("frequency_penalty")?;
        sampling.presence_penalty = fields.number("presence_penalty")?;
        sampling.stop = match fields.take("stop") {
            None => Vec::new(),
            Some(Value::String(stop)) => {
                let spelled = Value::String(stop.clone());
                self.spelling.note_field("stop", "stop", spelled);
                vec![stop]
            }
            Some(Value::Array(stops)) => texts(stops).ok_or_else(|| bad_stop(fields))?,
            Some(_) => return Err(bad_stop(fields)),
        };
        Ok(())
    }

    fn logprobs(&mut self, fields: &mut Fields) -> Result<(), BadField> {
        let wanted = fields.boolean("logprobs")?;
        let alternatives = fields.count("top_logprobs")?;
        if wanted == Some(true) {
            self.request.logprobs = Some(alternatives.unwrap_or(0));
        }
        if let Some(wanted) = wanted {
            let spelled = Value::Bool(wanted);
            self.spelling.note_field("logprobs", "logprobs", spelled);
        }
        if let Some(alternatives) = alternatives {
            let spelled = alternatives.into();
            self.spelling
                .note_field("logprobs", "top_logprobs", spelled);
        }
        Ok(())
    }

    fn format(&mut self, fields: &mut Fields) -> Result<(), BadField> {
        let Some(format) = fields.take("response_format") else {
            return Ok(());
        };
        // A bare word was common before the parameter was an object.
        let format = match format {
            Value::String(word) => json!({ "type": word }),
            format => format,
        };
        let mut format = Fields::of(format, "response_format")?;
        match format.peek_text("type") {
            Some("text") => self.request.format = Some(Format::Text),
            Some("json_object") => self.request.format = Some(Format::Json),
            Some("json_schema") => return self.schema(format),
            _ => {
                fields.put_back("response_format", format.into_rest().into());
                return Ok(());
            }
        }
        format.take("type");
        self.left_in("response_format", format);
        Ok(())
    }

    /// The schema, nested as Chat has it or flat as Responses and Anthropic do.
    fn schema(&mut self, mut outer: Fields) -> Result<(), BadField> {
        outer.take("type");
        let mut inner = match outer.object("json_schema")? {
            Some(inner) => inner,
            None => std::mem::take(&mut outer),
        };
        self.request.format = Some(Format::Schema {
            name: inner.text("name")?,
            description: inner.text("description")?,
            schema: inner.take("schema").unwrap_or_else(|| json!({})),
            strict: inner.boolean("strict")?,
        });
        self.left_in("response_format", outer);
        self.left_in("json_schema", inner);
        Ok(())
    }

    /// What is left of a part of the request that has no leftovers of its own.
    fn left_in(&mut self, place: &str, fields: Fields) {
        let extra = self.leftovers.collect(fields);
        let mut map = serde_json::Map::new();
        extra.merge_into(&mut map);
        if !map.is_empty() {
            self.spelling.note(place, map);
        }
    }

    /// How much to think, in the words of OpenAI (`reasoning_effort`), OpenRouter (`reasoning`), and of
    /// Anthropic, DeepSeek and others (`thinking`).
    fn thinking(&mut self, fields: &mut Fields) -> Result<(), BadField> {
        let mut thinking = Thinking::default();
        let mut is_said = false;
        if let Some(effort) = fields.peek_text("reasoning_effort").and_then(Effort::parse) {
            thinking.effort = Some(effort);
            is_said = true;
            if let Some(spelled) = fields.take("reasoning_effort") {
                self.spelling
                    .note_field("thinking", "reasoning_effort", spelled);
            }
        }
        for key in ["reasoning", "thinking"] {
            let Some(Value::Object(said)) = fields.peek(key) else {
                continue;
            };
            if !self.is_odd {
                self.spelling
                    .note_field("thinking", key, said.clone().into());
            }
            if let Some(said) = fields.object(key)? {
                self.thinking_object(said, &mut thinking);
                is_said = true;
            }
        }
        self.request.thinking = is_said.then_some(thinking);
        Ok(())
    }

    fn thinking_object(&mut self, mut said: Fields, thinking: &mut Thinking) {
        let effort = said.take("effort");
        let effort = effort.as_ref().and_then(Value::as_str);
        thinking.effort = effort.and_then(Effort::parse).or(thinking.effort);
        let budget = said.take_any(&["max_tokens", "budget_tokens"]);
        thinking.budget = budget.as_ref().and_then(Value::as_i64).or(thinking.budget);
        if let Some(Value::Bool(is_hidden)) = said.take("exclude") {
            thinking.is_shown = Some(!is_hidden);
        }
        if let Some(Value::Bool(is_shown)) = said.take("include_thoughts") {
            thinking.is_shown = Some(is_shown);
        }
        if let Some(Value::String(summary)) = said.take("summary") {
            thinking.summary = Some(summary);
        }
        match said.take("type").as_ref().and_then(Value::as_str) {
            Some("enabled") => thinking.mode = Some(ThinkingMode::Enabled),
            Some("adaptive" | "auto") => thinking.mode = Some(ThinkingMode::Adaptive),
            Some("disabled") => thinking.mode = Some(ThinkingMode::Disabled),
            _ => {}
        }
        if said.take("enabled") == Some(Value::Bool(false)) {
            thinking.mode = Some(ThinkingMode::Disabled);
        }
        match said.take("display").as_ref().and_then(Value::as_str) {
            Some("omitted") => thinking.is_shown = Some(false),
            Some(_) => thinking.is_shown = Some(true),
            None => {}
        }
        self.leftovers.collect(said);
    }

    fn user(&mut self, fields: &mut Fields) -> Result<(), BadField> {
        let newer = fields.text("safety_identifier")?;
        let older = fields.text("user")?;
        for (key, value) in [("safety_identifier", &newer), ("user", &older)] {
            if let Some(value) = value {
                let spelled = Value::String(value.clone());
                self.spelling.note_field("user", key, spelled);
            }
        }
        if newer.is_some() && older.is_some() {
            self.leftovers.note_idle("user".to_owned());
        }
        self.request.user = newer.or(older);
        Ok(())
    }
}

fn texts(values: Vec<Value>) -> Option<Vec<String>> {
    let text = |value| match value {
        Value::String(text) => Some(text),
        _ => None,
    };
    values.into_iter().map(text).collect()
}

fn bad_stop(fields: &Fields) -> BadField {
    fields.bad("stop", "a string or an array of strings")
}
