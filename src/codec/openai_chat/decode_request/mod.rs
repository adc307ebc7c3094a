//! Reads a Chat request into the neutral form.
//!
//! Every field is taken or left over, null counts as absent, and the shapes of other vendors that are
//! posted here by mistake or habit (see [`super::odd`]) are understood part by part.

mod calls;
mod items;
mod messages;
mod odd_fields;
mod parts;
mod settings;
mod thoughts;
mod tools;

use serde_json::{Map, Value};

use super::odd;
use super::spelling::Spelling;
use crate::chat::{Dialect, Leftovers, Request};
use crate::json::fields::{BadField, Fields};

/// Reads the body of a request.
pub fn decode_request(body: Map<String, Value>) -> Result<Request, BadField> {
    let is_odd = odd::FIELDS.iter().any(|field| body.contains_key(*field));
    let mut fields = Fields::new(body, "");
    let mut reader = Reader {
        is_odd,
        request: Request::new(Dialect::OpenAiChat),
        spelling: Spelling::default(),
        leftovers: Leftovers::default(),
        calls: calls::Calls::default(),
    };
    discard_transport(&mut fields);
    odd_fields::rename(&mut fields, &mut reader.leftovers);
    reader.settings(&mut fields)?;
    reader.tools(&mut fields)?;
    reader.conversation(&mut fields)?;
    Ok(reader.finish(fields))
}

/// A request in the making.
struct Reader {
    /// Whether fields of other vendors are among them: these are not sent on as they came.
    is_odd: bool,
    request: Request,
    spelling: Spelling,
    leftovers: Leftovers,
    calls: calls::Calls,
}

impl Reader {
    /// What is left of an object inside a part or call goes back into it.
    fn keep_inner(&mut self, fields: Fields, spelling: &mut Spelling) {
        let mut left = Map::new();
        self.leftovers.collect(fields).merge_into(&mut left);
        if !left.is_empty() {
            spelling.note("inner", left);
        }
    }

    fn finish(mut self, fields: Fields) -> Request {
        let mut extra = self.leftovers.collect(fields);
        self.spelling.keep(&mut extra);
        self.request.extra = extra;
        self.request.leftovers = self.leftovers;
        self.request
    }
}

/// Takes out what is not part of the request for an answer: whom to ask, and how to send it.
fn discard_transport(fields: &mut Fields) {
    for field in [
        "model",
        "stream",
        "stream_options",
        "alias",
        "strict_alias",
        "extra_body",
    ] {
        fields.take(field);
    }
    // OpenRouter's object of the same name is the upstream's business.
    if fields.peek_text("provider").is_some() {
        fields.take("provider");
    }
}
