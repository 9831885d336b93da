//! What a cloud tells of a cluster, for people and for programs: in local time, with its zone.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use serde::Serialize;
use shardform::cloud::CloudEvent;

use super::{padded, printable};
use crate::terminal::Paint;

/// Columns of what an event is about; longer names push the rest.
const SOURCE: usize = 16;

/// An event for programs.
#[derive(Serialize)]
pub struct EventDocument<'a> {
    /// Local time with its offset (RFC 3339).
    at: String,
    at_ms: u64,
    source_type: &'a str,
    source: &'a str,
    message: &'a str,
}

impl<'a> EventDocument<'a> {
    /// In the time of this zone.
    pub fn new(event: &'a CloudEvent, zone: &TimeZone) -> Self {
        EventDocument {
            at: local(event.at_ms, zone).strftime("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string(),
            at_ms: event.at_ms,
            source_type: &event.source_type,
            source: &event.source,
            message: &event.message,
        }
    }
}

/// A moment, such as `2026-01-31 18:05:09 CET`.
pub fn moment(at_ms: u64, zone: &TimeZone) -> String {
    local(at_ms, zone).strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
}

fn local(at_ms: u64, zone: &TimeZone) -> Zoned {
    let at = i64::try_from(at_ms).ok().and_then(|at_ms| Timestamp::from_millisecond(at_ms).ok());
    at.unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(zone.clone())
}

/// A line for people.
pub fn line(event: &CloudEvent, zone: &TimeZone, paint: Paint) -> String {
    let at = paint.dim(&moment(event.at_ms, zone));
    let source = paint.bold(&padded(&printable(&event.source), SOURCE));
    format!("{at}  {source}  {}", printable(event.message.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_in_local_time_with_its_zone() {
        let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let event = CloudEvent {
            at_ms: 1_769_879_109_250,
            source_type: "cache-cluster".to_owned(),
            source: "day19-0001-001".to_owned(),
            message: "Recovering cache nodes 0001\u{1b}[2J\n".to_owned(),
        };
        let paint = Paint { color: false, width: 80 };
        let shown = r"2026-01-31 18:05:09 CET  day19-0001-001    Recovering cache nodes 0001\u{1b}[2J";
        assert_eq!(line(&event, &zone, paint), shown);
        let summer = CloudEvent { at_ms: 1_785_000_000_000, ..event.clone() };
        assert!(line(&summer, &zone, paint).starts_with("2026-07-25 19:20:00 CEST  "));
        assert_eq!(EventDocument::new(&event, &zone).at, "2026-01-31T18:05:09.250+01:00");
        assert_eq!(moment(u64::MAX, &TimeZone::UTC), "1970-01-01 00:00:00 UTC");
    }
}
