//! "Did you mean".

/// Number of single-character edits between two words (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let cost = usize::from(a[i - 1] != b[j - 1]);
                let mut best = (rows[i - 1][j] + 1).min(rows[i][j - 1] + 1).min(rows[i - 1][j - 1] + cost);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    best = best.min(rows[i - 2][j - 2] + 1);
                }
                best
            };
        }
    }
    rows[a.len()][b.len()]
}

/// The nearest of `known`, when it is near enough to be meant.
#[must_use]
pub fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let limit = 1 + word.chars().count() / 4;
    let near = known.iter().map(|candidate| (distance(word, candidate), *candidate));
    near.filter(|(edits, _)| *edits <= limit).min_by_key(|(edits, _)| *edits).map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    #[test]
    fn near_words_are_found_and_far_ones_not() {
        let known = ["runtime", "rootfs", "cmd", "env"];
        assert_eq!(super::nearest("rutnime", &known), Some("runtime"));
        assert_eq!(super::nearest("rootf", &known), Some("rootfs"));
        assert_eq!(super::nearest("comand", &known), None);
    }
}
