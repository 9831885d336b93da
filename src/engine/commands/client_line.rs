//! A client on one line, as CLIENT LIST and CLIENT INFO show it, and the kinds of clients that filters know.

use crate::engine::state::client::{Client, Role};

/// The kinds of clients that CLIENT LIST and CLIENT KILL tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One that asks commands, or watches them.
    Normal,
    /// Our primary.
    Primary,
    /// A replica of ours.
    Replica,
    /// A subscriber.
    Subscriber,
}

impl Kind {
    /// The kind of a client.
    pub fn of(client: &Client) -> Self {
        match client.role {
            Role::Primary => Self::Primary,
            Role::Replica => Self::Replica,
            _ if client.is_subscribed() => Self::Subscriber,
            _ => Self::Normal,
        }
    }

    /// The kind of a name.
    pub fn named(name: &[u8]) -> Option<Self> {
        match name.to_ascii_lowercase().as_slice() {
            b"normal" => Some(Self::Normal),
            b"master" => Some(Self::Primary),
            b"replica" | b"slave" => Some(Self::Replica),
            b"pubsub" => Some(Self::Subscriber),
            _ => None,
        }
    }
}

/// The line, without its end. `now` is in milliseconds since the epoch; `asked` is how long the request is that the
/// client has just asked, bytes.
pub fn line(client: &Client, now: i64, command: &str, asked: usize) -> String {
    let queued = client.transaction.as_ref();
    let queued_bytes: usize =
        queued.map_or(0, |queued| queued.commands.iter().map(|(_, kept)| kept.heap_bytes()).sum());
    let output = client.pending_output();
    let total = size_of::<Client>() + client.output.capacity() + client.unread + asked + queued_bytes;
    format!(
        "id={} addr={} laddr={} fd={} name={} age={} idle={} flags={} db={} sub={} psub={} ssub={} multi={} qbuf={} \
         qbuf-free=0 argv-mem={asked} multi-mem={queued_bytes} rbs={} rbp={} obl={} oll=0 omem={} tot-mem={total} \
         events={} cmd={command} user={} redir=-1 resp={}",
        client.id,
        client.address,
        client.local_address,
        client.descriptor,
        String::from_utf8_lossy(&client.name),
        (now - client.since) / 1000,
        (now - client.last_active) / 1000,
        flags(client),
        client.database,
        client.channels.len(),
        client.patterns.len(),
        client.shard_channels.len(),
        queued.map_or(-1, |queued| i64::try_from(queued.commands.len()).unwrap_or(i64::MAX)),
        client.unread + asked,
        client.output.capacity(),
        client.output.capacity(),
        output,
        // What waits in one piece is not counted as memory, as Redis does not count its fixed buffer.
        if output > FIXED_BUFFER { output } else { 0 },
        if output > 0 { "rw" } else { "r" },
        String::from_utf8_lossy(&client.user),
        if client.resp3 { 3 } else { 2 },
    )
}

/// What Redis keeps of a reply in the client itself, bytes.
const FIXED_BUFFER: usize = 16 * 1024;

fn flags(client: &Client) -> String {
    let known = [
        (client.role == Role::Monitor, 'O'),
        (client.role == Role::Replica, 'S'),
        (client.role == Role::Primary, 'M'),
        (client.is_subscribed(), 'P'),
        (client.transaction.is_some(), 'x'),
        (client.blocked.is_some(), 'b'),
        (client.disturbed, 'd'),
        (client.closing, 'c'),
        (client.killed, 'A'),
        (client.from_unix_socket, 'U'),
        (client.readonly, 'r'),
        (client.no_evict, 'e'),
    ];
    let flags: String = known.into_iter().filter(|(set, _)| *set).map(|(_, letter)| letter).collect();
    if flags.is_empty() { "N".to_owned() } else { flags }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_all_that_tools_look_for() {
        let client = Client {
            id: 7,
            address: "127.0.0.1:5".into(),
            local_address: "127.0.0.1:6".into(),
            descriptor: 9,
            name: b"me".to_vec(),
            user: b"default".to_vec(),
            since: 1_000,
            last_active: 4_500,
            ..Client::default()
        };
        let line = line(&client, 6_000, "client|list", 26);
        let start = "id=7 addr=127.0.0.1:5 laddr=127.0.0.1:6 fd=9 name=me age=5 idle=1 flags=N db=0 sub=0 psub=0 ssub=0 \
                     multi=-1 qbuf=26 qbuf-free=0 argv-mem=26 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=0 tot-mem=";
        assert!(line.starts_with(start), "{line}");
        assert!(line.ends_with(" events=r cmd=client|list user=default redir=-1 resp=2"), "{line}");
    }

    #[test]
    fn flags_tell_what_a_client_is_up_to() {
        let client = Client { no_evict: true, readonly: true, role: Role::Monitor, ..Client::default() };
        assert_eq!(flags(&client), "Ore");
    }
}
