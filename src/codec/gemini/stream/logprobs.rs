//! Log probabilities: two lists here (the tokens taken, and what stood beside each), one elsewhere.

use serde_json::{Value, json};

/// Reads a `logprobsResult` into OpenAI's list of tokens.
pub(super) fn read(result: &Value) -> Option<Value> {
    let chosen = result.get("chosenCandidates")?.as_array()?;
    let beside = result.get("topCandidates").and_then(Value::as_array);
    let tokens = chosen.iter().enumerate().map(|(at, token)| {
        let top = beside
            .and_then(|beside| beside.get(at)?.get("candidates")?.as_array())
            .map(|top| top.iter().map(read_token).collect::<Vec<_>>());
        let mut token = read_token(token);
        token["top_logprobs"] = top.unwrap_or_default().into();
        token
    });
    Some(tokens.collect::<Vec<_>>().into())
}

fn read_token(token: &Value) -> Value {
    let text = token
        .get("token")
        .and_then(Value::as_str)
        .unwrap_or_default();
    json!({
        "token": text,
        "logprob": token.get("logProbability").cloned().unwrap_or_else(|| json!(0)),
        "bytes": text.as_bytes(),
    })
}

/// Writes OpenAI's tokens as a `logprobsResult`.
pub(crate) fn write(tokens: &[Value]) -> Value {
    let chosen: Vec<_> = tokens.iter().map(write_token).collect();
    let beside = tokens.iter().map(|token| {
        let top = token.get("top_logprobs").and_then(Value::as_array);
        let top = top.map(|top| top.iter().map(write_token).collect::<Vec<_>>());
        json!({ "candidates": top.unwrap_or_default() })
    });
    json!({ "topCandidates": beside.collect::<Vec<_>>(), "chosenCandidates": chosen })
}

fn write_token(token: &Value) -> Value {
    json!({
        "token": token.get("token").cloned().unwrap_or_default(),
        "logProbability": token.get("logprob").cloned().unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_lists_become_one_and_two_again() {
        let result = json!({
            "topCandidates": [
                {"candidates": [{"token": "é", "logProbability": -0.1}, {"token": "b", "logProbability": -2.5}]},
                {"candidates": []},
            ],
            "chosenCandidates": [
                {"token": "é", "logProbability": -0.1},
                {"token": "c", "logProbability": -0.2},
            ],
        });
        let tokens = read(&result).expect("tokens");
        assert_eq!(tokens[0]["bytes"], json!([0xc3, 0xa9]));
        assert_eq!(tokens[0]["top_logprobs"][1]["logprob"], json!(-2.5));
        assert_eq!(write(tokens.as_array().expect("a list")), result);
        for odd in [json!(null), json!({}), json!({"chosenCandidates": 1})] {
            assert_eq!(read(&odd), None);
        }
    }
}
