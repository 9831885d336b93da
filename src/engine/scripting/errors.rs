//! What functions given to scripts raise, and how it looks to a script that catches it.
//!
//! The Lua library carries an error of ours through Lua as an opaque value. Scripts must never see that value, so each
//! function of theirs that catches (`pcall`, `xpcall`, `coroutine.resume`) passes what it caught through here.

use std::fmt;

use mlua::{Error, Lua, Table, Value};

use super::sandbox::PRELUDE_SOURCE;

/// An error on its way to whoever catches it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Raised {
    /// A Lua string.
    Text(Vec<u8>),
    /// A table with the field `err`: what a command's error is to a script.
    Reply(ReplyError),
}

/// An error reply: its text without the leading `-`, and whether the statistics of errors have it already.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct ReplyError {
    pub(super) text: Vec<u8>,
    pub(super) counted: bool,
}

impl fmt::Display for Raised {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Raised::Text(text) => text,
            Raised::Reply(error) => &error.text,
        };
        formatter.write_str(&String::from_utf8_lossy(text))
    }
}

impl std::error::Error for Raised {}

impl Raised {
    /// The error as the Lua library carries it.
    pub(super) fn into_lua(self) -> Error {
        Error::external(self)
    }

    /// What `error` is about: ours as it was raised, the Lua library's own as a text.
    pub(super) fn from_lua(error: &Error) -> Raised {
        match error {
            Error::CallbackError { cause, .. } => Raised::from_lua(cause),
            Error::ExternalError(cause) => match cause.downcast_ref::<Raised>() {
                Some(raised) => raised.clone(),
                None => Raised::Text(cause.to_string().into_bytes()),
            },
            Error::RuntimeError(text) | Error::MemoryError(text) => Raised::Text(text.clone().into_bytes()),
            other => Raised::Text(other.to_string().into_bytes()),
        }
    }
}

impl ReplyError {
    /// An error made from `text` as commands word theirs: `-CODE message`, or a message alone, which gets the code ERR.
    pub(super) fn new(text: &[u8]) -> ReplyError {
        let text = up_to_zero(text);
        let (code, message) = match text.strip_prefix(b"-") {
            None => (&b"ERR"[..], text),
            Some(line) => match memchr::memchr(b' ', line) {
                None => (&b"ERR"[..], line),
                Some(space) => (line.get(..space).unwrap_or_default(), line.get(space + 1..).unwrap_or_default()),
            },
        };
        let text = [code, b" ", trim_line_ends(message)].concat();
        ReplyError { text, counted: false }
    }

    /// The same, of which the statistics know already.
    pub(super) fn counted(text: &[u8]) -> ReplyError {
        ReplyError { counted: true, ..ReplyError::new(text) }
    }

    /// The table that scripts see.
    pub(super) fn to_table(&self, lua: &Lua) -> mlua::Result<Table> {
        let table = lua.create_table_with_capacity(0, 2)?;
        table.raw_set("err", lua.create_string(&self.text)?)?;
        if self.counted {
            table.raw_set("ignore_error_stats_update", true)?;
        }
        Ok(table)
    }

    /// The error that `table` is; the text is None where it has no text in the field `err`.
    pub(super) fn from_table(table: &Table) -> mlua::Result<(Option<Vec<u8>>, bool)> {
        let text = match table.raw_get::<Value>("err")? {
            Value::String(text) => Some(up_to_zero(&text.as_bytes()).to_vec()),
            number @ (Value::Integer(_) | Value::Number(_)) => Some(number.to_string()?.into_bytes()),
            _ => None,
        };
        let counted = matches!(table.raw_get::<Value>("ignore_error_stats_update")?, Value::Boolean(true));
        Ok((text, counted))
    }
}

/// The part of a C string that C sees.
pub(super) fn up_to_zero(text: &[u8]) -> &[u8] {
    memchr::memchr(0, text).and_then(|end| text.get(..end)).unwrap_or(text)
}

/// `text` without line ends at either side.
pub(super) fn trim_line_ends(text: &[u8]) -> &[u8] {
    let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let start = text.iter().take_while(|byte| is_end(byte)).count();
    let end = text.iter().rev().take_while(|byte| is_end(byte)).count();
    text.get(start..text.len().saturating_sub(end)).unwrap_or_default()
}

/// Raises a table with the field `err`.
pub(super) fn raise_reply(text: &[u8]) -> Error {
    Raised::Reply(ReplyError::new(text)).into_lua()
}

/// Raises `text` from the running function, with the place in the script that called it in front.
pub(super) fn raise(lua: &Lua, text: impl AsRef<[u8]>) -> Error {
    let mut message = caller_position(lua).into_bytes();
    message.extend_from_slice(text.as_ref());
    Raised::Text(message).into_lua()
}

/// Raises `text` alone: for the depths of a function that puts the place in front at its surface, by [`located`].
pub(super) fn plain(text: impl Into<Vec<u8>>) -> Error {
    Raised::Text(text.into()).into_lua()
}

/// `error` with the place in the script that called the running function in front.
pub(super) fn located(lua: &Lua, error: &Error) -> Error {
    match Raised::from_lua(error) {
        Raised::Text(text) => raise(lua, text),
        reply @ Raised::Reply(_) => reply.into_lua(),
    }
}

/// Raises Lua's complaint about argument `index` (from 1) of the running function.
pub(super) fn bad_argument(lua: &Lua, index: usize, reason: &str) -> Error {
    let name = lua.inspect_stack(0, |frame| frame.names().name.map(|name| name.into_owned())).flatten();
    let name = name.as_deref().unwrap_or("?");
    raise(lua, format!("bad argument #{index} to '{name}' ({reason})"))
}

/// `user_script:1: ` for the function that called the running one; empty where that has no lines.
fn caller_position(lua: &Lua) -> String {
    let found = lua.inspect_stack(level_beyond_prelude(lua, 1), |frame| {
        let line = frame.current_line()?;
        Some(format!("{}:{line}: ", frame.source().short_src?))
    });
    found.flatten().unwrap_or_default()
}

/// `level`, or the next that isn't the prelude's.
fn level_beyond_prelude(lua: &Lua, mut level: usize) -> usize {
    let mut in_prelude = false;
    while let Some(found) = frame(lua, level) {
        in_prelude = found.place.source == PRELUDE_SOURCE || (in_prelude && found.is_tail);
        if !in_prelude {
            break;
        }
        level += 1;
    }
    level
}

/// Where an error was raised, as the reply names it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Place {
    pub(super) source: String,
    /// -1 where there are no lines.
    pub(super) line: i64,
}

/// The place of the error that is being handled: the running function is the handler, the next raised it. A function
/// that isn't a script's own is passed over in favour of the one that called it.
pub(super) fn raising_place(lua: &Lua) -> Option<Place> {
    let mut level = 1;
    if frame(lua, level)?.is_foreign {
        level += 1;
    }
    frame(lua, level_beyond_prelude(lua, level)).map(|found| found.place)
}

struct Frame {
    place: Place,
    is_foreign: bool,
    is_tail: bool,
}

fn frame(lua: &Lua, level: usize) -> Option<Frame> {
    lua.inspect_stack(level, |frame| {
        let source = frame.source();
        let line = frame.current_line().and_then(|line| i64::try_from(line).ok()).unwrap_or(-1);
        Frame {
            place: Place { source: source.source.map(|text| text.into_owned()).unwrap_or_default(), line },
            is_foreign: source.what == "C",
            is_tail: source.what == "tail",
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_get_a_code_where_they_have_none() {
        let text = |text: &[u8]| String::from_utf8(ReplyError::new(text).text).expect("ASCII");
        assert_eq!(text(b"-WRONGTYPE Operation\r\n"), "WRONGTYPE Operation");
        assert_eq!(text(b"no code here"), "ERR no code here");
        assert_eq!(text(b"-LONELY"), "ERR LONELY");
        assert_eq!(text(b"-"), "ERR ");
        assert_eq!(text(b""), "ERR ");
    }
}
