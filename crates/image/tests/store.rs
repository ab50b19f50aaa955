//! The local store: a layout that other tools read, shared by processes, whole after any interruption.
mod common;

use common::*;
use pith_image::{Compression, Digest, Error, Layout, Platform, Store};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Stdio};

#[test]
fn what_is_added_is_found_and_read_by_others() {
    let place = Place::new();
    for (name, compression) in
        [("app:1", Compression::Plain), ("app:2", Compression::Gzip), ("registry.example.com:5000/team/app:3", Compression::Zstd)]
    {
        let image = make_image(&place.path("made"), amd64(), 5000, compression);
        let descriptor = place.store.add(&reference(name), &image).expect("added");
        assert_same(&place.store.get(&reference(name), &amd64()).expect("readable").expect("there"), &image);

        // By digest too, whatever the tag.
        let pinned = reference(&format!("{}@{}", reference(name).name(), descriptor.digest));
        assert!(place.store.get(&pinned, &amd64()).expect("readable").is_some());

        let full = reference(name).to_string();
        let source = format!("oci:{}:{full}", place.store.root().display());
        let inspected: serde_json::Value = serde_json::from_str(&skopeo(&["inspect", &source])).expect("JSON");
        assert_eq!(inspected["Digest"], descriptor.digest.to_string());
        assert_eq!(inspected["Layers"][1], image.layers[1].digest.to_string());
        assert_eq!(inspected["Architecture"], "amd64");
        let copy = place.path(&format!("copy-{compression:?}"));
        skopeo(&["copy", "-q", "--dest-oci-accept-uncompressed-layers", &source, &format!("oci:{}:x", copy.display())]);
        assert_same(&Layout::open(&copy).expect("a layout").image(Some("x"), &amd64()).expect("an image"), &image);
    }
    let names: Vec<String> = place.store.list().expect("listed").into_iter().map(|stored| stored.name).collect();
    assert_eq!(names, ["docker.io/library/app:1", "docker.io/library/app:2", "registry.example.com:5000/team/app:3"]);
}

#[test]
fn the_same_image_is_the_same_bytes() {
    let (one, other) = (Place::new(), Place::new());
    let image = make_image(&one.path("made"), amd64(), 3000, Compression::Gzip);
    let digests = [&one, &other].map(|place| place.store.add(&reference("app"), &image).expect("added").digest);
    assert_eq!(digests[0], digests[1]);
    let archives = [&one, &other].map(|place| {
        let mut archive = Vec::new();
        place.images(settings()).0.export(&[reference("app")], &mut archive).expect("exported");
        archive
    });
    assert!(archives[0] == archives[1]);
}

#[test]
fn garbage_is_what_no_name_leads_to() {
    let place = Place::new();
    let (kept, gone) = (reference("kept"), reference("gone"));
    let image = make_image(&place.path("made"), amd64(), 9000, Compression::Plain);
    place.store.add(&kept, &image).expect("added");
    place.store.add(&gone, &make_image(&place.path("made"), amd64(), 70_000, Compression::Plain)).expect("added");
    fs::write(place.store.root().join(".pith/partial/sha256-00"), b"left over").expect("written");

    assert!(place.store.remove(&gone).expect("removed") && !place.store.remove(&gone).expect("removed"));
    assert!(place.store.get(&gone, &amd64()).expect("readable").is_none());
    let reclaimed = place.store.gc().expect("collected");
    // Manifest, configuration and the layer that the images do not share; and what was left over.
    assert_eq!(reclaimed.files, 4);
    assert!((70_000..80_000).contains(&reclaimed.bytes), "{reclaimed:?}");
    assert_same(&place.store.get(&kept, &amd64()).expect("readable").expect("there"), &image);
    assert_eq!(place.store.gc().expect("collected").files, 0);
}

#[test]
fn garbage_waits_while_others_use_images() {
    let place = Place::new();
    let other = Store::open(place.store.root()).expect("a store");
    let error = place.store.gc().expect_err("in use");
    assert!(matches!(error, Error::InUse(_)), "{error}");
    // The failed attempt has not taken away this one's own claim.
    let error = other.gc().expect_err("in use");
    assert!(matches!(error, Error::InUse(_)), "{error}");
    drop(other);
    place.store.gc().expect("collected");
}

#[test]
fn platforms_are_told_apart() {
    let place = Place::new();
    place.store.add(&reference("app"), &make_image(&place.path("made"), amd64(), 100, Compression::Plain)).expect("added");
    assert!(place.store.get(&reference("app"), &Platform::new("linux", "arm64")).expect("readable").is_none());
    assert!(place.store.manifest(&reference("app"), &amd64()).expect("readable").is_some());
}

#[test]
fn something_else_is_no_store() {
    let directory = tempfile::tempdir().expect("a directory");
    fs::write(directory.path().join("oci-layout"), r#"{"imageLayoutVersion":"2.0.0"}"#).expect("written");
    fs::write(directory.path().join("index.json"), "{}").expect("written");
    let error = Store::open(directory.path()).expect_err("another version");
    assert!(error.to_string().contains("version \"2.0.0\""), "{error}");
    let error = Layout::open(&directory.path().join("nothing")).expect_err("nothing there");
    assert!(error.to_string().contains("No such file"), "{error}");
}

#[test]
fn damage_is_found_and_named() {
    let place = Place::new();
    let image = make_image(&place.path("made"), amd64(), 5000, Compression::Plain);
    let descriptor = place.store.add(&reference("app"), &image).expect("added");
    let layout = Layout::open(place.store.root()).expect("a layout");
    let layer = layout.blob(&image.layers[1].digest);
    let mut bytes = fs::read(&layer).expect("readable");
    bytes[2000] ^= 1;
    fs::write(&layer, &bytes).expect("written");
    let error = layout.image(None, &amd64()).expect_err("damaged");
    assert!(matches!(&error, Error::DigestMismatch { what, .. } if what.ends_with(image.layers[1].digest.hex())), "{error}");
    fs::write(&layer, &bytes[..100]).expect("written");
    let error = layout.image(None, &amd64()).expect_err("too short");
    assert!(matches!(error, Error::SizeMismatch { expected: 6656, found: 100, .. }), "{error}");
    let manifest = layout.blob(&descriptor.digest);
    let text =
        fs::read_to_string(&manifest).expect("readable").replace("amd64", "arm64").replacen("gzip", "zstd", 1).replacen(':', ": ", 1);
    fs::write(&manifest, text).expect("written");
    assert!(place.store.get(&reference("app"), &amd64()).is_err());
}

/// Under `sudo`, root works in a user's store; the user has to be able to go on there.
#[test]
fn what_root_stores_belongs_to_the_user() {
    let place = tempfile::tempdir().expect("a directory");
    if std::os::unix::fs::chown(place.path(), Some(12_345), Some(12_346)).is_err() {
        eprintln!("skipped: needs root");
        return;
    }
    let store = Store::open(&place.path().join("store")).expect("a store");
    store.add(&reference("app"), &make_image(&place.path().join("made"), amd64(), 1000, Compression::Gzip)).expect("added");
    let mut directories = vec![store.root().to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).expect("listed") {
            let path = entry.expect("listed").path();
            let metadata = path.symlink_metadata().expect("there");
            assert_eq!((metadata.uid(), metadata.gid()), (12_345, 12_346), "{}", path.display());
            if metadata.is_dir() {
                directories.push(path);
            }
        }
    }
}

/// Run by [`a_killed_process_leaves_a_valid_layout`] as a process of its own: adds and removes images, says so, and goes on.
#[test]
fn child() {
    let Some(root) = std::env::var_os("PITH_IMAGE_TEST_STORE") else { return };
    let root = Path::new(&root);
    let store = Store::open(root).expect("a store");
    for number in 0..1000_usize {
        let image = make_image(&root.with_extension("made"), amd64(), 20_000 + number % 7, Compression::Plain);
        store.add(&reference(&format!("app:{}", number % 5)), &image).expect("added");
        // Not by print!, which the harness keeps.
        writeln!(std::io::stdout(), "step").expect("a reader");
        store.remove(&reference(&format!("app:{}", (number + 3) % 5))).expect("removed");
        writeln!(std::io::stdout(), "step").expect("a reader");
    }
}

#[test]
fn a_killed_process_leaves_a_valid_layout() {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path().join("store");
    for round in 0..25_usize {
        let start = || {
            Command::new(std::env::current_exe().expect("this test"))
                .args(["--exact", "child", "--nocapture"])
                .env("PITH_IMAGE_TEST_STORE", &root)
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .expect("started")
        };
        let mut children = [start(), start()];
        let mut steps = BufReader::new(children[0].stdout.take().expect("piped")).lines();
        for _ in 0..round {
            steps.next();
        }
        for child in &mut children {
            child.kill().expect("killed");
            child.wait().expect("ended");
        }
        if !Layout::is_layout(&root) {
            continue;
        }
        let store = Store::open(&root).expect("a store");
        for stored in store.list().expect("listed") {
            let image = Layout::open(&root).expect("a layout").image(Some(&stored.name), &amd64());
            assert_eq!(image.unwrap_or_else(|error| panic!("round {round}: {error}")).layers.len(), 2);
        }
        for blob in fs::read_dir(root.join("blobs/sha256")).expect("listed") {
            let blob = blob.expect("listed");
            assert_eq!(Digest::of(&fs::read(blob.path()).expect("readable")).hex(), blob.file_name().to_string_lossy());
        }
        store.gc().expect("nobody else is there");
        assert_eq!(fs::read_dir(root.join(".pith/partial")).expect("listed").count(), 0);
    }
    assert!(Layout::is_layout(&root));
}
