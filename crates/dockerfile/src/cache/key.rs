//! Keys of steps: what goes in decides what comes out.

use crate::tree::layer::{Change, Changes};
use crate::tree::{Entry, Node};
use pith_image::{Algorithm, Digest, Hasher};
use std::collections::HashMap;
use std::io::{self, Read};

/// A key in the making. Every piece has its length in front, so that no two lists of pieces look alike.
pub struct Key(Hasher);

impl Key {
    /// A key of a kind of step; the number changes when the meaning of a kind does.
    #[must_use]
    pub fn new(kind: &str) -> Self {
        let mut key = Self(Hasher::new(Algorithm::Sha256));
        key.bytes(kind.as_bytes());
        key
    }

    /// Takes in bytes.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.0.update(&(bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    /// Takes in a text.
    pub fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    /// Takes in a list.
    pub fn texts<'t>(&mut self, texts: impl IntoIterator<Item = &'t str>) {
        let texts: Vec<&str> = texts.into_iter().collect();
        self.number(texts.len() as u64);
        texts.iter().for_each(|text| self.text(text));
    }

    /// Takes in a number.
    pub fn number(&mut self, number: u64) {
        self.0.update(&number.to_le_bytes());
    }

    /// Takes in all that a file is, but not its time.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn entry(&mut self, entry: &Entry) -> io::Result<()> {
        self.number(entry.mode.into());
        self.number(entry.uid.into());
        self.number(entry.gid.into());
        self.number(entry.xattrs.len() as u64);
        for (name, value) in &entry.xattrs {
            self.bytes(name);
            self.bytes(value);
        }
        match &entry.node {
            Node::Directory => self.text("directory"),
            Node::Symlink(target) => {
                self.text("symlink");
                self.bytes(target);
            }
            Node::Fifo => self.text("fifo"),
            Node::Character(major, minor) | Node::Block(major, minor) => {
                self.text(if matches!(entry.node, Node::Block(..)) { "block" } else { "character" });
                self.number((*major).into());
                self.number((*minor).into());
            }
            Node::File { size, .. } => {
                self.text("file");
                self.number(*size);
                let (mut reader, mut buffer) = (entry.open()?, vec![0; 128 << 10]);
                loop {
                    let count = reader.read(&mut buffer)?;
                    if count == 0 {
                        break;
                    }
                    self.0.update(buffer.get(..count).unwrap_or_default());
                }
            }
        }
        Ok(())
    }

    /// Takes in a layer's changes.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn changes(&mut self, changes: &Changes) -> io::Result<()> {
        let mut names: HashMap<u64, u64> = HashMap::new();
        for (index, (name, change)) in (0_u64..).zip(changes) {
            self.bytes(name);
            match change {
                Change::Remove => self.text("remove"),
                Change::Clear => self.text("clear"),
                Change::Put(entry) => {
                    if let Node::File { inode, .. } = &entry.node {
                        if let Some(first) = names.get(inode).filter(|_| *inode != 0) {
                            self.text("link");
                            self.number(*first);
                            continue;
                        }
                        names.insert(*inode, index);
                    }
                    self.entry(entry)?;
                }
            }
        }
        Ok(())
    }

    /// The key.
    #[must_use]
    pub fn finish(self) -> Digest {
        self.0.finish()
    }
}
