//! An image from the store to a registry.

use super::client::{ATTEMPTS, Actions, Payload, Registry};
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::layout::Layout;
use crate::progress::{Event, Reporter};
use crate::reference::Reference;
use crate::resolve::{self, Documents, Root};
use crate::settings::Settings;
use crate::spec::{Descriptor, media};
use ureq::http::Method;

/// Pushes what `root` leads to. Of an index, only manifests that are here can be pushed; if one is not, nothing is named.
pub(crate) fn push(layout: &Layout, root: &Descriptor, target: &Reference, settings: &Settings, reporter: &dyn Reporter) -> Result<()> {
    let registry = Registry::new(target, &target.to_string(), Actions::PullPush, settings, reporter)?;
    registry.push_document(layout, root, &target.version())
}

impl Registry<'_> {
    fn push_document(&self, layout: &Layout, descriptor: &Descriptor, name: &str) -> Result<()> {
        let bytes = layout.document(descriptor)?;
        let what = layout.blob(&descriptor.digest).display().to_string();
        let (media_type, said) = match resolve::parse_root(&what, &descriptor.media_type, &bytes)? {
            Root::Index(index) => {
                for inner in &index.manifests {
                    self.push_document(layout, inner, &inner.digest.to_string())?;
                }
                (media::INDEX, index.media_type)
            }
            Root::Manifest(manifest) => {
                for blob in manifest.layers.iter().chain([&manifest.config]) {
                    self.push_blob(layout, &blob.digest, blob.size)?;
                }
                (media::MANIFEST, manifest.media_type)
            }
        };
        let url = self.url(&format!("manifests/{name}"));
        let media_type = said.unwrap_or_else(|| media_type.to_owned());
        let response = self.send(&Method::PUT, &url, &[("Content-Type", &media_type)], Payload::Bytes(&bytes))?;
        if response.status().is_success() { Ok(()) } else { Err(self.refusal(&url, response)) }
    }

    fn push_blob(&self, layout: &Layout, digest: &Digest, size: u64) -> Result<()> {
        let url = self.url(&format!("blobs/{digest}"));
        if self.get(&Method::HEAD, &url, &[])?.status() == 200 {
            self.reporter.event(Event::Present { digest });
            return Ok(());
        }
        self.reporter.event(Event::Transfer { digest, done: 0, total: size });
        let mut attempt = 1;
        loop {
            match self.upload(layout, digest, size) {
                Err(Error::Network { address, problem, .. }) if attempt < ATTEMPTS => self.pause(&address, &problem, attempt, None),
                Err(error) => return Err(error),
                Ok(()) => break,
            }
            attempt += 1;
        }
        self.reporter.event(Event::Transfer { digest, done: size, total: size });
        self.reporter.event(Event::Done { digest });
        Ok(())
    }

    /// One upload: a place for it, then the bytes in one request.
    fn upload(&self, layout: &Layout, digest: &Digest, size: u64) -> Result<()> {
        let url = self.url("blobs/uploads/");
        let response = self.send(&Method::POST, &url, &[], Payload::Bytes(&[]))?;
        let location = response.headers().get("location").and_then(|value| value.to_str().ok()).map(|value| self.locate(value));
        let (202, Some(location)) = (response.status().as_u16(), location) else { return Err(self.refusal(&url, response)) };
        let separator = if location.contains('?') { '&' } else { '?' };
        // A colon needs no escape in a query (RFC 3986, section 3.4).
        let url = format!("{location}{separator}digest={digest}");
        let path = layout.blob(digest);
        let response = self.send(&Method::PUT, &url, &[("Content-Type", "application/octet-stream")], Payload::File(&path, size))?;
        if response.status() == 201 { Ok(()) } else { Err(self.refusal(&url, response)) }
    }
}
