//! `# Replication` of INFO: who follows whom, and how far.

use crate::engine::state::Engine;

impl Engine {
    /// The section's lines.
    pub fn replication_info(&mut self) -> String {
        self.replication_lines().into_iter().map(|(name, value)| format!("{name}:{value}\r\n")).collect()
    }
}
