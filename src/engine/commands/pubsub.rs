//! SUBSCRIBE, PUBLISH and their kin, and the events of keys.

use std::collections::BTreeSet;

use super::command::{Command, Execute, Flags};
use super::error::{Error, Outcome};
use crate::engine::cluster::slots::{SlotSet, key_slot};
use crate::engine::data::glob;
use crate::engine::keyspace::events::{Classes, Event};
use crate::engine::resp::Reply;
use crate::engine::state::Engine;
use crate::engine::state::client::{Client, ClientId};
use crate::engine::state::subscribers::{Index, Subscribers};

const SPEAK: Flags = Flags::PUBSUB.and(Flags::LOADING).and(Flags::STALE);
const LISTEN: Flags = SPEAK.and(Flags::NOSCRIPT);
const PUBLISH: Flags = SPEAK.and(Flags::FAST).and(Flags::MAY_REPLICATE);

const fn row(name: &'static str, arity: i16, execute: Execute, flags: Flags, summary: &'static str) -> Command {
    Command::new(name, arity, execute).flags(flags).about("pubsub", "2.0.0", summary)
}

const fn shard_row(name: &'static str, arity: i16, execute: Execute, flags: Flags, summary: &'static str) -> Command {
    Command::new(name, arity, execute).flags(flags).about("pubsub", "7.0.0", summary)
}

const SUBCOMMANDS: &[Command] = &[
    row("channels", -2, channels, SPEAK, "Returns the active channels."),
    row("help", 2, help, Flags::LOADING.and(Flags::STALE), "Returns helpful text about the subcommands."),
    row("numpat", 2, count_patterns, SPEAK, "Returns a count of unique pattern subscriptions."),
    row("numsub", -2, count_subscribers, SPEAK, "Returns a count of subscribers to channels."),
    shard_row("shardchannels", -2, shard_channels, SPEAK, "Returns the active shard channels."),
    shard_row("shardnumsub", -2, count_shard_subscribers, SPEAK, "Returns the count of subscribers of shard channels."),
];

/// The commands of this file.
pub const COMMANDS: &[Command] = &[
    row("subscribe", -2, subscribe, LISTEN, "Listens for messages published to channels."),
    row("unsubscribe", -1, unsubscribe, LISTEN, "Stops listening to messages posted to channels."),
    row("psubscribe", -2, subscribe_to_patterns, LISTEN, "Listens for messages published to channels of patterns."),
    row("punsubscribe", -1, unsubscribe_from_patterns, LISTEN, "Stops listening to channels of patterns."),
    shard_row("ssubscribe", -2, subscribe_to_shard, LISTEN, "Listens for messages published to shard channels.")
        .range(1, -1, 1, "not_key"),
    shard_row("sunsubscribe", -1, unsubscribe_from_shard, LISTEN, "Stops listening to shard channels.")
        .range(1, -1, 1, "not_key"),
    row("publish", 3, publish, PUBLISH, "Posts a message to a channel."),
    shard_row("spublish", 3, publish_to_shard, PUBLISH, "Posts a message to a shard channel.")
        .range(1, 1, 1, "not_key"),
    row("pubsub", -2, help, Flags(0), "A container for Pub/Sub commands.").with(SUBCOMMANDS),
];

/// A kind of subscription: where it is kept, and what it is called.
struct Kind {
    of_client: fn(&mut Client) -> &mut BTreeSet<Vec<u8>>,
    of_all: fn(&mut Subscribers) -> &mut Index,
    /// How many subscriptions a client is told to have.
    count: fn(&Client) -> usize,
    subscribed: &'static str,
    unsubscribed: &'static str,
}

const CHANNELS: Kind = Kind {
    of_client: |client| &mut client.channels,
    of_all: |all| &mut all.channels,
    count: Client::subscriptions,
    subscribed: "subscribe",
    unsubscribed: "unsubscribe",
};

const PATTERNS: Kind = Kind {
    of_client: |client| &mut client.patterns,
    of_all: |all| &mut all.patterns,
    count: Client::subscriptions,
    subscribed: "psubscribe",
    unsubscribed: "punsubscribe",
};

const SHARD_CHANNELS: Kind = Kind {
    of_client: |client| &mut client.shard_channels,
    of_all: |all| &mut all.shard_channels,
    count: |client| client.shard_channels.len(),
    subscribed: "ssubscribe",
    unsubscribed: "sunsubscribe",
};

fn subscribe(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    add(engine, arguments, &CHANNELS)
}

fn unsubscribe(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    remove(engine, arguments, &CHANNELS)
}

fn subscribe_to_patterns(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    add(engine, arguments, &PATTERNS)
}

fn unsubscribe_from_patterns(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    remove(engine, arguments, &PATTERNS)
}

fn subscribe_to_shard(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    if engine.may_not_block {
        return Err(Error::fixed("ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client"));
    }
    add(engine, arguments, &SHARD_CHANNELS)
}

fn unsubscribe_from_shard(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    remove(engine, arguments, &SHARD_CHANNELS)
}

fn add(engine: &mut Engine, names: &[&[u8]], kind: &Kind) -> Outcome {
    for name in names.iter().skip(1) {
        if (kind.of_client)(&mut engine.client).insert(name.to_vec()) {
            let id = engine.client.id;
            (kind.of_all)(&mut engine.subscribers).add(name, id);
        }
        confirm(&mut engine.reply, kind.subscribed, Some(name), (kind.count)(&engine.client));
    }
    Ok(())
}

fn remove(engine: &mut Engine, names: &[&[u8]], kind: &Kind) -> Outcome {
    let all: Vec<Vec<u8>> = match names.len() {
        1 => (kind.of_client)(&mut engine.client).iter().cloned().collect(),
        _ => names.iter().skip(1).map(|name| name.to_vec()).collect(),
    };
    for name in &all {
        if (kind.of_client)(&mut engine.client).remove(name) {
            let id = engine.client.id;
            (kind.of_all)(&mut engine.subscribers).remove(name, id);
        }
        confirm(&mut engine.reply, kind.unsubscribed, Some(name), (kind.count)(&engine.client));
    }
    if all.is_empty() {
        confirm(&mut engine.reply, kind.unsubscribed, None, (kind.count)(&engine.client));
    }
    Ok(())
}

/// Tells a client that it has subscribed, or has no more.
fn confirm(reply: &mut Reply, word: &str, name: Option<&[u8]>, count: usize) {
    reply.push(3);
    reply.text(word);
    reply.bulk_or_null(name);
    reply.count(count);
}

fn publish(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    publish_as(engine, arguments, false)
}

fn publish_to_shard(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    publish_as(engine, arguments, true)
}

fn publish_as(engine: &mut Engine, arguments: &[&[u8]], sharded: bool) -> Outcome {
    let (channel, message) = (arguments[1], arguments[2]);
    let receivers = engine.deliver(channel, message, sharded);
    if engine.cluster.is_some() {
        engine.publish_to_cluster(channel, message, sharded);
    } else {
        // Replicas have subscribers, too.
        engine.propagation.instead(arguments);
    }
    engine.reply.count(receivers);
    Ok(())
}

fn channels(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    list(&mut engine.reply, &engine.subscribers.channels, arguments)
}

fn shard_channels(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    list(&mut engine.reply, &engine.subscribers.shard_channels, arguments)
}

fn list(reply: &mut Reply, index: &Index, arguments: &[&[u8]]) -> Outcome {
    if arguments.len() > 3 {
        return Err(Error::worded(format!(
            "ERR unknown subcommand or wrong number of arguments for '{}'. Try PUBSUB HELP.",
            String::from_utf8_lossy(arguments[1])
        )));
    }
    let wanted = |name: &&[u8]| arguments.get(2).is_none_or(|pattern| glob::matches(pattern, name));
    let names: Vec<&[u8]> = index.iter().map(|(name, _)| name).filter(wanted).collect();
    reply.bulks(&names);
    Ok(())
}

fn count_patterns(engine: &mut Engine, _: &[&[u8]]) -> Outcome {
    engine.reply.count(engine.subscribers.patterns.len());
    Ok(())
}

fn count_subscribers(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    count(&mut engine.reply, &engine.subscribers.channels, arguments)
}

fn count_shard_subscribers(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    count(&mut engine.reply, &engine.subscribers.shard_channels, arguments)
}

fn count(reply: &mut Reply, index: &Index, arguments: &[&[u8]]) -> Outcome {
    reply.array((arguments.len() - 2) * 2);
    for name in &arguments[2..] {
        reply.bulk(name);
        reply.count(index.of(name).len());
    }
    Ok(())
}

fn help(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    super::help::help(
        engine,
        arguments,
        &[
            ("CHANNELS [<pattern>]", "Return the currently active channels matching a <pattern> (default: '*')."),
            ("NUMPAT", "Return number of subscriptions to patterns."),
            ("NUMSUB [<channel> ...]", "Return the number of subscribers for the specified channels."),
            (
                "SHARDCHANNELS [<pattern>]",
                "Return the currently active shard level channels matching a <pattern> (default: '*').",
            ),
            (
                "SHARDNUMSUB [<shardchannel> ...]",
                "Return the number of subscribers for the specified shard level channel(s)",
            ),
        ],
    )
}

/// A message, in each version of the protocol when somebody needs it.
struct Message<'a> {
    parts: &'a [&'a [u8]],
    written: [Option<Vec<u8>>; 2],
}

impl<'a> Message<'a> {
    fn new(parts: &'a [&'a [u8]]) -> Self {
        Message { parts, written: [None, None] }
    }

    fn bytes(&mut self, resp3: bool) -> &[u8] {
        let parts = self.parts;
        self.written[usize::from(resp3)].get_or_insert_with(|| {
            let mut reply = Reply::new(resp3);
            reply.push(parts.len());
            parts.iter().for_each(|part| reply.bulk(part));
            reply.into_bytes()
        })
    }
}

impl Engine {
    /// Publishes the events of keys that commands have left.
    pub fn publish_events(&mut self) {
        let wanted = self.keyspace.wanted_events;
        for Event { name, key, database, .. } in std::mem::take(&mut self.keyspace.events) {
            if wanted.has(Classes::KEYSPACE) {
                let channel = [format!("__keyspace@{database}__:").as_bytes(), &key].concat();
                self.deliver(&channel, name.as_bytes(), false);
            }
            if wanted.has(Classes::KEYEVENT) {
                self.deliver(format!("__keyevent@{database}__:{name}").as_bytes(), &key, false);
            }
        }
    }

    /// The client at hand hears of nothing any more.
    pub fn unsubscribe_all(&mut self) {
        if !self.client.is_subscribed() {
            return;
        }
        let id = self.client.id;
        for kind in [&CHANNELS, &PATTERNS, &SHARD_CHANNELS] {
            for name in std::mem::take((kind.of_client)(&mut self.client)) {
                (kind.of_all)(&mut self.subscribers).remove(&name, id);
            }
        }
    }

    /// Sends a message to those who have subscribed to its channel; answers how many.
    pub fn deliver(&mut self, channel: &[u8], message: &[u8], sharded: bool) -> usize {
        let subscribers = std::mem::take(&mut self.subscribers);
        let (index, word): (_, &[u8]) = match sharded {
            true => (&subscribers.shard_channels, b"smessage"),
            false => (&subscribers.channels, b"message"),
        };
        let mut receivers = self.send_to(index.of(channel), &[word, channel, message]);
        if !sharded {
            for (pattern, clients) in subscribers.patterns.iter() {
                if glob::matches(pattern, channel) {
                    receivers += self.send_to(clients, &[b"pmessage", pattern, channel, message]);
                }
            }
        }
        self.subscribers = subscribers;
        receivers
    }

    /// Sends a message to clients; answers how many they are.
    fn send_to(&mut self, clients: &[ClientId], parts: &[&[u8]]) -> usize {
        let mut message = Message::new(parts);
        for id in clients {
            let resp3 = match self.clients.get(*id) {
                Some(client) => client.resp3,
                None => self.client.resp3,
            };
            self.push(*id, message.bytes(resp3));
        }
        clients.len()
    }

    /// Ends the subscriptions to channels of these slots, which this node doesn't serve any more.
    pub fn drop_shard_channels(&mut self, slots: &SlotSet) {
        let gone = self.subscribers.shard_channels.iter().filter(|(name, _)| slots.contains(key_slot(name)));
        let gone: Vec<(Vec<u8>, Vec<ClientId>)> =
            gone.map(|(name, clients)| (name.to_vec(), clients.to_vec())).collect();
        for (name, clients) in gone {
            for id in clients {
                self.subscribers.shard_channels.remove(&name, id);
                let client = match self.clients.get_mut(id) {
                    Some(client) => client,
                    None => &mut *self.client,
                };
                client.shard_channels.remove(&name);
                let mut reply = Reply::new(client.resp3);
                confirm(&mut reply, SHARD_CHANNELS.unsubscribed, Some(&name), client.shard_channels.len());
                self.push(id, reply.bytes());
            }
        }
    }
}
