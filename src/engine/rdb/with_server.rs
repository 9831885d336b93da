//! Snapshots and payloads across to a real `redis-server` and back. Skipped where there is none in the PATH, unless
//! `SHARDFORM_REQUIRE_ENGINE` is set. Servers listen on a socket in a folder of their own, on no port.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use redis::{Connection, RedisResult, cmd};

use super::convert::tests::default_limits;
use super::{Entry, Item, Meta, Options, Reader, Writer, dump, lend, restore, take};

#[expect(clippy::disallowed_methods, reason = "whether a server is there is a matter of the environment")]
fn server_found() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|folder| folder.join("redis-server").is_file());
    assert!(found || std::env::var_os("SHARDFORM_REQUIRE_ENGINE").is_none(), "no redis-server in the PATH");
    if !found {
        println!("skipped: no redis-server in the PATH");
    }
    found
}

/// A server with a folder of its own; both go with it.
struct Server {
    child: Child,
    folder: PathBuf,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl Server {
    /// A server that starts with this snapshot, if any.
    fn start(snapshot: Option<&[u8]>, options: &[&str]) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("engine-rdb-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        if let Some(bytes) = snapshot {
            std::fs::write(folder.join("dump.rdb"), bytes).unwrap();
        }
        let mut command = Command::new("redis-server");
        command.current_dir(&folder).args(["--port", "0", "--unixsocket", "socket", "--save", ""]);
        command.args(["--enable-debug-command", "yes"]).args(options).stdout(Stdio::null());
        Self { child: command.spawn().unwrap(), folder }
    }

    fn connect(&self) -> Connection {
        let socket: &Path = &self.folder.join("socket");
        let client = redis::Client::open(format!("redis+unix://{}", socket.display())).unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let connected = client.get_connection().and_then(|mut connection| {
                let pong: RedisResult<String> = cmd("PING").query(&mut connection);
                pong.map(|_| connection)
            });
            match connected {
                Ok(connection) => return connection,
                Err(error) => assert!(Instant::now() < deadline, "{error}"),
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn run(connection: &mut Connection, words: &[&str]) {
    let (name, arguments) = words.split_first().unwrap();
    let () = cmd(name).arg(arguments).query(connection).unwrap();
}

fn digest(connection: &mut Connection) -> String {
    cmd("DEBUG").arg("DIGEST").query(connection).unwrap()
}

/// Keys of every type and encoding that the server writes.
fn fill(connection: &mut Connection) {
    let long = "long and longer ".repeat(300);
    let texts = ["", "short", "-1", "127", "-32768", "70000", "2147483648", "-9223372036854775808", "007", &long];
    for (place, text) in texts.iter().enumerate() {
        run(connection, &["SET", &format!("text:{place}"), text]);
    }
    let () = cmd("SET").arg(b"binary\xff\0").arg((0..=255).collect::<Vec<u8>>()).query(connection).unwrap();
    run(connection, &["SET", "expires", "later", "PX", "100000000"]);
    run(connection, &["FUNCTION", "LOAD", "#!lua name=l\nredis.register_function('f', function() return 1 end)"]);
    for (name, length) in [("small", 20), ("large", 3000)] {
        for number in 0..length {
            let (text, number) = (format!("element {number}"), number.to_string());
            run(connection, &["RPUSH", &format!("list:{name}"), &text, &number, "", &long[..length / 3]]);
            run(connection, &["SADD", &format!("set:{name}"), &text, &number]);
            run(connection, &["HSET", &format!("hash:{name}"), &text, &number, &number, &text]);
            run(connection, &["ZADD", &format!("zset:{name}"), &number, &text, "1.5e-7", "tie a", "1.5e-7", "tie b"]);
            run(connection, &["SADD", &format!("intset:{name}"), &number]);
        }
    }
    run(connection, &["ZADD", "zset:ends", "-inf", "low", "inf", "high", "-0", "zero", "3.141592653589793", "pi"]);
    run(connection, &["SADD", "intset:wide", "-9223372036854775808", "5", "9223372036854775807"]);
    run(connection, &["SADD", "intset:middle", "-100000", "5", "100000"]);
    run(connection, &["HSET", "hash:long", "field", &long, &long, "value"]);
    let huge = "x".repeat(100_000);
    run(connection, &["RPUSH", "list:huge", "before", &huge, "after", &huge]);
    run(connection, &["SELECT", "9"]);
    run(connection, &["SET", "elsewhere", "here"]);
    run(connection, &["SELECT", "0"]);
}

fn entries(bytes: &[u8]) -> Vec<Entry> {
    let mut reader = Reader::new(true);
    let mut entries = Vec::new();
    for piece in bytes.chunks(10_000) {
        reader.feed(piece);
        while let Some(item) = reader.next().unwrap() {
            if let Item::Entry(entry) = item {
                entries.push(entry);
            }
        }
    }
    reader.finish().unwrap();
    assert_eq!(reader.left_out().functions, 1);
    entries
}

fn written(entries: &[Entry], options: Options) -> Vec<u8> {
    let mut writer = Writer::new(options);
    writer.start();
    writer.auxiliary(b"repl-offset", b"12345678901");
    for database in entries.chunk_by(|one, next| one.database == next.database) {
        let expiring = database.iter().filter(|entry| entry.expire_at_ms.is_some()).count();
        writer.database(database[0].database, database.len() as u64, expiring as u64);
        for Entry { key, expire_at_ms, idle_seconds, frequency, value, .. } in database {
            let (expire_at_ms, idle_seconds, frequency) = (*expire_at_ms, *idle_seconds, *frequency);
            let value = take(value.clone(), &default_limits()).unwrap();
            lend(&value, |value| writer.entry(key, Meta { expire_at_ms, idle_seconds, frequency }, value));
        }
    }
    writer.end();
    writer.pending().to_vec()
}

#[test]
fn what_the_server_saved_loads_there_again_after_passing_through_here() {
    if !server_found() {
        return;
    }
    let policies = [("allkeys-lru", "yes"), ("volatile-lfu", "no")];
    for (policy, compress) in policies {
        let server = Server::start(None, &["--maxmemory-policy", policy, "--rdbcompression", compress]);
        let mut connection = server.connect();
        fill(&mut connection);
        run(&mut connection, &["SAVE"]);
        let entries = entries(&std::fs::read(server.folder.join("dump.rdb")).unwrap());
        assert!(entries.iter().any(|entry| entry.database == 9));
        assert!(entries.iter().all(|entry| entry.idle_seconds.is_some() == (policy == "allkeys-lru")));
        assert!(entries.iter().all(|entry| entry.frequency.is_some() == (policy == "volatile-lfu")));
        let options = Options { compress: compress == "yes", checksum: true };
        let snapshot = written(&entries, options);
        let again = Server::start(Some(&snapshot), &[]);
        assert_eq!(digest(&mut again.connect()), digest(&mut connection), "{policy}");
        let sizes: [usize; 2] = [&mut again.connect(), &mut connection].map(|to| cmd("DBSIZE").query(to).unwrap());
        assert_eq!(sizes[0], sizes[1]);
    }
}

#[test]
fn payloads_go_both_ways() {
    if !server_found() {
        return;
    }
    let server = Server::start(None, &["--sanitize-dump-payload", "yes"]);
    let mut connection = server.connect();
    fill(&mut connection);
    let before = digest(&mut connection);
    let keys: Vec<Vec<u8>> = cmd("KEYS").arg("*").query(&mut connection).unwrap();
    for key in &keys {
        let payload: Vec<u8> = cmd("DUMP").arg(key).query(&mut connection).unwrap();
        let at: i64 = cmd("PEXPIRETIME").arg(key).query(&mut connection).unwrap();
        let value = take(restore(&payload).unwrap(), &default_limits()).unwrap();
        let payload = lend(&value, |value| dump(value, key.len() % 2 == 0));
        let mut command = cmd("RESTORE");
        let () =
            command.arg(key).arg(at.max(0)).arg(payload).arg(&["REPLACE", "ABSTTL"]).query(&mut connection).unwrap();
    }
    assert_eq!(digest(&mut connection), before);
}
