//! Messages from bytes that anyone may have sent.

use super::super::flags::Flags;
use super::super::node_id::NodeId;
use super::{
    Body, Extensions, GOSSIP_BYTES, Gossip, HEADER_BYTES, Header, IP_BYTES, Kind, LIGHT, Message, SIGNATURE, VERSION,
    extension, message_flags,
};

/// Why bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub &'static str);

const TOO_SHORT: Malformed = Malformed("message is shorter than what it says it holds");

/// Reads one message, which must be exactly one.
pub fn decode(frame: &[u8]) -> Result<Message<'_>, Malformed> {
    let mut reader = Reader { rest: frame };
    let signature = reader.array::<4>()?;
    let length = reader.u32()? as usize;
    if signature != SIGNATURE || length != frame.len() {
        return Err(Malformed("bad message length or signature"));
    }
    if reader.u16()? != VERSION {
        return Err(Malformed("another version of the protocol"));
    }
    let port = reader.u16()?;
    let kind = reader.u16()?;
    let count = reader.u16()?;
    if kind & LIGHT != 0 {
        return decode_light(kind & !LIGHT, reader);
    }
    let kind = kind_of(kind)?;
    let (header, extensions) = decode_header(kind, port, &mut reader)?;
    let extensions = if header.takes_extensions { extensions } else { 0 };
    let body = decode_body(kind, count, extensions, reader)?;
    Ok(Message::Full(header, body))
}

fn decode_light(kind: u16, reader: Reader<'_>) -> Result<Message<'_>, Malformed> {
    let kind = kind_of(kind)?;
    let body = match kind {
        Kind::Publish | Kind::PublishShard | Kind::Module => decode_body(kind, 0, 0, reader)?,
        _ => return Err(Malformed("a light header on a message that needs the whole one")),
    };
    Ok(Message::Light(kind, body))
}

fn kind_of(number: u16) -> Result<Kind, Malformed> {
    let kind = Kind::ALL.get(usize::from(number));
    kind.copied().ok_or(Malformed("unknown packet type"))
}

/// The header from its 16th byte on, and how many extensions it announces.
fn decode_header<'a>(kind: Kind, port: u16, reader: &mut Reader<'a>) -> Result<(Header<'a>, u16), Malformed> {
    let current_epoch = reader.u64()?;
    let config_epoch = reader.u64()?;
    let offset = reader.u64()?;
    let sender = reader.node_id()?.ok_or(Malformed("the sender has no valid name"))?;
    let slots = reader.array()?;
    let replica_of = reader.node_id()?;
    let ip = reader.text(IP_BYTES)?;
    let extensions = reader.u16()?;
    reader.take(30)?;
    let plain_port = reader.u16()?;
    let bus_port = reader.u16()?;
    let flags = Flags(reader.u16()?);
    let [state, message_flags, _, _] = *reader.array::<4>()?;
    let has = |flag| message_flags & flag != 0;
    let header = Header {
        kind,
        port,
        plain_port,
        bus_port,
        current_epoch,
        config_epoch,
        offset,
        sender,
        slots,
        replica_of,
        ip,
        flags,
        down: state != 0,
        paused: has(message_flags::PAUSED),
        force_vote: has(message_flags::FORCE_ACK),
        takes_extensions: has(message_flags::EXTENSIONS),
    };
    debug_assert_eq!(HEADER_BYTES, 2256);
    Ok((header, extensions))
}

fn decode_body(kind: Kind, count: u16, extensions: u16, mut reader: Reader<'_>) -> Result<Body<'_>, Malformed> {
    let body = match kind {
        Kind::Ping | Kind::Pong | Kind::Meet => Body::Ping {
            gossip: decode_gossip(count, &mut reader)?,
            extensions: decode_extensions(extensions, &mut reader)?,
        },
        Kind::Fail => Body::Fail(reader.node_id()?),
        Kind::Publish | Kind::PublishShard => {
            let (channel, message) = (reader.u32()? as usize, reader.u32()? as usize);
            Body::Publish { channel: reader.take(channel)?, message: reader.take(message)? }
        }
        Kind::Update => {
            let (config_epoch, id) = (reader.u64()?, reader.node_id()?);
            Body::Update { config_epoch, id, slots: reader.array()? }
        }
        Kind::Module => return Ok(Body::Nothing),
        Kind::VoteRequest | Kind::Vote | Kind::ManualFailover => Body::Nothing,
    };
    if !reader.rest.is_empty() {
        return Err(Malformed("message is longer than what it says it holds"));
    }
    Ok(body)
}

/// Entries without a valid name or with an address that is no text are left out.
fn decode_gossip(count: u16, reader: &mut Reader<'_>) -> Result<Vec<Gossip>, Malformed> {
    let count = usize::from(count);
    if reader.rest.len() < count * GOSSIP_BYTES {
        return Err(Malformed("gossip count exceeds the message's length"));
    }
    let mut gossip = Vec::with_capacity(count);
    for _ in 0..count {
        let id = reader.node_id()?;
        let (ping_sent, pong_received) = (reader.u32()?, reader.u32()?);
        let ip = reader.text(IP_BYTES)?;
        let (port, bus_port) = (reader.u16()?, reader.u16()?);
        let flags = Flags(reader.u16()?);
        let plain_port = reader.u16()?;
        reader.u16()?;
        if let Some(id) = id {
            gossip.push(Gossip { id, ping_sent, pong_received, ip, port, plain_port, bus_port, flags });
        }
    }
    Ok(gossip)
}

fn decode_extensions(count: u16, reader: &mut Reader<'_>) -> Result<Extensions, Malformed> {
    let mut extensions = Extensions::default();
    for _ in 0..count {
        let length = reader.u32()? as usize;
        let kind = reader.u16()?;
        reader.u16()?;
        if length < extension::HEADER_BYTES || !length.is_multiple_of(8) {
            return Err(Malformed("an extension without proper padding"));
        }
        let mut data = Reader { rest: reader.take(length - extension::HEADER_BYTES)? };
        match kind {
            extension::HOSTNAME => extensions.hostname = Some(data.terminated()?),
            extension::HUMAN_NAME => extensions.human_name = Some(data.terminated()?),
            extension::FORGOTTEN_NODE => {
                let (id, seconds) = (data.node_id()?, data.u64()?);
                extensions.forgotten.extend(id.map(|id| (id, seconds)));
            }
            extension::SHARD_ID => extensions.shard_id = data.node_id()?,
            // What newer peers add is not for us.
            _ => {}
        }
    }
    Ok(extensions)
}

/// Takes from the front, never beyond the end.
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(TOO_SHORT)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], Malformed> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(TOO_SHORT)?;
        self.rest = rest;
        Ok(taken)
    }

    fn u16(&mut self) -> Result<u16, Malformed> {
        Ok(u16::from_be_bytes(*self.array()?))
    }

    fn u32(&mut self) -> Result<u32, Malformed> {
        Ok(u32::from_be_bytes(*self.array()?))
    }

    fn u64(&mut self) -> Result<u64, Malformed> {
        Ok(u64::from_be_bytes(*self.array()?))
    }

    /// `None` where it is no valid name; all zeros are how "none" is sent.
    fn node_id(&mut self) -> Result<Option<NodeId>, Malformed> {
        Ok(NodeId::parse(self.array::<40>()?))
    }

    /// Text padded with zeros; empty if it is not printable ASCII, as addresses are.
    fn text(&mut self, count: usize) -> Result<String, Malformed> {
        let bytes = self.take(count)?;
        let bytes = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
        Ok(printable(bytes))
    }

    /// All that is left, up to its zero byte, which must be there.
    fn terminated(&mut self) -> Result<String, Malformed> {
        match self.rest.last() {
            Some(0) => self.text(self.rest.len()),
            _ => Err(Malformed("missing null terminator in an extension")),
        }
    }
}

/// Names and addresses are written into nodes.conf and into replies: nothing that could break a line gets in.
fn printable(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',') => text.to_owned(),
        _ => String::new(),
    }
}
