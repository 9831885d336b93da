//! The value that a script returned as the reply to its client (RESP2 or RESP3).

use mlua::{LuaString, Table, Value};

use super::errors::{ReplyError, trim_line_ends, up_to_zero};
use super::number::{append_general, to_integer};

/// How deep maps and sets may nest. Arrays are bounded by Lua's own stack alone.
const DEEPEST_MAP: usize = 60;

/// Writes a returned value.
pub(super) struct Writer<'a> {
    pub(super) out: &'a mut Vec<u8>,
    /// The protocol version of the client, 2 or 3.
    pub(super) client_version: u8,
    /// The protocol version that the script chose, 2 or 3.
    pub(super) script_version: u8,
    /// The errors written so far, at any depth.
    pub(super) errors: Vec<ReplyError>,
}

/// An array that is being written.
struct OpenArray {
    table: Table,
    written: usize,
    /// Where its header is, and how many elements that promises.
    header: usize,
    promised: usize,
}

impl Writer<'_> {
    /// Writes `value`. Arrays nest as deep as a script can build them, so they are walked with a stack of our own.
    pub(super) fn value(&mut self, value: Value) {
        self.nested(value, 0);
    }

    fn nested(&mut self, value: Value, map_depth: usize) {
        let mut open: Vec<OpenArray> = Vec::new();
        let mut current = Some(value);
        loop {
            if let Some(value) = current.take() {
                open.extend(self.start(value, map_depth));
            }
            let Some(array) = open.last_mut() else { break };
            match array.table.raw_get::<Value>(array.written + 1) {
                Ok(Value::Nil) => {
                    if let Some(array) = open.pop() {
                        self.close(&array);
                    }
                }
                Ok(value) => {
                    array.written += 1;
                    current = Some(value);
                }
                Err(_) => {
                    array.written += 1;
                    let array = open.pop();
                    self.error(ReplyError::new(b"reached lua stack limit"));
                    array.iter().for_each(|array| self.close(array));
                }
            }
        }
    }

    /// Writes `value`, or the header of the array that it turns out to be.
    fn start(&mut self, value: Value, map_depth: usize) -> Option<OpenArray> {
        match value {
            Value::String(text) => self.bulk(&text.as_bytes()),
            Value::Boolean(truth) => self.boolean(truth),
            Value::Integer(integer) => self.integer(integer),
            Value::Number(number) => self.integer(to_integer(number)),
            Value::Table(table) => match self.special(&table, map_depth) {
                Ok(true) => {}
                Ok(false) => return Some(self.open(table)),
                Err(_) => self.error(ReplyError::new(b"reached lua stack limit")),
            },
            _ => self.null(),
        }
        None
    }

    fn open(&mut self, table: Table) -> OpenArray {
        let promised = table.raw_len();
        let header = self.out.len();
        self.header(b'*', promised);
        OpenArray { table, written: 0, header, promised }
    }

    /// Corrects the header where the length that Lua gave counts holes.
    fn close(&mut self, array: &OpenArray) {
        if array.written != array.promised {
            let body = self.out.split_off(array.header);
            self.header(b'*', array.written);
            let end = memchr::memchr(b'\n', &body).map_or(0, |end| end + 1);
            self.out.extend_from_slice(body.get(end..).unwrap_or_default());
        }
    }

    /// Writes a table that stands for something else than an array; false where it doesn't.
    fn special(&mut self, table: &Table, map_depth: usize) -> mlua::Result<bool> {
        if let Value::String(_) = table.raw_get::<Value>("err")? {
            let (text, counted) = ReplyError::from_table(table)?;
            let text = trim_line_ends(&text.unwrap_or_default()).to_vec();
            self.error(ReplyError { text, counted });
        } else if let Value::String(text) = table.raw_get::<Value>("ok")? {
            self.line(b'+', up_to_zero(&text.as_bytes()));
        } else if let number @ (Value::Integer(_) | Value::Number(_)) = table.raw_get::<Value>("double")? {
            self.double(number.as_number().unwrap_or_default());
        } else if let Value::String(text) = table.raw_get::<Value>("big_number")? {
            self.big_number(&text.as_bytes());
        } else if let Some((format, text)) = verbatim(table)? {
            self.verbatim(&format.as_bytes(), &text.as_bytes());
        } else if let Value::Table(map) = table.raw_get::<Value>("map")? {
            self.map(&map, map_depth)?;
        } else if let Value::Table(set) = table.raw_get::<Value>("set")? {
            self.set(&set, map_depth)?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn map(&mut self, map: &Table, depth: usize) -> mlua::Result<()> {
        let (body, entries) = self.entries(map, depth, true)?;
        if self.client_version == 3 {
            self.header(b'%', entries)
        } else {
            self.header(b'*', entries * 2)
        }
        self.out.extend_from_slice(&body);
        Ok(())
    }

    fn set(&mut self, set: &Table, depth: usize) -> mlua::Result<()> {
        let (body, entries) = self.entries(set, depth, false)?;
        self.header(if self.client_version == 3 { b'~' } else { b'*' }, entries);
        self.out.extend_from_slice(&body);
        Ok(())
    }

    /// The entries of `table` as written, and how many there are.
    fn entries(&mut self, table: &Table, depth: usize, with_values: bool) -> mlua::Result<(Vec<u8>, usize)> {
        if depth >= DEEPEST_MAP {
            return Err(mlua::Error::StackError);
        }
        let mut body = Vec::new();
        let mut inner = Writer { out: &mut body, errors: std::mem::take(&mut self.errors), ..*self };
        let mut entries = 0;
        let walked = table.for_each(|key: Value, value: Value| {
            inner.nested(key, depth + 1);
            if with_values {
                inner.nested(value, depth + 1);
            }
            entries += 1;
            Ok(())
        });
        self.errors = inner.errors;
        walked.map(|()| (body, entries))
    }

    /// Writes an error reply and notes it.
    pub(super) fn error(&mut self, error: ReplyError) {
        self.line(b'-', &error.text);
        self.errors.push(error);
    }

    fn null(&mut self) {
        self.out.extend_from_slice(if self.client_version == 3 { b"_\r\n" } else { b"$-1\r\n" });
    }

    fn boolean(&mut self, truth: bool) {
        match (self.script_version, self.client_version, truth) {
            (2, _, false) => self.null(),
            (2, _, true) => self.integer(1),
            (_, 3, _) => self.out.extend_from_slice(if truth { b"#t\r\n" } else { b"#f\r\n" }),
            _ => self.integer(i64::from(truth)),
        }
    }

    fn integer(&mut self, integer: i64) {
        self.out.push(b':');
        self.out.extend_from_slice(itoa::Buffer::new().format(integer).as_bytes());
        self.out.extend_from_slice(b"\r\n");
    }

    fn double(&mut self, number: f64) {
        let mut text = Vec::new();
        append_general(&mut text, number, 17);
        if self.client_version == 3 { self.line(b',', &text) } else { self.bulk(&text) }
    }

    fn big_number(&mut self, text: &[u8]) {
        let text = in_one_line(text);
        if self.client_version == 3 { self.line(b'(', &text) } else { self.bulk(&text) }
    }

    fn verbatim(&mut self, format: &[u8], text: &[u8]) {
        if self.client_version != 3 {
            return self.bulk(text);
        }
        let mut marked = [b' '; 4];
        marked[3] = b':';
        for (to, from) in marked.iter_mut().take(3).zip(up_to_zero(format)) {
            *to = *from;
        }
        self.header(b'=', text.len() + 4);
        self.out.extend_from_slice(&marked);
        self.out.extend_from_slice(text);
        self.out.extend_from_slice(b"\r\n");
    }

    fn header(&mut self, kind: u8, length: usize) {
        self.out.push(kind);
        self.out.extend_from_slice(itoa::Buffer::new().format(length).as_bytes());
        self.out.extend_from_slice(b"\r\n");
    }

    fn bulk(&mut self, text: &[u8]) {
        self.header(b'$', text.len());
        self.out.extend_from_slice(text);
        self.out.extend_from_slice(b"\r\n");
    }

    fn line(&mut self, kind: u8, text: &[u8]) {
        self.out.push(kind);
        self.out.extend_from_slice(&in_one_line(text));
        self.out.extend_from_slice(b"\r\n");
    }
}

/// The format and the text of a table that describes a verbatim string.
fn verbatim(table: &Table) -> mlua::Result<Option<(LuaString, LuaString)>> {
    let Value::Table(inner) = table.raw_get::<Value>("verbatim_string")? else { return Ok(None) };
    Ok(match (inner.raw_get("format")?, inner.raw_get("string")?) {
        (Value::String(format), Value::String(text)) => Some((format, text)),
        _ => None,
    })
}

/// `text` with a space for each line end.
fn in_one_line(text: &[u8]) -> std::borrow::Cow<'_, [u8]> {
    if memchr::memchr2(b'\r', b'\n', text).is_none() {
        return text.into();
    }
    text.iter().map(|byte| if matches!(byte, b'\r' | b'\n') { b' ' } else { *byte }).collect::<Vec<_>>().into()
}
