//! What INFO and ROLE tell of replication, as data.

use super::link::{Link, State};
use super::replicas::{Replica, Stage};
use super::{Replication, SECOND};
use crate::engine::keyspace::watch::ClientId;

/// What ROLE answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Role {
    /// A primary.
    Primary {
        /// Bytes of its stream.
        offset: i64,
        /// Of each replica that has the data: address, port and acknowledged offset.
        replicas: Vec<(String, i64, i64)>,
    },
    /// A replica.
    Replica {
        /// Its primary's address.
        host: String,
        /// Its primary's port.
        port: u16,
        /// How its link is.
        state: &'static str,
        /// How much it has applied; -1 while the link is down.
        offset: i64,
    },
}

/// What INFO tells beside what replication knows by itself.
pub struct Surroundings<'a> {
    /// `replica-priority`.
    pub priority: u32,
    /// `replica-read-only`.
    pub read_only: bool,
    /// `replica-announced`.
    pub announced: bool,
    /// `min-replicas-to-write`.
    pub min_replicas_to_write: u32,
    /// The address that a client is seen at, without its port.
    pub address_of: &'a dyn Fn(ClientId) -> String,
}

impl Replication {
    /// What ROLE answers.
    #[must_use]
    pub fn role(&self, address_of: &dyn Fn(ClientId) -> String) -> Role {
        let Some(link) = &self.link else {
            let online = self.replicas.iter().filter(|replica| replica.is_online());
            let replicas = online
                .map(|replica| (address(replica, address_of), replica.introduction.port, replica.acknowledged))
                .collect();
            return Role::Primary { offset: self.history.offset, replicas };
        };
        let offset = if link.is_up() { self.history.offset } else { -1 };
        Role::Replica { host: link.host.clone(), port: link.port, state: link.name_of_state(), offset }
    }

    /// The lines of INFO's section `replication`, in order.
    #[must_use]
    pub fn info(&self, now: i64, around: &Surroundings<'_>) -> Vec<(String, String)> {
        let mut lines = Lines(Vec::new());
        lines.add("role", if self.link.is_some() { "slave" } else { "master" });
        if let Some(link) = &self.link {
            self.link_info(link, now, &mut lines);
            lines.add("slave_priority", around.priority);
            lines.add("slave_read_only", u8::from(around.read_only));
            lines.add("replica_announced", u8::from(around.announced));
        }
        lines.add("connected_slaves", self.replicas.len());
        if around.min_replicas_to_write > 0 && self.settings.most_lag_ms > 0 {
            lines.add("min_slaves_good_slaves", self.good_replicas(now));
        }
        for (number, replica) in self.replicas.iter().enumerate() {
            lines.add(&format!("slave{number}"), line_of(replica, now, around.address_of));
        }
        self.history_info(&mut lines);
        lines.0
    }

    fn link_info(&self, link: &Link, now: i64, lines: &mut Lines) {
        let seconds = |since: i64| (now - since) / SECOND;
        let transfer = match &link.state {
            State::Transfer(_, payload, size) => Some((payload.read, *size)),
            _ => None,
        };
        let syncs = transfer.is_some() || matches!(link.state, State::Loading(_));
        lines.add("master_host", &link.host);
        lines.add("master_port", link.port);
        lines.add("master_link_status", if link.is_up() { "up" } else { "down" });
        lines.add("master_last_io_seconds_ago", if link.is_up() { seconds(link.last_heard) } else { -1 });
        lines.add("master_sync_in_progress", u8::from(syncs));
        // Nothing can be asked for of data that is none of the primary's.
        let offset = if link.resumable { self.history.offset } else { 1 };
        lines.add("slave_read_repl_offset", offset + link.unapplied() as i64);
        lines.add("slave_repl_offset", offset);
        if let Some((read, size)) = transfer {
            let total = size.unwrap_or(0);
            let share = if total > 0 { read as f64 / total as f64 * 100.0 } else { 0.0 };
            lines.add("master_sync_total_bytes", total);
            lines.add("master_sync_read_bytes", read);
            lines.add("master_sync_left_bytes", i128::from(total) - i128::from(read));
            lines.add("master_sync_perc", format!("{share:.2}"));
            lines.add("master_sync_last_io_seconds_ago", seconds(link.last_heard));
        }
        if !link.is_up() {
            let down = if link.down_since > 0 { seconds(link.down_since) } else { -1 };
            lines.add("master_link_down_since_seconds", down);
        }
    }

    fn history_info(&self, lines: &mut Lines) {
        let history = &self.history;
        let backlog = self.backlog.as_ref();
        lines.add("master_failover_state", "no-failover");
        lines.add("master_replid", history.id);
        lines.add("master_replid2", history.second_id);
        lines.add("master_repl_offset", history.offset);
        lines.add("second_repl_offset", history.second_until);
        lines.add("repl_backlog_active", u8::from(backlog.is_some()));
        lines.add("repl_backlog_size", self.settings.backlog_size);
        lines.add("repl_backlog_first_byte_offset", backlog.map_or(0, super::backlog::Backlog::first));
        lines.add("repl_backlog_histlen", backlog.map_or(0, super::backlog::Backlog::len));
    }

    /// Bytes that the backlog takes.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        self.backlog.as_ref().map_or(0, super::backlog::Backlog::heap_bytes)
    }
}

impl Link {
    fn name_of_state(&self) -> &'static str {
        match self.state {
            State::Waiting => "connect",
            State::Connecting => "connecting",
            State::Handshake(_) => "handshake",
            State::Transfer(..) | State::Loading(_) => "sync",
            State::Up => "connected",
        }
    }

    /// When the primary was last heard of, if the link is up; otherwise since when it is down, 0 if it never was up.
    ///
    /// # Errors
    /// It is down.
    pub fn heard_at(&self) -> Result<i64, i64> {
        if self.is_up() { Ok(self.last_heard) } else { Err(self.down_since) }
    }
}

struct Lines(Vec<(String, String)>);

impl Lines {
    fn add(&mut self, name: &str, value: impl ToString) {
        self.0.push((name.to_owned(), value.to_string()));
    }
}

fn address(replica: &Replica, address_of: &dyn Fn(ClientId) -> String) -> String {
    let announced = &replica.introduction.address;
    if announced.is_empty() { address_of(replica.id) } else { announced.clone() }
}

fn line_of(replica: &Replica, now: i64, address_of: &dyn Fn(ClientId) -> String) -> String {
    let address = address(replica, address_of);
    let state = match replica.stage {
        Stage::Waiting { .. } | Stage::Receiving { marked: true, .. } => "wait_bgsave",
        Stage::Receiving { marked: false, .. } => "send_bulk",
        Stage::Online { .. } => "online",
        Stage::Served => "rdb_transmitted",
    };
    let lag = if replica.is_online() { replica.lag_ms(now) / SECOND } else { 0 };
    let (port, offset) = (replica.introduction.port, replica.acknowledged);
    format!("ip={address},port={port},state={state},offset={offset},lag={lag}")
}
