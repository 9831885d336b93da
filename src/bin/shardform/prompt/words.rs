//! Lines as redis-cli reads them: quotes, escapes, and which lines hold secrets. Pure.

/// Commands after which a connection no longer answers one reply a command.
const NOT_HERE: &str = "this prompt has no subscriptions and no MONITOR: install redis-cli for them";

/// Splits a line into words of bytes. `None` where a quote is open, or is followed by more of the same word.
pub fn split(line: &str) -> Option<Vec<Vec<u8>>> {
    let mut rest = line.as_bytes();
    let mut words = Vec::new();
    loop {
        rest = rest.trim_ascii_start();
        if rest.is_empty() {
            return Some(words);
        }
        let mut word = Vec::new();
        while let Some((first, more)) = rest.split_first() {
            rest = match first {
                b'"' => quoted(double(more, &mut word)?)?,
                b'\'' => quoted(single(more, &mut word)?)?,
                byte if byte.is_ascii_whitespace() => break,
                byte => {
                    word.push(*byte);
                    more
                }
            };
        }
        words.push(word);
    }
}

/// After a closing quote a word has to end.
fn quoted(rest: &[u8]) -> Option<&[u8]> {
    rest.first().is_none_or(u8::is_ascii_whitespace).then_some(rest)
}

/// The inside of double quotes, with escapes; what follows the closing one.
fn double<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        rest = match rest {
            [b'"', more @ ..] => return Some(more),
            [b'\\', b'x', high, low, more @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                let digits = [*high, *low];
                word.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
                more
            }
            [b'\\', escaped, more @ ..] => {
                word.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 8,
                    b'a' => 7,
                    other => *other,
                });
                more
            }
            [byte, more @ ..] => {
                word.push(*byte);
                more
            }
            [] => return None,
        };
    }
}

/// The inside of single quotes, where only a quote can be escaped.
fn single<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Option<&'a [u8]> {
    loop {
        rest = match rest {
            [b'\'', more @ ..] => return Some(more),
            [b'\\', b'\'', more @ ..] => {
                word.push(b'\'');
                more
            }
            [byte, more @ ..] => {
                word.push(*byte);
                more
            }
            [] => return None,
        };
    }
}

/// Why a command can't be asked here, if it can't.
pub fn refusal(command: &[Vec<u8>]) -> Option<&'static str> {
    let first = command.first()?.to_ascii_lowercase();
    let streams: [&[u8]; 6] = [b"subscribe", b"psubscribe", b"ssubscribe", b"monitor", b"sync", b"psync"];
    streams.contains(&first.as_slice()).then_some(NOT_HERE)
}

/// Whether a line may hold a secret, and so must not be kept. What can't be split is judged by its first word.
pub fn is_sensitive(line: &str) -> bool {
    let words: Vec<String> = match split(line) {
        Some(words) => words.iter().map(|word| String::from_utf8_lossy(word).to_lowercase()).collect(),
        None => line.split_whitespace().map(str::to_lowercase).collect(),
    };
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["auth", ..] | ["acl", "setuser", ..] => true,
        ["config", "set", pairs @ ..] => pairs.iter().any(|word| {
            matches!(
                *word,
                "masterauth" | "masteruser" | "requirepass" | "tls-key-file-pass" | "tls-client-key-file-pass"
            )
        }),
        ["hello" | "migrate", rest @ ..] => rest.iter().any(|word| matches!(*word, "auth" | "auth2")),
        ["sentinel", "set" | "config", ..] => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Option<Vec<String>> {
        let all = split(line)?;
        Some(all.iter().map(|word| word.escape_ascii().to_string()).collect())
    }

    #[test]
    fn quotes_and_escapes_are_redis_clis() {
        let some = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        assert_eq!(words("  SET  a\tb "), some(&["SET", "a", "b"]));
        assert_eq!(words(r#"SET a "hello\n\x41\xff \"x\" \q""#), some(&["SET", "a", r#"hello\nA\xff \"x\" q"#]));
        assert_eq!(words(r"SET 'it\'s' 'a\nb' ''"), some(&["SET", r"it\'s", r"a\\nb", ""]));
        assert_eq!(words(r#"a"b c""#), some(&["ab c"]));
        assert_eq!(words(r#""\xZZ""#), some(&["xZZ"]));
        assert_eq!(words(""), some(&[]));
        for open in ["\"", "'", "\"a", "'a\\'", "\"a\\", "\"a\"b", "'a'b"] {
            assert_eq!(words(open), None, "{open}");
        }
    }

    #[test]
    fn secrets_are_not_kept() {
        for secret in [
            "AUTH x",
            "  auth user \"x y\"",
            "'AUTH' x",
            "auth \"open",
            "HELLO 3 AUTH default x",
            "CONFIG SET maxmemory 1 requirepass x",
            "MIGRATE h 1 k 0 10 AUTH2 u x",
            "acl setuser a >x",
        ] {
            assert!(is_sensitive(secret), "{secret}");
        }
        for plain in ["SET auth x", "HELLO 3", "CONFIG SET maxmemory 1", "CONFIG GET requirepass", "", "acl list"] {
            assert!(!is_sensitive(plain), "{plain}");
        }
    }

    #[test]
    fn what_streams_is_refused() {
        assert!(refusal(&[b"Monitor".to_vec()]).is_some());
        assert!(refusal(&[b"GET".to_vec(), b"monitor".to_vec()]).is_none());
        assert!(refusal(&[]).is_none());
    }
}
