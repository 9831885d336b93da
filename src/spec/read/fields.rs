//! The names of all fields, a table for each section, and which of them was meant by a name that is none.
//!
//! Knows names alone. The reader refuses what is not in a table, and `templates` checks that all of it is explained.

/// One section's fields.
pub(crate) struct Table {
    /// What messages call the section.
    pub(crate) title: &'static str,
    /// Its path, empty for the plan file itself.
    pub(crate) path: &'static str,
    /// Its fields, in the order in which people read them.
    pub(crate) names: &'static [&'static str],
}

/// The plan file itself.
pub(crate) const ROOT: Table = Table {
    title: "the plan file",
    path: "",
    names: &["name", "region", "tags", "expires_in", "owner", "network", "client", "cluster"],
};

/// `network`
pub(crate) const NETWORK: Table = Table { title: "`network`", path: "network", names: &["vpc", "subnets"] };

/// `network.vpc` and `network.subnets` by tags.
pub(crate) const SELECTOR: Table = Table { title: "a selector", path: "network.vpc", names: &["tag"] };

/// `client`
pub(crate) const CLIENT: Table = Table {
    title: "`client`",
    path: "client",
    names: &["instance_type", "ami", "ssh_from", "key_pair", "redis_client", "subnet", "public_ip", "disk_gib"],
};

/// `client.key_pair`
pub(crate) const KEY_PAIR: Table = Table {
    title: "`key_pair`",
    path: "client.key_pair",
    names: &["generate", "private_key_file", "public_key_file", "name"],
};

/// `cluster`
pub(crate) const CLUSTER: Table = Table {
    title: "`cluster`",
    path: "cluster",
    names: &[
        "engine",
        "engine_version",
        "node_type",
        "shards",
        "replicas_per_shard",
        "multi_az",
        "port",
        "snapshot_retention_days",
        "snapshot_window",
        "maintenance_window",
        "description",
        "parameters",
        "parameter_group",
        "allow_from",
        "security_group_ids",
        "transit_encryption",
        "at_rest_encryption",
        "kms_key_id",
        "auth_token_env",
        "user_group_ids",
        "notification_topic_arn",
        "auto_minor_version_upgrade",
        "log_delivery",
        "data_tiering",
        "network_type",
        "ip_discovery",
        "node_groups",
        "restore_from",
        "snapshot_arns",
        "serverless_snapshot",
        "global_replication_group_id",
    ],
};

/// An item of `cluster.allow_from`.
pub(crate) const ALLOW_FROM: Table =
    Table { title: "an item of `allow_from`", path: "cluster.allow_from", names: &["group"] };

/// An item of `cluster.log_delivery`.
pub(crate) const LOG_DELIVERY: Table = Table {
    title: "an item of `log_delivery`",
    path: "cluster.log_delivery",
    names: &["log_type", "destination_type", "destination", "format"],
};

/// An item of `cluster.node_groups`.
pub(crate) const NODE_GROUP: Table = Table {
    title: "an item of `node_groups`",
    path: "cluster.node_groups",
    names: &["id", "slots", "primary_zone", "replica_zones", "replicas", "primary_outpost_arn", "replica_outpost_arns"],
};

/// All tables.
pub(crate) const TABLES: [&Table; 9] =
    [&ROOT, &NETWORK, &SELECTOR, &CLIENT, &KEY_PAIR, &CLUSTER, &ALLOW_FROM, &LOG_DELIVERY, &NODE_GROUP];

/// What AWS and other tools call some fields.
const SYNONYMS: [(&str, &str); 19] = [
    ("auth_token", "auth_token_env"),
    ("availability_zone", "primary_zone"),
    ("backup_retention", "snapshot_retention_days"),
    ("cache_node_type", "node_type"),
    ("image_id", "ami"),
    ("instance_class", "node_type"),
    ("key_name", "key_pair"),
    ("num_node_groups", "shards"),
    ("preferred_maintenance_window", "maintenance_window"),
    ("replicas_per_node_group", "replicas_per_shard"),
    ("replication_group_description", "description"),
    ("security_groups", "security_group_ids"),
    ("snapshot_name", "restore_from"),
    ("snapshot_retention_limit", "snapshot_retention_days"),
    ("subnet_ids", "subnets"),
    ("tls", "transit_encryption"),
    ("transit_encryption_enabled", "transit_encryption"),
    ("version", "engine_version"),
    ("vpc_id", "vpc"),
];

/// The field of `table` that `name` most likely means.
pub(super) fn nearest(name: &str, table: &Table) -> Option<&'static str> {
    let written = snake(name);
    let synonym = SYNONYMS.iter().find(|(synonym, field)| *synonym == written && table.names.contains(field));
    if let Some((_, field)) = synonym {
        return Some(field);
    }
    nearest_of(&written, table.names)
}

/// The word that `text` is at most a few slips away from, or the only one that it begins.
pub(super) fn nearest_of<'a>(text: &str, words: &[&'a str]) -> Option<&'a str> {
    let written = snake(text);
    let slips = (written.chars().count() / 3).max(1);
    let near = words
        .iter()
        .map(|word| (strsim::osa_distance(&written, &snake(word)), *word))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| *distance <= slips);
    if let Some((_, word)) = near {
        return Some(word);
    }
    let mut begun =
        words.iter().filter(|word| written.len() >= 3 && (word.starts_with(&written) || written.starts_with(**word)));
    match (begun.next(), begun.next()) {
        (Some(only), None) => Some(only),
        _ => None,
    }
}

/// What to say about a name that is no field of `table`.
pub(super) fn suggestion(name: &str, nearest: Option<&str>, table: &Table) -> String {
    let allowed = super::decode::quoted(table.names, ", ");
    let elsewhere = TABLES.iter().find(|other| {
        let section = matches!(other.path, "" | "network" | "client" | "cluster");
        section && other.path != table.path && other.names.contains(&name)
    });
    match (nearest, elsewhere) {
        (_, Some(other)) if other.path.is_empty() => format!("`{name}` belongs at the top of the plan file"),
        (_, Some(other)) => format!("`{name}` belongs in {}", other.title),
        (Some(nearest), None) if table.names.len() > 10 || table.names.len() == 1 => {
            format!("did you mean `{nearest}`?")
        }
        (Some(nearest), None) => format!("did you mean `{nearest}`? Allowed: {allowed}"),
        (None, None) => format!("allowed: {allowed}"),
    }
}

/// `replicasPerShard` and `Replicas-Per-Shard` are `replicas_per_shard`.
fn snake(name: &str) -> String {
    let mut out = String::new();
    let mut after_small = false;
    for c in name.chars() {
        if c.is_uppercase() && after_small {
            out.push('_');
        }
        after_small = c.is_lowercase();
        match c {
            '-' | ' ' => out.push('_'),
            _ => out.extend(c.to_lowercase()),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_that_was_meant_is_found() {
        for (name, want) in [
            ("shard", Some("shards")),
            ("replicasPerShard", Some("replicas_per_shard")),
            ("replicas", Some("replicas_per_shard")),
            ("multi-az", Some("multi_az")),
            ("transit_encyption", Some("transit_encryption")),
            ("tls", Some("transit_encryption")),
            ("NumNodeGroups", Some("shards")),
            ("snapshot_retention", Some("snapshot_retention_days")),
            ("colour", None),
            ("x", None),
        ] {
            assert_eq!(nearest(name, &CLUSTER), want, "{name}");
        }
    }

    #[test]
    fn a_field_of_another_section_is_sent_home() {
        assert_eq!(suggestion("shards", None, &ROOT), "`shards` belongs in `cluster`");
        assert_eq!(suggestion("region", None, &CLUSTER), "`region` belongs at the top of the plan file");
    }
}
