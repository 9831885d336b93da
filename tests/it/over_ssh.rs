//! `connect` and `tunnel`, and other commands' way through the client host, with a real ssh server that plays the host.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use expect_test::expect;
use serde_json::Value;

use crate::planning::QUICKSTART;
use crate::sandbox::{Ran, Sandbox, engine, send, until};
use crate::sshd::{Sshd, free_port, shown, ssh_at, sshd};

const CLUSTER_ONLY: &str = include_str!("../../examples/cluster-only.yaml");

/// Two primaries on a port of the test's own, and a client host.
fn plan_file(port: u16) -> String {
    QUICKSTART
        .replace("port: 6379", &format!("port: {port}"))
        .replace("shards: 3", "shards: 2")
        .replace("replicas_per_shard: 2", "replicas_per_shard: 0")
        .replace("multi_az: true", "multi_az: false")
}

/// A stack that is live, and an ssh server that accepts its key.
fn made(node: &[&str], port: u16) -> (Sandbox, Sshd) {
    let sandbox = Sandbox::with_node(node);
    sandbox.file("day19.yaml", &plan_file(port));
    sandbox.run_well(&["apply", "day19.yaml", "--yes"]);
    let sshd = Sshd::start(&sandbox);
    sshd.accept(&[Sshd::public_half(&sandbox.private_keys()[0])]);
    (sandbox, sshd)
}

/// `shardform` with an ssh of the test's own, and what to write to its input.
fn run(sandbox: &Sandbox, ssh: &str, arguments: &[&str], input: &str) -> Ran {
    let mut command = sandbox.shardform(arguments);
    command.env("SHARDFORM_SSH", ssh).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // Who doesn't read it has closed it.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    sandbox.ran(child.wait_with_output().unwrap())
}

#[test]
fn the_cluster_is_reached_through_the_host() {
    if !engine() || !sshd() {
        return;
    }
    let (sandbox, sshd) = made(&[], 17401);
    let ssh = sshd.instead();
    let ask = |arguments: &[&str], input: &str| shown(&run(&sandbox, &ssh, arguments, input));

    // redis-cli on the host, which follows redirections.
    expect![[r#"
        status: 0
        --- stdout
        PONG
        --- stderr
        through the client host i-… (ADDRESS)
    "#]]
    .assert_eq(&ask(&["connect", "day19.yaml", "--via", "host", "--", "PING"], ""));
    for key in ["a", "b", "c", "it's $HOME"] {
        let ran = run(&sandbox, &ssh, &["connect", "day19.yaml", "--via", "host", "-q", "--", "SET", key, "1"], "");
        assert_eq!(ran.stdout, "OK\n", "{}", ran.shown());
    }
    // Several commands from a pipe.
    expect![[r#"
        status: 0
        --- stdout
        -> Redirected to slot [15495] located at 127.66.0.1:17401
        1
        1

        --- stderr
    "#]]
    .assert_eq(&ask(&["connect", "day19.yaml", "--via", "host", "-q"], "GET a\nGET \"it's $HOME\"\nGET nothing\n"));

    // Our own client through a SOCKS proxy, which follows redirections too.
    for key in ["a", "b", "c", "it's $HOME"] {
        let arguments = ["connect", "day19.yaml", "--via", "host", "--json", "--", "INCR", key];
        let document = run(&sandbox, &ssh, &arguments, "").json();
        assert_eq!(document["reply"], 2, "{document}");
    }

    // What looks at every node, through the same proxy.
    let verified = run(&sandbox, &ssh, &["verify", "day19.yaml", "--via", "host", "--json"], "").json();
    let checks = verified["checks"].as_array().unwrap();
    let result = |name: &str| checks.iter().find(|check| check["check"] == name).map(|check| &check["result"]);
    assert!(["ping", "slots", "data"].iter().all(|name| result(name).unwrap() == "passed"), "{verified}");
    let raw = run(&sandbox, &ssh, &["nodes", "day19.yaml", "--via", "host", "--raw", "-q"], "");
    assert!(raw.stdout.contains("myself,master"), "{}", raw.shown());
    assert!(run(&sandbox, "false", &["nodes", "day19.yaml", "--via", "host"], "").stderr.contains("error: "));

    // A shell, whose exit code is passed on.
    expect![[r#"
        status: 3
        --- stdout
        hello from the host
        --- stderr
        through the client host i-… (ADDRESS)
    "#]]
    .assert_eq(&ask(&["connect", "day19.yaml", "--shell"], "echo hello from the host\nexit 3\n"));
    let known = fs::read_to_string(sandbox.folder().join("home/state/shardform/known_hosts")).unwrap();
    assert!(known.starts_with("i-"), "the host is known by its id: {known}");

    // A host that has changed its key under the same id is not trusted.
    drop(sshd);
    fs::remove_dir_all(sandbox.folder().join("sshd")).unwrap();
    let other = Sshd::start(&sandbox);
    other.accept(&[Sshd::public_half(&sandbox.private_keys()[0])]);
    let ran = run(&sandbox, &other.instead(), &["connect", "day19.yaml", "--via", "host", "--", "PING"], "");
    assert_eq!((ran.status, ran.stdout.as_str()), (1, ""), "{}", ran.stderr);
    assert!(ran.stderr.contains("Host key verification failed") && ran.stderr.contains("hint: its host key"));
}

#[test]
fn a_drill_goes_through_the_host() {
    if !engine() || !sshd() {
        return;
    }
    let sandbox = Sandbox::with_node(&[]);
    sandbox.file("day19.yaml", &plan_file(17408).replace("replicas_per_shard: 0", "replicas_per_shard: 1"));
    sandbox.run_well(&["apply", "day19.yaml", "--yes"]);
    let sshd = Sshd::start(&sandbox);
    sshd.accept(&[Sshd::public_half(&sandbox.private_keys()[0])]);
    let arguments = ["failover", "day19.yaml", "--shard", "0001", "--yes", "--via", "host"];
    let ran = run(&sandbox, &sshd.instead(), &arguments, "");
    assert_eq!(ran.status, 0, "{}", ran.shown());
    let shown = shown(&ran);
    assert!(shown.contains("through the client host i-… (ADDRESS)\n"), "{shown}");
    assert!(ran.stdout.contains("0001"), "{shown}");
    assert_eq!(sandbox.called("elasticache:TestFailover"), 1);
}

#[test]
fn a_key_is_lent_where_the_plans_is_not_at_hand() {
    if !engine() || !sshd() {
        return;
    }
    let (sandbox, sshd) = made(&[], 17402);
    sshd.accept(&[]);
    fs::remove_file(&sandbox.private_keys()[0]).unwrap();
    // The server's list of keys is the node's, at the moment when ssh is about to begin.
    let (asked, ready) = (sandbox.folder().join("asked"), sandbox.folder().join("ready"));
    let script = format!(
        "touch '{}'\nwhile ! [ -e '{}' ]; do sleep 0.01; done\nexec {} \"$@\"\n",
        asked.display(),
        ready.display(),
        sshd.instead()
    );
    sandbox.file("ssh.sh", &script);
    let ssh = format!("sh {}", sandbox.folder().join("ssh.sh").display());
    let ran = std::thread::scope(|scope| {
        scope.spawn(|| {
            until("a key is pushed, and ssh begins", || asked.exists());
            let document: Value = serde_json::from_str(&sandbox.get("/_shardform/ssh-keys")).unwrap();
            let keys = document["keys"].as_array().unwrap();
            assert_eq!(keys.len(), 1, "{document}");
            assert_eq!(keys[0]["user"], "ec2-user", "{document}");
            sshd.accept(&[keys[0]["public_key"].as_str().unwrap().to_owned()]);
            fs::write(&ready, "").unwrap();
        });
        run(&sandbox, &ssh, &["connect", "day19.yaml", "--via", "host", "--", "PING"], "")
    });
    expect![[r#"
        status: 0
        --- stdout
        PONG
        --- stderr
        through the client host i-… (ADDRESS), with a key from EC2 Instance Connect
    "#]]
    .assert_eq(&shown(&ran));
    assert_eq!(sandbox.called("ec2-instance-connect:SendSSHPublicKey"), 1);
    let lent = fs::read_dir(sandbox.folder().join("home/state/shardform/lent")).unwrap();
    assert_eq!(lent.count(), 0, "the key is gone");
}

#[test]
fn a_tunnel_is_open_until_it_is_left() {
    if !engine() || !sshd() {
        return;
    }
    let (sandbox, sshd) = made(&[], 17403);
    for signal in [rustix::process::Signal::INT, rustix::process::Signal::KILL] {
        let listen = format!("127.0.0.1:{}", free_port());
        let mut child = sandbox
            .shardform(&["tunnel", "day19.yaml", "--listen", &listen, "--json"])
            .env("SHARDFORM_SSH", sshd.instead())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let opened: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(opened["proxy"], format!("socks5h://{listen}"));
        let (_connected, pong) = ping(&listen, opened["endpoint"].as_str().unwrap());
        assert_eq!(pong, "+PONG\r\n");
        send(child.id(), signal);
        let status = child.wait().unwrap();
        assert_eq!(status.code(), (signal == rustix::process::Signal::INT).then_some(130));
        // Even who is killed leaves no proxy behind, whoever is still connected through it.
        until("nobody listens any more", || TcpStream::connect(&listen).is_err());
    }
    let ran = run(&sandbox, &sshd.instead(), &["tunnel", "day19.yaml", "--listen", sandbox.address()], "");
    assert_eq!(ran.status, 1, "{}", ran.stdout);
    assert!(ran.stderr.contains("hint: somebody listens there already"), "{}", ran.stderr);
}

#[test]
fn a_command_that_waits_ends_with_who_asked() {
    if !engine() || !sshd() {
        return;
    }
    let (sandbox, sshd) = made(&[], 17640);
    let ways = [("direct", rustix::process::Signal::KILL), ("host", rustix::process::Signal::TERM)];
    for (via, signal) in ways {
        let mut child = sandbox
            .shardform(&["connect", "day19.yaml", "--via", via, "-q", "--", "BLPOP", "nothing", "0"])
            .env("SHARDFORM_SSH", sshd.instead())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        until("it waits", || waiting(17640) == 1);
        send(child.id(), signal);
        assert!(!child.wait().unwrap().success());
        // Else it would take what is pushed later.
        until("nobody waits any more", || waiting(17640) == 0);
    }
}

/// How many clients wait at the two primaries.
fn waiting(port: u16) -> usize {
    let told = ["127.65.0.1", "127.66.0.1"].map(|address| {
        let mut connection = redis::Client::open((address, port)).unwrap().get_connection().unwrap();
        redis::cmd("INFO").arg("clients").query::<String>(&mut connection).unwrap()
    });
    told.iter().filter(|info| !info.contains("blocked_clients:0\r")).count()
}

/// PING through a SOCKS5 proxy that looks the name up itself; the connection, still open, and the answer.
fn ping(proxy: &str, endpoint: &str) -> (TcpStream, String) {
    let (name, port) = endpoint.rsplit_once(':').unwrap();
    let mut stream = TcpStream::connect(proxy).unwrap();
    stream.write_all(&[5, 1, 0]).unwrap();
    stream.read_exact(&mut [0; 2]).unwrap();
    let mut request = vec![5, 1, 0, 3, u8::try_from(name.len()).unwrap()];
    request.extend(name.bytes().chain(port.parse::<u16>().unwrap().to_be_bytes()));
    stream.write_all(&request).unwrap();
    let mut answer = [0; 10];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(answer[..2], [5, 0], "the proxy connects");
    stream.write_all(b"PING\r\n").unwrap();
    let mut pong = [0; 7];
    stream.read_exact(&mut pong).unwrap();
    (stream, String::from_utf8(pong.to_vec()).unwrap())
}

#[test]
fn a_token_comes_to_the_host_and_is_seen_by_nobody() {
    const TOKEN: &str = "correct-horse-battery-staple";
    let sandbox = Sandbox::without_nodes();
    sandbox.file("day19.yaml", &plan_file(17407));
    sandbox.run_well(&["apply", "day19.yaml", "--yes"]);
    // The local cloud's nodes have neither TLS nor tokens, so what it says of them is changed on the way.
    let cloud = changed_on_the_way(
        sandbox.address(),
        &[
            ("<TransitEncryptionEnabled>false<", "<TransitEncryptionEnabled>true<"),
            ("<AuthTokenEnabled>false<", "<AuthTokenEnabled>true<"),
        ],
    );
    let text = plan_file(17407) + "  transit_encryption: required\n  auth_token_env: TOKEN\n";
    sandbox.file("day19.yaml", &text);
    let with_token = |arguments: &[&str], input: &str| {
        let ssh = format!("sh {}", sandbox.folder().join("host.sh").display());
        let mut command = sandbox.shardform(arguments);
        command.env("TOKEN", TOKEN).env("SHARDFORM_SSH", ssh).env("AWS_ENDPOINT_URL", &cloud);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        sandbox.ran(child.wait_with_output().unwrap())
    };
    // The host is this machine, with a redis-cli that says what it was given; all command lines are kept.
    let folder = sandbox.folder().display().to_string();
    let host = format!(
        "printf '%s\\n' \"$@\" >>'{folder}/lines'\nfor last; do :; done\nPATH=\"{folder}:$PATH\" exec sh -c \"$last\"\n"
    );
    sandbox.file("host.sh", &host);
    let redis_cli = "#!/bin/sh\necho \"token $REDISCLI_AUTH\"\nshift 5\necho \"$@\"\ncat\n";
    sandbox.file("redis-cli", redis_cli);
    fs::set_permissions(sandbox.folder().join("redis-cli"), fs::Permissions::from_mode(0o755)).unwrap();
    let ran = with_token(&["connect", "day19.yaml", "--via", "host", "-q", "--", "GET", "a b"], "");
    assert_eq!(ran.shown(), format!("status: 0\n--- stdout\ntoken {TOKEN}\n--tls GET a b\n--- stderr\n"));
    let ran = with_token(&["connect", "day19.yaml", "--via", "host", "-q"], "the user's own input\n");
    let wanted = format!("status: 0\n--- stdout\ntoken {TOKEN}\n--tls\nthe user's own input\n--- stderr\n");
    assert_eq!(ran.shown(), wanted);
    let lines = fs::read_to_string(sandbox.folder().join("lines")).unwrap();
    assert!(lines.contains("REDISCLI_AUTH") && !lines.contains(TOKEN), "{lines}");

    // Who doesn't have the token is told which variable it is in.
    let ran = shardform_at(&cloud, &sandbox, &["connect", "day19.yaml", "--via", "host"]);
    assert_eq!(
        (ran.status, ran.stderr.contains("the environment variable TOKEN is not set")),
        (1, true),
        "{}",
        ran.stderr
    );
}

fn shardform_at(url: &str, sandbox: &Sandbox, arguments: &[&str]) -> Ran {
    sandbox.ran(sandbox.shardform(arguments).env("AWS_ENDPOINT_URL", url).output().unwrap())
}

/// The URL of a cloud whose answers are another's with some words in the place of others.
fn changed_on_the_way(cloud: &str, words: &'static [(&'static str, &'static str)]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let cloud = cloud.to_owned();
    // It ends with the process of the tests.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (client, cloud) = (stream.unwrap(), cloud.clone());
            std::thread::spawn(move || pass_on(client, &cloud, words));
        }
    });
    url
}

/// One request and its answer.
fn pass_on(mut client: TcpStream, cloud: &str, words: &[(&str, &str)]) {
    let mut reader = BufReader::new(client.try_clone().unwrap());
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        if let Some(number) = line.to_lowercase().strip_prefix("content-length:") {
            length = number.trim().parse().unwrap();
        }
        if line == "\r\n" {
            break;
        }
        if !line.to_lowercase().starts_with("connection:") {
            head.push_str(&line);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let mut server = TcpStream::connect(cloud).unwrap();
    server.write_all(format!("{head}connection: close\r\n\r\n").as_bytes()).unwrap();
    server.write_all(&body).unwrap();
    let mut answer = String::new();
    server.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let body = words.iter().fold(body.to_owned(), |body, (old, new)| body.replace(old, new));
    let kept: Vec<&str> = head.lines().filter(|line| !line.to_lowercase().starts_with("content-length:")).collect();
    let head = kept.join("\r\n");
    // Who asked may be gone.
    let _ = write!(client, "{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
}

#[test]
fn a_closed_door_is_told_of() {
    if !sshd() {
        return;
    }
    // Without nodes: the door is all that this is about.
    let (sandbox, sshd) = made(&["--engine", "none"], 17404);
    let tunnel = ["tunnel", "day19.yaml", "--listen", "127.0.0.1:0"];
    let tell = |ssh: &str| shown(&run(&sandbox, ssh, &tunnel, ""));
    let port = free_port();
    let told = tell(&ssh_at(port)).replace(&port.to_string(), "PORT");
    expect![[r#"
        status: 1
        --- stdout
        --- stderr
        error: the client host i-… (ADDRESS): ssh: connect to host 127.0.0.1 port PORT: Connection refused
          hint: its ssh server doesn't answer yet: a new host takes a minute to start
    "#]]
    .assert_eq(&told);
    sshd.accept(&[]);
    let told = tell(&sshd.instead());
    assert!(told.contains("Permission denied (publickey)"), "{told}");
    assert!(told.contains("hint: the host doesn't take the key SANDBOX/home/data/shardform/keys/"), "{told}");
    expect![[r#"
        status: 1
        --- stdout
        --- stderr
        error: day19.yaml:3:1: the client host i-… (ADDRESS): ssh: connect to host ADDRESS port 22: Connection timed out
          hint: the host lets in only AWS's own service EC2 Instance Connect, not this machine: write `ssh_from: [ec2-instance-connect, YOUR-ADDRESS/32]` below `client` (https://checkip.amazonaws.com tells your address), and run `shardform apply day19.yaml`
    "#]]
    .assert_eq(&tell("sh -c 'for a; do case $a in ec2-*) echo ssh: connect to host $a port 22: Connection timed out >&2;; esac; done; exit 255' sh"));
    expect![[r#"
        status: 1
        --- stdout
        --- stderr
        error: the client host i-… (ADDRESS): can't start /nowhere/ssh: No such file or directory (os error 2)
          hint: install OpenSSH's client, or name yours in SHARDFORM_SSH
    "#]]
    .assert_eq(&tell("/nowhere/ssh"));
    expect![[r#"
        status: 1
        --- stdout
        --- stderr
        error: the environment variable SHARDFORM_SSH is set, and is no command
          hint: set it to a command with arguments, such as `ssh -F my-config`, or unset it
    "#]]
    .assert_eq(&tell("ssh '"));

    // A host without redis-cli.
    expect![[r#"
        status: 1
        --- stdout
        --- stderr
        through the client host i-… (ADDRESS)
        error: there is no redis-cli on the client host i-…
          hint: it is installed when the host first starts, which takes a minute or more: run the command again, or see /var/log/shardform-client.log there: shardform connect day19.yaml --shell
    "#]]
    .assert_eq(&shown(&run(&sandbox, "sh -c 'exit 127' sh", &["connect", "day19.yaml", "--via", "host", "--", "PING"], "")));

    // What ssh says is said once.
    let ran = run(&sandbox, &ssh_at(port), &["connect", "day19.yaml", "--shell"], "");
    assert_eq!((ran.status, ran.stderr.matches("Connection refused").count()), (1, 1), "{}", ran.stderr);

    // Where neither way is open, both are told of.
    let ran = run(&sandbox, &ssh_at(port), &["connect", "day19.yaml", "--json", "--", "PING"], "");
    assert_eq!(ran.status, 1);
    let error = ran.json()["error"].clone();
    assert_eq!(error["kind"], "host", "{error}");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("does not answer directly (") && message.contains("Connection refused"), "{message}");

    // A host that is gone.
    let ids = sandbox.call("ec2", &[("Action", "DescribeInstances"), ("Version", "2016-11-15")]);
    let id = ids.split("<instanceId>").nth(1).unwrap().split('<').next().unwrap();
    sandbox.call("ec2", &[("Action", "TerminateInstances"), ("Version", "2016-11-15"), ("InstanceId.1", id)]);
    let told = tell(&sshd.instead());
    assert!(told.contains("error: the client host i-… is shutting-down") || told.contains("no client host"), "{told}");
}

#[test]
fn what_cant_be_connected_to_is_told_of_without_ssh() {
    let sandbox = Sandbox::without_nodes();
    sandbox.file("day19.yaml", &plan_file(17405));
    expect![[r#"
        status: 1
        --- stdout
        --- stderr
        error: the stack day19 has no cluster
          hint: `shardform apply day19.yaml` makes one
    "#]]
    .assert_eq(sandbox.run(&["connect", "day19.yaml"]).shown());
    expect![[r#"
        status: 1
        --- stdout
        {"error":{"kind":"usage","message":"with `--json` it takes a command: shardform connect FILE --json -- PING"}}
        --- stderr
        error: with `--json` it takes a command: shardform connect FILE --json -- PING
    "#]]
    .assert_eq(sandbox.run(&["connect", "day19.yaml", "--json"]).shown());
    sandbox.file("alone.yaml", CLUSTER_ONLY);
    expect![[r#"
        status: 1
        --- stdout
        --- stderr
        error: alone.yaml:2:1: this stack has no client host
          hint: write `client: {}` into the plan file and apply it, or reach the cluster from its VPC
    "#]]
    .assert_eq(sandbox.run(&["connect", "alone.yaml", "--shell"]).shown());
    let ran = sandbox.run(&["connect", "day19.yaml", "--shell", "--via", "direct"]);
    assert_eq!(ran.stderr, "error: a shell is on the client host: leave out `--via direct`\n");
}

#[test]
fn without_redis_cli_one_command_is_answered_all_the_same() {
    if !engine() {
        return;
    }
    let sandbox = Sandbox::with_node(&[]);
    sandbox.file("day19.yaml", &plan_file(17406));
    sandbox.run_well(&["apply", "day19.yaml", "--yes"]);
    let bare = |arguments: &[&str], input: &str| {
        let mut command = sandbox.shardform(arguments);
        command.env("PATH", sandbox.folder()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        sandbox.ran(child.wait_with_output().unwrap())
    };
    // Byte for byte what redis-cli prints, where it is installed.
    let commands: [&[&str]; 7] = [
        &["PING"],
        &["SET", "a", "it's"],
        &["GET", "a"],
        &["GET", "nothing"],
        &["NOSUCH", "x"],
        &["EVAL", "return {1,{'a',{2,'b'}},false,redis.error_reply('ERR x'),{}}", "0"],
        &["CLUSTER", "KEYSLOT", "a"],
    ];
    let installed = Command::new("redis-cli").arg("--version").output().is_ok();
    for command in commands {
        let all: Vec<&str> = ["connect", "day19.yaml", "--"].iter().chain(command).copied().collect();
        let own = bare(&all, "");
        assert_eq!((own.status, own.stderr.as_str()), (0, ""), "{command:?}");
        if installed {
            assert_eq!(own.stdout, sandbox.run(&all).stdout, "{command:?}");
        }
    }
    let piped = "SET k \"a\\x00b\"\nGET k\nSTRLEN k\n\nSET \"open\nSUBSCRIBE x\nGET\n";
    let own = bare(&["connect", "day19.yaml"], piped);
    expect![[r#"
        status: 0
        --- stdout
        OK
        a b
        3
        Invalid argument(s)
        ERR wrong number of arguments for 'get' command

        --- stderr
        this prompt has no subscriptions and no MONITOR: install redis-cli for them
    "#]]
    .assert_eq(&own.shown().replace('\0', " "));
}
