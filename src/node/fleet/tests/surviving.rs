//! Nodes and servers that die, and what is left of their data.

use super::*;

#[tokio::test]
async fn a_killed_primary_comes_back_as_a_replica_and_nothing_is_lost() {
    let Some(mut cloud) = Cloud::new("killed") else { return };
    let before = cloud.form(&wanted(1, 17130, 3, 1)).await;
    Client::of(&before).write(300).await;
    let (victim, heir) = ("test-0001-001", "test-0001-002");
    let pid = cloud.pid(victim);
    let begun = Instant::now();
    kill(pid);
    let ready = |report: Option<&ClusterReport>, name: &str| report.is_some_and(|report| report.nodes[name].ready);
    cloud.until("the loss", |report| !ready(report, victim)).await;
    cloud.until("the failover", |report| report.is_some_and(|report| report.nodes[heir].primary)).await;
    println!("failover after {:?}", begun.elapsed());
    let after = cloud.until("the return", |report| report.is_some_and(all_ready)).await;
    println!("all ready after {:?}", begun.elapsed());
    assert!(!after.nodes[victim].primary);
    assert_eq!(after.nodes[victim].address, before.nodes[victim].address);
    assert_ne!(cloud.pid(victim), pid);
    Client::of(&after).check(300).await;
    // A replica is back at once.
    kill(cloud.pid(victim));
    cloud.until("the second loss", |report| !ready(report, victim)).await;
    cloud.until("the second return", |report| report.is_some_and(all_ready)).await;
    cloud.stop().await;
}

#[tokio::test]
async fn a_killed_primary_of_the_only_shard_is_succeeded_too() {
    let Some(mut cloud) = Cloud::new("single") else { return };
    let before = cloud.form(&wanted(1, 17140, 1, 1)).await;
    Client::of(&before).write(50).await;
    kill(cloud.pid("test-0001-001"));
    cloud.until("the takeover", |report| report.is_some_and(|report| report.nodes["test-0001-002"].primary)).await;
    let after =
        cloud.until("the return", |report| report.is_some_and(|r| all_ready(r) && primaries(r).len() == 1)).await;
    Client::of(&after).check(50).await;
    cloud.stop().await;
}

#[tokio::test]
async fn nodes_outlive_a_killed_server_and_are_adopted() {
    let Some(mut cloud) = Cloud::new("adopt") else { return };
    let cluster = wanted(1, 17150, 3, 1);
    let before = cloud.form(&cluster).await;
    Client::of(&before).write(100).await;
    let pids: BTreeSet<u32> = cloud.processes().into_iter().collect();
    cloud.kill_server();
    cloud.serve();
    let begun = Instant::now();
    let after = cloud.form(&cluster).await;
    println!("adopted in {:?}", begun.elapsed());
    assert_eq!(cloud.processes().into_iter().collect::<BTreeSet<u32>>(), pids);
    assert_eq!(primaries(&after), primaries(&before));
    assert_eq!(after.endpoint, before.endpoint);
    Client::of(&after).check(100).await;
    // An adopted node that dies is noticed as well.
    kill(cloud.pid("test-0002-002"));
    cloud.until("the loss", |report| report.is_some_and(|report| !report.nodes["test-0002-002"].ready)).await;
    cloud.until("the return", |report| report.is_some_and(all_ready)).await;
    cloud.stop().await;
    assert_eq!(cloud.processes(), [] as [u32; 0]);
}

#[tokio::test]
async fn a_primary_that_died_while_no_server_ran_does_not_empty_its_replica() {
    let Some(mut cloud) = Cloud::new("absent") else { return };
    let cluster = wanted(1, 17155, 2, 1);
    let before = cloud.form(&cluster).await;
    Client::of(&before).write(100).await;
    let (victim, pid) = (cloud.node_folder("test-0001-001"), cloud.pid("test-0001-001"));
    cloud.kill_server();
    kill(pid);
    let deadline = Instant::now() + DEADLINE;
    while is_ours(pid, &victim) {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    cloud.serve();
    let after = cloud.form(&cluster).await;
    assert_eq!(primaries(&after), BTreeSet::from(["test-0001-002", "test-0002-001"]));
    Client::of(&after).check(100).await;
    cloud.stop().await;
}

#[tokio::test]
async fn an_orderly_stop_keeps_keys_ids_and_addresses() {
    let Some(mut cloud) = Cloud::new("stop") else { return };
    let cluster = wanted(1, 17160, 3, 1);
    let before = cloud.form(&cluster).await;
    Client::of(&before).write(300).await;
    let ids = |view: View| view.nodes.into_iter().map(|seen| (seen.id, seen.address)).collect::<BTreeSet<_>>();
    let ids_before = ids(view(&before.nodes["test-0001-001"]).await);
    let begun = Instant::now();
    cloud.stop().await;
    println!("stopped in {:?}", begun.elapsed());
    assert_eq!(cloud.processes(), [] as [u32; 0]);
    cloud.serve();
    let begun = Instant::now();
    let after = cloud.form(&cluster).await;
    println!("back in {:?}", begun.elapsed());
    let addresses = |report: &ClusterReport| -> BTreeMap<String, SocketAddr> {
        report.nodes.iter().map(|(name, node)| (name.clone(), node.address)).collect()
    };
    assert_eq!(addresses(&after), addresses(&before));
    assert_eq!(ids(view(&after.nodes["test-0001-001"]).await), ids_before);
    Client::of(&after).check(300).await;
    cloud.stop().await;
}

#[tokio::test]
async fn a_primary_that_kept_nothing_gets_what_its_replica_kept() {
    let Some(mut cloud) = Cloud::new("unkept") else { return };
    let cluster = wanted(1, 17165, 2, 1);
    Client::of(&cloud.form(&cluster).await).write(100).await;
    // Before anybody fails over.
    kill(cloud.pid("test-0001-001"));
    cloud.stop().await;
    cloud.serve();
    cloud.form(&cluster).await;
    let after = cloud.until("all nodes", |report| report.is_some_and(all_ready)).await;
    Client::of(&after).check(100).await;
    cloud.stop().await;
}

#[tokio::test]
async fn a_node_whose_address_was_taken_meanwhile_moves_and_keeps_its_keys() {
    let Some(mut cloud) = Cloud::new("taken") else { return };
    let cluster = wanted(1, 17230, 3, 0);
    let before = cloud.form(&cluster).await;
    Client::of(&before).write(50).await;
    cloud.stop().await;
    let taken = before.nodes["test-0002-001"].address;
    let _other = std::net::TcpListener::bind(taken).unwrap();
    cloud.serve();
    let after = cloud.form(&cluster).await;
    assert_ne!(after.nodes["test-0002-001"].address, taken);
    let after = cloud.until("all nodes", |report| report.is_some_and(all_ready)).await;
    Client::of(&after).check(50).await;
    cloud.stop().await;
}
