//! Points in time and spans, as Docker takes them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Microseconds since 1970 of `10m` ago, of `2026-01-31T12:00:00Z`, of `2026-01-31`, or of seconds since 1970.
///
/// # Errors
/// A sentence.
pub fn point(text: &str) -> Result<u64, String> {
    let micros = |time: SystemTime| {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    };
    if let Some((seconds, rest)) = Some(text.split_once('.').unwrap_or((text, ""))).filter(|(seconds, _)| !seconds.is_empty())
        && let (Ok(seconds), true) = (seconds.parse::<u64>(), rest.chars().all(|c| c.is_ascii_digit()))
    {
        let fraction = format!("{rest:0<6}").get(..6).and_then(|digits| digits.parse::<u64>().ok()).unwrap_or(0);
        return Ok(seconds.saturating_mul(1_000_000).saturating_add(fraction));
    }
    if let Ok(span) = humantime::parse_duration(text) {
        return Ok(micros(SystemTime::now().checked_sub(span).unwrap_or(UNIX_EPOCH)));
    }
    let full = match text.len() {
        10 => format!("{text}T00:00:00Z"),
        16 => format!("{text}:00Z"),
        19 => format!("{text}Z"),
        _ => text.to_owned(),
    };
    let time = humantime::parse_rfc3339(&full);
    time.map(micros)
        .map_err(|_| "expected a span back from now as in 10m, seconds since 1970, or a time in UTC as in 2026-01-31T12:00:00Z".to_owned())
}

/// A span of time, as in `500ms` or `2s`; a bare number is seconds.
///
/// # Errors
/// A sentence.
pub fn span(text: &str) -> Result<Duration, String> {
    match text.parse() {
        Ok(seconds) => Ok(Duration::from_secs(seconds)),
        Err(_) => humantime::parse_duration(text).map_err(|_| "expected a span of time, as in 500ms or 2s".to_owned()),
    }
}

/// RFC 3339 in UTC, with microseconds.
pub fn shown(micros: u64) -> String {
    humantime::format_rfc3339_micros(UNIX_EPOCH + Duration::from_micros(micros)).to_string()
}

/// RFC 3339 in UTC, with milliseconds.
pub fn shown_ms(millis: u64) -> String {
    humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(millis)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_docker_reads_them() {
        assert_eq!(point("1700000000"), Ok(1_700_000_000_000_000));
        assert_eq!(point("1700000000.25"), Ok(1_700_000_000_250_000));
        assert_eq!(point("2023-11-14T22:13:20Z"), Ok(1_700_000_000_000_000));
        assert_eq!(point("2023-11-14T22:13:20"), Ok(1_700_000_000_000_000));
        assert_eq!(point("2023-11-14T22:13"), Ok(1_699_999_980_000_000));
        assert_eq!(point("2023-11-14"), Ok(1_699_920_000_000_000));
        let ago = point("10m").unwrap();
        assert!(ago < point("9m").unwrap());
        for text in ["", "yesterday", "10 x", "2023-13-14", "."] {
            assert!(point(text).is_err(), "{text}");
        }
        assert_eq!(span("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(span("2"), Ok(Duration::from_secs(2)));
        assert!(span("x").is_err());
        assert_eq!(shown(1_700_000_000_250_000), "2023-11-14T22:13:20.250000Z");
    }
}
