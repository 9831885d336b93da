//! Parameter group values to engine settings.
//!
//! Pure. Knows which names belong to ElastiCache alone, which the fleet keeps for itself, and which are written in
//! another way in the engine; must not know which the engine at hand has: the engine is asked by setting them.

use std::collections::BTreeMap;

/// Names that only ElastiCache has; the engine would refuse them.
const ELASTICACHE_ONLY: [&str; 10] = [
    "reserved-memory",
    "reserved-memory-percent",
    "close-on-slave-write",
    "close-on-replica-write",
    "cluster-enabled",
    "min-slaves-max-lag-write",
    "list-max-ziplist-entries",
    "list-max-ziplist-value",
    "rename-commands",
    "slave-allow-chaining",
];

/// Names that decide where a node is and what it keeps, which the fleet alone decides.
const FLEET_ONLY: [&str; 22] = [
    "port",
    "bind",
    "dir",
    "dbfilename",
    "save",
    "appendonly",
    "appendfsync",
    "protected-mode",
    "daemonize",
    "pidfile",
    "logfile",
    "requirepass",
    "masterauth",
    "cluster-port",
    "cluster-config-file",
    "cluster-node-timeout",
    "cluster-announce-ip",
    "cluster-migration-barrier",
    "cluster-allow-replica-migration",
    "replica-announce-ip",
    "databases",
    "tls-port",
];

/// The settings to make in each node, by name, in the engine's own words.
pub fn settings(parameters: &BTreeMap<String, String>) -> Vec<(String, String)> {
    let mut settings: Vec<(String, String)> = Vec::new();
    let plain = |name: &str| {
        let reserved = ELASTICACHE_ONLY.contains(&name) || FLEET_ONLY.contains(&name);
        !reserved && !name.starts_with(BUFFER_LIMIT)
    };
    for (name, value) in parameters.iter().filter(|(name, _)| plain(name)) {
        settings.push((name.clone(), value.clone()));
    }
    settings.extend(buffer_limits(parameters));
    settings
}

/// Values by setting, in the order in which they are to be set, and with those that the engine had itself for what is
/// not asked for any more.
pub fn with_own_values(settings: &[(String, String)], own: &BTreeMap<String, String>) -> BTreeMap<String, Vec<String>> {
    let own_values = own.iter().map(|(name, value)| (name.clone(), vec![value.clone()]));
    let mut values: BTreeMap<String, Vec<String>> = own_values.collect();
    for (name, value) in settings {
        let values = values.entry(name.clone()).or_default();
        // The one that is set a part at a time.
        if name != ENGINE_BUFFER_LIMIT {
            values.clear();
        }
        values.push(value.clone());
    }
    values
}

const ENGINE_BUFFER_LIMIT: &str = "client-output-buffer-limit";
const BUFFER_LIMIT: &str = "client-output-buffer-limit-";

/// ElastiCache splits the engine's one directive into one a class of clients and a limit.
fn buffer_limits(parameters: &BTreeMap<String, String>) -> Vec<(String, String)> {
    let mut limits = Vec::new();
    for (class, engine_class) in [("normal", "normal"), ("slave", "slave"), ("replica", "slave"), ("pubsub", "pubsub")]
    {
        let limit = |kind: &str| parameters.get(&format!("{BUFFER_LIMIT}{class}-{kind}"));
        let (hard, soft, seconds) = (limit("hard-limit"), limit("soft-limit"), limit("soft-seconds"));
        if let (Some(hard), Some(soft), Some(seconds)) = (hard, soft, seconds) {
            let value = format!("{engine_class} {hard} {soft} {seconds}");
            limits.push((ENGINE_BUFFER_LIMIT.to_owned(), value));
        }
    }
    limits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(parameters: &[(&str, &str)]) -> Vec<(String, String)> {
        settings(&parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn engine_directives_pass() {
        let made = made(&[("maxmemory-policy", "volatile-lru"), ("timeout", "0")]);
        assert_eq!(made[0], ("maxmemory-policy".to_owned(), "volatile-lru".to_owned()));
        assert_eq!(made.len(), 2);
    }

    #[test]
    fn what_only_elasticache_has_and_what_the_fleet_decides_is_left_out() {
        let names = ["reserved-memory-percent", "close-on-replica-write", "cluster-enabled", "port", "appendonly"];
        assert!(made(&names.map(|name| (name, "1"))).is_empty());
    }

    #[test]
    fn the_three_limits_of_a_class_become_one_directive() {
        let made = made(&[
            ("client-output-buffer-limit-pubsub-hard-limit", "33554432"),
            ("client-output-buffer-limit-pubsub-soft-limit", "8388608"),
            ("client-output-buffer-limit-pubsub-soft-seconds", "60"),
            ("client-output-buffer-limit-normal-hard-limit", "0"),
        ]);
        assert_eq!(made, [("client-output-buffer-limit".to_owned(), "pubsub 33554432 8388608 60".to_owned())]);
    }

    #[test]
    fn what_is_not_asked_for_any_more_is_as_the_engine_had_it() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let own = BTreeMap::from([pair("timeout", "0"), pair("hz", "10"), pair(ENGINE_BUFFER_LIMIT, "normal 0 0 0")]);
        let values = with_own_values(&[pair("timeout", "5"), pair(ENGINE_BUFFER_LIMIT, "pubsub 1 1 1")], &own);
        assert_eq!(values["timeout"], ["5"]);
        assert_eq!(values["hz"], ["10"]);
        assert_eq!(values[ENGINE_BUFFER_LIMIT], ["normal 0 0 0", "pubsub 1 1 1"]);
    }
}
