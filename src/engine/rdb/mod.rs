//! The snapshot format: what `dump.rdb`, a full synchronisation and DUMP payloads are made of.
//!
//! Pure and streaming both ways: [`Reader`] takes bytes as they arrive and gives entries, [`Writer`] takes borrowed
//! values and gives bytes. Read is what Redis up to 7.2 and Valkey 8 and 9 write, save streams and modules; written is
//! what Redis 7.0 writes. [`dump`] and [`restore`] make and take the payloads of DUMP and RESTORE, and [`lend`] and [`take`] lie
//! between the format and the engine's own values. It must not know databases, files or sockets, and trusts no byte that it reads: nothing panics, and no memory is set aside that the input does not back.

mod convert;
mod crc64;
mod cursor;
mod decode;
mod dump;
mod format;
mod legacy;
mod lzf;
mod reader;
mod value;
mod writer;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod with_server;

pub use convert::{Limits, lend, take};
pub use crc64::crc64;
pub use dump::{RestoreError, dump, restore};
pub use format::{RdbError, VERSION};
pub use reader::{Entry, Item, LeftOut, Reader};
pub use value::{ListPart, RdbValue};
pub use writer::{Meta, Options, Part, ValueRef, Writer};
