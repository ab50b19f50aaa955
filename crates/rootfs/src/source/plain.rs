//! Archives without their compression.

use super::{SourceOptions, cannot_read};
use crate::error::RootfsError;
use pith_image::{Compression as Stream, Layer};
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;

/// How a file is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Compression {
    None,
    Gzip,
    Zstd,
    Xz,
}

/// What a file holds once it is decompressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contents {
    Tar,
    Cpio,
    Erofs,
    Other,
}

impl Compression {
    fn of(start: &[u8]) -> Self {
        match start {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            _ => Self::None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::None => "nothing",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Xz => "xz",
        }
    }

    fn reader<'a>(self, input: impl Read + 'a) -> Box<dyn Read + 'a> {
        let input = BufReader::with_capacity(1 << 17, input);
        match self {
            Self::None => Box::new(input),
            Self::Gzip => Stream::Gzip.decode(input),
            Self::Zstd => Stream::Zstd.decode(input),
            Self::Xz => Box::new(lzma_rust2::XzReader::new(input, true)),
        }
    }
}

/// First bytes of what `reader` gives, up to `buffer`'s length.
fn start(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(got) => filled += got,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

fn judge(start: &[u8]) -> Contents {
    if start.starts_with(b"070701") || start.starts_with(b"070702") {
        Contents::Cpio
    } else if start.get(1024..1028) == Some(&crate::erofs::MAGIC.to_le_bytes()) {
        Contents::Erofs
    } else if start.len() >= 512 && super::tar::is_header(&start[..512]) {
        Contents::Tar
    } else {
        Contents::Other
    }
}

/// What a file holds, under its compression. A compressed file of something else is [`Contents::Other`], as is one that does not decompress.
pub(crate) fn peek(path: &Path) -> Result<Contents, RootfsError> {
    let mut file = File::open(path).map_err(cannot_read(path))?;
    let mut buffer = [0; 1028];
    let got = start(&mut file, &mut buffer).map_err(cannot_read(path))?;
    let compression = Compression::of(&buffer[..got]);
    if compression == Compression::None {
        return Ok(judge(&buffer[..got]));
    }
    file.seek(SeekFrom::Start(0)).map_err(cannot_read(path))?;
    let inside = start(&mut compression.reader(file), &mut buffer);
    Ok(inside.map_or(Contents::Other, |got| judge(&buffer[..got])))
}

/// Opens an archive so that it can be read at any offset: itself, or a file without a name that it is unpacked into.
pub(crate) fn open(path: &Path, options: &SourceOptions) -> Result<Arc<File>, RootfsError> {
    let mut file = File::open(path).map_err(cannot_read(path))?;
    let mut magic = [0; 6];
    let got = start(&mut file, &mut magic).map_err(cannot_read(path))?;
    file.seek(SeekFrom::Start(0)).map_err(cannot_read(path))?;
    let compression = Compression::of(&magic[..got]);
    if compression == Compression::None {
        return Ok(Arc::new(file));
    }
    let told = |source| RootfsError::Decompress { path: path.to_owned(), format: compression.name(), source };
    unpack(compression.reader(file), path, options, &told)
}

/// Opens a layer, read once to its end and found to be what its image says.
pub(crate) fn open_layer(layer: &Layer, options: &SourceOptions) -> Result<Arc<File>, RootfsError> {
    let path = &layer.blob;
    let mut reader = layer.open().map_err(cannot_read(path))?;
    if layer.compression == Stream::Plain {
        io::copy(&mut reader, &mut io::sink()).map_err(cannot_read(path))?;
        return Ok(Arc::new(File::open(path).map_err(cannot_read(path))?));
    }
    let told = |source| RootfsError::Read { path: path.clone(), source };
    unpack(reader, path, options, &told)
}

/// Writes all of `reader` into a file without a name; `told` makes its errors the user's.
fn unpack(
    mut reader: impl Read,
    path: &Path,
    options: &SourceOptions,
    told: &dyn Fn(io::Error) -> RootfsError,
) -> Result<Arc<File>, RootfsError> {
    let directory = options.scratch.clone().unwrap_or_else(std::env::temp_dir);
    let scratch = tempfile::tempfile_in(&directory).map_err(cannot_read(&directory))?;
    // What is left over is not ours alone to take.
    let space = rustix::fs::fstatvfs(&scratch).map_err(|error| cannot_read(&directory)(error.into()))?;
    let limit = (space.f_bavail / 10 * 9).saturating_mul(space.f_frsize);
    let mut out = BufWriter::with_capacity(1 << 18, scratch);
    let mut buffer = vec![0; 1 << 17];
    let mut unpacked = 0_u64;
    loop {
        let got = match reader.read(&mut buffer) {
            Ok(0) => break,
            Ok(got) => got,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(source) => return Err(told(source)),
        };
        unpacked += got as u64;
        if unpacked > limit {
            return Err(RootfsError::NoRoom { path: path.to_owned(), directory, limit });
        }
        out.write_all(&buffer[..got]).map_err(cannot_read(&directory))?;
    }
    let scratch = out.into_inner().map_err(|error| cannot_read(&directory)(error.into_error()))?;
    Ok(Arc::new(scratch))
}
