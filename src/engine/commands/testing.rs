//! An engine with clients, for tests of commands: they ask in words and get replies as they go over the wire.

use std::cell::Cell;
use std::rc::Rc;

use crate::engine::config::Config;
use crate::engine::keyspace::events::Classes;
use crate::engine::resp::Reply;
use crate::engine::state::client::Client;
use crate::engine::state::{Engine, Outside};

/// An engine and its clock.
pub(super) struct Desk {
    pub(super) engine: Engine,
    micros: Rc<Cell<i64>>,
}

/// What a command leaves in the engine's books.
pub(super) struct Marks {
    /// Changes it counts.
    pub(super) dirty: u64,
    /// Keys that it finds to be read.
    pub(super) hits: u64,
    /// Events with their keys, in order.
    pub(super) events: String,
    /// What replicas are to hear instead of it; `None`: itself.
    pub(super) instead: Option<Vec<String>>,
}

impl Desk {
    /// One with the configuration that Redis has by default, and client 0, who speaks RESP2.
    pub(super) fn new() -> Self {
        Self::with(|_| {})
    }

    /// The same with a changed configuration.
    pub(super) fn with(change: impl FnOnce(&mut Config)) -> Self {
        let micros = Rc::new(Cell::new(1_700_000_000_000_000));
        let mut config = Config::new();
        change(&mut config);
        let now = { Rc::clone(&micros) };
        let outside = Outside { now: Box::new(move || now.get()), ..Outside::nowhere() };
        let mut desk = Self { engine: Engine::new(config, outside), micros };
        desk.connect(false);
        desk
    }

    /// Another client; answers its number.
    pub(super) fn connect(&mut self, resp3: bool) -> usize {
        self.engine.clients.add(Box::new(Client { authenticated: true, resp3, ..Client::default() }))
    }

    /// What client 0 gets for a command. Words are divided by spaces; `''` is an empty one. In the reply a space stands for
    /// every line's end.
    pub(super) fn ask(&mut self, command: &str) -> String {
        self.ask_as(0, command)
    }

    /// What a client gets for a command.
    pub(super) fn ask_as(&mut self, client: usize, command: &str) -> String {
        let words: Vec<&[u8]> =
            command.split_whitespace().map(|word| if word == "''" { b"" } else { word.as_bytes() }).collect();
        self.engine.ask(client, &words);
        self.output(client)
    }

    /// Carries a command out for RESP2 without all that comes before and after it, and tells what it leaves in the engine's
    /// books.
    pub(super) fn marks(&mut self, command: &str) -> Marks {
        let words: Vec<&[u8]> = command.split_whitespace().map(str::as_bytes).collect();
        let id = self.engine.table.by_name(words[0]).unwrap();
        self.engine.keyspace.wanted_events = Classes(!Classes::NEW.0);
        let (dirty, hits) = (self.engine.keyspace.dirty, self.engine.keyspace.statistics.hits);
        (self.engine.table.row(id).command.execute)(&mut self.engine, &words).unwrap();
        self.engine.reply = Reply::default();
        let events = std::mem::take(&mut self.engine.keyspace.events);
        let events: Vec<String> =
            events.iter().map(|event| format!("{} {}", event.name, String::from_utf8_lossy(&event.key))).collect();
        let instead = self.engine.propagation.instead.take();
        Marks {
            dirty: self.engine.keyspace.dirty - dirty,
            hits: self.engine.keyspace.statistics.hits - hits,
            events: events.join(", "),
            instead: instead
                .map(|told| told.iter().map(|words| String::from_utf8(words.join(&b' ')).unwrap()).collect()),
        }
    }

    /// What has come for a client since it was last looked at.
    pub(super) fn output(&mut self, client: usize) -> String {
        let bytes = std::mem::take(&mut self.engine.clients.at_mut(client).unwrap().output);
        String::from_utf8_lossy(&bytes).trim_end().replace("\r\n", " ")
    }

    /// Lets time pass.
    pub(super) fn wait(&mut self, millis: i64) {
        self.micros.set(self.micros.get() + millis * 1000);
        self.engine.look_at_clock();
        self.engine.expire_blocked();
    }

    /// Whether a key is there.
    pub(super) fn has(&mut self, key: &str) -> bool {
        self.engine.keyspace.exists(key.as_bytes())
    }

    /// Asks, and compares the reply.
    #[track_caller]
    pub(super) fn expect(&mut self, command: &str, reply: &str) {
        assert_eq!(self.ask(command), reply, "{command}");
    }
}
