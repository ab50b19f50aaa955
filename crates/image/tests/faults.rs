//! Against a registry that misbehaves: cut connections, wrong lengths, wrong digests, refusals.
mod common;

use common::*;
use pith_image::{Compression, Digest, Error, HostAuth, Image, Settings};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// A request as far as it matters here.
struct Request {
    line: String,
    headers: BTreeMap<String, String>,
}

impl Request {
    fn range_start(&self) -> Option<usize> {
        self.headers.get("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
    }
}

/// Answers one request, or `None` to hang up.
type Answer = dyn Fn(&Request, usize) -> Option<Vec<u8>> + Send + Sync;

/// Serves one image; the answer to each request can be replaced.
struct Server {
    address: String,
    requests: Arc<Mutex<Vec<String>>>,
}

fn response(status: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("HTTP/1.1 {status}\r\nConnection: close\r\n").into_bytes();
    for (name, value) in headers {
        bytes.extend(format!("{name}: {value}\r\n").bytes());
    }
    if !headers.iter().any(|(name, _)| *name == "Content-Length" || *name == "Transfer-Encoding") {
        bytes.extend(format!("Content-Length: {}\r\n", body.len()).bytes());
    }
    bytes.extend(b"\r\n");
    bytes.extend(body);
    bytes
}

/// The documents and layers of an image, by path.
fn paths(image: &Image) -> BTreeMap<String, Vec<u8>> {
    let place = Place::new();
    let descriptor = place.store.add(&reference("x"), image).expect("added");
    let mut paths = BTreeMap::new();
    for blob in std::fs::read_dir(place.store.root().join("blobs/sha256")).expect("listed") {
        let blob = blob.expect("listed");
        let bytes = std::fs::read(blob.path()).expect("readable");
        let digest = Digest::of(&bytes);
        if digest == descriptor.digest {
            paths.insert("/v2/app/manifests/1".to_owned(), bytes.clone());
        }
        paths.insert(format!("/v2/app/blobs/{digest}"), bytes);
    }
    paths
}

impl Server {
    /// `answer` gets each request and how many there were for this path before; what it leaves (`Some(empty)`) is answered properly.
    fn start(image: &Image, answer: impl Fn(&Request, usize) -> Option<Vec<u8>> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (paths, answer, log): (_, Arc<Answer>, _) = (Arc::new(paths(image)), Arc::new(answer), requests.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (paths, answer, log) = (paths.clone(), answer.clone(), log.clone());
                thread::spawn(move || serve(stream, &paths, &*answer, &log));
            }
        });
        Self { address, requests }
    }

    fn pull(&self, place: &Place) -> (pith_image::Result<Image>, Arc<Log>) {
        self.pull_with(place, settings())
    }

    fn pull_with(&self, place: &Place, settings: Settings) -> (pith_image::Result<Image>, Arc<Log>) {
        let (images, log) = place.images(settings);
        (images.pull(&reference(&format!("{}/app:1", self.address)), &amd64()), log)
    }

    fn count(&self, part: &str) -> usize {
        self.requests.lock().expect("not poisoned").iter().filter(|line| line.contains(part)).count()
    }
}

fn serve(mut stream: TcpStream, paths: &BTreeMap<String, Vec<u8>>, answer: &Answer, log: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream.try_clone().expect("a socket"));
    let mut line = String::new();
    // What is no HTTP (a handshake for TLS) gets no answer.
    if reader.fill_buf().is_ok_and(|bytes| bytes.first() != Some(&b'G')) || reader.read_line(&mut line).is_err() {
        return;
    }
    let mut headers = BTreeMap::new();
    for header in reader.lines().map_while(Result::ok).take_while(|header| !header.is_empty()) {
        if let Some((name, value)) = header.split_once(':') {
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
    }
    let request = Request { line: line.trim_end().trim_end_matches(" HTTP/1.1").to_owned(), headers };
    let before = {
        let mut log = log.lock().expect("not poisoned");
        log.push(request.line.clone());
        log.iter().filter(|line| **line == request.line).count() - 1
    };
    let Some(special) = answer(&request, before) else { return };
    let path = request.line.strip_prefix("GET ").unwrap_or_default();
    let bytes = match paths.get(path) {
        _ if !special.is_empty() => special,
        Some(content) => match request.range_start() {
            Some(start) if start <= content.len() => {
                let range = format!("bytes {start}-{}/{}", content.len() - 1, content.len());
                response("206 Partial Content", &[("Content-Range", &range)], &content[start..])
            }
            _ => response("200 OK", &[("Content-Type", "application/vnd.oci.image.manifest.v1+json")], content),
        },
        None => response("404 Not Found", &[], br#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest unknown"}]}"#),
    };
    // The client may have hung up.
    let _ = stream.write_all(&bytes).and_then(|()| stream.shutdown(std::net::Shutdown::Write));
    let _ = stream.read(&mut [0]);
}

fn properly() -> Option<Vec<u8>> {
    Some(Vec::new())
}

fn image(place: &Place) -> Image {
    make_image(&place.path("made"), amd64(), 300_000, Compression::Plain)
}

/// The path of the image's large layer, and its bytes.
fn large(image: &Image) -> (String, Vec<u8>) {
    let layer = &image.layers[1];
    (format!("GET /v2/app/blobs/{}", layer.digest), std::fs::read(&layer.blob).expect("readable"))
}

#[test]
fn a_cut_transfer_goes_on_where_it_was_cut() {
    let place = Place::new();
    let image = image(&place);
    let (line, content) = large(&image);
    let at = Arc::new(Mutex::new(Vec::new()));
    let starts = at.clone();
    // Each time another 100,000 bytes, with the length of all that is missing.
    let server = Server::start(&image, move |request, _| {
        if request.line != line {
            return properly();
        }
        let start = request.range_start().unwrap_or(0);
        starts.lock().expect("not poisoned").push(start);
        let (length, range) = ((content.len() - start).to_string(), format!("bytes {start}-{}/{}", content.len() - 1, content.len()));
        let (status, end) = (if start == 0 { "200 OK" } else { "206 Partial Content" }, (start + 100_000).min(content.len()));
        Some(response(status, &[("Content-Length", &length), ("Content-Range", &range)], &content[start..end]))
    });
    let (pulled, log) = server.pull(&place);
    assert_same(&pulled.expect("pulled"), &image);
    assert_eq!(*at.lock().expect("not poisoned"), [0, 100_000, 200_000, 300_000]);
    assert_eq!(log.count("retry"), 3);
}

#[test]
fn an_interrupted_pull_goes_on_in_the_next_process() {
    let place = Place::new();
    let image = image(&place);
    let (line, content) = large(&image);
    let half = content.len() / 2;
    let server = Server::start(&image, move |request, before| {
        if request.line != line {
            return properly();
        }
        match before {
            0 => Some(response("200 OK", &[("Content-Length", &content.len().to_string())], &content[..half])),
            1..=4 => None,
            _ => properly(),
        }
    });
    let (error, _) = server.pull(&place);
    let error = error.expect_err("cut off");
    assert!(
        matches!(error, Error::Truncated { found, attempts: 4, .. } | Error::Truncated { found, attempts: 5, .. } if found == half as u64)
            || matches!(error, Error::Network { .. }),
        "{error}"
    );
    let partial: Vec<u64> = std::fs::read_dir(place.store.root().join(".pith/partial"))
        .expect("listed")
        .map(|entry| entry.and_then(|entry| entry.metadata()).expect("there").len())
        .collect();
    assert_eq!(partial, [half as u64]);
    let (pulled, log) = server.pull(&place);
    assert_same(&pulled.expect("pulled"), &image);
    assert!(log.lines().iter().any(|line| line.starts_with(&format!("transfer {half}/"))), "{:?}", log.lines());
}

#[test]
fn what_was_left_may_be_wrong() {
    let place = Place::new();
    let image = image(&place);
    let (_, content) = large(&image);
    let server = Server::start(&image, |_, _| properly());
    for left in [vec![0; 1000], [&content[..], b"more"].concat(), vec![1; content.len()]] {
        let digest = &image.layers[1].digest;
        let _ = std::fs::remove_file(place.store.blob(digest));
        std::fs::write(place.store.root().join(format!(".pith/partial/sha256-{}", digest.hex())), left).expect("written");
        assert_same(&server.pull(&place).0.expect("pulled"), &image);
    }
}

#[test]
fn lengths_that_lie_are_refused() {
    let place = Place::new();
    let image = image(&place);
    for (said, sent, expected) in
        [(0_i64, 0_i64, None), (-1, -1, Some(-1)), (1, 1, Some(1)), (1000, 0, Some(1000)), (-1000, 0, Some(-1000))]
    {
        let (line, content) = large(&image);
        let size = i64::try_from(content.len()).expect("small");
        let server = Server::start(&image, move |request, _| {
            if request.line != line {
                return properly();
            }
            let mut body = content.clone();
            body.resize(usize::try_from(size + sent).expect("positive"), 0);
            Some(response("200 OK", &[("Content-Length", &(size + said).to_string())], &body))
        });
        let other = Place::new();
        match (server.pull(&other).0, expected) {
            (Ok(pulled), None) => assert_same(&pulled, &image),
            (Err(Error::SizeMismatch { found, expected, .. }), Some(off)) => {
                assert_eq!((i64::try_from(expected).expect("small"), i64::try_from(found).expect("small")), (size, size + off));
            }
            (other, _) => panic!("{said} {sent}: {other:?}"),
        }
    }
    // Without a length, the first byte too many is one too many.
    let (line, mut content) = large(&image);
    content.resize(content.len() + 500_000, 0);
    let server = Server::start(&image, move |request, _| {
        if request.line != line {
            return properly();
        }
        let chunk = [format!("{:x}\r\n", content.len()).as_bytes(), &content, b"\r\n0\r\n\r\n"].concat();
        Some(response("200 OK", &[("Transfer-Encoding", "chunked")], &chunk))
    });
    let error = server.pull(&Place::new()).0.expect_err("too long");
    assert!(matches!(error, Error::SizeMismatch { .. }), "{error}");
}

#[test]
fn wrong_bytes_are_refused() {
    let place = Place::new();
    let image = image(&place);
    let (line, mut content) = large(&image);
    content[5000] ^= 1;
    let server =
        Server::start(&image, move |request, _| if request.line == line { Some(response("200 OK", &[], &content)) } else { properly() });
    let (error, _) = server.pull(&place);
    assert!(matches!(error, Err(Error::DigestMismatch { .. })), "{error:?}");
    assert!(!place.store.has(&image.layers[1].digest));

    let other = Digest::of(b"other").to_string();
    let server = Server::start(&image, move |request, _| {
        if !request.line.contains("manifests") {
            return properly();
        }
        Some(response("200 OK", &[("Docker-Content-Digest", &other)], br#"{"schemaVersion":2,"manifests":[]}"#))
    });
    let error = server.pull(&place).0.expect_err("not what it says");
    assert!(matches!(error, Error::DigestMismatch { .. }), "{error}");
}

#[test]
fn manifests_that_are_none_are_named() {
    let place = Place::new();
    let image = image(&place);
    let deep = format!(r#"{{"schemaVersion":2,"manifests":{}{}}}"#, "[".repeat(200), "]".repeat(200));
    for (body, expected) in [
        ("", "EOF"),
        ("<html>", "expected value"),
        ("[]", "schema version 0"),
        ("7", "not what it should be"),
        ("{}", "schema version 0"),
        (r#"{"schemaVersion":1}"#, "schema version 1; only 2 is supported"),
        (r#"{"schemaVersion":2}"#, "config"),
        (r#"{"schemaVersion":2,"manifests":[],"config":{}}"#, "both an index and a manifest"),
        (r#"{"schemaVersion":2,"mediaType":"application/x"}"#, "neither an image's manifest nor an index"),
        (r#"{"schemaVersion":2,"manifests":[]}"#, "no platform at all"),
        (r#"{"schemaVersion":2,"config":{"mediaType":"x","digest":"sha256:../../x","size":1},"layers":[]}"#, "is no digest"),
        (&deep, "not what it should be"),
    ] {
        let owned = body.to_owned();
        let server = Server::start(&image, move |request, _| {
            if request.line.contains("manifests") {
                Some(response("200 OK", &[("Content-Type", "application/vnd.oci.image.manifest.v1+json")], owned.as_bytes()))
            } else {
                properly()
            }
        });
        let error = server.pull(&place).0.expect_err(expected);
        assert!(error.to_string().contains(expected), "{body}: {error}");
    }
    // Without end.
    let server = Server::start(&image, move |request, _| {
        if request.line.contains("manifests") { Some(response("200 OK", &[], &vec![b' '; 9 << 20])) } else { properly() }
    });
    let error = server.pull(&place).0.expect_err("too long");
    assert!(error.to_string().contains("which no manifest is"), "{error}");
}

#[test]
fn refusals_say_what_to_do() {
    let place = Place::new();
    let image = image(&place);
    let busy = || Some(response("503 Service Unavailable", &[], b""));
    let server =
        Server::start(&image, move |request, before| if request.line.contains("manifests") && before < 2 { busy() } else { properly() });
    let (pulled, log) = server.pull(&place);
    assert_same(&pulled.expect("the third time"), &image);
    assert_eq!(log.count("retry the registry answered 503"), 2);
    let server = Server::start(&image, move |_, _| busy());
    let error = server.pull(&place).0.expect_err("never");
    assert!(matches!(error, Error::Registry { status: 503, .. }), "{error}");
    assert_eq!(server.count("manifests"), 4);

    let limited = |after: &'static str| {
        move |_: &Request, before: usize| {
            let body = br#"{"errors":[{"code":"TOOMANYREQUESTS","message":"You have reached your pull rate limit."}]}"#;
            if before < 1 || after == "3600" {
                Some(response("429 Too Many Requests", &[("Retry-After", after)], body))
            } else {
                properly()
            }
        }
    };
    let server = Server::start(&image, limited("0"));
    assert_same(&server.pull(&place).0.expect("a short wait is waited"), &image);
    let server = Server::start(&image, limited("3600"));
    let error = server.pull(&place).0.expect_err("a long one is not").to_string();
    assert!(error.contains("limits how often") && error.contains("again after 3600 s") && error.contains("pull rate limit"), "{error}");

    let server = Server::start(&image, |_, _| {
        Some(response("403 Forbidden", &[], br#"{"errors":[{"code":"DENIED","message":"requested access is denied"}]}"#))
    });
    let error = server.pull(&place).0.expect_err("denied").to_string();
    assert!(error.contains("refuses access (requested access is denied)") && error.contains("no credentials are stored"), "{error}");
}

#[test]
fn tokens_are_fetched_where_the_registry_says() {
    let place = Place::new();
    let image = image(&place);
    let address = Arc::new(Mutex::new(String::new()));
    let realm = address.clone();
    let server = Server::start(&image, move |request, _| {
        if let Some(query) = request.line.strip_prefix("GET /token?") {
            assert!(query.contains("scope=repository%3Aapp%3Apull") && query.contains("service=test"), "{query}");
            // me:secret
            let known = request.headers.get("authorization").is_some_and(|value| value == "Basic bWU6c2VjcmV0");
            return Some(if known {
                response("200 OK", &[], br#"{"token":"abc","expires_in":60}"#)
            } else {
                response("401 Unauthorized", &[], b"")
            });
        }
        if request.headers.get("authorization").is_some_and(|value| value == "Bearer abc") {
            return properly();
        }
        let challenge =
            format!("Bearer realm=\"http://{}/token\",service=\"test\",scope=\"repository:app:pull\"", realm.lock().expect("not poisoned"));
        Some(response(
            "401 Unauthorized",
            &[("WWW-Authenticate", &challenge)],
            br#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#,
        ))
    });
    address.lock().expect("not poisoned").clone_from(&server.address);
    let error = server.pull(&place).0.expect_err("nobody").to_string();
    assert!(error.contains("authentication required") && error.contains("no credentials are stored"), "{error}");
    let auth = HostAuth { user: "me".to_owned(), token: "secret".to_owned(), ..HostAuth::default() };
    let settings = Settings { auth: BTreeMap::from([(server.address.clone(), auth)]), ..settings() };
    let before = server.count("/token");
    assert_same(&server.pull_with(&place, settings).0.expect("pulled"), &image);
    assert_eq!(server.count("/token") - before, 1, "one token serves all");
}
