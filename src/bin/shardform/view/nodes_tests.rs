//! Nodes as people see them.
