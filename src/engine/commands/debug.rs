//! DEBUG: what tests ask of a server. What would crash it, and what is of another allocator or of the append-only file,
//! is refused by name.

use super::arguments::{integer, is};
use super::command::{Command, Flags};
use super::digest;
use super::error::{Error, Outcome};
use super::help::help;
use crate::engine::data::dict::TableStats;
use crate::engine::data::glob;
use crate::engine::keyspace::value::Value;
use crate::engine::log::LogLevel;
use crate::engine::rdb;
use crate::engine::state::Engine;

/// The commands of this file.
pub const COMMANDS: &[Command] = &[Command::new("debug", -2, debug)
    .flags(Flags::ADMIN.and(Flags::NOSCRIPT).and(Flags::LOADING).and(Flags::STALE).and(Flags::PROTECTED))
    .about("server", "1.0.0", "Does what tests need.")];

/// A subcommand: its name, how many arguments there may be with both names, and what does it.
type Row = (&'static str, std::ops::RangeInclusive<usize>, super::command::Execute);

const MANY: usize = usize::MAX;
const ROWS: &[Row] = &[
    ("change-repl-id", 2..=2, accept),
    ("config-rewrite-force-all", 2..=2, rewrite_config),
    ("digest", 2..=2, digest_all),
    ("digest-value", 2..=MANY, digest_values),
    ("error", 3..=3, error),
    ("help", 2..=2, show_help),
    ("htstats", 3..=3, table_statistics),
    ("htstats-key", 3..=3, key_statistics),
    ("listpack", 3..=3, listpack),
    ("log", 3..=3, log),
    ("object", 3..=3, object),
    ("pause-cron", 3..=3, accept),
    ("populate", 3..=5, populate),
    ("protocol", 3..=3, protocol),
    ("quicklist", 3..=4, listpack),
    ("quicklist-packed-threshold", 3..=3, accept),
    ("reload", 2..=5, reload),
    ("replicate", 3..=MANY, replicate),
    ("replybuffer", 4..=4, accept),
    ("dict-resizing", 3..=3, accept),
    ("sdslen", 3..=3, lengths),
    ("set-active-expire", 3..=3, set_active_expire),
    ("set-disable-deny-scripts", 3..=3, set_deny_scripts),
    ("set-skip-checksum-validation", 3..=3, accept),
    ("sleep", 3..=3, sleep),
    ("stringmatch-len", 4..=4, match_long),
    ("structsize", 2..=2, struct_sizes),
];

fn debug(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let name = String::from_utf8_lossy(arguments[1]).to_lowercase();
    let row = ROWS.iter().find(|(known, counts, _)| *known == name && counts.contains(&arguments.len()));
    if let Some((_, _, execute)) = row {
        return execute(engine, arguments);
    }
    Err(match name.as_str() {
        "segfault" | "panic" | "assert" | "oom" | "restart" | "crash-and-recover" | "leak" => {
            Error::worded(format!("ERR DEBUG {} is refused by this engine: it would do harm", name.to_uppercase()))
        }
        "loadaof" | "aof-flush-sleep" => Error::fixed("ERR This engine keeps no append-only file"),
        "jmap" | "mallctl" | "mallctl-str" => Error::fixed("ERR This engine has another allocator"),
        _ => {
            let shown = String::from_utf8_lossy(arguments[1]);
            let text = format!("ERR unknown subcommand or wrong number of arguments for '{shown}'. Try DEBUG HELP.");
            Error::worded(text)
        }
    })
}

/// Tests set what is not there to set, and go on.
fn accept(engine: &mut Engine, _: &[&[u8]]) -> Outcome {
    engine.reply.ok();
    Ok(())
}

/// Scripts may ask every command, or not those that are not for scripts.
fn set_deny_scripts(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    engine.allow_noscript = arguments[2] != b"0";
    engine.reply.ok();
    Ok(())
}

fn rewrite_config(engine: &mut Engine, _: &[&[u8]]) -> Outcome {
    engine.rewrite_config(true)?;
    engine.reply.ok();
    Ok(())
}

fn digest_all(engine: &mut Engine, _: &[&[u8]]) -> Outcome {
    let digest = digest::of_all(&engine.keyspace).text();
    engine.reply.status(&digest);
    Ok(())
}

fn digest_values(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let keys = &arguments[2..];
    engine.reply.array(keys.len());
    for key in keys {
        let digest = digest::of_key(engine.keyspace.database(), key).text();
        engine.reply.status(&digest);
    }
    Ok(())
}

fn error(_: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let text: String = arguments[2].iter().map(|byte| char::from(*byte)).collect();
    Err(Error::worded(text.replace(['\r', '\n'], " ")))
}

fn log(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let line = format!("DEBUG LOG: {}", String::from_utf8_lossy(arguments[2]));
    engine.outside.host.log(LogLevel::Warning, &line);
    engine.reply.ok();
    Ok(())
}

fn set_active_expire(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    engine.active_expire = arguments[2] != b"0";
    engine.reply.ok();
    Ok(())
}

fn sleep(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let seconds = std::str::from_utf8(arguments[2]).ok().and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a float is cut to what fits")]
    engine.outside.host.sleep((seconds * 1e6) as u64);
    engine.reply.ok();
    Ok(())
}

fn replicate(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    engine.propagation.instead(&arguments[2..]);
    engine.reply.ok();
    Ok(())
}

/// How long something of C would be has no meaning here; tests ask whether the words are there.
fn lengths(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let key = arguments[2];
    let value = engine.keyspace.peek(key).map(|entry| (entry.value.string_length(), entry.value.heap_bytes(0)));
    let (length, heap) = value.ok_or(Error::NO_SUCH_KEY)?;
    let length = length.ok_or(Error::fixed("ERR Not an sds encoded string."))?;
    let text = format!(
        "key_sds_len:{}, key_sds_avail:0, key_zmalloc: {}, val_sds_len:{length}, val_sds_avail:0, val_zmalloc: {heap}",
        key.len(),
        key.len()
    );
    engine.reply.status(&text);
    Ok(())
}

fn struct_sizes(engine: &mut Engine, _: &[&[u8]]) -> Outcome {
    use crate::engine::keyspace::entry::Entry;
    engine.reply.status(&format!("bits:64 entry:{} value:{}", size_of::<Entry>(), size_of::<Value>()));
    Ok(())
}

fn match_long(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let length = usize::try_from(integer(arguments[2])?).map_err(|_| Error::NOT_POSITIVE)?;
    let text = vec![b'a'; length.min(1 << 26)];
    engine.reply.flag(glob::matches(arguments[3], &text));
    Ok(())
}

fn object(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let database = engine.keyspace.database();
    let index = database.find(arguments[2]).ok_or(Error::NO_SUCH_KEY)?;
    let entry = database.at(index);
    let serialized = rdb::lend(&entry.value, |value| rdb::dump(value, engine.config.snapshot.compression)).len();
    // Behind the type, a payload ends with a version and a checksum.
    let serialized = serialized.saturating_sub(11);
    let idle = engine.keyspace.clock.idle_seconds(entry.clock());
    let mut text = format!(
        "Value at:0x{:012x} refcount:1 encoding:{} serializedlength:{serialized} lru:{} lru_seconds_idle:{idle}",
        u64::from(index) * 64,
        entry.value.encoding(),
        entry.clock()
    );
    if let Value::List(list) = &entry.value {
        #[expect(clippy::cast_precision_loss, reason = "two decimals are shown")]
        let mean = list.len() as f64 / list.nodes().len().max(1) as f64;
        let (nodes, most) = (list.nodes().len(), engine.config.collections.list_max_listpack_size);
        text += &format!(
            " ql_nodes:{nodes} ql_avg_node:{mean:.2} ql_listpack_max:{most} ql_compressed:0 ql_uncompressed_size:{}",
            list.heap_bytes()
        );
    }
    engine.reply.status(&text);
    Ok(())
}

/// Tests ask for it and look at nothing: redis-server prints it where nobody sees.
fn listpack(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let database = engine.keyspace.database();
    let index = database.find(arguments[2]).ok_or(Error::NO_SUCH_KEY)?;
    let value = &database.at(index).value;
    let wanted = if is(arguments[1], "LISTPACK") { "listpack" } else { "quicklist" };
    if value.encoding() != wanted {
        let text = format!("ERR Not a {wanted} encoded object.");
        return Err(Error::worded(text));
    }
    engine.reply.status(if wanted == "listpack" {
        "Listpack structure printed on stdout"
    } else {
        "Quicklist structure printed on stdout"
    });
    Ok(())
}

fn populate(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let positive = |argument: &[u8]| usize::try_from(integer(argument)?).map_err(|_| Error::NOT_POSITIVE);
    let count = positive(arguments[2])?;
    let prefix = arguments.get(3).copied().unwrap_or(b"key");
    let size = arguments.get(4).map(|size| positive(size)).transpose()?.unwrap_or(0);
    for number in 0..count {
        let key = [prefix, b":", number.to_string().as_bytes()].concat();
        if engine.keyspace.exists(&key) {
            continue;
        }
        let mut value = format!("value:{number}").into_bytes();
        if size > 0 {
            value.resize(size, 0);
        }
        engine.keyspace.set(&key, Value::string(&value), false);
        engine.keyspace.signal(&key);
    }
    engine.reply.ok();
    Ok(())
}

fn reload(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let has = |word: &str| arguments[2..].iter().any(|argument| is(argument, word));
    let known = |argument: &&[u8]| ["MERGE", "NOFLUSH", "NOSAVE"].iter().any(|word| is(argument, word));
    if !arguments[2..].iter().all(known) {
        return Err(Error::fixed("ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options."));
    }
    if !has("NOSAVE") {
        engine.save().map_err(|reason| Error::worded(format!("ERR {reason}")))?;
    }
    let path = format!("{}/{}", engine.config.general.dir, engine.config.snapshot.dbfilename);
    let failed = Error::fixed("ERR Error trying to load the RDB dump, check server logs.");
    let mut snapshot = engine.outside.host.files().read(&path).map_err(|_| failed.clone())?;
    if !has("NOFLUSH") {
        engine.keyspace.flush(None);
    }
    if let Err(error) = engine.load_snapshot(|| std::mem::take(&mut snapshot)) {
        engine.outside.host.log(LogLevel::Warning, &format!("Error trying to load the RDB dump: {error}"));
        return Err(failed);
    }
    engine.reply.ok();
    Ok(())
}

fn table_statistics(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let number = integer(arguments[2])?;
    let databases = engine.keyspace.databases();
    let database = usize::try_from(number).ok().and_then(|number| databases.get(number));
    let database = database.ok_or(Error::fixed("ERR Out of range database"))?;
    let (main, target) = database.entries().stats();
    let mut text = String::from("[Dictionary HT]\n");
    describe(&mut text, 0, &main);
    if let Some(target) = target {
        describe(&mut text, 1, &target);
    }
    text += &format!("[Expires HT]\n number of elements: {}\n", database.expires().len());
    engine.reply.verbatim("txt", &text);
    Ok(())
}

fn key_statistics(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let database = engine.keyspace.database();
    let index = database.find(arguments[2]).ok_or(Error::NO_SUCH_KEY)?;
    let stats = match &database.at(index).value {
        Value::Hash(hash) => hash.table_stats(),
        Value::Set(set) => set.table_stats(),
        _ => None,
    };
    let (main, target) = stats
        .ok_or(Error::fixed("ERR The value stored at the specified key is not represented using an hash table"))?;
    let mut text = String::new();
    describe(&mut text, 0, &main);
    if let Some(target) = target {
        describe(&mut text, 1, &target);
    }
    engine.reply.verbatim("txt", &text);
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "two decimals are shown")]
fn describe(text: &mut String, number: usize, stats: &TableStats) {
    let name = if number == 0 { "main hash table" } else { "rehashing target" };
    *text += &format!("Hash table {number} stats ({name}):\n");
    if stats.items == 0 {
        *text += "No stats available for empty dictionaries\n";
        return;
    }
    let mean = stats.items as f64 / stats.used_buckets.max(1) as f64;
    *text += &format!(
        " table size: {}\n number of elements: {}\n different slots: {}\n max chain length: {}\n \
         avg chain length (counted): {mean:.2}\n avg chain length (computed): {mean:.2}\n Chain length distribution:\n",
        stats.buckets, stats.items, stats.used_buckets, stats.longest_chain
    );
    for (length, count) in stats.chain_lengths.iter().enumerate().filter(|(_, count)| **count > 0) {
        let percent = *count as f64 * 100.0 / stats.buckets.max(1) as f64;
        *text += &format!("   {length}: {count} ({percent:.2}%)\n");
    }
}

fn protocol(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    // A script's version may be another than its client's.
    let resp3 = engine.reply.is_resp3();
    let reply = &mut engine.reply;
    match arguments[2].to_ascii_lowercase().as_slice() {
        b"string" => reply.text("Hello World"),
        b"integer" => reply.integer(12345),
        #[expect(clippy::approx_constant, reason = "what DEBUG PROTOCOL answers, and no approximation")]
        b"double" => reply.double(3.141),
        b"bignum" if resp3 => reply.raw(b"(1234567999999999999999999999999999999\r\n"),
        b"bignum" => reply.text("1234567999999999999999999999999999999"),
        b"null" => reply.null(),
        b"array" => {
            reply.array(3);
            (0..3).for_each(|number| reply.integer(number));
        }
        b"set" => {
            reply.set(3);
            (0..3).for_each(|number| reply.integer(number));
        }
        b"map" => {
            reply.map(3);
            for number in 0..3 {
                reply.integer(number);
                reply.boolean(number == 1);
            }
        }
        b"attrib" => {
            if resp3 {
                reply.raw(b"|1\r\n$14\r\nkey-popularity\r\n*2\r\n$7\r\nkey:123\r\n:90\r\n");
            }
            reply.text("Some real reply following the attribute");
        }
        b"push" if !resp3 => return Err(Error::fixed("ERR RESP2 is not supported by this command")),
        b"push" => {
            reply.push(2);
            reply.text("server-cpu-usage");
            reply.integer(42);
            reply.text("Some real reply following the push reply");
        }
        b"verbatim" => reply.verbatim("txt", "This is a verbatim\nstring"),
        b"true" => reply.boolean(true),
        b"false" => reply.boolean(false),
        _ => {
            return Err(Error::fixed(
                "ERR Wrong protocol type name. Please use one of the following: \
                 string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false",
            ));
        }
    }
    Ok(())
}

fn show_help(engine: &mut Engine, arguments: &[&[u8]]) -> Outcome {
    let lines = [
        ("CONFIG-REWRITE-FORCE-ALL", "Writes all directives to the configuration file, also those at their defaults."),
        ("DIGEST", "Shows a fingerprint of all keys and values."),
        ("DIGEST-VALUE <key> [<key> ...]", "Shows fingerprints of values."),
        ("ERROR <string>", "Answers with this error."),
        ("HTSTATS <dbid>", "Shows how a database's table is filled."),
        ("HTSTATS-KEY <key>", "Shows how a value's table is filled."),
        ("LOG <message>", "Writes a line to the log."),
        ("OBJECT <key>", "Shows how a value is kept."),
        ("POPULATE <count> [<prefix>] [<size>]", "Makes up keys."),
        ("PROTOCOL <type>", "Answers with a reply of this type."),
        ("RELOAD [MERGE] [NOFLUSH] [NOSAVE]", "Writes a snapshot and reads it again."),
        ("REPLICATE <command> [<arg> ...]", "Tells replicas a command that is not carried out."),
        ("SET-ACTIVE-EXPIRE <0|1>", "Says whether expired keys are looked for."),
        ("SLEEP <seconds>", "Does nothing for a while."),
        ("STRINGMATCH-LEN <length> <pattern>", "Matches a pattern with a text of this length."),
    ];
    help(engine, arguments, &lines)
}

impl Engine {
    /// Whether a command that must be switched on is.
    ///
    /// # Errors
    /// It is not, for this client.
    pub fn check_protected(&self, command: &Command) -> Result<(), Error> {
        if self.config.access.enable_debug_command.permits(self.client.is_local()) {
            return Ok(());
        }
        let name = command.name.to_uppercase();
        Err(Error::worded(format!(
            "ERR {name} command not allowed. If the enable-{}-command option is set to \"local\", you can run it from a \
             local connection, otherwise you need to set this option in the configuration file, and then restart the \
             server.",
            command.name
        )))
    }
}
