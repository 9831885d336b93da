//! Two engines, a primary and its replica, joined in memory.

use crate::engine::commands::testing::Desk;
use crate::engine::resp::RequestParser;
use crate::engine::state::Task;
use crate::engine::state::client::{Client, Role};
use crate::engine::state::replication::PrimaryTask;

struct Pair {
    primary: Desk,
    replica: Desk,
    /// The replica's connection at the primary.
    place: Option<usize>,
    parser: RequestParser,
    reachable: bool,
}

impl Pair {
    fn new() -> Self {
        let primary = Desk::with(|config| config.replication.diskless_sync_delay_seconds = 0);
        let parser = RequestParser::default();
        Self { primary, replica: Desk::new(), place: None, parser, reachable: true }
    }

    /// A primary with some data, and its replica.
    fn joined() -> Self {
        let mut pair = Self::new();
        pair.primary.ask("SET before 1");
        pair.primary.ask("RPUSH list a b 3");
        pair.replica.ask("SET own gone");
        pair.replica.expect("REPLICAOF primary.test 6379", "+OK");
        pair.exchange();
        pair
    }

    /// Lets bytes go to and fro until there are none.
    fn exchange(&mut self) {
        loop {
            let tasks: Vec<Task> = self.replica.engine.tasks.drain(..).collect();
            let mut busy = false;
            for task in tasks {
                if let Task::Primary(task) = task {
                    busy = true;
                    self.perform(task);
                }
            }
            let bytes = self.heard_from_primary();
            if !bytes.is_empty() {
                self.replica.engine.primary_sent(&bytes);
            } else if !busy {
                return;
            }
        }
    }

    fn perform(&mut self, task: PrimaryTask) {
        match task {
            PrimaryTask::Connect(..) if !self.reachable => self.replica.engine.primary_lost(),
            PrimaryTask::Connect(..) => {
                self.place = Some(self.primary.connect(false));
                self.parser = RequestParser::default();
                self.replica.engine.primary_connected();
            }
            PrimaryTask::Write(bytes) => {
                if let Some(place) = self.place {
                    self.primary.engine.feed(place, &mut self.parser, &bytes);
                }
            }
            PrimaryTask::Close => self.hang_up(),
        }
    }

    fn hang_up(&mut self) {
        if let Some(place) = self.place.take() {
            self.primary.engine.remove_client(place);
        }
    }

    /// Both ends notice that the link is gone.
    fn cut(&mut self) {
        self.hang_up();
        self.replica.engine.primary_lost();
    }

    fn heard_from_primary(&mut self) -> Vec<u8> {
        let Some(place) = self.place else { return Vec::new() };
        let idle = |client: &Client| client.role == Role::Replica && client.output.is_empty();
        if self.primary.engine.clients.at(place).is_some_and(idle) {
            self.primary.engine.serve_replica(place);
        }
        self.primary.engine.clients.at_mut(place).map(|client| std::mem::take(&mut client.output)).unwrap_or_default()
    }

    /// Time passes for both.
    fn wait(&mut self, milliseconds: i64) {
        self.primary.wait(milliseconds);
        self.replica.wait(milliseconds);
        self.primary.engine.tick();
        self.replica.engine.tick();
        self.exchange();
    }

    fn info(&self, name: &str) -> String {
        let lines = self.replica.engine.replication_lines();
        lines.into_iter().find(|(known, _)| known == name).map(|(_, value)| value).unwrap_or_default()
    }
}

#[test]
fn a_replica_takes_over_the_data_and_follows() {
    let mut pair = Pair::joined();
    assert_eq!(pair.info("master_link_status"), "up");
    pair.replica.expect("GET before", "$1 1");
    pair.replica.expect("LRANGE list 0 -1", "*3 $1 a $1 b $1 3");
    pair.replica.expect("GET own", "$-1");
    pair.primary.ask("SELECT 5");
    pair.primary.ask("SET elsewhere 2");
    pair.primary.ask("MULTI");
    pair.primary.ask("SET one 1");
    pair.primary.ask("SET two 2");
    pair.primary.ask("EXEC");
    pair.exchange();
    pair.replica.expect("GET elsewhere", "$-1");
    pair.replica.ask("SELECT 5");
    pair.replica.expect("GET elsewhere", "$1 2");
    pair.replica.expect("GET two", "$1 2");
    pair.replica.expect("SET mine 1", "-READONLY You can't write against a read only replica.");
    assert_eq!(pair.primary.engine.replication_offset(), pair.replica.engine.replication_offset());
}

#[test]
fn each_tells_its_role() {
    let mut pair = Pair::joined();
    pair.wait(1000);
    let offset = pair.primary.engine.replication_offset();
    let number = |offset: i64| format!("${} {offset}", offset.to_string().len());
    pair.primary.ask("SET x 1");
    let after = pair.primary.engine.replication_offset();
    let known = number(pair.primary.engine.replication.core.replicas()[0].acknowledged);
    pair.primary.expect("ROLE", &format!("*3 $6 master :{after} *1 *3 $0  $4 6379 {known}"));
    pair.replica.expect("ROLE", &format!("*5 $5 slave $12 primary.test :6379 $9 connected :{offset}"));
    pair.cut();
    pair.replica.expect("ROLE", "*5 $5 slave $12 primary.test :6379 $10 connecting :-1");
}

#[test]
fn only_the_primary_lets_keys_expire() {
    let mut pair = Pair::joined();
    pair.primary.ask("SET short 1 PX 100");
    pair.exchange();
    pair.replica.wait(200);
    pair.replica.engine.tick();
    pair.replica.expect("GET short", "$-1");
    assert_eq!(pair.replica.engine.keyspace.database().len(), 3, "hidden, and there");
    pair.wait(200);
    assert_eq!(pair.replica.engine.keyspace.database().len(), 2);
}

#[test]
fn wait_ends_when_enough_replicas_have_it() {
    let mut pair = Pair::joined();
    pair.primary.ask("SET x 1");
    pair.primary.expect("WAIT 1 0", "");
    pair.exchange();
    assert_eq!(pair.primary.output(0), ":1");
    pair.primary.expect("WAIT 2 500", "");
    pair.primary.wait(600);
    assert_eq!(pair.primary.output(0), ":1");
    pair.primary.expect("WAIT 0 0", ":1");
    pair.primary.expect("WAIT 1 -1", "-ERR timeout is negative");
    assert!(pair.replica.ask("WAIT 1 0").starts_with("-ERR WAIT cannot be used with replica instances."));
}

#[test]
fn half_a_transaction_comes_again_as_a_whole() {
    let mut pair = Pair::joined();
    let before = pair.replica.engine.replication_offset();
    for command in ["MULTI", "RPUSH list x", "RPUSH list y", "EXEC"] {
        pair.primary.ask(command);
    }
    let bytes = pair.heard_from_primary();
    pair.replica.engine.primary_sent(&bytes[..bytes.len() - 5]);
    assert_eq!(pair.info("slave_read_repl_offset").parse::<usize>().unwrap(), before as usize + bytes.len() - 5);
    // What was before the transaction counts.
    assert!(pair.replica.engine.replication_offset() - before < bytes.len() as i64 / 2);
    pair.cut();
    pair.exchange();
    pair.replica.expect("LRANGE list 0 -1", "*5 $1 a $1 b $1 3 $1 x $1 y");
    assert_eq!(pair.primary.engine.statistics.full_synchronisations, 1);
    assert_eq!(pair.primary.engine.statistics.partial_synchronisations, 1);
    assert_eq!(pair.primary.engine.replication_offset(), pair.replica.engine.replication_offset());
}

#[test]
fn without_its_primary_a_replica_may_keep_silent() {
    let mut pair = Pair::joined();
    pair.reachable = false;
    pair.cut();
    pair.exchange();
    pair.replica.expect("GET before", "$1 1");
    let refusal = "-NOMASTERLINK Can't SYNC while not connected with my master";
    pair.replica.expect("PSYNC ? -1", refusal);
    pair.replica.engine.config.replication.serve_stale_data = false;
    let refusal = "-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.";
    pair.replica.expect("GET before", refusal);
    pair.replica.expect("PING", "+PONG");
    pair.reachable = true;
    pair.wait(1000);
    pair.replica.expect("GET before", "$1 1");
}

#[test]
fn a_replica_becomes_a_primary_again() {
    let mut pair = Pair::joined();
    pair.replica.expect("REPLICAOF PRIMARY.test 6379", "+OK Already connected to specified master");
    pair.replica.expect("REPLICAOF no one", "+OK");
    pair.exchange();
    pair.replica.expect("SET mine 1", "+OK");
    pair.replica.expect("GET before", "$1 1");
    assert!(pair.primary.engine.replication.core.replicas().is_empty());
    pair.replica.expect("REPLICAOF x y", "-ERR Invalid master port");
}

#[test]
fn a_primary_wants_good_replicas_before_it_writes() {
    let mut pair = Pair::joined();
    pair.primary.engine.config.replication.min_replicas_to_write = 1;
    pair.primary.expect("SET x 1", "+OK");
    pair.primary.wait(12_000);
    pair.primary.expect("SET x 2", "-NOREPLICAS Not enough good replicas to write.");
    pair.wait(1_000);
    pair.primary.expect("SET x 3", "+OK");
}

#[test]
fn replconf_refuses_what_it_does_not_know() {
    let mut desk = Desk::new();
    desk.expect("REPLCONF capa", "-ERR syntax error");
    desk.expect("REPLCONF capa what-ever capa eof", "+OK");
    desk.expect("REPLCONF listening-port x", "-ERR value is not an integer or out of range");
    desk.expect("REPLCONF Speed 9", "-ERR Unrecognized REPLCONF option: Speed");
    desk.expect("REPLCONF rdb-only 2", "-ERR value is out of range, must be between 0 and 1");
    desk.expect("REPLCONF ACK 5", "");
}

#[test]
fn who_asks_with_sync_is_told_no_offset() {
    let mut desk = Desk::new();
    desk.ask("SET k v");
    let reply = desk.ask("SYNC");
    assert!(reply.starts_with('$') && reply.contains("REDIS0010"), "{reply}");
    assert!(desk.engine.replication.core.has_listeners());
}
