//! The first line of a script: `#!lua flags=no-writes,allow-stale`.

/// What a script declares about itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScriptFlags {
    /// There was a first line of that kind. Without one a script runs by older rules: its commands are judged one by one.
    pub declared: bool,
    /// It doesn't write (and so may run when memory is short).
    pub no_writes: bool,
    /// It may run when memory is short.
    pub allow_oom: bool,
    /// It may run on a replica that lost its primary.
    pub allow_stale: bool,
    /// It may not run in a cluster.
    pub no_cluster: bool,
    /// It may use keys of several slots.
    pub allow_cross_slot_keys: bool,
}

/// A first line as it was read.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Shebang {
    pub(super) flags: ScriptFlags,
    /// How much of the script it is, without the line's end (which stays, so that lines keep their numbers).
    pub(super) length: usize,
}

/// Reads the first line of `body`; the error is what to answer.
pub(super) fn read_shebang(body: &[u8]) -> Result<Shebang, String> {
    if !body.starts_with(b"#!") {
        return Ok(Shebang { flags: ScriptFlags::default(), length: 0 });
    }
    let length = memchr::memchr(b'\n', body).ok_or("Invalid script shebang")?;
    let line = body.get(..length).unwrap_or_default();
    let words = split_words(line).ok_or("Invalid engine in script shebang")?;
    let mut words = words.iter().map(|word| String::from_utf8_lossy(word));
    match words.next() {
        Some(engine) if engine == "#!lua" => {}
        Some(engine) => return Err(format!("Unexpected engine in script shebang: {engine}")),
        None => return Err("Invalid engine in script shebang".to_owned()),
    }
    let mut flags = ScriptFlags { declared: true, ..ScriptFlags::default() };
    for word in words {
        let Some(names) = word.strip_prefix("flags=") else {
            return Err(format!("Unknown lua shebang option: {word}"));
        };
        names.split(',').filter(|_| !names.is_empty()).try_for_each(|name| flags.declare(name))?;
    }
    Ok(Shebang { flags, length })
}

impl ScriptFlags {
    fn declare(&mut self, name: &str) -> Result<(), String> {
        let flag = match name {
            "no-writes" => &mut self.no_writes,
            "allow-oom" => &mut self.allow_oom,
            "allow-stale" => &mut self.allow_stale,
            "no-cluster" => &mut self.no_cluster,
            "allow-cross-slot-keys" => &mut self.allow_cross_slot_keys,
            other => return Err(format!("Unexpected flag in script shebang: {other}")),
        };
        *flag = true;
        Ok(())
    }
}

/// The words of `line`; quotes keep spaces together. None where a quote isn't closed.
fn split_words(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    let mut quote: Option<u8> = None;
    for &byte in line {
        match quote {
            Some(end) if byte == end => quote = None,
            Some(_) => word.get_or_insert_default().push(byte),
            None if byte == b'"' || byte == b'\'' => {
                quote = Some(byte);
                word.get_or_insert_default();
            }
            None if byte.is_ascii_whitespace() => words.extend(word.take()),
            None => word.get_or_insert_default().push(byte),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_without_a_first_line_declares_nothing() {
        let shebang = read_shebang(b"return 1").expect("fine");
        assert_eq!(shebang, Shebang { flags: ScriptFlags::default(), length: 0 });
    }

    #[test]
    fn flags_are_read() {
        let shebang = read_shebang(b"#!lua flags=no-writes,allow-stale\nreturn 1").expect("fine");
        assert_eq!(shebang.length, 33);
        assert!(shebang.flags.declared && shebang.flags.no_writes && shebang.flags.allow_stale);
        assert!(!shebang.flags.allow_oom);
        assert!(read_shebang(b"#!lua flags=\nreturn 1").expect("fine").flags.declared);
        assert!(read_shebang(b"#!lua \"flags=allow-oom\"\n").expect("fine").flags.allow_oom);
    }

    #[test]
    fn what_is_not_known_is_named() {
        let error = |body: &[u8]| read_shebang(body).expect_err("wrong");
        assert_eq!(error(b"#!lua"), "Invalid script shebang");
        assert_eq!(error(b"#!not-lua\n"), "Unexpected engine in script shebang: #!not-lua");
        assert_eq!(error(b"#!lua badger=data\n"), "Unknown lua shebang option: badger=data");
        assert_eq!(error(b"#!lua flags=allow-oom,what?\n"), "Unexpected flag in script shebang: what?");
        assert_eq!(error(b"#!lua \"flags\n"), "Invalid engine in script shebang");
    }
}
