//! Streams of each dialect: passed on byte for byte, never closed as finished when they were not.

use serde_json::Value;

use crate::support::tongue::{ANTHROPIC, GEMINI, RESPONSES, TONGUES, Tongue};
use crate::support::{Answer, Gate, Gateway, Reply, Upstream};

async fn ask(gateway: &Gateway, tongue: Tongue) -> Answer {
    let call = gateway
        .client()
        .post(tongue.stream_target, tongue.stream_request);
    call.send().await
}

/// The answer of a gateway over these upstreams.
async fn answer(tongue: Tongue, replies: impl IntoIterator<Item = Reply>) -> Answer {
    let mut upstreams = Vec::new();
    for reply in replies {
        upstreams.push(Upstream::always(reply).await);
    }
    let gateway = tongue.over(&upstreams).start().await;
    ask(&gateway, tongue).await
}

#[tokio::test]
async fn a_stream_passes_byte_for_byte_however_it_is_cut() {
    for tongue in TONGUES {
        for size in [1, 2, 3, 7, 64, 100_000] {
            let answer = answer(tongue, [tongue.reply(size)])
                .await
                .expect_status(200);
            assert_eq!(answer.text(), tongue.stream, "{} by {size}", tongue.name);
            assert!(answer.complete);
            let kind = answer.header("content-type");
            assert_eq!(kind, Some("text/event-stream; charset=utf-8"));
        }
    }
}

#[tokio::test]
async fn a_stream_that_ends_early_is_never_closed_as_finished() {
    for tongue in TONGUES {
        let body = tongue.stream.as_bytes();
        let needed = tongue.up_to(tongue.last_word).trim_end().len();
        for at in (0..body.len()).step_by(5) {
            let reply = Reply::stream().bytes(&body[..at]).until_close();
            let answer = answer(tongue, [reply]).await;
            let place = format!("{} cut at {at}", tongue.name);
            if answer.status != 200 {
                assert!(at < tongue.begun().len(), "{place}");
                assert_eq!(answer.status, 502, "{place}");
                continue;
            }
            let text = answer.text();
            let is_error = tongue.error_in(&text).is_some();
            assert_eq!(is_error, at < needed, "{place}:\n{text}");
            let passed = text.bytes().zip(body).take_while(|(a, b)| a == *b).count();
            assert!(passed >= tongue.begun().trim_end().len(), "{place}");
        }
    }
}

#[tokio::test]
async fn a_reset_is_told_as_an_error_event() {
    for tongue in TONGUES {
        let sent = tongue.begun();
        let reply = tongue.reply(1000).reset_after(sent.len());
        let answer = answer(tongue, [reply]).await.expect_status(200);
        let text = answer.text();
        assert!(text.starts_with(sent), "{text}");
        assert!(tongue.error_in(&text).is_some(), "{}: {text}", tongue.name);
        assert!(answer.complete, "the message itself ends in good order");
    }
}

#[tokio::test]
async fn an_error_in_the_stream_is_told_once_and_without_keys() {
    for tongue in TONGUES {
        let error = tongue.error.replace("from upstream", "from upstream key-a");
        let stream = format!("{}{error}{}", tongue.begun(), tongue.stream);
        for size in [5, 100_000] {
            let reply = Reply::stream().in_pieces(stream.as_bytes(), size);
            let answer = answer(tongue, [reply]).await.expect_status(200);
            let text = answer.text();
            let told = text.strip_prefix(tongue.begun()).unwrap_or_default();
            let events = told.trim_end().split("\n\n").count();
            assert!(events == 1 && told.contains("from upstream"), "{text}");
            assert!(
                !text.contains("key-a") && tongue.error_in(&text).is_some(),
                "{text}"
            );
        }
    }
}

#[tokio::test]
async fn an_error_in_the_stream_keeps_its_own_words_for_what_it_is() {
    let told = async |tongue: Tongue| {
        let stream = format!("{}{}", tongue.begun(), tongue.error);
        let answer = answer(tongue, [Reply::stream().bytes(stream)]).await;
        tongue.error_in(&answer.text()).expect("an error")
    };
    assert_eq!(told(ANTHROPIC).await["error"]["type"], "overloaded_error");
    let gemini = told(GEMINI).await;
    assert_eq!(gemini["error"]["status"], "UNAVAILABLE");
    assert_eq!(gemini["error"]["code"], 503);
    let responses = told(RESPONSES).await;
    assert_eq!(responses["code"], "server_error");
    assert_eq!(
        responses["sequence_number"], 4,
        "one more than the last told"
    );
}

#[tokio::test]
async fn what_fails_before_its_first_token_goes_elsewhere() {
    for tongue in TONGUES {
        let failed = format!("{}{}", tongue.preamble(), tongue.error);
        for bad in [
            Reply::stream().bytes(failed),
            Reply::stream().bytes(tongue.preamble()),
            Reply::stream(),
            Reply::stream()
                .bytes(tongue.preamble())
                .reset_after(tongue.preamble().len()),
            Reply::json(200, "{}"),
            Reply::json(500, "{}"),
            Reply::typed(200, "text/html", "<html>"),
        ] {
            let answer = answer(tongue, [bad.clone(), tongue.reply(50)]).await;
            let answer = answer.expect_status(200);
            assert_eq!(answer.provider(), "b", "{} {bad:?}", tongue.name);
            assert_eq!(answer.text(), tongue.stream, "{} {bad:?}", tongue.name);
        }
    }
}

#[tokio::test]
async fn nothing_is_told_before_something_is_said() {
    for tongue in TONGUES {
        let gate = Gate::new();
        let a = Upstream::always(
            Reply::stream()
                .bytes(tongue.preamble())
                .pause_until(&gate)
                .bytes(tongue.error),
        )
        .await;
        let b = Upstream::always(tongue.reply(100)).await;
        let gateway = tongue.over([&a, &b]).start().await;
        let asking = ask(&gateway, tongue);
        let opening = async {
            a.request(0).await;
            gate.open();
        };
        let (answer, ()) = tokio::join!(asking, opening);
        assert_eq!(answer.text(), tongue.stream, "{}", tongue.name);
    }
}

#[tokio::test]
async fn googles_bare_error_is_one_wherever_it_stands() {
    let error = "{\n  \"error\": {\n    \"code\": 503,\n    \"message\": \"from upstream\",\n    \"status\": \"UNAVAILABLE\"\n  }\n}\n";
    for error in [error.to_owned(), format!("[{error}]"), format!("{error}\n")] {
        let early = Reply::stream().bytes(error.clone());
        let gone_on = answer(GEMINI, [early, GEMINI.reply(50)]).await;
        assert_eq!(gone_on.provider(), "b");
        let late = Reply::stream().bytes(format!("{}{error}", GEMINI.begun()));
        let told = answer(GEMINI, [late]).await;
        let json = GEMINI.error_in(&told.text()).expect("an error");
        assert_eq!(json["error"]["message"], "from upstream");
    }
}

#[tokio::test]
async fn a_failed_response_is_an_error() {
    let failed = r#"{"type":"response.failed","sequence_number":4,"response":{"status":"failed","error":{"code":"server_error","message":"from upstream"}}}"#;
    let event = format!("event: response.failed\ndata: {failed}\n\n");
    let early = format!("{}{event}", RESPONSES.preamble());
    let answered = answer(
        RESPONSES,
        [Reply::stream().bytes(early), RESPONSES.reply(50)],
    )
    .await;
    assert_eq!(answered.provider(), "b");
    let late = format!("{}{event}", RESPONSES.begun());
    let told = answer(RESPONSES, [Reply::stream().bytes(late)]).await;
    let json = RESPONSES.error_in(&told.text()).expect("an error");
    assert_eq!(
        (&json["message"], &json["sequence_number"]),
        (&"from upstream".into(), &4.into())
    );
}

#[tokio::test]
async fn an_incomplete_response_and_a_blocked_prompt_are_ends() {
    let incomplete = RESPONSES
        .stream
        .replace("response.completed", "response.incomplete");
    let blocked = "data: {\"promptFeedback\":{\"blockReason\":\"SAFETY\"},\"usageMetadata\":{\"promptTokenCount\":3}}\n\n";
    for (tongue, stream) in [(RESPONSES, incomplete.as_str()), (GEMINI, blocked)] {
        let answer = answer(tongue, [Reply::stream().bytes(stream)]).await;
        assert_eq!(answer.expect_status(200).text(), stream);
    }
}

#[tokio::test]
async fn the_end_is_seen_in_an_event_too_long_to_be_held() {
    let long = "x".repeat(600 << 10);
    let responses = RESPONSES.stream.replace(
        "\"status\":\"completed\"",
        &format!("\"output\":[\"{long}\"]"),
    );
    let gemini = GEMINI.stream.replace(
        "\"text\":\"\"}]},\"finishReason\"",
        &format!("\"inlineData\":{{\"data\":\"{long}\"}}}}]}},\"finishReason\""),
    );
    for (tongue, stream) in [(RESPONSES, responses), (GEMINI, gemini)] {
        assert!(stream.len() > long.len());
        let answer = answer(
            tongue,
            [Reply::stream().in_pieces(stream.as_bytes(), 10_000)],
        )
        .await;
        assert!(answer.text() == stream, "{}", tongue.name);
    }
}

/// Elements of a JSON array answer.
async fn array(replies: impl IntoIterator<Item = Reply>) -> (u16, Answer) {
    let mut upstreams = Vec::new();
    for reply in replies {
        upstreams.push(Upstream::always(reply).await);
    }
    let gateway = GEMINI.over(&upstreams).start().await;
    let target = "/v1beta/models/m:streamGenerateContent";
    let call = gateway.client().post(target, GEMINI.stream_request);
    let answer = call.send().await;
    let sent = upstreams
        .iter()
        .map(|one| one.requests().len())
        .sum::<usize>();
    assert!(sent > 0);
    (answer.status, answer)
}

#[tokio::test]
async fn without_events_gemini_streams_a_json_array() {
    for size in [1, 7, 100_000] {
        let (status, answer) = array([GEMINI.reply(size)]).await;
        assert_eq!(status, 200);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        let elements = answer.json();
        let elements = elements.as_array().expect("an array");
        assert_eq!(elements.len(), 4);
        for data in crate::support::chat::events(GEMINI.stream.as_bytes()) {
            assert!(
                answer.text().contains(&data),
                "{data} is not there verbatim"
            );
        }
    }
}

#[tokio::test]
async fn an_array_is_told_element_by_element() {
    let gate = Gate::new();
    let begun = GEMINI.begun();
    let rest = &GEMINI.stream[begun.len()..];
    let reply = Reply::stream().bytes(begun).pause_until(&gate).bytes(rest);
    let upstream = Upstream::always(reply).await;
    let gateway = GEMINI.over([&upstream]).start().await;
    let target = "/v1/models/m:streamGenerateContent";
    let call = gateway.client().post(target, GEMINI.stream_request);
    let mut opened = call.open().await;
    let piece = opened.piece().await.expect("the first elements");
    assert!(String::from_utf8_lossy(&piece).starts_with("[{"));
    gate.open();
    let answer = opened.whole().await;
    assert!(answer.complete && answer.text().ends_with(']'));
}

#[tokio::test]
async fn an_error_is_the_last_element_of_an_array() {
    let stream = format!("{}{}", GEMINI.begun(), GEMINI.error);
    let (status, answer) = array([Reply::stream().bytes(stream)]).await;
    assert_eq!(status, 200);
    let elements = answer.json();
    let last = elements.as_array().and_then(|all| all.last()).cloned();
    assert_eq!(last.expect("an element")["error"]["status"], "UNAVAILABLE");
    let (status, answer) = array([Reply::json(
        400,
        r#"{"error":{"code":400,"message":"no","status":"INVALID_ARGUMENT"}}"#,
    )])
    .await;
    assert_eq!(status, 400);
    let elements: Value = answer.json();
    assert_eq!(elements[0]["error"]["message"], "no");
}

#[tokio::test]
async fn a_promised_stream_lives_by_what_its_clients_survive() {
    for tongue in TONGUES {
        let gate = Gate::new();
        let upstream = Upstream::always(tongue.reply(1000).behind(&gate)).await;
        let config = tongue.over([&upstream]).router("commit_hold", 0.01);
        let gateway = config.start().await;
        let call = gateway
            .client()
            .post(tongue.stream_target, tongue.stream_request);
        let sign = match tongue.name {
            "gemini" => "",
            "anthropic" => "event: ping\ndata: {\"type\": \"ping\"}\n\n",
            _ => ": ping\n\n",
        };
        let text = if sign.is_empty() {
            let wire = call.wired().await;
            upstream.request(0).await;
            gate.open();
            wire.answer().await.whole().await.text()
        } else {
            let mut opened = call.open().await;
            let first = opened.piece().await.expect("a sign of life");
            gate.open();
            String::from_utf8_lossy(&first).into_owned() + &opened.whole().await.text()
        };
        assert_eq!(text, format!("{sign}{}", tongue.stream), "{}", tongue.name);
    }
}
