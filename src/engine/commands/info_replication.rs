//! `# Replication` of INFO: who follows whom, and how far.

use std::fmt::Write as _;

use crate::engine::cluster::PrimaryLink;
use crate::engine::state::Engine;
use crate::engine::state::client::{Client, Role};

impl Engine {
    /// The section's lines.
    pub fn replication_info(&mut self) -> String {
        let mut text = String::new();
        let offset = self.replication_offset();
        // Writing to a string never fails.
        let mut add = |name: &str, value: &dyn std::fmt::Display| _ = write!(text, "{name}:{value}\r\n");
        let set = &self.config.replication;
        add("role", if set.primary.is_some() { &"slave" } else { &"master" });
        if let Some((host, port)) = &set.primary {
            let link = self.link_to_primary();
            add("master_host", host);
            add("master_port", port);
            add("master_link_status", if matches!(link, PrimaryLink::Up { .. }) { &"up" } else { &"down" });
            add("slave_read_repl_offset", &offset);
            add("slave_repl_offset", &offset);
            add("slave_priority", &set.priority);
            add("slave_read_only", &u8::from(set.read_only));
            add("replica_announced", &u8::from(set.announced));
        }
        let mut replicas = 0;
        self.each_client(|client: &Client| replicas += usize::from(client.role == Role::Replica && !client.killed));
        add("connected_slaves", &replicas);
        if set.min_replicas_to_write > 0 && set.min_replicas_max_lag_seconds > 0 {
            add("min_slaves_good_slaves", &self.good_replicas());
        }
        add("master_failover_state", &"no-failover");
        add("master_replid", &self.observed.run_id);
        add("master_replid2", &"0".repeat(40));
        add("master_repl_offset", &offset);
        add("second_repl_offset", &-1);
        add("repl_backlog_active", &0);
        add("repl_backlog_size", &set.backlog_size);
        add("repl_backlog_first_byte_offset", &0);
        add("repl_backlog_histlen", &0);
        text
    }
}
