//! The numbers of the snapshot format, and what can be wrong with one.

use thiserror::Error;

/// The version that is written: Redis 7.0's.
pub const VERSION: u16 = 10;
/// The newest version of the `REDIS` line that is read; what a newer one adds is refused where it occurs.
pub(super) const NEWEST_REDIS: u16 = 12;
/// From this version on, the format is Valkey's own; numbers between belong to neither.
pub(super) const OLDEST_VALKEY: u16 = 80;
/// The newest Valkey format whose meaning is known.
pub(super) const NEWEST_VALKEY: u16 = 80;
/// The first version that ends with a checksum.
pub(super) const FIRST_WITH_CHECKSUM: u16 = 5;

/// What a byte between entries announces.
pub(super) mod opcode {
    pub const SLOT_IMPORT: u8 = 243;
    pub const SLOT_INFO: u8 = 244;
    pub const FUNCTION: u8 = 245;
    pub const FUNCTION_BEFORE_RELEASE: u8 = 246;
    pub const MODULE_AUXILIARY: u8 = 247;
    pub const IDLE: u8 = 248;
    pub const FREQUENCY: u8 = 249;
    pub const AUXILIARY: u8 = 250;
    pub const RESIZE: u8 = 251;
    pub const EXPIRE_MS: u8 = 252;
    pub const EXPIRE_SECONDS: u8 = 253;
    pub const SELECT: u8 = 254;
    pub const END: u8 = 255;
}

/// How a value is laid out.
pub(super) mod kind {
    pub const TEXT: u8 = 0;
    pub const LIST: u8 = 1;
    pub const SET: u8 = 2;
    pub const SORTED_SET_DECIMAL: u8 = 3;
    pub const HASH: u8 = 4;
    pub const SORTED_SET: u8 = 5;
    pub const MODULE_BEFORE_RELEASE: u8 = 6;
    pub const MODULE: u8 = 7;
    pub const HASH_ZIPMAP: u8 = 9;
    pub const LIST_ZIPLIST: u8 = 10;
    pub const SET_INTSET: u8 = 11;
    pub const SORTED_SET_ZIPLIST: u8 = 12;
    pub const HASH_ZIPLIST: u8 = 13;
    pub const LIST_OF_ZIPLISTS: u8 = 14;
    pub const STREAM: u8 = 15;
    pub const HASH_LISTPACK: u8 = 16;
    pub const SORTED_SET_LISTPACK: u8 = 17;
    pub const LIST_OF_LISTPACKS: u8 = 18;
    pub const STREAM_2: u8 = 19;
    pub const SET_LISTPACK: u8 = 20;
    pub const STREAM_3: u8 = 21;
    /// Valkey's from version 80; Redis gave the number another meaning.
    pub const HASH_WITH_EXPIRY: u8 = 22;
}

/// In a list of listpacks: what a node is.
pub(super) mod container {
    pub const ELEMENT: u64 = 1;
    pub const LISTPACK: u64 = 2;
}

/// The parts of a module's data, which can be skipped without knowing the module.
pub(super) mod module_part {
    pub const END: u64 = 0;
    pub const SIGNED: u64 = 1;
    pub const UNSIGNED: u64 = 2;
    pub const FLOAT: u64 = 3;
    pub const DOUBLE: u64 = 4;
    pub const STRING: u64 = 5;
}

/// In a length's first byte: the two top bits, and the two forms that carry their number behind.
pub(super) mod length {
    pub const FOURTEEN_BITS: u8 = 0x40;
    pub const FOURTEEN_BITS_WORD: u16 = 0x4000;
    pub const THIRTY_TWO_BITS: u8 = 0x80;
    pub const SIXTY_FOUR_BITS: u8 = 0x81;
    pub const ENCODED: u8 = 0xc0;
}

/// In place of a string's length: how the string is written instead.
pub(super) mod encoding {
    pub const INTEGER_8: u8 = 0;
    pub const INTEGER_16: u8 = 1;
    pub const INTEGER_32: u8 = 2;
    pub const LZF: u8 = 3;
}

/// Why a snapshot cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RdbError {
    /// The first nine bytes are not those of a snapshot.
    #[error("this is not a snapshot: it starts with neither REDIS nor VALKEY and a version")]
    Signature,
    /// A format newer than what is known.
    #[error("the snapshot has format version {version}, which is not known")]
    Version {
        /// As its header says.
        version: u16,
    },
    /// The bytes contradict the format.
    #[error("the snapshot is damaged at byte {offset}: {what}")]
    Corrupt {
        /// What contradicts it.
        what: &'static str,
        /// Bytes before the damaged piece, from the start of the snapshot.
        offset: u64,
    },
    /// A type of value that the engine does not hold.
    #[error("the key {key} holds a {kind}, which this engine does not support")]
    Unsupported {
        /// The key, with what is not printable escaped.
        key: String,
        /// The type, for people.
        kind: &'static str,
    },
    /// The checksum at the end is another than that of the bytes.
    #[error("the snapshot's checksum is {found:016x}, but its bytes have {computed:016x}")]
    Checksum {
        /// As written in the snapshot.
        found: u64,
        /// Of the bytes read.
        computed: u64,
    },
    /// The bytes ended before the snapshot did.
    #[error("the snapshot ends early, after {length} bytes")]
    Truncated {
        /// Bytes there were.
        length: u64,
    },
}
