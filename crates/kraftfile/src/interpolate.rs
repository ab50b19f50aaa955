//! Variables in strings: `$VAR`, `${VAR}`, `${VAR:-default}`, `${VAR-default}`, `${VAR:?error}`, `${VAR?error}`, `$$`.

/// A reference that cannot be filled in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InterpolationError {
    /// `${` without its `}`.
    #[error("\"${{\" without a closing \"}}\"")]
    Unclosed,
    /// Something else than a name.
    #[error("{0:?} is no variable reference; write $$ for a dollar sign")]
    BadReference(String),
    /// `:?` or `?` and no value.
    #[error("{name}: {message}")]
    Required {
        /// The variable.
        name: String,
        /// The file's own words.
        message: String,
    },
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Fills in the variables of `text`. An unset one without a default is empty.
///
/// # Errors
/// [`InterpolationError`].
pub fn interpolate(text: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<String, InterpolationError> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            out.push('$');
            rest = after;
        } else if let Some(inside) = after.strip_prefix('{') {
            let end = closing(inside).ok_or(InterpolationError::Unclosed)?;
            let (reference, after) = inside.split_at(end);
            out.push_str(&braced(reference, lookup)?);
            rest = after.strip_prefix('}').unwrap_or(after);
        } else {
            let (name, after) = after.split_at(name_end(after));
            if !is_name(name) {
                let shown: String = rest.get(before.len()..).unwrap_or_default().chars().take(12).collect();
                return Err(InterpolationError::BadReference(shown));
            }
            out.push_str(&lookup(name).unwrap_or_default());
            rest = after;
        }
    }
    out.push_str(rest);
    Ok(out)
}

/// Where the `}` for an already opened `{` stands; defaults may hold references of their own.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 1_u32;
    let mut previous = ' ';
    for (at, c) in text.char_indices() {
        match c {
            '{' if previous == '$' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
        previous = c;
    }
    None
}

/// Names that `text` refers to, those in defaults included; from where it is broken on, none.
#[must_use]
pub fn references(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('$') {
        if let Some(after) = after.strip_prefix('$') {
            rest = after;
            continue;
        }
        let braced = after.strip_prefix('{').and_then(|inside| Some((inside, closing(inside)?)));
        let (reference, after) = braced.map_or_else(|| after.split_at(name_end(after)), |(inside, end)| inside.split_at(end));
        let (name, default) = reference.split_at(name_end(reference));
        if !is_name(name) {
            break;
        }
        names.push(name.to_owned());
        names.extend(references(default));
        rest = after;
    }
    names
}

/// Where a name at the start of `text` ends.
fn name_end(text: &str) -> usize {
    text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len())
}

fn braced(reference: &str, lookup: &dyn Fn(&str) -> Option<String>) -> Result<String, InterpolationError> {
    let (name, operator) = reference.split_at(name_end(reference));
    let bad = || InterpolationError::BadReference(format!("${{{reference}}}"));
    if !is_name(name) {
        return Err(bad());
    }
    let value = lookup(name);
    let filled = value.clone().filter(|value| !value.is_empty());
    let required = |message: &str| {
        let message = if message.is_empty() { "is required and not set" } else { message };
        InterpolationError::Required { name: name.to_owned(), message: message.to_owned() }
    };
    if operator.is_empty() {
        Ok(value.unwrap_or_default())
    } else if let Some(default) = operator.strip_prefix(":-") {
        filled.map_or_else(|| interpolate(default, lookup), Ok)
    } else if let Some(default) = operator.strip_prefix('-') {
        value.map_or_else(|| interpolate(default, lookup), Ok)
    } else if let Some(message) = operator.strip_prefix(":?") {
        filled.ok_or_else(|| required(message))
    } else if let Some(message) = operator.strip_prefix('?') {
        value.ok_or_else(|| required(message))
    } else {
        Err(bad())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(text: &str) -> Result<String, InterpolationError> {
        interpolate(text, &|name| match name {
            "A" => Some("apple".to_owned()),
            "E" => Some(String::new()),
            _ => None,
        })
    }

    #[test]
    fn every_form() {
        for (text, expected) in [
            ("x$A-y", "xapple-y"),
            ("${A}s", "apples"),
            ("${E:-d}${E-d}${U-d}${U:-d}", "ddd"),
            ("${U:-${A}!}", "apple!"),
            ("$$A $$", "$A $"),
            ("$U|${U}", "|"),
            ("plain", "plain"),
        ] {
            assert_eq!(fill(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn names_that_are_referred_to() {
        for (text, expected) in [
            ("x$A-${B}", &["A", "B"][..]),
            ("${A:-${B-$C}}${D:?say $$E}", &["A", "B", "C", "D"]),
            ("$$A $${B}", &[]),
            ("$A ${B", &["A"]),
            ("$ $A", &[]),
        ] {
            assert_eq!(references(text), expected, "{text}");
        }
    }

    #[test]
    fn every_error() {
        assert_eq!(fill("${A").unwrap_err(), InterpolationError::Unclosed);
        assert!(matches!(fill("$ 5"), Err(InterpolationError::BadReference(_))));
        assert!(matches!(fill("${A+x}"), Err(InterpolationError::BadReference(_))));
        assert_eq!(fill("${U:?set it}").unwrap_err().to_string(), "U: set it");
        assert_eq!(fill("${E:?}").unwrap_err().to_string(), "E: is required and not set");
        assert_eq!(fill("${E?x}").unwrap(), "");
    }
}
