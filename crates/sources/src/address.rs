//! Where sources come from, as a Kraftfile writes it.

use crate::error::{Error, Result};

/// How something is fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// By git.
    Git,
    /// As one file that is unpacked.
    Archive,
}

/// Ends of archives' names.
const ARCHIVES: [&str; 11] = [".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst", ".tzst", ".tar.Z", ".zip"];

/// Where sources come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The address without what is not for the server.
    pub location: String,
    /// Branch, tag or commit.
    pub version: Option<String>,
    /// What an archive's SHA-256 has to be, in lower case.
    pub sha256: Option<String>,
    /// How it is fetched.
    pub way: Way,
}

impl Address {
    /// Reads an address or the path of an archive; `version` is what the project says besides.
    ///
    /// # Errors
    /// A digest that is none; a version that git would take for a flag.
    pub fn parse(text: &str, version: Option<&str>) -> Result<Self> {
        let malformed = |problem| Error::Malformed { text: text.to_owned(), problem };
        let (rest, fragment) = text.split_once('#').unwrap_or((text, ""));
        let sha256 = fragment.split('&').find_map(|part| part.strip_prefix("sha256=")).map(str::to_ascii_lowercase);
        if sha256.as_ref().is_some_and(|digest| digest.len() != 64 || !digest.bytes().all(|byte| byte.is_ascii_hexdigit())) {
            return Err(malformed("expected 64 hexadecimal digits behind `#sha256=`"));
        }
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let own = |pair: &&str| pair.split_once('=').is_some_and(|(key, _)| ["branch", "tag", "version"].contains(&key));
        let mut found = query.split('&').find(own).and_then(|pair| pair.split_once('=')).map(|(_, value)| value.to_owned());
        let kept: Vec<&str> = query.split('&').filter(|pair| !pair.is_empty() && !own(pair)).collect();
        let mut path = path.trim_end_matches('/').to_owned();
        if let Some((before, after)) = path.rsplit_once(".git@").map(|(before, after)| (format!("{before}.git"), after.to_owned())) {
            (path, found) = (before, found.or(Some(after)));
        }
        let way = if ARCHIVES.iter().any(|end| path.ends_with(end)) { Way::Archive } else { Way::Git };
        let location = path.strip_prefix("git+").unwrap_or(&path).to_owned();
        if location.is_empty() || location.starts_with('-') {
            return Err(malformed("this is no address"));
        }
        let version = version.map(ToOwned::to_owned).or(found).filter(|version| !version.is_empty());
        if version.as_ref().is_some_and(|version| version.starts_with('-')) {
            return Err(malformed("a version does not begin with a dash"));
        }
        let location = if kept.is_empty() { location } else { format!("{location}?{}", kept.join("&")) };
        Ok(Self { location, version, sha256, way })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_in_every_form() {
        let digest = "AB".repeat(32);
        for (text, version, location, found, way) in [
            ("https://example.org/lib-a.git", None, "https://example.org/lib-a.git", None, Way::Git),
            ("https://example.org/lib-a", Some("v1"), "https://example.org/lib-a", Some("v1"), Way::Git),
            ("https://example.org/lib-a.git?branch=b", None, "https://example.org/lib-a.git", Some("b"), Way::Git),
            ("https://example.org/a.git?tag=t&x=y", None, "https://example.org/a.git?x=y", Some("t"), Way::Git),
            ("git@example.org:u/lib-a.git@v2", None, "git@example.org:u/lib-a.git", Some("v2"), Way::Git),
            ("git+file:///r/a", None, "file:///r/a", None, Way::Git),
            ("https://example.org/a-1.tar.gz?version=1", None, "https://example.org/a-1.tar.gz", Some("1"), Way::Archive),
            ("./a.tar.xz", None, "./a.tar.xz", None, Way::Archive),
        ] {
            let address = Address::parse(text, version).unwrap();
            assert_eq!((address.location.as_str(), address.version.as_deref(), address.way), (location, found, way), "{text}");
        }
        let with_digest = Address::parse(&format!("https://example.org/a.tar#sha256={digest}"), None).unwrap();
        assert_eq!((with_digest.sha256, with_digest.location), (Some(digest.to_lowercase()), "https://example.org/a.tar".to_owned()));
        for wrong in ["https://example.org/a.tar#sha256=12", "", "--upload-pack=x", "https://example.org/a.git?tag=-x"] {
            assert!(matches!(Address::parse(wrong, None), Err(Error::Malformed { .. })), "{wrong}");
        }
    }
}
