//! Clusters that are made, changed and deleted, and those that can't be made.

use super::*;

#[tokio::test]
async fn nine_nodes_form_a_cluster() {
    let Some(mut cloud) = Cloud::new("form") else { return };
    let begun = Instant::now();
    let report = cloud.form(&wanted(1, 17100, 3, 2)).await;
    println!("9 nodes formed in {:?}", begun.elapsed());
    assert_eq!(report.failure, None);
    assert_eq!(primaries(&report), BTreeSet::from(["test-0001-001", "test-0002-001", "test-0003-001"]));
    for node in report.nodes.values() {
        assert!(node.ready);
        let view = view(node).await;
        let slots: usize =
            view.nodes.iter().flat_map(|seen| &seen.slots).map(|r| usize::from(r.last - r.first) + 1).sum();
        assert_eq!((view.nodes.len(), slots), (9, 16384));
        let replicas = view.nodes.iter().filter(|seen| seen.replica_of.is_some()).count();
        assert_eq!(replicas, 6);
    }
    let first = Link::new(report.nodes["test-0001-001"].address);
    let policy = first.ask::<Vec<String>>(&["CONFIG", "GET", "maxmemory-policy"]).await.unwrap();
    assert_eq!(policy[1], "volatile-lru");
    let timeout = first.ask::<Vec<String>>(&["CONFIG", "GET", "cluster-node-timeout"]).await.unwrap();
    assert_eq!(timeout[1], "2000");
    let endpoint = Link::new(report.endpoint.unwrap());
    assert!(endpoint.ask::<String>(&["CLUSTER", "INFO"]).await.unwrap().contains("cluster_state:ok"));
    // A parameter that goes away is set back.
    cloud.form(&WantedCluster { parameters: BTreeMap::new(), ..wanted(2, 17100, 3, 2) }).await;
    let policy = first.ask::<Vec<String>>(&["CONFIG", "GET", "maxmemory-policy"]).await.unwrap();
    assert_eq!(policy[1], "noeviction");
    cloud.stop().await;
    assert_eq!(cloud.processes(), [] as [u32; 0]);
}

#[tokio::test]
async fn on_one_address_every_node_has_its_port() {
    let Some(mut cloud) = Cloud::new("one-address") else {
        return;
    };
    cloud.stop().await;
    cloud.one_address = true;
    cloud.serve();
    let report = cloud.form(&wanted(1, 17210, 3, 1)).await;
    let ports: BTreeSet<u16> = report.nodes.values().map(|node| node.address.port()).collect();
    assert_eq!(ports.len(), 6);
    assert!(report.nodes.values().all(|node| node.address.ip() == std::net::IpAddr::from([127, 0, 0, 1])));
    Client::of(&report).write(20).await;
    let endpoint = Link::new(report.endpoint.unwrap());
    assert!(endpoint.ask::<String>(&["CLUSTER", "INFO"]).await.unwrap().contains("cluster_state:ok"));
    cloud.stop().await;
}

#[tokio::test]
async fn two_local_clouds_share_a_machine_and_a_port() {
    let (Some(mut one), Some(mut two)) = (Cloud::new("side-a"), Cloud::new("side-b")) else {
        return;
    };
    one.want(Some(wanted(1, 17220, 2, 1)));
    two.want(Some(wanted(1, 17220, 2, 1)));
    let (first, second) = (one.reached(1).await, two.reached(1).await);
    let addresses = first.nodes.values().chain(second.nodes.values()).map(|node| node.address);
    assert_eq!(addresses.collect::<BTreeSet<_>>().len(), 8);
    assert_ne!(first.endpoint, second.endpoint);
    Client::of(&first).ask(&["SET", "whose", "first"]).await;
    assert_eq!(Client::of(&second).ask(&["GET", "whose"]).await, None);
    one.stop().await;
    two.stop().await;
}

#[tokio::test]
async fn replicas_come_and_go() {
    let Some(mut cloud) = Cloud::new("replicas") else {
        return;
    };
    let client = Client::of(&cloud.form(&wanted(1, 17110, 2, 0)).await);
    client.write(200).await;
    let report = cloud.form(&wanted(2, 17110, 2, 2)).await;
    assert_eq!((report.nodes.len(), primaries(&report).len(), all_ready(&report)), (6, 2, true));
    // The primary of the first shard is the one to go: a replica that stays takes over first.
    let mut fewer = wanted(3, 17110, 2, 2);
    fewer.shards[0].nodes.remove(0);
    fewer.shards[1].nodes.truncate(1);
    let report = cloud.form(&fewer).await;
    assert_eq!(report.nodes.len(), 3);
    assert!(primaries(&report).contains("test-0002-001"));
    assert!(!cloud.node_folder("test-0001-001").exists());
    assert_eq!(cloud.processes().len(), 3);
    for node in report.nodes.values() {
        assert_eq!(view(node).await.nodes.len(), 3);
    }
    Client::of(&report).check(200).await;
    cloud.stop().await;
}

#[tokio::test]
async fn shards_come_and_go_with_their_keys_while_clients_write() {
    let Some(mut cloud) = Cloud::new("shards") else { return };
    let client = Client::of(&cloud.form(&wanted(1, 17120, 2, 1)).await);
    client.write(3000).await;
    cloud.want(Some(wanted(2, 17120, 3, 1)));
    let begun = Instant::now();
    let mut written = 0;
    while cloud.report.borrow().clusters[&key()].reached != 2 {
        assert!(begun.elapsed() < DEADLINE, "{:?}", cloud.report.borrow());
        client.ask(&["SET", &format!("meanwhile:{written}"), "x"]).await;
        assert_eq!(client.ask(&["GET", &format!("meanwhile:{written}")]).await.as_deref(), Some("x"));
        written += 1;
    }
    println!("a shard more in {:?}, with {written} keys written meanwhile", begun.elapsed());
    let report = cloud.reached(2).await;
    assert_eq!((report.nodes.len(), primaries(&report).len()), (6, 3));
    client.check(3000).await;
    let begun = Instant::now();
    let report = cloud.form(&wanted(3, 17120, 2, 1)).await;
    println!("a shard less in {:?}", begun.elapsed());
    assert_eq!((report.nodes.len(), cloud.processes().len()), (4, 4));
    let client = Client::of(&report);
    client.check(3000).await;
    for n in 0..written {
        assert_eq!(client.ask(&["GET", &format!("meanwhile:{n}")]).await.as_deref(), Some("x"));
    }
    cloud.stop().await;
}

#[tokio::test]
async fn deletion_leaves_no_process_and_no_folder() {
    let Some(mut cloud) = Cloud::new("delete") else { return };
    cloud.form(&wanted(1, 17170, 3, 1)).await;
    let nodes: Vec<(u32, PathBuf)> = wanted(1, 0, 3, 1)
        .shards
        .iter()
        .flat_map(|s| &s.nodes)
        .map(|n| (cloud.pid(&n.id), cloud.node_folder(&n.id)))
        .collect();
    let begun = Instant::now();
    cloud.want(None);
    cloud.until("the end", |report| report.is_none()).await;
    println!("deleted in {:?}", begun.elapsed());
    assert!(nodes.iter().all(|(pid, folder)| !is_ours(*pid, folder) && !folder.exists()));
    assert!(!cloud.folder.path().join("clusters/us-east-1").exists());
    cloud.stop().await;
}

#[tokio::test]
async fn what_was_left_over_is_cleared_away() {
    let Some(mut cloud) = Cloud::new("left-over") else {
        return;
    };
    cloud.form(&wanted(1, 17180, 1, 0)).await;
    cloud.kill_server();
    cloud.serve();
    cloud.want(None);
    let folder = cloud.folder.path().join("clusters/us-east-1");
    let deadline = Instant::now() + DEADLINE;
    while folder.exists() {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(cloud.processes(), [] as [u32; 0]);
    cloud.stop().await;
}

#[tokio::test]
async fn a_cluster_whose_memory_is_torn_can_be_deleted() {
    let Some(mut cloud) = Cloud::new("torn-memory") else { return };
    let cluster = wanted(1, 17187, 2, 0);
    cloud.form(&cluster).await;
    cloud.kill_server();
    let folder = cloud.folder.path().join("clusters/us-east-1/test");
    let nodes: Vec<(u32, PathBuf)> =
        ["test-0001-001", "test-0002-001"].iter().map(|node| (cloud.pid(node), cloud.node_folder(node))).collect();
    std::fs::write(folder.join("cluster.json"), "{").unwrap();
    cloud.serve();
    cloud.want(Some(cluster));
    cloud.until("the failure", |report| report.is_some_and(|report| report.failure.is_some())).await;
    cloud.want(None);
    cloud.until("the end", |report| report.is_none()).await;
    assert!(nodes.iter().all(|(pid, folder)| !is_ours(*pid, folder)));
    assert!(!folder.exists());
    cloud.stop().await;
}

#[tokio::test]
async fn a_cluster_made_anew_inherits_nothing() {
    let Some(mut cloud) = Cloud::new("anew") else { return };
    Client::of(&cloud.form(&wanted(1, 17185, 2, 0)).await).write(20).await;
    // Deleted and created between two looks.
    let again = |generation| WantedCluster { created: generation, ..wanted(generation, 17185, 2, 0) };
    let report = cloud.form(&again(2)).await;
    assert_eq!(Client::of(&report).ask(&["GET", "key:7"]).await, None);
    Client::of(&report).write(20).await;
    // And while no server ran.
    cloud.kill_server();
    cloud.serve();
    let report = cloud.form(&again(3)).await;
    assert_eq!(Client::of(&report).ask(&["GET", "key:7"]).await, None);
    assert_eq!(cloud.processes().len(), 2);
    cloud.stop().await;
}

#[tokio::test]
async fn a_missing_engine_is_told() {
    let folder = TestFolder::new("no-engine");
    let search_path = folder.path().as_os_str().to_owned();
    let mut cloud = Cloud::with(folder, search_path);
    cloud.want(Some(wanted(1, 17190, 1, 0)));
    let report = cloud.until("the failure", |report| report.is_some_and(|report| report.failure.is_some())).await;
    assert!(report.failure.unwrap().starts_with("no redis-server and no valkey-server in PATH: install one"));
    cloud.stop().await;
}

#[tokio::test]
async fn an_engine_that_does_not_start_is_told_with_its_last_words() {
    use std::os::unix::fs::PermissionsExt;
    let folder = TestFolder::new("bad-engine");
    let program = folder.path().join("redis-server");
    std::fs::write(&program, "#!/bin/sh\necho 'out of order'\nexit 3\n").unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let search_path = folder.path().as_os_str().to_owned();
    let mut cloud = Cloud::with(folder, search_path);
    cloud.want(Some(wanted(1, 17195, 1, 0)));
    let report = cloud.until("the failure", |report| report.is_some_and(|report| report.failure.is_some())).await;
    assert_eq!(report.failure.unwrap(), "node test-0001-001 does not start; the last that it wrote:\nout of order");
    cloud.stop().await;
}

#[tokio::test]
async fn a_name_that_leads_elsewhere_is_refused() {
    let folder = TestFolder::new("names");
    let mut cloud = Cloud::with(folder, OsString::new());
    let evil = ClusterKey { region: "../..".to_owned(), ..key() };
    cloud.wanted.send_replace(Wanted {
        clusters: BTreeMap::from([(evil.clone(), wanted(1, 17197, 1, 0))]),
        ..Wanted::default()
    });
    let refused = cloud.report.wait_for(|report| report.clusters.contains_key(&evil));
    let report = tokio::time::timeout(DEADLINE, refused).await.unwrap().unwrap().clone();
    assert!(report.clusters[&evil].failure.is_some());
    cloud.want(None);
    let forgotten = cloud.report.wait_for(|report| report.clusters.is_empty());
    assert!(tokio::time::timeout(DEADLINE, forgotten).await.is_ok());
    cloud.stop().await;
}

#[tokio::test]
async fn a_supervisor_that_fails_is_replaced() {
    let folder = TestFolder::new("panic");
    let shared = Shared {
        engine: EngineChoice::None,
        search_path: OsString::new(),
        node_timeout: NODE_TIMEOUT,
        snapshots: folder.path().join(SNAPSHOTS),
        log: Log::nowhere(),
        book: AddressBook::new(true),
        report: watch::channel(FleetReport::default()).0,
    };
    let (shared, folder) = (Arc::new(shared), folder.path().to_owned());
    let keeper = Keeper::new(shared.snapshots.clone(), folder.clone(), shared.report.clone(), Log::nowhere());
    let mut fleet =
        Fleet { shared, keeper, folder, orders: BTreeMap::new(), tasks: JoinSet::new(), keys: HashMap::new() };
    let mut report = fleet.shared.report.subscribe();
    let clusters = Wanted { clusters: BTreeMap::from([(key(), wanted(1, 17199, 1, 0))]), ..Wanted::default() };
    let task = fleet.tasks.spawn(async { panic!("as a test") });
    fleet.keys.insert(task.id(), key());
    fleet.orders.insert(key(), watch::channel(Order::Keep(wanted(1, 17199, 1, 0))).0);
    let ended = fleet.tasks.join_next_with_id().await.unwrap();
    fleet.ended(ended, &clusters);
    let tells = |report: &FleetReport| report.clusters.get(&key()).is_some_and(|report| report.failure.is_some());
    assert!(tokio::time::timeout(DEADLINE, report.wait_for(tells)).await.is_ok());
    fleet.stand_down().await;
}
