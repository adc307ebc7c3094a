//! The four dialects as one meets them: odd requests, odd answers, odd streams, all legal.
//!
//! Whatever a gateway that writes them anew would alter is in them: number spellings, key order, unknown
//! fields, white space, signatures, cache marks, events nobody knows.

use serde_json::{Value, json};

use super::{Config, Reply, Upstream};

/// One dialect, and a conversation in it about the model `m`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tongue {
    /// Its name, for messages of tests.
    pub(crate) name: &'static str,
    /// The type of a provider that speaks it.
    pub(crate) kind: &'static str,
    /// Where a client asks for a whole answer.
    pub(crate) target: &'static str,
    /// Where it asks for a stream.
    pub(crate) stream_target: &'static str,
    /// Where the upstream is asked for the model `real/m`, below its base URL.
    pub(crate) upstream: &'static str,
    /// The same for a stream.
    pub(crate) upstream_stream: &'static str,
    /// The header that carries the provider's key.
    pub(crate) key_header: &'static str,
    /// A request for a whole answer.
    pub(crate) request: &'static str,
    /// A request for a stream.
    pub(crate) stream_request: &'static str,
    /// A whole answer.
    pub(crate) answer: &'static str,
    /// A stream, as it stands on the wire.
    pub(crate) stream: &'static str,
    /// Of the stream: where its first meaningful event ends.
    pub(crate) first_token: &'static str,
    /// Of the stream: the end of the last event without which it is cut.
    pub(crate) last_word: &'static str,
    /// The data of an error inside a stream, with its name where it needs one.
    pub(crate) error: &'static str,
}

/// All of them.
pub(crate) const TONGUES: [Tongue; 4] = [CHAT, RESPONSES, ANTHROPIC, GEMINI];

/// OpenAI Chat Completions.
pub(crate) const CHAT: Tongue = Tongue {
    name: "chat",
    kind: "openai_compatible",
    target: "/v1/chat/completions",
    stream_target: "/v1/chat/completions",
    upstream: "/chat/completions",
    upstream_stream: "/chat/completions",
    key_header: "authorization",
    request: r#"{"seed":1.0e+2, "model" : "m","messages":[{"role":"user","content":"\u00e9 é","z":1,"a":2}],"x_new":[1E5,-0]}"#,
    stream_request: r#"{"stream":true,"model":"m","stream_options":{"include_usage":true},"messages":[{"role":"user","content":"é"}]}"#,
    answer: r#"{ "choices":[{"message":{"content":"\u00e9","n":1.0e+2},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":1}, "x":[1E5] }"#,
    stream: concat!(
        ": OPENROUTER PROCESSING\n\n",
        "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n",
        "data: {\"choices\": [ {\"delta\":{\"content\":\"gr\u{fc}\u{df}e\",\"x\":1.0e+0}} ]}\r\n\r\n",
        "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
        "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":2}}\n\n",
        "data: [DONE]\n\n",
    ),
    first_token: "\"x\":1.0e+0}} ]}\r\n\r\n",
    last_word: "\"finish_reason\":\"stop\"}]}\n\n",
    error: "data: {\"error\":{\"message\":\"from upstream\",\"type\":\"server_error\"}}\n\n",
};

/// OpenAI Responses.
pub(crate) const RESPONSES: Tongue = Tongue {
    name: "responses",
    kind: "openai",
    target: "/v1/responses",
    stream_target: "/openai/v1/responses",
    upstream: "/responses",
    upstream_stream: "/responses",
    key_header: "authorization",
    request: r#"{"store":false,"input":[{"type":"reasoning","encrypted_content":"gAAA==","content":null,"summary":[]},{"type":"message","role":"developer","content":[{"type":"input_text","text":"\u00e9"}]}], "model":"m","include":["reasoning.encrypted_content"],"top_p":1.00,"tools":[{"type":"custom","name":"apply_patch","format":{"type":"grammar"}}]}"#,
    stream_request: r#"{"model":"m","store":false,"stream":true,"input":"hi","client_metadata":{"b":1,"a":2}}"#,
    answer: r#"{ "id":"resp_1","object":"response","status":"completed","error":null,"output":[{"type":"reasoning","id":"rs_1","encrypted_content":"x+/=","summary":[]},{"type":"message","content":[{"type":"output_text","text":"\u00e9","annotations":[]}]}],"usage":{"input_tokens":3,"output_tokens":1}, "temperature":1.0e+0 }"#,
    stream: concat!(
        "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":\"r\",\"error\":null,\"output\":[]}}\n\n",
        "event: response.in_progress\ndata: {\"type\":\"response.in_progress\",\"sequence_number\":1,\"response\":{\"id\":\"r\"}}\n\n",
        "event: response.output_item.added\ndata: {\"type\":\"response.output_item.added\",\"sequence_number\":2,\"item\":{\"type\":\"message\"}}\n\n",
        "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":3,\"delta\":\"gr\u{fc}\u{df}e\", \"logprobs\":[],\"obfuscation\":\"xY\"}\r\n\r\n",
        "event: response.new_thing.delta\ndata: {\"type\":\"response.new_thing.delta\",\"sequence_number\":4,\"n\":1.0e+2}\n\n",
        "event: response.output_item.done\ndata: {\"type\":\"response.output_item.done\",\"sequence_number\":5,\"item\":{\"encrypted_content\":\"x+/=\"}}\n\n",
        "event: response.completed\ndata: {\"type\":\"response.completed\",\"sequence_number\":6,\"response\":{\"status\":\"completed\",\"usage\":{\"input_tokens\":3,\"output_tokens\":2}}}\n\n",
    ),
    first_token: "\"obfuscation\":\"xY\"}\r\n\r\n",
    last_word: "\"output_tokens\":2}}}\n\n",
    error: "event: error\ndata: {\"type\":\"error\",\"code\":\"server_error\",\"message\":\"from upstream\",\"param\":null,\"sequence_number\":9}\n\n",
};

/// Anthropic Messages.
pub(crate) const ANTHROPIC: Tongue = Tongue {
    name: "anthropic",
    kind: "anthropic",
    target: "/v1/messages?beta=true",
    stream_target: "/anthropic/v1/messages",
    upstream: "/messages",
    upstream_stream: "/messages",
    key_header: "x-api-key",
    request: r#"{"max_tokens":1.0e+2,"system":[{"type":"text","text":"s","cache_control":{"type":"ephemeral","ttl":"1h"}}],"messages":[{"role":"assistant","content":[{"type":"thinking","thinking":"t\u00e9","signature":"EqQB+/=="},{"type":"redacted_thinking","data":"d"}]},{"role":"system","content":"x","output_config":{"a":1}}],"model":"m", "context_management":{"edits":[]},"temperature":0.10}"#,
    stream_request: r#"{"stream":true,"max_tokens":9,"messages":[{"role":"user","content":"hi"}],"model":"m","metadata":{"user_id":"{\"a\":1}"}}"#,
    answer: r#"{ "id":"msg_1","type":"message","role":"assistant","content":[{"type":"thinking","thinking":"","signature":"EqQB+/=="},{"type":"text","text":"\u00e9"}],"stop_reason":"end_turn","usage":{"input_tokens":3,"cache_read_input_tokens":2,"output_tokens":1}, "x":1.0e+2 }"#,
    stream: concat!(
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"content\":[],\"usage\":{\"input_tokens\":3,\"output_tokens\":1}}   }\n\n",
        "event: ping\ndata: {\"type\": \"ping\"}\n\n",
        "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\",\"signature\":\"\"}}\n\n",
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"gr\u{fc}\u{df}e\"}       }\n\n",
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"signature_delta\",\"signature\":\"EqQB+/==\"}}\n\n",
        "event: never_heard_of\ndata: {\"type\":\"never_heard_of\",\"n\":1.0e+2}\n\n",
        "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\r\n\r\n",
        "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":9}}\n\n",
        "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
    ),
    first_token: "\u{df}e\"}       }\n\n",
    last_word: "{\"type\":\"message_stop\"}\n\n",
    error: "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"from upstream\"}}\n\n",
};

/// Google Gemini.
pub(crate) const GEMINI: Tongue = Tongue {
    name: "gemini",
    kind: "google",
    target: "/v1beta/models/m:generateContent",
    stream_target: "/gemini/v1beta/models/m:streamGenerateContent?alt=sse",
    upstream: "/models/real%2Fm:generateContent",
    upstream_stream: "/models/real%2Fm:streamGenerateContent?alt=sse",
    key_header: "x-goog-api-key",
    request: r#"{"contents":[{"role":"model","parts":[{"functionCall":{"name":"f","args":{"b":1.0,"a":2}},"thoughtSignature":"EqQB+/=="}]}], "generation_config":{"temperature":1.0e+0},"unknownField":[1E5,-0],"safetySettings":[]}"#,
    stream_request: r#"{"contents":[{"role":"user","parts":[{"text":"\u00e9"}]}],"generationConfig":{"thinkingConfig":{"include_thoughts":true}}}"#,
    answer: r#"{ "candidates":[{"content":{"role":"model","parts":[{"text":"\u00e9","thoughtSignature":"EqQB+/=="}]},"finishReason":"STOP","avgLogprobs":-1.0e-2}],"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":1}, "x":[1E5] }"#,
    stream: concat!(
        "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\",\"thought\":true}]}}],\"usageMetadata\":{\"promptTokenCount\":3}}\n\n",
        "data: {\"candidates\": [ {\"content\":{\"parts\":[{\"text\":\"gr\u{fc}\u{df}e\",\"thoughtSignature\":\"EqQB+/==\"}]}} ],\"n\":1.0e+2}\r\n\r\n",
        "data: {\"candidates\":[{\"content\":{\"parts\":[{\"functionCall\":{\"name\":\"f\",\"args\":{\"b\":1.0,\"a\":2}}}]}}]}\n\n",
        "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\"}]},\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":3,\"candidatesTokenCount\":2}}\n\n",
    ),
    first_token: "\"n\":1.0e+2}\r\n\r\n",
    last_word: "\"candidatesTokenCount\":2}}\n\n",
    error: "data: {\"error\":{\"code\":503,\"message\":\"from upstream\",\"status\":\"UNAVAILABLE\"}}\n\n",
};

impl Tongue {
    /// A configuration with one provider for each upstream, all of this dialect.
    pub(crate) fn over<'a>(&self, upstreams: impl IntoIterator<Item = &'a Upstream>) -> Config {
        let names = ["a", "b", "c"].into_iter();
        names
            .zip(upstreams)
            .fold(Config::new(), |config, (name, upstream)| {
                config.provider(name, upstream, self.fields())
            })
    }

    /// What a provider of this dialect says of itself: its model `m` has another name upstream.
    pub(crate) fn fields(&self) -> Value {
        json!({"type": self.kind, "models": {"m": {"upstream": "real/m"}}})
    }

    /// The stream, in pieces of `size` bytes.
    pub(crate) fn reply(&self, size: usize) -> Reply {
        Reply::stream().in_pieces(self.stream.as_bytes(), size)
    }

    /// The stream up to and including its first meaningful event.
    pub(crate) fn begun(&self) -> &'static str {
        self.up_to(self.first_token)
    }

    /// The stream up to and including `end`.
    pub(crate) fn up_to(&self, end: &str) -> &'static str {
        let at = self.stream.find(end);
        let at = at.unwrap_or_else(|| panic!("{} has no {end:?}", self.name));
        &self.stream[..at + end.len()]
    }

    /// The stream before its first meaningful event.
    pub(crate) fn preamble(&self) -> &'static str {
        let begun = self.begun();
        let last = begun.trim_end();
        let start = last.rfind("\n\n").map_or(0, |at| at + 2);
        &begun[..start]
    }

    /// The error event that ends `body` in this dialect, if it does.
    pub(crate) fn error_in(&self, body: &str) -> Option<Value> {
        let body = body.replace("\r\n", "\n");
        let last = body.trim_end().rsplit("\n\n").next()?;
        let is_named = last.starts_with("event: error\n");
        let data = last.lines().find_map(|line| line.strip_prefix("data: "))?;
        let json: Value = serde_json::from_str(data).ok()?;
        let is_error = match self.name {
            "chat" => json["error"]["message"].is_string() && json["error"].get("param").is_some(),
            "responses" => is_named && json["type"] == "error" && json["message"].is_string(),
            "anthropic" => is_named && json["type"] == "error" && json["error"]["type"].is_string(),
            _ => json["error"]["code"].is_u64() && json["error"]["status"].is_string(),
        };
        is_error.then_some(json)
    }
}
