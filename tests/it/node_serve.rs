//! `shardform-node serve` from outside: its one line, its files, its errors and its end.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

struct Server {
    child: Child,
    ready: String,
}

impl Server {
    fn start(folder: &Path, args: &[&str]) -> Server {
        let mut child = command(folder).args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut ready = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut ready).unwrap();
        Server { child, ready }
    }

    /// Status code and what it wrote to the error stream.
    fn end(mut self, signal: &str) -> (Option<i32>, String) {
        assert!(Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap().success());
        let code = self.child.wait().unwrap().code();
        let mut err = String::new();
        self.child.stderr.as_mut().unwrap().read_to_string(&mut err).unwrap();
        (code, err)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_shardform-node"));
    command.args(["serve", "--listen", "127.0.0.1:0", "--engine", "none", "--state-dir"]).arg(folder);
    command
}

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("shardform-serve-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Folder(path.canonicalize().unwrap())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn text(output: Output) -> (Option<i32>, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn it_says_where_it_listens_and_ends_in_order() {
    for signal in ["-TERM", "-INT", "-HUP"] {
        let folder = Folder::new(signal);
        let server = Server::start(&folder.0, &[]);
        let state = folder.0.display();
        let rest = server.ready.strip_prefix("shardform-node 0.1.0 listening on http://127.0.0.1:").unwrap();
        let (port, rest) = rest.split_once(' ').unwrap();
        assert_eq!(rest, format!("(engine none, state {state})\n"));
        let serving = std::fs::read_to_string(folder.0.join("serve.json")).unwrap();
        assert!(serving.contains(&format!("\"listen\": \"127.0.0.1:{port}\"")), "{serving}");
        assert!(serving.contains(&format!("\"pid\": {}", server.child.id())), "{serving}");
        assert_eq!(server.end(signal), (Some(0), String::new()));
        assert!(!folder.0.join("serve.json").exists());
        assert!(folder.0.join("state.json").exists());
    }
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let folder = Folder::new("twice");
    let server = Server::start(&folder.0, &[]);
    let port = server.ready.split("127.0.0.1:").nth(1).unwrap().split(' ').next().unwrap();
    let mut stream = std::net::TcpStream::connect(format!("127.0.0.1:{port}")).unwrap();
    // A request that never ends holds the server up, for longer than this test allows.
    stream.write_all(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nA").unwrap();
    std::thread::sleep(Duration::from_millis(200));
    let id = server.child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    std::thread::sleep(Duration::from_millis(200));
    let began = Instant::now();
    assert_eq!(server.end("-INT").0, Some(0));
    assert!(began.elapsed() < Duration::from_millis(1500), "{:?}", began.elapsed());
}

#[test]
fn a_second_server_on_the_folder_is_refused() {
    let folder = Folder::new("second");
    let first = Server::start(&folder.0, &[]);
    let (code, out, err) = text(command(&folder.0).output().unwrap());
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(err.starts_with(&format!("error: another server (process {}, at http://", first.child.id())), "{err}");
    assert!(err.ends_with("stop it, or choose another folder with --state-dir\n"), "{err}");
    first.end("-TERM");
}

#[test]
fn after_a_kill_the_folder_is_free() {
    let folder = Folder::new("free");
    Server::start(&folder.0, &[]).end("-KILL");
    assert_eq!(Server::start(&folder.0, &[]).end("-TERM").0, Some(0));
}

#[test]
fn a_torn_state_is_never_replaced() {
    let folder = Folder::new("torn");
    std::fs::write(folder.0.join("state.json"), "{ torn").unwrap();
    let (code, out, err) = text(command(&folder.0).output().unwrap());
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(err.contains("state.json can't be understood"), "{err}");
    assert_eq!(std::fs::read_to_string(folder.0.join("state.json")).unwrap(), "{ torn");
}

#[test]
fn a_state_of_another_program_is_refused_by_name() {
    let folder = Folder::new("newer");
    let newer = r#"{"version":9,"accounts":{}}"#;
    std::fs::write(folder.0.join("state.json"), newer).unwrap();
    let (code, out, err) = text(command(&folder.0).output().unwrap());
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(err.contains("state.json can't be taken (it is of version 9, and this program reads version 1)"), "{err}");
    assert_eq!(std::fs::read_to_string(folder.0.join("state.json")).unwrap(), newer);
}
