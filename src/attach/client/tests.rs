//! Questions to a gateway of which each answer is written down.

use serde_json::{Value, json as value};

use super::super::scripted::{Answer, Scripted, json};
use super::*;

#[tokio::test]
async fn an_act_is_posted_and_what_came_of_it_is_told() {
    let gateway = Scripted::new();
    gateway.answers(json(
        "200 OK",
        r#"{"message":"reloaded","details":["a"],"new":1}"#,
    ));
    let client = Client::new(gateway.door());
    let told = client.act(&Act::Reload).await.expect("it is done");
    assert_eq!((&*told.message, told.details.len()), ("reloaded", 1));
    let asked = gateway.asked().remove(0);
    assert!(asked.starts_with("POST /v1/acts HTTP/1.1\r\n"), "{asked}");
    assert!(asked.contains("content-type: application/json"), "{asked}");
    assert!(asked.ends_with("\r\n\r\n{\"act\":\"reload\"}"), "{asked}");
    assert!(
        !asked.to_ascii_lowercase().contains("authorization"),
        "{asked}"
    );
}

#[tokio::test]
async fn a_refusal_keeps_its_hint_and_all_its_details() {
    let gateway = Scripted::new();
    let body = r#"{"error":{"message":"bad","hint":"mend it","details":["one","two"]}}"#;
    gateway.answers(json("422 Unprocessable Entity", body));
    let answer = Client::new(gateway.door()).get::<Value>("/v1/x").await;
    let Err(Trouble::Refused(refused)) = answer else {
        panic!("{answer:?}");
    };
    assert_eq!(refused.hint.as_deref(), Some("mend it"));
    assert_eq!(refused.details, ["one", "two"]);
}

#[tokio::test]
async fn what_cannot_be_read_is_odd_and_no_panic() {
    let endless = format!(
        "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n\"{}",
        "x".repeat(LARGEST + 1)
    );
    for answer in [
        json("502 Bad Gateway", "<html>"),
        json("200 OK", "{"),
        Answer::Whole(endless),
    ] {
        let gateway = Scripted::new();
        gateway.answers(answer);
        let answer = Client::new(gateway.door()).get::<Value>("/v1/x").await;
        assert!(matches!(answer, Err(Trouble::Odd { .. })), "{answer:?}");
    }
}

#[tokio::test]
async fn nobody_there_is_told_as_such() {
    let gateway = Scripted::new();
    let door = gateway.door();
    drop(gateway);
    let answer = Client::new(door).get::<Value>("/v1/x").await;
    assert!(matches!(answer, Err(Trouble::Absent { .. })), "{answer:?}");
}

#[tokio::test]
async fn a_token_goes_to_this_machine_only() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let address = listener.local_addr().expect("an address");
    let asked = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let (mut connection, _) = listener.accept().await.expect("a client");
        let mut head = vec![0; 2048];
        let read = connection.read(&mut head).await.expect("bytes");
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}";
        connection.write_all(answer).await.expect("room");
        String::from_utf8_lossy(&head[..read]).into_owned()
    });
    let token = || Some("canary".to_owned());
    let door = Door::parse(&format!("http://{address}"), token()).expect("a door");
    let answer: Value = Client::new(door).get("/v1/x").await.expect("an answer");
    assert_eq!(answer, value!({}));
    let head = asked.await.expect("no panic");
    assert!(head.contains("authorization: Bearer canary"), "{head}");
    // A test network: nobody is asked.
    let door = Door::parse("http://192.0.2.1:8001", token()).expect("a door");
    let answer = Client::new(door).get::<Value>("/v1/x").await;
    let Err(Trouble::Refused(refused)) = answer else {
        panic!("{answer:?}");
    };
    assert!(refused.message.contains("this machine only"), "{refused}");
}
