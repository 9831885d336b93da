//! What is counted while commands run.

use std::collections::BTreeMap;

/// Counts of one command.
#[derive(Clone, Debug, Default)]
pub struct CommandStatistics {
    /// How often it ran.
    pub calls: u64,
    /// How long it took in all, microseconds.
    pub micros: u64,
    /// How often it was refused before it ran.
    pub rejected: u64,
    /// How often it came back with an error.
    pub failed: u64,
    /// How often it took so many microseconds, by powers of two.
    pub histogram: Option<Box<[u64; 32]>>,
}

/// What was counted since the start, or since CONFIG RESETSTAT.
#[derive(Clone, Debug, Default)]
pub struct Statistics {
    /// By command.
    pub commands: Vec<CommandStatistics>,
    /// All commands that ran.
    pub calls: u64,
    /// Connections that came.
    pub connections: u64,
    /// Connections that were refused.
    pub rejected_connections: u64,
    /// Full synchronisations of replicas.
    pub full_synchronisations: u64,
    /// Replicas that could go on where they were.
    pub partial_synchronisations: u64,
    /// Replicas that wanted to, and could not.
    pub refused_partial_synchronisations: u64,
    /// Errors by their code.
    pub errors: BTreeMap<String, u64>,
    /// Error replies in all.
    pub error_replies: u64,
    /// Bytes that came from clients.
    pub input_bytes: u64,
    /// Bytes that went to clients.
    pub output_bytes: u64,
    /// Requests that were read from sockets.
    pub reads: u64,
    /// Times that replies were written to sockets.
    pub writes: u64,
    /// The most memory that was taken, bytes.
    pub peak_memory: usize,
    /// Clients that were disconnected for their output.
    pub output_limit_disconnections: u64,
    /// Clients that were disconnected for their requests.
    pub query_limit_disconnections: u64,
}

impl CommandStatistics {
    /// A run of so many microseconds.
    #[inline]
    pub fn ran(&mut self, micros: u64, with_histogram: bool) {
        self.calls += 1;
        self.micros += micros;
        if with_histogram {
            let histogram = self.histogram.get_or_insert_with(|| Box::new([0; 32]));
            let bucket = (u64::BITS - micros.leading_zeros()).min(31) as usize;
            histogram[bucket] += 1;
        }
    }
}

impl Statistics {
    /// An error reply with this code.
    pub fn error(&mut self, code: &str) {
        self.error_replies += 1;
        match self.errors.get_mut(code) {
            Some(count) => *count += 1,
            None => _ = self.errors.insert(code.to_owned(), 1),
        }
    }
}
