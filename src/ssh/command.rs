//! Command lines of `ssh`, and the scripts that run on the client host. Pure.
//!
//! Both can be read by everybody on the machine that runs them (`ps`), so neither ever holds a secret: a token goes
//! through standard input or through a named pipe that only its owner can open.

use std::ffi::{OsStr, OsString};
use std::net::SocketAddr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use super::USER;

/// What a proxy's host says when the way is open.
pub const READY: &str = "shardform: the way is open";
/// The status of a script that finds no redis-cli, as a shell has it for what it can't find.
pub const NO_REDIS_CLI: u8 = 127;
/// The status with which `ssh` tells of its own failures.
pub const SSH_FAILED: u8 = 255;

/// Ends the shell that starts it, or what that has become, once the shell's connection is gone. Without a terminal
/// nobody else does: a command that waits would stay, and take later what was meant for others (BLPOP).
const GUARD: &str = "if kill -0 $PPID; then while kill -0 $PPID && kill -0 $$; do sleep 1; done; kill $$; fi \
                     </dev/null >/dev/null 2>&1";
/// How long `ssh` tries to connect, in seconds.
const CONNECT_TIMEOUT_S: u32 = 10;
/// How often it asks whether the host is still there, in seconds; three silences are the end.
const ALIVE_INTERVAL_S: u32 = 15;

/// The user's `ssh`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ssh {
    /// Program and first arguments.
    words: Vec<String>,
    /// Where the keys of hosts are kept that were met before.
    known_hosts: PathBuf,
}

/// A client host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Instance id, `i-…`: the name that its host key is kept under, because addresses are used again.
    pub id: String,
    /// Name or address.
    pub address: String,
    /// File of the private key.
    pub key: PathBuf,
}

/// What redis-cli is to be given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedisCli {
    /// Host of the node.
    pub host: String,
    /// Its TCP port.
    pub port: u16,
    /// Whether it speaks TLS.
    pub tls: bool,
    /// Replies as people read them even where no terminal is.
    pub formatted: bool,
    /// A command; empty: a prompt.
    pub command: Vec<OsString>,
}

/// How a token comes to redis-cli on the client host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TokenFrom {
    /// There is none.
    Nowhere,
    /// The first line of standard input.
    Input,
    /// A named pipe on the host.
    Pipe(String),
}

impl Ssh {
    /// `ssh`, or what a user wants in its place: a command with arguments, split as a shell splits words. `None` where
    /// it can't be split: it is empty, or a quote is open.
    pub fn new(instead: Option<&str>, known_hosts: PathBuf) -> Option<Self> {
        let words = match instead {
            Some(text) => shell_words(text).filter(|words| !words.is_empty())?,
            None => vec!["ssh".to_owned()],
        };
        Some(Ssh { words, known_hosts })
    }

    /// The program's name.
    pub fn program(&self) -> &str {
        self.words.first().map_or("ssh", String::as_str)
    }

    /// Keeps a SOCKS proxy open at `listen` as long as its standard input is. When it is open, [`READY`] comes.
    pub fn proxy(&self, host: &Host, listen: SocketAddr) -> Vec<OsString> {
        let options = ["-T", "-o", "BatchMode=yes", "-o", "ExitOnForwardFailure=yes", "-D"];
        let mut all = self.common(host);
        all.extend(options.map(OsString::from));
        all.push(listen.to_string().into());
        // Bound to the owner by its input: whichever way that ends, the host's `cat` ends too, and ssh with it. It would
        // wait for those who are still connected through it, so the host ends the server's side of this connection.
        to(all, host, Some(&format!("echo '{READY}' && cat >/dev/null; kill $PPID")))
    }

    /// Runs a script, with a terminal or without one.
    pub fn run(&self, host: &Host, terminal: bool, script: &OsStr) -> Vec<OsString> {
        let mut all = self.common(host);
        all.push(if terminal { "-t" } else { "-T" }.into());
        to(all, host, Some(script))
    }

    /// Runs a script without a terminal, and asks nothing.
    pub fn batch(&self, host: &Host, script: &OsStr) -> Vec<OsString> {
        let mut all = self.common(host);
        all.extend(["-T", "-o", "BatchMode=yes"].map(OsString::from));
        to(all, host, Some(script))
    }

    /// A shell on the host.
    pub fn shell(&self, host: &Host, terminal: bool) -> Vec<OsString> {
        let mut all = self.common(host);
        all.push(if terminal { "-t" } else { "-T" }.into());
        to(all, host, None::<&OsStr>)
    }

    /// What every use has. The user's own arguments come first, because of each option ssh takes the first.
    fn common(&self, host: &Host) -> Vec<OsString> {
        let fixed = [
            "User".to_owned() + "=" + USER,
            "IdentitiesOnly=yes".to_owned(),
            format!("ConnectTimeout={CONNECT_TIMEOUT_S}"),
            format!("ServerAliveInterval={ALIVE_INTERVAL_S}"),
            "ServerAliveCountMax=3".to_owned(),
            "StrictHostKeyChecking=accept-new".to_owned(),
            format!("HostKeyAlias={}", host.id),
            // A user's configuration may have them for all hosts; here they would outlive us, or refuse our script.
            "ControlMaster=no".to_owned(),
            "ControlPath=none".to_owned(),
            "RemoteCommand=none".to_owned(),
            // Without it each host is told of when it is met first.
            "LogLevel=ERROR".to_owned(),
        ];
        let paths = [file_option("IdentityFile", &host.key), file_option("UserKnownHostsFile", &self.known_hosts)];
        let options = fixed.into_iter().map(OsString::from).chain(paths).flat_map(|option| ["-o".into(), option]);
        self.words.iter().map(OsString::from).chain(options).collect()
    }
}

/// Ends a command line with the host and a script.
fn to(mut all: Vec<OsString>, host: &Host, script: Option<impl AsRef<OsStr>>) -> Vec<OsString> {
    // Whatever an address looks like, it is no option.
    all.push("--".into());
    all.push(host.address.clone().into());
    all.extend(script.map(|script| script.as_ref().to_owned()));
    all
}

/// An option whose value is a path, as ssh's configuration reads it: quoted, and `%` doubled.
fn file_option(name: &str, path: &Path) -> OsString {
    let mut bytes = format!("{name}=\"").into_bytes();
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'"' | b'\\' => bytes.extend([b'\\', *byte]),
            b'%' => bytes.extend(b"%%"),
            other => bytes.push(*other),
        }
    }
    bytes.push(b'"');
    OsString::from_vec(bytes)
}

impl RedisCli {
    /// Its arguments: `-c`, where the node is, and the command.
    pub fn arguments(&self) -> Vec<OsString> {
        let mut all: Vec<OsString> = vec!["-c".into(), "-h".into(), self.host.clone().into()];
        all.extend(["-p".into(), self.port.to_string().into()]);
        all.extend(self.tls.then(|| "--tls".into()));
        all.extend(self.formatted.then(|| "--no-raw".into()));
        all.extend(self.command.iter().cloned());
        all
    }

    /// The script that runs it on the client host; exits with [`NO_REDIS_CLI`] where it isn't installed.
    pub fn script(&self, token: &TokenFrom) -> OsString {
        // The client host's own name for it is in a folder that not every shell has.
        let mut script = "PATH=\"$PATH:/usr/local/bin\"; ".to_owned().into_bytes();
        script.extend(format!("command -v redis-cli >/dev/null || exit {NO_REDIS_CLI}; {GUARD} & ").bytes());
        match token {
            TokenFrom::Nowhere => {}
            TokenFrom::Input => script.extend(b"IFS= read -r REDISCLI_AUTH && export REDISCLI_AUTH && "),
            TokenFrom::Pipe(path) => {
                script.extend(b"IFS= read -r REDISCLI_AUTH <");
                script.extend(quoted(OsStr::new(path)));
                script.extend(b" && export REDISCLI_AUTH && ");
            }
        }
        script.extend(b"exec redis-cli");
        for argument in self.arguments() {
            script.push(b' ');
            script.extend(quoted(&argument));
        }
        OsString::from_vec(script)
    }
}

/// The script that gives its standard input to whoever first reads a named pipe, whose path it prints. Nobody else can
/// read it, nothing is written to a disk, and after a minute it gives up.
pub fn pipe_script() -> &'static str {
    "d=$(mktemp -d) && p=\"$d/pipe\" && mkfifo -m 600 \"$p\" && printf '%s\\n' \"$p\" && \
     timeout 60 sh -c 'cat >\"$1\"' sh \"$p\"; rm -rf \"$d\""
}

/// A word as a POSIX shell reads it.
fn quoted(word: &OsStr) -> Vec<u8> {
    let bytes = word.as_bytes();
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_./:=@%+,".contains(byte);
    if !bytes.is_empty() && bytes.iter().all(is_plain) {
        return bytes.to_vec();
    }
    let mut out = vec![b'\''];
    for byte in bytes {
        match byte {
            b'\'' => out.extend(br"'\''"),
            other => out.push(*other),
        }
    }
    out.push(b'\'');
    out
}

/// Splits a text as a POSIX shell splits words, without its variables and patterns. `None` where a quote is open.
pub fn shell_words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            c if c.is_whitespace() => words.extend(word.take()),
            '\\' => word.get_or_insert_default().push(chars.next()?),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next()? {
                        '\'' => break,
                        inside => word.push(inside),
                    }
                }
            }
            '"' => double_quoted(word.get_or_insert_default(), &mut chars)?,
            plain => word.get_or_insert_default().push(plain),
        }
    }
    words.extend(word);
    Some(words)
}

/// The inside of double quotes, where a backslash protects only what would mean something there.
fn double_quoted(word: &mut String, chars: &mut std::str::Chars<'_>) -> Option<()> {
    loop {
        match chars.next()? {
            '"' => return Some(()),
            '\\' => match chars.next()? {
                protected @ ('"' | '\\' | '$' | '`') => word.push(protected),
                other => word.extend(['\\', other]),
            },
            inside => word.push(inside),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    fn host() -> Host {
        Host { id: "i-0123".to_owned(), address: "203.0.113.7".to_owned(), key: "/home/ann/my keys/100%.pem".into() }
    }

    fn ssh() -> Ssh {
        Ssh::new(None, "/home/ann/.local/state/shardform/known_hosts".into()).unwrap()
    }

    fn shown(words: &[OsString]) -> String {
        let words = words.iter().map(|word| word.to_str().unwrap().to_owned());
        words.collect::<Vec<_>>().join("\n").replace("-o\n", "-o ") + "\n"
    }

    fn redis_cli(command: &[&str]) -> RedisCli {
        let command = command.iter().map(OsString::from).collect();
        RedisCli { host: "c.example".to_owned(), port: 6379, tls: false, formatted: false, command }
    }

    #[test]
    fn a_proxy_asks_nothing_and_fails_where_it_cant_listen() {
        expect![[r#"
            ssh
            -o User=ec2-user
            -o IdentitiesOnly=yes
            -o ConnectTimeout=10
            -o ServerAliveInterval=15
            -o ServerAliveCountMax=3
            -o StrictHostKeyChecking=accept-new
            -o HostKeyAlias=i-0123
            -o ControlMaster=no
            -o ControlPath=none
            -o RemoteCommand=none
            -o LogLevel=ERROR
            -o IdentityFile="/home/ann/my keys/100%%.pem"
            -o UserKnownHostsFile="/home/ann/.local/state/shardform/known_hosts"
            -T
            -o BatchMode=yes
            -o ExitOnForwardFailure=yes
            -D
            127.0.0.1:1080
            --
            203.0.113.7
            echo 'shardform: the way is open' && cat >/dev/null; kill $PPID
        "#]]
        .assert_eq(&shown(&ssh().proxy(&host(), "127.0.0.1:1080".parse().unwrap())));
    }

    #[test]
    fn a_users_own_arguments_come_first() {
        let ssh = Ssh::new(Some("ssh -F 'my config' -o User=me"), "/known".into()).unwrap();
        let words = ssh.shell(&host(), true);
        assert_eq!(words[..5], ["ssh", "-F", "my config", "-o", "User=me"].map(OsString::from));
        assert_eq!(words[words.len() - 3..], ["-t", "--", "203.0.113.7"].map(OsString::from));
        assert_eq!(ssh.program(), "ssh");
        assert_eq!(Ssh::new(Some("ssh 'open"), "/known".into()), None);
        assert_eq!(Ssh::new(Some("  "), "/known".into()), None);
    }

    #[test]
    fn scripts_keep_words_and_secrets_apart() {
        let script = |cli: &RedisCli, token| cli.script(&token).into_string().unwrap();
        expect![[r#"PATH="$PATH:/usr/local/bin"; command -v redis-cli >/dev/null || exit 127; if kill -0 $PPID; then while kill -0 $PPID && kill -0 $$; do sleep 1; done; kill $$; fi </dev/null >/dev/null 2>&1 & exec redis-cli -c -h c.example -p 6379 SET 'it'\''s' '$HOME' ''"#]]
        .assert_eq(&script(&redis_cli(&["SET", "it's", "$HOME", ""]), TokenFrom::Nowhere));
        let tls = RedisCli { tls: true, formatted: true, ..redis_cli(&[]) };
        expect![[r#"PATH="$PATH:/usr/local/bin"; command -v redis-cli >/dev/null || exit 127; if kill -0 $PPID; then while kill -0 $PPID && kill -0 $$; do sleep 1; done; kill $$; fi </dev/null >/dev/null 2>&1 & IFS= read -r REDISCLI_AUTH && export REDISCLI_AUTH && exec redis-cli -c -h c.example -p 6379 --tls --no-raw"#]]
        .assert_eq(&script(&tls, TokenFrom::Input));
        expect![[r#"PATH="$PATH:/usr/local/bin"; command -v redis-cli >/dev/null || exit 127; if kill -0 $PPID; then while kill -0 $PPID && kill -0 $$; do sleep 1; done; kill $$; fi </dev/null >/dev/null 2>&1 & IFS= read -r REDISCLI_AUTH </tmp/tmp.x/pipe && export REDISCLI_AUTH && exec redis-cli -c -h c.example -p 6379"#]]
        .assert_eq(&script(&redis_cli(&[]), TokenFrom::Pipe("/tmp/tmp.x/pipe".to_owned())));
    }

    #[test]
    fn words_are_split_as_a_shell_does() {
        let split = |text: &str| shell_words(text);
        let words = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        assert_eq!(split("ssh  -F /a/b"), words(&["ssh", "-F", "/a/b"]));
        assert_eq!(split(r#"a 'b c'd "e \"f\" \g $" \ h ''"#), words(&["a", "b cd", r#"e "f" \g $"#, " h", ""]));
        assert_eq!(split(""), words(&[]));
        for open in ["'", "\"", "a\\", "\"a\\"] {
            assert_eq!(split(open), None, "{open}");
        }
    }
}
