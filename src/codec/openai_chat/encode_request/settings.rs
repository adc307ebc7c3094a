//! The scalars of a request, in the names and values the model takes.

use serde_json::{Map, Number, Value, json};

use super::Writer;
use crate::chat::part::CacheMark;
use crate::chat::request::{Format, Sampling};
use crate::codec::field_names::Field;
use crate::codec::openai_chat::spelling;
use crate::codec::{fingerprint, schema};
use crate::provider::Quirk;

/// Longest name of a user OpenAI takes.
const MAX_USER: usize = 64;

/// Most texts that may end an answer.
const MAX_STOPS: usize = 4;

impl Writer<'_, '_> {
    pub(super) fn max_tokens(&mut self, max_tokens: Option<u64>) {
        let Some(wanted) = max_tokens else {
            return;
        };
        let most = self.target.knowledge.max_output.unwrap_or(u64::MAX);
        if wanted > most {
            self.adjust(Field::MaxTokens, most);
        }
        let needs_new = self.target.knowledge.max_completion_tokens;
        let is_as_said = self.said_limit().is_none_or(|said| said == wanted);
        if wanted <= most && !needs_new && is_as_said && self.spelled("max_tokens") {
            return;
        }
        let is_new = needs_new || self.target.has(Quirk::OpenAiHost);
        let key = if is_new {
            "max_completion_tokens"
        } else {
            "max_tokens"
        };
        self.put(key, wanted.min(most));
    }

    /// The limit that the client spelled out; less of it is left where an answer is gone on with.
    fn said_limit(&self) -> Option<u64> {
        let said = spelling::of(&self.request.extra, "max_tokens")?;
        let names = ["max_completion_tokens", "max_tokens"];
        names.into_iter().find_map(|name| said.get(name)?.as_u64())
    }

    pub(super) fn sampling(&mut self, sampling: &Sampling) {
        let Sampling {
            temperature,
            top_p,
            top_k,
            seed,
            frequency_penalty,
            presence_penalty,
            stop,
        } = sampling;
        let knowledge = self.target.knowledge;
        let is_one_too_many =
            knowledge.one_of_temperature_and_top_p && temperature.is_some() && top_p.is_some();
        self.sampled(Field::Temperature, "temperature", temperature.as_ref());
        if is_one_too_many {
            self.drop(Field::TopP);
        } else {
            self.sampled(Field::TopP, "top_p", top_p.as_ref());
        }
        if self.is_own() || self.target.has(Quirk::TopK) {
            self.sampled(Field::TopK, "top_k", top_k.as_ref());
        } else if top_k.is_some() {
            self.drop(Field::TopK);
        }
        self.option("seed", seed.clone());
        let penalty = frequency_penalty.as_ref();
        self.sampled(Field::FrequencyPenalty, "frequency_penalty", penalty);
        let penalty = presence_penalty.as_ref();
        self.sampled(Field::PresencePenalty, "presence_penalty", penalty);
        self.stop(stop);
    }

    /// How tokens are drawn: what models that think refuse.
    fn sampled(&mut self, field: Field, key: &str, value: Option<&Number>) {
        let Some(value) = value else {
            return;
        };
        if self.target.knowledge.sampling.when(self.thinks()) {
            self.put(key, value.clone());
        } else {
            self.drop(field);
        }
    }

    fn stop(&mut self, stop: &[String]) {
        if stop.is_empty() {
            return;
        }
        if !self.target.knowledge.stop.when(self.thinks()) {
            self.drop(Field::Stop);
        } else if !self.spelled("stop") {
            let most = if self.is_own() { stop.len() } else { MAX_STOPS };
            if stop.len() > most {
                self.drop(Field::Stop);
            }
            self.put("stop", stop.iter().take(most).cloned().collect::<Vec<_>>());
        }
    }

    pub(super) fn logprobs(&mut self, logprobs: Option<u64>) {
        if logprobs.is_some() && !self.target.knowledge.sampling.when(self.thinks()) {
            self.drop(Field::Logprobs);
            return;
        }
        if self.spelled("logprobs") {
            return;
        }
        if let Some(alternatives) = logprobs {
            self.put("logprobs", true);
            if alternatives > 0 {
                self.put("top_logprobs", alternatives);
            }
        }
    }

    pub(super) fn format(&mut self, format: Option<&Format>) {
        let Some(format) = format else {
            return;
        };
        let mut written = match format {
            Format::Text => json!({"type": "text"}),
            Format::Json => json!({"type": "json_object"}),
            Format::Schema {
                name,
                description,
                schema,
                strict,
            } if self.takes_schemas() => {
                self.schema(name.as_deref(), description.as_deref(), schema, *strict)
            }
            Format::Schema { schema, strict, .. } => self.schema_in_words(schema, *strict),
        };
        if self.is_own() {
            self.restore_in("response_format", &mut written);
        }
        self.put("response_format", written);
    }

    fn takes_schemas(&self) -> bool {
        self.target.knowledge.structured_output && !self.target.has(Quirk::JsonObjectOnly)
    }

    fn schema(
        &mut self,
        name: Option<&str>,
        description: Option<&str>,
        schema: &Value,
        strict: Option<bool>,
    ) -> Value {
        let mut inner = Map::new();
        let name = name.or((!self.is_own()).then_some("response"));
        inner.extend(name.map(|name| ("name".to_owned(), json!(name))));
        inner.extend(description.map(|text| ("description".to_owned(), json!(text))));
        inner.insert("schema".to_owned(), schema.clone());
        let strict = match strict {
            strict if self.is_own() => strict,
            None => Some(schema::fits_openai_strict(schema)),
            Some(true) if !schema::fits_openai_strict(schema) => {
                self.report
                    .adjust(format!("{}.strict", self.name(Field::Format)), false);
                Some(false)
            }
            strict => strict,
        };
        inner.extend(strict.map(|strict| ("strict".to_owned(), json!(strict))));
        let mut inner = Value::Object(inner);
        if self.is_own() {
            self.restore_in("json_schema", &mut inner);
        }
        json!({"type": "json_schema", "json_schema": inner})
    }

    /// A model that can only be held to JSON is told the schema as an instruction.
    fn schema_in_words(&mut self, schema: &Value, strict: Option<bool>) -> Value {
        self.notes.push(format!(
            "Answer with JSON that follows this JSON Schema: {schema}"
        ));
        if strict == Some(true) {
            self.drop(Field::Format);
        } else {
            self.adjust(Field::Format, "json_object");
        }
        json!({"type": "json_object"})
    }

    /// Puts back what was left over of a part of the request.
    fn restore_in(&self, place: &str, written: &mut Value) {
        let left = super::spelling::of(&self.request.extra, place).and_then(Value::as_object);
        if let (Some(left), Some(written)) = (left, written.as_object_mut()) {
            written.extend(left.clone());
        }
    }

    pub(super) fn accounts(
        &mut self,
        user: Option<&str>,
        metadata: Option<&Map<String, Value>>,
        store: Option<bool>,
    ) {
        if let Some(user) = user
            && !self.spelled("user")
        {
            self.user(user);
        }
        if self.takes_all() {
            self.option("metadata", metadata.cloned());
            // OpenAI keeps answers unless it is told not to.
            let is_foreign = !self.is_own();
            self.option("store", store.or(is_foreign.then_some(false)));
        } else {
            if metadata.is_some() {
                self.note(Field::Metadata);
            }
            if store.is_some() {
                self.note(Field::Store);
            }
        }
    }

    fn user(&mut self, user: &str) {
        let short = if user.len() > MAX_USER {
            fingerprint::hex(user, MAX_USER)
        } else {
            user.to_owned()
        };
        let key = if self.target.has(Quirk::OpenAiHost) {
            "safety_identifier"
        } else {
            "user"
        };
        self.put(key, short);
    }

    pub(super) fn service(&mut self, tier: Option<&str>, verbosity: Option<&str>) {
        if self.takes_all() {
            self.option("service_tier", tier);
            self.option("verbosity", verbosity);
            return;
        }
        match tier {
            Some("auto" | "flex") if self.target.has(Quirk::FlexTier) => {
                self.option("service_tier", tier);
            }
            Some("auto" | "default") | None => {}
            Some(_) => self.drop(Field::ServiceTier),
        }
        if verbosity.is_some() {
            self.drop(Field::Verbosity);
        }
    }

    pub(super) fn cache(&mut self, key: Option<&str>, cache: Option<&CacheMark>) {
        if self.takes_all() {
            self.option("prompt_cache_key", key);
        } else if key.is_some() {
            self.note(Field::CacheKey);
        }
        if cache.is_none() || self.spelled("cache") {
            return;
        }
        if self.target.has(Quirk::CacheControl) {
            self.put("cache_control", json!({"type": "ephemeral"}));
        } else {
            self.note(Field::CacheMarks);
        }
    }
}
