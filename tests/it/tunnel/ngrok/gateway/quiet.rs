//! Neither ngrok's authtoken nor the key made for the run is shown anywhere but where it belongs.

use std::fs;
use std::path::Path;

use rustix::process::Signal;
use serde_json::Value;

use super::{Process, TOKEN, answering, made_key, to, was_seen};
use crate::support::ngrok_edge::{Edge, Event};
use crate::support::{Answer, Binary, Config, chat};

/// Everything is logged, also by the libraries that speak with ngrok.
const EVERYTHING: [&str; 2] = ["--log-level", "trace,ngrok=trace,muxado=trace,hyper=trace"];

/// All that the program has let out, but for the key's own file.
fn output(binary: &Binary) -> String {
    let mut all = binary.stdout() + &binary.stderr();
    for folder in ["logs", "run"] {
        collect(&binary.home().join(folder), &mut all);
    }
    all
}

fn collect(folder: &Path, all: &mut String) {
    for entry in fs::read_dir(folder).expect("a directory of the program's") {
        let path = entry.expect("an entry").path();
        if !path.ends_with("run/client.key") {
            let bytes = fs::read(&path).expect("a file of the program's");
            all.push_str(&String::from_utf8_lossy(&bytes));
        }
    }
}

fn shown(answer: &Answer) -> String {
    format!("{:?}\n{}\n", answer.headers, answer.text())
}

/// Neither `secret` nor the middle of it is in `text`.
#[track_caller]
fn assert_hides(text: &str, secret: &str) {
    for part in [secret, &secret[6..secret.len() - 6]] {
        if let Some(at) = text.find(part) {
            let (from, to) = (at.saturating_sub(200), (at + 100).min(text.len()));
            let (from, to) = (text.floor_char_boundary(from), text.ceil_char_boundary(to));
            panic!("it shows {part}: {}", &text[from..to]);
        }
    }
}

#[tokio::test]
async fn a_life_with_breaks_shows_no_secret() {
    let upstream = answering().await;
    let mut process = Process::with(Config::over([&upstream]), &EVERYTHING).await;
    let key = process.key();
    let mut answers = String::new();
    for client in [process.stranger(), process.owner(), process.local.clone()] {
        for path in ["/health", "/v1/models", "/metrics", "/nothing"] {
            answers += &shown(&client.get(path).send().await);
            let in_query = format!("{path}?key={key}");
            answers += &shown(&client.get(&in_query).send().await);
        }
        answers += &shown(&client.chat(chat::ask("m")).send().await);
    }
    process.edge.cut();
    let again = |tunnel: &Value| was_seen(tunnel) && tunnel["restarts"] == 1;
    process.binary.tunnel("another session", again).await;
    let words = format!("because of {TOKEN} and {key}");
    process
        .edge
        .stop_endpoint(&words, Some("ERR_NGROK_999"))
        .await;
    process.binary.says("ngrok stopped it").await;
    answers += &process.health().await.to_string();
    process.binary.signal(Signal::TERM);
    assert_eq!(process.binary.exit().await.code(), Some(0));
    let output = output(&process.binary);
    assert!(output.contains("because of [redacted]"), "{output}");
    assert!(output.contains("sending frame to remote"), "{output}");
    assert!(answers.contains("invalid_api_key"), "{answers}");
    for text in [output, answers] {
        assert_hides(&text, TOKEN);
        assert_hides(&text, &key);
    }
}

#[tokio::test]
async fn a_token_that_ngrok_quotes_back_is_not_shown() {
    let upstream = answering().await;
    for (token, refusal) in [
        ("another-token", None),
        (TOKEN, Some(format!("Look at {TOKEN}!\n\nERR_NGROK_7777\n"))),
        (TOKEN, Some(format!("Your authtoken: {TOKEN}"))),
    ] {
        for mode in [&["--json"][..], &[]] {
            let edge = Edge::start(token).await;
            if let Some(words) = &refusal {
                edge.refuse_greetings(100, words);
            }
            let config = Config::over([&upstream]).server("tunnel", to(&edge)).text();
            let mut binary = Binary::launch(&config, &[&["start"], mode, &EVERYTHING].concat());
            binary.says("reason").await;
            edge.saw(Event::Connected, 1).await;
            binary.signal(Signal::TERM);
            assert_eq!(binary.exit().await.code(), Some(0), "{}", binary.stderr());
            let output = output(&binary);
            assert!(output.contains("ngrok re"), "{output}");
            assert_hides(&output, TOKEN);
            assert_hides(&output, &made_key(binary.home()));
        }
    }
}
