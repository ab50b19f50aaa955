//! Archives that `ADD` unpacks: which files are one, and what is in them.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// How an archive is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Packing {
    Plain,
    Gzip,
    Bzip2,
    Xz,
    Zstd,
}

fn packing(head: &[u8]) -> Packing {
    let starts = |magic: &[u8]| head.starts_with(magic);
    if starts(&[0x1f, 0x8b]) {
        Packing::Gzip
    } else if starts(b"BZh") {
        Packing::Bzip2
    } else if starts(&[0xfd, b'7', b'z', b'X', b'Z', 0]) {
        Packing::Xz
    } else if starts(&[0x28, 0xb5, 0x2f, 0xfd]) {
        Packing::Zstd
    } else {
        Packing::Plain
    }
}

fn unpacked<'r>(packing: Packing, reader: impl Read + 'r) -> io::Result<Box<dyn Read + 'r>> {
    Ok(match packing {
        Packing::Plain => Box::new(reader),
        Packing::Gzip => Box::new(flate2::read::MultiGzDecoder::new(reader)),
        Packing::Bzip2 => Box::new(bzip2::read::MultiBzDecoder::new(reader)),
        Packing::Xz => Box::new(lzma_rust2::XzReader::new(reader, true)),
        Packing::Zstd => Box::new(
            ruzstd::decoding::StreamingDecoder::new(reader)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.to_string()))?,
        ),
    })
}

/// Whether 512 bytes are the header of a tar archive: their sum is the one they name.
fn is_tar(block: &[u8; 512]) -> bool {
    let mut header = tar::Header::new_old();
    header.as_mut_bytes().copy_from_slice(block);
    let sum: u32 = block.iter().enumerate().map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u32::from(*byte) }).sum();
    block.iter().any(|byte| *byte != 0) && header.cksum().is_ok_and(|named| named == sum)
}

/// Writes the archive in `from` uncompressed to `into`; `false` when it is no archive, and then nothing is written.
///
/// # Errors
/// What begins like an archive, but cannot be read to its end.
pub fn unpack(mut from: File, into: &Path) -> io::Result<bool> {
    let mut head = [0; 8];
    let mut filled = 0;
    while filled < head.len() {
        match from.read(head.get_mut(filled..).unwrap_or_default())? {
            0 => break,
            count => filled += count,
        }
    }
    from.seek(SeekFrom::Start(0))?;
    let packing = packing(head.get(..filled).unwrap_or_default());
    // What only looks compressed is an ordinary file.
    let Ok(mut reader) = unpacked(packing, BufReader::new(from)) else { return Ok(false) };
    let mut block = [0; 512];
    if reader.read_exact(&mut block).is_err() || !is_tar(&block) {
        return Ok(false);
    }
    let mut out = io::BufWriter::new(File::create(into)?);
    out.write_all(&block)?;
    io::copy(&mut reader, &mut out)?;
    out.flush()?;
    Ok(true)
}
