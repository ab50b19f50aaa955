//! Blobs from a registry: verified, gone on with after an interruption, never longer than promised.

use super::client::{ATTEMPTS, Registry};
use crate::digest::Digest;
use crate::error::{Error, Result};
use crate::progress::Event;
use crate::resolve::{self, MAX_DOCUMENT};
use crate::spec::Descriptor;
use crate::store::{Ingest, Store};
use std::io::Read;
use ureq::http::Method;

/// Bytes between two reports of progress.
const REPORT_EVERY: u64 = 1 << 20;

/// Why a transfer has not brought the whole blob.
enum Interruption {
    /// Worth another attempt.
    Passing(String),
    /// For good.
    Final(Error),
}

impl From<Error> for Interruption {
    fn from(error: Error) -> Self {
        Self::Final(error)
    }
}

impl Registry<'_> {
    /// Brings a blob into the store.
    pub(super) fn fetch_blob(&self, descriptor: &Descriptor, store: &Store) -> Result<()> {
        let url = self.url(&format!("blobs/{}", descriptor.digest));
        let Some(mut ingest) = store.ingest(&descriptor.digest)? else {
            self.reporter.event(Event::Present { digest: &descriptor.digest });
            return Ok(());
        };
        if ingest.size() > descriptor.size {
            ingest.restart()?;
        }
        let mut resumed = ingest.size() > 0;
        let mut failures = 0;
        loop {
            let before = ingest.size();
            if let Err(interruption) = self.fetch_rest(&url, descriptor, &mut ingest) {
                let problem = match interruption {
                    Interruption::Final(error) => return Err(error),
                    Interruption::Passing(problem) => problem,
                };
                // A connection that is cut again and again, but brings something each time, does get there.
                failures = if ingest.size() > before { 1 } else { failures + 1 };
                if failures >= ATTEMPTS {
                    let (expected, found) = (descriptor.size, ingest.size());
                    return Err(Error::Truncated { what: url, expected, found, attempts: failures, last: problem });
                }
                self.pause(&url, &problem, failures, None);
                continue;
            }
            match ingest.finish(&url) {
                // What an earlier attempt left may have been wrong already.
                Err(Error::DigestMismatch { .. }) if resumed => resumed = false,
                Err(error) => return Err(error),
                Ok(()) => {
                    self.reporter.event(Event::Done { digest: &descriptor.digest });
                    return Ok(());
                }
            }
        }
    }

    /// One request for what is missing.
    fn fetch_rest(&self, url: &str, descriptor: &Descriptor, ingest: &mut Ingest<'_>) -> std::result::Result<(), Interruption> {
        let total = descriptor.size;
        if ingest.size() == total && total > 0 {
            return Ok(());
        }
        let range = format!("bytes={}-", ingest.size());
        let headers: &[(&str, &str)] = if ingest.size() > 0 { &[("Range", &range)] } else { &[] };
        let mut response = self.get(&Method::GET, url, headers)?;
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(ToOwned::to_owned);
        match response.status().as_u16() {
            200 => ingest.restart()?,
            206 => {
                let expected = format!("bytes {}-", ingest.size());
                if !header("content-range").is_some_and(|range| range.starts_with(&expected)) {
                    ingest.restart()?;
                    return Err(Interruption::Passing("the registry sent another part than was asked for".to_owned()));
                }
            }
            // What is here is not what is there.
            416 => {
                ingest.restart()?;
                return Err(Interruption::Passing("the registry cannot go on where the last transfer ended".to_owned()));
            }
            _ => return Err(self.refusal(url, response).into()),
        }
        if let Some(length) = header("content-length").and_then(|value| value.parse::<u64>().ok())
            && ingest.size().checked_add(length) != Some(total)
        {
            return Err(Error::SizeMismatch { what: url.to_owned(), expected: total, found: ingest.size().saturating_add(length) }.into());
        }
        let mut body = response.body_mut().with_config().limit(u64::MAX).reader();
        let mut buffer = vec![0; 128 << 10];
        let mut reported = ingest.size();
        self.reporter.event(Event::Transfer { digest: &descriptor.digest, done: reported, total });
        loop {
            let count = match body.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Interruption::Passing(error.to_string())),
            };
            if ingest.size() + count as u64 > total {
                let found = ingest.size() + count as u64;
                ingest.restart()?;
                return Err(Error::SizeMismatch { what: url.to_owned(), expected: total, found }.into());
            }
            ingest.write(buffer.get(..count).unwrap_or_default())?;
            if ingest.size() - reported >= REPORT_EVERY || ingest.size() == total {
                reported = ingest.size();
                self.reporter.event(Event::Transfer { digest: &descriptor.digest, done: reported, total });
            }
        }
        if ingest.size() < total {
            return Err(Interruption::Passing("the connection was closed".to_owned()));
        }
        Ok(())
    }

    /// A small blob, kept in memory.
    pub(super) fn fetch_document(
        &self,
        url: &str,
        accept: &str,
        expected: Option<&Digest>,
    ) -> Result<(Vec<u8>, Option<String>, Option<Digest>)> {
        let mut attempt = 1;
        loop {
            let mut response = self.get(&Method::GET, url, &[("Accept", accept)])?;
            if response.status() != 200 {
                return Err(self.refusal(url, response));
            }
            let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(ToOwned::to_owned);
            let media_type = header("content-type").map(|value| value.split(';').next().unwrap_or_default().trim().to_owned());
            let said = header("docker-content-digest").and_then(|value| value.parse().ok());
            match response.body_mut().with_config().limit(MAX_DOCUMENT).read_to_vec() {
                Ok(bytes) => {
                    for digest in expected.into_iter().chain(&said) {
                        resolve::verify_digest(url, digest, &bytes)?;
                    }
                    return Ok((bytes, media_type, said));
                }
                Err(error) if attempt == ATTEMPTS => {
                    let (reference, problem) = (self.shown().to_owned(), super::client::describe(&error));
                    return Err(Error::Network { reference, address: url.to_owned(), problem });
                }
                Err(ureq::Error::BodyExceedsLimit(limit)) => {
                    return Err(Error::malformed(url, format!("longer than {limit} bytes, which no manifest is")));
                }
                Err(error) => self.pause(url, &super::client::describe(&error), attempt, None),
            }
            attempt += 1;
        }
    }
}
