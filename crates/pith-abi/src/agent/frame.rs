//! Frames: a byte stream cut into pieces that say how long they are.

use alloc::vec::Vec;

/// Bytes of a header.
pub const HEADER_BYTES: usize = 8;

/// Longest payload in bytes.
pub const MAX_PAYLOAD: usize = 64 * 1024;

/// What stands before every payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// One of [`kind`](super::kind).
    pub kind: u8,
    /// Meaning by kind.
    pub code: u8,
    /// Request asked or answered.
    pub id: u16,
    /// Payload in bytes.
    pub len: u32,
}

impl Header {
    /// As it is sent.
    #[must_use]
    pub fn to_bytes(self) -> [u8; HEADER_BYTES] {
        let ([i0, i1], [l0, l1, l2, l3]) = (self.id.to_le_bytes(), self.len.to_le_bytes());
        [self.kind, self.code, i0, i1, l0, l1, l2, l3]
    }

    /// As it was received.
    #[must_use]
    pub fn from_bytes(bytes: [u8; HEADER_BYTES]) -> Self {
        let [kind, code, i0, i1, l0, l1, l2, l3] = bytes;
        Self { kind, code, id: u16::from_le_bytes([i0, i1]), len: u32::from_le_bytes([l0, l1, l2, l3]) }
    }
}

/// One whole frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Its header.
    pub header: Header,
    /// As many bytes as the header says.
    pub payload: &'a [u8],
}

/// A frame claims more than [`MAX_PAYLOAD`]: what follows cannot be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Oversize;

/// Cuts a byte stream into frames; keeps what has come of an unfinished one. Frames that arrive whole are not copied.
#[derive(Debug, Default)]
pub struct FrameReader {
    /// Header and payload of the frame that is coming in.
    partial: Vec<u8>,
    /// `partial` was handed out whole.
    is_out: bool,
}

impl FrameReader {
    /// The next frame out of `input`, whose front is taken off. `None` when more input is needed; `input` is empty then.
    ///
    /// # Errors
    /// [`Oversize`], and again at every call after it.
    pub fn next<'r, 'i: 'r>(&'r mut self, input: &mut &'i [u8]) -> Result<Option<Frame<'r>>, Oversize> {
        if core::mem::take(&mut self.is_out) {
            self.partial.clear();
        }
        if self.partial.is_empty()
            && let Some((header, rest)) = split_header(input)
        {
            let len = payload_len(header)?;
            if let Some((payload, rest)) = rest.split_at_checked(len) {
                *input = rest;
                return Ok(Some(Frame { header, payload }));
            }
        }
        self.fill(HEADER_BYTES, input);
        let Some((header, _)) = split_header(&self.partial) else { return Ok(None) };
        let whole = HEADER_BYTES + payload_len(header)?;
        self.fill(whole, input);
        if self.partial.len() < whole {
            return Ok(None);
        }
        self.is_out = true;
        Ok(split_header(&self.partial).map(|(header, payload)| Frame { header, payload }))
    }

    /// Takes from `input` what `partial` lacks to `len` bytes.
    fn fill(&mut self, len: usize, input: &mut &[u8]) {
        let want = len.saturating_sub(self.partial.len()).min(input.len());
        let (front, rest) = input.split_at(want);
        self.partial.extend_from_slice(front);
        *input = rest;
    }
}

fn split_header(bytes: &[u8]) -> Option<(Header, &[u8])> {
    let (header, rest) = bytes.split_first_chunk()?;
    Some((Header::from_bytes(*header), rest))
}

fn payload_len(header: Header) -> Result<usize, Oversize> {
    usize::try_from(header.len).ok().filter(|len| *len <= MAX_PAYLOAD).ok_or(Oversize)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream() -> (Vec<u8>, Vec<(u8, Vec<u8>)>) {
        let frames: Vec<(u8, Vec<u8>)> =
            vec![(1, vec![]), (2, vec![7; 3]), (200, vec![1; MAX_PAYLOAD]), (3, (0..=255).collect()), (4, vec![])];
        let mut bytes = Vec::new();
        for (kind, payload) in &frames {
            bytes.extend(Header { kind: *kind, code: 9, id: 513, len: u32::try_from(payload.len()).unwrap() }.to_bytes());
            bytes.extend(payload);
        }
        (bytes, frames)
    }

    #[test]
    fn frames_come_out_whole_however_they_arrive() {
        let (bytes, frames) = stream();
        for step in [1, 2, 7, 8, 9, 4096, bytes.len()] {
            let mut reader = FrameReader::default();
            let mut got = Vec::new();
            for mut piece in bytes.chunks(step) {
                while let Some(frame) = reader.next(&mut piece).unwrap() {
                    assert_eq!((frame.header.code, frame.header.id), (9, 513));
                    got.push((frame.header.kind, frame.payload.to_vec()));
                }
                assert!(piece.is_empty());
            }
            assert_eq!(got, frames, "in steps of {step}");
        }
    }

    #[test]
    fn a_frame_too_long_ends_it() {
        let len = u32::try_from(MAX_PAYLOAD).unwrap() + 1;
        let bytes = Header { kind: 1, code: 0, id: 0, len }.to_bytes();
        let mut reader = FrameReader::default();
        let (mut first, mut second) = bytes.split_at(5);
        assert_eq!(reader.next(&mut first), Ok(None));
        assert_eq!(reader.next(&mut second), Err(Oversize));
        assert_eq!(reader.next(&mut bytes.as_slice()), Err(Oversize));
        assert_eq!(FrameReader::default().next(&mut bytes.as_slice()), Err(Oversize));
    }
}
