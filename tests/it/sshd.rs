//! A real ssh server on loopback that plays the client host: of this user, with keys made at run time.

use std::fs;
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::sandbox::{Ran, Sandbox, until};

/// Where distributions put the server.
const PLACES: [&str; 3] = ["/usr/sbin/sshd", "/usr/bin/sshd", "/usr/local/sbin/sshd"];

/// An ssh server, ended with this value.
pub struct Sshd {
    child: Child,
    port: u16,
    folder: PathBuf,
}

/// Whether a server is installed. Where `SHARDFORM_REQUIRE_SSHD` is set there has to be one.
pub fn sshd() -> bool {
    let found = PLACES.iter().any(|place| Path::new(place).is_file());
    let required = std::env::var_os("SHARDFORM_REQUIRE_SSHD").is_some();
    assert!(found || !required, "no sshd is installed (openssh-server)");
    if !found {
        println!("skipped: no sshd is installed (openssh-server)");
    }
    found
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A program's output, which has to end well.
fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

impl Sshd {
    /// Starts one that accepts no key yet.
    pub fn start(sandbox: &Sandbox) -> Self {
        let folder = sandbox.folder().join("sshd");
        fs::create_dir_all(&folder).unwrap();
        let host_key = folder.join("host_key");
        said("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-f", host_key.to_str().unwrap()]);
        let port = free_port();
        let config = folder.join("config");
        fs::write(
            &config,
            format!(
                "ListenAddress 127.0.0.1:{port}\nHostKey {}\nPidFile none\nAuthorizedKeysFile {}\nUsePAM no\n\
                 StrictModes no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\n\
                 LogLevel ERROR\n",
                host_key.display(),
                folder.join("authorized_keys").display()
            ),
        )
        .unwrap();
        if rustix::process::geteuid().is_root() {
            // The server's own folder for its unprivileged half, which a start script makes elsewhere.
            fs::create_dir_all("/run/sshd").unwrap();
        }
        let place = PLACES.iter().find(|place| Path::new(place).is_file()).unwrap();
        let child = Command::new(place).args(["-D", "-e", "-f"]).arg(&config).stderr(Stdio::piped()).spawn();
        let mut sshd = Sshd { child: child.unwrap(), port, folder };
        until("the ssh server listens", || sshd.is_up());
        sshd
    }

    fn is_up(&mut self) -> bool {
        if self.child.try_wait().unwrap().is_some() {
            let mut words = String::new();
            self.child.stderr.take().unwrap().read_to_string(&mut words).unwrap();
            panic!("the ssh server has ended: {words}");
        }
        TcpStream::connect(("127.0.0.1", self.port)).is_ok()
    }

    /// Accepts these public keys from now on, and no others.
    pub fn accept(&self, keys: &[String]) {
        fs::write(self.folder.join("authorized_keys"), keys.join("\n") + "\n").unwrap();
    }

    /// The public half of a private key's file.
    pub fn public_half(file: &Path) -> String {
        said("ssh-keygen", &["-y", "-f", file.to_str().unwrap()]).trim().to_owned()
    }

    /// What `SHARDFORM_SSH` has to be for every host to be this server.
    pub fn instead(&self) -> String {
        ssh_at(self.port)
    }
}

/// `ssh` that goes to a port of loopback whatever the host, as the user of this process.
pub fn ssh_at(port: u16) -> String {
    let user = said("id", &["-un"]);
    format!("ssh -F none -o HostName=127.0.0.1 -o Port={port} -o User={}", user.trim())
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A run's status and outputs, with the client host's public name made the same.
pub fn shown(ran: &Ran) -> String {
    let mut parts = ran.shown().split("ec2-203-0-113-");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str("ADDRESS");
        out.push_str(part.split_once("amazonaws.com").unwrap().1);
    }
    out
}
