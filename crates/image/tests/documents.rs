//! Documents as registries and Docker write them.
use pith_image::spec::{ImageConfig, Index, Manifest};
use pith_image::{Compression, Digest, Layer, Platform};
use std::io::{self, Read, Write};

/// As Docker writes it: `null` for what is empty, members of its own.
const DOCKER: &str = r#"{"architecture":"amd64","config":{"Hostname":"","AttachStdin":false,"ExposedPorts":{"443/tcp":{},"80/tcp":{}},
"Env":["PATH=/bin","A=1"],"Cmd":["/bin/sh"],"Entrypoint":null,"Image":"sha256:1","Volumes":null,"WorkingDir":"/srv","OnBuild":["RUN true"],
"Labels":{"b":"2","a":"1"},"StopSignal":"SIGQUIT","Shell":["/bin/bash","-c"],"Healthcheck":{"Test":["CMD","true"],"Interval":1}},
"container":"x","created":"2024-01-01T00:00:00Z","docker_version":"20.10","history":[{"created_by":"ADD","empty_layer":false},{"created_by":"CMD","empty_layer":true}],
"os":"linux","rootfs":{"type":"layers","diff_ids":["sha256:0000000000000000000000000000000000000000000000000000000000000000"]},"variant":"v1"}"#;

#[test]
fn a_configuration_keeps_all_it_came_with() {
    let config: ImageConfig = serde_json::from_str(DOCKER).expect("a configuration");
    assert_eq!(config.platform.to_string(), "linux/amd64/v1");
    assert_eq!(config.config.exposed_ports.iter().map(String::as_str).collect::<Vec<_>>(), ["443/tcp", "80/tcp"]);
    assert_eq!((config.config.entrypoint.as_ref(), config.config.on_build.len(), config.history.len()), (None, 1, 2));
    assert_eq!(config.extra.get("docker_version").and_then(|value| value.as_str()), Some("20.10"));
    assert!(config.extra.get("os").is_none(), "a member is kept once");

    let written = serde_json::to_string(&config).expect("writable");
    assert_eq!(serde_json::from_str::<ImageConfig>(&written).expect("readable"), config);
    // Nothing but nulls and false flags is gone.
    let (mut before, after): (serde_json::Value, serde_json::Value) =
        (serde_json::from_str(DOCKER).expect("JSON"), serde_json::from_str(&written).expect("JSON"));
    let run = before.get_mut("config").and_then(|config| config.as_object_mut()).expect("an object");
    run.retain(|_, value| !value.is_null());
    before["history"][0].as_object_mut().expect("an object").remove("empty_layer");
    assert_eq!(before, after);
    assert!(!written.contains("null"));
}

#[test]
fn old_configurations_have_strings_for_lists() {
    let config: ImageConfig =
        serde_json::from_str(r#"{"architecture":"amd64","os":"linux","config":{"Entrypoint":"/init"},"rootfs":{"type":"layers"}}"#)
            .expect("readable");
    assert_eq!(config.config.entrypoint, Some(vec!["/init".to_owned()]));
    let config: ImageConfig =
        serde_json::from_str(r#"{"architecture":"amd64","os":"linux","config":null,"rootfs":{"type":"layers","diff_ids":null}}"#)
            .expect("readable");
    assert!(config.rootfs.diff_ids.is_empty());
}

#[test]
fn a_unikernel_index_keeps_version_and_features() {
    let text = format!(
        r#"{{"schemaVersion":2,"manifests":[{{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:{}","size":3,
        "platform":{{"architecture":"x86_64","os":"qemu","os.version":"0.17.0","os.features":["CONFIG_A=y","CONFIG_B=y"]}}}}]}}"#,
        "1f".repeat(32)
    );
    let index: Index = serde_json::from_str(&text).expect("an index");
    let platform = index.manifests[0].platform.clone().expect("a platform");
    assert_eq!(platform.os_version.as_deref(), Some("0.17.0"));
    assert!(platform.fits(&"qemu/amd64".parse().expect("a platform")));
    let wanted = |feature: &str| Platform { os_features: vec![feature.to_owned()], ..Platform::new("qemu", "x86_64") };
    assert!(platform.fits(&wanted("CONFIG_B=y")) && !platform.fits(&wanted("CONFIG_C=y")));
    let again: serde_json::Value = serde_json::to_value(&index).expect("writable");
    assert_eq!(again, serde_json::from_str::<serde_json::Value>(&text).expect("JSON"));
}

#[test]
fn platforms_fit_by_what_both_name() {
    for (image, wanted, fits) in [
        ("linux/amd64", "linux/x86_64", true),
        ("linux/amd64", "linux/arm64", false),
        ("linux/arm64/v8", "linux/arm64", true),
        ("linux/arm64", "linux/aarch64/v8", true),
        ("linux/arm/v7", "linux/arm/v6", false),
        ("linux/arm/v7", "linux/arm", true),
        ("linux/386", "linux/i686", true),
        ("qemu/x86_64", "fc/x86_64", false),
    ] {
        let (image, wanted): (Platform, Platform) = (image.parse().expect("a platform"), wanted.parse().expect("a platform"));
        assert_eq!(image.fits(&wanted), fits, "{image} for {wanted}");
    }
    for bad in ["", "linux", "linux/", "/amd64", "a/b/c/d", "linux/amd 64"] {
        assert!(bad.parse::<Platform>().is_err(), "{bad}");
    }
}

#[test]
fn digests_that_are_none_do_not_get_into_a_path() {
    for bad in ["../blah:x", "sha256:../../etc/passwd", "sha256:ABCD", "sha256", "md5:00", ""] {
        let manifest = format!(r#"{{"schemaVersion":2,"config":{{"mediaType":"x","digest":"{bad}","size":1}},"layers":[]}}"#);
        assert!(serde_json::from_str::<Manifest>(&manifest).is_err(), "{bad}");
    }
    assert_eq!(Digest::of(b"").to_string(), "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest)
}

#[test]
fn a_layer_read_to_its_end_is_what_the_image_promised() {
    let directory = tempfile::tempdir().expect("a directory");
    let (first, second) = (b"first member ".repeat(1000), b"second".to_vec());
    let whole = [first.clone(), second.clone()].concat();
    // Several members or frames, and a frame to be skipped, are one layer: pigz and zstd:chunked write such.
    let skipped = [&[0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"abc"].concat();
    for (compression, bytes) in [
        (Compression::Plain, whole.clone()),
        (Compression::Gzip, [gzip(&first), gzip(&second)].concat()),
        (Compression::Zstd, [skipped.clone(), zstd(&first), skipped.clone(), zstd(&second), skipped].concat()),
    ] {
        let blob = directory.path().join("blob");
        std::fs::write(&blob, &bytes).expect("written");
        let mut layer = Layer { blob, digest: Digest::of(&bytes), diff_id: Digest::of(&whole), compression, size: bytes.len() as u64 };
        let mut read = Vec::new();
        layer.open().expect("open").read_to_end(&mut read).unwrap_or_else(|error| panic!("{compression:?}: {error}"));
        assert_eq!(read, whole, "{compression:?}");

        layer.diff_id = Digest::of(b"something else");
        let error = layer.open().expect("open").read_to_end(&mut read).expect_err("not what was promised");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert!(error.to_string().contains("unpacks to sha256:"), "{error}");

        if compression != Compression::Plain {
            std::fs::write(&layer.blob, &bytes[..bytes.len() - 5]).expect("written");
            layer.diff_id = Digest::of(&whole);
            layer.open().expect("open").read_to_end(&mut read).expect_err("cut off");
        }
    }
}
