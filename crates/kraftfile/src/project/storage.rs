//! Volumes and ROMs.

use super::keys;
use super::reader::{Reader, Result};
use crate::yaml::{Data, Node};

/// Whether a machine may write to a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It may.
    ReadWrite,
    /// `:ro`, `readonly: true`.
    ReadOnly,
}

/// A directory or named volume that is attached to the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// Host path or volume name.
    pub source: String,
    /// Path in the machine.
    pub destination: String,
    /// Driver, if one is named.
    pub driver: Option<String>,
    /// Whether it may be written to.
    pub access: Access,
    /// Line, counted from 1.
    pub line: usize,
    /// Column, counted from 1.
    pub column: usize,
}

/// Files that are handed to the machine as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rom {
    /// Path, relative to the project's directory.
    pub path: String,
    /// `cpio` or `erofs`, where the file says so.
    pub format: Option<String>,
}

impl Reader<'_> {
    pub(super) fn volumes(&mut self, node: &Node) -> Result<Vec<Volume>> {
        let expected = "volumes must be a list of SOURCE:DESTINATION";
        match &node.data {
            Data::Sequence(items) => items.iter().map(|item| self.volume(item)).collect(),
            Data::Scalar { .. } if node.is_null() => Ok(Vec::new()),
            // v0.7: a single string.
            Data::Scalar { .. } => Ok(vec![self.volume(node)?]),
            Data::Mapping(_) => Err(self.source.problem(node.place, expected, format!("this is {}", node.kind()))),
        }
    }

    fn volume(&mut self, node: &Node) -> Result<Volume> {
        let (line, column) = self.source.position(node.place);
        let volume = |source: String, destination: String, driver, access| Volume { source, destination, driver, access, line, column };
        if let Data::Scalar { .. } = node.data {
            let text = self.text(node, "a volume must be SOURCE:DESTINATION or a mapping")?;
            let parts: Vec<&str> = text.split(':').collect();
            let (source, destination, access) = match parts.as_slice() {
                [source] => (*source, "/", Access::ReadWrite),
                [source, destination] => (*source, *destination, Access::ReadWrite),
                [source, destination, "ro"] => (*source, *destination, Access::ReadOnly),
                [source, destination, "rw"] => (*source, *destination, Access::ReadWrite),
                _ => return Err(self.source.problem(node.place, format!("{text:?} is no volume"), "expected SOURCE:DESTINATION[:ro]")),
            };
            if source.is_empty() || !destination.starts_with('/') {
                return Err(self.source.problem(node.place, format!("{text:?} is no volume"), "expected SOURCE:/DESTINATION[:ro]"));
            }
            return Ok(volume(source.to_owned(), destination.to_owned(), None, access));
        }
        let pairs = self.mapping(node, "a volume must be SOURCE:DESTINATION or a mapping", &keys::names(keys::VOLUME))?;
        let get = |wanted: &str| pairs.iter().find(|(key, _)| key == wanted).map(|(_, value)| *value);
        let text_of = |key: &str| get(key).map(|node| self.string(node, &format!("a volume's {key} must be a string"))).transpose();
        let (source, destination, driver, mode) = (text_of("source")?, text_of("destination")?, text_of("driver")?, text_of("mode")?);
        let readonly = get("readonly").map(|node| self.text(node, "readonly must be true or false")).transpose()?.unwrap_or_default();
        let Some(source) = source else { return Err(self.source.problem(node.place, "a volume needs a source", "in this mapping")) };
        let is_read_only = ["true", "yes", "on"].contains(&readonly.to_ascii_lowercase().as_str()) || mode.as_deref() == Some("ro");
        let access = if is_read_only { Access::ReadOnly } else { Access::ReadWrite };
        Ok(volume(source, destination.unwrap_or_else(|| "/".to_owned()), driver, access))
    }

    pub(super) fn roms(&mut self, node: &Node) -> Result<Vec<Rom>> {
        let Data::Sequence(items) = &node.data else {
            if node.is_null() {
                return Ok(Vec::new());
            }
            return Err(self.source.problem(node.place, "roms must be a list of paths", format!("this is {}", node.kind())));
        };
        items
            .iter()
            .map(|item| {
                let rootfs = self.files(item, "rom")?;
                let is_long = matches!(item.data, Data::Mapping(_));
                Ok(Rom { path: rootfs.source, format: is_long.then_some(rootfs.format) })
            })
            .collect()
    }
}
