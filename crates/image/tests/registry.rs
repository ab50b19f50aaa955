//! Against Debian's registry, with skopeo as the judge.
mod common;

use common::*;
use pith_image::{Compression, CredentialFiles, Error, HostAuth, Images, Layout, Platform, PullPolicy, Settings, Source};
use std::collections::BTreeMap;
use std::fs;

/// skopeo would compress layers on the way into a layout.
const KEEP: &str = "--dest-oci-accept-uncompressed-layers";

fn get(images: &Images, name: &str, policy: PullPolicy) -> pith_image::Result<pith_image::Image> {
    images.get(&Source::Named(reference(name)), &amd64(), policy)
}

#[test]
fn what_is_pushed_is_pulled_the_same() {
    let registry = Registry::start(Guard::Open);
    let (here, there) = (Place::new(), Place::new());
    let (pusher, log) = here.images(settings());
    for (tag, compression) in [("plain", Compression::Plain), ("gzip", Compression::Gzip), ("zstd", Compression::Zstd)] {
        let image = make_image(&here.path("made"), amd64(), 2_500_000, compression);
        here.store.add(&reference("app"), &image).expect("added");
        let target = registry.image(&format!("team/app:{tag}"));
        pusher.push(&reference("app"), &target).expect("pushed");

        let (puller, progress) = there.images(settings());
        assert_same(&get(&puller, &target.to_string(), PullPolicy::Missing).expect("pulled"), &image);
        let total = image.layers[1].size;
        assert!(progress.lines().contains(&format!("transfer {total}/{total}")), "{:?}", progress.lines());
        // Again: nothing travels.
        let (puller, progress) = there.images(settings());
        assert_same(&get(&puller, &target.to_string(), PullPolicy::Never).expect("here"), &image);
        assert_eq!(progress.lines(), Vec::<String>::new());
        puller.pull(&target, &amd64()).expect("pulled");
        assert_eq!((progress.count("transfer"), progress.count("present")), (0, 3));

        let copy = here.path(&format!("copy-{tag}"));
        skopeo(&["copy", "-q", KEEP, "--src-tls-verify=false", &format!("docker://{target}"), &format!("oci:{}:x", copy.display())]);
        assert_same(&Layout::open(&copy).expect("a layout").image(None, &amd64()).expect("an image"), &image);
    }
    let before = log.count("done");
    pusher.push(&reference("app"), &registry.image("team/app:again")).expect("pushed");
    assert_eq!(log.count("done"), before, "all there already");
}

#[test]
fn what_skopeo_pushed_is_pulled() {
    let registry = Registry::start(Guard::Open);
    let place = Place::new();
    let (images, _) = place.images(settings());
    let image = make_image(&place.path("made"), amd64(), 100_000, Compression::Gzip);
    place.store.add(&reference("app"), &image).expect("added");
    let from = format!("oci:{}:docker.io/library/app:latest", place.store.root().display());
    for format in ["oci", "v2s2"] {
        let target = registry.image(&format!("app:{format}"));
        skopeo(&["copy", "-q", "--dest-tls-verify=false", "--format", format, &from, &format!("docker://{target}")]);
        let pulled = images.pull(&target, &amd64()).expect("pulled");
        assert_eq!(pulled.config.rootfs, image.config.rootfs);
        assert_eq!(pulled.config.config, image.config.config);
        // Docker's media types have become OCI's, so that every tool finds the image in the store.
        skopeo(&["inspect", &format!("oci:{}:{target}", place.store.root().display())]);
        // The digest that the registry knows still leads to it.
        let inspected: serde_json::Value =
            serde_json::from_str(&skopeo(&["inspect", "--tls-verify=false", &format!("docker://{target}")])).expect("JSON");
        let pinned = format!("{}@{}", target.name(), inspected["Digest"].as_str().expect("text"));
        assert!(get(&images, &pinned, PullPolicy::Never).is_ok(), "{pinned}");
        let other = Place::new();
        assert!(get(&other.images(settings()).0, &pinned, PullPolicy::Missing).is_ok(), "{pinned}");
    }
}

#[test]
fn an_index_gives_the_platform_that_is_asked_for() {
    let registry = Registry::start(Guard::Open);
    let place = Place::new();
    let (images, _) = place.images(settings());
    let (arm, qemu) = (Platform::new("linux", "arm64"), Platform::new("qemu", "x86_64"));
    // A layout with one entry a platform under one name, which skopeo pushes as an index.
    let mut entries = Vec::new();
    for (number, platform) in [amd64(), arm.clone(), qemu.clone()].into_iter().enumerate() {
        let image = make_image(&place.path("made"), platform.clone(), 1000 + number, Compression::Gzip);
        let mut entry = place.store.add(&reference(&format!("part:{number}")), &image).expect("added");
        entry.platform = Some(platform);
        entries.push(entry);
    }
    let index = serde_json::json!({"schemaVersion": 2, "mediaType": pith_image::spec::media::INDEX, "manifests": entries}).to_string();
    let copied = place.store.copy_in("index", &mut index.as_bytes(), None).expect("stored");
    let root = pith_image::spec::Descriptor::new(pith_image::spec::media::INDEX, copied.digest, copied.size);
    place.store.tag(&reference("many"), &root).expect("tagged");
    let target = registry.image("many:1");
    images.push(&reference("many"), &target).expect("pushed");

    let other = Place::new();
    let (images, _) = other.images(settings());
    for platform in [&amd64(), &qemu] {
        let pulled = images.pull(&target, platform).expect("pulled");
        assert!(pulled.config.platform.fits(platform), "{platform}");
        assert!(images.store().get(&target, platform).expect("readable").is_some(), "{platform}");
    }
    let stored = images.store().list().expect("listed");
    assert_eq!(stored[0].manifests.iter().map(|part| part.platform.to_string()).collect::<Vec<_>>(), ["linux/amd64", "qemu/amd64"]);
    assert!(images.store().get(&target, &arm).expect("readable").is_none(), "not pulled");
    let error = images.pull(&target, &Platform::new("linux", "s390x")).expect_err("not there");
    assert!(error.to_string().ends_with("has nothing for linux/s390x; it is there for linux/amd64, linux/arm64, qemu/amd64"), "{error}");

    // What is pushed on and exported is what is here.
    let second = registry.image("many:2");
    images.push(&target, &second).expect("pushed");
    let raw: serde_json::Value =
        serde_json::from_str(&skopeo(&["inspect", "--raw", "--tls-verify=false", &format!("docker://{second}")])).expect("JSON");
    assert_eq!(raw["manifests"].as_array().map(Vec::len), Some(2));
    let archive = other.path("export.tar");
    images.export(std::slice::from_ref(&target), &mut fs::File::create(&archive).expect("a file")).expect("exported");
    skopeo(&[
        "copy",
        "-q",
        "--all",
        &format!("oci-archive:{}:{target}", archive.display()),
        &format!("oci:{}:x", other.path("copy").display()),
    ]);
}

#[test]
fn passwords_are_asked_for_and_found() {
    let registry = Registry::start(Guard::Password);
    let place = Place::new();
    let image = make_image(&place.path("made"), amd64(), 1000, Compression::Gzip);
    place.store.add(&reference("app"), &image).expect("added");
    let target = registry.image("private/app:1");
    let auth = |token: &str| HostAuth { user: "user".to_owned(), token: token.to_owned(), ..HostAuth::default() };
    let with = |auth: HostAuth| Settings { auth: BTreeMap::from([(registry.address.clone(), auth)]), ..settings() };

    let error = place.images(settings()).0.push(&reference("app"), &target).expect_err("no password");
    assert!(error.to_string().contains("no credentials are stored for") && error.to_string().contains("docker login"), "{error}");
    let error = place.images(with(auth("wrong"))).0.push(&reference("app"), &target).expect_err("the wrong one");
    assert!(matches!(error, Error::Unauthorized { with_credentials: true, .. }), "{error}");
    place.images(with(auth("secret"))).0.push(&reference("app"), &target).expect("pushed");

    // As Docker stores it, and with a helper.
    let file = place.path("config.json");
    let helper = place.path("docker-credential-test");
    fs::write(&file, format!(r#"{{"auths":{{"{}":{{"auth":"dXNlcjpzZWNyZXQ="}}}}}}"#, registry.address)).expect("written");
    let other = Place::new();
    let settings = Settings { credential_files: CredentialFiles { paths: vec![place.path("missing"), file.clone()] }, ..settings() };
    assert_same(&other.images(settings.clone()).0.pull(&target, &amd64()).expect("pulled"), &image);
    fs::write(&file, format!(r#"{{"credHelpers":{{"{}":"pith-test-that-is-not-there"}}}}"#, registry.address)).expect("written");
    let error = other.images(settings).0.pull(&target, &amd64()).expect_err("no helper");
    assert!(error.to_string().contains("docker-credential-pith-test-that-is-not-there"), "{error}");
    drop(helper);
}

#[test]
fn self_signed_certificates_are_for_those_who_say_so() {
    let registry = Registry::start(Guard::Tls);
    let place = Place::new();
    let image = make_image(&place.path("made"), amd64(), 1000, Compression::Gzip);
    place.store.add(&reference("app"), &image).expect("added");
    // On this machine nobody listens in: TLS is found out about, and not verified.
    place.images(settings()).0.push(&reference("app"), &registry.image("app:1")).expect("pushed");

    // By another name, which this machine's own is: only when told so.
    let port = registry.address.rsplit(':').next().expect("a port");
    let target = reference(&format!("pith-test.example.com:{port}/app:1"));
    let at = |verify_ssl| HostAuth { endpoint: Some(format!("https://localhost:{port}")), verify_ssl, ..HostAuth::default() };
    let with = |auth: HostAuth| Settings { auth: BTreeMap::from([(target.registry().to_owned(), auth)]), ..settings() };
    let error = place.images(with(at(None))).0.pull(&target, &amd64()).expect_err("not trusted");
    assert!(error.to_string().contains("certificate is not trusted") && error.to_string().contains("verify_ssl: false"), "{error}");
    assert_same(&place.images(with(at(Some(false)))).0.pull(&target, &amd64()).expect("pulled"), &image);
}

#[test]
fn names_are_mapped() {
    let registry = Registry::start(Guard::Open);
    let place = Place::new();
    let image = make_image(&place.path("made"), amd64(), 1000, Compression::Gzip);
    place.store.add(&reference("python:3.12"), &image).expect("added");
    place.images(settings()).0.push(&reference("python:3.12"), &registry.image("hub/library/python:3.12")).expect("pushed");
    let layout = place.path("layout").display().to_string();
    skopeo(&[
        "copy",
        "-q",
        &format!("oci:{}:docker.io/library/python:3.12", place.store.root().display()),
        &format!("oci:{layout}:python:3.12"),
    ]);
    let archive = place.path("saved.tar").display().to_string();
    skopeo(&["copy", "-q", &format!("oci:{layout}"), &format!("docker-archive:{archive}:python:3.12")]);

    let (hub, whole) = (format!("docker.io={}/hub", registry.address), format!("{}/hub/library/python:3.12", registry.address));
    for map in [
        hub.clone(),
        format!("docker.io/library={}/hub/library", registry.address),
        format!("python:3.12={whole}"),
        format!("docker.io=nowhere.example.com;docker.io/library/python={}/hub/library/python", registry.address),
        format!("docker.io=oci:{layout}"),
        format!("python:3.12=oci:{layout}"),
        format!("python:3.12=oci:{layout}:python:3.12"),
        format!("docker.io/library/python=docker-archive:{archive}"),
        format!("python:3.12={archive}"),
    ] {
        let other = Place::new();
        let mut settings = settings();
        settings.add_map(&map).expect(&map);
        let pulled = get(&other.images(settings).0, "python:3.12", PullPolicy::Missing).unwrap_or_else(|error| panic!("{map}: {error}"));
        assert_eq!(pulled.config.rootfs, image.config.rootfs, "{map}");
    }
    let other = Place::new();
    let mut settings = settings();
    settings.add_map(&hub).expect("a map");
    let (images, log) = other.images(settings);
    let error = get(&images, "python:2", PullPolicy::Missing).expect_err("not there");
    assert!(
        error.to_string().contains(&format!("docker.io/library/python:2 (mapped to {}/hub/library/python:2)", registry.address)),
        "{error}"
    );
    assert_eq!(log.lines()[0], format!("resolving docker.io/library/python:2 {}/hub/library/python:2", registry.address));
    let mut wrong = common::settings();
    for text in ["x", "=y", "x="] {
        assert!(wrong.add_map(text).expect_err(text).to_string().contains("NAME=TARGET"));
    }
    wrong.add_map("docker.io=oci:/nowhere").expect("a map");
    let error = get(&other.images(wrong).0, "python:2", PullPolicy::Missing).expect_err("no layout");
    assert!(error.to_string().starts_with("/nowhere/oci-layout: No such file"), "{error}");
}

#[test]
fn policies_and_what_is_not_there() {
    let registry = Registry::start(Guard::Open);
    let place = Place::new();
    let (images, _) = place.images(settings());
    let name = registry.image("app:1").to_string();
    let error = get(&images, &name, PullPolicy::Never).expect_err("not here");
    assert_eq!(error.to_string(), format!("no image {name} on this machine, and the pull policy is `never`"));
    let error = get(&images, &name, PullPolicy::Missing).expect_err("not there");
    assert_eq!(error.to_string(), format!("no image {name}: http://{} has none of that name; check name and tag", registry.address));
    for (number, size) in [1000, 2000].into_iter().enumerate() {
        let image = make_image(&place.path("made"), amd64(), size, Compression::Plain);
        place.store.add(&reference("app"), &image).expect("added");
        images.push(&reference("app"), &reference(&name)).expect("pushed");
        let other = if number == 0 { PullPolicy::Missing } else { PullPolicy::Always };
        assert_same(&get(&images, &name, other).expect("pulled"), &image);
    }
    let (old, new) = (make_image(&place.path("made"), amd64(), 3000, Compression::Plain), "app");
    place.store.add(&reference(new), &old).expect("added");
    images.push(&reference(new), &reference(&name)).expect("pushed");
    let kept = get(&images, &name, PullPolicy::Missing).expect("here");
    assert_ne!(kept.config, old.config, "what is here is enough");

    let address = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let error = get(&images, &format!("{address}/app"), PullPolicy::Missing).expect_err("nobody listens");
    assert!(matches!(&error, Error::Network { .. }) && error.to_string().contains("refused"), "{error}");
    let error = get(&images, "pith-test.invalid/app", PullPolicy::Missing).expect_err("no such host");
    let words = "pith-test.invalid/app:latest: asking pith-test.invalid: the host's name cannot be resolved";
    assert!(error.to_string().starts_with(words), "{error}");
    // A registry may answer elsewhere than its name says.
    let refused = Error::Network {
        reference: "alpine".to_owned(),
        address: "https://registry-1.example.org/v2/".to_owned(),
        problem: "x".to_owned(),
    };
    assert!(refused.to_string().starts_with("alpine: asking registry-1.example.org: x; "), "{refused}");
}

#[test]
fn a_damaged_blob_is_refused_and_not_kept() {
    let registry = Registry::start(Guard::Open);
    let place = Place::new();
    let image = make_image(&place.path("made"), amd64(), 50_000, Compression::Plain);
    place.store.add(&reference("app"), &image).expect("added");
    let target = registry.image("app:1");
    place.images(settings()).0.push(&reference("app"), &target).expect("pushed");
    let blob = registry.blob(&image.layers[1].digest);
    let mut bytes = fs::read(&blob).expect("readable");
    bytes[30_000] ^= 1;
    fs::write(&blob, &bytes).expect("written");

    let other = Place::new();
    let error = other.images(settings()).0.pull(&target, &amd64()).expect_err("damaged");
    assert!(matches!(&error, Error::DigestMismatch { expected, .. } if *expected == image.layers[1].digest), "{error}");
    assert!(other.store.get(&target, &amd64()).expect("readable").is_none());
    bytes[30_000] ^= 1;
    fs::write(&blob, &bytes).expect("written");
    assert_same(&other.images(settings()).0.pull(&target, &amd64()).expect("pulled"), &image);
}

#[test]
fn two_at_once_fetch_a_blob_once() {
    let registry = Registry::start(Guard::Open);
    let place = Place::new();
    let image = make_image(&place.path("made"), amd64(), 3_000_000, Compression::Plain);
    place.store.add(&reference("app"), &image).expect("added");
    let target = registry.image("app:1");
    place.images(settings()).0.push(&reference("app"), &target).expect("pushed");
    let other = Place::new();
    let logs: Vec<_> = std::thread::scope(|scope| {
        let pull = |_| {
            let (images, log) = other.images(settings());
            let target = &target;
            scope.spawn(move || images.pull(target, &amd64()).map(|_| log))
        };
        let threads: Vec<_> = (0..4).map(pull).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic").expect("pulled")).collect()
    });
    assert_eq!(logs.iter().map(|log| log.count("done")).sum::<usize>(), 3, "one of four fetched each blob");
}
