//! Real redis-server nodes as peers: they take ours for one of theirs, and we see what they do. Skipped where there
//! is none.

mod driver;
mod server;

use super::{Cluster, Settings, Value};
use driver::Driver;
use server::{Server, free_ports, is_installed};

async fn ours() -> Driver {
    let [port, bus_port] = free_ports();
    let settings = Settings { node_timeout: 1000, port, bus_port, ..Settings::default() };
    Driver::start(settings, u64::from(port)).await
}

fn ok(driver: &mut Driver, command: &str) {
    assert_eq!(driver.command(command), Value::ok(), "{command}");
}

/// Our node meets all of theirs, and goes on until all see each other.
async fn meet(driver: &mut Driver, servers: &[Server]) {
    for server in servers {
        ok(driver, &format!("meet 127.0.0.1 {} {}", server.port, server.bus_port()));
    }
    let count = servers.len() + 1;
    driver
        .until("all know all", 10, |driver| {
            let connected = |nodes: String| nodes.lines().filter(|line| line.contains(" connected")).count();
            let handshakes = |nodes: &str| nodes.contains("handshake");
            let all = |nodes: String| !handshakes(&nodes) && connected(nodes) == count;
            all(driver.cluster.nodes_text()) && servers.iter().all(|server| all(server.ask("CLUSTER NODES")))
        })
        .await;
}

#[tokio::test]
async fn real_nodes_take_ours_for_one_of_theirs() {
    if !is_installed() {
        return;
    }
    let mut driver = ours().await;
    let mut servers = [Server::start(None), Server::start(None), Server::start(None)];
    let own = driver.cluster.myself().id.to_string();
    ok(&mut driver, "addslotsrange 0 8191");
    ok(&mut driver, "set-config-epoch 1");
    servers[0].ok("CLUSTER ADDSLOTSRANGE 8192 12000");
    servers[0].ok("CLUSTER SET-CONFIG-EPOCH 2");
    servers[1].ok("CLUSTER ADDSLOTSRANGE 12001 16383");
    servers[1].ok("CLUSTER SET-CONFIG-EPOCH 3");
    meet(&mut driver, &servers).await;

    // Ours has its slots in their view, and they send clients to it.
    driver
        .until("all is well", 10, |driver| {
            let well = |server: &Server| server.ask("CLUSTER INFO").contains("cluster_state:ok");
            driver.cluster.is_ok() && servers.iter().all(well)
        })
        .await;
    let line = servers[2].line(&own);
    assert!(line.contains(" master - ") && line.ends_with(" 1 connected 0-8191"), "{line}");
    let moved = format!("-MOVED 3300 127.0.0.1:{}", driver.cluster.myself().port);
    assert_eq!(servers[0].ask("GET b"), moved);

    // Publishing goes both ways.
    servers[1].ask("PUBLISH news hello");
    driver
        .until("a message from theirs", 5, |driver| driver.published == [(b"news".to_vec(), b"hello".to_vec())])
        .await;

    // Their replica takes over from their primary: by agreement, with our vote.
    let (primary, replica) = (servers[1].id(), servers[2].id());
    servers[2].ok(&format!("CLUSTER REPLICATE {primary}"));
    driver
        .until("a replica in sync", 10, |_| servers[2].ask("INFO replication").contains("master_link_status:up"))
        .await;
    let is_replica = |server: &Server, id: &str| server.line(id).contains(" slave ");
    driver.until("a known replica", 5, |_| is_replica(&servers[1], &replica)).await;
    servers[2].ok("CLUSTER FAILOVER");
    let serves = |driver: &Driver, id: &str| {
        driver.cluster.nodes_text().lines().any(|line| line.starts_with(id) && line.ends_with("12001-16383"))
    };
    driver.until("a manual failover", 10, |driver| serves(driver, &replica)).await;
    assert!(driver.log.iter().any(|line| line.starts_with(&format!("Failover auth granted to {replica}"))));

    // And back when it dies: we agree that it failed, and vote.
    driver
        .until("a replica in sync", 10, |_| servers[1].ask("INFO replication").contains("master_link_status:up"))
        .await;
    servers[2].kill();
    driver
        .until("a failed primary", 10, |driver| {
            driver.cluster.nodes_text().lines().any(|line| line.starts_with(&replica) && line.contains("master,fail "))
        })
        .await;
    driver.until("a failover", 15, |driver| serves(driver, &primary)).await;
    driver.until("all is well again", 10, |driver| driver.cluster.is_ok()).await;
}

#[tokio::test]
async fn ours_takes_over_from_a_real_primary() {
    if !is_installed() {
        return;
    }
    let mut driver = ours().await;
    let mut servers = [Server::start(None), Server::start(None), Server::start(None)];
    for (index, slots) in ["0 5000", "5001 11000", "11001 16383"].iter().enumerate() {
        servers[index].ok(&format!("CLUSTER ADDSLOTSRANGE {slots}"));
        servers[index].ok(&format!("CLUSTER SET-CONFIG-EPOCH {}", index + 1));
    }
    meet(&mut driver, &servers).await;
    let own = driver.cluster.myself().id.to_string();
    driver.offset = 1;
    let primary = servers[0].id();
    ok(&mut driver, &format!("replicate {primary}"));
    driver.until("they see a replica", 5, |_| servers.iter().all(|server| server.line(&own).contains(" slave "))).await;
    servers[0].kill();
    driver.until("an election won", 5, |driver| !driver.cluster.is_replica()).await;
    driver
        .until("they believe it", 5, |_| {
            servers[1..].iter().all(|server| server.line(&own).ends_with(" connected 0-5000"))
        })
        .await;
    driver.until("all is well", 5, |_| servers[1].ask("CLUSTER INFO").contains("cluster_state:ok")).await;
    assert_eq!(driver.cluster.myself().slots.len(), 5001);
}

#[tokio::test]
async fn each_reads_the_others_nodes_conf() {
    if !is_installed() {
        return;
    }
    let mut driver = ours().await;
    let server = Server::start(None);
    ok(&mut driver, "addslotsrange 0 99");
    server.ok("CLUSTER ADDSLOTSRANGE 100 16383");
    meet(&mut driver, std::slice::from_ref(&server)).await;
    ok(&mut driver, &format!("setslot 5 migrating {}", server.id()));
    let own = driver.cluster.myself().id.to_string();
    driver.until("they know our slots", 5, |_| server.line(&own).ends_with(" 0-99")).await;

    let theirs = Cluster::load(Settings::default(), &server.conf(), 1).unwrap();
    assert_eq!(theirs.myself().id.to_string(), server.id());
    assert_eq!(theirs.myself().slots.ranges(), [(100, 16383)]);

    let heir = Server::start(Some(&driver.conf));
    assert_eq!(heir.id(), own);
    let line = heir.line(&own);
    assert!(line.ends_with(&format!(" 0-99 [5->-{}]", server.id())), "{line}");
    assert!(heir.line(&server.id()).ends_with(" 100-16383"));
}
