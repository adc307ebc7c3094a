//! What an upstream may do to a request, row by row: where the request goes, who rests, what counts toward the
//! breaker, and what the client is told when nobody else is left.
//!
//! Each row holds for upstreams that are passed through and for translated ones, whole and streamed.

use serde_json::{Value, json};

use crate::support::talk::{TO_ANTHROPIC, TO_CHAT, TO_GEMINI, Talk};
use crate::support::{Answer, Config, Gateway, Reply, Upstream, chat};

/// Where a request goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goes {
    /// To the provider's other key.
    Key,
    /// To the next provider.
    Provider,
    /// To the same target once more, then to the next provider.
    Same,
    /// Back to the client, with this status.
    Back(u16),
}

/// Who rests afterwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rests {
    Key,
    Place,
    Nobody,
}

/// What an upstream does.
#[derive(Clone, Copy)]
enum Fault {
    /// It does not take connections.
    Refuses,
    /// It answers so, whether it is to stream or not.
    Answers(fn(Talk, bool) -> Reply),
}

struct Row {
    name: &'static str,
    fault: Fault,
    goes: Goes,
    rests: Rests,
    /// Whether it counts toward the breaker; nothing is said where a rest hides it.
    counts: Option<bool>,
    /// What a client is told when nobody else is left: status and `x-should-retry`.
    alone: (u16, Option<&'static str>),
    /// Nothing, if it holds for every dialect.
    only: Option<Talk>,
}

const fn row(name: &'static str, fault: fn(Talk, bool) -> Reply, goes: Goes, rests: Rests) -> Row {
    Row {
        name,
        fault: Fault::Answers(fault),
        goes,
        rests,
        counts: Some(matches!(rests, Rests::Place)),
        alone: (502, None),
        only: None,
    }
}

impl Row {
    const fn alone(mut self, status: u16, should_retry: Option<&'static str>) -> Self {
        self.alone = (status, should_retry);
        self
    }

    const fn unseen(mut self) -> Self {
        self.counts = None;
        self
    }
}

/// The client's own repeats cannot help.
const FINAL: Option<&str> = Some("false");

const ROWS: &[Row] = &[
    Row {
        fault: Fault::Refuses,
        ..row("connection refused", silence, Goes::Same, Rests::Place)
    },
    row(
        "reset before the head",
        |_, _| Reply::reset(),
        Goes::Provider,
        Rests::Place,
    ),
    row(
        "closed before the head",
        |_, _| Reply::close(),
        Goes::Provider,
        Rests::Place,
    ),
    row("silence", silence, Goes::Provider, Rests::Place).alone(504, None),
    row(
        "408",
        |talk, _| error(talk, 408, "", ""),
        Goes::Same,
        Rests::Nobody,
    )
    .alone(504, None),
    row(
        "409",
        |talk, _| error(talk, 409, "", ""),
        Goes::Same,
        Rests::Nobody,
    ),
    row("429 with Retry-After", limited, Goes::Key, Rests::Key)
        .unseen()
        .alone(429, None),
    row(
        "429",
        |talk, _| error(talk, 429, "rate_limit_error", ""),
        Goes::Key,
        Rests::Key,
    )
    .alone(429, None),
    row(
        "429 of money",
        |talk, _| error(talk, 429, "insufficient_quota", ""),
        Goes::Key,
        Rests::Key,
    )
    .alone(429, None),
    row(
        "402",
        |talk, _| error(talk, 402, "billing_error", ""),
        Goes::Key,
        Rests::Key,
    )
    .alone(429, None),
    row(
        "401",
        |talk, _| error(talk, 401, "authentication_error", ""),
        Goes::Key,
        Rests::Key,
    )
    .unseen()
    .alone(502, FINAL),
    row(
        "403",
        |talk, _| error(talk, 403, "permission_error", ""),
        Goes::Key,
        Rests::Key,
    )
    .unseen()
    .alone(502, FINAL),
    Row {
        only: Some(TO_GEMINI),
        ..row(
            "Gemini's 400 for a bad key",
            bad_gemini_key,
            Goes::Key,
            Rests::Key,
        )
        .unseen()
        .alone(502, FINAL)
    },
    row(
        "404 of the model",
        unknown_model,
        Goes::Provider,
        Rests::Place,
    )
    .unseen()
    .alone(404, FINAL),
    row(
        "400",
        |talk, _| error(talk, 400, "invalid_request_error", ""),
        Goes::Back(400),
        Rests::Nobody,
    )
    .alone(400, FINAL),
    row(
        "413",
        |talk, _| error(talk, 413, "request_too_large", ""),
        Goes::Back(413),
        Rests::Nobody,
    )
    .alone(413, FINAL),
    row(
        "422",
        |talk, _| error(talk, 422, "invalid_request_error", ""),
        Goes::Back(422),
        Rests::Nobody,
    )
    .alone(422, FINAL),
    row("a prompt too long", too_long, Goes::Provider, Rests::Nobody).alone(400, FINAL),
    row(
        "a prompt filtered",
        filtered,
        Goes::Back(400),
        Rests::Nobody,
    )
    .alone(400, FINAL),
    row(
        "500",
        |talk, _| error(talk, 500, "server_error", ""),
        Goes::Key,
        Rests::Place,
    ),
    row(
        "502",
        |talk, _| error(talk, 502, "server_error", ""),
        Goes::Key,
        Rests::Place,
    ),
    row(
        "503",
        |talk, _| error(talk, 503, "server_error", "server_is_overloaded"),
        Goes::Key,
        Rests::Place,
    ),
    row(
        "504",
        |talk, _| error(talk, 504, "server_error", ""),
        Goes::Key,
        Rests::Place,
    ),
    row(
        "520",
        |talk, _| error(talk, 520, "server_error", ""),
        Goes::Key,
        Rests::Place,
    ),
    row(
        "529",
        |talk, _| error(talk, 529, "overloaded_error", ""),
        Goes::Key,
        Rests::Place,
    ),
    row(
        "an error in a 200",
        |talk, streamed| disguised(talk, streamed, "server_error"),
        Goes::Key,
        Rests::Place,
    ),
    row(
        "a rate limit in a 200",
        |talk, streamed| disguised(talk, streamed, "rate_limit_error"),
        Goes::Key,
        Rests::Key,
    )
    .alone(429, None),
    row(
        "half a document",
        |_, _| Reply::json(200, r#"{"choices":[{"mess"#),
        Goes::Provider,
        Rests::Place,
    ),
    row(
        "a page",
        |_, _| Reply::typed(200, "text/html", "<html>login</html>"),
        Goes::Provider,
        Rests::Place,
    ),
    row(
        "no choices",
        |_, _| Reply::json(200, "{}"),
        Goes::Provider,
        Rests::Place,
    ),
    row(
        "a stream cut before its first token",
        cut_early,
        Goes::Provider,
        Rests::Place,
    ),
];

fn silence(_: Talk, _: bool) -> Reply {
    Reply::silence()
}

fn error(talk: Talk, status: u16, kind: &str, code: &str) -> Reply {
    let code = (!code.is_empty()).then_some(code);
    let message = "no";
    let body = match talk.name() {
        "anthropic" => json!({"type": "error", "error": {"type": kind, "message": message}}),
        _ => json!({"error": {"message": message, "type": kind, "code": code, "param": null}}),
    };
    Reply::json(status, body)
}

fn limited(talk: Talk, _: bool) -> Reply {
    error(talk, 429, "rate_limit_error", "").header("retry-after", "60")
}

fn bad_gemini_key(_: Talk, _: bool) -> Reply {
    let details =
        json!([{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}]);
    let message = "API key not valid. Please pass a valid API key.";
    Reply::json(
        400,
        json!({"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT", "details": details}}),
    )
}

fn unknown_model(talk: Talk, _: bool) -> Reply {
    match talk.name() {
        "anthropic" => Reply::json(
            404,
            json!({"type": "error", "error": {"type": "not_found_error", "message": "the model `m` does not exist"}}),
        ),
        _ => error(talk, 404, "invalid_request_error", "model_not_found"),
    }
}

fn too_long(talk: Talk, _: bool) -> Reply {
    let message = "prompt is too long: 300000 tokens > 200000 maximum";
    match talk.name() {
        "anthropic" => Reply::json(
            400,
            json!({"type": "error", "error": {"type": "invalid_request_error", "message": message}}),
        ),
        _ => error(
            talk,
            400,
            "invalid_request_error",
            "context_length_exceeded",
        ),
    }
}

fn filtered(talk: Talk, _: bool) -> Reply {
    error(talk, 400, "content_filter", "content_filter")
}

fn disguised(talk: Talk, streamed: bool, kind: &str) -> Reply {
    let body = match talk.name() {
        "anthropic" => json!({"type": "error", "error": {"type": kind, "message": "no"}}),
        _ => json!({"error": {"message": "no", "type": kind, "code": null, "param": null}}),
    };
    match (streamed, talk.name()) {
        (false, _) => Reply::json(200, body),
        (true, "anthropic") => Reply::stream().bytes(format!("event: error\ndata: {body}\n\n")),
        (true, _) => Reply::stream().event(&body.to_string()),
    }
}

fn cut_early(talk: Talk, streamed: bool) -> Reply {
    if !streamed {
        return talk.reply(false).cut_after(20);
    }
    let (begun, _) = talk.halves();
    let preamble = begun.find("\n\n").map_or(0, |end| end + 2);
    Reply::stream().bytes(&begun[..preamble]).closing()
}

/// An upstream that does what the row says to whoever comes with the first key, and answers the others.
async fn faulty(row: &Row, talk: Talk, streamed: bool) -> Upstream {
    match row.fault {
        Fault::Refuses => Upstream::refusing(),
        Fault::Answers(fault) => {
            Upstream::answering(move |request, _| {
                let is_good = request
                    .headers
                    .iter()
                    .any(|(_, value)| value.contains("key-2"));
                if is_good {
                    talk.reply(streamed)
                } else {
                    fault(talk, streamed)
                }
            })
            .await
        }
    }
}

/// A provider of `talk` with these keys, which serves `m` and `n`.
fn fields(talk: Talk, keys: &[&str]) -> Value {
    let model = json!({"upstream": talk.model});
    json!({"type": talk.kind, "api_key": keys, "models": {"m": model, "n": model}})
}

async fn ask(gateway: &Gateway, model: &str, streamed: bool) -> Answer {
    let body = if streamed {
        chat::ask_stream(model)
    } else {
        chat::ask(model)
    };
    gateway.chat(body).send().await
}

fn quick(config: Config) -> Config {
    let config = config.router("timeouts.response", 0.3);
    config
        .router("timeouts.first_token", 0.3)
        .router("retries", 1)
}

/// Every row, with an upstream that is native to a Chat client and with one that is not.
fn cases() -> impl Iterator<Item = (&'static Row, Talk, bool)> {
    let talks = |row: &'static Row| {
        let both = [TO_CHAT, TO_ANTHROPIC]
            .into_iter()
            .filter(|_| row.only.is_none());
        row.only.into_iter().chain(both)
    };
    let pairs = ROWS
        .iter()
        .flat_map(move |row| talks(row).map(move |talk| (row, talk)));
    pairs.flat_map(|(row, talk)| [false, true].map(|streamed| (row, talk, streamed)))
}

fn place(row: &Row, talk: Talk, streamed: bool) -> String {
    let kind = if streamed { "streamed" } else { "whole" };
    format!("{} of {} {kind}", row.name, talk.name())
}

#[tokio::test]
async fn a_request_goes_where_its_row_says() {
    for (row, talk, streamed) in cases() {
        let place = place(row, talk, streamed);
        let (a, b) = (faulty(row, talk, streamed).await, talk.upstream().await);
        let config = Config::new().provider("a", &a, fields(talk, &["key-1", "key-2"]));
        let gateway = quick(config.provider("b", &b, fields(talk, &["key-2"])))
            .start()
            .await;
        let answer = ask(&gateway, "m", streamed).await;
        let asked: Vec<bool> = a
            .requests()
            .iter()
            .map(|request| request.headers.iter().any(|(_, v)| v.contains("key-1")))
            .collect();
        let is_refusing = matches!(row.fault, Fault::Refuses);
        match row.goes {
            Goes::Key => {
                assert_eq!(
                    (answer.status, answer.provider()),
                    (200, "a"),
                    "{place}: {}",
                    answer.text()
                );
                assert_eq!(asked, [true, false], "{place}");
            }
            Goes::Provider => {
                assert_eq!(
                    (answer.status, answer.provider()),
                    (200, "b"),
                    "{place}: {}",
                    answer.text()
                );
                assert_eq!(asked, [true], "{place}");
            }
            Goes::Same => {
                assert_eq!(
                    (answer.status, answer.provider()),
                    (200, "b"),
                    "{place}: {}",
                    answer.text()
                );
                assert!(is_refusing || asked == [true, true], "{place}: {asked:?}");
            }
            Goes::Back(status) => {
                assert_eq!(answer.status, status, "{place}: {}", answer.text());
                assert_eq!((asked, b.count()), (vec![true], 0), "{place}");
            }
        }
    }
}

#[tokio::test]
async fn who_is_to_blame_rests_and_nobody_else() {
    for (row, talk, streamed) in cases() {
        if matches!(row.fault, Fault::Refuses) {
            continue; // Nobody could be seen being asked.
        }
        let place = place(row, talk, streamed);
        let (a, b) = (faulty(row, talk, streamed).await, talk.upstream().await);
        let config = Config::new().provider("a", &a, fields(talk, &["key-1"]));
        let config = quick(config.provider("b", &b, fields(talk, &["key-2"]))).real_rests();
        let gateway = config.start().await;
        ask(&gateway, "m", streamed).await;
        let first = a.count();
        ask(&gateway, "m", streamed).await;
        let again = a.count() - first;
        ask(&gateway, "n", streamed).await;
        let other = a.count() - first - again;
        let seen = match (again, other) {
            (0, 0) => Rests::Key,
            (0, _) => Rests::Place,
            _ => Rests::Nobody,
        };
        assert_eq!(
            seen, row.rests,
            "{place}: asked {first}, {again} and {other} times"
        );
    }
}

#[tokio::test]
async fn the_breaker_counts_the_providers_own_faults_and_no_others() {
    for (row, talk, streamed) in cases() {
        let Some(counts) = row.counts.filter(|_| !matches!(row.fault, Fault::Refuses)) else {
            continue;
        };
        let place = place(row, talk, streamed);
        let (a, b) = (faulty(row, talk, streamed).await, talk.upstream().await);
        let config = Config::new().provider("a", &a, fields(talk, &["key-1"]));
        let config = quick(config.provider("b", &b, fields(talk, &["key-2"])));
        let config = config.router("retries", 0).router("circuit.threshold", 3);
        let gateway = config.router("circuit.open", 60).start().await;
        for _ in 0..3 {
            ask(&gateway, "m", streamed).await;
            // Rests of the tests are a millisecond long.
            tokio::time::sleep(std::time::Duration::from_millis(3)).await;
        }
        let before = a.count();
        ask(&gateway, "m", streamed).await;
        let is_open = a.count() == before;
        assert_eq!(is_open, counts, "{place}: asked {before} times before");
    }
}

#[tokio::test]
async fn a_client_that_has_nobody_else_is_told_what_helps() {
    let mut wrong = Vec::new();
    for (row, talk, streamed) in cases() {
        let place = place(row, talk, streamed);
        let a = faulty(row, talk, streamed).await;
        let config = Config::new().provider("a", &a, fields(talk, &["key-1"]));
        let gateway = quick(config).start().await;
        let answer = ask(&gateway, "m", streamed).await;
        let told = (answer.status, answer.header("x-should-retry"));
        if told != row.alone {
            wrong.push(format!("{place}: {told:?} instead of {:?}", row.alone));
        }
        if answer.status == 429 {
            assert!(
                answer.header("retry-after").is_some(),
                "{place}: {:?}",
                answer.headers
            );
        }
        assert!(!answer.text().contains("key-1"), "{place}");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn a_stream_that_dies_behind_its_first_token_is_not_repeated_and_counts() {
    for talk in [TO_CHAT, TO_ANTHROPIC] {
        let (begun, _) = talk.halves();
        let a = Upstream::always(Reply::stream().bytes(begun).closing()).await;
        let b = talk.upstream().await;
        let config = Config::new().provider("a", &a, fields(talk, &["key-1"]));
        let config = quick(config.provider("b", &b, fields(talk, &["key-2"])));
        let config = config
            .router("circuit.threshold", 3)
            .router("circuit.open", 60);
        let gateway = config.start().await;
        for _ in 0..3 {
            let answer = ask(&gateway, "m", true).await.expect_status(200);
            assert_eq!(answer.provider(), "a");
            let events = answer.events();
            let last = events.last().expect("an event");
            assert!(chat::is_error(last), "{last}");
            tokio::time::sleep(std::time::Duration::from_millis(3)).await;
        }
        let answer = ask(&gateway, "m", true).await.expect_status(200);
        assert_eq!((answer.provider(), a.count()), ("b", 3), "{}", talk.name());
    }
}

#[tokio::test]
async fn a_client_that_leaves_counts_for_nothing() {
    for talk in [TO_CHAT, TO_ANTHROPIC] {
        let (a, b) = (
            Upstream::always(Reply::silence()).await,
            talk.upstream().await,
        );
        let config = Config::new().provider("a", &a, fields(talk, &["key-1"]));
        let config = config.provider("b", &b, fields(talk, &["key-2"]));
        let gateway = config.router("circuit.threshold", 1).start().await;
        for number in 0..4 {
            let call = gateway.chat(chat::ask("m"));
            let left = tokio::spawn(async move { call.send().await });
            // Were it counted, the second would go to the other provider.
            a.request(number).await;
            left.abort();
        }
        assert_eq!((a.count(), b.count()), (4, 0), "{}", talk.name());
    }
}
