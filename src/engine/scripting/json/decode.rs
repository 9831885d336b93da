//! JSON to Lua values.

use mlua::{Lua, Table, Value};

use super::super::errors::raise;
use super::super::number::read_prefix;
use super::Settings;

/// Texts nested deeper than this are refused whatever the settings say: the stack ends somewhere.
const DEEPEST_TEXT: i32 = 2600;

/// The value that `json` describes.
pub(super) fn decode(lua: &Lua, settings: &Settings, json: &[u8]) -> mlua::Result<Value> {
    if json.len() >= 2 && json.iter().take(2).any(|byte| *byte == 0) {
        return Err(raise(lua, "JSON parser does not support UTF-16 or UTF-32"));
    }
    let mut parser = Parser { lua, settings, json, position: 0, depth: 0 };
    let token = parser.next();
    let value = parser.value(token)?;
    match parser.next() {
        Found { token: Token::End, .. } => Ok(value),
        found => Err(parser.unexpected("the end", &found)),
    }
}

#[derive(Debug, PartialEq)]
enum Token {
    ObjectBegin,
    ObjectEnd,
    ArrayBegin,
    ArrayEnd,
    Text(Vec<u8>),
    Number(f64),
    Boolean(bool),
    Null,
    Colon,
    Comma,
    End,
    Invalid(&'static str),
}

impl Token {
    /// The name that errors give it.
    fn name(&self) -> &'static str {
        match self {
            Token::ObjectBegin => "T_OBJ_BEGIN",
            Token::ObjectEnd => "T_OBJ_END",
            Token::ArrayBegin => "T_ARR_BEGIN",
            Token::ArrayEnd => "T_ARR_END",
            Token::Text(_) => "T_STRING",
            Token::Number(_) => "T_NUMBER",
            Token::Boolean(_) => "T_BOOLEAN",
            Token::Null => "T_NULL",
            Token::Colon => "T_COLON",
            Token::Comma => "T_COMMA",
            Token::End => "T_END",
            Token::Invalid(reason) => reason,
        }
    }
}

/// A token and where it starts, from 0.
struct Found {
    token: Token,
    at: usize,
}

struct Parser<'a> {
    lua: &'a Lua,
    settings: &'a Settings,
    json: &'a [u8],
    position: usize,
    depth: i32,
}

impl Parser<'_> {
    /// The byte `ahead` of the position; 0 at the end, which no JSON contains.
    fn peek(&self, ahead: usize) -> u8 {
        self.json.get(self.position + ahead).copied().unwrap_or(0)
    }

    fn unexpected(&self, expected: &str, found: &Found) -> mlua::Error {
        let text = format!("Expected {expected} but found {} at character {}", found.token.name(), found.at + 1);
        raise(self.lua, text)
    }

    fn next(&mut self) -> Found {
        while matches!(self.peek(0), b' ' | b'\t' | b'\n' | b'\r') {
            self.position += 1;
        }
        let at = self.position;
        let single = match self.peek(0) {
            b'{' => Token::ObjectBegin,
            b'}' => Token::ObjectEnd,
            b'[' => Token::ArrayBegin,
            b']' => Token::ArrayEnd,
            b',' => Token::Comma,
            b':' => Token::Colon,
            0 => return Found { token: Token::End, at },
            _ => return self.longer(at),
        };
        self.position += 1;
        Found { token: single, at }
    }

    /// A token of several characters that starts at the position.
    fn longer(&mut self, at: usize) -> Found {
        let allows_invalid = self.settings.decode_invalid.get() != 0;
        let token = match self.peek(0) {
            b'"' => match self.text() {
                Ok(text) => Token::Text(text),
                Err(reason) => return Found { token: Token::Invalid(reason), at: self.position },
            },
            b'-' | b'0'..=b'9' if !allows_invalid && self.is_invalid_number() => Token::Invalid("invalid number"),
            b'-' | b'0'..=b'9' => self.number(),
            b't' if self.eat(b"true") => Token::Boolean(true),
            b'f' if self.eat(b"false") => Token::Boolean(false),
            b'n' if self.eat(b"null") => Token::Null,
            b'i' | b'I' | b'n' | b'N' | b'+' if allows_invalid && self.is_invalid_number() => self.number(),
            _ => Token::Invalid("invalid token"),
        };
        Found { token, at }
    }

    fn eat(&mut self, word: &[u8]) -> bool {
        let found = self.json.get(self.position..).is_some_and(|rest| rest.starts_with(word));
        if found {
            self.position += word.len();
        }
        found
    }

    fn number(&mut self) -> Token {
        match self.json.get(self.position..).and_then(read_prefix) {
            Some((number, length)) => {
                self.position += length;
                Token::Number(number)
            }
            None => Token::Invalid("invalid number"),
        }
    }

    /// Whether what starts here is a number to C but not to JSON.
    fn is_invalid_number(&self) -> bool {
        let sign = usize::from(self.peek(0) == b'-');
        match (self.peek(0), self.peek(sign)) {
            (b'+', _) => true,
            (_, b'0') => matches!(self.peek(sign + 1), b'x' | b'X' | b'0'..=b'9'),
            (_, first) if first <= b'9' => false,
            _ => {
                let word = [self.peek(sign), self.peek(sign + 1), self.peek(sign + 2)];
                word.eq_ignore_ascii_case(b"inf") || word.eq_ignore_ascii_case(b"nan")
            }
        }
    }

    /// The text in quotes that starts here. An error leaves the position where it is.
    fn text(&mut self) -> Result<Vec<u8>, &'static str> {
        self.position += 1;
        let mut text = Vec::new();
        loop {
            let rest = self.json.get(self.position..).unwrap_or_default();
            let plain = rest.iter().take_while(|byte| !matches!(byte, b'"' | b'\\' | 0)).count();
            text.extend_from_slice(rest.get(..plain).unwrap_or_default());
            self.position += plain;
            match self.peek(0) {
                b'"' => break,
                b'\\' => self.escape(&mut text)?,
                _ => return Err("unexpected end of string"),
            }
        }
        self.position += 1;
        Ok(text)
    }

    fn escape(&mut self, text: &mut Vec<u8>) -> Result<(), &'static str> {
        let byte = match self.peek(1) {
            byte @ (b'"' | b'\\' | b'/') => byte,
            b'b' => 8,
            b't' => b'\t',
            b'n' => b'\n',
            b'f' => 12,
            b'r' => b'\r',
            b'u' => {
                let (code, length) = self.code_point().ok_or("invalid unicode escape code")?;
                append_code_point(text, code);
                self.position += length;
                return Ok(());
            }
            _ => return Err("invalid escape code"),
        };
        text.push(byte);
        self.position += 2;
        Ok(())
    }

    /// The code point that the escape (or the pair of them) here stands for, and how long it is.
    fn code_point(&self) -> Option<(u32, usize)> {
        let code = self.hexadecimal(2)?;
        if code & 0xf800 != 0xd800 {
            return Some((code, 6));
        }
        if code & 0x400 != 0 || self.peek(6) != b'\\' || self.peek(7) != b'u' {
            return None;
        }
        let low = self.hexadecimal(8)?;
        (low & 0xfc00 == 0xdc00).then_some(((((code & 0x3ff) << 10) | (low & 0x3ff)) + 0x1_0000, 12))
    }

    fn hexadecimal(&self, ahead: usize) -> Option<u32> {
        (ahead..ahead + 4).try_fold(0, |code, ahead| Some(code * 16 + char::from(self.peek(ahead)).to_digit(16)?))
    }

    fn value(&mut self, found: Found) -> mlua::Result<Value> {
        Ok(match found.token {
            Token::Text(text) => Value::String(self.lua.create_string(text)?),
            Token::Number(number) => Value::Number(number),
            Token::Boolean(truth) => Value::Boolean(truth),
            Token::Null => Value::NULL,
            Token::ObjectBegin => Value::Table(self.object()?),
            Token::ArrayBegin => Value::Table(self.array()?),
            _ => return Err(self.unexpected("value", &found)),
        })
    }

    fn descend(&mut self) -> mlua::Result<()> {
        self.depth += 1;
        if self.depth > self.settings.decode_depth.get().min(DEEPEST_TEXT) {
            let (depth, position) = (self.depth, self.position);
            let text = format!("Found too many nested data structures ({depth}) at character {position}");
            return Err(raise(self.lua, text));
        }
        Ok(())
    }

    fn object(&mut self) -> mlua::Result<Table> {
        self.descend()?;
        let table = self.lua.create_table()?;
        let mut found = self.next();
        while found.token != Token::ObjectEnd {
            let Token::Text(key) = &found.token else { return Err(self.unexpected("object key string", &found)) };
            let key = self.lua.create_string(key)?;
            let colon = self.next();
            if colon.token != Token::Colon {
                return Err(self.unexpected("colon", &colon));
            }
            let token = self.next();
            let value = self.value(token)?;
            table.raw_set(key, value)?;
            found = self.next();
            match found.token {
                Token::ObjectEnd => {}
                Token::Comma => {
                    found = self.next();
                    if found.token == Token::ObjectEnd {
                        return Err(self.unexpected("object key string", &found));
                    }
                }
                _ => return Err(self.unexpected("comma or object end", &found)),
            }
        }
        self.depth -= 1;
        Ok(table)
    }

    fn array(&mut self) -> mlua::Result<Table> {
        self.descend()?;
        let table = self.lua.create_table()?;
        let mut found = self.next();
        let mut index = 0_i64;
        while found.token != Token::ArrayEnd || index > 0 {
            let value = self.value(found)?;
            index += 1;
            table.raw_set(index, value)?;
            let after = self.next();
            match after.token {
                Token::ArrayEnd => break,
                Token::Comma => found = self.next(),
                _ => return Err(self.unexpected("comma or array end", &after)),
            }
        }
        self.depth -= 1;
        Ok(table)
    }
}

/// Appends `code` in UTF-8; a lone half of a pair never gets here.
fn append_code_point(text: &mut Vec<u8>, code: u32) {
    let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
    text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}
