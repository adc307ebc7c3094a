//! Streams that cross from one dialect to another: cut anywhere, whole in one piece, large, long in
//! coming, or left by their client.

use serde_json::{Value, json};

use crate::support::talk::{
    SAID, TALKS, TO_ANTHROPIC, TO_CHAT, TO_GEMINI, TO_RESPONSES, Talk, events,
};
use crate::support::{A_SECOND, Answer, Config, Gate, Reply, Upstream, within};

async fn told(client: Talk, upstream: Talk, reply: Reply) -> Answer {
    let other = Upstream::always(reply).await;
    let gateway = upstream.over(&other).start().await;
    client.ask(&gateway.client(), true).send().await
}

/// Pairs that need a translation.
fn pairs() -> impl Iterator<Item = (Talk, Talk)> {
    let all = TALKS.into_iter();
    let all = all.flat_map(|client| TALKS.into_iter().map(move |upstream| (client, upstream)));
    all.filter(|(client, upstream)| client.name() != upstream.name())
}

#[track_caller]
fn assert_whole(client: Talk, answer: Answer, place: &str) {
    let answer = answer.expect_status(200);
    let text = answer.text();
    assert_eq!(client.heard(&answer, true).text, SAID, "{place}: {text}");
    assert!(client.claims_end(&text), "{place}: {text}");
    assert_eq!(text.matches(client.end).count(), 1, "{place}: {text}");
    assert!(client.error_in(&text).is_none(), "{place}: {text}");
    assert!(answer.complete, "{place}");
}

#[tokio::test]
async fn it_does_not_matter_where_a_stream_is_cut() {
    for (client, upstream) in pairs() {
        let stream = upstream.stream();
        for stream in [stream.clone(), stream.replace('\n', "\r\n")] {
            for size in [1, 7, 100_000] {
                let reply = Reply::stream().in_pieces(stream.as_bytes(), size);
                let place = format!("{} to {} by {size}", client.name(), upstream.name());
                assert_whole(client, told(client, upstream, reply).await, &place);
            }
        }
    }
}

#[tokio::test]
async fn half_a_character_costs_no_more_than_itself() {
    let whole = "\u{1f389}";
    for (client, upstream) in pairs() {
        let stream = upstream.stream().replace(whole, "\\ud83c");
        let reply = Reply::stream().bytes(stream);
        let answer = told(client, upstream, reply).await;
        let place = format!("{} to {}", client.name(), upstream.name());
        let expected = SAID.replace(whole, "\u{fffd}");
        assert_eq!(client.heard(&answer, true).text, expected, "{place}");
        assert!(client.claims_end(&answer.text()), "{place}");
        let document = upstream.answer().to_string().replace(whole, "\\ud83c");
        let other = Upstream::always(Reply::json(200, document)).await;
        let gateway = upstream.over(&other).start().await;
        let answer = client.ask(&gateway.client(), false).send().await;
        assert_eq!(client.heard(&answer, false).text, expected, "{place}");
    }
}

#[tokio::test]
async fn a_document_in_place_of_a_stream_is_told_as_one() {
    for (client, upstream) in pairs() {
        let place = format!("{} to {}", client.name(), upstream.name());
        let answer = told(client, upstream, upstream.reply(false)).await;
        let kind = answer.header("content-type");
        assert_eq!(kind, Some("text/event-stream; charset=utf-8"), "{place}");
        assert_whole(client, answer, &place);
    }
}

#[tokio::test]
async fn the_first_word_is_told_when_it_is_said() {
    for (client, upstream) in pairs() {
        let (begun, rest) = upstream.halves();
        let gate = Gate::new();
        let reply = Reply::stream().bytes(begun).pause_until(&gate).bytes(rest);
        let other = Upstream::always(reply).await;
        let gateway = upstream.over(&other).start().await;
        let mut opened = client.ask(&gateway.client(), true).open().await;
        let mut seen = String::new();
        while !seen.contains(&SAID[..4]) {
            let piece = opened.piece().await.expect("the first word");
            seen += &String::from_utf8_lossy(&piece);
        }
        assert!(!client.claims_end(&seen), "{seen}");
        gate.open();
        let rest = opened.whole().await;
        let place = format!("{} to {}", client.name(), upstream.name());
        assert!(client.claims_end(&rest.text()), "{place}");
    }
}

#[tokio::test]
async fn a_client_that_leaves_closes_the_upstream() {
    for (client, upstream) in pairs() {
        let (begun, rest) = upstream.halves();
        let gate = Gate::new();
        let reply = Reply::stream().bytes(begun).pause_until(&gate).bytes(rest);
        let other = Upstream::always(reply).await;
        let gateway = upstream.over(&other).start().await;
        let mut opened = client.ask(&gateway.client(), true).open().await;
        opened.piece().await.expect("a beginning");
        drop(opened);
        within(A_SECOND, "the upstream to be left", other.closed()).await;
        let silent = Upstream::always(Reply::silence()).await;
        let gateway = upstream.over(&silent).start().await;
        let wire = client.ask(&gateway.client(), true).wired().await;
        silent.request(0).await;
        drop(wire);
        within(A_SECOND, "the upstream to be left", silent.closed()).await;
    }
}

/// A chunk of Gemini's with a picture of three megabytes, and one that ends.
fn picture() -> (String, String) {
    let data = "iVBORw0KGgo".repeat(3 << 20 >> 3)[..3 << 20].to_owned();
    let chunk = |parts: Value, finish: Option<&str>| {
        let mut candidate = json!({"index": 0, "content": {"role": "model", "parts": parts}});
        if let Some(finish) = finish {
            candidate["finishReason"] = json!(finish);
        }
        json!({"candidates": [candidate], "modelVersion": "gemini-3-pro",
            "usageMetadata": {"promptTokenCount": 31, "candidatesTokenCount": 17}})
        .to_string()
    };
    let image = json!([{"inlineData": {"mimeType": "image/png", "data": data}}]);
    let stream = events([
        chunk(image, None),
        chunk(json!([{"text": SAID}]), Some("STOP")),
    ]);
    (stream, data)
}

#[tokio::test]
async fn a_picture_of_three_megabytes_comes_through() {
    let (stream, data) = picture();
    for client in [TO_CHAT, TO_RESPONSES, TO_ANTHROPIC] {
        for size in [10_000, 10_000_000] {
            let reply = Reply::stream().in_pieces(stream.as_bytes(), size);
            let answer = told(client, TO_GEMINI, reply).await;
            let has_picture = answer.text().contains(&data);
            // Anthropic's answers hold no pictures.
            assert_eq!(
                has_picture,
                client.name() != "anthropic",
                "{}",
                client.name()
            );
            assert_whole(client, answer, client.name());
        }
    }
}

#[tokio::test]
async fn an_event_without_end_is_given_up() {
    let (begun, _) = TO_CHAT.halves();
    let reply = Reply::stream()
        .bytes(format!("{begun}data: {{\"x\":\""))
        .flood("x".repeat(65536).as_bytes());
    let answer = told(TO_ANTHROPIC, TO_CHAT, reply).await;
    let text = answer.text();
    assert!(text.len() < 100_000, "nothing of it is passed on");
    assert!(TO_ANTHROPIC.error_in(&text).is_some(), "{text}");
}

#[tokio::test]
async fn a_promised_stream_shows_signs_of_life() {
    for (client, upstream) in pairs() {
        let place = format!("{} to {}", client.name(), upstream.name());
        let gate = Gate::new();
        let other = Upstream::always(upstream.reply(true).behind(&gate)).await;
        let config = upstream.over(&other).router("commit_hold", 0.01);
        let gateway = config.start().await;
        let sign = match client.name() {
            "gemini" => "",
            "anthropic" => "event: ping\ndata: {\"type\": \"ping\"}\n\n",
            _ => ": ping\n\n",
        };
        let call = client.ask(&gateway.client(), true);
        let (first, mut answer) = if sign.is_empty() {
            // Google's SDKs survive none.
            let wire = call.wired().await;
            other.request(0).await;
            gate.open();
            (String::new(), wire.answer().await.whole().await)
        } else {
            let mut opened = call.open().await;
            let first = opened.piece().await.expect("a sign of life");
            gate.open();
            let first = String::from_utf8_lossy(&first).into_owned();
            (first, opened.whole().await)
        };
        assert_eq!(first, sign, "{place}");
        let rest = answer.text().replace(sign.trim_end(), "");
        answer.body = rest.into_bytes();
        assert_whole(client, answer, &place);
    }
}

#[tokio::test]
async fn a_promise_that_cannot_be_kept_ends_in_an_error() {
    for (client, upstream) in pairs().filter(|(client, _)| client.name() != "gemini") {
        let gate = Gate::new();
        let other = Upstream::always(Reply::json(500, "{}").behind(&gate)).await;
        let config = upstream.over(&other).router("commit_hold", 0.01);
        let gateway = config.start().await;
        let mut opened = client.ask(&gateway.client(), true).open().await;
        opened.piece().await.expect("a sign of life");
        gate.open();
        let text = opened.whole().await.text();
        let place = format!("{} to {}: {text}", client.name(), upstream.name());
        assert!(client.error_in(&text).is_some(), "{place}");
        assert!(!client.claims_end(&text), "{place}");
    }
}

/// The elements of what a Gemini client without events is told.
async fn array(upstream: Talk, reply: Reply) -> (Vec<Value>, Answer) {
    let other = Upstream::always(reply).await;
    let gateway = upstream.over(&other).start().await;
    let target = "/v1beta/models/m:streamGenerateContent";
    let body = TO_GEMINI.body("m", true);
    let answer = gateway.client().post(target, body).send().await;
    let elements = answer.json();
    let elements = elements.as_array().expect("an array").clone();
    (elements, answer)
}

#[tokio::test]
async fn googles_array_is_made_of_any_stream() {
    for upstream in [TO_CHAT, TO_RESPONSES, TO_ANTHROPIC] {
        for size in [1, 100_000] {
            let reply = Reply::stream().in_pieces(upstream.stream().as_bytes(), size);
            let (elements, answer) = array(upstream, reply).await;
            assert_eq!(answer.header("content-type"), Some("application/json"));
            let texts = elements
                .iter()
                .map(|element| TO_GEMINI.heard_in(element).text);
            assert_eq!(texts.collect::<String>(), SAID, "{}", answer.text());
            let last = elements.last().expect("an element");
            assert_eq!(last["candidates"][0]["finishReason"], "STOP");
            assert_eq!(last["usageMetadata"]["promptTokenCount"], 31);
        }
        let (begun, _) = upstream.halves();
        let broken = Reply::stream().bytes(format!("{begun}{}", upstream.tongue.error));
        let (elements, answer) = array(upstream, broken).await;
        assert_eq!(answer.status, 200);
        let last = elements.last().expect("an element");
        assert!(last["error"]["message"].is_string(), "{last}");
        assert!(!answer.text().contains("finishReason"));
    }
}

#[tokio::test]
async fn many_translated_streams_run_side_by_side() {
    let mut config = Config::new();
    let mut upstreams = Vec::new();
    for upstream in TALKS {
        let other = upstream.upstream().await;
        let models = json!({upstream.name(): {"upstream": upstream.model}});
        let fields = json!({"type": upstream.kind, "models": models});
        config = config.provider(upstream.name(), &other, fields);
        upstreams.push(other);
    }
    let gateway = config.start().await;
    let asking: Vec<_> = (0..64)
        .map(|turn| {
            let (client, upstream) = (TALKS[turn % 4], TALKS[turn / 4 % 4]);
            let model = upstream.name();
            let target = client.target(model, true);
            let call = gateway.client().post(&target, client.body(model, true));
            tokio::spawn(async move { client.heard(&call.send().await, true).text })
        })
        .collect();
    for one in asking {
        assert_eq!(one.await.expect("no panic"), SAID);
    }
}
