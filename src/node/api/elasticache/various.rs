//! Tags, events and engine versions on the wire.

use super::super::Call;
use super::super::query::tags;
use super::{page, write_tags};
use crate::node::control::engine_versions::{ENGINE_VERSIONS, EngineVersion, engine_name};
use crate::node::control::error::ApiError;
use crate::node::control::events::{DescribeEvents, Event};
use crate::node::control::time::{iso8601, parse_iso8601};
use crate::node::wanted::EngineKind;

pub(super) fn list_tags(call: &mut Call<'_>) -> Result<(), ApiError> {
    let tags = call.region.cache_tags(call.parameters.required("ResourceName")?)?;
    write_tags(&mut call.xml, &tags);
    Ok(())
}

pub(super) fn add_tags(call: &mut Call<'_>) -> Result<(), ApiError> {
    let arn = call.parameters.required("ResourceName")?;
    let all = call.region.add_cache_tags(arn, &tags(&call.parameters.list("Tags")))?;
    write_tags(&mut call.xml, &all);
    Ok(())
}

pub(super) fn remove_tags(call: &mut Call<'_>) -> Result<(), ApiError> {
    let arn = call.parameters.required("ResourceName")?;
    let left = call.region.remove_cache_tags(arn, &call.parameters.strings("TagKeys"))?;
    write_tags(&mut call.xml, &left);
    Ok(())
}

pub(super) fn describe_events(call: &mut Call<'_>) -> Result<(), ApiError> {
    let parameters = call.parameters;
    let duration = parameters.integer("Duration")?.map(u64::try_from).transpose();
    let input = DescribeEvents {
        source_type: parameters.string("SourceType"),
        source_id: parameters.string("SourceIdentifier"),
        start_ms: parameters.text("StartTime").map(parse_iso8601).transpose()?,
        end_ms: parameters.text("EndTime").map(parse_iso8601).transpose()?,
        duration_min: duration.map_err(|_| ApiError::value("Duration must not be negative."))?,
    };
    let events = call.region.describe_events(call.context.now_ms, &input)?;
    // Events have no ids: their time, and their place among those of the same time.
    let mut numbered: Vec<(String, Event)> = Vec::with_capacity(events.len());
    let mut place = 0;
    let mut last_ms = None;
    for event in events {
        place = if last_ms == Some(event.date_ms) { place + 1 } else { 0 };
        last_ms = Some(event.date_ms);
        numbered.push((format!("{:016}-{place:06}", event.date_ms), event.clone()));
    }
    let events = numbered;
    let shown = page(call, &events, |(id, _)| id.clone())?;
    call.xml.list("Events", "Event", shown, |xml, (_, event)| {
        xml.leaf("SourceIdentifier", &event.source_id);
        xml.leaf("SourceType", event.source.as_str());
        xml.leaf("Message", &event.message);
        xml.leaf("Date", iso8601(event.date_ms));
    });
    Ok(())
}

pub(super) fn describe_engine_versions(call: &mut Call<'_>) -> Result<(), ApiError> {
    let parameters = call.parameters;
    let (engine, version) = (parameters.text("Engine"), parameters.text("EngineVersion"));
    let family = parameters.text("CacheParameterGroupFamily");
    let only_default = parameters.boolean("DefaultOnly")?.unwrap_or(false);
    let asked = |row: &&EngineVersion| {
        engine.is_none_or(|engine| engine.eq_ignore_ascii_case(engine_name(row.engine)))
            && version.is_none_or(|version| version == row.version || version == row.full)
            && family.is_none_or(|family| family == row.family)
    };
    let mut rows: Vec<EngineVersion> = ENGINE_VERSIONS.iter().filter(asked).copied().collect();
    if only_default {
        // The newest of what was asked for, for each engine.
        let newest = |engine: EngineKind| rows.iter().rev().find(|row| row.engine == engine).copied();
        rows = [EngineKind::Redis, EngineKind::Valkey].into_iter().filter_map(newest).collect();
    }
    let shown = page(call, &rows, |row| format!("{}-{}", engine_name(row.engine), row.full))?;
    call.xml.list("CacheEngineVersions", "CacheEngineVersion", shown, |xml, row| {
        let engine = engine_name(row.engine);
        xml.leaf("Engine", engine);
        xml.leaf("EngineVersion", row.version);
        xml.leaf("CacheParameterGroupFamily", row.family);
        xml.leaf("CacheEngineDescription", if row.engine == EngineKind::Redis { "Redis" } else { "Valkey" });
        xml.leaf("CacheEngineVersionDescription", format!("{engine} version {}", row.full));
    });
    Ok(())
}
