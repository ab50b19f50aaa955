//! Names of images, by Docker's rules.
use pith_image::{Reference, ReferenceError};
use proptest::prelude::*;

#[track_caller]
fn complete(text: &str) -> String {
    text.parse::<Reference>().unwrap_or_else(|error| panic!("{error}")).to_string()
}

#[test]
fn what_is_left_out_is_dockers() {
    let digest = format!("sha256:{}", "0a".repeat(32));
    for (given, full, familiar) in [
        ("python", "docker.io/library/python:latest", "python:latest"),
        ("python:3.12", "docker.io/library/python:3.12", "python:3.12"),
        ("library/python", "docker.io/library/python:latest", "python:latest"),
        ("docker.io/python", "docker.io/library/python:latest", "python:latest"),
        ("index.docker.io/library/python", "docker.io/library/python:latest", "python:latest"),
        ("me/app", "docker.io/me/app:latest", "me/app:latest"),
        ("library/a/b", "docker.io/library/a/b:latest", "library/a/b:latest"),
        ("localhost/app", "localhost/app:latest", "localhost/app:latest"),
        ("localhost:5000/app:1", "localhost:5000/app:1", "localhost:5000/app:1"),
        ("127.0.0.1:5000/a/b", "127.0.0.1:5000/a/b:latest", "127.0.0.1:5000/a/b:latest"),
        ("[::1]:5000/a", "[::1]:5000/a:latest", "[::1]:5000/a:latest"),
        ("registry.example.com/app", "registry.example.com/app:latest", "registry.example.com/app:latest"),
        ("Registry/app", "Registry/app:latest", "Registry/app:latest"),
        ("e--f_g/h__i.j", "docker.io/e--f_g/h__i.j:latest", "e--f_g/h__i.j:latest"),
    ] {
        assert_eq!(complete(given), full, "{given}");
        let parsed: Reference = given.parse().expect("parsed above");
        assert_eq!(parsed.familiar(), familiar, "{given}");
    }
    assert_eq!(complete(&format!("python@{digest}")), format!("docker.io/library/python@{digest}"));
    assert_eq!(complete(&format!("python:3@{digest}")), format!("docker.io/library/python:3@{digest}"));
}

#[test]
fn another_default_registry_has_no_library() {
    let parsed = Reference::parse_with_default("nginx:1.25", "registry.example.com").expect("a name");
    assert_eq!(parsed.to_string(), "registry.example.com/nginx:1.25");
    assert_eq!((parsed.registry(), parsed.repository(), parsed.tag()), ("registry.example.com", "nginx", Some("1.25")));
}

#[test]
fn wrong_names_say_what_is_wrong() {
    let id = "0".repeat(64);
    let long = "a".repeat(250);
    for (given, expected) in [
        ("", "it is empty"),
        ("Python", "capital letters"),
        ("a//b", "separated by '/'"),
        ("a/", "separated by '/'"),
        ("-a", "separated by '/'"),
        ("a..b", "separated by '/'"),
        ("a___b", "separated by '/'"),
        ("a:", "the tag \"\""),
        ("a:.x", "the tag \".x\""),
        ("a b", "separated by '/'"),
        ("a@sha256:12", "is no digest"),
        ("a@md5:00", "is no digest"),
        ("host:port/a", "no host[:port]"),
        ("host:99999/a", "no host[:port]"),
        ("-x.example.com/a", "no host[:port]"),
        ("[::1/a", "no host[:port]"),
        ("https://registry.example.com/a", "no host[:port]"),
        (&id, "an image's id"),
        (&long, "longer than 255"),
        ("\u{e9}", "separated by '/'"),
    ] {
        let error: ReferenceError = given.parse::<Reference>().expect_err(given);
        assert!(error.to_string().contains(expected), "{given:?}: {error}");
    }
}

proptest! {
    #[test]
    fn a_complete_name_reads_back(text in "[a-z.:/@_0-9A-Z-]{1,40}") {
        if let Ok(reference) = text.parse::<Reference>() {
            prop_assert_eq!(reference.to_string().parse::<Reference>(), Ok(reference.clone()));
            prop_assert_eq!(reference.familiar().parse::<Reference>(), Ok(reference));
        }
    }
}
