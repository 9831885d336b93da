//! Engine versions and parameter group families: what follows from a version as it is written.
//!
//! Versions are compared at the precision that the user wrote, so that `6.x` and a live `6.2.6`, or `7.1` and
//! `7.1.0`, are never a difference.

use crate::spec::Engine;

/// The version of a new cluster whose plan file names none.
pub fn default_version(engine: Engine) -> &'static str {
    match engine {
        Engine::Redis => "7.1",
        Engine::Valkey => "8.0",
    }
}

/// The parameter group family of an engine version: `redis7`, `redis6.x`, `redis5.0`, `valkey8`.
pub fn family(engine: Engine, version: &str) -> String {
    let mut parts = version.split('.');
    let major = parts.next().unwrap_or_default();
    let minor = parts.next().unwrap_or_default();
    match (engine, major) {
        (Engine::Redis, "6") => "redis6.x".to_owned(),
        (Engine::Redis, "2" | "3" | "4" | "5") => format!("redis{major}.{minor}"),
        (Engine::Redis, _) => format!("redis{major}"),
        (Engine::Valkey, _) => format!("valkey{major}"),
    }
}

/// AWS's own parameter group of a family for clusters in cluster mode.
pub fn default_parameter_group(family: &str) -> String {
    format!("default.{family}.cluster.on")
}

/// Whether the live version is what was asked for, at the precision of `asked`: each part that `asked` gives must be
/// the same, and `x` stands for any.
pub fn satisfies(live: &str, asked: &str) -> bool {
    let mut live_parts = live.split('.');
    asked.split('.').all(|part| {
        let live_part = live_parts.next();
        part.eq_ignore_ascii_case("x") || live_part == Some(part)
    })
}

/// A full version in the form in which plan files have it: `7.1` for `7.1.0`; before Redis 6 all of it.
pub fn as_written(full: &str) -> String {
    let all: Vec<&str> = full.split('.').collect();
    let is_old = matches!(all.first(), Some(&("2" | "3" | "4" | "5")));
    all[..if is_old { all.len() } else { all.len().min(2) }].join(".")
}

/// Whether going from `live` to `asked` would be a downgrade, compared part by part as far as both go.
pub fn is_downgrade(live: &str, asked: &str) -> bool {
    let numbers = |version: &str| version.split('.').map_while(|part| part.parse::<u32>().ok()).collect::<Vec<_>>();
    for (asked, live) in numbers(asked).into_iter().zip(numbers(live)) {
        if asked != live {
            return asked < live;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_follow_aws() {
        let family_of = |engine, version| family(engine, version);
        assert_eq!(family_of(Engine::Redis, "7.1"), "redis7");
        assert_eq!(family_of(Engine::Redis, "6.2"), "redis6.x");
        assert_eq!(family_of(Engine::Redis, "6.x"), "redis6.x");
        assert_eq!(family_of(Engine::Redis, "5.0.6"), "redis5.0");
        assert_eq!(family_of(Engine::Redis, "4.0.10"), "redis4.0");
        assert_eq!(family_of(Engine::Valkey, "8.1"), "valkey8");
    }

    #[test]
    fn versions_compare_at_the_written_precision() {
        assert!(satisfies("7.1.0", "7.1"));
        assert!(satisfies("6.2.6", "6.x"));
        assert!(satisfies("6.2.6", "6"));
        assert!(!satisfies("6.2.6", "6.0"));
        assert!(!satisfies("7", "7.1"));
        assert!(!satisfies("7.10.0", "7.1"));
    }

    #[test]
    fn full_versions_are_written_short() {
        assert_eq!(as_written("7.1.0"), "7.1");
        assert_eq!(as_written("5.0.6"), "5.0.6");
        assert_eq!(as_written("8"), "8");
    }

    #[test]
    fn a_downgrade_is_told_from_an_upgrade() {
        assert!(is_downgrade("7.1.0", "7.0"));
        assert!(is_downgrade("7.1.0", "6.x"));
        assert!(!is_downgrade("7.1.0", "7.1"));
        assert!(!is_downgrade("6.2.6", "7.0"));
        assert!(!is_downgrade("6.2.6", "6.x"));
    }
}
