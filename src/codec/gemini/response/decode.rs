//! A complete answer, read as a stream of one chunk: both say the same by construction.

use serde_json::Value;

use crate::chat::{ErrorBody, Response};
use crate::codec::gemini::stream::Decoder;
use crate::codec::stream::StreamDecoder as _;
use crate::codec::target::Origin;

/// Reads the answer of `generateContent`.
///
/// # Errors
/// It is an error, or no answer at all.
pub fn decode_response(body: Value, origin: &Origin) -> Result<Response, ErrorBody> {
    let text = serde_json::to_vec(&body).expect("values are always JSON");
    drop(body);
    let mut events = Vec::new();
    let mut decoder = Decoder::new(origin.clone());
    decoder.read(&text, &mut events)?;
    decoder.assume_finished();
    if !decoder.end(&mut events) {
        return Err(ErrorBody {
            message: "the answer holds no candidates".to_owned(),
            kind: Some("server_error".to_owned()),
            code: Some("empty_answer".to_owned()),
            param: None,
        });
    }
    Ok(Response::fold(events))
}
