//! Certificates as they are read, and what a listener becomes behind one.

use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};

use super::*;
use crate::server::listen::Listener;

fn made(directory: &Path, names: &[&str]) -> config::Tls {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    let made: CertifiedKey<KeyPair> = generate_simple_self_signed(names).expect("made");
    let tls = config::Tls {
        cert: directory.join("cert.pem"),
        key: directory.join("key.pem"),
    };
    let private = std::fs::Permissions::from_mode(0o600);
    std::fs::write(&tls.cert, made.cert.pem()).expect("written");
    std::fs::write(&tls.key, made.signing_key.serialize_pem()).expect("written");
    std::fs::set_permissions(&tls.key, private).expect("its owner's");
    tls
}

fn inspected(names: &[&str]) -> Certificate {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tls = made(directory.path(), names);
    inspect(&tls, SystemTime::now()).expect("a certificate and its key")
}

#[test]
fn a_certificate_tells_its_names_and_who_has_signed_it() {
    let certificate = inspected(&["GW.Example.com", "*.example.com", "10.0.0.5", "::1"]);
    let names = ["gw.example.com", "*.example.com", "10.0.0.5", "::1"];
    assert_eq!(certificate.names, names);
    assert!(certificate.is_self_signed);
    assert_eq!(certificate.warnings, Vec::<String>::new());
    let hosts: Vec<&str> = certificate.hosts().collect();
    assert_eq!(hosts, ["gw.example.com", "10.0.0.5", "::1"]);
    assert_eq!(inspected(&[]).names_told(), "no host");
}

#[test]
fn the_key_is_shown_by_no_debugging() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tls = made(directory.path(), &["gw.example.com"]);
    let identity = Identity::load(&tls, SystemTime::now()).expect("a certificate and its key");
    let shown = format!("{:?}", Tls::new(identity));
    let pem = std::fs::read_to_string(&tls.key).expect("a key");
    let key = KeyPair::from_pem(&pem).expect("a key").serialize_der();
    // Of PKCS#8 for P-256 the secret number is in here.
    let secret = format!("{:?}", &key[40..60]);
    assert!(!shown.contains(secret.trim_matches(['[', ']'])), "{shown}");
    let lines = pem.lines().filter(|line| !line.starts_with('-'));
    assert!(!lines.into_iter().any(|line| shown.contains(line)));
}

#[test]
fn the_url_has_a_name_for_which_the_certificate_is_where_there_is_one() {
    let cases: [(&[&str], &str, &str); 8] = [
        (&["gw.example.com"], "0.0.0.0", "gw.example.com"),
        (&["127.0.0.1", "gw.example.com"], "0.0.0.0", "127.0.0.1"),
        (&["gw.example.com", "localhost"], "127.0.0.1", "localhost"),
        (&["localhost"], "10.0.0.5", "localhost"),
        (&["*.example.com"], "10.0.0.5", "10.0.0.5"),
        (&["10.0.0.6"], "10.0.0.5", "10.0.0.5"),
        (&["::1"], "::", "[::1]"),
        (&[], "::1", "[::1]"),
    ];
    for (names, ip, expected) in cases {
        let ip: IpAddr = ip.parse().expect("an address");
        assert_eq!(inspected(names).host(ip), expected, "{names:?} {ip}");
    }
}

#[test]
fn dates_that_nobody_can_write_are_no_trouble() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tls = made(directory.path(), &["localhost"]);
    let end = SystemTime::UNIX_EPOCH + Duration::from_secs(253_402_300_799);
    for now in [SystemTime::UNIX_EPOCH, end] {
        let certificate = inspect(&tls, now).expect("a certificate and its key");
        assert_eq!(certificate.warnings.len(), 1, "{:?}", certificate.warnings);
        assert_eq!(certificate.last_day(), "4096-01-01");
    }
}

#[tokio::test]
async fn only_tcp_is_put_behind_it() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let tls = made(directory.path(), &["localhost"]);
    let identity = Identity::load(&tls, SystemTime::now()).expect("good files");
    let tls = Arc::new(Tls::new(identity));
    let path: PathBuf = directory.path().join("door.sock");
    let door = Listener::bind_unix(&path).expect("a free path");
    let (door, address) = door.behind(Address::Unix(path.clone()), tls.clone());
    assert!(door.tls().is_none(), "a tunnel's child speaks plain to it");
    assert_eq!(address, Address::Unix(path));
    let any = Listen::Tcp {
        host: "127.0.0.1".to_owned(),
        port: 0,
        port_is_chosen: true,
    };
    let (listener, address) = Listener::bind(&any, false).await.expect("a free port");
    let (listener, secured) = listener.behind(address.clone(), tls);
    assert!(listener.tls().is_some());
    assert_eq!(secured.tcp(), address.tcp());
    let port = address.tcp().map_or(0, |address| address.port());
    assert_eq!(secured.url(), Some(format!("https://localhost:{port}")));
}
