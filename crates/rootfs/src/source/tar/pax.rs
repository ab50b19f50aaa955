//! Extended headers: records of `LENGTH KEY=VALUE\n`.

use crate::error::Problem;
use crate::tree::Timestamp;
use std::collections::BTreeMap;

/// Attributes' prefix in pax headers, as GNU tar, star and Go write them.
const XATTR: &[u8] = b"SCHILY.xattr.";
/// Most bytes of attributes of one file, names included: what the guest keeps for one.
const MAX_XATTRS: usize = 128 << 10;

/// The records of one extended header, a later one of a key in place of an earlier.
#[derive(Default)]
pub(super) struct Extended {
    pub records: BTreeMap<Vec<u8>, Vec<u8>>,
    /// GNU's sparse format 0.0 repeats two keys: (offset, length) in their order.
    pub sparse_0_0: Vec<(u64, u64)>,
}

fn digits(text: &[u8]) -> Option<u64> {
    std::str::from_utf8(text).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()))?.parse().ok()
}

impl Extended {
    pub fn parse(mut text: &[u8]) -> Result<Self, Problem> {
        let mut out = Self::default();
        let mut sparse_offset = None;
        // Some writers pad the records with NULs.
        while text.first().is_some_and(|b| *b != 0) {
            let blank = text.iter().position(|b| *b == b' ').ok_or(Problem::BadPax("a record without its length"))?;
            let len =
                digits(&text[..blank]).and_then(|len| usize::try_from(len).ok()).ok_or(Problem::BadPax("a length that is no number"))?;
            let record = text.get(blank + 1..len).ok_or(Problem::BadPax("a length that does not fit"))?;
            let record = record.strip_suffix(b"\n").ok_or(Problem::BadPax("a record without its line end"))?;
            let equals = record.iter().position(|b| *b == b'=').ok_or(Problem::BadPax("a record without '='"))?;
            let (key, value) = (&record[..equals], &record[equals + 1..]);
            match key {
                b"GNU.sparse.offset" => sparse_offset = digits(value),
                b"GNU.sparse.numbytes" => {
                    let (Some(offset), Some(len)) = (sparse_offset.take(), digits(value)) else { return Err(Problem::BadSparse) };
                    out.sparse_0_0.push((offset, len));
                }
                _ => {
                    out.records.insert(key.to_vec(), value.to_vec());
                }
            }
            text = &text[len..];
        }
        Ok(out)
    }

    /// Global records count where the entry's own header has none.
    pub fn add_global(&mut self, global: &BTreeMap<Vec<u8>, Vec<u8>>) {
        for (key, value) in global {
            self.records.entry(key.clone()).or_insert_with(|| value.clone());
        }
    }

    /// The value of a key; an empty one takes back what came before.
    pub fn get(&self, key: &[u8]) -> Option<&[u8]> {
        self.records.get(key).map(Vec::as_slice).filter(|value| !value.is_empty())
    }

    pub fn path(&self) -> Option<Vec<u8>> {
        self.get(b"GNU.sparse.name").or_else(|| self.get(b"path")).map(<[u8]>::to_vec)
    }

    pub fn link_path(&self) -> Option<Vec<u8>> {
        self.get(b"linkpath").map(<[u8]>::to_vec)
    }

    pub fn number(&self, key: &[u8], name: &'static str) -> Result<Option<u64>, Problem> {
        self.get(key).map(|value| digits(value).ok_or(Problem::BadField(name))).transpose()
    }

    /// A time: seconds, perhaps negative, perhaps with a fraction.
    pub fn time(&self, key: &[u8]) -> Result<Option<Timestamp>, Problem> {
        let Some(text) = self.get(key) else { return Ok(None) };
        let read = |text: &[u8]| -> Option<Timestamp> {
            let (is_negative, text) = text.strip_prefix(b"-").map_or((false, text), |rest| (true, rest));
            let dot = text.iter().position(|b| *b == b'.');
            let (whole, fraction) = dot.map_or((text, &[][..]), |dot| (&text[..dot], &text[dot + 1..]));
            let seconds = i64::try_from(digits(whole)?).ok()?;
            let mut nanos = 0;
            for place in 0..9 {
                let digit = fraction.get(place).map_or(Some(0), |b| b.is_ascii_digit().then(|| u32::from(b - b'0')))?;
                nanos = nanos * 10 + digit;
            }
            Some(match (is_negative, nanos) {
                (false, _) => Timestamp { seconds, nanos },
                (true, 0) => Timestamp { seconds: -seconds, nanos },
                (true, _) => Timestamp { seconds: -seconds - 1, nanos: 1_000_000_000 - nanos },
            })
        };
        read(text).map(Some).ok_or(Problem::BadField("mtime"))
    }

    /// Extended attributes. Labels of security modules belong to the machine that the archive was made on.
    pub fn xattrs(&self) -> Result<BTreeMap<Vec<u8>, Vec<u8>>, Problem> {
        let mut out = BTreeMap::new();
        let mut bytes = 0;
        for (key, value) in &self.records {
            let Some(name) = key.strip_prefix(XATTR) else { continue };
            if name != b"security.capability" && !name.starts_with(b"user.") {
                continue;
            }
            bytes += name.len() + value.len();
            if name.len() > 255 || name.contains(&0) || value.len() > 65535 || bytes > MAX_XATTRS {
                return Err(Problem::BadXattrs);
            }
            out.insert(name.to_vec(), value.clone());
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_hold_any_bytes() {
        let extended = Extended::parse(b"12 path=a\nb\n30 SCHILY.xattr.user.x=\x00=\n\xff12\n").unwrap();
        assert_eq!(extended.path().unwrap(), b"a\nb");
        assert_eq!(extended.xattrs().unwrap()[&b"user.x"[..]], b"\x00=\n\xff12");
        for bad in [&b"x path=a\n"[..], b"99 path=a\n", b"9 path=a\n1", b"7 path\n", b"2 \n", b"0 path=a\n", b"path"] {
            assert!(Extended::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn times_have_fractions_and_signs() {
        let time = |text: &[u8]| {
            let mut extended = Extended::default();
            extended.records.insert(b"mtime".to_vec(), text.to_vec());
            extended.time(b"mtime")
        };
        assert_eq!(time(b"12.5").unwrap(), Some(Timestamp { seconds: 12, nanos: 500_000_000 }));
        assert_eq!(time(b"-1.25").unwrap(), Some(Timestamp { seconds: -2, nanos: 750_000_000 }));
        assert_eq!(time(b"1.1234567899").unwrap(), Some(Timestamp { seconds: 1, nanos: 123_456_789 }));
        assert_eq!(time(b"").unwrap(), None);
        for bad in [&b"x"[..], b"1.x", b"--1", b"99999999999999999999"] {
            assert!(time(bad).is_err(), "{bad:?}");
        }
    }
}
