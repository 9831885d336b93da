//! `shardform-node`: the self-hostable local cloud.

fn main() {}
