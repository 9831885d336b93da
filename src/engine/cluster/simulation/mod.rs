//! Whole clusters under a virtual clock and network: loss, delay, partitions, crashes, restarts, all from seeds.

mod world;

use super::node::{MYSELF, Node};
use super::{Cluster, Settings, Value, key_slot};
use world::{Machine, Simulation, Weather};

const CALM: Weather = Weather { delay_ms: (0, 1), one_lost_of: 0, sync_ms: 5 };
const ROUGH: Weather = Weather { delay_ms: (0, 30), one_lost_of: 300, sync_ms: 20 };

fn settings() -> Settings {
    Settings { node_timeout: 1000, ..Settings::default() }
}

/// Keys in the first, second and last third of the slots.
fn keys() -> [Vec<u8>; 3] {
    [0, 1, 2].map(|shard| {
        let names = (0..).map(|number| format!("key{number}").into_bytes());
        names.into_iter().find(|name| key_slot(name) / 5462 == shard).expect("any slot has keys")
    })
}

/// What a tool does to make 3 primaries with 1 replica each, or more, out of fresh nodes, as fast as it goes.
fn form(simulation: &mut Simulation) {
    let count = simulation.machines.len();
    for primary in 0..3 {
        let (start, end) = (primary * 5462, (primary * 5462 + 5461).min(16383));
        assert_eq!(simulation.command(primary, &format!("addslotsrange {start} {end}")), Value::ok());
        assert_eq!(simulation.command(primary, &format!("set-config-epoch {}", primary + 1)), Value::ok());
    }
    for other in 1..count {
        assert_eq!(simulation.command(0, &format!("meet 10.0.0.{other} {}", 7000 + other)), Value::ok());
    }
    for replica in 3..count {
        let primary = simulation.machines[replica % 3].cluster.myself().id;
        let joined = simulation
            .run_while(5000, |simulation| simulation.command(replica, &format!("replicate {primary}")) != Value::ok());
        assert!(joined.is_some(), "{replica} never heard of its primary");
    }
}

fn formed(seed: u64, count: usize, weather: Weather) -> Simulation {
    let mut simulation = Simulation::new(seed, count, settings(), CALM);
    form(&mut simulation);
    let agreed = simulation.run_while(10_000, |simulation| disagreement(simulation).is_some());
    assert!(agreed.is_some(), "seed {seed}: {:?}", disagreement(&mut simulation));
    simulation.weather = weather;
    simulation
}

/// Why the living nodes don't all see one whole, working cluster; `None` if they do.
fn disagreement(simulation: &mut Simulation) -> Option<String> {
    let alive = simulation.machines.iter().filter(|machine| machine.alive).count();
    let mut first: Option<String> = None;
    for index in 0..simulation.machines.len() {
        let machine = &simulation.machines[index];
        if !machine.alive {
            continue;
        }
        let cluster = &machine.cluster;
        if !cluster.is_ok() {
            return Some(format!("{index} is down"));
        }
        let connected = cluster.nodes().filter(|(index, _)| cluster.is_connected(*index)).count();
        if connected < alive {
            return Some(format!("{index} is connected to {connected} of {alive}"));
        }
        if cluster.nodes().any(|(index, node)| cluster.is_connected(index) && node.is_suspect()) {
            return Some(format!("{index} suspects a node that lives"));
        }
        if let Some(reason) = differs(cluster, &simulation.machines) {
            return Some(format!("{index}: {reason}"));
        }
    }
    // What clients see takes longer to compare: only once the rest is right.
    for index in 0..simulation.machines.len() {
        if !simulation.machines[index].alive {
            continue;
        }
        let slots = simulation.step(index, |cluster, world| (cluster.slots_value(world), Vec::new()));
        let view = sorted(&slots);
        if first.get_or_insert_with(|| view.clone()) != &view {
            return Some(format!("{index} sees {view}, another one {first:?}"));
        }
    }
    let view = first.unwrap_or_default();
    let known = simulation.machines.iter().filter(|machine| machine.alive);
    let mut missing = known.map(|machine| machine.cluster.myself().id).filter(|id| !view.contains(id.as_str()));
    missing.next().map(|id| format!("{id} is in nobody's CLUSTER SLOTS: {view}"))
}

/// Whether a node's roles and slots are those that each living node has in its own view.
fn differs(cluster: &Cluster, machines: &[Machine]) -> Option<String> {
    let name = |cluster: &Cluster, node: &Node| node.replica_of.map(|primary| cluster.node(primary).id);
    for machine in machines.iter().filter(|machine| machine.alive) {
        let own = machine.cluster.myself();
        let Some(known) = cluster.find(&own.id).map(|index| cluster.node(index)) else {
            return Some(format!("does not know {}", own.id));
        };
        if name(cluster, known) != name(&machine.cluster, own) || known.slots != own.slots {
            return Some(format!("takes {} for something else", own.id));
        }
    }
    None
}

/// CLUSTER SLOTS as text, replicas in the order of their names.
fn sorted(slots: &Value) -> String {
    let Value::Array(runs) = slots else {
        return String::new();
    };
    let texts = runs.iter().map(|run| {
        let Value::Array(run) = run else {
            return String::new();
        };
        let mut members: Vec<String> = run.iter().map(|member| format!("{member:?}")).collect();
        members.get_mut(3..).unwrap_or_default().sort();
        members.join(" ")
    });
    texts.map(|text| readable(&text) + "\n").collect()
}

/// Byte strings in debug output, as text.
fn readable(text: &str) -> String {
    let mut out = String::new();
    for part in text.split("Bulk([") {
        match part.split_once("])") {
            Some((bytes, rest)) => {
                let bytes = bytes.split(", ").filter_map(|byte| byte.parse::<u8>().ok()).map(char::from);
                out.extend(bytes);
                out.push_str(rest);
            }
            None => out.push_str(part),
        }
    }
    out
}

/// Goes on with writes to all shards until each was acknowledged within the same millisecond; how long it took.
fn until_served(simulation: &mut Simulation, most_ms: u64) -> Option<u64> {
    simulation.run_while(most_ms, |simulation| keys().iter().any(|key| simulation.write(key) == 0))
}

struct Figures {
    what: &'static str,
    took_ms: Vec<u64>,
}

impl Figures {
    fn new(what: &'static str) -> Self {
        Self { what, took_ms: Vec::new() }
    }

    /// Prints and returns the longest.
    fn report(mut self) -> u64 {
        self.took_ms.sort_unstable();
        let (count, most) = (self.took_ms.len(), *self.took_ms.last().expect("a figure"));
        let (least, median) = (self.took_ms[0], self.took_ms[count / 2]);
        eprintln!("{}: least {least} ms, median {median} ms, most {most} ms of {count}", self.what);
        most
    }
}

#[test]
fn three_shards_of_two_form_in_half_a_second() {
    let mut figures = Figures::new("3 x 2 nodes agree after");
    for seed in 0..100 {
        let mut simulation = Simulation::new(seed, 6, settings(), CALM);
        form(&mut simulation);
        let rest = simulation.run_while(5000, |simulation| disagreement(simulation).is_some());
        assert!(rest.is_some(), "seed {seed}: {:?}", disagreement(&mut simulation));
        figures.took_ms.push(simulation.now - world::START);
    }
    assert!(figures.report() <= 500);
}

#[test]
fn thirty_nodes_form_as_well() {
    let mut figures = Figures::new("30 nodes agree after");
    for seed in 0..3 {
        let simulation = formed(seed, 30, CALM);
        figures.took_ms.push(simulation.now - world::START);
    }
    assert!(figures.report() <= 2000);
}

#[test]
fn a_killed_primary_is_replaced_soon() {
    let mut figures = Figures::new("writes stop after kill -9 (node timeout 1000 ms) for");
    for seed in 0..100 {
        let mut simulation = formed(seed, 6, CALM);
        simulation.run_for(2000 + seed * 7);
        simulation.kill((seed % 3) as usize);
        let took = until_served(&mut simulation, 10_000);
        figures.took_ms.push(took.unwrap_or_else(|| panic!("seed {seed}: never served again")));
    }
    assert!(figures.report() <= 1300);
}

#[test]
fn a_killed_primary_of_three_replicas_is_replaced_soon() {
    let mut figures = Figures::new("writes stop after kill -9 of a primary with 3 replicas for");
    for seed in 0..50 {
        let mut simulation = formed(seed, 12, CALM);
        simulation.run_for(1500 + seed * 7);
        simulation.kill((seed % 3) as usize);
        let took = until_served(&mut simulation, 10_000);
        figures.took_ms.push(took.unwrap_or_else(|| panic!("seed {seed}: never served again")));
    }
    assert!(figures.report() <= 1300);
}

#[test]
fn a_manual_failover_loses_nothing_and_is_short() {
    let mut figures = Figures::new("CLUSTER FAILOVER stops writes for");
    for seed in 0..100 {
        let mut simulation = formed(seed, 6, CALM);
        let (replica, key) = (3 + (seed % 3) as usize, &keys()[(seed % 3) as usize]);
        for _ in 0..50 {
            simulation.write(key);
            simulation.run_for(1);
        }
        assert_eq!(simulation.command(replica, "failover"), Value::ok());
        let promoted = simulation.run_while(5000, |simulation| {
            simulation.write(key);
            simulation.machines[replica].cluster.is_replica()
        });
        assert!(promoted.is_some(), "seed {seed}: not promoted");
        for _ in 0..50 {
            simulation.write(key);
            simulation.run_for(1);
        }
        let acknowledged = simulation.acknowledged.iter().filter(|write| write.slot == key_slot(key));
        let acknowledged: Vec<_> = acknowledged.copied().collect();
        let log = &simulation.machines[replica].log;
        for write in &acknowledged {
            assert!(log.contains(&write.id), "seed {seed}: lost {write:?}");
        }
        let gaps = acknowledged.windows(2).map(|pair| pair[1].at - pair[0].at);
        figures.took_ms.push(gaps.max().expect("writes"));
        let old = &simulation.machines[replica - 3].cluster;
        assert_eq!(old.myself().replica_of.map(|primary| old.node(primary).port), Some(7000 + replica as u16));
    }
    assert!(figures.report() <= 20);
}

#[test]
fn failovers_by_force_and_takeover_work_without_the_primary() {
    for (seed, how) in [(1, "failover force"), (2, "failover takeover")] {
        let mut simulation = formed(seed, 6, CALM);
        simulation.kill(0);
        simulation.run_for(10);
        assert_eq!(simulation.command(3, how), Value::ok());
        let served = simulation.run_while(100, |simulation| simulation.write(&keys()[0]) == 0);
        assert!(served.is_some_and(|took| took <= 60), "{how}: {served:?}");
    }
}

#[test]
fn a_restarted_primary_follows_who_replaced_it() {
    for seed in 0..30 {
        let mut simulation = formed(seed, 6, CALM);
        simulation.kill(1);
        assert!(until_served(&mut simulation, 5000).is_some());
        simulation.restart(1);
        let agreed = simulation.run_while(10_000, |simulation| disagreement(simulation).is_some());
        assert!(agreed.is_some(), "seed {seed}: {:?}", disagreement(&mut simulation));
        assert!(simulation.machines[1].cluster.is_replica());
    }
}

#[test]
fn a_cluster_that_was_stopped_comes_back_as_it_was() {
    let mut figures = Figures::new("all 6 nodes restarted agree after");
    for seed in 0..30 {
        let mut simulation = formed(seed, 6, CALM);
        simulation.run_for(100);
        (0..6).for_each(|index| simulation.kill(index));
        simulation.run_for(5000);
        (0..6).for_each(|index| simulation.restart(index));
        let agreed = simulation.run_while(10_000, |simulation| disagreement(simulation).is_some());
        figures.took_ms.push(agreed.unwrap_or_else(|| panic!("seed {seed}: {:?}", disagreement(&mut simulation))));
        assert!((0..3).all(|index| !simulation.machines[index].cluster.is_replica()));
    }
    assert!(figures.report() <= 1000);
}

#[test]
fn an_orphaned_primary_gets_a_replica_of_another_one() {
    let mut simulation = formed(4, 7, CALM);
    simulation.kill(4);
    let moved = simulation.run_while(12_000, |simulation| {
        [3, 6].iter().all(|index| {
            let cluster = &simulation.machines[*index].cluster;
            cluster.my_primary().is_some_and(|primary| primary.port == 7000)
        })
    });
    assert!(moved.is_some_and(|took| took > 5000), "{moved:?}");
    simulation.run_for(1000);
    assert_eq!(disagreement(&mut simulation), None);
}

#[test]
fn a_minority_serves_nothing_and_rejoins() {
    for seed in 0..30 {
        let mut simulation = formed(seed, 6, CALM);
        simulation.groups = vec![1, 0, 0, 0, 0, 0];
        simulation.run_for(3000);
        assert!(!simulation.machines[0].cluster.is_ok());
        assert!(!simulation.machines[3].cluster.is_replica(), "seed {seed}: its replica took over");
        simulation.groups = vec![0; 6];
        let agreed = simulation.run_while(10_000, |simulation| disagreement(simulation).is_some());
        assert!(agreed.is_some(), "seed {seed}: {:?}", disagreement(&mut simulation));
        assert_eq!(simulation.machines[0].cluster.myself().replica_of.map(|node| node != MYSELF), Some(true));
    }
}

#[test]
fn a_quiet_cluster_does_little() {
    for dead in [None, Some(0), Some(4)] {
        let mut simulation = formed(9, 6, CALM);
        dead.into_iter().for_each(|index| simulation.kill(index));
        simulation.run_for(10_000);
        let before = simulation.machines[1].steps;
        simulation.run_for(10_000);
        let a_second = (simulation.machines[1].steps - before) / 10;
        assert!(a_second < 200, "{a_second} steps a second with {dead:?} dead");
    }
}

/// One thing that goes wrong, or right again.
fn disturb(simulation: &mut Simulation) {
    let count = simulation.machines.len();
    let index = simulation.rng.usize(..count);
    match simulation.rng.u8(..10) {
        0..=2 if simulation.machines[index].alive => simulation.kill(index),
        0..=5 => {
            if !simulation.machines[index].alive {
                simulation.restart(index);
            }
        }
        6 => {
            let groups = (0..count).map(|_| simulation.rng.u8(..2)).collect();
            simulation.groups = groups;
        }
        7 => simulation.groups = vec![0; count],
        8 if simulation.machines[index].alive => {
            let how = if simulation.rng.bool() { "failover" } else { "failover force" };
            simulation.command(index, how);
        }
        _ => simulation.weather.one_lost_of = [0, 50, 300][simulation.rng.usize(..3)],
    }
}

#[test]
fn whatever_happens_no_epoch_has_two_owners_and_all_agree_in_the_end() {
    let (mut acknowledged, mut figures) = (0, Figures::new("after everything is well again all agree after"));
    for seed in 0..120 {
        let mut simulation = formed(seed, 6 + (seed % 4) as usize, ROUGH);
        for _ in 0..15 {
            disturb(&mut simulation);
            for _ in 0..20 {
                keys().iter().for_each(|key| {
                    simulation.write(key);
                });
                let pause = simulation.rng.u64(1..100);
                simulation.run_for(pause);
            }
        }
        simulation.weather = CALM;
        simulation.groups.fill(0);
        for index in 0..simulation.machines.len() {
            if !simulation.machines[index].alive {
                simulation.restart(index);
            }
        }
        let agreed = simulation.run_while(40_000, |simulation| {
            simulation.run_for(19);
            keys().iter().any(|key| simulation.write(key) != 1) || disagreement(simulation).is_some()
        });
        figures.took_ms.push(agreed.unwrap_or_else(|| panic!("seed {seed}: {:?}", disagreement(&mut simulation))));
        acknowledged += simulation.acknowledged.len();
    }
    eprintln!("{acknowledged} writes were acknowledged");
    figures.report();
}
