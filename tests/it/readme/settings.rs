//! The configurations by example are valid, and the tables of settings have every setting.

use super::*;

/// What `check` says about the README's example number `index`.
fn checked(index: usize) -> String {
    let directory = empty_home();
    let config = blocks("jsonc").nth(index).expect("an example");
    let path = directory.path().join("example.json");
    fs::write(&path, config).expect("it is written");
    let output = run(
        directory.path(),
        &["check", "example.json"].map(str::to_owned),
    );
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn the_route_by_example_is_valid() {
    assert!(checked(1).contains("tunnel=none"));
}

#[test]
fn the_routing_by_example_is_valid() {
    assert!(checked(2).contains("strategy=adaptive"));
}

#[test]
fn the_models_by_example_are_valid() {
    assert!(checked(3).contains("house-model"));
}

#[test]
fn the_door_by_example_is_valid() {
    assert!(checked(4).contains("tunnel=cloudflared"));
}

/// Where the schema describes the setting at `path`, such as `routes[].hedge`.
fn described<'a>(schema: &'a Value, path: &str) -> Option<&'a Value> {
    let (name, rest) = path.split_once('.').unwrap_or((path, ""));
    let ways = schema["anyOf"].as_array().into_iter().flatten();
    let mut ways = std::iter::once(schema).chain(ways);
    let bare = name.trim_end_matches("[]");
    let own = ways.find_map(|way| way["properties"].get(bare))?;
    let own = if bare == name { own } else { &own["items"] };
    if rest.is_empty() {
        return Some(own);
    }
    described(own, rest)
}

#[test]
fn every_setting_of_routing_in_the_table_is_one() {
    let schema = include_str!("../../../assets/config.schema.json");
    let schema: Value = serde_json::from_str(schema).expect("JSON");
    let rows = README
        .lines()
        .skip_while(|line| *line != "| setting | default | |")
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let mut settings = 0;
    for row in rows {
        let cell = row.split('|').nth(1).expect("a cell");
        for path in cell.split('`').skip(1).step_by(2) {
            assert!(described(&schema, path).is_some(), "{path}");
            settings += 1;
        }
    }
    assert!(settings > 15, "{settings}");
}

/// The whole of `router` is described there or elsewhere.
#[test]
fn every_setting_of_the_router_is_named() {
    let schema = include_str!("../../../assets/config.schema.json");
    let schema: Value = serde_json::from_str(schema).expect("JSON");
    let router = described(&schema, "router").expect("it is there");
    let example = include_str!("../../../config.json.example");
    for key in router["properties"].as_object().expect("an object").keys() {
        let is_said = README.contains(&format!("router.{key}"));
        let is_shown = example.contains(&format!("\"{key}\""));
        assert!(is_said || is_shown, "{key}");
    }
}

#[test]
fn every_setting_of_a_tunnel_is_in_the_table() {
    let schema = include_str!("../../../assets/config.schema.json");
    let schema: Value = serde_json::from_str(schema).expect("JSON");
    let tunnel = &schema["properties"]["server"]["properties"]["tunnel"]["anyOf"][1];
    let keys = tunnel["properties"].as_object().expect("an object");
    assert!(keys.len() > 5, "{tunnel}");
    let table: Vec<&str> = README
        .lines()
        .skip_while(|line| *line != "| setting | of | |")
        .take_while(|line| line.starts_with('|'))
        .filter_map(|line| line.split('|').nth(1))
        .collect();
    for key in keys.keys() {
        let name = format!("`{key}`");
        assert!(table.iter().any(|cell| cell.contains(&name)), "{name}");
    }
}
