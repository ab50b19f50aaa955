//! The local store: an OCI image layout that several processes share.
//!
//! | path | what |
//! |---|---|
//! | `oci-layout`, `index.json`, `blobs/` | the layout, as any tool reads it; `index.json` is replaced atomically |
//! | `.pith/index.lock` | held while `index.json` is changed |
//! | `.pith/lease` | held, shared, by every open [`Store`]; exclusively by the collection of garbage |
//! | `.pith/partial/` | blobs on their way in; `sha256-<hex>` is locked by who fetches it and is gone on from after an interruption |
//!
//! Blobs come before what points to them, and every file appears under its name only when it is complete: wherever a process is killed, a valid
//! layout is left, perhaps with blobs that nothing points to. Names in `index.json` are complete references (`docker.io/library/python:3.12`).

mod blobs;
mod export;
mod gc;

pub use blobs::Copied;
pub(crate) use blobs::Ingest;
pub use gc::Reclaimed;

use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::image::Image;
use crate::layout::{self, Layout, REF_NAME};
use crate::platform::Platform;
use crate::reference::Reference;
use crate::resolve::{self, Documents, Root};
use crate::spec::{Descriptor, Index, LAYOUT_VERSION, Manifest, media};
use rustix::fs::FlockOperation;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The note on an entry whose documents were rewritten from Docker's media types: the digest that the registry knows.
const SOURCE_DIGEST: &str = "io.pith.image.source-digest";

/// The images of a user. As long as a store (or a clone of it) is open, no other process collects garbage: files of images got from it stay.
#[derive(Clone, Debug)]
pub struct Store {
    layout: Layout,
    lease: Arc<File>,
}

/// A named image in the store.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// Its complete name.
    pub name: String,
    /// What the name points to: an index or a manifest.
    pub descriptor: Descriptor,
    /// What it is on this machine for: `None` where the manifest is not here.
    pub manifests: Vec<StoredManifest>,
}

/// One platform's part of a stored image.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredManifest {
    /// Its digest.
    pub digest: Digest,
    /// What it is for.
    pub platform: Platform,
    /// When it was made (RFC 3339), as its configuration says.
    pub created: Option<String>,
    /// Bytes of configuration and layers, as stored.
    pub size: u64,
}

impl Store {
    /// Opens the store in `root`, and makes it where there is none.
    ///
    /// # Errors
    /// The directory cannot be made or locked, or holds something else.
    pub fn open(root: &Path) -> Result<Self> {
        let private = root.join(".pith");
        fs::create_dir_all(private.join("partial")).map_err(Error::io(&private))?;
        fs::create_dir_all(root.join("blobs/sha256")).map_err(Error::io(root))?;
        for path in [root.to_owned(), private.clone(), private.join("partial"), root.join("blobs"), root.join("blobs/sha256")] {
            adopt(&path, root)?;
        }
        let lease = lock_file(&private.join("lease"), root)?;
        let store = Self { layout: Layout::at(root.to_owned()), lease: Arc::new(lease) };
        store.flock(FlockOperation::LockShared)?;
        // The marker comes last: without it the directory is no layout yet.
        if !root.join("index.json").exists() {
            store.change_index(|_| ())?;
        }
        let marker = root.join(Layout::MARKER);
        if marker.exists() {
            Layout::open(root)?;
        } else {
            // Whoever comes second writes the same.
            store.replace(&marker, &layout::Marker { image_layout_version: LAYOUT_VERSION.to_owned() })?;
        }
        Ok(store)
    }

    /// The directory: a layout that other tools may read.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.layout.root()
    }

    /// The file of a blob, whether it is there or not.
    #[must_use]
    pub fn blob(&self, digest: &Digest) -> PathBuf {
        self.layout.blob(digest)
    }

    fn entries(&self, reference: &Reference) -> Result<Vec<Descriptor>> {
        let full = reference.to_string();
        let (name, digest) = (reference.name(), reference.digest());
        let matches = |entry: &Descriptor| {
            let Some(stored) = entry.annotations.get(REF_NAME) else { return false };
            let pinned = || {
                let digest = digest?;
                let same =
                    entry.digest == *digest || entry.annotations.get(SOURCE_DIGEST).is_some_and(|source| *source == digest.to_string());
                Some(same && stored.parse::<Reference>().ok()?.name() == name)
            };
            *stored == full || pinned().unwrap_or(false)
        };
        Ok(self.layout.index()?.manifests.into_iter().filter(matches).collect())
    }

    /// The image of this name for this platform, where it is all here.
    ///
    /// # Errors
    /// The store is damaged. That a part is missing is no error: it can be pulled.
    pub fn get(&self, reference: &Reference, platform: &Platform) -> Result<Option<Image>> {
        absent(self.layout.image_at(&reference.to_string(), &self.entries(reference)?, platform))
    }

    /// The manifest of this name for this platform: of packages too, whose layers are no root file system.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub fn manifest(&self, reference: &Reference, platform: &Platform) -> Result<Option<(Descriptor, Manifest)>> {
        let chosen = absent(self.layout.choose(&reference.to_string(), &self.entries(reference)?, platform))?;
        Ok(chosen.map(|chosen| (chosen.descriptor, chosen.manifest)))
    }

    /// What a name points to.
    ///
    /// # Errors
    /// `index.json` cannot be read.
    pub fn root_of(&self, reference: &Reference) -> Result<Option<Descriptor>> {
        Ok(self.entries(reference)?.into_iter().next())
    }

    /// All named images, by name.
    ///
    /// # Errors
    /// `index.json` cannot be read.
    pub fn list(&self) -> Result<Vec<Stored>> {
        let mut list: Vec<Stored> = Vec::new();
        for descriptor in self.layout.index()?.manifests {
            let Some(name) = descriptor.annotations.get(REF_NAME).cloned() else { continue };
            let mut manifests = Vec::new();
            self.collect_manifests(&descriptor, 0, &mut manifests);
            list.push(Stored { name, descriptor, manifests });
        }
        list.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(list)
    }

    /// What is here of it; what cannot be read is not here.
    fn collect_manifests(&self, descriptor: &Descriptor, depth: u32, found: &mut Vec<StoredManifest>) {
        let Ok(bytes) = self.layout.document(descriptor) else { return };
        match resolve::parse_root("", &descriptor.media_type, &bytes) {
            Ok(Root::Index(index)) if depth < 4 => index.manifests.iter().for_each(|inner| self.collect_manifests(inner, depth + 1, found)),
            Ok(Root::Manifest(manifest)) => {
                let Some(config) = self
                    .layout
                    .document(&manifest.config)
                    .ok()
                    .and_then(|bytes| serde_json::from_slice::<crate::spec::ImageConfig>(&bytes).ok())
                else {
                    return;
                };
                let size = manifest.config.size + manifest.layers.iter().map(|layer| layer.size).sum::<u64>();
                found.push(StoredManifest { digest: descriptor.digest.clone(), platform: config.platform, created: config.created, size });
            }
            _ => {}
        }
    }

    /// Gives a name to an index or a manifest whose blobs are here; another image of that name loses it.
    ///
    /// # Errors
    /// The blob is not here; `index.json` cannot be written.
    pub fn tag(&self, reference: &Reference, descriptor: &Descriptor) -> Result<()> {
        self.tag_from(reference, descriptor, None)
    }

    pub(crate) fn tag_from(&self, reference: &Reference, descriptor: &Descriptor, source: Option<&Digest>) -> Result<()> {
        let blob = self.blob(&descriptor.digest);
        blob.metadata().map_err(Error::io(&blob))?;
        let name = reference.to_string();
        let mut entry = descriptor.clone();
        entry.annotations.insert(REF_NAME.to_owned(), name.clone());
        entry.annotations.remove(SOURCE_DIGEST);
        if let Some(source) = source {
            entry.annotations.insert(SOURCE_DIGEST.to_owned(), source.to_string());
        }
        self.change_index(|index| {
            index.manifests.retain(|other| other.annotations.get(REF_NAME) != Some(&name));
            index.manifests.push(entry);
        })
    }

    /// Takes a name away; the blobs stay until [`Store::gc`]. Says whether there was one.
    ///
    /// # Errors
    /// `index.json` cannot be read or written.
    pub fn remove(&self, reference: &Reference) -> Result<bool> {
        let name = reference.to_string();
        let named = |entry: &Descriptor| entry.annotations.get(REF_NAME) == Some(&name);
        if !self.layout.index()?.manifests.iter().any(named) {
            return Ok(false);
        }
        let mut removed = false;
        self.change_index(|index| {
            let before = index.manifests.len();
            index.manifests.retain(|entry| !named(entry));
            removed = index.manifests.len() < before;
        })?;
        Ok(removed)
    }

    /// Stores an image made of this configuration and of layers that are here, and names it. Same input, same digest.
    ///
    /// # Errors
    /// A layer is not here; the store cannot be written.
    pub fn add(&self, reference: &Reference, image: &Image) -> Result<Descriptor> {
        let config = Descriptor::of(media::CONFIG, &to_json(&image.config)?);
        self.put(&to_json(&image.config)?)?;
        let layers = image.layers.iter().map(|layer| {
            self.add_file(&layer.blob, &layer.digest, layer.size)?;
            Ok(Descriptor::new(layer.compression.media_type(), layer.digest.clone(), layer.size))
        });
        let manifest = to_json(&Manifest::new(config, layers.collect::<Result<_>>()?))?;
        self.put(&manifest)?;
        let mut descriptor = Descriptor::of(media::MANIFEST, &manifest);
        descriptor.platform = Some(Platform { os_features: Vec::new(), ..image.config.platform.clone() });
        self.tag(reference, &descriptor)?;
        Ok(descriptor)
    }

    /// Changes `index.json` under its lock.
    fn change_index(&self, change: impl FnOnce(&mut Index)) -> Result<()> {
        let path = self.root().join(".pith/index.lock");
        let lock = lock_file(&path, self.root())?;
        rustix::fs::flock(&lock, FlockOperation::LockExclusive).map_err(|error| Error::io(&path)(error.into()))?;
        let index_path = self.root().join("index.json");
        let mut index = if index_path.exists() { self.layout.index()? } else { Index::default() };
        change(&mut index);
        self.replace(&index_path, &index)
    }

    /// Writes a small file so that it is there whole or not at all.
    fn replace(&self, path: &Path, content: &impl serde::Serialize) -> Result<()> {
        let mut file = self.temporary()?;
        file.write_all(&to_json(content)?).and_then(|()| file.as_file().sync_data()).map_err(Error::io(path))?;
        self.persist(file, path)
    }

    fn flock(&self, operation: FlockOperation) -> Result<()> {
        rustix::fs::flock(&*self.lease, operation).map_err(|error| match error {
            rustix::io::Errno::WOULDBLOCK => Error::InUse(self.root().to_owned()),
            error => Error::io(&self.root().join(".pith/lease"))(error.into()),
        })
    }
}

/// `None` for what could be there after a pull.
fn absent<T>(result: Result<T>) -> Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(Error::PlatformMissing { .. }) => Ok(None),
        Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

pub(crate) fn to_json(value: &impl serde::Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|error| Error::malformed("a document of ours", error))
}

/// Opens, and makes where it is not, a file to lock. Locking needs no right to write, which another user's store would not give.
fn lock_file(path: &Path, root: &Path) -> Result<File> {
    match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let file = OpenOptions::new().create(true).append(true).open(path).map_err(Error::io(path))?;
            adopt(path, root)?;
            Ok(file)
        }
        other => other.map_err(Error::io(path)),
    }
}

/// What root makes in a user's store, as under `sudo`, belongs to that user: to whom the directory above the store belongs.
fn adopt(path: &Path, root: &Path) -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let above = root.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let owner = above.metadata().map_err(Error::io(above))?;
    let own = path.metadata().map_err(Error::io(path))?;
    if (owner.uid(), owner.gid()) != (own.uid(), own.gid()) && owner.uid() != 0 {
        std::os::unix::fs::lchown(path, Some(owner.uid()), Some(owner.gid())).map_err(Error::io(path))?;
    }
    Ok(())
}
