//! CONFIG GET and CONFIG SET: what can be asked of a configuration, and changed, while the engine runs. Does nothing
//! with a change itself but go to another working folder: it tells what must be applied.

use thiserror::Error;

use super::directive::{Applied, Directive};
use super::files::Files;
use super::settings::Config;
use super::table::{DIRECTIVES, find};
use crate::engine::data::glob;

/// Who asks for a change, and when.
#[derive(Clone, Copy, Debug, Default)]
pub struct Circumstances {
    /// The client is of this host, or of the Unix socket.
    pub local_client: bool,
    /// A snapshot is being loaded.
    pub loading: bool,
}

/// A change that was made and is still to be applied.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// What to apply, each once, in the order asked for, with the directive that an error is to name.
    pub effects: Vec<(&'static str, Applied)>,
    /// What was configured before: if an effect fails, [`Change::roll_back`] puts it back.
    before: Box<Config>,
}

/// Why nothing was changed. The words are those of the error reply, without `ERR` where they begin with none.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Refusal {
    /// Names and values are not pairs.
    #[error("ERR syntax error")]
    Syntax,
    /// No directive has this name.
    #[error("ERR Unknown option or number of arguments for CONFIG SET - '{0}'")]
    Unknown(String),
    /// The value, the directive or the moment is wrong.
    #[error("ERR CONFIG SET failed (possibly related to argument '{name}') - {reason}")]
    Failed {
        /// The directive.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// A snapshot is being loaded.
    #[error("LOADING Redis is loading the dataset in memory")]
    Loading,
}

/// Names and values of the directives that patterns match, each once. A name without wildcards finds hidden
/// directives too, and is given back as it was asked for.
pub fn get(config: &Config, patterns: &[&[u8]]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut found: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
    let mut add = |name: &[u8], directive: &Directive| {
        if !found.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
            found.push((name.to_vec(), directive.show(config)));
        }
    };
    for pattern in patterns {
        if !pattern.iter().any(|byte| matches!(byte, b'*' | b'?' | b'[')) {
            if let Some(directive) = find(pattern) {
                add(pattern, directive);
            }
            continue;
        }
        for directive in DIRECTIVES.iter().filter(|directive| !directive.hidden) {
            let names = [Some(directive.name), directive.alias].into_iter().flatten();
            for name in names.filter(|name| glob::matches_ignoring_case(pattern, name.as_bytes())) {
                add(name.as_bytes(), directive);
            }
        }
    }
    found
}

/// Which of the arguments (names and values) hold secrets, which no log may show.
pub fn secrets(arguments: &[&[u8]]) -> Vec<usize> {
    let (pairs, _) = arguments.as_chunks::<2>();
    let sensitive = |(index, [name, _]): (usize, &[&[u8]; 2])| find(name)?.sensitive.then_some(index * 2 + 1);
    pairs.iter().enumerate().filter_map(sensitive).collect()
}

/// Sets several directives at once: all of them, or none.
pub fn set(
    config: &mut Config,
    arguments: &[&[u8]],
    circumstances: Circumstances,
    files: &mut dyn Files,
) -> Result<Change, Refusal> {
    let (pairs, odd) = arguments.as_chunks::<2>();
    if !odd.is_empty() || pairs.is_empty() {
        return Err(Refusal::Syntax);
    }
    let directives = permitted(config, pairs, circumstances)?;
    let mut change = Change { effects: Vec::new(), before: Box::new(config.clone()) };
    for (directive, [_, value]) in directives.into_iter().zip(pairs) {
        match directive.set(config, &split_value(directive, value), files) {
            Ok(changed) => change.note(directive, changed),
            Err(reason) => {
                change.roll_back(config, files);
                return Err(Refusal::Failed { name: directive.name.to_owned(), reason });
            }
        }
    }
    Ok(change)
}

impl Change {
    fn note(&mut self, directive: &Directive, changed: bool) {
        if let Some(applied) = directive.applied
            && changed
            && !self.effects.iter().any(|(_, known)| *known == applied)
        {
            self.effects.push((directive.name, applied));
        }
    }

    /// Puts back what was configured before. What was applied already is to be applied again.
    pub fn roll_back(self, config: &mut Config, files: &mut dyn Files) {
        if config.general.dir != self.before.general.dir {
            // It was the working folder a moment ago; if it is gone, there is none to go back to.
            let _ = files.enter(&self.before.general.dir);
        }
        *config = *self.before;
    }
}

/// The directives that the names stand for, if all may be set now. The last unknown name counts for nothing, and
/// being unknown counts before anything else that comes after it.
fn permitted(
    config: &Config,
    pairs: &[[&[u8]; 2]],
    circumstances: Circumstances,
) -> Result<Vec<&'static Directive>, Refusal> {
    let mut directives: Vec<&'static Directive> = Vec::with_capacity(pairs.len());
    let mut refusal = None;
    for [name, _] in pairs {
        let shown = || String::from_utf8_lossy(name).into_owned();
        let failed = |reason: &str| Refusal::Failed { name: shown(), reason: reason.to_owned() };
        let refused = match find(name) {
            // An unknown name is told even after another fault.
            None if !matches!(refusal, Some(Refusal::Unknown(_) | Refusal::Loading)) => {
                refusal = Some(Refusal::Unknown(shown()));
                continue;
            }
            None => continue,
            Some(directive) if directive.immutable => failed("can't set immutable config"),
            Some(directive)
                if directive.protected
                    && !config.access.enable_protected_configs.permits(circumstances.local_client) =>
            {
                failed("can't set protected config")
            }
            Some(directive) if directive.not_while_loading && circumstances.loading => Refusal::Loading,
            Some(directive) if directives.iter().any(|known| known.name == directive.name) => {
                failed("duplicate parameter")
            }
            Some(directive) => {
                directives.push(directive);
                continue;
            }
        };
        refusal.get_or_insert(refused);
    }
    refusal.map_or(Ok(directives), Err)
}

/// A directive with several arguments takes them apart at each single blank.
fn split_value(directive: &Directive, value: &[u8]) -> Vec<Vec<u8>> {
    match directive.several {
        true if value.is_empty() => Vec::new(),
        true => value.split(|&byte| byte == b' ').map(<[u8]>::to_vec).collect(),
        false => vec![value.to_vec()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::config::choices::Allowed;
    use crate::engine::config::files::NoFiles;

    fn set_in(config: &mut Config, arguments: &[&str]) -> Result<Change, String> {
        let arguments: Vec<&[u8]> = arguments.iter().map(|argument| argument.as_bytes()).collect();
        set(config, &arguments, Circumstances::default(), &mut NoFiles).map_err(|refusal| refusal.to_string())
    }

    fn refusal(arguments: &[&str]) -> String {
        let mut config = Config::new();
        let refusal = set_in(&mut config, arguments).unwrap_err();
        assert_eq!(config, Config::new(), "a refused change leaves everything as it was");
        refusal
    }

    fn names(patterns: &[&str]) -> Vec<String> {
        let patterns: Vec<&[u8]> = patterns.iter().map(|pattern| pattern.as_bytes()).collect();
        let found = get(&Config::new(), &patterns);
        found.into_iter().map(|(name, _)| String::from_utf8(name).unwrap()).collect()
    }

    #[test]
    fn several_are_set_at_once() {
        let mut config = Config::new();
        let change =
            set_in(&mut config, &["maxmemory", "10000001", "save", "3000 5", "min-slaves-max-lag", "3"]).unwrap();
        assert_eq!(
            change.effects,
            [("maxmemory", Applied::MaxMemory), ("min-replicas-max-lag", Applied::GoodReplicas)]
        );
        assert_eq!(get(&config, &[b"save"]), [(b"save".to_vec(), b"3000 5".to_vec())]);
        change.roll_back(&mut config, &mut NoFiles);
        assert_eq!(config, Config::new());
    }

    #[test]
    fn what_does_not_change_is_not_applied() {
        let change = set_in(&mut Config::new(), &["port", "6379", "hz", "10"]).unwrap();
        assert_eq!(change.effects, []);
    }

    #[test]
    fn refusals_are_worded_as_redis_words_them() {
        for (arguments, words) in [
            (&["maxmemory"][..], "ERR syntax error"),
            (&["foo", "1"], "ERR Unknown option or number of arguments for CONFIG SET - 'foo'"),
            (
                &["maxmemory", "1", "maxmemory-clients", "200%", "client-query-buffer-limit", "x"],
                "ERR CONFIG SET failed (possibly related to argument 'maxmemory-clients') - \
                 percentage argument must be less or equal to 100",
            ),
            (
                &["maxmemory", "1", "MaxMemory", "2"],
                "ERR CONFIG SET failed (possibly related to argument 'MaxMemory') - duplicate parameter",
            ),
            (
                &["daemonize", "yes"],
                "ERR CONFIG SET failed (possibly related to argument 'daemonize') - can't set immutable config",
            ),
            (
                &["dir", "/tmp"],
                "ERR CONFIG SET failed (possibly related to argument 'dir') - can't set protected config",
            ),
            (&["daemonize", "yes", "foo", "1"], "ERR Unknown option or number of arguments for CONFIG SET - 'foo'"),
        ] {
            assert_eq!(refusal(arguments), words);
        }
    }

    #[test]
    fn protected_directives_can_be_permitted() {
        let mut config = Config::new();
        config.access.enable_protected_configs = Allowed::Local;
        let local = Circumstances { local_client: true, loading: false };
        assert!(set(&mut config, &[b"dir", b"/tmp"], Circumstances::default(), &mut NoFiles).is_err());
        assert!(set(&mut config, &[b"dir", b"/tmp"], local, &mut NoFiles).is_ok());
        let loading = Circumstances { loading: true, ..local };
        assert_eq!(set(&mut config, &[b"dir", b"/"], loading, &mut NoFiles), Err(Refusal::Loading));
    }

    #[test]
    fn patterns_find_names_and_aliases_once() {
        assert_eq!(names(&["slave-priority", "*-priority"]), ["slave-priority", "replica-priority"]);
        assert_eq!(names(&["maxmemory", "maxmemory-*"]).len(), 5);
        assert_eq!(names(&["key-load-delay"]), ["key-load-delay"]);
        assert_eq!(names(&["key-load*", "nothing"]), [""; 0]);
        assert!(!names(&["*"]).contains(&"tls-port".to_owned()));
    }

    #[test]
    fn everything_shown_can_be_set_again() {
        let mut config = Config::new();
        for (name, value) in get(&config.clone(), &[b"*"]) {
            let directive = find(&name).unwrap();
            if !directive.immutable && !directive.protected {
                let change = set(&mut config, &[&name, &value], Circumstances::default(), &mut NoFiles);
                assert_eq!(change.map(|change| change.effects), Ok(vec![]), "{}", directive.name);
            }
        }
        assert_eq!(get(&config, &[b"*"]), get(&Config::new(), &[b"*"]));
    }

    #[test]
    fn secrets_are_found() {
        assert_eq!(secrets(&[b"requirepass", b"x", b"port", b"1", b"MASTERAUTH", b"y"]), [1, 5]);
    }
}
