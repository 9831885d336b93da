//! Which engine versions the local cloud offers, and which parameter group family each belongs to.

use super::error::ApiError;
use crate::node::wanted::EngineKind;

/// One offered version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EngineVersion {
    pub engine: EngineKind,
    /// As callers write it, such as `7.1`.
    pub version: &'static str,
    /// As a running node says it, such as `7.1.0`.
    pub full: &'static str,
    pub family: &'static str,
}

const fn redis(version: &'static str, full: &'static str, family: &'static str) -> EngineVersion {
    EngineVersion { engine: EngineKind::Redis, version, full, family }
}

const fn valkey(version: &'static str, full: &'static str, family: &'static str) -> EngineVersion {
    EngineVersion { engine: EngineKind::Valkey, version, full, family }
}

/// All versions, each engine's in ascending order.
pub(crate) const ENGINE_VERSIONS: &[EngineVersion] = &[
    redis("4.0.10", "4.0.10", "redis4.0"),
    redis("5.0.0", "5.0.0", "redis5.0"),
    redis("5.0.3", "5.0.3", "redis5.0"),
    redis("5.0.4", "5.0.4", "redis5.0"),
    redis("5.0.5", "5.0.5", "redis5.0"),
    redis("5.0.6", "5.0.6", "redis5.0"),
    redis("6.0", "6.0.5", "redis6.x"),
    redis("6.2", "6.2.6", "redis6.x"),
    redis("7.0", "7.0.7", "redis7"),
    redis("7.1", "7.1.0", "redis7"),
    valkey("7.2", "7.2.6", "valkey7"),
    valkey("8.0", "8.0.1", "valkey8"),
    valkey("8.1", "8.1.0", "valkey8"),
    valkey("8.2", "8.2.0", "valkey8"),
    valkey("9.0", "9.0.0", "valkey9"),
    valkey("9.1", "9.1.0", "valkey9"),
];

/// Families that have parameters and no version any more.
const OLD_FAMILIES: &[&str] = &["redis2.6", "redis2.8", "redis3.2"];

impl EngineVersion {
    /// Numbers of the full version, for comparing.
    pub fn numbers(&self) -> Vec<u32> {
        numbers(self.full)
    }
}

/// Numbers of a version text; what is no number counts as 0.
pub(crate) fn numbers(version: &str) -> Vec<u32> {
    version.split('.').map(|part| part.parse().unwrap_or(0)).collect()
}

/// Name of an engine on the wire.
pub(crate) fn engine_name(engine: EngineKind) -> &'static str {
    match engine {
        EngineKind::Redis => "redis",
        EngineKind::Valkey => "valkey",
    }
}

/// Engine by its name on the wire.
pub(crate) fn engine_named(name: &str) -> Result<EngineKind, ApiError> {
    match name.to_ascii_lowercase().as_str() {
        "redis" => Ok(EngineKind::Redis),
        "valkey" => Ok(EngineKind::Valkey),
        "memcached" => Err(ApiError::value("Replication groups take the engines redis and valkey, not memcached.")),
        _ => Err(ApiError::value(format!("Unrecognized engine name: {name}"))),
    }
}

/// The newest version of an engine.
pub(crate) fn newest(engine: EngineKind) -> Result<EngineVersion, ApiError> {
    let newest = ENGINE_VERSIONS.iter().rfind(|row| row.engine == engine);
    newest.copied().ok_or_else(|| ApiError::value("Unrecognized engine name"))
}

/// The version that a caller means: a listed one, or `6.x` for the newest of a major version.
pub(crate) fn version_named(engine: EngineKind, version: &str) -> Result<EngineVersion, ApiError> {
    let of_engine = || ENGINE_VERSIONS.iter().rev().filter(|row| row.engine == engine);
    let major = version.strip_suffix(".x");
    let meant = |row: &&EngineVersion| match major {
        Some(major) => row.version.split('.').next() == Some(major),
        None => row.version == version,
    };
    let unknown = || ApiError::value(format!("Cannot find version {version} for {}", engine_name(engine)));
    of_engine().find(meant).copied().ok_or_else(unknown)
}

/// All parameter group families, each once.
pub(crate) fn families() -> impl Iterator<Item = &'static str> {
    let mut previous = "";
    let offered = ENGINE_VERSIONS.iter().map(|row| row.family).filter(move |family| {
        let first = *family != previous;
        previous = family;
        first
    });
    OLD_FAMILIES.iter().copied().chain(offered)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_major_version_means_its_newest() {
        assert_eq!(version_named(EngineKind::Redis, "6.x").unwrap().full, "6.2.6");
        assert_eq!(version_named(EngineKind::Redis, "7.1").unwrap().full, "7.1.0");
        let refusal = version_named(EngineKind::Redis, "7.9").unwrap_err();
        assert_eq!(refusal.message, "Cannot find version 7.9 for redis");
    }

    #[test]
    fn every_family_comes_once() {
        let all: Vec<_> = families().collect();
        assert_eq!(all.iter().filter(|family| **family == "redis6.x").count(), 1);
        assert_eq!(all.len(), 3 + 7);
    }
}
