//! Stored images as a tar archive of a layout.

use super::{Store, to_json};
use crate::error::{Error, Result};
use crate::layout::{CONTAINERD_NAME, Layout, Marker, REF_NAME};
use crate::reference::Reference;
use crate::resolve::{self, Documents, Root};
use crate::spec::{Descriptor, Index, LAYOUT_VERSION, media};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use tar::{Builder, EntryType, Header};

impl Store {
    /// What a name points to, without what is not here: an index whose manifests are not all here becomes one of those that are, or the only one.
    pub(crate) fn present_root(&self, reference: &Reference) -> Result<Option<Descriptor>> {
        let Some(root) = self.root_of(reference)? else { return Ok(None) };
        let Root::Index(mut index) = self.root_document(&root)? else { return Ok(Some(root)) };
        let before = index.manifests.len();
        index.manifests.retain(|inner| self.is_complete(inner));
        if index.manifests.len() == before {
            return Ok(Some(root));
        }
        match index.manifests.as_slice() {
            [] => Ok(None),
            [one] => Ok(Some(one.clone())),
            _ => {
                let bytes = to_json(&index)?;
                self.put(&bytes)?;
                Ok(Some(Descriptor::of(media::INDEX, &bytes)))
            }
        }
    }

    fn root_document(&self, descriptor: &Descriptor) -> Result<Root> {
        resolve::parse_root(
            &self.blob(&descriptor.digest).display().to_string(),
            &descriptor.media_type,
            &self.layout.document(descriptor)?,
        )
    }

    /// Whether everything that a descriptor leads to is here.
    fn is_complete(&self, descriptor: &Descriptor) -> bool {
        match self.root_document(descriptor) {
            Ok(Root::Manifest(manifest)) => manifest.layers.iter().chain([&manifest.config]).all(|blob| self.has(&blob.digest)),
            Ok(Root::Index(index)) => index.manifests.iter().all(|inner| self.is_complete(inner)),
            Err(_) => false,
        }
    }

    pub(crate) fn export(&self, references: &[Reference], writer: &mut dyn Write) -> Result<()> {
        let mut index = Index::default();
        let mut blobs = BTreeMap::new();
        for reference in references {
            let mut root = self.present_root(reference)?.ok_or_else(|| Error::NotPresent(reference.to_string()))?;
            self.collect(&root, &mut blobs)?;
            let name = reference.to_string();
            root.annotations = BTreeMap::from([(REF_NAME.to_owned(), name.clone()), (CONTAINERD_NAME.to_owned(), name)]);
            index.manifests.push(root);
        }
        let failed = |error| Error::malformed("the archive", error);
        let mut archive = Builder::new(writer);
        let marker = Marker { image_layout_version: LAYOUT_VERSION.to_owned() };
        append(&mut archive, Layout::MARKER, &to_json(&marker)?).map_err(failed)?;
        append(&mut archive, "index.json", &to_json(&index)?).map_err(failed)?;
        for (digest, size) in blobs {
            let path = self.blob(&digest);
            let file = File::open(&path).map_err(Error::io(&path))?;
            let name = format!("blobs/{}/{}", digest.algorithm().name(), digest.hex());
            archive.append_data(&mut header(size), name, file.take(size)).map_err(failed)?;
        }
        archive.into_inner().and_then(|writer| writer.flush()).map_err(failed)
    }

    /// Digests and sizes of everything that a descriptor leads to.
    fn collect(&self, descriptor: &Descriptor, blobs: &mut BTreeMap<crate::Digest, u64>) -> Result<()> {
        blobs.insert(descriptor.digest.clone(), descriptor.size);
        match self.root_document(descriptor)? {
            Root::Index(index) => index.manifests.iter().try_for_each(|inner| self.collect(inner, blobs)),
            Root::Manifest(manifest) => {
                blobs.extend(manifest.layers.iter().chain([&manifest.config]).map(|blob| (blob.digest.clone(), blob.size)));
                Ok(())
            }
        }
    }
}

fn append(archive: &mut Builder<&mut dyn Write>, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    archive.append_data(&mut header(bytes.len() as u64), name, bytes)
}

/// Nothing of the moment or of this machine.
fn header(size: u64) -> Header {
    let mut header = Header::new_ustar();
    header.set_entry_type(EntryType::Regular);
    header.set_size(size);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header
}
