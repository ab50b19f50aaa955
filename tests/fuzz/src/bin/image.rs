//! Everything about images that comes from outside: names, documents, layouts, archives, credentials, challenges. The first byte chooses.
#![no_main]
use pith_image::spec::{ImageConfig, Index, Manifest};
use pith_image::{Layout, Platform, Reference, Settings, Source, Store, registry};
use std::sync::OnceLock;

/// A layout whose `index.json` is the input, around whatever blobs earlier inputs left.
fn place() -> &'static (tempfile::TempDir, Store) {
    static PLACE: OnceLock<(tempfile::TempDir, Store)> = OnceLock::new();
    PLACE.get_or_init(|| {
        let directory = tempfile::tempdir().expect("a directory");
        let store = Store::open(&directory.path().join("store")).expect("a store");
        (directory, store)
    })
}

/// What is read is written so that it reads back the same.
fn document<T: serde::Serialize + serde::de::DeserializeOwned + PartialEq + std::fmt::Debug>(data: &[u8]) {
    if let Ok(document) = serde_json::from_slice::<T>(data) {
        let written = serde_json::to_vec(&document).expect("writable");
        assert_eq!(serde_json::from_slice::<T>(&written).expect("readable"), document);
    }
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((choice, data)) = data.split_first() else { return };
    let text = || String::from_utf8_lossy(data);
    let (directory, store) = place();
    match choice % 8 {
        0 => {
            if let Ok(reference) = text().parse::<Reference>() {
                assert_eq!(reference.to_string().parse(), Ok(reference.clone()));
                assert_eq!(reference.familiar().parse(), Ok(reference));
            }
        }
        1 => document::<Manifest>(data),
        2 => document::<Index>(data),
        3 => document::<ImageConfig>(data),
        4 => {
            let _ = registry::parse_challenge(&text());
            let _ = registry::credentials::parse(data, "docker.io", "library/python");
        }
        5 => {
            let mut settings = Settings::default();
            if settings.add_map(&text()).is_ok() {
                let _ = "python:3.12".parse().map(|reference| settings.mapped(&reference));
            }
            let _ = text().parse::<Platform>();
        }
        6 => {
            let path = directory.path().join("archive");
            std::fs::write(&path, data).expect("written");
            let _ = Source::detect(&path);
            let _ = pith_image::load_archive(store, "archive", &mut &*data, None, &Platform::host());
        }
        _ => {
            // A document under its own digest, with an index that leads to it.
            let copied = store.copy_in("blob", &mut &*data, None).expect("stored");
            let index = format!(
                r#"{{"schemaVersion":2,"manifests":[{{"mediaType":"application/vnd.oci.image.index.v1+json","digest":"{}","size":{}}}]}}"#,
                copied.digest, copied.size
            );
            std::fs::write(store.root().join("index.json"), index).expect("written");
            let _ = Layout::open(store.root()).expect("a layout").image(None, &Platform::host());
            let _ = store.list();
            store.gc().expect("nobody else is there");
        }
    }
});
