//! Points in time as the AWS API writes them: ISO 8601 in UTC with milliseconds. Reads no clock.

use super::error::ApiError;

const DAY_MS: u64 = 86_400_000;

/// Writes milliseconds since 1970 as `2026-11-22T17:59:32.123Z`.
pub fn iso8601(time_ms: u64) -> String {
    let (year, month, day) = civil_date(time_ms / DAY_MS);
    let second = time_ms / 1000 % 86_400;
    let (hour, minute) = (second / 3600, second / 60 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{:02}.{:03}Z", second % 60, time_ms % 1000)
}

/// Reads `2026-11-22T17:59:32Z`, also with a fraction of a second or an offset such as `+01:00`.
pub fn parse_iso8601(text: &str) -> Result<u64, ApiError> {
    parse(text).ok_or_else(|| ApiError::new("MalformedInput", format!("timestamp {text:?} must follow ISO8601")))
}

fn parse(text: &str) -> Option<u64> {
    let (date, time) = text.split_once(['T', ' '])?;
    let mut date = date.splitn(3, '-').map(|part| part.parse::<u64>().ok());
    let days = days_since_1970(date.next()??, date.next()??, date.next()??)?;
    let (time, offset_minutes) = split_offset(time)?;
    let mut time = time.splitn(3, ':');
    let hour: u64 = time.next()?.parse().ok()?;
    let minute: u64 = time.next()?.parse().ok()?;
    let second: f64 = time.next().unwrap_or("0").parse().ok()?;
    if hour > 23 || minute > 59 || !(0.0..61.0).contains(&second) {
        return None;
    }
    let local_ms = days * DAY_MS + hour * 3_600_000 + minute * 60_000 + (second * 1000.0).round() as u64;
    local_ms.checked_add_signed(-offset_minutes * 60_000)
}

fn split_offset(time: &str) -> Option<(&str, i64)> {
    if let Some(time) = time.strip_suffix(['Z', 'z']) {
        return Some((time, 0));
    }
    let Some(at) = time.rfind(['+', '-']) else {
        return Some((time, 0));
    };
    let (time, offset) = (time.get(..at)?, time.get(at..)?);
    let sign = if offset.starts_with('-') { -1 } else { 1 };
    let digits: String = offset.chars().filter(char::is_ascii_digit).collect();
    let hours: i64 = digits.get(..2)?.parse().ok()?;
    let minutes: i64 = digits.get(2..4)?.parse().ok()?;
    Some((time, sign * (hours * 60 + minutes)))
}

/// Year, month and day of a day counted from 1970-01-01 (years here begin in March, so that leap days come last).
fn civil_date(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

fn days_since_1970(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1970..10_000).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let year = year - u64::from(month <= 2);
    let (era, year_of_era) = (year / 400, year % 400);
    let shifted_month = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    (era * 146_097 + day_of_era).checked_sub(719_468)
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
