//! What a single value may be, as ElastiCache and EC2 say it: ids, names, windows, tags. Knows no state.

use std::collections::BTreeMap;

use super::error::ApiError;

/// Tags by key.
pub(crate) type Tags = BTreeMap<String, String>;

/// A replication group id, in lower case as it is stored.
pub(crate) fn replication_group_id(id: &str) -> Result<String, ApiError> {
    let starts_well = id.starts_with(|first: char| first.is_ascii_alphabetic());
    let made_well = id.chars().all(|one| one.is_ascii_alphanumeric() || one == '-');
    if !starts_well || !made_well || id.len() > 40 || id.ends_with('-') || id.contains("--") {
        return Err(ApiError::value(
            "The parameter ReplicationGroupId is not a valid identifier. Identifiers must begin with a letter; must \
             contain only ASCII letters, digits, and hyphens; must not end with a hyphen or contain two consecutive \
             hyphens; and must have at most 40 characters.",
        ));
    }
    Ok(id.to_ascii_lowercase())
}

/// A subnet group's or parameter group's name, in lower case as it is stored.
pub(crate) fn group_name(parameter: &str, name: &str) -> Result<String, ApiError> {
    let starts_well = name.starts_with(|first: char| first.is_ascii_alphabetic());
    let made_well = name.chars().all(|one| one.is_ascii_alphanumeric() || one == '-');
    if !starts_well || !made_well || name.len() > 255 || name.ends_with('-') || name.contains("--") {
        return Err(ApiError::value(format!(
            "The parameter {parameter} must be provided and must not be blank. It must begin with a letter; must \
             contain only ASCII letters, digits, and hyphens; must not end with a hyphen or contain two consecutive \
             hyphens; and must have at most 255 characters."
        )));
    }
    Ok(name.to_ascii_lowercase())
}

/// A snapshot's name, in lower case as it is stored.
pub(crate) fn snapshot_name(parameter: &str, name: &str) -> Result<String, ApiError> {
    group_name(parameter, name)
}

/// A description that is there and not too long.
pub(crate) fn description(parameter: &str, text: &str) -> Result<String, ApiError> {
    if text.trim().is_empty() {
        return Err(ApiError::value(format!("The parameter {parameter} must be provided and must not be blank.")));
    }
    if text.chars().count() > 255 {
        return Err(ApiError::value(format!("The parameter {parameter} must have at most 255 characters.")));
    }
    Ok(text.to_owned())
}

/// A weekly window `ddd:hh24:mi-ddd:hh24:mi` of an hour or more, in lower case.
pub(crate) fn maintenance_window(text: &str) -> Result<String, ApiError> {
    let lower = text.to_ascii_lowercase();
    let minutes = lower.split_once('-').and_then(|(from, to)| Some((weekly_minute(from)?, weekly_minute(to)?)));
    let Some((from, to)) = minutes else {
        return Err(ApiError::value(format!(
            "Invalid maintenance window format: {text}. Should be specified as a range ddd:hh24:mi-ddd:hh24:mi (24H \
             Clock UTC). Example: Sun:23:00-Mon:01:30"
        )));
    };
    let week = 7 * 24 * 60;
    if (to + week - from) % week < 60 {
        return Err(ApiError::value("The maintenance window must be at least 60 minutes."));
    }
    Ok(lower)
}

/// A daily window `hh24:mi-hh24:mi` of an hour or more.
pub(crate) fn snapshot_window(text: &str) -> Result<String, ApiError> {
    let minutes = text.split_once('-').and_then(|(from, to)| Some((daily_minute(from)?, daily_minute(to)?)));
    let Some((from, to)) = minutes else {
        return Err(ApiError::value(format!(
            "Invalid snapshot window format: {text}. Should be specified as a range hh24:mi-hh24:mi (24H Clock UTC). \
             Example: 04:30-05:30"
        )));
    };
    if (to + 24 * 60 - from) % (24 * 60) < 60 {
        return Err(ApiError::value("The snapshot window must be at least 60 minutes."));
    }
    Ok(text.to_owned())
}

fn weekly_minute(text: &str) -> Option<u32> {
    let (day, time) = text.split_once(':')?;
    let day = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"].iter().position(|name| *name == day)?;
    Some(u32::try_from(day).ok()? * 24 * 60 + daily_minute(time)?)
}

fn daily_minute(text: &str) -> Option<u32> {
    let (hour, minute) = text.split_once(':')?;
    let two_digits = |part: &str| (part.len() == 2).then(|| part.parse::<u32>().ok()).flatten();
    let (hour, minute) = (two_digits(hour)?, two_digits(minute)?);
    (hour < 24 && minute < 60).then_some(hour * 60 + minute)
}

/// Days that backups are kept: 0 to 35.
pub(crate) fn retention(days: i64) -> Result<u32, ApiError> {
    match u32::try_from(days) {
        Ok(days) if days <= 35 => Ok(days),
        _ => Err(ApiError::value("Snapshot retention limit must be between 0 and 35 days.")),
    }
}

/// Adds `new` to `tags`, as long as the whole keeps to the limits of AWS.
pub(crate) fn add_tags(tags: &Tags, new: &[(String, String)]) -> Result<Tags, ApiError> {
    let mut all = tags.clone();
    for (key, value) in new {
        tag(key, value)?;
        all.insert(key.clone(), value.clone());
    }
    if all.len() > 50 {
        return Err(ApiError::new("TagQuotaPerResourceExceeded", "A resource can have at most 50 tags."));
    }
    Ok(all)
}

fn tag(key: &str, value: &str) -> Result<(), ApiError> {
    if key.is_empty() || key.chars().count() > 128 {
        return Err(ApiError::value("A tag key must have 1 to 128 characters."));
    }
    if key.to_ascii_lowercase().starts_with("aws:") {
        return Err(ApiError::value("Tag keys that begin with aws: are reserved for AWS use."));
    }
    if value.chars().count() > 256 {
        return Err(ApiError::value(format!("The value of tag {key} must have at most 256 characters.")));
    }
    let allowed = |one: char| one.is_alphanumeric() || one.is_whitespace() || "_.:/=+-@".contains(one);
    if key.chars().chain(value.chars()).all(allowed) {
        return Ok(());
    }
    Err(ApiError::value(format!(
        "Tag {key} has characters other than letters, digits, white space and _ . : / = + - @"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_wrap_around_the_week_and_are_lower_cased() {
        assert_eq!(maintenance_window("Sat:23:30-Sun:00:30"), Ok("sat:23:30-sun:00:30".to_owned()));
        assert!(maintenance_window("sun:05:00-sun:05:59").is_err());
        assert!(maintenance_window("sunday").is_err());
        assert!(snapshot_window("23:30-00:30").is_ok());
        assert!(snapshot_window("03:00-03:30").is_err());
        assert!(snapshot_window("3:00-5:00").is_err());
    }

    #[test]
    fn ids_are_lower_cased_and_checked() {
        assert_eq!(replication_group_id("Day-19"), Ok("day-19".to_owned()));
        for bad in ["", "1a", "a--b", "a-", "a_b", &"a".repeat(41)] {
            assert!(replication_group_id(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn group_names_have_no_dots_so_that_none_looks_like_a_default_one() {
        assert_eq!(group_name("Name", "Day-19"), Ok("day-19".to_owned()));
        for bad in ["", "1a", "a--b", "a-", "a_b", "default.mine", &"a".repeat(256)] {
            assert!(group_name("Name", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn tags_keep_to_the_limits() {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert!(add_tags(&Tags::new(), &[pair("aws:x", "1")]).is_err());
        assert!(add_tags(&Tags::new(), &[pair("", "1")]).is_err());
        assert!(add_tags(&Tags::new(), &[pair("team", "größe 1")]).is_ok());
        let many: Vec<_> = (0..51).map(|number| pair(&format!("k{number}"), "")).collect();
        assert_eq!(add_tags(&Tags::new(), &many).unwrap_err().code, "TagQuotaPerResourceExceeded");
    }
}
