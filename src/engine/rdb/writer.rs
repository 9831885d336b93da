//! Writes a snapshot piece by piece into a buffer that the caller takes away whenever it likes.
//!
//! The form is that of Redis 7.0 (version 10), which Valkey reads too. Knows neither files nor sockets nor the engine's
//! collections: values come as [`ValueRef`]s, which borrow.

use super::crc64::crc64;
use super::format::{VERSION, container, encoding, kind, length, opcode};
use super::lzf::Compressor;
use crate::engine::data::intset::IntSet;
use crate::engine::data::listpack::{Element, Listpack};

/// Shorter strings cannot get smaller by compression.
const SHORTEST_TO_COMPRESS: usize = 21;
/// Compression that saves less than this is not worth its time.
const LEAST_SAVED: usize = 4;
/// The longest text of an integer that has a form of its own.
const LONGEST_INTEGER: usize = 11;

/// A piece of a list, borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part<'a> {
    /// A whole listpack; not empty.
    Listpack(&'a Listpack),
    /// One element that has a node of its own; not empty, which the format cannot say.
    Element(&'a [u8]),
}

/// A value to write, borrowed. The iterators must yield as many items as announced.
pub enum ValueRef<'i, 'a> {
    /// A string.
    Text(Element<'a>),
    /// A list, from its head.
    List(usize, &'i mut (dyn Iterator<Item = Part<'a>> + 'i)),
    /// A set.
    Set(usize, &'i mut (dyn Iterator<Item = Element<'a>> + 'i)),
    /// A set as an intset.
    SetIntset(&'a IntSet),
    /// A hash.
    Hash(usize, &'i mut (dyn Iterator<Item = (Element<'a>, Element<'a>)> + 'i)),
    /// A hash as a listpack: field, value, field, value.
    HashListpack(&'a Listpack),
    /// A sorted set; best from the highest score to the lowest, which is read fastest.
    SortedSet(usize, &'i mut (dyn Iterator<Item = (Element<'a>, f64)> + 'i)),
    /// A sorted set as a listpack: member, score, by score, then by member.
    SortedSetListpack(&'a Listpack),
}

/// What is written with a key beside its value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Meta {
    /// When it expires, in milliseconds since the epoch.
    pub expire_at_ms: Option<i64>,
    /// Seconds since it was last used; written where the eviction policy is an LRU one.
    pub idle_seconds: Option<u64>,
    /// Its LFU counter; written where the eviction policy is an LFU one.
    pub frequency: Option<u8>,
}

/// How to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Compress long strings (`rdbcompression`).
    pub compress: bool,
    /// End with a checksum rather than zero (`rdbchecksum`).
    pub checksum: bool,
}

/// A snapshot being written: [`Writer::start`], then auxiliary fields, databases and entries, then [`Writer::end`]; and
/// [`Writer::take`] as often as the caller likes.
#[derive(Debug)]
pub struct Writer {
    output: Vec<u8>,
    /// Bytes of the output that `crc` covers.
    summed: usize,
    crc: u64,
    options: Options,
    compressor: Compressor,
}

impl Writer {
    /// A writer that has written nothing.
    #[must_use]
    pub fn new(options: Options) -> Self {
        Self { output: Vec::new(), summed: 0, crc: 0, options, compressor: Compressor::default() }
    }

    /// What has been written and not been taken away.
    #[must_use]
    pub fn pending(&self) -> &[u8] {
        &self.output
    }

    /// Moves what has been written to the end of `sink`.
    pub fn take(&mut self, sink: &mut Vec<u8>) {
        self.sum();
        sink.append(&mut self.output);
        self.summed = 0;
    }

    /// Forgets what has been written, once the caller has put [`Writer::pending`] where it belongs.
    pub fn clear(&mut self) {
        self.sum();
        self.output.clear();
        self.summed = 0;
    }

    /// The header.
    pub fn start(&mut self) {
        self.output.extend_from_slice(format!("REDIS{VERSION:04}").as_bytes());
    }

    /// A remark about the snapshot, such as `redis-ver`, `repl-stream-db`, `repl-id`, `repl-offset`.
    pub fn auxiliary(&mut self, name: &[u8], value: &[u8]) {
        self.output.push(opcode::AUXILIARY);
        self.string(Element::Bytes(name));
        self.string(Element::Bytes(value));
    }

    /// The entries that follow belong to this database, which holds so many keys, so many of them with an expiry.
    pub fn database(&mut self, number: u64, keys: u64, expiring: u64) {
        self.output.push(opcode::SELECT);
        self.number(number);
        self.output.push(opcode::RESIZE);
        self.number(keys);
        self.number(expiring);
    }

    /// One key with its value.
    pub fn entry(&mut self, key: &[u8], meta: Meta, value: ValueRef<'_, '_>) {
        if let Some(at) = meta.expire_at_ms {
            self.output.push(opcode::EXPIRE_MS);
            self.output.extend_from_slice(&at.to_le_bytes());
        }
        if let Some(idle) = meta.idle_seconds {
            self.output.push(opcode::IDLE);
            self.number(idle);
        }
        if let Some(frequency) = meta.frequency {
            self.output.extend_from_slice(&[opcode::FREQUENCY, frequency]);
        }
        self.output.push(kind_of(&value));
        self.string(Element::Bytes(key));
        self.value(value);
    }

    /// The end, with the checksum.
    pub fn end(&mut self) {
        self.output.push(opcode::END);
        self.sum();
        let checksum = if self.options.checksum { self.crc } else { 0 };
        self.output.extend_from_slice(&checksum.to_le_bytes());
    }

    fn sum(&mut self) {
        if self.options.checksum {
            self.crc = crc64(self.crc, self.output.get(self.summed..).unwrap_or_default());
        }
        self.summed = self.output.len();
    }

    /// The kind and the value alone, as a DUMP payload begins.
    pub(super) fn kind_and_value(&mut self, value: ValueRef<'_, '_>) {
        self.output.push(kind_of(&value));
        self.value(value);
    }

    fn value(&mut self, value: ValueRef<'_, '_>) {
        match value {
            ValueRef::Text(text) => self.string(text),
            ValueRef::List(length, parts) => {
                self.number(length as u64);
                parts.for_each(|part| self.part(part));
            }
            ValueRef::Set(length, members) => {
                self.number(length as u64);
                members.for_each(|member| self.string(member));
            }
            ValueRef::Hash(length, pairs) => {
                self.number(length as u64);
                for (field, value) in pairs {
                    self.string(field);
                    self.string(value);
                }
            }
            ValueRef::SortedSet(length, pairs) => {
                self.number(length as u64);
                for (member, score) in pairs {
                    self.string(member);
                    self.output.extend_from_slice(&score.to_le_bytes());
                }
            }
            ValueRef::SetIntset(packed) => self.string(Element::Bytes(packed.as_bytes())),
            ValueRef::HashListpack(packed) | ValueRef::SortedSetListpack(packed) => {
                self.string(Element::Bytes(packed.as_bytes()));
            }
        }
    }

    fn part(&mut self, part: Part<'_>) {
        let (container, bytes) = match part {
            Part::Listpack(pack) => (container::LISTPACK, pack.as_bytes()),
            Part::Element(bytes) => (container::ELEMENT, bytes),
        };
        self.number(container);
        self.string(Element::Bytes(bytes));
    }

    /// A count, or any other number in the format's packing.
    fn number(&mut self, number: u64) {
        match number {
            0..0x40 => self.output.push(number as u8),
            0x40..0x4000 => self.output.extend_from_slice(&(length::FOURTEEN_BITS_WORD | number as u16).to_be_bytes()),
            0x4000..=0xffff_ffff => {
                self.output.push(length::THIRTY_TWO_BITS);
                self.output.extend_from_slice(&(number as u32).to_be_bytes());
            }
            _ => {
                self.output.push(length::SIXTY_FOUR_BITS);
                self.output.extend_from_slice(&number.to_be_bytes());
            }
        }
    }

    /// A string in the smallest of its forms.
    fn string(&mut self, string: Element<'_>) {
        match string {
            Element::Integer(number) => match i32::try_from(number) {
                Ok(small) => self.integer(small),
                Err(_) => self.verbatim(itoa::Buffer::new().format(number).as_bytes()),
            },
            Element::Bytes(bytes) => match integer_of_text(bytes) {
                Some(small) => self.integer(small),
                None if self.options.compress && bytes.len() >= SHORTEST_TO_COMPRESS => self.compressed(bytes),
                None => self.verbatim(bytes),
            },
        }
    }

    fn integer(&mut self, number: i32) {
        if let Ok(number) = i8::try_from(number) {
            self.output.extend_from_slice(&[length::ENCODED | encoding::INTEGER_8, number.cast_unsigned()]);
        } else if let Ok(number) = i16::try_from(number) {
            self.output.push(length::ENCODED | encoding::INTEGER_16);
            self.output.extend_from_slice(&number.to_le_bytes());
        } else {
            self.output.push(length::ENCODED | encoding::INTEGER_32);
            self.output.extend_from_slice(&number.to_le_bytes());
        }
    }

    fn verbatim(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.output.extend_from_slice(bytes);
    }

    /// Compressed if that saves anything, else verbatim.
    fn compressed(&mut self, bytes: &[u8]) {
        let mut packed = Vec::with_capacity(bytes.len());
        match self.compressor.compress(bytes, bytes.len() - LEAST_SAVED, &mut packed) {
            Some(_) => {
                self.output.push(length::ENCODED | encoding::LZF);
                self.number(packed.len() as u64);
                self.number(bytes.len() as u64);
                self.output.extend_from_slice(&packed);
            }
            None => self.verbatim(bytes),
        }
    }
}

fn kind_of(value: &ValueRef<'_, '_>) -> u8 {
    match value {
        ValueRef::Text(_) => kind::TEXT,
        ValueRef::List(..) => kind::LIST_OF_LISTPACKS,
        ValueRef::Set(..) => kind::SET,
        ValueRef::SetIntset(_) => kind::SET_INTSET,
        ValueRef::Hash(..) => kind::HASH,
        ValueRef::HashListpack(_) => kind::HASH_LISTPACK,
        ValueRef::SortedSet(..) => kind::SORTED_SET,
        ValueRef::SortedSetListpack(_) => kind::SORTED_SET_LISTPACK,
    }
}

/// The 32-bit integer whose only decimal form is this text.
fn integer_of_text(text: &[u8]) -> Option<i32> {
    if text.is_empty() || text.len() > LONGEST_INTEGER {
        return None;
    }
    let number: i32 = std::str::from_utf8(text).ok()?.parse().ok()?;
    (itoa::Buffer::new().format(number).as_bytes() == text).then_some(number)
}
