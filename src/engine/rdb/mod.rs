//! Reads and writes snapshots in the RDB format.
