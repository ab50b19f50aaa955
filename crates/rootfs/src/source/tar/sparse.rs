//! Sparse files: GNU's old format ('S') and its three pax formats (0.0, 0.1, 1.0; GNU tar manual, "Storing Sparse Files").

use super::pax::Extended;
use super::{BLOCK, cut_off};
use crate::content::{Content, Extent};
use crate::error::Problem;
use ::tar::{GnuExtSparseHeader, GnuSparseHeader, Header};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// Most stretches of one file: a map of 1.0 for these is 40 MiB.
const MAX_EXTENTS: usize = 1 << 20;

/// Puts stretches that lie one after the other in the archive, from `data` on, into a content of `size` bytes.
fn content(archive: &Arc<File>, data: u64, stored: u64, map: &[(u64, u64)], size: u64) -> Result<Content, Problem> {
    let (mut at, mut from) = (0, data);
    let mut extents = Vec::new();
    for (offset, len) in map {
        let end = offset.checked_add(*len).filter(|end| *offset >= at && *end <= size).ok_or(Problem::BadSparse)?;
        if *len > 0 {
            extents.push(Extent { at: *offset, from, len: *len });
        }
        from = from.checked_add(*len).filter(|from| *from - data <= stored).ok_or(Problem::BadSparse)?;
        at = end;
    }
    if i64::try_from(size).is_err() {
        return Err(Problem::BadSparse);
    }
    Ok(Content::Extents { archive: archive.clone(), extents: extents.into(), size })
}

/// A sparse file of one of the pax formats whose `stored` bytes start at `data`, or `None`.
pub(super) fn from_pax(archive: &Arc<File>, len: u64, data: u64, stored: u64, extended: &Extended) -> Result<Option<Content>, Problem> {
    let number = |key: &[u8]| extended.number(key, "GNU.sparse");
    if data.checked_add(stored).is_none_or(|end| end > len) {
        return Ok(None);
    }
    if number(b"GNU.sparse.major")? == Some(1) {
        let size = number(b"GNU.sparse.realsize")?.ok_or(Problem::BadSparse)?;
        let (map, used) = map_in_data(archive, data, stored)?;
        return content(archive, data + used, stored - used, &map, size).map(Some);
    }
    let Some(size) = number(b"GNU.sparse.size")? else { return Ok(None) };
    let map = match extended.get(b"GNU.sparse.map") {
        None => extended.sparse_0_0.clone(),
        Some(text) => {
            let numbers: Option<Vec<u64>> = text.split(|b| *b == b',').map(|part| std::str::from_utf8(part).ok()?.parse().ok()).collect();
            let numbers = numbers.filter(|numbers| numbers.len() % 2 == 0).ok_or(Problem::BadSparse)?;
            numbers.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()
        }
    };
    content(archive, data, stored, &map, size).map(Some)
}

/// Format 1.0 begins its data with the map: decimal numbers, one a line, padded to a block.
fn map_in_data(archive: &File, data: u64, stored: u64) -> Result<(Vec<(u64, u64)>, u64), Problem> {
    let mut used = 0;
    let mut block = [0; 512];
    let mut next = BLOCK;
    let mut number = || -> Result<u64, Problem> {
        let mut value = 0_u64;
        for place in 0..21 {
            if next == BLOCK {
                if used + BLOCK > stored {
                    return Err(Problem::BadSparse);
                }
                archive.read_exact_at(&mut block, data + used).map_err(cut_off)?;
                used += BLOCK;
                next = 0;
            }
            let byte = block[usize::try_from(next).unwrap_or_default()];
            next += 1;
            match byte {
                b'0'..=b'9' => {
                    value = value.checked_mul(10).and_then(|v| v.checked_add(u64::from(byte - b'0'))).ok_or(Problem::BadSparse)?
                }
                b'\n' if place > 0 => return Ok(value),
                _ => return Err(Problem::BadSparse),
            }
        }
        Err(Problem::BadSparse)
    };
    let count = usize::try_from(number()?).ok().filter(|count| *count <= MAX_EXTENTS).ok_or(Problem::BadSparse)?;
    let mut map = Vec::new();
    for _ in 0..count {
        map.push((number()?, number()?));
    }
    Ok((map, used))
}

/// A sparse file of GNU's own header type, and where its data starts: behind the headers that go on with the map.
pub(super) fn from_gnu(archive: &Arc<File>, len: u64, header: &Header, mut data: u64, stored: u64) -> Result<(Content, u64), Problem> {
    let gnu = header.as_gnu().ok_or(Problem::BadSparse)?;
    let mut map = Vec::new();
    push(&mut map, &gnu.sparse)?;
    let mut goes_on = gnu.is_extended();
    while goes_on {
        let mut more = GnuExtSparseHeader::new();
        archive.read_exact_at(more.as_mut_bytes(), data).map_err(cut_off)?;
        data += BLOCK;
        push(&mut map, &more.sparse)?;
        goes_on = more.is_extended();
    }
    let size = gnu.real_size().map_err(|_| Problem::BadSparse)?;
    if data.checked_add(stored).is_none_or(|end| end > len) {
        return Err(Problem::Truncated("the data is shorter than its header says"));
    }
    Ok((content(archive, data, stored, &map, size)?, data))
}

fn push(map: &mut Vec<(u64, u64)>, headers: &[GnuSparseHeader]) -> Result<(), Problem> {
    for header in headers.iter().filter(|header| !header.is_empty()) {
        let field = |number: std::io::Result<u64>| number.map_err(|_| Problem::BadSparse);
        if map.len() == MAX_EXTENTS {
            return Err(Problem::BadSparse);
        }
        map.push((field(header.offset())?, field(header.length())?));
    }
    Ok(())
}
