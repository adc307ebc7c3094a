//! How long the answer may be, and how its tokens are drawn.

use serde_json::{Map, Number, Value};

use super::spoken::Writer;
use super::thinking::{LEAST_BUDGET, Plan};
use crate::chat::Request;
use crate::chat::request::Sampling;
use crate::codec::field_names::Field;
use crate::provider::knowledge::Family;

/// Most tokens of an answer that nobody limited and that comes in one piece: more would take a client
/// past its patience.
const WHOLE: u64 = 16_000;

/// The same for one that is streamed.
const STREAMED: u64 = 32_000;

/// Most tokens of a Claude that nobody knows yet.
const NEW_CLAUDE: u64 = 128_000;

/// Most tokens of a model that nobody knows at all.
const STRANGER: u64 = 4_096;

/// `max_tokens`, which this dialect must have. Thoughts count, so that a budget needs room in it.
pub(super) fn max_tokens(request: &Request, plan: &mut Plan, writer: &mut Writer<'_, '_>) -> u64 {
    let known = writer.target.knowledge.max_output;
    let cap = known.unwrap_or(u64::MAX);
    let said = request.max_tokens;
    let wanted = said.unwrap_or_else(|| default(writer));
    let needed = match plan.budget {
        // What the client said has room for it, or is all it may have.
        Some(budget) if said.is_none() || budget >= wanted => wanted.saturating_add(budget),
        _ => wanted,
    };
    let tokens = needed.min(cap);
    if said != Some(tokens) {
        writer.report.adjust(writer.name(Field::MaxTokens), tokens);
    }
    fit_budget(plan, tokens);
    tokens
}

fn default(writer: &Writer<'_, '_>) -> u64 {
    let knowledge = writer.target.knowledge;
    let most = knowledge.max_output.unwrap_or(match knowledge.family {
        Family::Claude => NEW_CLAUDE,
        _ => STRANGER,
    });
    most.min(if writer.target.streams {
        STREAMED
    } else {
        WHOLE
    })
}

/// A budget is less than all, and at least the least; where there is no room for that, none.
fn fit_budget(plan: &mut Plan, tokens: u64) {
    let Some(budget) = plan.budget else {
        return;
    };
    let room = tokens.saturating_sub(1);
    if room < LEAST_BUDGET {
        *plan = Plan::default();
    } else {
        plan.budget = Some(budget.min(room));
    }
}

/// Writes how tokens are drawn, as far as the model takes it while it thinks or does not.
pub(super) fn sampling(
    request: &Request,
    thinks: bool,
    writer: &mut Writer<'_, '_>,
    body: &mut Map<String, Value>,
) {
    let Sampling {
        temperature,
        top_p,
        top_k,
        seed,
        frequency_penalty,
        presence_penalty,
        stop,
    } = &request.sampling;
    let is_free = writer.target.knowledge.sampling.when(thinks);
    let is_one = writer.target.knowledge.one_of_temperature_and_top_p;
    let heat = temperature.as_ref();
    if let Some(heat) = writer.drawn(heat, Field::Temperature, is_free) {
        body.insert("temperature".to_owned(), writer.clamped(heat));
    }
    let is_alone = !(is_one && heat.is_some());
    if let Some(top_p) = writer.drawn(top_p.as_ref(), Field::TopP, is_free && is_alone) {
        body.insert("top_p".to_owned(), top_p.clone().into());
    }
    if let Some(top_k) = writer.drawn(top_k.as_ref(), Field::TopK, is_free) {
        body.insert("top_k".to_owned(), top_k.clone().into());
    }
    if seed.is_some() {
        writer.lose(Field::Seed);
    }
    for (penalty, field) in [
        (frequency_penalty, Field::FrequencyPenalty),
        (presence_penalty, Field::PresencePenalty),
    ] {
        match penalty.as_ref().and_then(Number::as_f64) {
            None => {}
            Some(0.0) => writer.report.note(writer.name(field)),
            Some(_) => writer.lose(field),
        }
    }
    let stop = writer.stops(stop, thinks);
    if !stop.is_empty() {
        body.insert("stop_sequences".to_owned(), stop.into());
    }
}

impl Writer<'_, '_> {
    /// The number, if the model takes it. A default that it does not take is no loss.
    fn drawn<'n>(
        &mut self,
        number: Option<&'n Number>,
        field: Field,
        is_taken: bool,
    ) -> Option<&'n Number> {
        let number = number?;
        if is_taken {
            return Some(number);
        }
        if number.as_f64() == Some(1.0) && field != Field::TopK {
            self.report.note(self.name(field));
        } else {
            self.lose(field);
        }
        None
    }

    /// A temperature of at most 1, where others go to 2.
    fn clamped(&mut self, heat: &Number) -> Value {
        if heat.as_f64().is_some_and(|heat| heat > 1.0) {
            self.report.adjust(self.name(Field::Temperature), 1);
            return 1.into();
        }
        heat.clone().into()
    }

    /// Texts that end the answer; one of white space alone is refused.
    fn stops(&mut self, stop: &[String], thinks: bool) -> Vec<Value> {
        let is_taken = self.target.knowledge.stop.when(thinks);
        let kept = stop
            .iter()
            .filter(|text| is_taken && !text.trim().is_empty());
        let kept: Vec<Value> = kept.map(|text| text.as_str().into()).collect();
        if kept.len() < stop.len() {
            self.lose(Field::Stop);
        }
        kept
    }
}
