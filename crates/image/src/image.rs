//! A resolved image: one platform's configuration, and its layers as files of this machine.

use crate::digest::{Digest, Hasher};
use crate::spec::{ImageConfig, media};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::PathBuf;

/// An image that is on this machine, complete and verified.
#[derive(Clone, Debug)]
pub struct Image {
    /// How to run it, and what its layers are when unpacked.
    pub config: ImageConfig,
    /// Its layers, bottom first; as many as `config.rootfs.diff_ids`.
    pub layers: Vec<Layer>,
}

/// One layer: a tar archive (OCI image specification, layer.md), perhaps compressed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// The file that holds it. Never to be written to.
    pub blob: PathBuf,
    /// Digest of the file.
    pub digest: Digest,
    /// Digest of the archive when uncompressed.
    pub diff_id: Digest,
    /// How the file is compressed.
    pub compression: Compression,
    /// The file's size in bytes.
    pub size: u64,
}

/// How a layer is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    Plain,
    /// RFC 1952.
    Gzip,
    /// RFC 8878.
    Zstd,
}

impl Compression {
    /// By a layer's media type; `None` when it is no layer that can be unpacked.
    #[must_use]
    pub fn of_media_type(name: &str) -> Option<Self> {
        // Layers that must not be distributed are unpacked like any other.
        let name = name.replace(".nondistributable.", ".").replace(".foreign.", ".");
        match media::oci(&name) {
            media::LAYER => Some(Self::Plain),
            media::LAYER_GZIP => Some(Self::Gzip),
            media::LAYER_ZSTD => Some(Self::Zstd),
            _ => None,
        }
    }

    /// By the first bytes of a file.
    #[must_use]
    pub fn of_magic(bytes: &[u8]) -> Self {
        if bytes.starts_with(&[0x1f, 0x8b]) {
            Self::Gzip
        } else if bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            Self::Zstd
        } else {
            Self::Plain
        }
    }

    /// The OCI media type of a layer compressed so.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Plain => media::LAYER,
            Self::Gzip => media::LAYER_GZIP,
            Self::Zstd => media::LAYER_ZSTD,
        }
    }

    /// Everything that `reader` gives, uncompressed. What is no valid stream is an error of reading.
    pub fn decode<'a>(self, reader: impl Read + 'a) -> Box<dyn Read + 'a> {
        match self {
            Self::Plain => Box::new(reader),
            Self::Gzip => Box::new(flate2::read::MultiGzDecoder::new(reader)),
            Self::Zstd => Box::new(crate::zstd::Frames::new(reader)),
        }
    }
}

impl Layer {
    /// The uncompressed archive. At its end the reader compares with [`Layer::diff_id`]; a difference is an error of kind
    /// [`io::ErrorKind::InvalidData`], so whoever reads to the end has read what the image promised.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn open(&self) -> io::Result<LayerReader> {
        let file = BufReader::with_capacity(128 << 10, File::open(&self.blob)?);
        let hasher = Some(Hasher::new(self.diff_id.algorithm()));
        Ok(LayerReader { inner: self.compression.decode(file), hasher, diff_id: self.diff_id.clone() })
    }
}

/// See [`Layer::open`].
pub struct LayerReader {
    inner: Box<dyn Read>,
    /// `None` once the end was reached and was right.
    hasher: Option<Hasher>,
    diff_id: Digest,
}

impl Read for LayerReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(buffer.get(..count).unwrap_or_default());
        }
        if count == 0
            && !buffer.is_empty()
            && let Some(found) = self.hasher.take().map(Hasher::finish)
            && found != self.diff_id
        {
            let message = format!("the layer unpacks to {found}, its image says {}", self.diff_id);
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
        Ok(count)
    }
}
