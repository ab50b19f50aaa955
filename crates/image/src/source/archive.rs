//! Images in a tar archive: a layout (`oci-archive:`, and Docker since version 25), or the older form of `docker save`.

use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::image::{Compression, Image, Layer};
use crate::layout::{self, Layout};
use crate::platform::Platform;
use crate::reference::Reference;
use crate::resolve::{self, MAX_DOCUMENT};
use crate::spec::ImageConfig;
use crate::store::{Copied, Store};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Component, Path, PathBuf};
use tar::{Archive, EntryType};

/// Documents that are read into memory; everything else is a blob.
const DOCUMENTS: [&str; 4] = ["index.json", "manifest.json", "oci-layout", "repositories"];

/// An entry of `manifest.json` as `docker save` writes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Saved {
    config: String,
    #[serde(default, deserialize_with = "crate::spec::null_as_default")]
    repo_tags: Vec<String>,
    #[serde(default, deserialize_with = "crate::spec::null_as_default")]
    layers: Vec<String>,
}

/// An archive whose blobs are in the store.
struct Contents {
    what: String,
    documents: BTreeMap<String, Vec<u8>>,
    blobs: BTreeMap<String, Copied>,
    /// Older writers store a layer once and link to it.
    links: BTreeMap<String, String>,
}

/// Takes the image `name` for this platform out of an archive, through the store: its blobs are there afterwards, unnamed. `what` names the
/// archive in errors.
///
/// # Errors
/// It is no archive of an image, has none of that name or for this platform, or is damaged.
pub fn load(store: &Store, what: &str, reader: &mut dyn Read, name: Option<&str>, platform: &Platform) -> Result<Image> {
    let contents = read(store, what, reader)?;
    if contents.documents.contains_key(Layout::MARKER)
        && let Some(index) = contents.documents.get("index.json")
    {
        let found = layout::find_in(resolve::parse(&format!("{what}: index.json"), index)?, what, name);
        // Docker writes both forms, and not every name into both.
        match (found, contents.documents.contains_key("manifest.json")) {
            (Err(Error::NotFound { .. }), true) => {}
            (found, _) => return Layout::at(store.root().to_owned()).image_at(what, &found?, platform),
        }
    }
    contents.saved_image(store, name, platform)
}

/// Whether a file is an archive that holds an image rather than a root file system: by the names of its entries, read until one tells.
///
/// # Errors
/// The file cannot be read. What is no archive at all is no error.
pub fn looks_like_image(path: &Path) -> Result<bool> {
    let file = File::open(path).map_err(Error::io(path))?;
    if !file.metadata().map_err(Error::io(path))?.is_file() {
        return Ok(false);
    }
    let mut archive = Archive::new(uncompressed(BufReader::new(file)).map_err(Error::io(path))?);
    let Ok(entries) = archive.entries() else { return Ok(false) };
    for entry in entries {
        let Some(name) = entry.ok().and_then(|entry| normal(&entry.path().ok()?)) else { return Ok(false) };
        if matches!(name.as_str(), "manifest.json" | "oci-layout" | "repositories") {
            return Ok(true);
        }
        let first = name.split('/').next().unwrap_or_default();
        let id = first.split('.').next().unwrap_or_default();
        let is_id = id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !name.is_empty() && first != "blobs" && first != "index.json" && !is_id {
            return Ok(false);
        }
    }
    Ok(false)
}

/// What a compressed file holds.
fn uncompressed<'a>(mut reader: impl Read + 'a) -> io::Result<Box<dyn Read + 'a>> {
    let mut magic = Vec::new();
    (&mut reader).take(4).read_to_end(&mut magic)?;
    let compression = Compression::of_magic(&magic);
    Ok(compression.decode(io::Cursor::new(magic).chain(reader)))
}

/// A name inside an archive without `./`; `None` when it leads out of it.
fn normal(path: &Path) -> Option<String> {
    let mut parts = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => parts.push(part.to_str()?.to_owned()),
            Component::CurDir => {}
            Component::ParentDir => drop(parts.pop()?),
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(parts.join("/"))
}

fn read(store: &Store, what: &str, reader: &mut dyn Read) -> Result<Contents> {
    let broken = |error: io::Error| Error::malformed(what, format!("no complete tar archive: {error}"));
    let mut contents = Contents { what: what.to_owned(), documents: BTreeMap::new(), blobs: BTreeMap::new(), links: BTreeMap::new() };
    let mut archive = Archive::new(uncompressed(reader).map_err(broken)?);
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let path = entry.path().map_err(broken)?.into_owned();
        let name = normal(&path).ok_or_else(|| Error::malformed(what, format!("an entry is named {:?}", path.display().to_string())))?;
        match entry.header().entry_type() {
            EntryType::Regular | EntryType::Continuous if DOCUMENTS.contains(&name.as_str()) => {
                let mut bytes = Vec::new();
                (&mut entry).take(MAX_DOCUMENT + 1).read_to_end(&mut bytes).map_err(broken)?;
                if bytes.len() as u64 > MAX_DOCUMENT {
                    return Err(Error::malformed(what, format!("{name} is longer than {MAX_DOCUMENT} bytes")));
                }
                contents.documents.insert(name, bytes);
            }
            EntryType::Regular | EntryType::Continuous => {
                let copied = store.copy_in(&format!("{what}: {name}"), &mut entry, digest_in(&name).as_ref())?;
                contents.blobs.insert(name, copied);
            }
            EntryType::Symlink | EntryType::Link => {
                let target = entry.link_name().map_err(broken)?.unwrap_or_default().into_owned();
                let base = if entry.header().entry_type() == EntryType::Symlink { path.parent().map(PathBuf::from) } else { None };
                if let Some(target) = normal(&base.unwrap_or_default().join(target)) {
                    contents.links.insert(name, target);
                }
            }
            _ => {}
        }
    }
    Ok(contents)
}

/// The digest that a blob's name in a layout promises.
fn digest_in(name: &str) -> Option<Digest> {
    let (algorithm, hex) = name.strip_prefix("blobs/")?.split_once('/')?;
    format!("{algorithm}:{hex}").parse().ok()
}

impl Contents {
    fn saved_image(&self, store: &Store, name: Option<&str>, platform: &Platform) -> Result<Image> {
        let Some(manifest) = self.documents.get("manifest.json") else {
            let problem = if self.documents.contains_key("repositories") {
                "written by a Docker before version 1.10, whose form is no longer read; save the image again"
            } else {
                "no image in it: neither a layout (oci-layout, index.json) nor the manifest.json of `docker save`"
            };
            return Err(Error::malformed(&*self.what, problem));
        };
        let saved: Vec<Saved> = resolve::parse(&format!("{}: manifest.json", self.what), manifest)?;
        let saved = self.pick(saved, name)?;
        let bytes = layout::read_document(&store.blob(&self.blob(&saved.config)?.digest))?;
        let config: ImageConfig = resolve::parse(&format!("{}: {}", self.what, saved.config), &bytes)?;
        let silent = config.platform.os.is_empty() && config.platform.architecture.is_empty();
        if !silent && !config.platform.fits(platform) {
            return Err(Error::PlatformMissing {
                reference: self.what.clone(),
                wanted: Box::new(platform.clone()),
                available: vec![config.platform],
            });
        }
        if saved.layers.len() != config.rootfs.diff_ids.len() {
            let problem = format!("manifest.json has {} layers, the configuration {}", saved.layers.len(), config.rootfs.diff_ids.len());
            return Err(Error::malformed(&*self.what, problem));
        }
        let layers = saved.layers.iter().zip(&config.rootfs.diff_ids).map(|(name, diff_id)| self.layer(store, name, diff_id));
        Ok(Image { layers: layers.collect::<Result<_>>()?, config })
    }

    fn layer(&self, store: &Store, name: &str, diff_id: &Digest) -> Result<Layer> {
        let Copied { digest, size, compression } = self.blob(name)?.clone();
        if compression == Compression::Plain && digest != *diff_id {
            return Err(Error::DigestMismatch { what: format!("{}: {name}", self.what), expected: diff_id.clone(), found: digest });
        }
        Ok(Layer { blob: store.blob(&digest), digest, diff_id: diff_id.clone(), compression, size })
    }

    fn blob(&self, named: &str) -> Result<&Copied> {
        let mut name = normal(Path::new(named)).unwrap_or_default();
        // A chain of links as long as there are links is a circle.
        for _ in 0..=self.links.len() {
            if let Some(copied) = self.blobs.get(&name) {
                return Ok(copied);
            }
            match self.links.get(&name) {
                Some(target) => name.clone_from(target),
                None => break,
            }
        }
        Err(Error::malformed(&*self.what, format!("{named:?} is named but not there")))
    }

    fn pick(&self, saved: Vec<Saved>, name: Option<&str>) -> Result<Saved> {
        let there = saved.iter().flat_map(|image| image.repo_tags.clone()).collect::<Vec<_>>().join(", ");
        let Some(name) = name else {
            let mut saved = saved.into_iter();
            return match (saved.next(), saved.next()) {
                (Some(one), None) => Ok(one),
                (None, _) => Err(Error::malformed(&*self.what, "there is no image in it")),
                _ => Err(Error::malformed(&*self.what, format!("there are several images in it; say which: {there}"))),
            };
        };
        let wanted = name.parse::<Reference>().ok();
        let is_it = |tag: &String| tag == name || (wanted.is_some() && tag.parse().ok() == wanted);
        let place = format!("{}, which has {},", self.what, if there.is_empty() { "no named image" } else { &there });
        saved.into_iter().find(|image| image.repo_tags.iter().any(is_it)).ok_or_else(|| Error::NotFound {
            reference: name.to_owned(),
            looked_up: name.to_owned(),
            place,
        })
    }
}
