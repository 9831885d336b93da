//! Daily and weekly windows: `hh24:mi-hh24:mi` and `ddd:hh24:mi-ddd:hh24:mi`, in UTC.
//!
//! Knows minutes of a day and of a week, and nothing of what happens in a window.

use super::decode::{Refusal, shortened};

const DAY: u32 = 24 * 60;
const WEEK: u32 = 7 * DAY;
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// A daily window, such as `05:00-06:00`.
pub(super) fn daily(text: &str) -> Result<String, Refusal> {
    const ALLOWED: &str = "`hh:mm-hh:mm` in UTC, at least 60 minutes, such as `05:00-06:00`";
    checked(text, daily_span(text), DAY, ALLOWED)
}

/// A weekly window, such as `sun:05:00-sun:06:00`.
pub(super) fn weekly(text: &str) -> Result<String, Refusal> {
    const ALLOWED: &str = "`ddd:hh:mm-ddd:hh:mm` in UTC, at least 60 minutes, such as `sun:05:00-sun:06:00`";
    checked(text, weekly_span(text), WEEK, ALLOWED)
}

/// Whether a daily and a weekly window have a minute in common.
pub(super) fn overlap(day: &str, week: &str) -> bool {
    let (Some(day), Some(week)) = (daily_span(day), weekly_span(week)) else {
        return false;
    };
    (0..7).any(|number| {
        let start = day.0 + number * DAY;
        let length = length(day, DAY);
        // On the circle of a week, two spans meet where one begins within the other.
        let begins_within = |from: u32, length: u32, at: u32| (at + WEEK - from) % WEEK < length;
        begins_within(start, length, week.0) || begins_within(week.0, self::length(week, WEEK), start % WEEK)
    })
}

fn checked(text: &str, span: Option<(u32, u32)>, round: u32, allowed: &str) -> Result<String, Refusal> {
    match span.map(|span| length(span, round)) {
        Some(minutes) if minutes >= 60 => Ok(text.to_lowercase()),
        Some(minutes) => Err(Refusal::new(format!("the window `{}` has {minutes} minutes", shortened(text)), allowed)),
        None => Err(Refusal::new(format!("`{}` is not a window", shortened(text)), allowed)),
    }
}

fn length((start, end): (u32, u32), round: u32) -> u32 {
    (end + round - start) % round
}

fn daily_span(text: &str) -> Option<(u32, u32)> {
    let (start, end) = text.split_once('-')?;
    Some((minute_of_day(start)?, minute_of_day(end)?))
}

fn weekly_span(text: &str) -> Option<(u32, u32)> {
    let (start, end) = text.split_once('-')?;
    Some((minute_of_week(start)?, minute_of_week(end)?))
}

fn minute_of_week(text: &str) -> Option<u32> {
    let (day, time) = text.split_once(':')?;
    let day = DAYS.iter().position(|name| name.eq_ignore_ascii_case(day))?;
    Some(u32::try_from(day).ok()? * DAY + minute_of_day(time)?)
}

fn minute_of_day(text: &str) -> Option<u32> {
    let (hour, minute) = text.split_once(':')?;
    let number = |text: &str, most: u32| {
        let digits = text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
        text.parse::<u32>().ok().filter(|number| digits && *number <= most)
    };
    Some(number(hour, 23)? * 60 + number(minute, 59)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_have_an_hour_or_more_and_may_wrap_around() {
        for good in ["05:00-06:00", "23:30-00:30", "00:00-23:59"] {
            assert!(daily(good).is_ok(), "{good}");
        }
        for bad in ["05:00-05:59", "05:00-05:00", "5:00-6:00", "24:00-01:00", "05:00", "05:60-07:00", "+5:00-07:00", ""]
        {
            assert!(daily(bad).is_err(), "{bad}");
        }
        assert_eq!(weekly("Sun:23:00-MON:01:30").as_deref(), Ok("sun:23:00-mon:01:30"));
        for bad in ["sun:05:00-sun:05:30", "son:05:00-sun:06:00", "05:00-06:00"] {
            assert!(weekly(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn overlaps_are_found_around_midnight_and_around_the_week() {
        for (day, week, want) in [
            ("05:00-06:00", "sun:05:30-sun:07:00", true),
            ("05:00-06:00", "sun:06:00-sun:07:00", false),
            ("06:00-07:00", "sun:05:00-sun:06:00", false),
            ("23:30-00:30", "mon:00:00-mon:01:00", true),
            ("23:30-00:30", "sun:22:00-sun:23:30", false),
            ("03:00-04:00", "sun:23:00-mon:23:00", true),
            ("22:00-23:00", "sun:23:00-mon:22:00", false),
        ] {
            assert_eq!(overlap(day, week), want, "{day} {week}");
        }
    }
}
