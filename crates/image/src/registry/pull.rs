//! An image from a registry into the store.

use super::client::{Actions, Registry};
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::platform::Platform;
use crate::progress::{Event, Reporter};
use crate::reference::Reference;
use crate::resolve::{self, Documents};
use crate::settings::Settings;
use crate::spec::{Descriptor, Index, Manifest, media};
use crate::store::{Store, to_json};
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::thread;

/// Blobs that are fetched at a time.
const AT_A_TIME: usize = 3;

/// Everything that a manifest may be.
const ACCEPT: &str = concat!(
    "application/vnd.oci.image.index.v1+json, ",
    "application/vnd.oci.image.manifest.v1+json, ",
    "application/vnd.docker.distribution.manifest.list.v2+json, ",
    "application/vnd.docker.distribution.manifest.v2+json"
);

/// Documents of one repository; each is asked for once.
struct Remote<'r, 'a> {
    registry: &'r Registry<'a>,
    known: Mutex<BTreeMap<Digest, Vec<u8>>>,
}

impl Documents for Remote<'_, '_> {
    fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>> {
        if let Some(bytes) = self.known.lock().ok().and_then(|known| known.get(&descriptor.digest).cloned()) {
            return Ok(bytes);
        }
        let is_manifest = media::is_index(&descriptor.media_type) || media::is_manifest(&descriptor.media_type);
        let (path, accept) = if is_manifest { ("manifests", ACCEPT) } else { ("blobs", "*/*") };
        let url = self.registry.url(&format!("{path}/{}", descriptor.digest));
        let (bytes, _, _) = self.registry.fetch_document(&url, accept, Some(&descriptor.digest))?;
        resolve::verify(&url, descriptor, &bytes)?;
        if let Ok(mut known) = self.known.lock() {
            known.insert(descriptor.digest.clone(), bytes.clone());
        }
        Ok(bytes)
    }
}

/// Pulls `remote` for this platform and names it `local` in the store.
pub(crate) fn pull(
    local: &Reference,
    remote: &Reference,
    platform: &Platform,
    store: &Store,
    settings: &Settings,
    reporter: &dyn Reporter,
) -> Result<()> {
    let (shown, looked_up) = (local.to_string(), remote.to_string());
    reporter.event(Event::Resolving { reference: local, mapped_to: (shown != looked_up).then_some(looked_up.as_str()) });
    let registry = Registry::new(remote, &shown, Actions::Pull, settings, reporter)?;
    let url = registry.url(&format!("manifests/{}", remote.version()));
    let (bytes, media_type, said) = registry.fetch_document(&url, ACCEPT, remote.digest())?;
    let digest = remote.digest().cloned().or(said).unwrap_or_else(|| Digest::of(&bytes));
    let root = Descriptor::new(&media_type.unwrap_or_default(), digest, bytes.len() as u64);
    let known = Mutex::new(BTreeMap::from([(root.digest.clone(), bytes)]));
    let remote = Remote { registry: &registry, known };
    let chosen = resolve::choose(&remote, &shown, &root, platform)?;

    let mut blobs: Vec<&Descriptor> = chosen.manifest.layers.iter().chain([&chosen.manifest.config]).collect();
    blobs.sort_by_key(|blob| &blob.digest);
    blobs.dedup_by_key(|blob| &blob.digest);
    fetch_all(&registry, &blobs, store)?;

    let known = remote.known.into_inner().unwrap_or_default();
    let stored = store_documents(store, &known, &root, &chosen.descriptor.digest)?;
    let source = (stored.digest != root.digest).then_some(&root.digest);
    store.tag_from(local, &stored, source)
}

/// Fetches blobs, several at a time; the first failure stops the rest from being started.
fn fetch_all(registry: &Registry<'_>, blobs: &[&Descriptor], store: &Store) -> Result<()> {
    let queue = Mutex::new(blobs.iter());
    let failure: Mutex<Option<Error>> = Mutex::new(None);
    let work = || {
        while failure.lock().is_ok_and(|failure| failure.is_none()) {
            let Some(blob) = queue.lock().ok().and_then(|mut queue| queue.next()) else { return };
            if let Err(error) = registry.fetch_blob(blob, store)
                && let Ok(mut failure) = failure.lock()
            {
                failure.get_or_insert(error);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 1..AT_A_TIME.min(blobs.len()) {
            scope.spawn(work);
        }
        work();
    });
    failure.into_inner().ok().flatten().map_or(Ok(()), Err)
}

/// Stores the documents on the way from `root` to the manifest `chosen`, in OCI's media types. Returns what the root has become.
fn store_documents(store: &Store, known: &BTreeMap<Digest, Vec<u8>>, root: &Descriptor, chosen: &Digest) -> Result<Descriptor> {
    let missing = || Error::malformed(root.digest.to_string(), "not fetched");
    let bytes = known.get(&root.digest).ok_or_else(missing)?;
    let mut stored = root.clone();
    let bytes = match resolve::parse_root("", &root.media_type, bytes)? {
        resolve::Root::Manifest(manifest) if is_docker(&root.media_type, manifest.media_type.as_deref()) => {
            stored.media_type = media::MANIFEST.to_owned();
            to_json(&to_oci_manifest(*manifest))?
        }
        resolve::Root::Manifest(_) => {
            stored.media_type = media::MANIFEST.to_owned();
            bytes.clone()
        }
        resolve::Root::Index(mut index) => {
            let mut changed = is_docker(&root.media_type, index.media_type.as_deref());
            stored.media_type = media::INDEX.to_owned();
            for inner in &mut index.manifests {
                let on_the_way = inner.digest == *chosen || media::is_index(&inner.media_type);
                if on_the_way && known.contains_key(&inner.digest) {
                    let now = store_documents(store, known, inner, chosen)?;
                    changed |= now.digest != inner.digest;
                    *inner = now;
                }
            }
            if changed { to_json(&Index { media_type: Some(media::INDEX.to_owned()), ..index })? } else { bytes.clone() }
        }
    };
    // A document that was not changed keeps the digest under which it was asked for, whatever the algorithm.
    if known.get(&root.digest) == Some(&bytes) {
        store.put_as(&bytes, &root.digest)?;
    } else {
        stored.digest = store.put(&bytes)?;
        stored.size = bytes.len() as u64;
    }
    Ok(stored)
}

fn is_docker(by_header: &str, by_document: Option<&str>) -> bool {
    let name = by_document.unwrap_or(by_header);
    media::oci(name) != name
}

/// The same manifest with OCI's media types; configuration and layers keep their digests.
fn to_oci_manifest(manifest: Manifest) -> Manifest {
    let convert = |descriptor: Descriptor| Descriptor { media_type: media::oci(&descriptor.media_type).to_owned(), ..descriptor };
    Manifest {
        media_type: Some(media::MANIFEST.to_owned()),
        config: convert(manifest.config),
        layers: manifest.layers.into_iter().map(convert).collect(),
        ..manifest
    }
}
