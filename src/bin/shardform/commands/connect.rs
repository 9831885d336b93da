//! `connect`: redis-cli at the configuration endpoint, on the client host or here; one command; a shell on the host.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use shardform::cluster::reach::Reach;
use shardform::observed::{Endpoint, Live};
use shardform::ssh::SshError;
use shardform::ssh::command::{NO_REDIS_CLI, RedisCli, SSH_FAILED, TokenFrom};

use super::{Context, block_on};
use crate::args::{Connect, Via};
use crate::child::{self, Ended, Program};
use crate::error::{EXIT_INTERRUPTED, Error};
use crate::host::{self, Door};
use crate::interrupt::Interrupt;
use crate::prompt;
use crate::reach::{self, Found};
use crate::session::{Intent, Session};

/// The variable that redis-cli takes its password from: command lines can be read by everybody.
const TOKEN_VARIABLE: &str = "REDISCLI_AUTH";

pub(super) fn run(args: &Connect, context: &Context) -> Result<u8, Error> {
    if context.global.json && args.command.is_empty() {
        return Err(Error::Usage("with `--json` it takes a command: shardform connect FILE --json -- PING"));
    }
    if args.shell && args.way.via == Via::Direct {
        return Err(Error::Usage("a shell is on the client host: leave out `--via direct`"));
    }
    block_on(async |interrupt: Interrupt| {
        let observing = async {
            let (environment, terminal) = (context.environment, context.terminal);
            let session = Session::open(&args.plan_file, Intent::Look, context.global, environment, terminal).await?;
            let live = session.picture(Intent::Look).await?.live;
            Ok((session, live))
        };
        let (session, live) = interrupt.leaving(observing).await?;
        let connection = Connection { args, context, interrupt: &interrupt, session: &session, live: &live };
        if args.shell { connection.shell().await } else { connection.cluster().await }
    })
}

struct Connection<'a> {
    args: &'a Connect,
    context: &'a Context<'a>,
    interrupt: &'a Interrupt,
    session: &'a Session,
    live: &'a Live,
}

impl Connection<'_> {
    async fn shell(&self) -> Result<u8, Error> {
        let door = self.door().await?;
        let line = door.shell(is_at_terminal());
        let ended = child::run(Program { line, ..Program::default() }, self.interrupt).await?;
        match ended.code {
            // A shell may end with this status too, but never without having begun.
            SSH_FAILED if !ended.words.trim().is_empty() => failed(&door, ended),
            code => Ok(code),
        }
    }

    async fn cluster(&self) -> Result<u8, Error> {
        let (group, endpoint) = reach::cluster(self.session, self.live)?;
        let reach = reach::direct(self.session, group)?;
        if self.context.terminal.json {
            return self.for_programs(endpoint).await;
        }
        let finding = async { Ok(reach::find(self.args.way.via, self.session, endpoint).await) };
        match self.interrupt.leaving(finding).await? {
            Found::Direct => self.here(&reach, endpoint).await,
            Found::Host => self.on_host(&reach, endpoint).await,
            Found::Closed(reason) => {
                let door = self.door().await;
                let door = door.map_err(|error| Error::no_way(endpoint, reason, error))?;
                self.at(&door, &reach, endpoint).await
            }
        }
    }

    /// One command by our own client, whichever way.
    async fn for_programs(&self, endpoint: &Endpoint) -> Result<u8, Error> {
        let (environment, terminal) = (self.context.environment, self.context.terminal);
        let asking = async {
            let way = reach::open_via(self.args.way.via, self.session, self.live, environment, terminal).await?;
            prompt::once(&way.reach, endpoint, self.words(), terminal).await
        };
        self.interrupt.leaving(asking).await
    }

    /// On this machine: redis-cli where it is installed, else what we have ourselves.
    async fn here(&self, reach: &Reach, endpoint: &Endpoint) -> Result<u8, Error> {
        let (environment, terminal) = (self.context.environment, self.context.terminal);
        let Some(program) = self.redis_cli() else {
            if !self.args.command.is_empty() {
                return self.interrupt.leaving(prompt::once(reach, endpoint, self.words(), terminal)).await;
            }
            let history = environment.state_folder().map(|folder| folder.join("history"));
            return prompt::run(reach, endpoint, history, self.interrupt, terminal).await;
        };
        // In the place of this program, so that whoever ends the one has ended the other.
        let mut redis_cli = Command::new(&program);
        redis_cli.args(self.arguments(reach, endpoint).arguments());
        if let Some(token) = &reach.token {
            redis_cli.env(TOKEN_VARIABLE, token.expose());
        }
        Err(Error::Start { program: program.display().to_string(), source: redis_cli.exec() })
    }

    async fn on_host(&self, reach: &Reach, endpoint: &Endpoint) -> Result<u8, Error> {
        self.at(&self.door().await?, reach, endpoint).await
    }

    async fn at(&self, door: &Door<'_>, reach: &Reach, endpoint: &Endpoint) -> Result<u8, Error> {
        let is_prompt = self.args.command.is_empty();
        let terminal = is_prompt && is_at_terminal();
        let redis_cli = self.arguments(reach, endpoint);
        let run =
            |token: &TokenFrom| Program { line: door.script(terminal, &redis_cli.script(token)), ..Program::default() };
        let ended = match &reach.token {
            None => child::run(run(&TokenFrom::Nowhere), self.interrupt).await?,
            Some(token) if is_prompt => {
                let pipe = self.interrupt.leaving(async { Ok(door.secret(token).await?) }).await?;
                child::run(run(&TokenFrom::Pipe(pipe.path.clone())), self.interrupt).await?
            }
            Some(token) => {
                let program = Program { secret_line: Some(token.clone()), ..run(&TokenFrom::Input) };
                child::run(program, self.interrupt).await?
            }
        };
        match ended.code {
            SSH_FAILED => failed(door, ended),
            NO_REDIS_CLI => Err(door.no_redis_cli().into()),
            code => Ok(code),
        }
    }

    async fn door(&self) -> Result<Door<'_>, Error> {
        let door = self.interrupt.leaving(host::open(self.session, self.live, self.context.environment)).await?;
        self.context.terminal.mention(&format!("through {}{}", door.who(), door.key_note()));
        Ok(door)
    }

    fn arguments(&self, reach: &Reach, endpoint: &Endpoint) -> RedisCli {
        RedisCli {
            host: endpoint.address.clone(),
            port: endpoint.port,
            tls: reach.tls,
            // A prompt at a terminal formats by itself.
            formatted: !self.args.command.is_empty() && std::io::stdout().is_terminal(),
            command: self.args.command.clone(),
        }
    }

    fn words(&self) -> Vec<Vec<u8>> {
        self.args.command.iter().cloned().map(OsString::into_vec).collect()
    }

    fn redis_cli(&self) -> Option<PathBuf> {
        let path = self.context.environment.raw("PATH")?;
        let names = ["redis-cli", "valkey-cli"];
        let found = |folder: PathBuf| names.iter().map(|name| folder.join(name)).find(|path| path.is_file());
        std::env::split_paths(path).find_map(found)
    }
}

fn is_at_terminal() -> bool {
    std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
}

/// `ssh` has failed, or the user has ended it.
fn failed(door: &Door<'_>, ended: Ended) -> Result<u8, Error> {
    if ended.interrupted {
        return Ok(EXIT_INTERRUPTED);
    }
    Err(door.closed(SshError::Ended { words: ended.words }).into())
}
