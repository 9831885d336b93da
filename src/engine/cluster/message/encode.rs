//! Messages into bytes.

use super::super::node_id::NodeId;
use super::{
    Body, Extensions, GOSSIP_BYTES, Gossip, HEADER_BYTES, Header, IP_BYTES, SIGNATURE, VERSION, extension,
    message_flags,
};

/// Writes one message. The body must be of the header's kind.
pub fn encode(header: &Header<'_>, body: &Body<'_>) -> Vec<u8> {
    let (count, extensions) = match body {
        Body::Ping { gossip, extensions } => (gossip.len() as u16, count_extensions(extensions)),
        _ => (0, 0),
    };
    let mut bytes = Vec::with_capacity(HEADER_BYTES + usize::from(count) * GOSSIP_BYTES + 64);
    encode_header(header, count, extensions, &mut bytes);
    encode_body(body, &mut bytes);
    let length = bytes.len() as u32;
    if let Some(place) = bytes.get_mut(4..8) {
        place.copy_from_slice(&length.to_be_bytes());
    }
    bytes
}

fn encode_header(header: &Header<'_>, count: u16, extensions: u16, bytes: &mut Vec<u8>) {
    bytes.extend(SIGNATURE);
    bytes.extend([0; 4]);
    for number in [VERSION, header.port, header.kind as u16, count] {
        bytes.extend(number.to_be_bytes());
    }
    for number in [header.current_epoch, header.config_epoch, header.offset] {
        bytes.extend(number.to_be_bytes());
    }
    bytes.extend(header.sender.as_bytes());
    bytes.extend(header.slots);
    bytes.extend(header.replica_of.as_ref().map_or(&[0; NodeId::LENGTH], NodeId::as_bytes));
    push_ip(&header.ip, bytes);
    bytes.extend(extensions.to_be_bytes());
    bytes.extend([0; 30]);
    for number in [header.plain_port, header.bus_port, header.flags.0] {
        bytes.extend(number.to_be_bytes());
    }
    let flag = |set: bool, flag: u8| if set { flag } else { 0 };
    let flags = flag(header.paused, message_flags::PAUSED)
        | flag(header.force_vote, message_flags::FORCE_ACK)
        | flag(header.takes_extensions || extensions > 0, message_flags::EXTENSIONS);
    bytes.extend([u8::from(header.down), flags, 0, 0]);
}

fn encode_body(body: &Body<'_>, bytes: &mut Vec<u8>) {
    match body {
        Body::Ping { gossip, extensions } => {
            for entry in gossip {
                encode_gossip(entry, bytes);
            }
            encode_extensions(extensions, bytes);
        }
        Body::Fail(id) => bytes.extend(id.as_ref().map_or(&[0; NodeId::LENGTH], NodeId::as_bytes)),
        Body::Publish { channel, message } => {
            bytes.extend((channel.len() as u32).to_be_bytes());
            bytes.extend((message.len() as u32).to_be_bytes());
            bytes.extend(*channel);
            bytes.extend(*message);
        }
        Body::Update { config_epoch, id, slots } => {
            bytes.extend(config_epoch.to_be_bytes());
            bytes.extend(id.as_ref().map_or(&[0; NodeId::LENGTH], NodeId::as_bytes));
            bytes.extend(*slots);
        }
        Body::Nothing => {}
    }
}

fn encode_gossip(entry: &Gossip, bytes: &mut Vec<u8>) {
    bytes.extend(entry.id.as_bytes());
    bytes.extend(entry.ping_sent.to_be_bytes());
    bytes.extend(entry.pong_received.to_be_bytes());
    push_ip(&entry.ip, bytes);
    for number in [entry.port, entry.bus_port, entry.flags.0, entry.plain_port, 0] {
        bytes.extend(number.to_be_bytes());
    }
}

fn push_ip(ip: &str, bytes: &mut Vec<u8>) {
    let end = bytes.len() + IP_BYTES;
    bytes.extend(ip.bytes().take(IP_BYTES - 1));
    bytes.resize(end, 0);
}

fn count_extensions(extensions: &Extensions) -> u16 {
    let single = [extensions.hostname.is_some(), extensions.human_name.is_some(), extensions.shard_id.is_some()];
    (single.iter().filter(|there| **there).count() + extensions.forgotten.len()) as u16
}

fn encode_extensions(extensions: &Extensions, bytes: &mut Vec<u8>) {
    let names = [(extension::HOSTNAME, &extensions.hostname), (extension::HUMAN_NAME, &extensions.human_name)];
    for (kind, name) in names {
        if let Some(name) = name {
            push_extension(kind, &[name.as_bytes(), b"\0"].concat(), bytes);
        }
    }
    for (id, seconds) in &extensions.forgotten {
        let data = [&id.as_bytes()[..], &seconds.to_be_bytes()].concat();
        push_extension(extension::FORGOTTEN_NODE, &data, bytes);
    }
    if let Some(id) = &extensions.shard_id {
        push_extension(extension::SHARD_ID, id.as_bytes(), bytes);
    }
}

/// Pads the data to a multiple of 8 bytes.
fn push_extension(kind: u16, data: &[u8], bytes: &mut Vec<u8>) {
    let padded = data.len().next_multiple_of(8);
    bytes.extend(((extension::HEADER_BYTES + padded) as u32).to_be_bytes());
    bytes.extend(kind.to_be_bytes());
    bytes.extend([0; 2]);
    bytes.extend(data);
    bytes.resize(bytes.len() + padded - data.len(), 0);
}
