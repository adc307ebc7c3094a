//! Where ngrok's authtoken is found, and what is said when its own file cannot be used.

use std::fs;

use autogw::config::{self, Authtoken, Config, Environment, Format};

const CURRENT: &str = if cfg!(target_os = "macos") {
    "Library/Application Support/ngrok/ngrok.yml"
} else {
    ".config/ngrok/ngrok.yml"
};
const LEGACY: &str = ".ngrok2/ngrok.yml";

const PLAIN: &str = r#"{ "server": { "tunnel": "ngrok" }, "providers": [{ "type": "demo" }] }"#;
const IN_SERVER: &str = r#"{ "server": { "tunnel": { "type": "ngrok", "token": "of-server" } },
    "providers": [{ "type": "demo" }], "extra": { "tunnels": { "ngrok_authtoken": "of-extra" } } }"#;
const IN_EXTRA: &str = r#"{ "server": { "tunnel": "ngrok" },
    "providers": [{ "type": "demo" }], "extra": { "tunnels": { "ngrok_authtoken": "of-extra" } } }"#;

/// A home directory with files of ngrok's.
struct House {
    root: tempfile::TempDir,
    env: Environment,
}

impl House {
    fn new() -> Self {
        let root = tempfile::tempdir().expect("a directory");
        let env = Environment::empty().with_home(root.path());
        Self { root, env }
    }

    fn put(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.root.path().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        fs::write(path, text).expect("written");
    }

    fn origin(&self, path: &str) -> String {
        self.root.path().join(path).display().to_string()
    }

    fn load(&self, text: &str) -> Config {
        load(text, &self.env)
    }

    /// What is said about ngrok's file when ngrok is asked for.
    fn fault(&self) -> Option<String> {
        let fault = config::authtoken_fault(&self.load(PLAIN), &self.env)?;
        Some(
            fault
                .message
                .replace(&self.root.path().display().to_string(), "~"),
        )
    }
}

fn load(text: &str, env: &Environment) -> Config {
    let loaded = config::from_text("c.json", text, Format::Json, env);
    loaded.unwrap_or_else(|error| panic!("{error}")).config
}

fn found(config: &Config) -> Option<(&str, &str)> {
    let Authtoken { secret, origin } = config.tunnels.ngrok.authtoken.as_ref()?;
    Some((secret.expose(), origin))
}

#[test]
fn the_variable_wins_over_the_file_and_ngroks_own_comes_last() {
    let mut house = House::new();
    assert_eq!(found(&house.load(PLAIN)), None);

    house.put(LEGACY, "authtoken: of-legacy\n");
    let legacy = house.origin(LEGACY);
    assert_eq!(found(&house.load(PLAIN)), Some(("of-legacy", &*legacy)));

    house.put(CURRENT, "version: \"3\"\nagent:\n  authtoken: of-agent\n");
    let current = house.origin(CURRENT);
    assert_eq!(found(&house.load(PLAIN)), Some(("of-agent", &*current)));

    let chosen = house.root.path().join("elsewhere").display().to_string();
    house.env = house.env.with("XDG_CONFIG_HOME", chosen);
    house.put("elsewhere/ngrok/ngrok.yml", "authtoken: of-elsewhere\n");
    assert_eq!(
        found(&house.load(PLAIN)).map(|token| token.0),
        Some("of-elsewhere")
    );

    assert_eq!(
        found(&house.load(IN_EXTRA)),
        Some(("of-extra", "extra.tunnels.ngrok_authtoken"))
    );
    assert_eq!(
        found(&house.load(IN_SERVER)),
        Some(("of-server", "server.tunnel.token"))
    );

    house.env = house.env.with("NGROK_AUTHTOKEN", " of-variable ");
    for text in [PLAIN, IN_EXTRA, IN_SERVER] {
        let config = house.load(text);
        assert_eq!(found(&config), Some(("of-variable", "NGROK_AUTHTOKEN")));
    }
    house.env = house.env.with("NGROK_AUTHTOKEN", "");
    assert_eq!(
        found(&house.load(IN_EXTRA)).map(|token| token.0),
        Some("of-extra")
    );
}

#[test]
fn both_versions_of_ngroks_file_are_read() {
    for (text, token) in [
        (
            "authtoken: 2abc_DEF\ntunnels:\n  a: { proto: http, addr: 80 }\n",
            Some("2abc_DEF"),
        ),
        ("version: 2\nauthtoken: '2abc'\n", Some("2abc")),
        (
            "version: 3\nagent: { authtoken: 2abc }\nauthtoken: other\n",
            Some("2abc"),
        ),
        (
            "version: 3\nagent: { authtoken: ~ }\nauthtoken: 123456\n",
            Some("123456"),
        ),
        ("version: 3\nagent:\n", None),
        ("version: 3\nendpoints: [{ name: authtoken }]\n", None),
        ("# nothing\n", None),
        ("[1, 2]\n", None),
    ] {
        let house = House::new();
        house.put(CURRENT, text);
        let config = house.load(PLAIN);
        assert_eq!(found(&config).map(|token| token.0), token, "{text}");
        assert_eq!(house.fault(), None, "{text}");
    }
}

#[test]
fn a_faulty_file_of_ngroks_is_said_and_never_quoted() {
    for (bytes, reason) in [
        (
            &b"authtoken: {canary\n"[..],
            "it is not valid YAML (line 2)",
        ),
        (b"authtoken: [canary]\n", "its authtoken is no token"),
        (b"authtoken: 'two canaries'\n", "its authtoken is no token"),
        (b"authtoken: ''\n", "its authtoken is no token"),
        (b"\xff\xfe", "it is not UTF-8 text"),
        (&vec![b'#'; 1 << 21], "it is far too large"),
    ] {
        let house = House::new();
        house.put(CURRENT, bytes);
        assert_eq!(found(&house.load(PLAIN)), None);
        assert_eq!(
            house.fault(),
            Some(format!(
                "cannot take ngrok's authtoken from ~/{CURRENT}: {reason}"
            ))
        );
    }
    let house = House::new();
    fs::create_dir_all(house.root.path().join(CURRENT)).expect("made");
    let fault = house.fault().expect("a directory is no file");
    assert!(fault.ends_with("it is not a file"), "{fault}");
}

#[test]
fn a_faulty_file_is_nobodys_business_where_there_is_another_token() {
    let house = House::new();
    house.put(CURRENT, "authtoken: {\n");
    assert!(house.fault().is_some());
    let config = house.load(IN_EXTRA);
    assert!(config::authtoken_fault(&config, &house.env).is_none());
}

#[test]
fn it_is_found_without_a_file_of_ours_too() {
    let house = House::new();
    house.put(CURRENT, "agent: { authtoken: of-agent }\n");
    let demo = config::demo(&house.env).expect("the demo").config;
    assert_eq!(found(&demo).map(|token| token.0), Some("of-agent"));

    let env = house.env.with("OPENAI_API_KEY", "sk-1");
    let offered = config::discover(&env).expect("a key").found;
    let config = config::zero_config(offered, &env).expect("one provider");
    assert_eq!(found(&config).map(|token| token.0), Some("of-agent"));
    let secrets = config.secrets();
    assert!(secrets.iter().any(|secret| secret.expose() == "of-agent"));
}
