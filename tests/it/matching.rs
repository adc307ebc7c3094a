//! Which provider a model string, a pin or a list means, and what the gateway lists.

use serde_json::{Value, json};

use crate::support::{Answer, Config, Gateway, Reply, Upstream, chat};

/// Providers `one` (gpt-4o, vendor/x-large), `two` (GPT-4o, llama) and `three` (llama, a,b).
struct House {
    gateway: Gateway,
    upstreams: [Upstream; 3],
}

async fn house(change: impl FnOnce(Config) -> Config) -> House {
    let upstreams = [named("one").await, named("two").await, named("three").await];
    let [one, two, three] = &upstreams;
    let config = Config::new()
        .provider("one", one, json!({"models": ["gpt-4o", "vendor/x-large"]}))
        .provider("two", two, json!({"models": ["GPT-4o", "llama"]}))
        .provider("three", three, json!({"models": ["llama", "a,b"]}));
    let gateway = change(config).start().await;
    House { gateway, upstreams }
}

async fn named(name: &str) -> Upstream {
    Upstream::always(Reply::json(200, chat::answer(name))).await
}

impl House {
    async fn ask(&self, model: &str) -> Answer {
        self.gateway.chat(chat::ask(model)).send().await
    }

    /// Who answers a request for `model`, and which model name it was sent.
    async fn served(&self, model: &str) -> (String, String) {
        let answer = self.ask(model).await.expect_status(200);
        let served = answer.header("x-autogw-model").unwrap_or_default();
        (answer.provider().to_owned(), served.to_owned())
    }

    async fn assert_served(&self, model: &str, provider: &str, upstream_model: &str) {
        let expected = (provider.to_owned(), upstream_model.to_owned());
        assert_eq!(self.served(model).await, expected, "{model:?}");
    }
}

#[tokio::test]
async fn an_exact_name_wins_over_a_normalised_one() {
    let house = house(|config| config).await;
    house.assert_served("gpt-4o", "one", "gpt-4o").await;
    house.assert_served("GPT-4o", "two", "GPT-4o").await;
    house.assert_served("llama", "two", "llama").await;
    house.assert_served("  llama ", "two", "llama").await;
}

#[tokio::test]
async fn a_provider_may_be_named_in_the_model() {
    let house = house(|config| config).await;
    house.assert_served("three/llama", "three", "llama").await;
    house.assert_served("two/GPT-4o", "two", "GPT-4o").await;
}

#[tokio::test]
async fn a_name_is_normalised_on_both_sides_when_nothing_else_matches() {
    let house = house(|config| config).await;
    house.assert_served("openai/gpt-4O", "one", "gpt-4o").await;
    house
        .assert_served("X-Large", "one", "vendor/x-large")
        .await;
    house
        .assert_served("other/x-large", "one", "vendor/x-large")
        .await;
}

#[tokio::test]
async fn providers_equal_after_normalising_are_later_candidates() {
    let upstreams = [
        Upstream::always(Reply::json(500, "{}")).await,
        named("two").await,
    ];
    let config = Config::new()
        .provider("one", &upstreams[0], json!({"models": ["gpt-4o"]}))
        .provider("two", &upstreams[1], json!({"models": ["openai/GPT-4o"]}));
    let gateway = config.start().await;
    let answer = gateway
        .chat(chat::ask("gpt-4o"))
        .send()
        .await
        .expect_status(200);
    assert_eq!(answer.provider(), "two");
    assert_eq!(upstreams[1].only_request().json()["model"], "openai/GPT-4o");
}

#[tokio::test]
async fn no_constraint_means_the_first_provider() {
    for model in ["auto", "ANY", "None"] {
        let house = house(|config| config).await;
        assert_eq!(house.served(model).await.0, "one", "{model}");
    }
}

#[tokio::test]
async fn auto_means_the_default_model_where_there_is_one() {
    let house = house(|config| config.router("default_model", "llama")).await;
    house.assert_served("auto", "two", "llama").await;
}

#[tokio::test]
async fn a_list_is_an_ordered_preference() {
    let house = house(|config| config).await;
    house.assert_served("llama, gpt-4o", "two", "llama").await;
    house
        .assert_served("[gpt-4o, 'llama']", "one", "gpt-4o")
        .await;
    house
        .assert_served("[\"three/llama\", gpt-4o]", "three", "llama")
        .await;
    house
        .assert_served("unheard-of, llama", "two", "llama")
        .await;
}

#[tokio::test]
async fn a_list_goes_on_to_its_next_name_when_the_first_fails() {
    let failing = Upstream::always(Reply::json(500, "{}")).await;
    let good = named("good").await;
    let config = Config::new()
        .provider("good", &good, json!({"models": ["second"]}))
        .provider("bad", &failing, json!({"models": ["first"]}));
    let gateway = config.start().await;
    let answer = gateway.chat(chat::ask("first, second")).send().await;
    assert_eq!(answer.expect_status(200).provider(), "good");
    assert_eq!(failing.count(), 1, "the preferred model was tried first");
}

#[tokio::test]
async fn a_name_with_a_comma_that_is_listed_is_a_name() {
    let house = house(|config| config).await;
    house.assert_served("a,b", "three", "a,b").await;
}

#[tokio::test]
async fn an_unknown_model_is_a_404_that_names_the_nearest() {
    let house = house(|config| config).await;
    let answer = house.ask("lama").await.expect_status(404);
    assert_eq!(answer.error("code"), "model_not_found");
    let message = answer.error("message");
    assert!(
        message.contains("lama") && message.contains("llama"),
        "{message}"
    );
    assert!(house.upstreams.iter().all(|upstream| upstream.count() == 0));
}

#[tokio::test]
async fn an_unknown_model_gets_the_default_where_so_configured() {
    let change = |config: Config| {
        let config = config.router("default_model", "llama");
        config.router("on_unknown_model", "default")
    };
    house(change)
        .await
        .assert_served("unheard-of", "two", "llama")
        .await;
}

#[tokio::test]
async fn a_pin_in_the_body_or_a_header_restricts_to_one_provider() {
    let house = house(|config| config).await;
    let mut request = chat::ask("llama");
    let call = house
        .gateway
        .chat(&request)
        .header("x-autogw-provider", "three");
    assert_eq!(call.send().await.expect_status(200).provider(), "three");
    request["provider"] = json!("three");
    let answer = house.gateway.chat(&request).send().await.expect_status(200);
    assert_eq!(answer.provider(), "three");
}

#[tokio::test]
async fn an_unknown_pin_is_a_404_that_names_the_providers() {
    let house = house(|config| config).await;
    let call = house
        .gateway
        .chat(chat::ask("llama"))
        .header("x-autogw-provider", "four");
    let message = call.send().await.expect_status(404).error("message");
    for name in ["one", "two", "three"] {
        assert!(message.contains(name), "{message}");
    }
}

#[tokio::test]
async fn a_route_uses_just_its_steps() {
    let routes = json!([{"name": "smart", "steps": [
        {"provider": "three", "model": "llama"}, {"provider": "one", "model": "gpt-4o"}
    ]}]);
    let house = house(|config| config.set("routes", routes)).await;
    house.assert_served("smart", "three", "llama").await;
}

#[tokio::test]
async fn a_missing_capability_is_a_400_that_names_it() {
    let upstream = named("a").await;
    let fields = json!({"models": {"blind": ["tool_calls"], "seeing": ["vision"]}});
    let gateway = Config::new().provider("a", &upstream, fields).start().await;
    let image = json!([{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
    ]}]);
    let mut request = chat::ask("blind");
    request["messages"] = image;
    let answer = gateway.chat(&request).send().await.expect_status(400);
    assert!(
        answer.error("message").contains("vision"),
        "{}",
        answer.text()
    );
    assert_eq!(upstream.count(), 0);
    request["model"] = json!("blind, seeing");
    gateway.chat(&request).send().await.expect_status(200);
    assert_eq!(upstream.only_request().json()["model"], "seeing");
}

#[tokio::test]
async fn what_no_target_takes_is_removed_and_said_where_so_configured() {
    let upstream = named("a").await;
    let fields = json!({"models": {"blind": []}});
    let config = Config::new().provider("a", &upstream, fields);
    let gateway = config.router("strip_unsupported", true).start().await;
    let mut request = chat::ask("blind");
    request["tools"] = json!([{"type": "function", "function": {"name": "f"}}]);
    let answer = gateway.chat(&request).send().await.expect_status(200);
    let dropped = answer.header("x-autogw-dropped").unwrap_or_default();
    assert!(dropped.contains("tools"), "{dropped}");
    assert_eq!(upstream.only_request().json(), chat::ask("blind"));
}

#[tokio::test]
async fn tools_of_an_extra_body_need_a_model_that_takes_them() {
    let upstream = named("a").await;
    let fields = json!({"models": {"blind": ["vision"], "able": ["tool_calls"]}});
    let config = Config::new().provider("a", &upstream, fields);
    let gateway = config.router("strip_unsupported", true).start().await;
    let mut request = chat::ask("blind, able");
    request["extra_body"] = json!({"tools": [{"type": "function"}], "top_k": 1});
    gateway.chat(&request).send().await.expect_status(200);
    assert_eq!(upstream.only_request().json()["model"], "able");
    request["model"] = json!("blind");
    let answer = gateway.chat(&request).send().await.expect_status(200);
    assert_eq!(answer.header("x-autogw-dropped"), Some("tools"));
    let mut expected = chat::ask("blind");
    expected["top_k"] = json!(1);
    assert_eq!(upstream.request(1).await.json(), expected);
}

#[tokio::test]
async fn embeddings_prefer_a_model_that_makes_them() {
    let upstream = Upstream::always(Reply::json(200, json!({"data": [{"embedding": [1]}]}))).await;
    let fields = json!({"models": {"talks": ["vision"], "embeds": ["embeddings"]}});
    let gateway = Config::new().provider("a", &upstream, fields).start().await;
    let request = json!({"model": "talks, embeds", "input": "x"});
    let call = gateway.client().post("/v1/embeddings", &request);
    call.send().await.expect_status(200);
    assert_eq!(upstream.only_request().json()["model"], "embeds");
}

#[tokio::test]
async fn a_bad_body_is_a_400_that_names_the_field() {
    let house = house(|config| config).await;
    let messages = r#""messages":[{"role":"user","content":"x"}]"#;
    for (field, body) in [
        ("", "not JSON".to_owned()),
        ("", "[1]".to_owned()),
        ("", String::new()),
        ("", format!("{{\"model\":\"llama\",{messages}")),
        ("model", format!("{{{messages}}}")),
        ("model", format!("{{\"model\":7,{messages}}}")),
        ("model", format!("{{\"model\":\" \",{messages}}}")),
        ("model", format!("{{\"model\":\"[ ]\",{messages}}}")),
        ("model", format!("{{\"model\":\",,\",{messages}}}")),
        (
            "messages",
            "{\"model\":\"llama\",\"messages\":\"x\"}".to_owned(),
        ),
        (
            "tools",
            format!("{{\"model\":\"llama\",\"tools\":\"x\",{messages}}}"),
        ),
        (
            "response_format",
            format!("{{\"model\":\"llama\",\"response_format\":[],{messages}}}"),
        ),
        (
            "stream",
            format!("{{\"model\":\"llama\",\"stream\":\"yes\",{messages}}}"),
        ),
        (
            "model",
            format!("{{\"model\":\"llama\",\"model\":\"gpt-4o\",{messages}}}"),
        ),
        (
            "stream",
            format!("{{\"model\":\"llama\",\"stream\":true,\"stream\":false,{messages}}}"),
        ),
    ] {
        let answer = house.gateway.chat(&body).send().await.expect_status(400);
        assert_eq!(answer.error("type"), "invalid_request_error", "{body}");
        assert!(
            answer.error("message").contains(field),
            "{body}: {}",
            answer.text()
        );
        assert!(
            field.is_empty() || answer.error("param") == field,
            "{}",
            answer.text()
        );
    }
    assert!(house.upstreams.iter().all(|upstream| upstream.count() == 0));
}

fn ids(list: &Value) -> Vec<&str> {
    let data = list["data"].as_array().expect("a list of models");
    data.iter()
        .filter_map(|model| model["id"].as_str())
        .collect()
}

#[tokio::test]
async fn models_are_listed_once_each_with_routes() {
    let routes = json!([{"name": "smart", "steps": [{"provider": "three", "model": "llama"}]}]);
    let house = house(|config| config.set("routes", routes)).await;
    for target in ["/v1/models", "/models"] {
        let list = house.gateway.get(target).await;
        assert_eq!(list["object"], "list");
        let mut ids = ids(&list);
        assert!(list["data"].as_array().expect("a list")[0]["object"] == "model");
        ids.sort_unstable();
        assert_eq!(
            ids,
            [
                "GPT-4o",
                "a,b",
                "gpt-4o",
                "llama",
                "smart",
                "vendor/x-large"
            ]
        );
    }
    let one = house.gateway.get("/v1/models/llama").await;
    assert_eq!(one["id"], "llama");
    let one = house.gateway.get("/v1/models/vendor/x-large").await;
    assert_eq!(one["id"], "vendor/x-large");
    let unknown = house.gateway.client().get("/v1/models/lama").send().await;
    assert_eq!(unknown.expect_status(404).error("code"), "model_not_found");
}

#[tokio::test]
async fn models_of_a_star_are_fetched_from_the_upstream() {
    let upstream = Upstream::answering(|request, _| match &*request.method {
        "GET" => Reply::json(200, json!({"object": "list", "data": [{"id": "found"}]})),
        _ => Reply::json(200, chat::answer("A")),
    })
    .await;
    let config = Config::new().provider("a", &upstream, json!({"models": "*"}));
    let gateway = config.start().await;
    let listing = upstream.request(0).await;
    assert_eq!(
        (&*listing.target, listing.key()),
        ("/v1/models", Some("key-a"))
    );
    let answer = gateway
        .chat(chat::ask("found"))
        .send()
        .await
        .expect_status(200);
    assert_eq!(answer.provider(), "a");
    let unlisted = gateway.chat(chat::ask("a/unlisted")).send().await;
    assert_eq!(unlisted.expect_status(404).error("code"), "model_not_found");
}

#[tokio::test]
async fn until_a_star_is_known_its_provider_takes_names_that_no_other_lists() {
    let star = Upstream::answering(|request, _| match &*request.method {
        "GET" => Reply::silence(),
        _ => Reply::json(200, chat::answer("star")),
    })
    .await;
    let other = named("other").await;
    let config = Config::new()
        .provider("star", &star, json!({"models": "*"}))
        .provider("other", &other, json!({"models": ["listed"]}));
    let gateway = config.start().await;
    for (model, provider, served) in [
        ("star/any", "star", "any"),
        ("something", "star", "something"),
        ("listed", "other", "listed"),
    ] {
        let answer = gateway.chat(chat::ask(model)).send().await;
        let answer = answer.expect_status(200);
        assert_eq!(answer.provider(), provider, "{model}");
        assert_eq!(answer.header("x-autogw-model"), Some(served), "{model}");
    }
}
