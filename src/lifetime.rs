//! How long a stack is meant to live and whose it is: the forms in which the plan file, a tag and a name say it.
//!
//! Pure: the clock is an argument. Knows forms alone; who decides what a stack gets is `desired`, and who judges what
//! has expired is `stacks`. Imports nothing of ours.

use std::fmt;

use jiff::Timestamp;

/// The shortest life that a stack can be given, in seconds: less than a cluster takes to be made.
pub const SHORTEST_S: u64 = 600;
/// The longest, in seconds: 366 days.
pub const LONGEST_S: u64 = 366 * DAY_S;
/// Most characters of an owner's name.
pub const LONGEST_OWNER: usize = 64;

const DAY_S: u64 = 24 * 3600;
/// What a subnet group's name says before the expiry, and before the owner.
const UNTIL: &str = "-until-";
const BY: &str = "-by-";

/// How long a stack lives from when it is made or renewed, in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Length {
    seconds: u64,
}

impl Length {
    /// Reads a number with `s`, `m`, `h` or `d`, such as `2h`; [`SHORTEST_S`] to [`LONGEST_S`]. `None`: it isn't one.
    pub fn parse(text: &str) -> Option<Self> {
        let seconds = seconds(text)?;
        (SHORTEST_S..=LONGEST_S).contains(&seconds).then_some(Length { seconds })
    }

    /// Its seconds.
    pub fn seconds(self) -> u64 {
        self.seconds
    }
}

/// The seconds of a time such as `90s`, `20m`, `2h` or `7d`. `None`: it isn't one, or is too long to be counted.
pub fn seconds(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let unit_s = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => DAY_S,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit_s)
}

/// In the largest unit that leaves no rest, so that the same length always reads the same. Not beyond hours up to two
/// days, as people count.
impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&in_units(self.seconds))
    }
}

/// A time as [`seconds`] reads it, in the largest unit that leaves no rest.
pub fn in_units(seconds: u64) -> String {
    match seconds {
        _ if seconds.is_multiple_of(DAY_S) && seconds > 2 * DAY_S => format!("{}d", seconds / DAY_S),
        _ if seconds.is_multiple_of(3600) => format!("{}h", seconds / 3600),
        _ if seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
        _ => format!("{seconds}s"),
    }
}

/// When a stack expires, and the length that it was given: together, so that a change of the length is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expiry {
    /// Seconds since 1970 (UTC).
    pub at_s: u64,
    /// The length from which the moment came.
    pub length: Length,
}

impl Expiry {
    /// The expiry of what is made or renewed at this moment.
    pub fn from_now(length: Length, now_s: u64) -> Self {
        Expiry { at_s: now_s.saturating_add(length.seconds), length }
    }

    /// Reads a tag's value. `None`: nobody of ours has written it.
    pub fn parse(tag: &str) -> Option<Self> {
        let (at, length) = tag.split_once('/')?;
        let at: Timestamp = at.parse().ok()?;
        Some(Expiry { at_s: u64::try_from(at.as_second()).ok()?, length: Length::parse(length)? })
    }
}

/// As the tag has it: `2026-11-22T23:00:00Z/2h`.
impl fmt::Display for Expiry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", instant(self.at_s), self.length)
    }
}

/// A moment (seconds since 1970) as RFC 3339 has it, in UTC.
pub fn instant(at_s: u64) -> String {
    timestamp(at_s).to_string()
}

fn timestamp(at_s: u64) -> Timestamp {
    i64::try_from(at_s).ok().and_then(|at_s| Timestamp::from_second(at_s).ok()).unwrap_or(Timestamp::MAX)
}

/// What a subnet group's name says beside the stack's. Names can be read in states in which tags can't.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// When the stack expires, in seconds since 1970 (UTC).
    pub expires_s: Option<u64>,
    /// Its owner, as far as a name's characters can say it.
    pub owner: Option<String>,
}

/// The end of a name that says expiry and owner: `-until-20261122t230000z-by-ann`, each part only where it is known.
pub fn suffix(expires_s: Option<u64>, owner: Option<&str>) -> String {
    let until = expires_s.map(|at_s| format!("{UNTIL}{}", timestamp(at_s).strftime("%Y%m%dt%H%M%Sz")));
    let by = owner.map(in_a_name).filter(|owner| !owner.is_empty()).map(|owner| format!("{BY}{owner}"));
    until.into_iter().chain(by).collect()
}

/// Reads the end of a name; an empty one says nothing. `None`: [`suffix`] hasn't written it.
pub fn read_suffix(suffix: &str) -> Option<Said> {
    let (expires_s, rest) = match suffix.strip_prefix(UNTIL) {
        Some(rest) => {
            let (at, rest) = rest.split_at_checked("20261122t230000z".len())?;
            (Some(compact(at)?), rest)
        }
        None => (None, suffix),
    };
    let owner = match rest {
        "" => None,
        _ => Some(rest.strip_prefix(BY).filter(|owner| in_a_name(owner) == **owner && !owner.is_empty())?.to_owned()),
    };
    Some(Said { expires_s, owner })
}

/// Reads `20261122t230000z`.
fn compact(text: &str) -> Option<u64> {
    let time = jiff::civil::DateTime::strptime("%Y%m%dt%H%M%Sz", text).ok()?;
    let at = time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
    u64::try_from(at.as_second()).ok().filter(|at_s| suffix(Some(*at_s), None).strip_prefix(UNTIL) == Some(text))
}

/// A text in the letters, digits and single hyphens that names of ElastiCache have.
fn in_a_name(text: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let words = lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-")
}

/// The name of whoever signs, from an ARN of STS: the last part of a user's, the session's of an assumed role. `None`
/// for the account itself (`root`), which is nobody's name.
pub fn caller_name(arn: &str) -> Option<String> {
    let (_, path) = arn.splitn(6, ':').last()?.split_once('/')?;
    let name: String = path.rsplit('/').next()?.chars().filter(|c| is_of_a_tag(*c)).take(LONGEST_OWNER).collect();
    let name = name.trim().to_owned();
    (!name.is_empty()).then_some(name)
}

/// Whether a tag's value may have this character.
fn is_of_a_tag(c: char) -> bool {
    c.is_alphanumeric() || " _.:/=+-@".contains(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-22T23:00:00Z
    const AT_S: u64 = 1_795_388_400;

    fn length(text: &str) -> Length {
        Length::parse(text).unwrap()
    }

    #[test]
    fn lengths_have_bounds_and_one_form() {
        for (text, form) in
            [("2h", "2h"), ("120m", "2h"), ("600s", "10m"), ("24h", "24h"), ("7d", "7d"), ("90m", "90m")]
        {
            assert_eq!(length(text).to_string(), form, "{text}");
        }
        assert_eq!(length("61m").to_string(), "61m");
        for wrong in ["", "2", "h", "9m", "599s", "367d", "2w", "1.5h", "-2h", "2 h", "99999999999999999999d"] {
            assert_eq!(Length::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_tag_says_the_moment_and_the_length() {
        let expiry = Expiry::from_now(length("2h"), AT_S - 7200);
        assert_eq!(expiry.to_string(), "2026-11-22T23:00:00Z/2h");
        assert_eq!(Expiry::parse("2026-11-22T23:00:00Z/2h"), Some(expiry));
        for wrong in ["", "2026-11-22T23:00:00Z", "tomorrow/2h", "2026-11-22T23:00:00Z/soon", "1960-01-01T00:00:00Z/2h"]
        {
            assert_eq!(Expiry::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_name_says_what_is_known() {
        for (expires_s, owner, form) in [
            (Some(AT_S), Some("ann"), "-until-20261122t230000z-by-ann"),
            (Some(AT_S), None, "-until-20261122t230000z"),
            (None, Some("ann"), "-by-ann"),
            (None, None, ""),
        ] {
            assert_eq!(suffix(expires_s, owner), form);
            let owner = owner.map(str::to_owned);
            assert_eq!(read_suffix(form), Some(Said { expires_s, owner }), "{form}");
        }
        assert_eq!(suffix(None, Some("Ann.Lee+x@example.com")), "-by-ann-lee-x-example-com");
        assert_eq!(suffix(None, Some("---")), "");
        for wrong in [
            "-cluster",
            "-until-",
            "-until-20261322t230000z",
            "-until-20261122t230000z-cluster",
            "-until-20261122T230000Z",
            "-by-",
            "-by-Ann",
            "-byann",
            "x",
            "-until-äääääääää",
        ] {
            assert_eq!(read_suffix(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_caller_is_a_user_or_a_session_and_not_the_account() {
        for (arn, name) in [
            ("arn:aws:iam::123456789012:user/ann", Some("ann")),
            ("arn:aws:iam::123456789012:user/division/team/ann", Some("ann")),
            ("arn:aws:sts::123456789012:assumed-role/Deploy/ann@example.com", Some("ann@example.com")),
            ("arn:aws:sts::123456789012:assumed-role/ci/GitHub:Actions", Some("GitHub:Actions")),
            ("arn:aws-cn:sts::123456789012:federated-user/bob", Some("bob")),
            ("arn:aws:iam::123456789012:root", None),
            ("arn:aws:iam::123456789012:user/", None),
            ("", None),
        ] {
            assert_eq!(caller_name(arn).as_deref(), name, "{arn}");
        }
    }
}
