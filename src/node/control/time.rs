//! Points in time as the AWS API writes them: ISO 8601 in UTC with milliseconds. Reads no clock.

use jiff::Timestamp;

use super::error::ApiError;

/// Writes milliseconds since 1970 as `2026-11-22T17:59:32.123Z`.
pub fn iso8601(time_ms: u64) -> String {
    // Past what the calendar can write (the year 9999) the last moment is as good as any.
    let time = i64::try_from(time_ms).ok().and_then(|time_ms| Timestamp::from_millisecond(time_ms).ok());
    format!("{:.3}", time.unwrap_or(Timestamp::MAX))
}

/// Reads `2026-11-22T17:59:32Z`, also with a fraction of a second or an offset such as `+01:00`.
pub fn parse_iso8601(text: &str) -> Result<u64, ApiError> {
    let time = text.parse::<Timestamp>().ok().and_then(|time| u64::try_from(time.as_millisecond()).ok());
    time.ok_or_else(|| ApiError::new("MalformedInput", format!("timestamp {text:?} must follow ISO8601")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_times_read_back() {
        for time_ms in [0, 951_782_400_000, 1_709_164_799_999, 1_795_370_372_123] {
            assert_eq!(parse_iso8601(&iso8601(time_ms)), Ok(time_ms), "{}", iso8601(time_ms));
        }
        assert_eq!(iso8601(951_782_400_000), "2000-02-29T00:00:00.000Z");
    }

    #[test]
    fn offsets_are_taken_and_nonsense_is_refused() {
        assert_eq!(parse_iso8601("1970-01-01T01:00:00+01:00"), Ok(0));
        assert!(parse_iso8601("yesterday").is_err());
        assert!(parse_iso8601("2026-13-01T00:00:00Z").is_err());
    }
}
