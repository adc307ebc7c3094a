//! `autogw explain`, as people run it.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::support::{Binary, Config, Reply, Upstream, chat};

/// The middle of every secret here.
const CANARY: &str = "canary8e4c";

async fn upstream() -> Upstream {
    Upstream::always(Reply::json(200, chat::answer("A"))).await
}

/// What a finished program has said.
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Said {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out)
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.out, self.err))
    }
}

async fn finish(mut binary: Binary) -> Said {
    let code = binary.exit().await.code();
    Said {
        code,
        out: binary.stdout(),
        err: binary.stderr(),
    }
}

/// Explains by a configuration for which no gateway runs.
async fn alone(config: &Config, args: &[&str]) -> Said {
    // Nobody listens on port 1.
    let config = config.clone().server("port", 1).text();
    finish(Binary::launch(&config, &[&["explain"], args].concat())).await
}

#[tokio::test]
async fn it_tells_what_the_running_gateway_would_do() {
    let (a, b) = (upstream().await, upstream().await);
    let config = Config::over([&a, &b]).router("strategy", "bandit");
    let (running, client) = Binary::start(&config.text()).await;
    let url = running.banner().await["url"]
        .as_str()
        .expect("a url")
        .to_owned();
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..6 {
        let said =
            finish(running.again(&["explain", "--model", "m", "--url", &url, "--json"])).await;
        assert_eq!(said.code, Some(0), "{}", said.err);
        let before = (a.count(), b.count());
        client.chat(chat::ask("m")).send().await.expect_status(200);
        let asked = if a.count() > before.0 { "a" } else { "b" };
        assert_eq!(said.json()["chosen"]["provider"], asked);
        seen.insert(asked);
    }
    assert_eq!(seen.len(), 2, "always the same proves nothing");
    let said = finish(running.again(&["explain", "--model", "m", "--url", &url])).await;
    for words in [
        "TARGET",
        "VERDICT",
        "chosen",
        "is asked first",
        "If it fails:",
    ] {
        assert!(said.out.contains(words), "{words}: {}", said.out);
    }
    assert!(!said.out.contains('\u{1b}'), "no colours in a pipe");
    assert_eq!(said.err, "");
}

#[tokio::test]
async fn the_configuration_says_where_the_gateway_is_and_with_which_key() {
    let upstream = upstream().await;
    let home = tempfile::tempdir().expect("a temporary directory");
    let socket = home.path().join("gw.sock");
    let config = Config::over([&upstream]).set(
        "server",
        json!({"socket_path": socket.to_string_lossy(), "api_key": "client-key"}),
    );
    let (running, _client) = Binary::start_with(&config.text(), &[]).await;
    let said = finish(running.again(&["explain", "-m", "m", "--json"])).await;
    assert_eq!((said.code, &*said.err), (Some(0), ""), "{}", said.out);
    assert_eq!(said.json()["chosen"]["provider"], "a");
    let said = finish(running.again(&["explain", "-m", "m", "--key", "wrong"])).await;
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("AUTOGW_API_KEY"), "{}", said.err);
}

#[tokio::test]
async fn without_a_gateway_the_configuration_answers_alone_and_says_so() {
    let upstream = upstream().await;
    let config = Config::over([&upstream]);
    let said = alone(&config, &["--model", "m"]).await;
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(
        said.err.contains("no gateway runs at http://127.0.0.1:1"),
        "{}",
        said.err
    );
    assert!(said.out.contains("a/m is asked first"), "{}", said.out);
    let said = alone(&config, &["--model", "m", "--exclude", "a"]).await;
    assert_eq!(said.code, Some(1));
    let said = alone(&config, &["--request-id", "x"]).await;
    assert_eq!(said.code, Some(1));
    assert_eq!(upstream.count(), 0, "nobody was asked");
}

#[tokio::test]
async fn no_target_is_exit_1_with_the_reason() {
    let upstream = upstream().await;
    let config = Config::over([&upstream]);
    let said = alone(&config, &["--model", "nonsense"]).await;
    assert_eq!(said.code, Some(1));
    assert!(
        said.err.contains("no provider offers the model `nonsense`"),
        "{}",
        said.err
    );
    let said = alone(&config, &["--model", "nonsense", "--json"]).await;
    assert_eq!(said.code, Some(1));
    assert_eq!(said.json()["error"]["code"], "model_not_found");
}

#[tokio::test]
async fn what_is_no_request_is_exit_2_with_its_place() {
    let upstream = upstream().await;
    let config = Config::over([&upstream]);
    let said = alone(&config, &[r#"{"model": "m",}"#]).await;
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("line 1 column 15"), "{}", said.err);
    for args in [
        &["[]"][..],
        &["-"],
        &[],
        &["--model", "m", "--request-id", "x"],
        &["--model", "m", "--strategy", "fastest"],
        &["--model", "m", "--url", "ftp://x"],
    ] {
        let said = alone(&config, args).await;
        assert_eq!(said.code, Some(2), "{args:?}: {}", said.err);
    }
}

#[tokio::test]
async fn a_program_that_is_no_gateway_is_shown_nothing() {
    let stranger = upstream().await;
    let provider = upstream().await;
    let port = stranger.address().port();
    let config = Config::over([&provider])
        .server("port", port)
        .server("api_key", CANARY);
    let said = finish(Binary::launch(&config.text(), &["explain", "-m", "m"])).await;
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.err.contains("is not autogw"), "{}", said.err);
    for request in stranger.requests() {
        assert!(!request.text().contains(CANARY), "{}", request.text());
        assert!(!request.text().contains("\"model\""), "{}", request.text());
    }
}

#[tokio::test]
async fn no_key_is_shown() {
    let upstream = upstream().await;
    let key = |name: &str| format!("sk-{name}-{CANARY}-0123456789");
    let config = Config::new()
        .provider(
            "a",
            &upstream,
            json!({"api_key": {"work": key("a"), "home": key("b")},
            "extra_headers": {"x-token": key("c")}}),
        )
        .server("api_key", key("client"));
    let url = format!("http://user:{}@127.0.0.1:1", key("url"));
    for args in [
        &["-m", "m"][..],
        &["-m", "m", "--json"],
        &["-m", "gone"],
        &["-m", "m", "--url", &url, "--key", &key("flag")],
    ] {
        let said = alone(&config, args).await;
        for text in [&said.out, &said.err] {
            assert!(!text.contains(CANARY), "{args:?}: {text}");
        }
        assert!(!(said.out + &said.err).is_empty());
    }
}

#[tokio::test]
async fn nothing_is_configured_and_nothing_runs() {
    let home = Arc::new(tempfile::tempdir().expect("a temporary directory"));
    let said = finish(Binary::run(home, ["explain", "-m", "m"], [("PATH", "")])).await;
    assert_ne!(said.code, Some(0));
    assert_ne!(said.err, "");
}

#[tokio::test]
async fn without_a_gateway_it_goes_by_what_the_last_one_has_kept_and_touches_nothing() {
    let busy = Reply::json(429, chat::error("slow", "rate_limit_error", None));
    let busy = busy.header("retry-after", "600");
    let upstream = Upstream::script([busy, Reply::json(200, chat::answer("A"))]).await;
    let keys = json!({"api_key": {"tired": "key-1", "fresh": "key-2"}});
    let config = Config::new()
        .provider("a", &upstream, keys)
        .real_rests()
        .set("router.persistence_path", "~/state.json");
    let (mut last, client) = Binary::start(&config.text()).await;
    client.chat(chat::ask("m")).send().await.expect_status(200);
    last.signal(rustix::process::Signal::TERM);
    assert!(last.exit().await.success());
    let path = last.home().join("state.json");
    let lock = last.home().join("state.json.lock");
    let kept = std::fs::read(&path).expect("a state file");
    std::fs::remove_file(&lock).expect("a lock that is held no more");
    let said = finish(last.again(&["explain", "-m", "m", "--json"])).await;
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.err.contains("state.json"), "{}", said.err);
    let decision = said.json();
    assert_eq!(decision["chosen"]["alias"], "fresh", "{decision}");
    let resting = &decision["candidates"][1];
    assert_eq!(resting["excluded"]["code"], "resting", "{decision}");
    assert_eq!(std::fs::read(&path).expect("it is there"), kept);
    assert!(!lock.exists(), "nobody claims the file");
    std::fs::write(&path, "{").expect("writable");
    let said = finish(last.again(&["explain", "-m", "m", "--json"])).await;
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.err.contains("cannot be used"), "{}", said.err);
    assert_eq!(std::fs::read(&path).expect("it is there"), b"{");
}

#[tokio::test]
async fn a_past_request_is_told_from_the_running_gateway() {
    let down = Upstream::always(Reply::json(503, chat::error("down", "server_error", None))).await;
    let good = upstream().await;
    let (running, client) = Binary::start(&Config::over([&down, &good]).text()).await;
    let url = running.banner().await["url"]
        .as_str()
        .expect("a url")
        .to_owned();
    let call = client.chat(chat::ask("m")).header("x-request-id", "r-7");
    call.send().await.expect_status(200);
    // The book is closed right behind the last byte.
    let remembered =
        async { while client.get("/routing/requests/r-7").send().await.status != 200 {} };
    crate::support::patiently("a remembered request", remembered).await;
    let said = finish(running.again(&["explain", "--request-id", "r-7", "--url", &url])).await;
    assert_eq!((said.code, &*said.err), (Some(0), ""));
    for words in ["r-7", "a/m", "server error (503)", "failover", "ok (200)"] {
        assert!(said.out.contains(words), "{words}: {}", said.out);
    }
    let said = finish(running.again(&["explain", "--request-id", "none", "--url", &url])).await;
    assert_eq!(said.code, Some(1));
    assert!(said.err.contains("`none`"), "{}", said.err);
}
