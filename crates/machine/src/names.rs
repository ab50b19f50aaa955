//! Names of machines.

const ADJECTIVES: [&str; 32] = [
    "agile", "amber", "brave", "brisk", "calm", "candid", "clever", "cosmic", "eager", "early", "fair", "fleet", "gentle", "glad", "keen",
    "kind", "lively", "lucid", "mellow", "nimble", "noble", "placid", "prompt", "quiet", "rapid", "sharp", "solar", "steady", "sunny",
    "swift", "tidy", "vivid",
];

const SURNAMES: [&str; 32] = [
    "abel", "ampere", "bohr", "boole", "cauchy", "curie", "dijkstra", "euler", "faraday", "fermi", "gauss", "germain", "hamming", "hopper",
    "hypatia", "kepler", "lamarr", "liskov", "lovelace", "maxwell", "meitner", "naur", "newton", "noether", "pascal", "planck", "ritchie",
    "shannon", "tesla", "turing", "volta", "wirth",
];

/// A name in Docker's manner, `adjective_surname`.
///
/// # Errors
/// When the system has no randomness.
pub fn random() -> Result<String, getrandom::Error> {
    let bits = getrandom::u32()?;
    let pick = |list: &[&'static str; 32], shift: u32| {
        let index = usize::try_from((bits >> shift) & 31).unwrap_or_default();
        list.get(index).copied().unwrap_or_default()
    };
    Ok(format!("{}_{}", pick(&ADJECTIVES, 0), pick(&SURNAMES, 5)))
}

/// An id: twelve hexadecimal digits, never digits only, so that it is no number to anybody.
///
/// # Errors
/// When the system has no randomness.
pub fn random_id() -> Result<String, getrandom::Error> {
    loop {
        let id = format!("{:012x}", getrandom::u64()? >> 16);
        if id.chars().any(|c| c.is_ascii_alphabetic()) {
            return Ok(id);
        }
    }
}

/// Whether a user may give a machine this name: `[a-zA-Z0-9][a-zA-Z0-9_.-]*`, at most 63 characters.
#[must_use]
pub fn is_valid(name: &str) -> bool {
    name.len() <= 63
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
}

#[cfg(test)]
mod tests {
    #[test]
    fn random_names_are_valid_and_others_are_not() {
        for _ in 0..100 {
            assert!(super::is_valid(&super::random().unwrap()));
            let id = super::random_id().unwrap();
            assert!(id.len() == 12 && super::is_valid(&id) && id.parse::<u64>().is_err(), "{id}");
        }
        for name in ["", ".x", "a/b", "-a", "a b", &"x".repeat(64)] {
            assert!(!super::is_valid(name), "{name}");
        }
    }
}
