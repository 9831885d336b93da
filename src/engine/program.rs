//! The command line of `shardform-node engine`.
