//! `$(NAME)` in the files: values that the program hands in and `NAME = text` lines.

use std::collections::HashMap;

/// How many variables may stand inside each other.
const DEPTH: usize = 32;

/// Variables by name.
#[derive(Clone, Debug, Default)]
pub struct Variables {
    values: HashMap<String, String>,
}

impl Variables {
    /// Sets one.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.values.insert(name.into(), value.into());
    }

    /// The value of one.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// Fills in all `$(NAME)`; an unknown one is empty, as in make.
    ///
    /// # Errors
    /// A function call (they would run programs of this host), a reference without end, a circle.
    pub(super) fn expand(&self, text: &str) -> Result<String, String> {
        self.expand_to(text, DEPTH)
    }

    fn expand_to(&self, text: &str, depth: usize) -> Result<String, String> {
        if !text.contains("$(") {
            return Ok(text.to_owned());
        }
        let depth = depth.checked_sub(1).ok_or("variables that stand in each other")?;
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find("$(") {
            out.push_str(rest.get(..at).unwrap_or_default());
            let inside = rest.get(at + 2..).unwrap_or_default();
            let end = closing(inside).ok_or("$( without its )")?;
            let name = self.expand_to(inside.get(..end).unwrap_or_default(), depth)?;
            if let Some((function, _)) = name.split_once(',') {
                return Err(format!("$({function},...): functions are not supported; only $(NAME)"));
            }
            out.push_str(&self.expand_to(self.get(name.trim()).unwrap_or_default(), depth)?);
            rest = inside.get(end + 1..).unwrap_or_default();
        }
        out.push_str(rest);
        Ok(out)
    }
}

/// Where the parenthesis that is open at the start ends.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' if depth == 0 => return Some(at),
            ')' => depth -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_filled_in() {
        let mut variables = Variables::default();
        variables.set("BASE", "/core");
        variables.set("LIB", "$(BASE)/lib");
        variables.set("a", "b");
        variables.set("xb", "nested");
        variables.set("loop", "$(loop)");
        assert_eq!(variables.expand("source \"$(LIB)/Config.uk\"").unwrap(), "source \"/core/lib/Config.uk\"");
        assert_eq!(variables.expand("[$(x$(a))][$(none)]").unwrap(), "[nested][]");
        assert!(variables.expand("$(shell,ls)").unwrap_err().contains("shell"));
        assert!(variables.expand("$(open").is_err());
        assert!(variables.expand("$(loop)").is_err());
    }
}
