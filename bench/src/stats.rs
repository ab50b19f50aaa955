//! Medians and ranges, and numbers for people.

/// Results of repeated runs.
#[derive(Clone, Debug, Default)]
pub struct Sample(Vec<f64>);

impl Sample {
    /// Adds one run's result.
    pub fn add(&mut self, value: f64) {
        self.0.push(value);
        self.0.sort_by(f64::total_cmp);
    }

    /// The middle one, or the mean of the two in the middle; `None` without results.
    pub fn median(&self) -> Option<f64> {
        let n = self.0.len();
        match n {
            0 => None,
            _ if n % 2 == 1 => Some(self.0[n / 2]),
            _ => Some((self.0[n / 2 - 1] + self.0[n / 2]) / 2.0),
        }
    }

    /// Median and range in a unit: `12.3 ms (11.9-12.8)`.
    pub fn show(&self, unit: &str) -> String {
        match (self.median(), self.0.first(), self.0.last()) {
            (Some(median), Some(least), Some(most)) if self.0.len() > 1 => {
                format!("{} {unit} ({}-{})", number(median), number(*least), number(*most))
            }
            (Some(median), ..) => format!("{} {unit}", number(median)),
            _ => "-".to_owned(),
        }
    }
}

/// Three significant digits, more where the number is large.
pub fn number(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 => {
            // Thousands apart.
            let digits = format!("{:.0}", v);
            let mut out = String::new();
            for (i, c) in digits.chars().enumerate() {
                if i > 0 && (digits.len() - i).is_multiple_of(3) {
                    out.push(',');
                }
                out.push(c);
            }
            if value < 0.0 { format!("-{out}") } else { out }
        }
        v if v >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_and_range() {
        let mut sample = Sample::default();
        assert_eq!((sample.median(), sample.show("ms").as_str()), (None, "-"));
        for value in [3.0, 1.0, 2.0, 10.0] {
            sample.add(value);
        }
        assert_eq!(sample.median(), Some(2.5));
        assert_eq!(sample.show("ms"), "2.50 ms (1.00-10.0)");
    }

    #[test]
    fn numbers_for_people() {
        for (value, text) in [(0.123, "0.12"), (12.34, "12.3"), (123.4, "123"), (1234567.0, "1,234,567"), (-1234.0, "-1,234")] {
            assert_eq!(number(value), text);
        }
    }
}
