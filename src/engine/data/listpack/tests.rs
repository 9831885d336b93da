use super::*;

fn listpack(entries: &[&str]) -> Listpack {
    let mut pack = Listpack::new();
    entries.iter().for_each(|entry| pack.push_back(entry.as_bytes()));
    pack
}

fn texts(pack: &Listpack) -> Vec<Vec<u8>> {
    pack.iter().map(Element::to_vec).collect()
}

/// What every listpack must be: valid, the same from both ends, and by index.
fn check(pack: &Listpack, expected: &[Vec<u8>]) {
    assert_eq!(Listpack::from_bytes(pack.as_bytes().to_vec()).as_ref(), Ok(pack));
    assert_eq!(texts(pack), expected);
    let mut backwards: Vec<Vec<u8>> = pack.iter().rev().map(Element::to_vec).collect();
    backwards.reverse();
    assert_eq!(backwards, expected);
    assert_eq!((pack.len(), pack.is_empty()), (expected.len(), expected.is_empty()));
    for (index, text) in expected.iter().enumerate() {
        let place = pack.seek(index as i64).unwrap();
        assert!(pack.get(place).is(text));
        assert_eq!(pack.seek(index as i64 - expected.len() as i64), Some(place));
    }
    assert_eq!(pack.seek(expected.len() as i64), None);
    assert_eq!(pack.seek(-(expected.len() as i64) - 1), None);
}

/// Entries at the borders of every form.
fn samples() -> Vec<Vec<u8>> {
    let integers = [0, 1, 127, 128, 4095, 4096, 32767, 32768, 8388607, 8388608, 2147483647, 2147483648, i64::MAX];
    let mut samples: Vec<Vec<u8>> = integers
        .iter()
        .flat_map(|value| [*value, -value, -value - 1])
        .map(|value| value.to_string().into_bytes())
        .collect();
    for length in [0, 1, 62, 63, 64, 125, 126, 127, 4095, 4096, 16_379, 16_380, 16_381, 70_000] {
        samples.push(vec![b'x'; length]);
    }
    samples.extend([b"-0".to_vec(), b"007".to_vec(), b"9223372036854775808".to_vec(), b"\xff\x00".to_vec()]);
    samples
}

#[test]
fn is_laid_out_as_redis_does() {
    // Each as RESTORE takes and DUMP gives it.
    let pack = listpack(&["a", "1", "-1", "1024", "-5000", "100000", "-9000000", "12345678901"]);
    let expected: &[u8] = &[
        48, 0, 0, 0, 8, 0, // header
        0x81, b'a', 2, // a short string
        1, 1, // 7 bits
        0xdf, 0xff, 2, // 13 bits
        0xc4, 0x00, 2, //
        0xf1, 0x78, 0xec, 3, // 16 bits
        0xf2, 0xa0, 0x86, 0x01, 4, // 24 bits
        0xf3, 0xc0, 0xab, 0x76, 0xff, 5, // 32 bits
        0xf4, 0x35, 0x1c, 0xdc, 0xdf, 0x02, 0, 0, 0, 9, // 64 bits
        0xff,
    ];
    assert_eq!(pack.as_bytes()[6..], expected[6..]);
    assert_eq!(pack.as_bytes()[..6], [expected.len() as u8, 0, 0, 0, 8, 0]);
    let long = listpack(&[&"y".repeat(100)]);
    assert_eq!(long.as_bytes()[6..9], [0xe0, 100, b'y']);
    assert_eq!(long.as_bytes()[108..], [102, 0xff]);
    let longer = listpack(&[&"z".repeat(5000)]);
    assert_eq!(longer.as_bytes()[6..12], [0xf0, 0x88, 0x13, 0, 0, b'z']);
    assert_eq!(longer.as_bytes()[5011..], [39, 0x80 | 13, 0xff]);
}

#[test]
fn keeps_every_form_and_finds_it() {
    let samples = samples();
    let mut pack = Listpack::new();
    samples.iter().for_each(|sample| pack.push_back(sample));
    check(&pack, &samples);
    for (index, sample) in samples.iter().enumerate() {
        let first = samples.iter().position(|other| other == sample).unwrap();
        let found = pack.find(pack.first().unwrap(), sample, 0);
        assert_eq!(found, pack.seek(first as i64), "entry {index}");
        let mut front = Listpack::new();
        front.push_front(sample);
        check(&front, std::slice::from_ref(sample));
    }
    assert_eq!(pack.find(pack.first().unwrap(), b"absent", 0), None);
}

#[test]
fn finds_keys_of_pairs_only() {
    let pack = listpack(&["b", "a", "a", "1", "c", "c"]);
    let found = pack.find(pack.first().unwrap(), b"a", 1).unwrap();
    assert_eq!(Some(found), pack.seek(2));
    assert_eq!(pack.get_and_next(found), (Element::Bytes(b"a"), pack.seek(3)));
    assert_eq!(pack.find(pack.first().unwrap(), b"1", 1), None);
    assert_eq!(pack.pairs().count(), 3);
    assert_eq!(listpack(&["odd"]).find(pack.first().unwrap(), b"x", 5), None);
    let last = pack.last().unwrap();
    assert_eq!(pack.get_and_next(last), (Element::Bytes(b"c"), None));
    assert_eq!(pack.iter_from(last).place(), Some(last));
    assert_eq!(pack.iter_from(last).count(), 1);
}

#[test]
fn behaves_as_a_vector_does() {
    let samples = samples();
    for seed in 0..20 {
        let mut random = fastrand::Rng::with_seed(seed);
        let (mut pack, mut model) = (Listpack::new(), Vec::<Vec<u8>>::new());
        for _ in 0..300 {
            let sample = samples[random.usize(..samples.len())].clone();
            let index = random.usize(..model.len().max(1));
            let place = pack.seek(index as i64);
            match (random.u8(..12), place) {
                (0 | 1, _) => {
                    pack.push_front(&sample);
                    model.insert(0, sample);
                }
                (2 | 3, _) | (_, None) => {
                    pack.push_back(&sample);
                    model.push(sample);
                }
                (4, Some(place)) => {
                    assert!(pack.insert_before(place, &sample) == place);
                    model.insert(index, sample);
                }
                (5, Some(place)) => {
                    let place = pack.insert_after(place, &sample);
                    assert!(pack.get(place).is(&sample));
                    model.insert(index + 1, sample);
                }
                (6, Some(place)) => {
                    pack.replace(place, &sample);
                    model[index] = sample;
                }
                (7, Some(place)) => {
                    let value = random.i64(..) >> random.u32(..64);
                    pack.replace_integer(place, value);
                    model[index] = value.to_string().into_bytes();
                }
                (8, Some(place)) => {
                    let next = pack.delete(place);
                    model.remove(index);
                    assert_eq!(next, pack.seek(index as i64));
                }
                (9, Some(_)) => {
                    let count = random.usize(..4);
                    pack.delete_range(index as i64 - model.len() as i64, count);
                    model.drain(index..(index + count).min(model.len()));
                }
                (10, Some(place)) => {
                    let tail = pack.split_off(place);
                    check(&pack, &model[..index]);
                    check(&tail, &model[index..]);
                    pack.append(&tail);
                }
                (_, Some(_)) => {
                    pack.push_front_integer(7);
                    pack.push_back_integer(-7000);
                    model.insert(0, b"7".to_vec());
                    model.push(b"-7000".to_vec());
                }
            }
        }
        check(&pack, &model);
        pack.clear();
        check(&pack, &[]);
    }
}

#[test]
fn counts_beyond_what_its_header_can_tell() {
    let mut pack = Listpack::new();
    for _ in 0..65_534 {
        pack.push_back(b"1");
    }
    assert_eq!((pack.count(), pack.len()), (65_534, 65_534));
    for count in 65_535..65_540 {
        pack.push_back(b"1");
        assert_eq!((pack.count(), pack.len()), (COUNT_UNKNOWN, count));
    }
    assert_eq!(Listpack::from_bytes(pack.as_bytes().to_vec()), Ok(pack.clone()));
    assert_eq!(pack.seek(65_539), None);
    assert_eq!(pack.seek(65_538), pack.last());
    assert_eq!(pack.seek(-65_539), pack.first());
    let place = pack.seek(10).unwrap();
    let tail = pack.split_off(place);
    assert_eq!((tail.len(), pack.len()), (65_529, 10));
    assert_eq!(tail.count(), 65_529);
}

#[test]
fn refuses_what_is_no_listpack() {
    let pack = listpack(&["abc", "1", "-5000", "12345678901", &"y".repeat(100), &"z".repeat(5000)]);
    let bytes = pack.as_bytes();
    for length in 0..bytes.len() {
        assert_eq!(Listpack::from_bytes(bytes[..length].to_vec()), Err(MalformedListpack));
        let mut cut = bytes[..length].to_vec();
        if length > 7 {
            cut[..4].copy_from_slice(&(length as u32).to_le_bytes());
            cut[length - 1] = 0xff;
            assert_eq!(Listpack::from_bytes(cut), Err(MalformedListpack), "cut to {length}");
        }
    }
    let mut wrong_count = bytes.to_vec();
    wrong_count[4] += 1;
    assert_eq!(Listpack::from_bytes(wrong_count), Err(MalformedListpack));
}

#[test]
fn whatever_it_takes_can_be_read() {
    let mut random = fastrand::Rng::with_seed(9);
    let mut taken = 0;
    for round in 0..200_000 {
        let mut bytes = if round % 2 == 0 {
            let mut bytes: Vec<u8> = (0..random.usize(7..40)).map(|_| random.u8(..)).collect();
            let length = bytes.len() as u8;
            bytes[..4].copy_from_slice(&[length, 0, 0, 0]);
            bytes[4..6].copy_from_slice(&[0xff, 0xff]);
            bytes
        } else {
            let mut bytes = listpack(&["a", "300", "70000", "field", "-1"]).into_bytes();
            bytes[4..6].copy_from_slice(&[0xff, 0xff]);
            let index = random.usize(6..bytes.len());
            bytes[index] = random.u8(..);
            bytes
        };
        *bytes.last_mut().unwrap() = 0xff;
        if let Ok(mut pack) = Listpack::from_bytes(bytes) {
            taken += 1;
            let count = pack.iter().count();
            assert_eq!(pack.iter().rev().count(), count);
            if let Some(first) = pack.first() {
                pack.find(first, b"x", 1);
                pack.delete(first);
            }
            pack.push_front(b"x");
            assert!(Listpack::from_bytes(pack.into_bytes()).is_ok());
        }
    }
    assert!(taken > 100, "{taken}");
}

#[test]
fn draws_keys_as_often() {
    let pack = listpack(&["0", "x", "1", "x", "2", "x", "3", "x"]);
    let (mut random, mut counts) = (fastrand::Rng::with_seed(1), [0; 4]);
    for _ in 0..4000 {
        let place = pack.random(2, &mut random).unwrap();
        counts[pack.get(place).as_integer().unwrap() as usize] += 1;
    }
    assert!(counts.iter().all(|count| (880..1120).contains(count)), "{counts:?}");
    assert_eq!(Listpack::new().random(1, &mut random), None);
}

#[test]
fn wastes_little_memory() {
    let mut pack = Listpack::new();
    for number in 0..1000 {
        pack.push_back(format!("value:{number}").as_bytes());
        assert!(pack.heap_bytes() <= pack.byte_len() * 9 / 8 + 32);
    }
    pack.delete_range(10, 990);
    assert!(pack.heap_bytes() < 300);
}

#[test]
fn elements_are_their_text() {
    let mut buffer = itoa::Buffer::new();
    assert_eq!(Element::Integer(-5).to_text(&mut buffer), b"-5");
    assert_eq!((Element::Integer(-5).text_len(), Element::Bytes(b"abc").text_len()), (2, 3));
    assert_eq!(Element::Bytes(b"12").as_integer(), Some(12));
    assert!(Element::Integer(12).is(b"12") && !Element::Integer(12).is(b"012"));
    let mut out = Vec::new();
    Element::Bytes(b"a").append_to(&mut out);
    Element::Integer(1).append_to(&mut out);
    assert_eq!(out, b"a1");
    assert_eq!(Element::Integer(3).to_small_bytes().as_slice(), b"3");
}
