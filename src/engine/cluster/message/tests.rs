//! Every kind there and back, the layout byte by byte, and bytes that are no message.

use super::super::slots::SlotSet;
use super::*;

fn id(letter: u8) -> NodeId {
    NodeId::parse(&[letter; 40]).unwrap()
}

fn header(kind: Kind, slots: &[u8; BITMAP_BYTES]) -> Header<'_> {
    Header {
        kind,
        port: 7000,
        plain_port: 0,
        bus_port: 17000,
        current_epoch: 5,
        config_epoch: 4,
        offset: 77,
        sender: id(b'a'),
        slots,
        replica_of: Some(id(b'b')),
        ip: "10.0.0.1".to_owned(),
        flags: Flags::REPLICA | Flags::MYSELF,
        down: true,
        paused: true,
        force_vote: true,
        takes_extensions: true,
    }
}

fn gossip(letter: u8) -> Gossip {
    Gossip {
        id: id(letter),
        ping_sent: 1,
        pong_received: 2,
        ip: "127.0.0.1".to_owned(),
        port: 7001,
        plain_port: 7,
        bus_port: 17001,
        flags: Flags::PRIMARY | Flags::MAYBE_FAILED,
    }
}

fn bodies(slots: &[u8; BITMAP_BYTES]) -> Vec<(Kind, Body<'_>)> {
    let extensions = Extensions {
        hostname: Some("host.example".to_owned()),
        human_name: Some("seven77".to_owned()),
        forgotten: vec![(id(b'f'), 60), (id(b'g'), 1)],
        shard_id: Some(id(b's')),
    };
    let ping = Body::Ping { gossip: vec![gossip(b'c'), gossip(b'd')], extensions };
    let plain = Body::Ping { gossip: vec![], extensions: Extensions::default() };
    let publish = Body::Publish { channel: b"news", message: b"\0\xff" };
    vec![
        (Kind::Ping, ping.clone()),
        (Kind::Pong, plain),
        (Kind::Meet, ping),
        (Kind::Fail, Body::Fail(Some(id(b'e')))),
        (Kind::Publish, publish.clone()),
        (Kind::PublishShard, publish),
        (Kind::Update, Body::Update { config_epoch: 9, id: Some(id(b'u')), slots }),
        (Kind::VoteRequest, Body::Nothing),
        (Kind::Vote, Body::Nothing),
        (Kind::ManualFailover, Body::Nothing),
    ]
}

#[test]
fn every_kind_goes_there_and_back() {
    let slots: SlotSet = [0, 9, 16383].into_iter().collect();
    for (kind, body) in bodies(slots.bitmap()) {
        let header = header(kind, slots.bitmap());
        let bytes = encode(&header, &body);
        assert_eq!(decode(&bytes), Ok(Message::Full(header, body)));
    }
}

#[test]
fn fields_are_where_peers_look_for_them() {
    let slots: SlotSet = [9].into_iter().collect();
    let body = Body::Ping { gossip: vec![gossip(b'c')], extensions: Extensions::default() };
    let bytes = encode(&header(Kind::Meet, slots.bitmap()), &body);
    assert_eq!(bytes.len(), 2256 + 104);
    assert_eq!(bytes[..4], *b"RCmb");
    assert_eq!(bytes[4..8], 2360u32.to_be_bytes());
    assert_eq!(bytes[8..16], [0, 1, 0x1b, 0x58, 0, 2, 0, 1]);
    assert_eq!((bytes[23], bytes[31], bytes[39]), (5, 4, 77));
    assert_eq!(bytes[40..80], [b'a'; 40]);
    assert_eq!(bytes[81], 2);
    assert_eq!(bytes[2128..2168], [b'b'; 40]);
    assert_eq!(bytes[2168..2177], *b"10.0.0.1\0");
    assert_eq!(bytes[2248..2256], [0x42, 0x68, 0, 18, 1, 7, 0, 0]);
    assert_eq!(bytes[2256..2296], [b'c'; 40]);
    assert_eq!(bytes[2304..2314], *b"127.0.0.1\0");
    assert_eq!(bytes[2350..2360], [0x1b, 0x59, 0x42, 0x69, 0, 5, 0, 7, 0, 0]);
}

#[test]
fn light_headers_are_read() {
    let mut bytes = b"RCmb\0\0\0\0\0\x01\0\0\x80\x04\0\0".to_vec();
    bytes.extend(b"\0\0\0\x02\0\0\0\x03chmsg");
    let length = bytes.len() as u8;
    bytes[7] = length;
    let body = Body::Publish { channel: b"ch", message: b"msg" };
    assert_eq!(decode(&bytes), Ok(Message::Light(Kind::Publish, body)));
    bytes[13] = 0;
    assert!(decode(&bytes).is_err());
}

#[test]
fn cut_short_or_changed_messages_never_panic() {
    let slots: SlotSet = (0..100).collect();
    let mut rng = fastrand::Rng::with_seed(7);
    for (kind, body) in bodies(slots.bitmap()) {
        let bytes = encode(&header(kind, slots.bitmap()), &body);
        for length in (0..bytes.len()).rev().take(600) {
            let mut cut = bytes[..length].to_vec();
            assert!(decode(&cut).is_err());
            if length >= 8 {
                cut[4..8].copy_from_slice(&(length as u32).to_be_bytes());
                assert!(decode(&cut).is_err());
            }
        }
        for _ in 0..2000 {
            let mut changed = bytes.clone();
            for _ in 0..rng.usize(1..6) {
                let place = if rng.bool() { rng.usize(8..16) } else { rng.usize(2128..changed.len()) };
                changed[place] = rng.u8(..);
            }
            let _ = decode(&changed);
        }
    }
}

#[test]
fn text_that_would_break_a_line_is_left_out() {
    let slots = SlotSet::default();
    let mut header = header(Kind::Ping, slots.bitmap());
    header.ip = "a b\nc".to_owned();
    let extensions = Extensions { hostname: Some("a,b".to_owned()), ..Extensions::default() };
    let bytes = encode(&header, &Body::Ping { gossip: vec![], extensions });
    let Ok(Message::Full(header, Body::Ping { extensions, .. })) = decode(&bytes) else {
        panic!("a valid message");
    };
    assert_eq!((header.ip.as_str(), extensions.hostname.as_deref()), ("", Some("")));
}
