//! What ElastiCache tells about its resources afterwards: events, kept for two weeks, read with filters.

use serde::{Deserialize, Serialize};

use super::Region;
use super::error::ApiError;

const KEPT_MS: u64 = 14 * 24 * 3_600_000;
const KEPT_COUNT: usize = 4000;
const DEFAULT_DURATION_MIN: u64 = 60;

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Event {
    pub source: SourceType,
    pub source_id: String,
    pub message: String,
    /// Milliseconds since 1970.
    pub date_ms: u64,
}

/// What kind of resource an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SourceType {
    CacheCluster,
    CacheParameterGroup,
    CacheSubnetGroup,
    ReplicationGroup,
}

const SOURCE_TYPES: &[(&str, Option<SourceType>)] = &[
    ("cache-cluster", Some(SourceType::CacheCluster)),
    ("cache-parameter-group", Some(SourceType::CacheParameterGroup)),
    ("cache-subnet-group", Some(SourceType::CacheSubnetGroup)),
    ("replication-group", Some(SourceType::ReplicationGroup)),
    // The rest is part of the API, but nothing here makes such events.
    ("cache-security-group", None),
    ("serverless-cache", None),
    ("serverless-cache-snapshot", None),
    ("user", None),
    ("user-group", None),
];

impl SourceType {
    /// Name on the wire.
    pub fn as_str(self) -> &'static str {
        SOURCE_TYPES.iter().find(|(_, kind)| *kind == Some(self)).map_or("", |(name, _)| name)
    }
}

/// Which events are asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct DescribeEvents {
    pub source_type: Option<String>,
    pub source_id: Option<String>,
    /// Milliseconds since 1970.
    pub start_ms: Option<u64>,
    /// Milliseconds since 1970.
    pub end_ms: Option<u64>,
    /// Minutes back from now.
    pub duration_min: Option<u64>,
}

impl Region {
    /// Records an event, and forgets those that are too old or too many.
    pub fn record(&mut self, now_ms: u64, source: SourceType, source_id: &str, message: impl Into<String>) {
        self.events.retain(|event| event.date_ms + KEPT_MS > now_ms);
        if self.events.len() >= KEPT_COUNT {
            self.events.drain(..self.events.len() + 1 - KEPT_COUNT);
        }
        let (source_id, message) = (source_id.to_owned(), message.into());
        self.events.push(Event { source, source_id, message, date_ms: now_ms });
    }

    /// Events in the order of their time; the last hour when no time is given.
    pub fn describe_events(&self, now_ms: u64, input: &DescribeEvents) -> Result<Vec<&Event>, ApiError> {
        let kind = match input.source_type.as_deref() {
            None => None,
            Some(name) => Some(source_type(name)?),
        };
        if input.source_id.is_some() && kind.is_none() {
            return Err(ApiError::combination("SourceType must be provided when SourceIdentifier is given."));
        }
        let (start_ms, end_ms) = span(now_ms, input)?;
        let id = input.source_id.as_deref().map(str::to_ascii_lowercase);
        let asked = |event: &&Event| {
            (start_ms..=end_ms).contains(&event.date_ms)
                && kind.is_none_or(|kind| kind == Some(event.source))
                && id.as_deref().is_none_or(|id| id == event.source_id)
        };
        Ok(self.events.iter().filter(asked).collect())
    }
}

fn source_type(name: &str) -> Result<Option<SourceType>, ApiError> {
    let row = SOURCE_TYPES.iter().find(|(known, _)| *known == name);
    row.map(|(_, kind)| *kind).ok_or_else(|| ApiError::value(format!("Invalid source type: {name}")))
}

fn span(now_ms: u64, input: &DescribeEvents) -> Result<(u64, u64), ApiError> {
    if input.duration_min.is_some() && (input.start_ms.is_some() || input.end_ms.is_some()) {
        return Err(ApiError::combination("Duration can't be combined with StartTime or EndTime."));
    }
    let end_ms = input.end_ms.unwrap_or(now_ms);
    let duration_ms = input.duration_min.unwrap_or(DEFAULT_DURATION_MIN).saturating_mul(60_000);
    let start_ms = input.start_ms.unwrap_or_else(|| end_ms.saturating_sub(duration_ms));
    if start_ms > end_ms {
        return Err(ApiError::combination("StartTime must be before EndTime."));
    }
    Ok((start_ms, end_ms))
}
