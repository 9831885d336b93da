//! Replies as redis-cli words them: for people (`1) "a"`), raw for pipes, and as JSON for programs. Pure.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use redis::{ServerError, Value};
use serde_json::{Value as Json, json};

/// How a reply is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// With types, quotes and numbers, for people.
    Formatted,
    /// The bytes alone.
    Raw,
}

impl Form {
    /// How a command's reply is shown at a terminal: some are texts of many lines, made for people as they are.
    pub fn of(command: &[Vec<u8>]) -> Self {
        let words: Vec<String> = command.iter().map(|word| String::from_utf8_lossy(word).to_lowercase()).collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["info" | "lolwut", ..]
            | ["memory", "malloc-stats" | "doctor", ..]
            | ["cluster", "nodes" | "info"]
            | ["client", "list" | "info", ..]
            | ["debug", "htstats" | "htstats-key", ..]
            | ["latency", "graph", _]
            | ["latency", "doctor"] => Form::Raw,
            _ => Form::Formatted,
        }
    }
}

/// A reply with the end of its last line.
pub fn shown(value: &Value, form: Form) -> Vec<u8> {
    let mut out = Vec::new();
    match form {
        Form::Formatted => formatted(value, "", &mut out),
        Form::Raw => {
            raw(value, &mut out);
            out.push(b'\n');
        }
    }
    out
}

fn formatted(value: &Value, prefix: &str, out: &mut Vec<u8>) {
    match value {
        Value::Nil => out.extend(b"(nil)"),
        Value::Int(number) => out.extend(format!("(integer) {number}").bytes()),
        Value::Okay => out.extend(b"OK"),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => out.extend(text.bytes()),
        Value::BulkString(bytes) => quote(bytes, out),
        Value::ServerError(error) => out.extend(format!("(error) {}", error_text(error)).bytes()),
        Value::Double(number) => out.extend(format!("(double) {number}").bytes()),
        Value::Boolean(value) => out.extend(format!("({value})").bytes()),
        Value::BigNumber(digits) => out.extend(digits),
        Value::Attribute { data, .. } => return formatted(data, prefix, out),
        Value::Array(items) => return listed(items, ')', "(empty array)", prefix, out),
        Value::Set(items) => return listed(items, '~', "(empty set)", prefix, out),
        Value::Push { data, .. } => return listed(data, ')', "(empty push)", prefix, out),
        Value::Map(pairs) => return mapped(pairs, prefix, out),
        // Kinds that come with later versions of the protocol's library.
        other => out.extend(format!("{other:?}").bytes()),
    }
    out.push(b'\n');
}

/// Items below each other, each after its number; those of an item stand below its first.
fn listed(items: &[Value], mark: char, empty: &str, prefix: &str, out: &mut Vec<u8>) {
    if items.is_empty() {
        out.extend(format!("{empty}\n").bytes());
    }
    let width = items.len().to_string().len();
    let inner = format!("{prefix}{}", " ".repeat(width + 2));
    for (index, item) in items.iter().enumerate() {
        // Whoever is around this list has already written the prefix of its first line.
        let before = if index == 0 { "" } else { prefix };
        out.extend(format!("{before}{:>width$}{mark} ", index + 1).bytes());
        formatted(item, &inner, out);
    }
}

fn mapped(pairs: &[(Value, Value)], prefix: &str, out: &mut Vec<u8>) {
    if pairs.is_empty() {
        out.extend(b"(empty hash)\n");
    }
    let width = pairs.len().to_string().len();
    let inner = format!("{prefix}{}", " ".repeat(width + 2));
    for (index, (key, value)) in pairs.iter().enumerate() {
        let before = if index == 0 { "" } else { prefix };
        out.extend(format!("{before}{:>width$}# ", index + 1).bytes());
        formatted(key, &inner, out);
        // The value stands on the key's line.
        out.pop();
        out.extend(b" => ");
        formatted(value, &inner, out);
    }
}

fn raw(value: &Value, out: &mut Vec<u8>) {
    let mut lines = |items: &mut dyn Iterator<Item = &Value>| {
        for (index, item) in items.enumerate() {
            if index > 0 {
                out.push(b'\n');
            }
            raw(item, out);
        }
    };
    match value {
        Value::Array(items) | Value::Set(items) | Value::Push { data: items, .. } => lines(&mut items.iter()),
        Value::Map(pairs) => {
            for (index, (key, value)) in pairs.iter().enumerate() {
                if index > 0 {
                    out.push(b'\n');
                }
                raw(key, out);
                out.push(b' ');
                raw(value, out);
            }
        }
        Value::Attribute { data, .. } => raw(data, out),
        Value::Nil => {}
        Value::Int(number) => out.extend(number.to_string().bytes()),
        Value::Okay => out.extend(b"OK"),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => out.extend(text.bytes()),
        Value::BulkString(bytes) | Value::BigNumber(bytes) => out.extend(bytes),
        // redis-cli sets an error off from what follows.
        Value::ServerError(error) => out.extend(format!("{}\n", error_text(error)).bytes()),
        Value::Double(number) => out.extend(number.to_string().bytes()),
        Value::Boolean(value) => out.extend(format!("({value})").bytes()),
        other => out.extend(format!("{other:?}").bytes()),
    }
}

/// An error as the node wrote it.
fn error_text(error: &ServerError) -> String {
    match error.details() {
        Some(details) => format!("{} {details}", error.code()),
        None => error.code().to_owned(),
    }
}

/// Bytes in quotes, with escapes for what can't be seen.
fn quote(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in bytes {
        match byte {
            b'\\' | b'"' => out.extend([b'\\', *byte]),
            b'\n' => out.extend(br"\n"),
            b'\r' => out.extend(br"\r"),
            b'\t' => out.extend(br"\t"),
            7 => out.extend(br"\a"),
            8 => out.extend(br"\b"),
            b' '..=b'~' => out.push(*byte),
            other => out.extend(format!("\\x{other:02x}").bytes()),
        }
    }
    out.push(b'"');
}

/// A reply for programs. What is no text is an object with `base64`, and an error one with `error`.
pub fn json(value: &Value) -> Json {
    let all = |items: &[Value]| items.iter().map(json).collect();
    match value {
        Value::Nil => Json::Null,
        Value::Int(number) => (*number).into(),
        Value::Okay => "OK".into(),
        Value::SimpleString(text) | Value::VerbatimString { text, .. } => text.as_str().into(),
        Value::BulkString(bytes) | Value::BigNumber(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => text.into(),
            Err(_) => json!({ "base64": STANDARD.encode(bytes) }),
        },
        Value::ServerError(error) => json!({ "error": error_text(error) }),
        Value::Double(number) => (*number).into(),
        Value::Boolean(value) => (*value).into(),
        Value::Attribute { data, .. } => json(data),
        Value::Array(items) | Value::Set(items) | Value::Push { data: items, .. } => Json::Array(all(items)),
        // In JSON only texts can be keys.
        Value::Map(pairs) => pairs.iter().map(|(key, value)| json!([json(key), json(value)])).collect(),
        other => format!("{other:?}").into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    fn reply(text: &str) -> Value {
        redis::parse_redis_value(text.as_bytes()).unwrap()
    }

    fn text(bytes: &[u8]) -> String {
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    /// What `EVAL "return {1,{'a',{2,'b'}},false,redis.error_reply('ERR x'),{},'é\"\\n'}" 0` answers.
    const NESTED: &str = "*6\r\n:1\r\n*2\r\n$1\r\na\r\n*2\r\n:2\r\n$1\r\nb\r\n$-1\r\n-ERR x\r\n*0\r\n$4\r\né\"\n\r\n";

    #[test]
    fn people_see_types_and_numbers() {
        let value = reply(NESTED);
        expect![[r#"
            1) (integer) 1
            2) 1) "a"
               2) 1) (integer) 2
                  2) "b"
            3) (nil)
            4) (error) ERR x
            5) (empty array)
            6) "\xc3\xa9\"\n"
        "#]]
        .assert_eq(&text(&shown(&value, Form::Formatted)));
        let many = Value::Array((0..10).map(|_| Value::Array(vec![Value::Okay, Value::Nil])).collect());
        let lines = text(&shown(&many, Form::Formatted));
        assert!(lines.starts_with(" 1) 1) OK\n    2) (nil)\n 2) 1) OK\n    2) (nil)\n"), "{lines}");
        assert!(lines.ends_with("\n10) 1) OK\n    2) (nil)\n"), "{lines}");
    }

    #[test]
    fn pipes_get_the_bytes() {
        expect![[r#"
            1
            a
            2
            b

            ERR x


            é"

        "#]]
        .assert_eq(&text(&shown(&reply(NESTED), Form::Raw)));
        assert_eq!(shown(&reply("-ERR unknown command 'FOO'\r\n"), Form::Raw), b"ERR unknown command 'FOO'\n\n");
        assert_eq!(shown(&reply("$-1\r\n"), Form::Raw), b"\n");
        assert_eq!(shown(&reply("+PONG\r\n"), Form::Raw), b"PONG\n");
    }

    #[test]
    fn the_third_protocol_has_maps() {
        let value = reply("%2\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n*2\r\n:1\r\n#t\r\n");
        expect![[r#"
            1# "a" => (integer) 1
            2# "b" => 1) (integer) 1
               2) (true)
        "#]]
        .assert_eq(&text(&shown(&value, Form::Formatted)));
        assert_eq!(json(&value).to_string(), r#"[["a",1],["b",[1,true]]]"#);
    }

    #[test]
    fn programs_get_json() {
        let out = json(&reply(NESTED)).to_string();
        assert_eq!(out, r#"[1,["a",[2,"b"]],null,{"error":"ERR x"},[],"é\"\n"]"#);
        assert_eq!(json(&Value::BulkString(vec![255])).to_string(), r#"{"base64":"/w=="}"#);
    }

    #[test]
    fn texts_for_people_are_shown_as_they_are() {
        let form = |words: &[&str]| Form::of(&words.iter().map(|word| word.as_bytes().to_vec()).collect::<Vec<_>>());
        assert_eq!(form(&["CLUSTER", "nodes"]), Form::Raw);
        assert_eq!(form(&["info"]), Form::Raw);
        assert_eq!(form(&["CLUSTER", "SLOTS"]), Form::Formatted);
        assert_eq!(form(&["GET", "info"]), Form::Formatted);
    }
}
