//! An OCI image layout: a directory with `oci-layout`, `index.json` and `blobs/<algorithm>/<hex>` (OCI image specification, image-layout.md).

use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::image::Image;
use crate::platform::Platform;
use crate::reference::Reference;
use crate::resolve::{self, Chosen, Documents, MAX_DOCUMENT};
use crate::spec::{Descriptor, Index, LAYOUT_VERSION, Manifest, media};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The note that names an image in `index.json`.
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";
/// The same for containerd, Docker and kraft, always complete.
pub const CONTAINERD_NAME: &str = "io.containerd.image.name";

/// The file that marks a layout.
#[derive(serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Marker {
    pub(crate) image_layout_version: String,
}

/// A layout to read from.
#[derive(Clone, Debug)]
pub struct Layout {
    root: PathBuf,
}

impl Layout {
    /// The name of the file that marks a layout.
    pub const MARKER: &'static str = "oci-layout";

    /// Whether `path` is a directory that claims to be a layout.
    #[must_use]
    pub fn is_layout(path: &Path) -> bool {
        path.join(Self::MARKER).is_file()
    }

    /// Opens an existing layout.
    ///
    /// # Errors
    /// It is none, or of a version that is not known.
    pub fn open(root: &Path) -> Result<Self> {
        let path = root.join(Self::MARKER);
        let marker: Marker = resolve::parse(&path.display().to_string(), &read_document(&path)?)?;
        // Versions that differ in the last places only are the same layout.
        if !marker.image_layout_version.starts_with("1.") {
            let problem = format!("image layout version {:?}, expected {LAYOUT_VERSION}", marker.image_layout_version);
            return Err(Error::malformed(path.display().to_string(), problem));
        }
        Ok(Self { root: root.to_owned() })
    }

    pub(crate) fn at(root: PathBuf) -> Self {
        Self { root }
    }

    /// The directory.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The file of a blob, whether it is there or not.
    #[must_use]
    pub fn blob(&self, digest: &Digest) -> PathBuf {
        self.root.join("blobs").join(digest.algorithm().name()).join(digest.hex())
    }

    /// What is in it.
    ///
    /// # Errors
    /// `index.json` is missing or wrong.
    pub fn index(&self) -> Result<Index> {
        let path = self.root.join("index.json");
        resolve::parse(&path.display().to_string(), &read_document(&path)?)
    }

    /// The entry that `wanted` names: the whole name, Docker's short form of it, or its tag. Without a name the layout has to hold one image,
    /// for however many platforms.
    ///
    /// # Errors
    /// None, or more than one; the names there are are told.
    pub fn find(&self, wanted: Option<&str>) -> Result<Vec<Descriptor>> {
        find_in(self.index()?, &self.root.display().to_string(), wanted)
    }

    /// The image that `wanted` names, for this platform. Every blob is compared with its digest.
    ///
    /// # Errors
    /// It is not there, not for this platform, or damaged.
    pub fn image(&self, wanted: Option<&str>, platform: &Platform) -> Result<Image> {
        let name = self.describe(wanted);
        let image = self.image_at(&name, &self.find(wanted)?, platform)?;
        for layer in &image.layers {
            self.verify_blob(&layer.digest, layer.size)?;
        }
        Ok(image)
    }

    /// The manifest that `wanted` names, for this platform: of packages too, whose layers are no root file system.
    ///
    /// # Errors
    /// As [`Layout::image`].
    pub fn manifest(&self, wanted: Option<&str>, platform: &Platform) -> Result<(Descriptor, Manifest)> {
        let chosen = self.choose(&self.describe(wanted), &self.find(wanted)?, platform)?;
        Ok((chosen.descriptor, chosen.manifest))
    }

    fn describe(&self, wanted: Option<&str>) -> String {
        match wanted {
            Some(wanted) => format!("{wanted} in {}", self.root.display()),
            None => self.root.display().to_string(),
        }
    }

    pub(crate) fn choose(&self, name: &str, roots: &[Descriptor], platform: &Platform) -> Result<Chosen> {
        let mut available = Vec::new();
        for root in roots {
            match resolve::choose(self, name, root, platform) {
                Err(Error::PlatformMissing { available: more, .. }) => available.extend(more),
                other => return other,
            }
        }
        Err(Error::PlatformMissing { reference: name.to_owned(), wanted: Box::new(platform.clone()), available })
    }

    /// The image under these entries; layers are there and of the right size, but have not been read.
    pub(crate) fn image_at(&self, name: &str, roots: &[Descriptor], platform: &Platform) -> Result<Image> {
        let chosen = self.choose(name, roots, platform)?;
        let layers = resolve::layers(name, &chosen, &|digest| self.blob(digest))?;
        for layer in &layers {
            let found = layer.blob.metadata().map_err(Error::io(&layer.blob))?.len();
            if found != layer.size {
                return Err(Error::SizeMismatch { what: layer.blob.display().to_string(), expected: layer.size, found });
            }
        }
        Ok(Image { config: chosen.config, layers })
    }

    fn verify_blob(&self, digest: &Digest, size: u64) -> Result<()> {
        let path = self.blob(digest);
        let file = File::open(&path).map_err(Error::io(&path))?;
        let (found, bytes) = Digest::of_reader(digest.algorithm(), file).map_err(Error::io(&path))?;
        let what = path.display().to_string();
        if bytes != size {
            return Err(Error::SizeMismatch { what, expected: size, found: bytes });
        }
        if found == *digest { Ok(()) } else { Err(Error::DigestMismatch { what, expected: digest.clone(), found }) }
    }
}

impl Documents for Layout {
    fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>> {
        let path = self.blob(&descriptor.digest);
        let bytes = read_document(&path)?;
        resolve::verify(&path.display().to_string(), descriptor, &bytes)?;
        Ok(bytes)
    }
}

/// Reads a file that has to be of sensible size.
pub(crate) fn read_document(path: &Path) -> Result<Vec<u8>> {
    let file = File::open(path).map_err(Error::io(path))?;
    let mut bytes = Vec::new();
    file.take(MAX_DOCUMENT + 1).read_to_end(&mut bytes).map_err(Error::io(path))?;
    if bytes.len() as u64 > MAX_DOCUMENT {
        return Err(Error::Io { path: path.to_owned(), source: io::Error::from(io::ErrorKind::FileTooLarge) });
    }
    Ok(bytes)
}

/// The names of an entry.
pub(crate) fn names(descriptor: &Descriptor) -> impl Iterator<Item = &str> {
    [REF_NAME, CONTAINERD_NAME].into_iter().filter_map(|key| descriptor.annotations.get(key)).map(String::as_str)
}

pub(crate) fn find_in(index: Index, place: &str, wanted: Option<&str>) -> Result<Vec<Descriptor>> {
    let known = |entry: &Descriptor| media::is_index(&entry.media_type) || media::is_manifest(&entry.media_type);
    let entries: Vec<Descriptor> = index.manifests.into_iter().filter(known).collect();
    let mut there: Vec<String> = entries.iter().filter_map(|entry| names(entry).next()).map(ToOwned::to_owned).collect();
    there.sort();
    there.dedup();
    let Some(wanted) = wanted else {
        return match (entries.is_empty(), there.len()) {
            (true, _) => Err(Error::malformed(place, "there is no image in it")),
            (false, 0 | 1) => Ok(entries),
            (false, _) => Err(Error::malformed(place, format!("there are several images in it; say which: {}", there.join(", ")))),
        };
    };
    let mut spellings = vec![wanted.to_owned()];
    if let Ok(reference) = wanted.parse::<Reference>() {
        spellings.extend([reference.to_string(), reference.familiar()]);
        spellings.extend(reference.tag().map(ToOwned::to_owned));
    }
    // The most exact spelling that is there wins: a tag alone says little.
    for spelling in &spellings {
        let found: Vec<Descriptor> = entries.iter().filter(|entry| names(entry).any(|name| name == spelling)).cloned().collect();
        if !found.is_empty() {
            return Ok(found);
        }
    }
    let by_digest: Vec<Descriptor> = entries.into_iter().filter(|entry| wanted.ends_with(&entry.digest.to_string())).collect();
    if !by_digest.is_empty() {
        return Ok(by_digest);
    }
    let place =
        if there.is_empty() { format!("{place}, which has no named image,") } else { format!("{place}, which has {},", there.join(", ")) };
    Err(Error::NotFound { reference: wanted.to_owned(), looked_up: wanted.to_owned(), place })
}
