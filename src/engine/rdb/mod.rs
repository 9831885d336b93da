//! The snapshot format: what `dump.rdb`, a full synchronisation and DUMP payloads are made of.
//!
//! Pure and streaming both ways: [`Reader`] takes bytes as they arrive and gives entries, [`Writer`] takes borrowed
//! values and gives bytes. Read is what Redis up to 7.2 and Valkey 8 and 9 write, save streams and modules; written is
//! what Redis 7.0 writes. [`dump`](mod@dump) has the payloads of DUMP and RESTORE. It must not know the keyspace, files or
//! sockets, and trusts no byte that it reads: nothing panics, and no memory is set aside that the input does not back.

mod crc64;
mod cursor;
mod decode;
mod dump;
mod format;
mod legacy;
mod lzf;
mod packed;
mod reader;
mod value;
mod writer;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod with_server;

pub use crc64::crc64;
pub use dump::{RestoreError, dump, restore};
pub use format::{RdbError, VERSION};
pub use packed::{ListpackEntries, intset_length, intset_numbers, listpack_length};
pub use reader::{Entry, Item, LeftOut, Reader};
pub use value::{Element, ListPart, RdbValue};
pub use writer::{Meta, Options, Part, Value, Writer};
