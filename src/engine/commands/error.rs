//! What a command answers where it can't do what was asked.

use std::borrow::Cow;

use crate::engine::keyspace::WrongType;

/// An error reply: its code and its text, without the dash in front.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(pub Cow<'static, str>);

/// What a command comes back with: its reply is in the engine, or this is it.
pub type Outcome = Result<(), Error>;

impl Error {
    /// The key holds another type.
    pub const WRONG_TYPE: Error =
        Error(Cow::Borrowed("WRONGTYPE Operation against a key holding the wrong kind of value"));
    /// The arguments don't make sense together.
    pub const SYNTAX: Error = Error(Cow::Borrowed("ERR syntax error"));
    /// An argument is no integer of 64 bits.
    pub const NOT_INTEGER: Error = Error(Cow::Borrowed("ERR value is not an integer or out of range"));
    /// An argument is no floating-point number.
    pub const NOT_FLOAT: Error = Error(Cow::Borrowed("ERR value is not a valid float"));
    /// An argument must be above zero.
    pub const NOT_POSITIVE: Error = Error(Cow::Borrowed("ERR value is out of range, must be positive"));
    /// The key must be there.
    pub const NO_SUCH_KEY: Error = Error(Cow::Borrowed("ERR no such key"));
    /// The index is outside.
    pub const INDEX: Error = Error(Cow::Borrowed("ERR index out of range"));
    /// The result would be too long.
    pub const TOO_LONG: Error = Error(Cow::Borrowed("ERR string exceeds maximum allowed size (proto-max-bulk-len)"));
    /// The sum doesn't fit 64 bits.
    pub const OVERFLOW: Error = Error(Cow::Borrowed("ERR increment or decrement would overflow"));

    /// An error with a fixed text.
    pub const fn fixed(text: &'static str) -> Error {
        Error(Cow::Borrowed(text))
    }

    /// An error with a text of its own.
    pub fn worded(text: impl Into<String>) -> Error {
        Error(Cow::Owned(text.into()))
    }

    /// Its code, such as `WRONGTYPE`.
    pub fn code(&self) -> &str {
        self.0.split(' ').next().unwrap_or_default()
    }
}

impl From<WrongType> for Error {
    fn from(_: WrongType) -> Self {
        Error::WRONG_TYPE
    }
}
