//! From an index or a manifest to one image: the same for layouts, archives, the store and registries.

use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::platform::Platform;
use crate::spec::{Descriptor, ImageConfig, Index, Manifest, SCHEMA_VERSION, media};
use serde::de::DeserializeOwned;

/// Largest manifest, index or configuration, in bytes, that Pith reads. Registries allow manifests of 4 MiB.
pub const MAX_DOCUMENT: u64 = 8 << 20;
/// How deep indexes may lie in indexes.
const MAX_DEPTH: u32 = 4;

/// Where documents come from. Whoever answers has verified digest and size.
pub(crate) trait Documents {
    /// The bytes of a manifest, an index or a configuration.
    fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>>;
}

/// A manifest, how it was reached, and its configuration.
#[derive(Clone, Debug)]
pub(crate) struct Chosen {
    pub(crate) descriptor: Descriptor,
    pub(crate) manifest: Manifest,
    pub(crate) config: ImageConfig,
}

/// Parses a document, saying which one is wrong.
pub(crate) fn parse<T: DeserializeOwned>(what: &str, bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|error| Error::malformed(what, format!("not what it should be: {error}")))
}

/// A manifest or an index.
#[derive(Clone, Debug)]
pub(crate) enum Root {
    Index(Index),
    Manifest(Box<Manifest>),
}

/// Reads what a tag points to.
pub(crate) fn parse_root(what: &str, media_type: &str, bytes: &[u8]) -> Result<Root> {
    /// The members that tell documents apart.
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Head {
        #[serde(default)]
        schema_version: u32,
        #[serde(default)]
        media_type: Option<String>,
        #[serde(default)]
        manifests: Option<serde::de::IgnoredAny>,
        #[serde(default)]
        config: Option<serde::de::IgnoredAny>,
    }
    let head: Head = parse(what, bytes)?;
    if head.schema_version != SCHEMA_VERSION {
        let problem =
            format!("schema version {}; only {SCHEMA_VERSION} is supported: push the image again with a current tool", head.schema_version);
        return Err(Error::malformed(what, problem));
    }
    // A document that passes for both could mean one thing to whoever signed it and another to whoever runs it.
    if head.manifests.is_some() && head.config.is_some() {
        return Err(Error::malformed(what, "both an index and a manifest"));
    }
    // What the document says about itself counts, then what it has; what its bearer says comes last.
    let by_members = match (&head.manifests, &head.config) {
        (Some(_), _) => media::INDEX,
        (None, Some(_)) => media::MANIFEST,
        (None, None) => media_type,
    };
    let said = head.media_type.as_deref().unwrap_or(by_members);
    if media::is_index(said) {
        parse(what, bytes).map(Root::Index)
    } else if media::is_manifest(said) {
        parse(what, bytes).map(|manifest| Root::Manifest(Box::new(manifest)))
    } else {
        Err(Error::malformed(what, format!("media type {said:?} is neither an image's manifest nor an index")))
    }
}

/// The manifest for `wanted` under `root`.
pub(crate) fn choose(documents: &dyn Documents, name: &str, root: &Descriptor, wanted: &Platform) -> Result<Chosen> {
    let mut available = Vec::new();
    match descend(documents, name, root, wanted, 0, &mut available)? {
        Some(chosen) => Ok(chosen),
        None => Err(Error::PlatformMissing { reference: name.to_owned(), wanted: Box::new(wanted.clone()), available }),
    }
}

fn descend(
    documents: &dyn Documents,
    name: &str,
    descriptor: &Descriptor,
    wanted: &Platform,
    depth: u32,
    available: &mut Vec<Platform>,
) -> Result<Option<Chosen>> {
    if depth > MAX_DEPTH {
        return Err(Error::malformed(name, format!("indexes lie more than {MAX_DEPTH} deep in each other")));
    }
    let what = format!("{name} ({})", descriptor.digest);
    let bytes = documents.document(descriptor)?;
    match parse_root(&what, &descriptor.media_type, &bytes)? {
        Root::Manifest(manifest) => {
            let config: ImageConfig =
                parse(&format!("{name} (configuration {})", manifest.config.digest), &documents.document(&manifest.config)?)?;
            // What tells nothing about itself fits everything, as it does for Docker.
            let silent = config.platform.os.is_empty() && config.platform.architecture.is_empty();
            if silent || config.platform.fits(wanted) || descriptor.platform.as_ref().is_some_and(|platform| platform.fits(wanted)) {
                return Ok(Some(Chosen { descriptor: descriptor.clone(), manifest: *manifest, config }));
            }
            available.push(config.platform);
            Ok(None)
        }
        Root::Index(index) => {
            for inner in &index.manifests {
                if let Some(platform) = &inner.platform
                    && !platform.fits(wanted)
                {
                    // Attestations hide behind a platform that there is not.
                    if platform.os != "unknown" {
                        available.push(platform.clone());
                    }
                    continue;
                }
                if !media::is_index(&inner.media_type) && !media::is_manifest(&inner.media_type) {
                    continue;
                }
                if let Some(chosen) = descend(documents, name, inner, wanted, depth + 1, available)? {
                    return Ok(Some(chosen));
                }
            }
            Ok(None)
        }
    }
}

/// Compares a document with its descriptor.
pub(crate) fn verify(what: &str, descriptor: &Descriptor, bytes: &[u8]) -> Result<()> {
    if bytes.len() as u64 != descriptor.size {
        return Err(Error::SizeMismatch { what: what.to_owned(), expected: descriptor.size, found: bytes.len() as u64 });
    }
    verify_digest(what, &descriptor.digest, bytes)
}

/// Compares bytes with their digest.
pub(crate) fn verify_digest(what: &str, expected: &Digest, bytes: &[u8]) -> Result<()> {
    let mut hasher = crate::digest::Hasher::new(expected.algorithm());
    hasher.update(bytes);
    let found = hasher.finish();
    if found == *expected { Ok(()) } else { Err(Error::DigestMismatch { what: what.to_owned(), expected: expected.clone(), found }) }
}

/// The layers' files, compressions and identities put together.
pub(crate) fn layers(name: &str, chosen: &Chosen, blob: &dyn Fn(&Digest) -> std::path::PathBuf) -> Result<Vec<crate::Layer>> {
    let (layers, diff_ids) = (&chosen.manifest.layers, &chosen.config.rootfs.diff_ids);
    if layers.len() != diff_ids.len() {
        let problem = format!("its manifest has {} layers, its configuration {}", layers.len(), diff_ids.len());
        return Err(Error::malformed(name, problem));
    }
    let layer = |(layer, diff_id): (&Descriptor, &Digest)| {
        let compression = crate::Compression::of_media_type(&layer.media_type).ok_or_else(|| Error::Unsupported {
            reference: name.to_owned(),
            problem: format!("a layer is of type {:?}, which is no (plain, gzip or zstd) tar archive", layer.media_type),
        })?;
        let blob = blob(&layer.digest);
        Ok(crate::Layer { blob, digest: layer.digest.clone(), diff_id: diff_id.clone(), compression, size: layer.size })
    };
    layers.iter().zip(diff_ids).map(layer).collect()
}
