//! Drills as they come, and as they come only once, for the tests.

use std::collections::BTreeMap;

use shardform::cluster::drill::report::{
    Bucket, Bystander, DrillEvent, DrillReport, LostWrite, Node, Outage, Outcome, RoleChange, SeenRole, ShardDrill,
    Traffic,
};

/// 2026-11-22 21:08:32.345 UTC.
pub const BEGAN_MS: u64 = 1_795_381_712_345;

/// Numbers that only look random.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

/// A shard's node: 0 is the one that was primary.
pub fn node(shard: &str, number: usize) -> Node {
    let zone = ["us-east-1a", "us-east-1b", "us-east-1c"][number % 3];
    Node {
        member: format!("day19-{shard}-{:03}", number + 1),
        endpoint: format!("10.0.{number}.17:6379"),
        zone: zone.to_owned(),
    }
}

/// Requests from `from_ms` to `to_ms` that fail during the outages.
pub fn traffic(from_ms: u64, to_ms: u64, bucket_ms: u64, outages: &[(u64, u64)], errors: &[(&str, u64)]) -> Traffic {
    let mut dice = Dice(to_ms);
    let buckets: Vec<Bucket> = (from_ms / bucket_ms..to_ms / bucket_ms)
        .map(|number| {
            let at_ms = number * bucket_ms;
            let is_out = outages.iter().any(|&(from, to)| at_ms + bucket_ms > from && at_ms < to);
            let usual = bucket_ms / 5;
            // A bucket in which an outage begins or ends has both.
            let edge = outages.iter().find(|&&(from, _)| from > at_ms && from < at_ms + bucket_ms);
            let succeeded = match edge {
                Some((from, _)) => usual * (from - at_ms) / bucket_ms,
                None if is_out => 0,
                None => usual - dice.throw(usual / 6 + 1),
            } as u32;
            let failed = if is_out { 1 + dice.throw(usual / 3 + 1) as u32 } else { 0 };
            let slowest_us = if is_out { bucket_ms * 1000 } else { 300 + dice.throw(1500) * dice.throw(3) };
            Bucket { at_ms, succeeded, failed, slowest_us }
        })
        .collect();
    Traffic {
        succeeded: buckets.iter().map(|bucket| u64::from(bucket.succeeded)).sum(),
        failed: buckets.iter().map(|bucket| u64::from(bucket.failed)).sum(),
        median_us: Some(412),
        p99_us: Some(2_870),
        outages: outages.iter().map(|&(from_ms, to_ms)| Outage { from_ms, to_ms }).collect(),
        errors: errors.iter().map(|(kind, times)| ((*kind).to_owned(), *times)).collect(),
        bucket_ms,
        buckets,
    }
}

fn event(at_ms: i64, source: &str, message: &str) -> DrillEvent {
    let source_type = if source == "day19" { "replication-group" } else { "cache-cluster" };
    DrillEvent { at_ms, source_type: source_type.to_owned(), source: source.to_owned(), message: message.to_owned() }
}

/// A shard's drill from `from_ms` on: called after 3 s, promoted `out_ms` later, whole again `strength_ms` after the call.
pub fn drill(shard: &str, other: &str, from_ms: u64, out_ms: u64, strength_ms: u64, bucket_ms: u64) -> ShardDrill {
    let called = from_ms + 3_000;
    let ended = called + strength_ms + 2_000;
    let (old, new, third) = (node(shard, 0), node(shard, 1), node(shard, 2));
    let role = |at_ms, node: &Node, role| RoleChange { at_ms, node: node.clone(), role };
    let down = called + out_ms / 20;
    let primary = old.member.as_str();
    let at = |part: u64| i64::try_from(called + strength_ms * part / 100).unwrap_or_default();
    let write_errors = [("CLUSTERDOWN", 5), ("MOVED", 2), ("connection refused", 31), ("no answer", 3)];
    ShardDrill {
        shard: shard.to_owned(),
        outcome: Outcome::Restored,
        primary_before: old.clone(),
        primary_after: Some(new.clone()),
        watched_from_ms: from_ms,
        called_ms: called,
        promoted_ms: Some(called + out_ms),
        restored_ms: Some(called + strength_ms),
        ended_ms: ended,
        writes: traffic(from_ms, ended, bucket_ms, &[(down, called + out_ms + 130)], &write_errors),
        reads: traffic(
            from_ms,
            ended,
            bucket_ms,
            &[(down, down + out_ms / 3)],
            &[("connection refused", 9), ("MOVED", 1)],
        ),
        bystander: Some(Bystander {
            shard: other.to_owned(),
            writes: traffic(from_ms, ended, bucket_ms, &[], &[]),
            reads: traffic(from_ms, ended, bucket_ms, &[], &[]),
        }),
        lost: (0..3)
            .map(|number| LostWrite {
                key: format!("shardform:drill:{{{shard}}}:{}", 1_204 + number),
                number: 1_204 + number,
                acknowledged_ms: down - 4 + number,
            })
            .collect(),
        roles: vec![
            role(from_ms, &old, SeenRole::Primary),
            role(from_ms, &new, SeenRole::Replica),
            role(from_ms, &third, SeenRole::Replica),
            role(down, &old, SeenRole::Down),
            role(called + out_ms, &new, SeenRole::Primary),
            role(called + out_ms, &third, SeenRole::Syncing),
            role(called + out_ms + strength_ms / 25, &third, SeenRole::Replica),
            role(called + strength_ms * 7 / 10, &old, SeenRole::Syncing),
            role(called + strength_ms, &old, SeenRole::Replica),
        ],
        events: vec![
            event(at(0) + 40, "day19", &format!("Test Failover API called for node group {shard}")),
            event(
                at(0) + i64::try_from(out_ms).unwrap_or_default(),
                "day19",
                &format!("Failover from primary node {primary} to replica node {} completed", new.member),
            ),
            event(at(30), primary, "Recovering cache nodes 0001"),
            event(at(97), primary, "Finished recovery for cache nodes 0001"),
            event(at(98), "day19", &format!("Failover of node group {shard} to {} has been finished", new.member)),
        ],
        notes: vec!["AWS allows 15 node groups a day to be failed over this way.".to_owned()],
    }
}

fn report(took_ms: u64, drills: Vec<ShardDrill>) -> DrillReport {
    DrillReport {
        stack: "day19".to_owned(),
        region: "us-east-1".to_owned(),
        engine: "redis 7.0.15".to_owned(),
        shards: 3,
        replicas_per_shard: 2,
        began_ms: BEGAN_MS,
        took_ms,
        drills,
    }
}

/// One shard of a local cluster: seconds.
pub fn local() -> DrillReport {
    report(14_200, vec![drill("0001", "0002", 0, 1_620, 9_100, 100)])
}

/// Two shards of a cluster on AWS: minutes.
pub fn on_aws() -> DrillReport {
    let mut drills: Vec<ShardDrill> = Vec::new();
    for (shard, other, out_ms, strength_ms) in [("0001", "0002", 14_300, 431_000), ("0003", "0001", 22_100, 502_000)] {
        let from_ms = drills.last().map_or(0, |drill| drill.ended_ms + 1_000);
        drills.push(drill(shard, other, from_ms, out_ms, strength_ms, 250));
    }
    let took_ms = drills.last().map_or(0, |drill| drill.ended_ms);
    report(took_ms, drills)
}

/// Names, texts and errors that are markup.
pub const MARKUP: &str = "</title></svg></style><script>alert(1)</script><img src=x onerror=\"alert('1')\">&amp;";

/// Drills of which each lacks something, or says something that it shouldn't.
pub fn odd() -> DrillReport {
    let hostile = Node { member: MARKUP.to_owned(), endpoint: MARKUP.to_owned(), zone: MARKUP.to_owned() };
    let mut with_markup = drill("0001", MARKUP, 0, 500, 4_000, 100);
    with_markup.primary_before = hostile.clone();
    with_markup.primary_after = Some(hostile.clone());
    with_markup.roles.push(RoleChange { at_ms: 100, node: hostile, role: SeenRole::Primary });
    with_markup.events.push(event(500, MARKUP, MARKUP));
    with_markup.writes.errors.insert(MARKUP.to_owned(), 3);
    with_markup.notes.push(MARKUP.to_owned());
    let never = ShardDrill {
        outcome: Outcome::NotFailedOver,
        primary_after: Some(node("0002", 0)),
        promoted_ms: None,
        restored_ms: None,
        ..drill("0002", "0003", 10_000, 0, 60_000, 100)
    };
    let still_out = ShardDrill {
        outcome: Outcome::NotRestored,
        restored_ms: None,
        writes: traffic(80_000, 400_000, 1_000, &[(83_000, 400_000)], &[("no answer", 300)]),
        ended_ms: 400_000,
        ..drill("0003", "0001", 80_000, 2_000, 300_000, 1_000)
    };
    let left = ShardDrill { shard: "0004".to_owned(), outcome: Outcome::Left, ..ShardDrill::default() };
    report(400_000, vec![with_markup, never, still_out, left, ShardDrill::default()])
}

/// Drills of which each has too much of something.
pub fn too_much() -> DrillReport {
    let mut much = drill("0005", "0001", 400_000, 3_000, 20_000, 50);
    let event_of = |number: i64| event(395_000 + number * 12, "day19", &format!("event {number}"));
    much.events = (0..2_500).map(event_of).collect();
    much.writes.errors = (0..600).map(|number| (format!("ERR of kind {number}"), number)).collect();
    much.lost =
        (0..4_000).map(|number| LostWrite { key: format!("k{number}"), number, acknowledged_ms: 401_000 }).collect();
    much.roles = (0..700)
        .map(|number| RoleChange {
            at_ms: 400_000 + number * 35,
            node: node("0005", number as usize % 5),
            role: SeenRole::Down,
        })
        .collect();
    let outage = |number: u64| Outage { from_ms: 400_000 + number * 40, to_ms: 400_020 + number * 40 };
    much.reads.outages = (0..600).map(outage).collect();
    let last = u64::MAX;
    let endless = ShardDrill {
        outcome: Outcome::NotRestored,
        called_ms: 1,
        ended_ms: last,
        promoted_ms: Some(last),
        writes: Traffic {
            succeeded: last,
            failed: last,
            median_us: Some(last),
            outages: vec![Outage { from_ms: 0, to_ms: last }, Outage { from_ms: last, to_ms: 0 }],
            errors: BTreeMap::from([("no answer".to_owned(), last)]),
            bucket_ms: 0,
            buckets: vec![
                Bucket { at_ms: 0, succeeded: u32::MAX, failed: u32::MAX, slowest_us: last },
                Bucket { at_ms: last, succeeded: 0, failed: 0, slowest_us: 0 },
            ],
            ..Traffic::default()
        },
        events: vec![event(i64::MIN, "day19", "long ago"), event(i64::MAX, "day19", "in a far future")],
        ..drill("0006", "0001", 0, 1_000, 2_000, 100)
    };
    report(last, vec![much, endless])
}
