//! `shardform`: a Redis or Valkey cluster on AWS ElastiCache from one plan file.

fn main() {}
