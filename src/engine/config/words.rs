//! The words of redis.conf: how a line splits into arguments, how a string is quoted so that it splits back, and how
//! amounts of memory and numbers are spelt. Knows nothing of directives.

/// Splits a line at blanks; `"…"` takes escapes (`\n \r \t \b \a \xHH`, any other character stands for itself), `'…'`
/// only `\'`. `None` where quotes are not closed, or where a closing quote is followed by anything but a blank.
pub fn split_arguments(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut rest = line.split(|&byte| byte == 0).next().unwrap_or_default();
    let mut arguments = Vec::new();
    loop {
        rest = skip_blanks(rest);
        if rest.is_empty() {
            return Some(arguments);
        }
        let (argument, left) = take_argument(rest)?;
        arguments.push(argument);
        rest = left;
    }
}

/// C's isspace, which is what ends and separates arguments.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | 0x0b | 0x0c | b'\r')
}

fn skip_blanks(text: &[u8]) -> &[u8] {
    let blanks = text.iter().take_while(|&&byte| is_blank(byte)).count();
    text.get(blanks..).unwrap_or_default()
}

/// One argument from the start of `text`, and what is left. A quote may open in the middle of a word (`a"b c"`).
fn take_argument(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut argument = Vec::new();
    let mut rest = text;
    while let [first, left @ ..] = rest {
        match first {
            b' ' | b'\n' | b'\r' | b'\t' => return Some((argument, left)),
            b'"' => return end_quoted(argument, take_double_quoted(left)?),
            b'\'' => return end_quoted(argument, take_single_quoted(left)?),
            byte => argument.push(*byte),
        }
        rest = left;
    }
    Some((argument, rest))
}

/// A closing quote ends the argument, and only a blank or the end may follow it.
fn end_quoted(mut argument: Vec<u8>, (quoted, rest): (Vec<u8>, &[u8])) -> Option<(Vec<u8>, &[u8])> {
    argument.extend_from_slice(&quoted);
    rest.first().is_none_or(|&byte| is_blank(byte)).then_some((argument, rest))
}

fn take_double_quoted(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut quoted = Vec::new();
    let mut rest = text;
    loop {
        rest = match rest {
            [b'"', left @ ..] => return Some((quoted, left)),
            [b'\\', b'x', high, low, left @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                quoted.push(hex_value(*high) << 4 | hex_value(*low));
                left
            }
            [b'\\', escaped, left @ ..] => {
                quoted.push(unescape(*escaped));
                left
            }
            [byte, left @ ..] => {
                quoted.push(*byte);
                left
            }
            [] => return None,
        };
    }
}

fn take_single_quoted(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut quoted = Vec::new();
    let mut rest = text;
    loop {
        rest = match rest {
            [b'\'', left @ ..] => return Some((quoted, left)),
            [b'\\', b'\'', left @ ..] => {
                quoted.push(b'\'');
                left
            }
            [byte, left @ ..] => {
                quoted.push(*byte);
                left
            }
            [] => return None,
        };
    }
}

fn unescape(byte: u8) -> u8 {
    match byte {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 0x08,
        b'a' => 0x07,
        other => other,
    }
}

fn hex_value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        b'A'..=b'F' => digit - b'A' + 10,
        _ => 0,
    }
}

/// Appends `text` in double quotes, so that [`split_arguments`] gives it back and a terminal can show it.
pub fn quote_into(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    for &byte in text {
        match byte {
            b'\\' | b'"' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x07 => out.extend_from_slice(b"\\a"),
            0x08 => out.extend_from_slice(b"\\b"),
            b' '..=b'~' => out.push(byte),
            other => out.extend_from_slice(format!("\\x{other:02x}").as_bytes()),
        }
    }
    out.push(b'"');
}

/// [`quote_into`] as a new string.
pub fn quote(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 2);
    quote_into(&mut out, text);
    out
}

/// An amount of memory in the largest unit that divides it.
pub fn format_memory(bytes: i128) -> String {
    for (unit, name) in [(1 << 30, "gb"), (1 << 20, "mb"), (1 << 10, "kb")] {
        if bytes != 0 && bytes % unit == 0 {
            return format!("{}{name}", bytes / unit);
        }
    }
    bytes.to_string()
}

/// A whole number as C's strtoll reads it: blanks and a sign before, nothing after, an empty text is zero, and what
/// does not fit becomes the nearest number that does.
pub fn parse_lenient_integer(text: &[u8]) -> Option<i64> {
    let text = skip_blanks(text);
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    if digits.is_empty() && !text.is_empty() {
        return None;
    }
    let mut value: i64 = 0;
    for digit in digits {
        let digit = i64::from(digit.is_ascii_digit().then(|| digit - b'0')?);
        value = value.saturating_mul(10);
        value = if negative { value.saturating_sub(digit) } else { value.saturating_add(digit) };
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(line: &str) -> Option<Vec<String>> {
        let arguments = split_arguments(line.as_bytes())?;
        Some(arguments.into_iter().map(|argument| String::from_utf8_lossy(&argument).into_owned()).collect())
    }

    #[test]
    fn splits_at_blanks_and_quotes() {
        assert_eq!(split("  port   6379\t"), Some(vec!["port".into(), "6379".into()]));
        assert_eq!(split("save \"\""), Some(vec!["save".into(), String::new()]));
        assert_eq!(split(r#"a "b \"c\" \x41\n" 'it\'s'"#).unwrap(), ["a", "b \"c\" A\n", "it's"]);
        assert_eq!(split("a\"b c\""), Some(vec!["ab c".into()]));
        assert_eq!(split(""), Some(vec![]));
    }

    #[test]
    fn refuses_unbalanced_quotes() {
        for line in ["a \"b", "a 'b", "\"a\"b", "'a'b", "\"a\\"] {
            assert_eq!(split(line), None, "{line}");
        }
    }

    #[test]
    fn what_is_quoted_splits_back() {
        let every_byte: Vec<u8> = (1..=255).collect();
        assert_eq!(split_arguments(&quote(&every_byte)), Some(vec![every_byte]));
        assert_eq!(quote(b"a\"\x01"), b"\"a\\\"\\x01\"");
    }

    #[test]
    fn memory_is_shown_in_the_largest_unit() {
        assert_eq!(format_memory(64 << 20), "64mb");
        assert_eq!(format_memory(1025), "1025");
        assert_eq!(format_memory(0), "0");
    }

    #[test]
    fn integers_are_as_c_reads_them() {
        assert_eq!(parse_lenient_integer(b" +7"), Some(7));
        assert_eq!(parse_lenient_integer(b""), Some(0));
        assert_eq!(parse_lenient_integer(b"7x"), None);
        assert_eq!(parse_lenient_integer(b"-"), None);
        assert_eq!(parse_lenient_integer(b"-99999999999999999999"), Some(i64::MIN));
    }
}
