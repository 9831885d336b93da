//! Snapshots of real nodes, and clusters that start with them.

use super::*;
use crate::node::fleet::snapshot::Note;
use crate::node::wanted::{SnapshotKey, SnapshotReport, WantedData, WantedSnapshot};

fn keep() -> SnapshotKey {
    SnapshotKey { region: "us-east-1".to_owned(), name: "keep".to_owned() }
}

fn snapshot_of(cluster: &WantedCluster) -> WantedSnapshot {
    let members = |shard: &WantedShard| shard.nodes.iter().map(|node| node.id.clone()).collect();
    let shards = cluster.shards.iter().map(|shard| (shard.id.clone(), members(shard))).collect();
    WantedSnapshot { created: 5, is_taken: false, copy_of: None, cluster: key(), shards }
}

/// The cluster as another one that is to have the snapshot's data.
fn again(cluster: WantedCluster, created: u64) -> WantedCluster {
    let data = Some(WantedData { snapshot: "keep".to_owned(), created: 5 });
    WantedCluster { created, generation: created, data, ..cluster }
}

impl Cloud {
    fn want_both(&self, cluster: Option<&WantedCluster>, snapshot: Option<&WantedSnapshot>) {
        let clusters = cluster.into_iter().map(|cluster| (key(), cluster.clone())).collect();
        let snapshots = snapshot.into_iter().map(|snapshot| (keep(), snapshot.clone())).collect();
        self.wanted.send_replace(Wanted { clusters, snapshots });
    }

    async fn snapshot(&mut self) -> SnapshotReport {
        let told = self.report.wait_for(|report| report.snapshots.contains_key(&keep()));
        tokio::time::timeout(DEADLINE, told).await.unwrap().unwrap().snapshots[&keep()].clone()
    }

    fn snapshot_folder(&self) -> PathBuf {
        self.folder.path().join("snapshots/us-east-1/keep")
    }

    /// Takes the snapshot of the cluster, and ends that.
    async fn keep_and_end(&mut self, cluster: &WantedCluster) -> WantedSnapshot {
        let snapshot = snapshot_of(cluster);
        self.want_both(Some(cluster), Some(&snapshot));
        assert_eq!(self.snapshot().await.outcome.map(|sizes| sizes.len()), Ok(cluster.shards.len()));
        self.want_both(None, Some(&snapshot));
        self.until("the end", |report| report.is_none()).await;
        snapshot
    }
}

#[tokio::test]
async fn a_snapshot_fills_clusters_of_any_number_of_shards() {
    let Some(mut cloud) = Cloud::new("keep") else { return };
    let cluster = wanted(1, 17250, 3, 1);
    let client = Client::of(&cloud.form(&cluster).await);
    client.write(500).await;
    for n in 0..50 {
        client.ask(&["SET", &format!("mortal:{n}"), "soon", "PX", "3600000"]).await;
        client.ask(&["SET", &format!("dead:{n}"), "gone", "PX", "1"]).await;
    }
    let snapshot = cloud.keep_and_end(&cluster).await;
    for (created, shards) in [(2, 3), (3, 2), (4, 1)] {
        let began = Instant::now();
        cloud.want_both(Some(&again(wanted(created, 17250, shards, 1), created)), Some(&snapshot));
        let report = cloud.reached(created).await;
        println!("{shards} shards filled and reached in {:?}", began.elapsed());
        let client = Client::of(&report);
        client.check(500).await;
        for n in 0..50 {
            let left: u64 = Link::new(owner(&report, &format!("mortal:{n}")).await)
                .ask(&["PTTL", &format!("mortal:{n}")])
                .await
                .unwrap();
            assert!((3_000_000..=3_600_000).contains(&left), "{left}");
            assert_eq!(client.ask(&["GET", &format!("dead:{n}")]).await, None);
        }
    }
    // A copy has the same files, also when the first is gone; and what was taken once is never taken again.
    let copy = SnapshotKey { name: "copy".to_owned(), ..keep() };
    let copy_of = Some(WantedData { snapshot: "keep".to_owned(), created: 5 });
    let both = |is_taken| {
        let copied = WantedSnapshot { created: 6, is_taken, copy_of: copy_of.clone(), ..snapshot.clone() };
        BTreeMap::from([(keep(), snapshot.clone()), (copy.clone(), copied)])
    };
    cloud.wanted.send_replace(Wanted { snapshots: both(false), ..Wanted::default() });
    let mut reports = cloud.report.clone();
    let copied = reports.wait_for(|report| report.snapshots.contains_key(&copy));
    let copied = tokio::time::timeout(DEADLINE, copied).await.unwrap().unwrap().snapshots[&copy].clone();
    assert_eq!(copied.outcome, cloud.snapshot().await.outcome);
    cloud.stop().await;
    std::fs::remove_file(cloud.snapshot_folder().with_file_name("copy").join("snapshot.json")).unwrap();
    cloud.serve();
    cloud.wanted.send_replace(Wanted { snapshots: both(true), ..Wanted::default() });
    let mut reports = cloud.report.clone();
    let lost = reports.wait_for(|report| report.snapshots.contains_key(&copy));
    let lost = tokio::time::timeout(DEADLINE, lost).await.unwrap().unwrap().snapshots[&copy].clone();
    assert_eq!(lost.outcome, Err("its files are not there any more".to_owned()));
    // Files go with the snapshot.
    cloud.want_both(None, None);
    let folder = cloud.snapshot_folder();
    let mut reports = cloud.report.clone();
    let gone = reports.wait_for(|report| report.snapshots.is_empty() && report.clusters.is_empty());
    assert!(tokio::time::timeout(DEADLINE, gone).await.is_ok());
    assert!(!folder.exists());
    cloud.stop().await;
}

/// The address of the node that serves a key.
async fn owner(report: &ClusterReport, name: &str) -> SocketAddr {
    for node in report.nodes.values().filter(|node| node.primary) {
        if Link::new(node.address).ask::<Option<String>>(&["GET", name]).await.is_ok() {
            return node.address;
        }
    }
    panic!("nobody serves {name}");
}

#[tokio::test]
async fn what_was_cut_short_is_done_again_and_nothing_is_done_twice() {
    let Some(mut cloud) = Cloud::new("keep-cut") else { return };
    let cluster = wanted(1, 17260, 2, 0);
    Client::of(&cloud.form(&cluster).await).write(3000).await;
    // A server that is killed while it takes a snapshot leaves none that counts.
    let snapshot = snapshot_of(&cluster);
    cloud.want_both(Some(&cluster), Some(&snapshot));
    let folder = cloud.snapshot_folder();
    while !folder.exists() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    cloud.kill_server();
    cloud.serve();
    let snapshot = cloud.keep_and_end(&cluster).await;
    assert_eq!(Note::load(&folder).map(|note| note.sizes.len()), Some(2));

    let other = again(wanted(2, 17260, 1, 0), 2);
    cloud.want_both(Some(&other), Some(&snapshot));
    let loader = cloud.node_folder("restore-0001");
    let deadline = Instant::now() + DEADLINE;
    while !loader.join("pid").exists() && cloud.report.borrow().clusters.get(&key()).is_none_or(|it| it.reached == 0) {
        assert!(Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    cloud.kill_server();
    cloud.serve();
    cloud.want_both(Some(&other), Some(&snapshot));
    let report = cloud.reached(2).await;
    let client = Client::of(&report);
    client.check(3000).await;
    assert_eq!(cloud.processes().len(), 1, "no engine is left that loads");

    // What was written since is never overwritten, whoever starts again.
    client.ask(&["SET", "key:7", "mine"]).await;
    client.ask(&["DEL", "key:8"]).await;
    cloud.kill_server();
    cloud.serve();
    cloud.want_both(Some(&other), Some(&snapshot));
    let client = Client::of(&cloud.reached(2).await);
    assert_eq!(client.ask(&["GET", "key:7"]).await.as_deref(), Some("mine"));
    assert_eq!(client.ask(&["GET", "key:8"]).await, None);
    cloud.want_both(None, None);
    cloud.until("the end", |report| report.is_none()).await;
    cloud.stop().await;
}

#[tokio::test]
async fn data_that_is_not_there_or_not_sound_is_told() {
    let Some(mut cloud) = Cloud::new("keep-torn") else { return };
    let other = again(wanted(2, 17270, 1, 0), 2);
    cloud.want_both(Some(&other), None);
    let failed = |report: Option<&ClusterReport>| report.is_some_and(|report| report.failure.is_some());
    let report = cloud.until("the failure", failed).await;
    assert_eq!(report.failure.as_deref(), Some("the data of the snapshot keep is not there"));
    cloud.want_both(None, None);
    cloud.until("the end", |report| report.is_none()).await;

    let folder = cloud.snapshot_folder();
    let note = Note { created: 5, sizes: BTreeMap::from([("0001".to_owned(), 4)]) };
    crate::node::store::save(&folder.join("snapshot.json"), &note).unwrap();
    std::fs::write(folder.join("0001.rdb"), "torn").unwrap();
    let snapshot = snapshot_of(&other);
    cloud.want_both(Some(&WantedCluster { created: 3, generation: 3, ..other }), Some(&snapshot));
    let report = cloud.until("the second failure", failed).await;
    let told = report.failure.unwrap_or_default();
    assert!(told.contains("can't load") && told.contains("0001.rdb"), "{told}");
    cloud.want_both(None, None);
    cloud.until("the second end", |report| report.is_none()).await;
    cloud.stop().await;
}
