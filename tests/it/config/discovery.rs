//! Zero-config: what the environment offers when there is no file.

use autogw::config::{self, Discovery, Environment, Listen, Probe};

fn discover(env: &Environment) -> Discovery {
    config::discover(env).unwrap_or_else(|error| panic!("{error}"))
}

fn found(discovery: &Discovery) -> Vec<(&str, &str, Option<&str>)> {
    let found = discovery.found.iter();
    found
        .map(|found| {
            let url = found.provider.base_url.as_ref().map(url::Url::as_str);
            (&*found.provider.name, found.origin.as_str(), url)
        })
        .collect()
}

#[test]
fn keys_in_well_known_variables_become_providers() {
    let env = Environment::empty()
        .with("GROQ_API_KEY", "gsk-1")
        .with("OPENAI_API_KEY", "sk-1")
        .with("MISTRAL_API_KEY", "  ");
    let discovery = discover(&env);
    assert_eq!(
        found(&discovery),
        [
            (
                "openai",
                "OPENAI_API_KEY",
                Some("https://api.openai.com/v1")
            ),
            (
                "groq",
                "GROQ_API_KEY",
                Some("https://api.groq.com/openai/v1")
            ),
        ]
    );
    assert_eq!(discovery.found[0].provider.keys[0].secret.expose(), "sk-1");
    assert_eq!(
        discovery.found[1].key_variable.as_deref(),
        Some("GROQ_API_KEY")
    );
}

#[test]
fn an_address_variable_is_honoured_with_or_without_a_key() {
    let env = Environment::empty()
        .with("OPENAI_API_KEY", "sk-1")
        .with("OPENAI_BASE_URL", "https://proxy.example.com")
        .with("DEEPSEEK_BASE_URL", "https://deep.example.com/v1");
    let discovery = discover(&env);
    assert_eq!(
        found(&discovery),
        [
            (
                "openai",
                "OPENAI_API_KEY",
                Some("https://proxy.example.com/")
            ),
            (
                "deepseek",
                "DEEPSEEK_BASE_URL",
                Some("https://deep.example.com/v1")
            ),
        ]
    );
    assert!(discovery.warnings.is_empty(), "{:?}", discovery.warnings);
}

#[test]
fn an_address_on_loopback_is_a_question_first() {
    let env = Environment::empty()
        .with("OPENAI_API_KEY", "sk-1")
        .with("OPENAI_BASE_URL", "http://localhost:8000/v1");
    let discovery = discover(&env);
    assert!(discovery.found.is_empty());
    let Probe::NotAutogw {
        found: candidate, ..
    } = &discovery.probes[0]
    else {
        panic!("the address may be this gateway")
    };
    assert_eq!(&*candidate.provider.name, "openai");
    let ports: Vec<u16> = ports(&discovery)
        .into_iter()
        .map(|(port, _)| port)
        .collect();
    assert_eq!(ports, [11434, 8080, 1234], "8000 is asked once only");
}

fn ports(discovery: &Discovery) -> Vec<(u16, Vec<&str>)> {
    let ports = discovery.probes.iter().filter_map(|probe| match probe {
        Probe::Port { port, kinds } => Some((
            *port,
            kinds.iter().map(|preset| preset.kind.as_str()).collect(),
        )),
        Probe::NotAutogw { .. } => None,
    });
    ports.collect()
}

#[test]
fn local_servers_are_looked_for_on_their_usual_ports() {
    assert_eq!(
        ports(&discover(&Environment::empty())),
        [
            (11434, vec!["ollama"]),
            (8000, vec!["vllm", "llamacpp"]),
            (8080, vec!["llamacpp", "vllm"]),
            (1234, vec!["lmstudio"]),
        ]
    );
}

#[test]
fn keys_of_every_dialect_are_found() {
    let env = Environment::empty()
        .with("ANTHROPIC_API_KEY", "k")
        .with("GEMINI_API_KEY", "k");
    let discovery = discover(&env);
    let kinds: Vec<&str> = discovery
        .found
        .iter()
        .map(|found| found.provider.preset.kind.as_str())
        .collect();
    assert_eq!(kinds, ["google", "anthropic"]);
    assert!(discovery.warnings.is_empty());
}

#[test]
fn llm_providers_come_first_and_in_their_order() {
    let env = Environment::empty()
        .with("OPENAI_API_KEY", "sk-1")
        .with("LLM_PROVIDERS", "house, groq,,openai")
        .with("LLM_PROVIDER_house_NAME", "The House")
        .with("LLM_PROVIDER_house_BASE_URL", "https://llm.example.com/v1/")
        .with("LLM_PROVIDER_house_API_KEY", "hk")
        .with("LLM_PROVIDER_house_MODELS_PATH", "catalogue")
        .with("LLM_PROVIDER_house_WEIGHT", "2.5")
        .with("LLM_PROVIDER_house_REGION", "eu")
        .with("LLM_PROVIDER_house_MAX_QPS", "0.5")
        .with("LLM_PROVIDER_house_RETRYABLE_STATUS_CODES", "429,504-502")
        .with("LLM_PROVIDER_GROQ_API_KEY", "gk");
    let discovery = discover(&env);
    let names: Vec<&str> = discovery.found.iter().map(|f| &*f.provider.name).collect();
    assert_eq!(names, ["The House", "groq", "openai"]);
    let house = &discovery.found[0].provider;
    assert_eq!(
        house.base_url.as_ref().map(url::Url::as_str),
        Some("https://llm.example.com/v1")
    );
    assert_eq!(house.keys[0].secret.expose(), "hk");
    assert_eq!(
        (house.models_path.as_str(), house.region.as_deref()),
        ("/catalogue", Some("eu"))
    );
    assert!((house.weight - 2.5).abs() < f64::EPSILON);
    assert_eq!(house.max_rpm, Some(30));
    assert!(
        house
            .retryable_status_codes
            .as_ref()
            .is_some_and(|set| set.contains(503))
    );
    assert_eq!(
        discovery.found[1].provider.keys[0].secret.expose(),
        "gk",
        "the id in capitals"
    );
    assert_eq!(
        discovery.found[2].provider.keys[0].secret.expose(),
        "sk-1",
        "the preset's variable"
    );
}

#[test]
fn faults_name_the_variable() {
    let env = Environment::empty()
        .with("LLM_PROVIDERS", "a,b")
        .with("LLM_PROVIDER_a_BASE_URL", "not-an-address")
        .with("LLM_PROVIDER_b_BASE_URL", "https://h/v1")
        .with("LLM_PROVIDER_b_MAX_QPS", "many")
        .with("OPENAI_API_KEY", "sk canary");
    let error = config::discover(&env).expect_err("faults");
    let said = error.to_string();
    assert!(
        said.contains("LLM_PROVIDER_a_BASE_URL: not an http:// or https:// address"),
        "{said}"
    );
    assert!(said.contains("LLM_PROVIDER_b_MAX_QPS: "), "{said}");
    assert!(!said.contains("canary"), "{said}");
}

#[test]
fn a_listed_provider_without_an_address_is_told_which_variable_says_it() {
    let said = |listed: &str| {
        let env = Environment::empty().with("LLM_PROVIDERS", listed);
        let error = config::discover(&env).expect_err("no address");
        let fault = &error.diagnostics[0];
        (
            fault.message.clone(),
            fault.hint.clone().unwrap_or_default(),
        )
    };
    let (message, hint) = said("foo");
    assert_eq!(
        message,
        "LLM_PROVIDERS lists `foo`, but LLM_PROVIDER_foo_BASE_URL is not set"
    );
    assert_eq!(
        hint,
        "set it to its address, such as https://example.com/v1"
    );
    assert!(said("opnai").1.ends_with("did you mean `openai`?"));
    let (message, hint) = said("azure_openai");
    assert!(
        message.ends_with("LLM_PROVIDER_azure_openai_BASE_URL is not set"),
        "{message}"
    );
    assert!(hint.contains("AZURE_OPENAI_ENDPOINT"), "{hint}");
}

#[test]
fn a_listed_provider_on_loopback_keeps_its_place() {
    let env = Environment::empty()
        .with("LLM_PROVIDERS", "far,near,last")
        .with("LLM_PROVIDER_far_BASE_URL", "https://far.example.com/v1")
        .with("LLM_PROVIDER_near_BASE_URL", "http://127.0.0.1:9/v1")
        .with("LLM_PROVIDER_last_BASE_URL", "https://last.example.com/v1");
    let discovery = discover(&env);
    assert!(
        matches!(&discovery.probes[0], Probe::NotAutogw { found, after: 1 } if &*found.provider.name == "near"),
        "{:?}",
        discovery.probes[0]
    );
}

#[test]
fn what_is_found_becomes_a_configuration() {
    let env = Environment::empty()
        .with("OPENAI_API_KEY", "sk-1")
        .with("PORT", "7070");
    let config = config::zero_config(discover(&env).found, &env).expect("one provider");
    assert_eq!(config.providers.len(), 1);
    assert!(matches!(
        config.server.listen,
        Listen::Tcp {
            port: 7070,
            port_is_chosen: true,
            ..
        }
    ));
}

#[test]
fn nothing_found_names_the_three_ways_on() {
    let error = config::zero_config(Vec::new(), &Environment::empty()).expect_err("nobody");
    let hint = error.diagnostics[0].hint.clone().unwrap_or_default();
    for way in ["autogw init", "OPENAI_API_KEY", "autogw start --demo"] {
        assert!(hint.contains(way), "{hint}");
    }
}

#[test]
fn what_was_only_come_across_does_not_stop_a_start() {
    let env = Environment::empty()
        .with("OPENAI_API_KEY", "sk canary")
        .with("MISTRAL_BASE_URL", "not-an-address")
        .with("GROQ_API_KEY", "gsk-1");
    let discovery = discover(&env);
    let names: Vec<&str> = discovery.found.iter().map(|f| &*f.provider.name).collect();
    assert_eq!(names, ["groq"]);
    let said: Vec<&str> = discovery
        .warnings
        .iter()
        .map(|w| w.message.as_str())
        .collect();
    assert_eq!(
        said,
        [
            "OPENAI_API_KEY holds characters that no header can carry",
            "environment variable MISTRAL_BASE_URL: not an http:// or https:// address",
        ]
    );
}
