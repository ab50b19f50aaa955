//! Walking paths in a tree: symbolic links never lead out of it.

use super::{Node, Tree, path};

/// Links followed before a path is called endless, as on Linux.
const LINKS: usize = 40;

/// What the last component of a path may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Last {
    /// A link there is followed too.
    Follow,
    /// A link there is the answer.
    Keep,
}

impl Tree {
    /// The name that a path leads to, whether something is there or not. `None`: too many links.
    #[must_use]
    pub fn resolve(&self, wanted: &[u8], last: Last) -> Option<Vec<u8>> {
        let mut rest: Vec<Vec<u8>> = wanted.split(|byte| *byte == b'/').rev().map(<[u8]>::to_vec).collect();
        let mut at: Vec<u8> = Vec::new();
        let mut links = 0;
        while let Some(part) = rest.pop() {
            match part.as_slice() {
                b"" | b"." => continue,
                b".." => {
                    at = path::parent(&at).unwrap_or_default().to_vec();
                    continue;
                }
                _ => {}
            }
            let next = path::join(&at, &part);
            let more = rest.iter().any(|part| !part.is_empty() && part != b".");
            match self.get(&next).map(|entry| &entry.node) {
                Some(Node::Symlink(target)) if more || last == Last::Follow => {
                    links += 1;
                    if links > LINKS {
                        return None;
                    }
                    if target.starts_with(b"/") {
                        at.clear();
                    }
                    rest.extend(target.split(|byte| *byte == b'/').rev().map(<[u8]>::to_vec));
                }
                _ => at = next,
            }
        }
        Some(at)
    }
}
