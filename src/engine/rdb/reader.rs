//! Reads a snapshot from whatever pieces its bytes arrive in.
//!
//! Holds no more than the bytes of one string ahead, whatever the snapshot's size. Knows neither files nor sockets, and
//! not what becomes of an entry.

use super::crc64::crc64;
use super::cursor::{Cursor, Read, Stop};
use super::decode::{Begun, Partial, begin, is_value, unsupported};
use super::format::{self, RdbError, module_part, opcode};
use super::value::RdbValue;

/// Bytes already read are dropped from the buffer once there are this many.
const DROP_AFTER: usize = 64 << 10;

/// What a snapshot holds, in the order in which it holds it.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// A remark about the snapshot, such as `repl-id`; to be ignored where it isn't understood.
    Auxiliary {
        /// Its name.
        name: Vec<u8>,
        /// Its value.
        value: Vec<u8>,
    },
    /// How much the present database holds; a hint that nothing vouches for.
    Resize {
        /// Keys.
        keys: u64,
        /// Keys that expire.
        expiring: u64,
    },
    /// A key and its value.
    Entry(Entry),
    /// The snapshot is complete, and its checksum right if it has one.
    End,
}

/// A key, its value and what is known of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The number of its database.
    pub database: u64,
    /// The key.
    pub key: Vec<u8>,
    /// When it expires, in milliseconds since the epoch; may have passed.
    pub expire_at_ms: Option<i64>,
    /// Seconds since it was last used.
    pub idle_seconds: Option<u64>,
    /// How often it is used, as the logarithmic counter of LFU.
    pub frequency: Option<u8>,
    /// The value.
    pub value: RdbValue,
}

/// What was left out on the way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Libraries of functions.
    pub functions: u64,
    /// Collections without elements.
    pub empty_keys: u64,
    /// Fields of hashes that had an expiry of their own: they are kept, and no longer expire.
    pub field_expiries: u64,
    /// Data of modules outside of keys.
    pub module_data: u64,
}

/// Where in the snapshot the next byte belongs.
#[derive(Debug)]
enum State {
    Header,
    Between,
    /// The key, then the start of the value of this kind.
    Entry(u8),
    Pieces(Vec<u8>, Partial),
    /// Parts of a module's data up to the one that ends it.
    Module,
    /// Ranges of slots that are being imported.
    SlotRanges(u64),
    Checksum,
    End,
}

/// Turns bytes into items. Feed it bytes, then call [`Reader::next`] until it gives nothing; then feed it more.
#[derive(Debug)]
pub struct Reader {
    buffer: Vec<u8>,
    /// Bytes of the buffer that have been read.
    position: usize,
    /// Bytes of the buffer that `crc` covers.
    summed: usize,
    crc: u64,
    check: bool,
    /// Bytes dropped from the buffer so far.
    dropped: u64,
    state: State,
    version: u16,
    valkey: bool,
    database: u64,
    expire_at_ms: Option<i64>,
    idle_seconds: Option<u64>,
    frequency: Option<u8>,
    left_out: LeftOut,
}

/// What one step over the bytes led to.
enum Step {
    Item(Item),
    To(State),
    /// One piece further in the same state.
    Stay,
}

/// Why a step was not made.
enum Fault {
    Stop(Stop),
    Error(RdbError),
}

impl From<Stop> for Fault {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

impl From<RdbError> for Fault {
    fn from(error: RdbError) -> Self {
        Self::Error(error)
    }
}

impl Reader {
    /// A reader at the start of a snapshot. `check`: whether the checksum matters (`rdbchecksum`).
    #[must_use]
    pub fn new(check: bool) -> Self {
        Self {
            buffer: Vec::new(),
            position: 0,
            summed: 0,
            crc: 0,
            check,
            dropped: 0,
            state: State::Header,
            version: 0,
            valkey: false,
            database: 0,
            expire_at_ms: None,
            idle_seconds: None,
            frequency: None,
            left_out: LeftOut::default(),
        }
    }

    /// Takes the bytes that follow those fed before.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.position >= DROP_AFTER || self.position == self.buffer.len() {
            self.drop_read();
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next item, or nothing until more bytes are fed. After [`Item::End`] there is nothing more.
    ///
    /// # Errors
    /// Where the bytes are not a snapshot that can be read. The reader is of no use then.
    #[expect(clippy::should_implement_trait, reason = "it gives nothing until more is fed, then goes on")]
    pub fn next(&mut self) -> Result<Option<Item>, RdbError> {
        while !matches!(self.state, State::End) {
            match self.step()? {
                Some(Step::Item(item)) => return Ok(Some(item)),
                Some(Step::To(state)) => self.state = state,
                Some(Step::Stay) => {}
                None => return Ok(None),
            }
        }
        Ok(None)
    }

    /// Says that no more bytes will come.
    ///
    /// # Errors
    /// If the snapshot is not complete.
    pub fn finish(&self) -> Result<(), RdbError> {
        match self.state {
            State::End => Ok(()),
            _ => Err(RdbError::Truncated { length: self.dropped + self.buffer.len() as u64 }),
        }
    }

    /// Bytes that were fed and not read: after the end, what follows the snapshot.
    #[must_use]
    pub fn unread(&self) -> &[u8] {
        self.buffer.get(self.position..).unwrap_or_default()
    }

    /// Bytes of the snapshot read so far.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.dropped + self.position as u64
    }

    /// What was left out so far.
    #[must_use]
    pub fn left_out(&self) -> LeftOut {
        self.left_out
    }

    fn drop_read(&mut self) {
        self.sum();
        self.buffer.drain(..self.position);
        self.dropped += self.position as u64;
        self.position = 0;
        self.summed = 0;
        // One huge string should not hold its memory for the rest of the snapshot.
        if self.buffer.capacity() > 4 * DROP_AFTER && self.buffer.len() < DROP_AFTER {
            self.buffer.shrink_to(DROP_AFTER);
        }
    }

    /// Brings the checksum up to what has been read.
    fn sum(&mut self) {
        if self.check {
            self.crc = crc64(self.crc, self.buffer.get(self.summed..self.position).unwrap_or_default());
        }
        self.summed = self.position;
    }

    /// One piece further; nothing if the buffer ends inside it.
    fn step(&mut self) -> Result<Option<Step>, RdbError> {
        if matches!(self.state, State::Checksum) {
            // The buffer is not at hand once the cursor has it.
            self.sum();
        }
        // The buffer is lent to the cursor while the piece is read.
        let buffer = std::mem::take(&mut self.buffer);
        let mut cursor = Cursor::new(buffer.get(self.position..).unwrap_or_default());
        let step = self.read(&mut cursor);
        let consumed = cursor.consumed();
        self.buffer = buffer;
        match step {
            Ok(step) => {
                self.position += consumed;
                Ok(Some(step))
            }
            Err(Fault::Stop(Stop::Incomplete)) => Ok(None),
            Err(Fault::Stop(Stop::Corrupt(what))) => Err(RdbError::Corrupt { what, offset: self.offset() }),
            Err(Fault::Error(error)) => Err(error),
        }
    }

    /// Reads one piece. Changes nothing of the reader unless the piece was there whole.
    fn read(&mut self, cursor: &mut Cursor<'_>) -> Result<Step, Fault> {
        match &mut self.state {
            State::Header => self.header(cursor),
            State::Between => self.between(cursor),
            State::Entry(kind) => {
                let kind = *kind;
                self.entry(kind, cursor)
            }
            State::Pieces(key, partial) => {
                if partial.is_whole() {
                    let key = std::mem::take(key);
                    return Ok(self.whole(key));
                }
                partial.read(cursor)?;
                Ok(Step::Stay)
            }
            State::Module => Ok(if skip_module_part(cursor)? { Step::Stay } else { Step::To(State::Between) }),
            State::SlotRanges(0) => Ok(Step::To(State::Between)),
            State::SlotRanges(left) => {
                cursor.skip_numbers(2)?;
                *left -= 1;
                Ok(Step::Stay)
            }
            State::Checksum => self.checksum(cursor),
            State::End => Ok(Step::To(State::End)),
        }
    }

    /// `REDIS` and four digits, or `VALKEY` and three.
    fn header(&mut self, cursor: &mut Cursor<'_>) -> Result<Step, Fault> {
        let bytes: [u8; 9] = cursor.array()?;
        let (digits, valkey) = match bytes {
            [b'R', b'E', b'D', b'I', b'S', ref digits @ ..] => (digits.as_slice(), false),
            [b'V', b'A', b'L', b'K', b'E', b'Y', ref digits @ ..] => (digits.as_slice(), true),
            _ => return Err(RdbError::Signature.into()),
        };
        let text = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
        let version = text.and_then(|text| text.parse().ok()).ok_or(RdbError::Signature)?;
        let known = if valkey {
            (format::OLDEST_VALKEY..=format::NEWEST_VALKEY).contains(&version)
        } else {
            (1..=format::NEWEST_REDIS).contains(&version)
        };
        if !known {
            return Err(RdbError::Version { version }.into());
        }
        (self.version, self.valkey) = (version, valkey);
        Ok(Step::To(State::Between))
    }

    /// An announcement, or the kind of the next value.
    fn between(&mut self, cursor: &mut Cursor<'_>) -> Result<Step, Fault> {
        match cursor.byte()? {
            opcode::EXPIRE_MS => self.expire_at_ms = Some(i64::from_le_bytes(cursor.array()?)),
            opcode::EXPIRE_SECONDS => {
                self.expire_at_ms = Some(i64::from(i32::from_le_bytes(cursor.array()?)).saturating_mul(1000));
            }
            opcode::IDLE => self.idle_seconds = Some(cursor.number()?),
            opcode::FREQUENCY => self.frequency = Some(cursor.byte()?),
            opcode::SELECT => self.database = cursor.number()?,
            opcode::RESIZE => {
                return Ok(Step::Item(Item::Resize { keys: cursor.number()?, expiring: cursor.number()? }));
            }
            opcode::AUXILIARY => {
                return Ok(Step::Item(Item::Auxiliary { name: cursor.string()?, value: cursor.string()? }));
            }
            opcode::END => return Ok(Step::To(State::Checksum)),
            byte if is_value(byte, self.valkey) => return Ok(Step::To(State::Entry(byte))),
            byte => return self.skipped(byte, cursor),
        }
        Ok(Step::Stay)
    }

    /// What the engine has no use for.
    fn skipped(&mut self, byte: u8, cursor: &mut Cursor<'_>) -> Result<Step, Fault> {
        match byte {
            opcode::SLOT_INFO => cursor.skip_numbers(3)?,
            opcode::SLOT_IMPORT => {
                cursor.string()?;
                return Ok(Step::To(State::SlotRanges(cursor.number()?)));
            }
            opcode::FUNCTION => {
                cursor.string()?;
                self.left_out.functions += 1;
            }
            opcode::FUNCTION_BEFORE_RELEASE => {
                cursor.string()?;
                cursor.string()?;
                if cursor.number()? > 0 {
                    cursor.string()?;
                }
                cursor.string()?;
                self.left_out.functions += 1;
            }
            opcode::MODULE_AUXILIARY => {
                // The module, and when its data belongs, which is written as one of its parts.
                cursor.skip_numbers(3)?;
                self.left_out.module_data += 1;
                return Ok(Step::To(State::Module));
            }
            _ => return Err(Stop::Corrupt("a byte that announces nothing known").into()),
        }
        Ok(Step::Stay)
    }

    /// The key and the start of its value.
    fn entry(&mut self, kind: u8, cursor: &mut Cursor<'_>) -> Result<Step, Fault> {
        let key = cursor.string()?;
        if let Some(kind) = unsupported(kind) {
            return Err(RdbError::Unsupported { key: key.escape_ascii().to_string(), kind }.into());
        }
        Ok(match begin(kind, cursor)? {
            Begun::Whole(value) => self.item(key, value),
            Begun::Empty => self.empty(),
            Begun::Pieces(partial) => Step::To(State::Pieces(key, partial)),
        })
    }

    /// The last piece of a collection is there.
    fn whole(&mut self, key: Vec<u8>) -> Step {
        let State::Pieces(_, partial) = std::mem::replace(&mut self.state, State::Between) else { return Step::Stay };
        self.left_out.field_expiries += partial.expiring_fields();
        match partial.finish() {
            Some(value) => self.item(key, value),
            None => self.empty(),
        }
    }

    fn empty(&mut self) -> Step {
        self.left_out.empty_keys += 1;
        (self.expire_at_ms, self.idle_seconds, self.frequency) = (None, None, None);
        Step::To(State::Between)
    }

    fn item(&mut self, key: Vec<u8>, value: RdbValue) -> Step {
        self.state = State::Between;
        Step::Item(Item::Entry(Entry {
            database: self.database,
            key,
            expire_at_ms: self.expire_at_ms.take(),
            idle_seconds: self.idle_seconds.take(),
            frequency: self.frequency.take(),
            value,
        }))
    }

    /// Of everything before it; zero stands for none.
    fn checksum(&mut self, cursor: &mut Cursor<'_>) -> Result<Step, Fault> {
        if self.version >= format::FIRST_WITH_CHECKSUM {
            let found = u64::from_le_bytes(cursor.array()?);
            let computed = self.crc;
            if self.check && found != 0 && found != computed {
                return Err(RdbError::Checksum { found, computed }.into());
            }
        }
        self.state = State::End;
        Ok(Step::Item(Item::End))
    }
}

/// Skips one part of a module's data; tells whether another follows.
fn skip_module_part(cursor: &mut Cursor<'_>) -> Read<bool> {
    match cursor.number()? {
        module_part::END => return Ok(false),
        module_part::SIGNED | module_part::UNSIGNED => drop(cursor.number()?),
        module_part::FLOAT => drop(cursor.array::<4>()?),
        module_part::DOUBLE => drop(cursor.array::<8>()?),
        module_part::STRING => drop(cursor.string()?),
        _ => return Err(Stop::Corrupt("a module's data of an unknown form")),
    }
    Ok(true)
}
