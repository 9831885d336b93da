//! A failover drill for people: what is about to happen, how it goes, and what it showed. Pure.

use std::time::Duration;

use shardform::cluster::drill::admission::MOST_A_DAY;
use shardform::cluster::drill::report::{DrillReport, LostWrite, Node, Outcome, ShardDrill, Traffic};
use shardform::cluster::drill::{ShardNodes, Told};

use super::plan::Heading;
use super::{count, duration, printable};
use crate::terminal::Paint;

/// How many lost writes are named.
const NAMED: usize = 5;

/// What is about to be done, before it is asked for. `known` is how many failovers of the last 24 hours the group's
/// events tell of; `None`: they can't be read.
pub fn before(heading: &Heading, shards: &[&ShardNodes], known: Option<usize>, paint: Paint) -> String {
    let mut lines = vec![heading.text(paint), String::new()];
    for shard in shards {
        let replicas: Vec<String> = shard.replicas().map(place).collect();
        let noun = if replicas.len() == 1 { "replica" } else { "replicas" };
        let (id, primary) = (&shard.id, place(shard.primary()));
        lines.push(format!("  shard {id}  primary {primary}, {noun} {}", replicas.join(", ")));
    }
    let order = if shards.len() == 1 { "It is failed over" } else { "They are failed over one after another" };
    lines.push(format!("\n{order}: writes and reads fail for some seconds, and a write may be lost."));
    lines.push(match known {
        Some(known) => {
            format!("An account may fail over {MOST_A_DAY} shards in 24 hours: this cluster's events tell of {known}.")
        }
        None => {
            format!("An account may fail over {MOST_A_DAY} shards in 24 hours; events can't be read at the moment.")
        }
    });
    lines.join("\n")
}

/// One line of how it goes.
pub fn progress(told: &Told) -> String {
    match told {
        Told::Begun { shard, primary } => format!("shard {shard}: watched, its primary is {}", place(primary)),
        Told::Busy(words) => format!("not now, trying again: {}", printable(words)),
        Told::Called => "failover asked for".to_owned(),
        Told::Role(change) => format!("{} is {}", printable(change.node.name()), change.role.text()),
        Told::Event(event) => format!("event: {}: {}", printable(&event.source), printable(&event.message)),
        Told::Ended { shard, outcome } => format!("shard {shard}: {}", ended(*outcome)),
    }
}

/// How an outcome is said of a shard.
pub fn ended(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Restored => "at full strength again",
        Outcome::NotRestored => "is not back at full strength",
        Outcome::NotFailedOver => "was not failed over",
        Outcome::Left => "was left",
    }
}

/// What it showed.
pub fn text(report: &DrillReport, paint: Paint) -> String {
    let mut lines = Vec::new();
    for drill in &report.drills {
        lines.push(format!("\n{}", paint.bold(&format!("Shard {}: {}", drill.shard, summary(drill)))));
        for (label, value) in rows(drill, paint) {
            let label = paint.dim(&format!("{label:<13}"));
            lines.push(format!("  {label}  {value}"));
        }
    }
    lines.join("\n")
}

fn summary(drill: &ShardDrill) -> String {
    match drill.restoration_ms() {
        Some(took) => format!("{} after {}", ended(drill.outcome), milliseconds(took)),
        None => ended(drill.outcome).to_owned(),
    }
}

fn rows(drill: &ShardDrill, paint: Paint) -> Vec<(&'static str, String)> {
    let mut rows = vec![("primary", primary(drill))];
    rows.push(("writes", traffic(&drill.writes, paint)));
    rows.push(("reads", traffic(&drill.reads, paint)));
    rows.push(("a client saw", errors(drill)));
    rows.push(("lost writes", lost(drill, paint)));
    if let Some(other) = &drill.bystander {
        let failed = other.writes.failed + other.reads.failed;
        let all = failed + other.writes.succeeded + other.reads.succeeded;
        let felt = match failed {
            0 => paint.green(&format!("shard {} felt nothing: {all} writes and reads, all answered", other.shard)),
            _ => paint.yellow(&format!("shard {} felt it: {failed} of {all} writes and reads failed", other.shard)),
        };
        rows.push(("bystander", felt));
    }
    for (place, event) in drill.events.iter().enumerate() {
        let label = if place == 0 { "events" } else { "" };
        let after = event.at_ms.saturating_sub(i64::try_from(drill.called_ms).unwrap_or(i64::MAX));
        let (source, message) = (printable(&event.source), printable(&event.message));
        rows.push((label, format!("{}  {source}: {message}", signed_seconds(after))));
    }
    for (place, note) in drill.notes.iter().enumerate() {
        rows.push((if place == 0 { "notes" } else { "" }, printable(note)));
    }
    rows
}

fn primary(drill: &ShardDrill) -> String {
    let before = place(&drill.primary_before);
    match (&drill.primary_after, drill.promoted_ms) {
        (Some(after), Some(promoted)) if *after != drill.primary_before => {
            let took = milliseconds(promoted.saturating_sub(drill.called_ms));
            format!("{before}, now {}, seen after {took}", place(after))
        }
        (Some(_), Some(_)) => format!("{before}; another one in between, and now it again"),
        (Some(_), None) => format!("{before}, as before"),
        (None, _) => format!("{before}; nobody is now"),
    }
}

fn traffic(traffic: &Traffic, paint: Paint) -> String {
    let out = match traffic.outages.as_slice() {
        [] => paint.green("never out"),
        [outage] => paint.yellow(&format!("out for {}", milliseconds(outage.length_ms()))),
        several => paint.yellow(&format!(
            "out for {} at the longest, {} times, {} in all",
            milliseconds(traffic.longest_outage_ms()),
            several.len(),
            milliseconds(traffic.unavailable_ms())
        )),
    };
    let times = match (traffic.median_us, traffic.p99_us) {
        (Some(median), Some(p99)) => {
            format!("; median {}, 99 of 100 within {}", microseconds(median), microseconds(p99))
        }
        _ => String::new(),
    };
    format!("{out}; {} answered, {} failed{times}", traffic.succeeded, traffic.failed)
}

fn errors(drill: &ShardDrill) -> String {
    let mut all = drill.writes.errors.clone();
    for (kind, times) in &drill.reads.errors {
        *all.entry(kind.clone()).or_default() += times;
    }
    if all.is_empty() {
        return "no error".to_owned();
    }
    let parts: Vec<String> = all.iter().map(|(kind, times)| format!("{} {times}", printable(kind))).collect();
    parts.join(", ")
}

fn lost(drill: &ShardDrill, paint: Paint) -> String {
    let lost: &[LostWrite] = &drill.lost;
    if !drill.is_read_back() {
        return paint.yellow("not known");
    }
    if lost.is_empty() {
        return format!("none of the {} acknowledged", drill.writes.succeeded);
    }
    let named: Vec<String> = lost
        .iter()
        .take(NAMED)
        .map(|write| {
            let after = i64::try_from(write.acknowledged_ms).unwrap_or(i64::MAX)
                - i64::try_from(drill.called_ms).unwrap_or(i64::MAX);
            format!("number {} of {} ({})", write.number, printable(&write.key), signed_seconds(after))
        })
        .collect();
    let more = lost.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    paint.red(&format!("{} acknowledged and gone: {}{more}", count(lost.len(), "write"), named.join(", ")))
}

/// A node with its zone.
fn place(node: &Node) -> String {
    let name = printable(node.name());
    if node.zone.is_empty() { name } else { format!("{name} ({})", printable(&node.zone)) }
}

fn milliseconds(ms: u64) -> String {
    if ms < 1000 { format!("{ms}ms") } else { duration(Duration::from_millis(ms)) }
}

fn microseconds(us: u64) -> String {
    format!("{}.{}ms", us / 1000, us % 1000 / 100)
}

/// Against the moment of the call: `+1.2s`.
fn signed_seconds(ms: i64) -> String {
    let tenths = (ms.unsigned_abs() + 50) / 100;
    let sign = if ms < 0 && tenths > 0 { '-' } else { '+' };
    format!("{sign}{}.{}s", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use expect_test::expect;
    use shardform::cluster::drill::report::{Bystander, DrillEvent, NOT_READ_BACK, Outage};

    use super::*;

    const PLAIN: Paint = Paint { color: false, width: 100 };

    fn node(member: &str, zone: &str) -> Node {
        Node { member: member.to_owned(), endpoint: "127.0.0.1:6379".to_owned(), zone: zone.to_owned() }
    }

    fn out(from_ms: u64, to_ms: u64, errors: &[(&str, u64)]) -> Traffic {
        Traffic {
            succeeded: 480,
            failed: errors.iter().map(|(_, times)| times).sum(),
            median_us: Some(412),
            p99_us: Some(8946),
            outages: vec![Outage { from_ms, to_ms }],
            errors: errors.iter().map(|(kind, times)| ((*kind).to_owned(), *times)).collect::<BTreeMap<_, _>>(),
            ..Traffic::default()
        }
    }

    fn drill() -> ShardDrill {
        ShardDrill {
            shard: "0001".to_owned(),
            outcome: Outcome::Restored,
            primary_before: node("day19-0001-001", "us-east-1a"),
            primary_after: Some(node("day19-0001-002", "us-east-1b")),
            called_ms: 1000,
            promoted_ms: Some(3100),
            restored_ms: Some(76_000),
            writes: out(1010, 4210, &[("connection cut", 1), ("connection refused", 251)]),
            reads: out(1010, 4200, &[("connection cut", 1), ("MOVED", 2)]),
            bystander: Some(Bystander { shard: "0002".to_owned(), ..Bystander::default() }),
            events: vec![DrillEvent {
                at_ms: 950,
                source_type: "replication-group".to_owned(),
                source: "day19".to_owned(),
                message: "Test Failover API called for node group 0001".to_owned(),
            }],
            notes: vec!["reads are of the primary, as most clients make them".to_owned()],
            ..ShardDrill::default()
        }
    }

    fn shown(drill: ShardDrill) -> String {
        text(&DrillReport { drills: vec![drill], ..DrillReport::default() }, PLAIN)
    }

    #[test]
    fn a_failover_is_told_in_one_look() {
        expect![[r#"

            Shard 0001: at full strength again after 1m 15s
              primary        day19-0001-001 (us-east-1a), now day19-0001-002 (us-east-1b), seen after 2.1s
              writes         out for 3.2s; 480 answered, 252 failed; median 0.4ms, 99 of 100 within 8.9ms
              reads          out for 3.2s; 480 answered, 3 failed; median 0.4ms, 99 of 100 within 8.9ms
              a client saw   MOVED 2, connection cut 2, connection refused 251
              lost writes    none of the 480 acknowledged
              bystander      shard 0002 felt nothing: 0 writes and reads, all answered
              events         -0.1s  day19: Test Failover API called for node group 0001
              notes          reads are of the primary, as most clients make them"#]]
        .assert_eq(&shown(drill()));
    }

    #[test]
    fn moments_are_against_the_call() {
        assert_eq!(
            [-50, -49, 0, 49, 50, 61_049].map(signed_seconds),
            ["-0.1s", "+0.0s", "+0.0s", "+0.0s", "+0.1s", "+61.0s"]
        );
    }

    #[test]
    fn what_went_wrong_is_told() {
        let lost = (1..8).map(|number| LostWrite {
            key: "shardform:drill:{4}:r".to_owned(),
            number,
            acknowledged_ms: 990 + number * 10,
        });
        let mut writes = out(1010, 4210, &[("connection cut", 1)]);
        writes.outages.push(Outage { from_ms: 9000, to_ms: 9600 });
        let bystander = Bystander { shard: "0002".to_owned(), writes: writes.clone(), reads: Traffic::default() };
        let drill = ShardDrill {
            outcome: Outcome::NotRestored,
            primary_after: None,
            restored_ms: None,
            lost: lost.collect(),
            writes,
            reads: Traffic::default(),
            bystander: Some(bystander),
            events: Vec::new(),
            notes: vec!["not at full strength: day19-0001-001 is down\u{1b}[31m".to_owned(), "b".to_owned()],
            ..drill()
        };
        expect![[r#"

            Shard 0001: is not back at full strength
              primary        day19-0001-001 (us-east-1a); nobody is now
              writes         out for 3.2s at the longest, 2 times, 3.8s in all; 480 answered, 1 failed; median 0.4ms, 99 of 100 within 8.9ms
              reads          never out; 0 answered, 0 failed
              a client saw   connection cut 1
              lost writes    7 writes acknowledged and gone: number 1 of shardform:drill:{4}:r (+0.0s), number 2 of shardform:drill:{4}:r (+0.0s), number 3 of shardform:drill:{4}:r (+0.0s), number 4 of shardform:drill:{4}:r (+0.0s), number 5 of shardform:drill:{4}:r (+0.0s), and 2 more
              bystander      shard 0002 felt it: 1 of 481 writes and reads failed
              notes          not at full strength: day19-0001-001 is down\u{1b}[31m
                             b"#]].assert_eq(&shown(drill));
    }

    #[test]
    fn nothing_happened() {
        let drill = ShardDrill {
            outcome: Outcome::NotFailedOver,
            primary_after: Some(node("day19-0001-001", "us-east-1a")),
            promoted_ms: None,
            restored_ms: None,
            writes: Traffic { succeeded: 90, ..Traffic::default() },
            reads: Traffic { succeeded: 91, ..Traffic::default() },
            bystander: None,
            events: Vec::new(),
            notes: vec![NOT_READ_BACK.to_owned()],
            ..drill()
        };
        expect![[r#"

            Shard 0001: was not failed over
              primary        day19-0001-001 (us-east-1a), as before
              writes         never out; 90 answered, 0 failed
              reads          never out; 91 answered, 0 failed
              a client saw   no error
              lost writes    not known
              notes          what was written can't be read back, so whether acknowledged writes are lost is not known"#]]
        .assert_eq(&shown(drill));
    }
}
