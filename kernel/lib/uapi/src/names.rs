//! Names of numbers, kept as one text of lines `number name`: a table of strings would take 16 bytes for each number, named or not.

/// The name of `number` in `lines`; `None` when no line starts with it. A search through the text: for messages, not for dispatch.
pub fn find(lines: &'static str, number: u64) -> Option<&'static str> {
    let mut rest = lines;
    while !rest.is_empty() {
        let end = rest.find('\n').unwrap_or(rest.len());
        let (line, behind) = rest.split_at_checked(end)?;
        let (digits, name) = line.split_once(' ')?;
        if digits.bytes().fold(0, |value, digit| value * 10 + u64::from(digit & 0xf)) == number {
            return Some(name);
        }
        rest = behind.strip_prefix('\n').unwrap_or("");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::find;

    #[test]
    fn finds_whole_numbers_only() {
        let lines = "0 read\n1 write\n12 brk\n";
        assert_eq!(find(lines, 0), Some("read"));
        assert_eq!(find(lines, 1), Some("write"));
        assert_eq!(find(lines, 12), Some("brk"));
        assert_eq!(find(lines, 2), None);
        assert_eq!(find(lines, u64::MAX), None);
        assert_eq!(find("", 0), None);
    }
}
