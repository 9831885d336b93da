//! Which arguments hold secrets, which no log may show.

use super::arguments::is;
use crate::engine::config::change::secrets;

/// The places of secrets among a command's arguments; `command` is its full name.
pub fn redacted(command: &str, arguments: &[&[u8]]) -> Vec<usize> {
    let rest = |first: usize| (first..arguments.len()).collect();
    match command {
        "auth" => rest(1),
        "acl|setuser" => rest(2),
        "config|set" => {
            let pairs = arguments.get(2..).unwrap_or_default();
            secrets(pairs).into_iter().map(|place| place + 2).collect()
        }
        "hello" => after_word(arguments, 2, "AUTH", 2),
        "migrate" => {
            let mut places = after_word(arguments, 6, "AUTH", 1);
            places.extend(after_word(arguments, 6, "AUTH2", 2));
            places
        }
        _ => Vec::new(),
    }
}

/// The places of the `count` arguments behind each `word`, from `first` on.
fn after_word(arguments: &[&[u8]], first: usize, word: &str, count: usize) -> Vec<usize> {
    let places = (first..arguments.len()).filter(|place| is(arguments[*place], word));
    places.flat_map(|place| place + 1..(place + 1 + count).min(arguments.len())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_found_where_they_are() {
        assert_eq!(redacted("auth", &[b"auth", b"user", b"password"]), [1, 2]);
        assert_eq!(redacted("hello", &[b"hello", b"3", b"auth", b"user", b"password", b"setname", b"x"]), [3, 4]);
        assert_eq!(redacted("config|set", &[b"config", b"set", b"port", b"1", b"masterauth", b"x"]), [5]);
        assert_eq!(redacted("acl|setuser", &[b"acl", b"setuser", b"alice", b"on"]), [2, 3]);
        let migrate: [&[u8]; 9] = [b"migrate", b"h", b"1", b"k", b"0", b"10", b"copy", b"auth", b"secret"];
        assert_eq!(redacted("migrate", &migrate), [8]);
        assert!(redacted("get", &[b"get", b"auth"]).is_empty());
    }
}
