//! Which node types there are and how large each is: decides what a group may be scaled to.

use super::error::ApiError;

/// Node types with their memory in MiB, ascending inside a family.
const NODE_TYPES: &[(&str, u32)] = &[
    ("cache.t2.micro", 555),
    ("cache.t2.small", 1587),
    ("cache.t2.medium", 3297),
    ("cache.t3.micro", 512),
    ("cache.t3.small", 1403),
    ("cache.t3.medium", 3164),
    ("cache.t4g.micro", 512),
    ("cache.t4g.small", 1403),
    ("cache.t4g.medium", 3164),
    ("cache.m4.large", 6574),
    ("cache.m4.xlarge", 14618),
    ("cache.m5.large", 6543),
    ("cache.m5.xlarge", 13260),
    ("cache.m5.2xlarge", 26665),
    ("cache.m5.4xlarge", 53391),
    ("cache.m5.12xlarge", 160_901),
    ("cache.m5.24xlarge", 321_860),
    ("cache.m6g.large", 6533),
    ("cache.m6g.xlarge", 13251),
    ("cache.m6g.2xlarge", 26665),
    ("cache.m6g.4xlarge", 53391),
    ("cache.m6g.8xlarge", 106_987),
    ("cache.m6g.12xlarge", 160_594),
    ("cache.m6g.16xlarge", 214_159),
    ("cache.m7g.large", 6533),
    ("cache.m7g.xlarge", 13251),
    ("cache.m7g.2xlarge", 26665),
    ("cache.m7g.4xlarge", 53391),
    ("cache.m7g.8xlarge", 106_987),
    ("cache.m7g.12xlarge", 160_594),
    ("cache.m7g.16xlarge", 214_159),
    ("cache.r4.large", 12595),
    ("cache.r4.xlarge", 25651),
    ("cache.r5.large", 13394),
    ("cache.r5.xlarge", 26962),
    ("cache.r5.2xlarge", 54121),
    ("cache.r5.4xlarge", 108_380),
    ("cache.r5.12xlarge", 325_857),
    ("cache.r5.24xlarge", 651_744),
    ("cache.r6g.large", 13384),
    ("cache.r6g.xlarge", 26952),
    ("cache.r6g.2xlarge", 54067),
    ("cache.r6g.4xlarge", 108_349),
    ("cache.r6g.8xlarge", 214_784),
    ("cache.r6g.12xlarge", 325_785),
    ("cache.r6g.16xlarge", 429_660),
    ("cache.r7g.large", 13384),
    ("cache.r7g.xlarge", 26952),
    ("cache.r7g.2xlarge", 54067),
    ("cache.r7g.4xlarge", 108_349),
    ("cache.r7g.8xlarge", 214_784),
    ("cache.r7g.12xlarge", 325_785),
    ("cache.r7g.16xlarge", 429_660),
    ("cache.c7gn.large", 3216),
    ("cache.c7gn.xlarge", 6533),
    ("cache.c7gn.2xlarge", 13251),
    ("cache.r6gd.xlarge", 26952),
    ("cache.r6gd.2xlarge", 54067),
    ("cache.r6gd.4xlarge", 108_349),
    ("cache.r6gd.8xlarge", 214_784),
    ("cache.r6gd.12xlarge", 325_785),
    ("cache.r6gd.16xlarge", 429_660),
];

/// Whether the node type keeps part of its data on disk.
pub(crate) fn has_data_tiering(node_type: &str) -> bool {
    node_type.starts_with("cache.r6gd.")
}

/// Refuses a node type that is not offered.
pub(crate) fn check(node_type: &str) -> Result<(), ApiError> {
    match memory_mib(node_type) {
        Some(_) => Ok(()),
        None => Err(ApiError::value(format!("The specified cache node type is not valid: {node_type}"))),
    }
}

fn memory_mib(node_type: &str) -> Option<u32> {
    NODE_TYPES.iter().find(|(name, _)| *name == node_type).map(|(_, memory)| *memory)
}

/// Node types that a group may be scaled up to and down to, in the order of their names.
pub(crate) fn allowed_modifications(node_type: &str) -> (Vec<&'static str>, Vec<&'static str>) {
    let own = memory_mib(node_type).unwrap_or(0);
    let fits = |name: &str| name != node_type && has_data_tiering(name) == has_data_tiering(node_type);
    let mut rows: Vec<_> = NODE_TYPES.iter().filter(|(name, _)| fits(name)).collect();
    rows.sort_unstable();
    let (up, down): (Vec<_>, Vec<_>) = rows.into_iter().partition(|(_, memory)| *memory >= own);
    let names = |rows: Vec<&(&'static str, u32)>| rows.into_iter().map(|(name, _)| *name).collect();
    (names(up), names(down))
}
