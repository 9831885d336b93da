//! A prompt of our own, for where no redis-cli is: it asks and answers as that does.
//!
//! Knows lines and replies; the nodes are reached by [`Reach`] alone. `words` splits a line, `client` asks and follows
//! redirections, `reply` words what is answered.

mod client;
mod reply;
mod words;

use std::io::IsTerminal;
use std::path::PathBuf;

use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{Config, Editor};
use serde_json::{Value as Json, json};
use shardform::cluster::reach::{Reach, ReachError};
use shardform::observed::Endpoint;

use crate::error::{EXIT_INTERRUPTED, Error};
use crate::interrupt::Interrupt;
use crate::terminal::Terminal;
use client::Client;
use reply::Form;

/// The exit code where a node can't be reached, as redis-cli has it; an error that a node answers with is a reply.
const EXIT_UNREACHABLE: u8 = 1;

const HELP: &str = "\
A command and its arguments, such as: SET greeting \"hello world\"
Ctrl-C clears the line or leaves a command that waits; quit or Ctrl-D leaves.
What commands there are: https://redis.io/commands. For subscriptions and MONITOR install redis-cli.";

/// Asks one command, and prints the reply as redis-cli does; answers with the exit code.
///
/// # Errors
/// The node can't be reached.
pub async fn once(reach: &Reach, endpoint: &Endpoint, command: Vec<Vec<u8>>, terminal: &Terminal) -> Result<u8, Error> {
    let mut client = Client::connect(reach, endpoint).await?;
    if let Some(why) = words::refusal(&command) {
        return Err(Error::Usage(why));
    }
    let value = client.ask(&command, &mut |_| {}).await?;
    if terminal.json {
        let document: Json = json!({ "node": client.at().to_string(), "reply": reply::json(&value) });
        terminal.print_document(&document)?;
    } else {
        let form = if std::io::stdout().is_terminal() { Form::of(&command) } else { Form::Raw };
        terminal.print_bytes(&reply::shown(&value, form))?;
    }
    Ok(0)
}

/// Reads lines and answers them until the user leaves; answers with the exit code.
///
/// # Errors
/// The configuration endpoint can't be reached, or standard output can't be written.
pub async fn run(
    reach: &Reach,
    endpoint: &Endpoint,
    history: Option<PathBuf>,
    interrupt: &Interrupt,
    terminal: &Terminal,
) -> Result<u8, Error> {
    let mut client = interrupt.leaving(async { Ok(Client::connect(reach, endpoint).await?) }).await?;
    interrupt.hand_over();
    let interactive = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    let mut lines = Lines::open(history, interactive)?;
    let mut code = 0;
    loop {
        let prompt = format!("{}> ", client.at());
        let line = tokio::select! {
            line = lines.next(prompt) => line?,
            () = interrupt.pressed() => return Ok(EXIT_INTERRUPTED),
        };
        let Some(line) = line else { return Ok(code) };
        match words::split(&line) {
            None => terminal.print("Invalid argument(s)")?,
            Some(command) if command.is_empty() => {}
            Some(command) => match own_word(&command) {
                Some(Own::Leave) => return Ok(code),
                Some(Own::Help) => terminal.print(HELP)?,
                None => match words::refusal(&command) {
                    Some(why) => terminal.tell(why),
                    None => code = answer(&mut client, &command, interactive, interrupt, terminal).await?,
                },
            },
        }
    }
}

/// What the prompt itself understands.
enum Own {
    Leave,
    Help,
}

fn own_word(command: &[Vec<u8>]) -> Option<Own> {
    match command {
        [word] if word.eq_ignore_ascii_case(b"quit") || word.eq_ignore_ascii_case(b"exit") => Some(Own::Leave),
        [word, ..] if word.eq_ignore_ascii_case(b"help") || word == b"?" => Some(Own::Help),
        _ => None,
    }
}

/// Asks, and prints what is answered; the exit code that the prompt ends with if this was its last command.
async fn answer(
    client: &mut Client,
    command: &[Vec<u8>],
    interactive: bool,
    interrupt: &Interrupt,
    terminal: &Terminal,
) -> Result<u8, Error> {
    let mut notes = Vec::new();
    let asked = {
        let mut note = |note: String| notes.push(note);
        tokio::select! {
            asked = client.ask(command, &mut note) => Some(asked),
            () = interrupt.key() => None,
            () = interrupt.pressed() => None,
        }
    };
    if interactive {
        notes.iter().try_for_each(|note| terminal.print(note))?;
    }
    match asked {
        Some(Ok(value)) => {
            let form = if interactive { Form::of(command) } else { Form::Raw };
            terminal.print_bytes(&reply::shown(&value, form))?;
            Ok(0)
        }
        Some(Err(ReachError::Unreachable { endpoint, reason } | ReachError::Refused { endpoint, reason })) => {
            terminal.tell(&format!("{endpoint}: {reason}"));
            Ok(EXIT_UNREACHABLE)
        }
        // A reply that nobody waits for must not become the next command's.
        None => {
            client.forget();
            terminal.tell("");
            Ok(EXIT_INTERRUPTED)
        }
    }
}

/// Where lines come from: an editor with a history, which is given to a thread while it waits for keys.
struct Lines {
    editor: Option<Editor<(), FileHistory>>,
    history: Option<PathBuf>,
}

impl Lines {
    fn open(history: Option<PathBuf>, interactive: bool) -> Result<Self, Error> {
        let unusable = |error: ReadlineError| Error::Terminal(error.to_string());
        let config = Config::builder().max_history_size(1000).map_err(unusable)?.auto_add_history(false).build();
        let mut editor = Editor::with_history(config.clone(), FileHistory::with_config(&config)).map_err(unusable)?;
        let history = history.filter(|_| interactive);
        if let Some(path) = &history {
            // Without a history of earlier lines the prompt is as good.
            let _ = path.parent().map(std::fs::create_dir_all);
            let _ = editor.load_history(path);
        }
        Ok(Lines { editor: Some(editor), history })
    }

    /// The next line; `None` where the user leaves. A line that is given up with Ctrl-C is an empty one.
    async fn next(&mut self, prompt: String) -> Result<Option<String>, Error> {
        let Some(mut editor) = self.editor.take() else { return Ok(None) };
        let reading = tokio::task::spawn_blocking(move || {
            let line = editor.readline(&prompt);
            (editor, line)
        });
        let (mut editor, line) = reading.await.map_err(|error| Error::Terminal(error.to_string()))?;
        if let (Ok(line), Some(path)) = (&line, &self.history)
            && !words::is_sensitive(line)
        {
            let added = editor.add_history_entry(line.as_str());
            if matches!(added, Ok(true)) {
                let _ = editor.append_history(path);
            }
        }
        self.editor = Some(editor);
        match line {
            Ok(line) => Ok(Some(line)),
            Err(ReadlineError::Interrupted) => Ok(Some(String::new())),
            Err(ReadlineError::Eof) => Ok(None),
            Err(error) => Err(Error::Terminal(error.to_string())),
        }
    }
}
