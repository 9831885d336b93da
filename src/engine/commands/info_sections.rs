//! The sections of INFO, field by field: tools read them, so that each field of Redis is here, and is true.

use std::fmt::{Display, Write as _};

use crate::engine::config::REDIS_VERSION;
use crate::engine::config::special::show_percentile;
use crate::engine::state::Engine;
use crate::engine::state::client::{Client, Role};

/// Lines `name:value`.
#[derive(Default)]
struct Fields(String);

impl Fields {
    fn add(&mut self, name: &str, value: impl Display) -> &mut Self {
        // Writing to a string never fails.
        let _ = write!(self.0, "{name}:{value}\r\n");
        self
    }

    /// The number, and once more for people.
    fn add_bytes(&mut self, name: &str, bytes: usize) -> &mut Self {
        self.add(name, bytes).add(&format!("{name}_human"), human(bytes))
    }

    /// Fields that are zero here, since what they count is not done.
    fn add_zeros(&mut self, names: &[&str]) -> &mut Self {
        names.iter().fold(self, |fields, name| fields.add(name, 0))
    }

    fn done(&mut self) -> String {
        std::mem::take(&mut self.0)
    }
}

/// Bytes in the largest unit that leaves something before the point.
pub fn human(bytes: usize) -> String {
    #[expect(clippy::cast_precision_loss, reason = "two decimals are shown")]
    let size = bytes as f64;
    match bytes {
        0..1024 => format!("{bytes}B"),
        1024..0x10_0000 => format!("{:.2}K", size / 1024.0),
        0x10_0000..0x4000_0000 => format!("{:.2}M", size / 1_048_576.0),
        0x4000_0000..0x100_0000_0000 => format!("{:.2}G", size / 1_073_741_824.0),
        _ => format!("{:.2}T", size / 1_099_511_627_776.0),
    }
}

/// `part` of `whole`; 0 where there is no whole.
#[expect(clippy::cast_precision_loss, reason = "two decimals are shown")]
pub fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

/// `# Server`
pub fn server(engine: &mut Engine) -> String {
    let micros = (engine.outside.now)();
    let uptime = (micros - engine.observed.started) / 1_000_000;
    let config = &engine.config;
    Fields::default()
        .add("redis_version", REDIS_VERSION)
        .add("redis_git_sha1", "00000000")
        .add("redis_git_dirty", 0)
        .add("redis_build_id", 0)
        .add("redis_mode", if config.cluster.enabled { "cluster" } else { "standalone" })
        .add("os", engine.outside.host.system())
        .add("arch_bits", usize::BITS)
        .add("monotonic_clock", "POSIX clock_gettime")
        .add("multiplexing_api", "epoll")
        .add("atomicvar_api", "c11-builtin")
        .add("gcc_version", "0.0.0")
        .add("process_id", engine.outside.host.process_id())
        .add("process_supervised", "no")
        .add("run_id", &engine.observed.run_id)
        .add("tcp_port", config.network.port)
        .add("server_time_usec", micros)
        .add("uptime_in_seconds", uptime)
        .add("uptime_in_days", uptime / 86_400)
        .add("hz", config.general.hz)
        .add("configured_hz", config.general.hz)
        .add("lru_clock", (micros / 1_000_000) & 0x00ff_ffff)
        .add("executable", "")
        .add("config_file", config.general.file.as_deref().unwrap_or_default())
        .add("io_threads_active", 0)
        .done()
}

/// `# Clients`
pub fn clients(engine: &mut Engine) -> String {
    let (mut connected, mut blocked, mut timed, mut input, mut output) = (0, 0, 0, 0, 0);
    engine.each_client(|client: &Client| {
        connected += usize::from(client.role != Role::Replica && !client.killed);
        blocked += usize::from(client.blocked.is_some());
        timed += usize::from(client.blocked.as_ref().is_some_and(|blocked| blocked.deadline.is_some()));
        input = input.max(client.unread);
        output = output.max(client.pending_output());
    });
    Fields::default()
        .add("connected_clients", connected)
        .add("cluster_connections", 0)
        .add("maxclients", engine.config.clients.maxclients)
        .add("client_recent_max_input_buffer", input)
        .add("client_recent_max_output_buffer", output)
        .add("blocked_clients", blocked)
        .add("tracking_clients", 0)
        .add("clients_in_timeout_table", timed)
        .done()
}

/// `# Memory`
pub fn memory(engine: &mut Engine) -> String {
    let memory = engine.memory_report();
    let limit = usize::try_from(engine.config.memory.maxmemory).unwrap_or(usize::MAX);
    let extra = i128::try_from(memory.resident).unwrap_or(0) - i128::try_from(memory.used).unwrap_or(0);
    Fields::default()
        .add_bytes("used_memory", memory.used)
        .add_bytes("used_memory_rss", memory.resident)
        .add_bytes("used_memory_peak", memory.peak)
        .add("used_memory_peak_perc", format_args!("{:.2}%", ratio(memory.used, memory.peak) * 100.0))
        .add("used_memory_overhead", memory.overhead)
        .add("used_memory_startup", memory.startup)
        .add("used_memory_dataset", memory.dataset())
        .add("used_memory_dataset_perc", format_args!("{:.2}%", memory.dataset_percent()))
        .add("allocator_allocated", memory.used)
        .add("allocator_active", memory.resident)
        .add("allocator_resident", memory.resident)
        .add_bytes("total_system_memory", memory.total)
        .add("used_memory_lua", memory.scripts)
        .add("used_memory_vm_eval", memory.scripts)
        .add("used_memory_lua_human", human(memory.scripts))
        .add("used_memory_scripts_eval", memory.cached_scripts)
        .add("number_of_cached_scripts", memory.cached_script_count)
        .add_zeros(&["number_of_functions", "number_of_libraries", "used_memory_vm_functions"])
        .add_bytes("used_memory_vm_total", memory.scripts)
        .add("used_memory_functions", 0)
        .add_bytes("used_memory_scripts", memory.cached_scripts)
        .add_bytes("maxmemory", limit)
        .add("maxmemory_policy", engine.config.memory.policy.word())
        .add("allocator_frag_ratio", format_args!("{:.2}", ratio(memory.resident, memory.used)))
        .add("allocator_frag_bytes", memory.resident.saturating_sub(memory.used))
        .add("allocator_rss_ratio", "1.00")
        .add("allocator_rss_bytes", 0)
        .add("rss_overhead_ratio", "1.00")
        .add("rss_overhead_bytes", 0)
        .add("mem_fragmentation_ratio", format_args!("{:.2}", ratio(memory.resident, memory.used)))
        .add("mem_fragmentation_bytes", extra)
        .add("mem_not_counted_for_evict", memory.used.saturating_sub(engine.counted_memory()))
        .add("mem_replication_backlog", memory.backlog)
        .add("mem_total_replication_buffers", memory.backlog + memory.replicas)
        .add("mem_clients_slaves", memory.replicas)
        .add("mem_clients_normal", memory.clients)
        .add("mem_cluster_links", 0)
        .add("mem_aof_buffer", 0)
        .add("mem_allocator", "mimalloc")
        .add_zeros(&["active_defrag_running", "lazyfree_pending_objects", "lazyfreed_objects"])
        .done()
}

/// `# Persistence`
pub fn persistence(engine: &mut Engine) -> String {
    let snapshots = &engine.snapshots;
    let now = engine.keyspace.now / 1000;
    Fields::default()
        .add_zeros(&["loading", "async_loading", "current_cow_peak", "current_cow_size", "current_cow_size_age"])
        .add("current_fork_perc", "0.00")
        .add_zeros(&["current_save_keys_processed", "current_save_keys_total"])
        .add("rdb_changes_since_last_save", engine.changes_since_save())
        .add("rdb_bgsave_in_progress", u8::from(snapshots.in_progress))
        .add("rdb_last_save_time", snapshots.last_save)
        .add("rdb_last_bgsave_status", if snapshots.last_was_good { "ok" } else { "err" })
        .add("rdb_last_bgsave_time_sec", snapshots.last_duration)
        .add("rdb_current_bgsave_time_sec", if snapshots.in_progress { now - snapshots.begun } else { -1 })
        .add("rdb_saves", snapshots.written)
        .add_zeros(&["rdb_last_cow_size", "rdb_last_load_keys_expired", "rdb_last_load_keys_loaded"])
        .add_zeros(&["aof_enabled", "aof_rewrite_in_progress", "aof_rewrite_scheduled"])
        .add("aof_last_rewrite_time_sec", -1)
        .add("aof_current_rewrite_time_sec", -1)
        .add("aof_last_bgrewrite_status", "ok")
        .add_zeros(&["aof_rewrites", "aof_rewrites_consecutive_failures"])
        .add("aof_last_write_status", "ok")
        .add_zeros(&["aof_last_cow_size", "module_fork_in_progress", "module_fork_last_cow_size"])
        .done()
}

/// `# Stats`
pub fn stats(engine: &mut Engine) -> String {
    let (counted, keys, rates) = (&engine.statistics, &engine.keyspace.statistics, &engine.observed.rates);
    let kilobytes = |rate: f64| format!("{:.2}", rate / 1024.0);
    let (channels, patterns, shard_channels) = subscriptions(engine);
    Fields::default()
        .add("total_connections_received", counted.connections)
        .add("total_commands_processed", counted.calls)
        .add("instantaneous_ops_per_sec", format_args!("{:.0}", rates.per_second(|counters| counters.commands)))
        .add("total_net_input_bytes", counted.input_bytes)
        .add("total_net_output_bytes", counted.output_bytes)
        .add_zeros(&["total_net_repl_input_bytes", "total_net_repl_output_bytes"])
        .add("instantaneous_input_kbps", kilobytes(rates.per_second(|counters| counters.input)))
        .add("instantaneous_output_kbps", kilobytes(rates.per_second(|counters| counters.output)))
        .add("instantaneous_input_repl_kbps", "0.00")
        .add("instantaneous_output_repl_kbps", "0.00")
        .add("rejected_connections", counted.rejected_connections)
        .add("sync_full", counted.full_synchronisations)
        .add("sync_partial_ok", counted.partial_synchronisations)
        .add("sync_partial_err", counted.refused_partial_synchronisations)
        .add("expired_keys", keys.expired)
        .add("expired_stale_perc", "0.00")
        .add("expired_time_cap_reached_count", keys.expired_time_cap_reached)
        .add("expire_cycle_cpu_milliseconds", 0)
        .add("evicted_keys", keys.evicted)
        .add_zeros(&["evicted_clients", "total_eviction_exceeded_time", "current_eviction_exceeded_time"])
        .add("keyspace_hits", keys.hits)
        .add("keyspace_misses", keys.misses)
        .add("pubsub_channels", channels)
        .add("pubsub_patterns", patterns)
        .add("pubsubshard_channels", shard_channels)
        .add_zeros(&["latest_fork_usec", "total_forks", "migrate_cached_sockets", "slave_expires_tracked_keys"])
        .add_zeros(&["active_defrag_hits", "active_defrag_misses", "active_defrag_key_hits"])
        .add_zeros(&["active_defrag_key_misses", "total_active_defrag_time", "current_active_defrag_time"])
        .add_zeros(&["tracking_total_keys", "tracking_total_items", "tracking_total_prefixes"])
        .add("unexpected_error_replies", 0)
        .add("total_error_replies", counted.error_replies)
        .add("dump_payload_sanitizations", 0)
        .add("total_reads_processed", counted.reads)
        .add("total_writes_processed", counted.writes)
        .add_zeros(&["io_threaded_reads_processed", "io_threaded_writes_processed"])
        .add_zeros(&["reply_buffer_shrinks", "reply_buffer_expands"])
        .done()
}

/// How many channels, patterns and channels of slots somebody has subscribed to.
fn subscriptions(engine: &Engine) -> (usize, usize, usize) {
    let all = &engine.subscribers;
    (all.channels.len(), all.patterns.len(), all.shard_channels.len())
}

/// `# CPU`
pub fn cpu(engine: &mut Engine) -> String {
    let usage = engine.outside.host.usage();
    let seconds = |micros: u64| format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    Fields::default()
        .add("used_cpu_sys", seconds(usage.system_us))
        .add("used_cpu_user", seconds(usage.user_us))
        .add("used_cpu_sys_children", seconds(usage.children_system_us))
        .add("used_cpu_user_children", seconds(usage.children_user_us))
        .add("used_cpu_sys_main_thread", seconds(usage.system_us))
        .add("used_cpu_user_main_thread", seconds(usage.user_us))
        .done()
}

/// `# Commandstats`
pub fn command_statistics(engine: &mut Engine) -> String {
    let mut fields = Fields::default();
    for (id, counted) in engine.statistics.commands.iter().enumerate() {
        if counted.calls + counted.failed + counted.rejected == 0 {
            continue;
        }
        #[expect(clippy::cast_precision_loss, reason = "two decimals are shown")]
        let mean = if counted.calls == 0 { 0.0 } else { counted.micros as f64 / counted.calls as f64 };
        let value = format!(
            "calls={},usec={},usec_per_call={mean:.2},rejected_calls={},failed_calls={}",
            counted.calls, counted.micros, counted.rejected, counted.failed
        );
        fields.add(&format!("cmdstat_{}", engine.table.row(id).full_name), value);
    }
    fields.done()
}

/// `# Errorstats`
pub fn error_statistics(engine: &mut Engine) -> String {
    let mut fields = Fields::default();
    for (code, count) in &engine.statistics.errors {
        // A code comes from scripts, too: what would end the line or the name is replaced.
        let safe: String = code.chars().map(|c| if matches!(c, '#' | ':' | '\n' | '\r') { '_' } else { c }).collect();
        fields.add(&format!("errorstat_{safe}"), format_args!("count={count}"));
    }
    fields.done()
}

/// `# Latencystats`
pub fn latency_statistics(engine: &mut Engine) -> String {
    let mut fields = Fields::default();
    let statistics = &engine.config.statistics;
    if !statistics.latency_tracking {
        return String::new();
    }
    for (id, counted) in engine.statistics.commands.iter().enumerate() {
        let Some(histogram) = &counted.histogram else { continue };
        let percentiles = statistics.latency_tracking_info_percentiles.iter().map(|percentile| {
            format!("p{}={:.3}", show_percentile(*percentile), micros_at(&histogram[..], *percentile))
        });
        let value = percentiles.collect::<Vec<_>>().join(",");
        fields.add(&format!("latency_percentiles_usec_{}", engine.table.row(id).full_name), value);
    }
    fields.done()
}

/// How many microseconds so many percent of the calls took at most: the bucket's end, or as far into it as its calls
/// reach if they were spread evenly.
#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn micros_at(histogram: &[u64], percentile: f64) -> f64 {
    let calls: u64 = histogram.iter().sum();
    let wanted = (calls as f64 * percentile / 100.0).max(1.0);
    let mut before = 0.0;
    for (bucket, count) in histogram.iter().enumerate().filter(|(_, count)| **count > 0) {
        let count = *count as f64;
        if before + count >= wanted {
            let (low, high) =
                if bucket == 0 { (0.0, 1.0) } else { (f64::from(1_u32 << (bucket - 1)), f64::from(1_u32 << bucket)) };
            return low + (high - low) * (wanted - before) / count;
        }
        before += count;
    }
    0.0
}

/// `# Cluster`
pub fn cluster(engine: &mut Engine) -> String {
    Fields::default().add("cluster_enabled", u8::from(engine.config.cluster.enabled)).done()
}

/// `# Keyspace`
pub fn keyspace(engine: &mut Engine) -> String {
    let mut fields = Fields::default();
    let now = engine.now();
    for (number, database) in
        engine.keyspace.databases().iter().enumerate().filter(|(_, database)| !database.is_empty())
    {
        let mean = database.expires().mean().map_or(0, |at| (at - now).max(0));
        let value =
            format_args!("keys={},expires={},avg_ttl={mean}", database.len(), database.expires().len()).to_string();
        fields.add(&format!("db{number}"), value);
    }
    fields.done()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_for_people() {
        assert_eq!(human(1023), "1023B");
        assert_eq!(human(1536), "1.50K");
        assert_eq!(human(5 << 20), "5.00M");
        assert_eq!(human(3 << 30), "3.00G");
        assert_eq!(human(3 << 40), "3.00T");
    }

    #[test]
    fn percentiles_are_within_their_bucket() {
        let mut histogram = [0; 32];
        histogram[3] = 100;
        let median = micros_at(&histogram, 50.0);
        assert!((4.0..=8.0).contains(&median), "{median}");
        assert!((micros_at(&histogram, 100.0) - 8.0).abs() < 1e-9);
        assert!(micros_at(&[0; 32], 50.0).abs() < 1e-9);
    }
}
