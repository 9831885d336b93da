//! Snapshots written and read again, from seeds; and damaged ones, which must do no harm.

use super::{Entry, Item, ListPart, Meta, Options, Part, RdbError, RdbValue, Reader, ValueRef, Writer, dump, restore};
use crate::engine::data::intset::IntSet;
use crate::engine::data::listpack::{Element, Listpack};

const OPTIONS: Options = Options { compress: true, checksum: true };

/// Gives the borrowed form of a value to `with`.
fn lend<T>(value: &RdbValue, with: impl FnOnce(ValueRef<'_, '_>) -> T) -> T {
    match value {
        RdbValue::Text(text) => with(ValueRef::Text(Element::Bytes(text))),
        RdbValue::List(parts) => with(ValueRef::List(
            parts.len(),
            &mut parts.iter().map(|part| match part {
                ListPart::Listpack(bytes) => Part::Listpack(bytes),
                ListPart::Element(bytes) => Part::Element(bytes),
            }),
        )),
        RdbValue::Set(members) => {
            with(ValueRef::Set(members.len(), &mut members.iter().map(|member| Element::Bytes(member))))
        }
        RdbValue::SetIntset(packed) => with(ValueRef::SetIntset(packed)),
        RdbValue::SetListpack(_) => unreachable!("Redis 7.0 does not write it"),
        RdbValue::Hash(pairs) => with(ValueRef::Hash(
            pairs.len(),
            &mut pairs.iter().map(|(field, value)| (Element::Bytes(field), Element::Bytes(value))),
        )),
        RdbValue::HashListpack(packed) => with(ValueRef::HashListpack(packed)),
        RdbValue::SortedSet(pairs) => with(ValueRef::SortedSet(
            pairs.len(),
            &mut pairs.iter().map(|(member, score)| (Element::Bytes(member), *score)),
        )),
        RdbValue::SortedSetListpack(packed) => with(ValueRef::SortedSetListpack(packed)),
    }
}

fn text(random: &mut fastrand::Rng) -> Vec<u8> {
    match random.u8(..6) {
        0 => random.i64(..).to_string().into_bytes(),
        1 => random.i16(..).to_string().into_bytes(),
        2 => (0..random.usize(..9)).map(|_| random.u8(..)).collect(),
        3 => vec![b'a'; random.usize(..100)],
        4 => (0..random.usize(..3_000)).map(|_| random.u8(..3)).collect(),
        _ => (0..random.usize(..50)).map(|_| random.alphanumeric() as u8).collect(),
    }
}

fn some<T>(random: &mut fastrand::Rng, mut each: impl FnMut(&mut fastrand::Rng) -> T) -> Vec<T> {
    (0..random.usize(1..6)).map(|_| each(random)).collect()
}

fn packed(texts: &[Vec<u8>]) -> Listpack {
    let mut pack = Listpack::new();
    texts.iter().for_each(|text| pack.push_back(text));
    pack
}

fn list_part(random: &mut fastrand::Rng) -> ListPart {
    if random.bool() {
        return ListPart::Listpack(packed(&some(random, text)));
    }
    ListPart::Element(Some(text(random)).filter(|text| !text.is_empty()).unwrap_or_else(|| b"x".to_vec()))
}

fn value(random: &mut fastrand::Rng) -> RdbValue {
    match random.u8(..8) {
        0 => RdbValue::Text(text(random)),
        1 => RdbValue::List(some(random, list_part)),
        2 => RdbValue::Set(some(random, text)),
        3 => {
            let mut numbers = IntSet::new();
            some(random, |random| numbers.insert(random.i64(..) >> random.u8(..64)));
            RdbValue::SetIntset(numbers)
        }
        4 => RdbValue::Hash(some(random, |random| (text(random), text(random)))),
        5 => {
            let fields = some(random, text);
            RdbValue::HashListpack(packed(&[fields.clone(), fields].concat()))
        }
        6 => RdbValue::SortedSet(some(random, |random| (text(random), random.f64() * 1e9 - 5e8))),
        _ => {
            let texts: Vec<_> = (0..random.u8(2..20)).map(|number| number.to_string().into_bytes()).collect();
            RdbValue::SortedSetListpack(packed(&texts[..texts.len() / 2 * 2]))
        }
    }
}

fn entry(random: &mut fastrand::Rng, database: u64) -> Entry {
    Entry {
        database,
        key: text(random),
        expire_at_ms: random.bool().then(|| random.i64(..)),
        idle_seconds: random.bool().then(|| random.u64(..)),
        frequency: random.bool().then(|| random.u8(..)),
        value: value(random),
    }
}

/// A snapshot of three databases, and what reading it must give.
fn snapshot(seed: u64, options: Options) -> (Vec<u8>, Vec<Item>) {
    let mut random = fastrand::Rng::with_seed(seed);
    let (mut bytes, mut items, mut writer) = (Vec::new(), Vec::new(), Writer::new(options));
    writer.start();
    writer.auxiliary(b"redis-ver", b"7.0.15");
    items.push(Item::Auxiliary { name: b"redis-ver".to_vec(), value: b"7.0.15".to_vec() });
    for database in [0, 5, 70_000] {
        writer.database(database, 30, 1 << 40);
        items.push(Item::Resize { keys: 30, expiring: 1 << 40 });
        for _ in 0..30 {
            let entry = entry(&mut random, database);
            let Entry { expire_at_ms, idle_seconds, frequency, .. } = entry;
            let meta = Meta { expire_at_ms, idle_seconds, frequency };
            lend(&entry.value, |value| writer.entry(&entry.key, meta, value));
            items.push(Item::Entry(entry));
            if random.bool() {
                writer.take(&mut bytes);
            } else if random.bool() {
                bytes.extend_from_slice(writer.pending());
                writer.clear();
            }
        }
    }
    writer.end();
    writer.take(&mut bytes);
    items.push(Item::End);
    (bytes, items)
}

/// All that a reader gives for these bytes, fed in pieces of this size.
fn read(bytes: &[u8], piece: usize) -> Result<Vec<Item>, RdbError> {
    let mut reader = Reader::new(true);
    let mut items = Vec::new();
    for piece in bytes.chunks(piece) {
        reader.feed(piece);
        while let Some(item) = reader.next()? {
            items.push(item);
        }
    }
    reader.finish()?;
    assert_eq!(reader.offset(), bytes.len() as u64);
    Ok(items)
}

#[test]
fn what_was_written_reads_the_same_however_it_is_cut() {
    for seed in 0..12 {
        let options = Options { compress: seed % 2 == 0, checksum: seed % 3 > 0 };
        let (bytes, items) = snapshot(seed, options);
        for piece in [bytes.len(), 70_000, 1000, 7] {
            assert_eq!(read(&bytes, piece).unwrap(), items);
        }
    }
    let (bytes, items) = snapshot(20, OPTIONS);
    assert_eq!(read(&bytes, 1).unwrap(), items);
}

#[test]
fn what_follows_the_snapshot_is_left_unread() {
    let (mut bytes, _) = snapshot(1, OPTIONS);
    bytes.extend(b"*1\r\n");
    let mut reader = Reader::new(true);
    reader.feed(&bytes);
    while reader.next().unwrap().is_some() {}
    assert_eq!(reader.unread(), b"*1\r\n");
    assert_eq!(reader.finish(), Ok(()));
}

#[test]
fn a_snapshot_that_ends_early_is_noticed() {
    let (bytes, _) = snapshot(2, OPTIONS);
    let mut random = fastrand::Rng::with_seed(3);
    for _ in 0..50 {
        let length = random.usize(1..bytes.len());
        assert_eq!(read(&bytes[..length], 5000), Err(RdbError::Truncated { length: length as u64 }));
    }
}

#[test]
fn a_changed_byte_is_noticed_and_does_no_harm() {
    let mut random = fastrand::Rng::with_seed(4);
    for seed in 0..5 {
        let (bytes, items) = snapshot(seed, OPTIONS);
        for _ in 0..200 {
            let mut damaged = bytes.clone();
            let place = random.usize(..bytes.len() - 8);
            damaged[place] ^= random.u8(1..);
            match read(&damaged, 4096) {
                Err(_) => {}
                // A version alike, which the checksum covers as well, is refused by it.
                Ok(read) => assert_eq!(read, items, "byte {place} of seed {seed}"),
            }
        }
    }
}

#[test]
fn without_a_checksum_any_damage_ends_well() {
    let mut random = fastrand::Rng::with_seed(5);
    for seed in 0..5 {
        let (bytes, _) = snapshot(seed, Options { compress: true, checksum: false });
        for _ in 0..300 {
            let mut damaged = bytes.clone();
            for _ in 0..random.usize(1..20) {
                let place = random.usize(..bytes.len());
                damaged[place] = random.u8(..);
            }
            let _ = read(&damaged, 3000);
        }
    }
}

fn of_bytes(parts: &[&[u8]]) -> Result<Vec<Item>, RdbError> {
    read(&[b"REDIS0010", parts.concat().as_slice(), &[255], &[0; 8]].concat(), 3)
}

fn only_value(parts: &[&[u8]]) -> RdbValue {
    let items = of_bytes(parts).unwrap();
    match &items[..] {
        [Item::Entry(entry), Item::End] => entry.value.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn types_of_other_versions() {
    let texts = |texts: &[&str]| texts.iter().map(|text| text.as_bytes().to_vec()).collect::<Vec<_>>();
    let pair = |one: &str, other: &str| (one.as_bytes().to_vec(), other.as_bytes().to_vec());
    let elements = |all: &[&str]| RdbValue::List(texts(all).into_iter().map(ListPart::Element).collect());
    assert_eq!(only_value(&[b"\x01\x01k\x02\x01a\xc0\x07"]), elements(&["a", "7"]));
    let ziplist = b"\x0f\0\0\0\x0c\0\0\0\x02\0\x00\xf3\x02\xf6\xff";
    assert_eq!(only_value(&[b"\x0a\x01k\x0f", ziplist]), elements(&["2", "5"]));
    assert_eq!(only_value(&[b"\x0e\x01k\x02\x0f", ziplist, b"\x0f", ziplist]), elements(&["2", "5", "2", "5"]));
    assert_eq!(only_value(&[b"\x0d\x01k\x0f", ziplist]), RdbValue::Hash(vec![pair("2", "5")]));
    assert_eq!(only_value(&[b"\x0c\x01k\x0f", ziplist]), RdbValue::SortedSet(vec![(b"2".to_vec(), 5.0)]));
    assert_eq!(only_value(&[b"\x03\x01k\x01\x01m\x03-.5"]), RdbValue::SortedSet(vec![(b"m".to_vec(), -0.5)]));
    assert_eq!(only_value(&[b"\x09\x01k\x08\x01\x01f\x02\x00vv\xff"]), RdbValue::Hash(vec![pair("f", "vv")]));
    let members = packed(&texts(&["a", "b"]));
    assert_eq!(
        only_value(&[b"\x14\x01k", &[members.byte_len() as u8], members.as_bytes()]),
        RdbValue::SetListpack(members.clone())
    );
}

#[test]
fn hashes_with_expiring_fields_keep_their_fields() {
    let mut bytes = b"VALKEY080\x16\x01k\x02\x01f\x01v".to_vec();
    bytes.extend((-1_i64).to_le_bytes());
    bytes.extend(b"\x01g\x01w");
    bytes.extend(5_i64.to_le_bytes());
    bytes.extend([255, 0, 0, 0, 0, 0, 0, 0, 0]);
    let mut reader = Reader::new(true);
    reader.feed(&bytes);
    let Some(Item::Entry(entry)) = reader.next().unwrap() else { panic!() };
    let pairs = [("f", "v"), ("g", "w")].map(|(field, value)| (field.into(), value.into()));
    assert_eq!(entry.value, RdbValue::Hash(pairs.into()));
    assert_eq!(reader.next(), Ok(Some(Item::End)));
    assert_eq!(reader.left_out().field_expiries, 1);
    assert!(matches!(of_bytes(&[b"\x16\x01k\x01\x01f\x01v", &[0; 8]]), Err(RdbError::Corrupt { .. })));
}

#[test]
fn what_the_engine_has_no_use_for_is_skipped() {
    let key = Item::Entry(Entry {
        database: 3,
        key: b"k".to_vec(),
        expire_at_ms: Some(2000),
        idle_seconds: None,
        frequency: None,
        value: RdbValue::Text(b"v".to_vec()),
    });
    let items = of_bytes(&[
        b"\xf5\x03lib\xf6\x01n\x03lua\x01\x01d\x04code\xf4\x01\x02\x03\xf3\x03job\x02\x01\x02\x05\x06",
        b"\xf7\x81\0\0\0\0\0\0\0\x09\x02\x01\x05\x02ab\x02\x40\x40\x03\0\0\0\0\x04\0\0\0\0\0\0\0\0\x00",
        b"\x02\x05empty\x00\xfe\x03\xfd\x02\0\0\0\x00\x01k\x01v",
    ]);
    assert_eq!(items.unwrap(), [key, Item::End]);
}

#[test]
fn what_the_engine_does_not_hold_is_named() {
    let error = of_bytes(&[b"\x13\x05a\nkey\x00"]).unwrap_err();
    assert_eq!(error.to_string(), r"the key a\nkey holds a stream, which this engine does not support");
    let error = of_bytes(&[b"\x07\x01k\x00"]).unwrap_err();
    assert_eq!(error.to_string(), "the key k holds a value of a module, which this engine does not support");
    assert_eq!(read(b"REDIS0013", 9), Err(RdbError::Version { version: 13 }));
    assert_eq!(read(b"VALKEY012", 9), Err(RdbError::Version { version: 12 }));
    assert_eq!(read(b"REDIS+010", 9), Err(RdbError::Signature));
    assert_eq!(read(b"HTTP/1.1 ", 9), Err(RdbError::Signature));
    assert!(matches!(of_bytes(&[b"\xf2"]), Err(RdbError::Corrupt { offset: 9, .. })));
}

#[test]
fn payloads_restore_what_was_dumped() {
    let mut random = fastrand::Rng::with_seed(6);
    for _ in 0..200 {
        let value = value(&mut random);
        let payload = lend(&value, |value| dump(value, true));
        assert_eq!(restore(&payload), Ok(value));
        let mut damaged = payload.clone();
        damaged[random.usize(..payload.len())] ^= random.u8(1..);
        assert_eq!(restore(&damaged).unwrap_err().to_string(), "DUMP payload version or checksum are wrong");
        assert!(restore(&payload[..random.usize(..payload.len())]).is_err());
    }
}

#[test]
fn payloads_from_outside_are_taken_or_refused() {
    // As DUMP of Redis 7.0 gives for SET k 10.
    let ten = b"\x00\xc0\x0a\x0a\x00";
    let signed = |body: &[u8]| [body, &super::crc64(0, body).to_le_bytes()].concat();
    assert_eq!(restore(&signed(ten)), Ok(RdbValue::Text(b"10".to_vec())));
    assert_eq!(dump(ValueRef::Text(Element::Integer(10)), true), signed(ten));
    assert_eq!(restore(&signed(b"\x00\xc0\x0a\x0c\x00")), Err(super::RestoreError::Footer));
    assert_eq!(restore(&signed(b"\x00\xc0\x0a\x50\x00")), Ok(RdbValue::Text(b"10".to_vec())));
    for bad in [&b"\x0a\x00"[..], b"\x02\x00\x0a\x00", b"\x13\x00\x0a\x00", b"\x02\x02\x01a\x0a\x00", b"\xff\x0a\x00"] {
        assert_eq!(restore(&signed(bad)).unwrap_err().to_string(), "Bad data format");
    }
    let mut random = fastrand::Rng::with_seed(11);
    for _ in 0..30_000 {
        let mut body: Vec<u8> = (0..random.usize(..40)).map(|_| random.u8(..)).collect();
        if let Some(kind) = body.first_mut() {
            *kind %= 23;
        }
        body.extend([10, 0]);
        let _ = restore(&signed(&body));
    }
}
