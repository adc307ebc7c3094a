//! The rules of `providers` and `routes`, one test each.

use autogw::config::{self, Environment, Format};
use autogw::provider::{Feature, Models};

use super::{errors, load, provider, warnings, with_provider};

#[test]
fn a_preset_names_itself_and_a_generic_type_does_not() {
    let loaded = load(r#"{ "providers": [{ "type": "ollama" }] }"#);
    assert_eq!(&*loaded.config.providers[0].name, "ollama");
    let text = r#"{ "providers": [{ "type": "openai_compatible", "base_url": "https://h" }] }"#;
    assert_eq!(errors(text), ["providers[0]: `name` is missing"]);
}

#[test]
fn a_preset_takes_its_key_from_its_variable() {
    let read = |text: &str, env: &Environment| {
        config::from_text("c.json", text, Format::Json, env).expect("valid")
    };
    let env = Environment::empty().with("OPENAI_API_KEY", " sk-1 ");
    let absent = r#"{ "providers": [{ "type": "openai" }] }"#;
    let keys = read(absent, &env).config.providers.remove(0).keys;
    assert_eq!(keys[0].secret.expose(), "sk-1");
    let null = r#"{ "providers": [{ "type": "openai", "api_key": null }] }"#;
    let loaded = read(null, &env);
    assert!(loaded.config.providers[0].keys.is_empty() && loaded.warnings.is_empty());
    assert_eq!(
        warnings(absent),
        ["providers[0]: no api_key, and OPENAI_API_KEY is not set"]
    );
    assert_eq!(
        warnings(r#"{ "providers": [{ "type": "ollama" }] }"#),
        Vec::<String>::new()
    );
}

#[test]
fn keys_that_are_of_no_use_are_said() {
    let text = with_provider(r#""api_key": ["a", "b", "a"]"#);
    assert_eq!(
        warnings(&text),
        ["providers[0].api_key: the same key is listed twice"]
    );
    assert_eq!(provider(r#""api_key": ["a", "b", "a"]"#).keys.len(), 2);
    let text = with_provider(r#""api_key": []"#);
    assert_eq!(
        warnings(&text),
        ["providers[0].api_key: the list of keys is empty: no key will be sent"]
    );
    let text = with_provider(r#""api_key": ["${NONE:-}", "b"]"#);
    assert_eq!(
        warnings(&text),
        ["providers[0].api_key[0]: the variable is empty: this key is left out"]
    );
}

#[test]
fn models_come_as_map_list_or_star() {
    let listed = |fields: &str| match provider(fields).models {
        Models::Listed(models) => models,
        Models::Everything => panic!("the models are listed"),
    };
    assert!(matches!(
        provider(r#""weight": 1"#).models,
        Models::Everything
    ));
    assert!(matches!(
        provider(r#""models": "*""#).models,
        Models::Everything
    ));
    assert!(matches!(
        provider(r#""models": ["*"]"#).models,
        Models::Everything
    ));
    let models = listed(r#""models": ["b", "a"]"#);
    assert_eq!(models[0].name, "b");
    assert_eq!(
        models[0].features, None,
        "a plain list leaves features unknown"
    );
    let models =
        listed(r#""models": { "m": { "upstream": "vendor/m", "features": ["audio"] }, "n": {} }"#);
    assert_eq!(models[0].upstream.as_deref(), Some("vendor/m"));
    assert!(
        models[0]
            .features
            .is_some_and(|features| features.has(Feature::Audio))
    );
    assert_eq!(
        models[1].features, None,
        "an object that names no features leaves them unknown"
    );
}

#[test]
fn no_models_at_all_is_warned_about() {
    for models in ["{}", "[]"] {
        let text = with_provider(&format!(r#""models": {models}"#));
        assert_eq!(
            warnings(&text),
            ["providers[0].models: no models: this provider will serve nothing"]
        );
    }
    let text = with_provider(r#""models": ["a", "a"]"#);
    assert_eq!(
        warnings(&text),
        ["providers[0].models[1]: `a` is listed twice"]
    );
}

#[test]
fn plain_http_to_a_public_host_is_warned_about() {
    let text = |url: &str| {
        format!(
            r#"{{ "providers": [{{ "type": "openai_compatible", "name": "p", "base_url": "{url}" }}] }}"#
        )
    };
    let said = warnings(&text("http://api.example.com/v1"));
    assert!(said[0].contains("plain http to a public host"), "{said:?}");
    for url in [
        "http://192.168.1.5/v1",
        "http://vllm:8000/v1",
        "https://api.example.com/v1",
    ] {
        assert_eq!(warnings(&text(url)), Vec::<String>::new(), "{url}");
    }
}

#[test]
fn a_base_url_variable_counts_only_where_the_preset_has_no_address() {
    let env = Environment::empty()
        .with("OPENAI_BASE_URL", "http://127.0.0.1:8000/v1")
        .with("OPENAI_API_KEY", "k")
        .with("AZURE_OPENAI_API_KEY", "k")
        .with("AZURE_OPENAI_ENDPOINT", "https://me.openai.azure.com/");
    let text = r#"{ "providers": [{ "type": "openai" }, { "type": "azure_openai" }] }"#;
    let loaded = config::from_text("c.json", text, Format::Json, &env).expect("valid");
    let url = |index: usize| {
        loaded.config.providers[index]
            .base_url
            .as_ref()
            .map(url::Url::as_str)
    };
    assert_eq!(url(0), Some("https://api.openai.com/v1"));
    assert_eq!(url(1), Some("https://me.openai.azure.com/openai/v1"));
    let text = r#"{ "providers": [{ "type": "azure_openai", "api_key": "k" }] }"#;
    assert_eq!(
        errors(text),
        ["providers[0]: `base_url` is missing, and AZURE_OPENAI_ENDPOINT is not set"]
    );
    let env = Environment::empty().with("AZURE_OPENAI_ENDPOINT", "my azure");
    let error = config::from_text("c.json", text, Format::Json, &env).expect_err("no address");
    assert!(
        error
            .to_string()
            .ends_with("AZURE_OPENAI_ENDPOINT is not a usable address"),
        "{error}"
    );
}

#[test]
fn a_proxy_is_one_that_can_be_used_and_its_password_is_not_quoted() {
    for proxy in [
        "ftp://u:canary@h:1",
        "https://u:canary@h:1",
        "u:canary@h:1",
        "socks5:u:canary@h",
    ] {
        let text = with_provider(&format!(r#""proxy": "{proxy}""#));
        let said = errors(&text);
        assert!(said[0].contains("is not an address such as"), "{said:?}");
        assert!(!said[0].contains("canary"), "{said:?}");
        let error = super::read(&text).expect_err("no proxy");
        let shown = config::render(&error.diagnostics, config::Style::Plain);
        assert!(!shown.contains("canary"), "{shown}");
    }
    let url = |proxy: &str| provider(&format!(r#""proxy": "{proxy}""#)).proxy;
    let url = |proxy: &str| url(proxy).map(|url| url.to_string());
    assert_eq!(url("socks5h://h").as_deref(), Some("socks5h://h:1080"));
    assert_eq!(url("http://h").as_deref(), Some("http://h/"));
}

#[test]
fn extra_body_keeps_spelling_and_order_and_its_bounds() {
    let provider =
        provider(r#""extra_body": { "z": 1.50, "a": { "c": [1e3, "\u00e9"], "b": null } }"#);
    let body: Vec<_> = provider
        .extra_body
        .iter()
        .map(|(key, raw)| (key.as_str(), raw.get()))
        .collect();
    assert_eq!(body, [("z", "1.50"), ("a", r#"{"c":[1e3,"é"],"b":null}"#)]);
    for key in ["model", "messages", "input", "stream"] {
        let text = with_provider(&format!(r#""extra_body": {{ "{key}": 1 }}"#));
        let expected = format!(
            "providers[0].extra_body.{key}: `{key}` cannot be set here: it belongs to the client"
        );
        assert_eq!(errors(&text), [expected]);
    }
}

#[test]
fn extra_headers_are_sensitive() {
    let provider = provider(r#""extra_headers": { "X-Key": "abc" }"#);
    let (name, value) = &provider.extra_headers[0];
    assert_eq!(
        (name.as_str(), value.as_bytes()),
        ("x-key", b"abc".as_slice())
    );
    assert!(value.is_sensitive());
}

#[test]
fn status_lists_are_read_as_meant() {
    for codes in [r#""429, 500,504-502""#, r#"[429, "500", "502-504"]"#] {
        let provider = provider(&format!(r#""retryable_status_codes": {codes}"#));
        let set = provider.retryable_status_codes.expect("a set");
        let inside: Vec<u16> = (400..600).filter(|status| set.contains(*status)).collect();
        assert_eq!(inside, [429, 500, 502, 503, 504]);
    }
}

#[test]
fn what_routing_weighs_is_read_without_a_word() {
    let fields = r#""max_concurrency": 2, "max_rpm": 60, "weight": 2, "region": "eu",
        "models": { "m": { "context": 8192, "weight": 0, "input_price": 0.5, "output_price": 1 } }"#;
    assert_eq!(warnings(&with_provider(fields)), Vec::<String>::new());
    let provider = provider(fields);
    assert_eq!(
        (provider.max_concurrency, provider.max_rpm),
        (Some(2), Some(60))
    );
    assert_eq!(
        (provider.weight, provider.region.as_deref()),
        (2.0, Some("eu"))
    );
    let Models::Listed(models) = &provider.models else {
        panic!("the models are listed")
    };
    let model = &models[0];
    assert_eq!((model.context, model.weight), (Some(8192), Some(0.0)));
    assert_eq!(
        (model.input_price, model.output_price),
        (Some(0.5), Some(1.0))
    );
}

#[test]
fn weights_prices_and_paces_have_sane_ranges() {
    for (fields, said) in [
        (
            r#""weight": -1"#,
            "providers[0].weight: `-1` is not a number from 0 to 1000000000",
        ),
        (
            r#""max_rpm": 0"#,
            "providers[0].max_rpm: `0` is not a whole number from 1 to 1000000",
        ),
        (
            r#""max_concurrency": 0"#,
            "providers[0].max_concurrency: `0` is not a whole number from 1 to 1000000",
        ),
        (
            r#""models": { "m": { "input_price": -0.1 } }"#,
            "providers[0].models.m.input_price: `-0.1` is not a number from 0 to 1000000000",
        ),
    ] {
        assert_eq!(errors(&with_provider(fields)), [said]);
    }
}

#[test]
fn a_name_that_cannot_be_asked_for_is_warned_about() {
    let text = r#"{ "providers": [{ "type": "demo", "name": "a/b" }] }"#;
    assert!(
        warnings(text)[0].contains("cannot be asked for"),
        "{:?}",
        warnings(text)
    );
    let text = r#"{ "providers": [{ "type": "demo", "name": "zwölf" }] }"#;
    assert_eq!(
        errors(text),
        ["providers[0].name: a provider's name is plain ASCII text"]
    );
}

#[test]
fn a_demo_provider_has_models_and_a_profile_of_its_own() {
    let loaded = load(r#"{ "providers": [{ "type": "demo", "demo": { "seed": 7 } }] }"#);
    let provider = &loaded.config.providers[0];
    assert_eq!(provider.base_url, None);
    assert_eq!(provider.demo.as_ref().map(|demo| demo.seed), Some(7));
    let Models::Listed(models) = &provider.models else {
        panic!("the models are listed")
    };
    let names: Vec<&str> = models.iter().map(|model| model.name.as_str()).collect();
    assert_eq!(names, ["demo-chat", "demo-embed"]);
}

#[test]
fn a_key_of_the_file_never_shows_in_debug_output() {
    let text = with_provider(r#""api_key": "sk-canary", "extra_headers": { "x-k": "canary" }"#);
    assert!(!format!("{:?}", load(&text)).contains("canary"));
}
