//! The payload of DUMP, RESTORE and MIGRATE: one value as a snapshot has it, then the format's version and a checksum.

use thiserror::Error;

use super::crc64::crc64;
use super::cursor::Cursor;
use super::decode::{Begun, begin, is_value};
use super::format::{NEWEST_VALKEY, OLDEST_VALKEY, VERSION};
use super::value::RdbValue;
use super::writer::{Options, ValueRef, Writer};

/// Version and checksum at the end.
const FOOTER: usize = 10;
/// The newest payload taken: that of Redis 7.2 and Valkey 8, whose types are all read.
const NEWEST_REDIS: u16 = 11;

/// Why a payload is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RestoreError {
    /// Too short, of a version that is not known, or with a wrong checksum.
    #[error("DUMP payload version or checksum are wrong")]
    Footer,
    /// Not a value that the engine holds.
    #[error("Bad data format")]
    Format,
}

/// The payload for a value. `compress`: whether long strings are compressed (`rdbcompression`).
#[must_use]
pub fn dump(value: ValueRef<'_, '_>, compress: bool) -> Vec<u8> {
    let mut writer = Writer::new(Options { compress, checksum: false });
    writer.kind_and_value(value);
    let mut payload = Vec::new();
    writer.take(&mut payload);
    payload.extend_from_slice(&VERSION.to_le_bytes());
    payload.extend_from_slice(&crc64(0, &payload).to_le_bytes());
    payload
}

/// The value of a payload.
///
/// # Errors
/// As RESTORE answers them, in this order: a footer that is wrong, then a value that is.
pub fn restore(payload: &[u8]) -> Result<RdbValue, RestoreError> {
    let (body, valkey) = checked_body(payload).ok_or(RestoreError::Footer)?;
    value(body, valkey).ok_or(RestoreError::Format)
}

/// What precedes the footer, and whether it is in Valkey's own format.
fn checked_body(payload: &[u8]) -> Option<(&[u8], bool)> {
    let (body, footer) = payload.split_at_checked(payload.len().checked_sub(FOOTER)?)?;
    let ([low, high], checksum) = footer.split_first_chunk::<2>()?;
    let version = u16::from_le_bytes([*low, *high]);
    let valkey = (OLDEST_VALKEY..=NEWEST_VALKEY).contains(&version);
    let covered = payload.get(..payload.len() - checksum.len())?;
    let right = crc64(0, covered).to_le_bytes() == checksum;
    ((valkey || version <= NEWEST_REDIS) && right).then_some((body, valkey))
}

/// What follows the value is ignored, as in Redis.
fn value(body: &[u8], valkey: bool) -> Option<RdbValue> {
    let mut cursor = Cursor::new(body);
    let kind = cursor.byte().ok().filter(|kind| is_value(*kind, valkey))?;
    match begin(kind, &mut cursor).ok()? {
        Begun::Whole(value) => Some(value),
        Begun::Empty => None,
        Begun::Pieces(mut partial) => {
            while !partial.is_whole() {
                partial.read(&mut cursor).ok()?;
            }
            partial.finish()
        }
    }
}
