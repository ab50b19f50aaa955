//! Layouts and archives, as skopeo and Docker write them.
mod common;

use common::*;
use pith_image::{Compression, Error, Images, Platform, PullPolicy, Source};
use std::fs;
use std::path::Path;

fn get(images: &Images, source: &str) -> pith_image::Result<pith_image::Image> {
    images.get(&Source::parse(source)?, &amd64(), PullPolicy::Never)
}

#[test]
fn skopeos_forms_are_read() {
    let place = Place::new();
    let (images, _) = place.images(settings());
    let image = make_image(&place.path("made"), amd64(), 40_000, Compression::Plain);
    place.store.add(&reference("app:1"), &image).expect("added");
    let from = format!("oci:{}:docker.io/library/app:1", place.store.root().display());
    for (form, path) in [("oci", "layout"), ("oci-archive", "layout.tar"), ("docker-archive", "saved.tar")] {
        let path = place.path(path).display().to_string();
        skopeo(&["copy", "-q", &from, &format!("{form}:{path}:app:1")]);
        for source in [format!("{form}:{path}"), format!("{form}:{path}:app:1"), path.clone()] {
            let read = get(&images, &source).unwrap_or_else(|error| panic!("{source}: {error}"));
            assert_eq!(read.config.config, image.config.config, "{source}");
            assert_eq!(read.config.rootfs, image.config.rootfs, "{source}");
            for layer in &read.layers {
                std::io::copy(&mut layer.open().expect("open"), &mut std::io::sink()).unwrap_or_else(|error| panic!("{source}: {error}"));
            }
        }
        assert!(Source::detect(Path::new(&path)).expect("readable").is_some(), "{path}");
        let error = get(&images, &format!("{form}:{path}:other")).expect_err("not in it");
        assert!(matches!(&error, Error::NotFound { .. }) && error.to_string().contains("app:1"), "{error}");
        let arm = Platform::new("linux", "arm64");
        let error = images
            .get(&Source::parse(&format!("{form}:{path}")).expect("a source"), &arm, PullPolicy::Never)
            .expect_err("another platform");
        assert!(error.to_string().contains("nothing for linux/arm64; it is there for linux/amd64"), "{error}");
    }
    // And compressed as a whole.
    for compression in [Compression::Gzip, Compression::Zstd] {
        let path = place.path(&format!("saved.{compression:?}"));
        fs::write(&path, compress(compression, &fs::read(place.path("saved.tar")).expect("readable"))).expect("written");
        assert_eq!(get(&images, &path.display().to_string()).expect("read").config.rootfs, image.config.rootfs);
        assert!(Source::detect(&path).expect("readable").is_some());
    }
}

/// `docker save` before version 25: a directory per layer, shared layers as links.
fn old_save(image: &pith_image::Image) -> Vec<(String, Vec<u8>)> {
    let config = serde_json::to_vec(&image.config).expect("JSON");
    let id = pith_image::Digest::of(&config).hex().to_owned();
    let mut files = vec![(format!("{id}.json"), config)];
    let mut names = Vec::new();
    for layer in &image.layers {
        let name = format!("{}/layer.tar", layer.diff_id.hex());
        files.push((name.clone(), fs::read(&layer.blob).expect("readable")));
        names.push(name);
    }
    let manifest =
        serde_json::json!([{ "Config": format!("{id}.json"), "RepoTags": ["app:1", "registry.example.com/app:2"], "Layers": names }]);
    files.push(("manifest.json".to_owned(), manifest.to_string().into_bytes()));
    files.push(("repositories".to_owned(), b"{}".to_vec()));
    files
}

fn write_tar(path: &Path, files: &[(String, Vec<u8>)]) {
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, content)| (name.as_str(), content.as_slice())).collect();
    fs::write(path, tar_of(&files)).expect("written");
}

#[test]
fn dockers_older_form_is_read() {
    let place = Place::new();
    let (images, _) = place.images(settings());
    let image = make_image(&place.path("made"), amd64(), 4000, Compression::Plain);
    let path = place.path("old.tar");
    let files = old_save(&image);
    write_tar(&path, &files);
    for name in ["", ":app:1", ":docker.io/library/app:1", ":registry.example.com/app:2"] {
        assert_same(&get(&images, &format!("docker-archive:{}{name}", path.display())).expect("read"), &image);
    }

    // A layer that is a link to another directory's.
    let mut archive = tar::Builder::new(Vec::new());
    let mut moved = String::new();
    for (name, content) in &files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        let to = if name.ends_with("layer.tar") { name.replacen("/layer", "-other/layer", 1) } else { name.clone() };
        archive.append_data(&mut header, &to, content.as_slice()).expect("memory");
        if to != *name {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_size(0);
            archive.append_link(&mut header, name, format!("../{to}")).expect("memory");
            moved = to;
        }
    }
    assert!(!moved.is_empty());
    fs::write(&path, archive.into_inner().expect("memory")).expect("written");
    assert_same(&get(&images, &path.display().to_string()).expect("read"), &image);
}

#[test]
fn broken_archives_say_what_is_wrong() {
    let place = Place::new();
    let (images, _) = place.images(settings());
    let image = make_image(&place.path("made"), amd64(), 4000, Compression::Plain);
    let good = old_save(&image);
    let path = place.path("broken.tar");
    type Change = Box<dyn Fn(&mut Vec<(String, Vec<u8>)>)>;
    let replace = |name: &'static str, content: &'static str| -> Change {
        Box::new(move |files| {
            for file in files.iter_mut().filter(|file| file.0 == name) {
                file.1 = content.as_bytes().to_vec();
            }
        })
    };
    let cases: Vec<(Change, &str)> = vec![
        (Box::new(|files| files.retain(|file| file.0 != "manifest.json")), "before version 1.10"),
        (Box::new(|files| files.retain(|file| file.0 == "x")), "no image in it"),
        (Box::new(|files| files.retain(|file| !file.0.ends_with("/layer.tar"))), "is named but not there"),
        (replace("manifest.json", "[]"), "there is no image in it"),
        (replace("manifest.json", "{"), "manifest.json: not what it should be"),
        (replace("manifest.json", r#"[{"Config":"../../etc/passwd","Layers":[]}]"#), "\"../../etc/passwd\" is named but not there"),
        (Box::new(|files| files[1].1[600] ^= 1), "the content's digest is"),
        (
            Box::new(|files| {
                let file = files.iter_mut().find(|file| file.0 == "manifest.json").expect("there");
                file.1 = String::from_utf8_lossy(&file.1).replacen("\"Layers\":[", "\"Layers\":[\"x\",", 1).into_bytes();
            }),
            "3 layers, the configuration 2",
        ),
    ];
    for (change, expected) in cases {
        let mut files = good.clone();
        change(&mut files);
        write_tar(&path, &files);
        let error = get(&images, &path.display().to_string()).expect_err(expected);
        assert!(error.to_string().contains(expected), "{expected}: {error}");
        assert!(error.to_string().contains("broken.tar"), "{error}");
    }

    write_tar(&path, &good);
    let whole = fs::read(&path).expect("readable");
    fs::write(&path, &whole[..whole.len() / 2]).expect("written");
    assert!(get(&images, &path.display().to_string()).expect_err("cut off").to_string().contains("broken.tar"));
    fs::write(&path, noise(3000, 1)).expect("written");
    assert!(get(&images, &path.display().to_string()).expect_err("noise").to_string().contains("no complete tar archive"));
    let error = get(&images, "docker-archive:/nowhere/at/all.tar").expect_err("nothing there");
    assert!(error.to_string().starts_with("/nowhere/at/all.tar: No such file"), "{error}");
}

#[test]
fn a_root_file_system_is_no_image() {
    let place = Place::new();
    let path = place.path("rootfs.tar");
    for files in [&[("bin/sh", &b"x"[..]), ("manifest.json", b"[]")][..], &[("./etc/passwd", b"")], &[]] {
        fs::write(&path, tar_of(files)).expect("written");
        assert_eq!(Source::detect(&path).expect("readable"), None);
    }
    fs::write(&path, b"#!/bin/sh\n").expect("written");
    assert_eq!(Source::detect(&path).expect("readable"), None);
    assert_eq!(Source::detect(place.directory.path()).expect("readable"), None);
}

#[test]
fn sources_are_read_as_written() {
    let named = |text: &str| Source::Named(reference(text));
    for (text, expected) in [
        ("python:3.12", named("python:3.12")),
        ("docker://python", named("python")),
        ("oci://registry.example.com/app", named("registry.example.com/app")),
        ("localhost:5000/a:b", named("localhost:5000/a:b")),
        ("oci:/srv/x:name:1", Source::Layout { path: "/srv/x".into(), name: Some("name:1".to_owned()) }),
        ("oci:/srv/x", Source::Layout { path: "/srv/x".into(), name: None }),
        ("docker-archive:x.tar", Source::Archive { path: "x.tar".into(), name: None }),
        ("./x.tar", Source::Archive { path: "./x.tar".into(), name: None }),
        ("/", Source::Layout { path: "/".into(), name: None }),
        ("docker-daemon:app", Source::Daemon(reference("app"))),
    ] {
        assert_eq!(Source::parse(text).expect(text), expected, "{text}");
    }
    assert!(Source::parse("containers-storage:app").expect_err("not supported").to_string().contains("skopeo"));
    assert!(Source::parse("App").is_err());
}
