//! What must hold, told as small scripts, and as a thousand things at random.

use super::world::World;
use crate::engine::replication::history::ReplicationId;
use crate::engine::replication::report::{Role, Surroundings};

/// All hold the same, once what is on its way has come.
fn assert_alike(world: &mut World, nodes: &[usize]) {
    world.nodes.iter_mut().for_each(|node| node.replication.hold_pings = true);
    world.run(500);
    world.nodes.iter_mut().for_each(|node| node.replication.hold_pings = false);
    let first = &world.nodes[nodes[0]];
    for node in nodes {
        let other = &world.nodes[*node];
        assert_eq!(other.data, first.data, "data of {node}");
        assert_eq!(other.replication.offset(), first.replication.offset(), "offset of {node}");
        assert_eq!(other.replication.history().id, first.replication.history().id, "id of {node}");
    }
}

/// Node 0 as the primary of all others.
fn star(nodes: usize, seed: u64) -> World {
    let mut world = World::new(nodes, seed);
    world.write(0, 0, "before");
    (1..nodes).for_each(|node| world.replicate(node, 0));
    world.run(1_000);
    let all: Vec<usize> = (0..nodes).collect();
    assert_alike(&mut world, &all);
    world
}

#[test]
fn a_replica_gets_everything_and_acknowledges_it() {
    for seed in 0..20 {
        let mut world = star(3, seed);
        world.write(0, 3, "during");
        world.write(0, 3, "more");
        let offset = world.nodes[0].replication.offset();
        assert_eq!(world.nodes[0].replication.acknowledged_by(offset), 0);
        world.run(100);
        assert_eq!(world.nodes[1].data, ["0:before", "3:during", "3:more"]);
        world.admin(0, |replication, _| replication.request_acknowledgements());
        world.run(100);
        assert_eq!(world.nodes[0].replication.acknowledged_by(offset), 2);
        assert_eq!(world.nodes[0].replication.good_replicas(world.now), 2);
        assert_eq!(world.nodes[0].replication.counters.full, 2);
    }
}

#[test]
fn a_lost_link_goes_on_where_it_was() {
    for silently in [false, true] {
        let mut world = star(3, 30);
        world.write(0, 0, "one");
        world.cut(1, silently);
        world.write(0, 0, "two");
        world.run(20_000);
        world.write(0, 0, "three");
        world.run(100);
        assert_alike(&mut world, &[0, 1, 2]);
        assert_eq!(world.nodes[0].replication.counters.full, 2);
        assert!(world.nodes[0].replication.counters.partial >= 1);
        assert_eq!(world.nodes[0].replication.replicas().len(), 2);
    }
}

#[test]
fn who_was_away_for_too_long_starts_anew() {
    let mut world = star(2, 31);
    world.unreachable = vec![1];
    world.cut(1, false);
    (0..500).for_each(|number| world.write(0, 0, &format!("value {number}")));
    world.run(1_000);
    world.unreachable.clear();
    world.run(3_000);
    assert_alike(&mut world, &[0, 1]);
    let counters = world.nodes[0].replication.counters;
    assert_eq!((counters.full, counters.partial, counters.partial_refused), (2, 0, 2));
}

#[test]
fn a_promoted_replica_is_followed_without_new_data() {
    let mut world = star(4, 32);
    world.write(0, 5, "old times");
    world.run(100);
    let old = world.nodes[0].replication.history().id;
    world.admin(1, |replication, now| replication.promote(now));
    [0, 2, 3].iter().for_each(|node| world.replicate(*node, 1));
    world.write(1, 5, "new times");
    world.run(2_000);
    assert_alike(&mut world, &[1, 0, 2, 3]);
    let history = world.nodes[2].replication.history();
    assert_eq!(history.second_id, old);
    assert_eq!(world.nodes[1].replication.counters.partial, 3);
    assert_eq!(world.nodes[1].replication.counters.full, 0);
}

#[test]
fn a_former_primary_that_wrote_alone_gets_the_data_anew() {
    let mut world = star(3, 33);
    world.unreachable = vec![0];
    world.cut(0, false);
    world.write(0, 0, "lost");
    world.admin(1, |replication, now| replication.promote(now));
    world.replicate(2, 1);
    world.write(1, 0, "kept");
    world.unreachable.clear();
    world.replicate(0, 1);
    world.run(2_000);
    assert_alike(&mut world, &[1, 0, 2]);
    assert_eq!(world.nodes[0].data, ["0:before", "0:kept"]);
    assert_eq!(world.nodes[1].replication.counters.full, 1);
}

#[test]
fn replicas_of_replicas_follow_the_same_stream() {
    let mut world = World::new(4, 34);
    world.write(0, 1, "before");
    (1..4).for_each(|node| world.replicate(node, node - 1));
    world.run(5_000);
    world.write(0, 1, "through all");
    world.run(3_000);
    assert_alike(&mut world, &[0, 1, 2, 3]);
    // The middle one changes its primary: those below need no new data.
    let full: u64 = world.nodes.iter().map(|node| node.replication.counters.full).sum();
    world.admin(1, |replication, now| replication.promote(now));
    world.replicate(0, 3);
    world.write(1, 2, "from the middle");
    world.run(5_000);
    assert_alike(&mut world, &[1, 2, 3, 0]);
    assert_eq!(full, world.nodes.iter().map(|node| node.replication.counters.full).sum::<u64>());
}

#[test]
fn snapshots_wait_for_more_replicas_to_come() {
    let mut world = World::new(4, 35);
    world.nodes[0].replication.settings.delay_ms = 3_000;
    world.nodes[0].replication.settings.enough_replicas = 3;
    world.replicate(1, 0);
    world.run(2_000);
    world.replicate(2, 0);
    world.run(500);
    assert!(world.nodes[0].log.iter().all(|line| !line.contains("succeeded")));
    world.replicate(3, 0);
    world.run(200);
    assert!(world.nodes[0].replication.replicas().iter().all(super::super::replicas::Replica::is_online));
    world.write(0, 0, "x");
    world.run(100);
    assert_alike(&mut world, &[0, 1, 2, 3]);
}

#[test]
fn without_replicas_the_past_is_forgotten_in_time() {
    let mut world = star(2, 36);
    let old = world.nodes[0].replication.history().id;
    world.admin(1, |replication, now| replication.promote(now));
    world.run(59_000);
    assert!(world.nodes[0].replication.has_listeners());
    world.run(3_000);
    assert!(!world.nodes[0].replication.has_listeners());
    assert_ne!(world.nodes[0].replication.history().id, old);
    world.write(0, 0, "not counted");
    world.replicate(0, 1);
    world.run(2_000);
    assert_alike(&mut world, &[1, 0]);
}

#[test]
fn who_cannot_keep_up_is_let_go() {
    let mut world = star(2, 37);
    world.nodes[0].replication.settings.hard_limit = 5_000;
    // A wire that takes nothing any more.
    world.nodes[0].replication.settings.timeout_ms = 1_000_000;
    let id = world.nodes[0].replication.replicas()[0].id;
    world.delay = 0;
    let feed = |world: &mut World, count: usize| {
        let replication = &mut world.nodes[0].replication;
        (0..count).for_each(|_| replication.feed(Some(0), &["SET", &"x".repeat(100)]));
        let _ = replication.take_effects();
        replication.tick(world.now);
        replication.take_effects().contains(&super::super::Effect::Disconnect(id))
    };
    assert!(!feed(&mut world, 30));
    assert!(feed(&mut world, 30));
    assert!(world.nodes[0].replication.replicas().is_empty());
}

#[test]
fn what_is_told_of_it() {
    let mut world = star(2, 38);
    world.nodes[0].replication.hold_pings = true;
    world.run(1_500);
    let offset = world.nodes[0].replication.offset();
    let address_of = |_| "127.0.0.1".to_owned();
    let around = Surroundings {
        priority: 100,
        read_only: true,
        announced: true,
        min_replicas_to_write: 1,
        address_of: &address_of,
    };
    let text = |node: usize| {
        let lines = world.nodes[node].replication.info(world.now, &around);
        let hidden = |value: String| if value.len() == ReplicationId::LENGTH { "<id>".into() } else { value };
        lines.into_iter().map(|(name, value)| format!("{name}:{}\n", hidden(value))).collect::<String>()
    };
    let acknowledged = world.nodes[0].replication.replicas()[0].acknowledged;
    assert!(acknowledged > 0);
    let tail = format!(
        "master_failover_state:no-failover\nmaster_replid:<id>\nmaster_replid2:<id>\nmaster_repl_offset:{offset}\n\
         second_repl_offset:-1\nrepl_backlog_active:1\nrepl_backlog_size:4096\n\
         repl_backlog_first_byte_offset:1\nrepl_backlog_histlen:{offset}\n"
    );
    let head = format!(
        "role:master\nconnected_slaves:1\nmin_slaves_good_slaves:1\n\
         slave0:ip=127.0.0.1,port=7000,state=online,offset={acknowledged},lag=0\n"
    );
    assert_eq!(text(0), head + &tail);
    let head = format!(
        "role:slave\nmaster_host:0\nmaster_port:1\nmaster_link_status:up\nmaster_last_io_seconds_ago:2\n\
         master_sync_in_progress:0\nslave_read_repl_offset:{offset}\nslave_repl_offset:{offset}\n\
         slave_priority:100\nslave_read_only:1\nreplica_announced:1\nconnected_slaves:0\nmin_slaves_good_slaves:0\n"
    );
    assert_eq!(text(1), head + &tail);
    let role = world.nodes[0].replication.role(&address_of);
    assert_eq!(role, Role::Primary { offset, replicas: vec![("127.0.0.1".into(), 7000, acknowledged)] });
    let role = world.nodes[1].replication.role(&address_of);
    assert_eq!(role, Role::Replica { host: "0".into(), port: 1, state: "connected", offset });
}

/// One of the many things that can happen.
fn happen(world: &mut World, count: &mut u32) {
    let nodes = world.nodes.len();
    let node = world.random.usize(..nodes);
    match world.random.u8(..40) {
        0 => world.cut(node, false),
        1 => world.cut(node, true),
        2 => world.unreachable = vec![node],
        3 | 4 => world.unreachable.clear(),
        5 => world.admin(node, |replication, now| replication.promote(now)),
        6 | 7 => {
            let of = world.random.usize(..nodes);
            if of != node {
                world.replicate(node, of);
            }
        }
        8 => world.admin(node, |replication, _| replication.request_acknowledgements()),
        9 => world.nodes[node].replication.settings.diskless = world.random.bool(),
        10 => world.nodes[node].loads_in_place = world.random.bool(),
        11 => world.delay = world.random.i64(0..300),
        _ if !world.nodes[node].replication.is_replica() => {
            *count += 1;
            let (database, length) = (world.random.usize(..3), world.random.usize(..200));
            world.write(node, database, &format!("{node}-{count}-{}", "x".repeat(length)));
        }
        _ => {}
    }
    let pause = world.random.i64(0..20) * world.random.i64(0..20);
    world.run(pause);
}

#[test]
fn whatever_happens_all_agree_in_the_end() {
    let (mut full, mut partial) = (0, 0);
    for seed in 0..60 {
        let mut world = World::new(4, 1000 + seed);
        let mut count = 0;
        for _ in 0..400 {
            happen(&mut world, &mut count);
        }
        world.unreachable.clear();
        world.delay = 20;
        // A tree: each follows one with a lower number.
        world.admin(0, |replication, now| replication.promote(now));
        for node in 1..4 {
            let of = world.random.usize(..node);
            world.replicate(node, of);
        }
        world.run(30_000);
        world.write(0, 1, "the last");
        world.run(2_000);
        assert_alike(&mut world, &[0, 1, 2, 3]);
        full += world.nodes.iter().map(|node| node.replication.counters.full).sum::<u64>();
        partial += world.nodes.iter().map(|node| node.replication.counters.partial).sum::<u64>();
    }
    assert!(full > 300 && partial > 300, "{full} full, {partial} partial: too tame");
}
