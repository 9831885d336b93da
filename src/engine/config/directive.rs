//! What a directive is: a row with a name, a kind that reads and shows its value, and the place where the value lives.
//! Knows no directive by name; the rows are in [`super::table`].

use super::files::Files;
use super::settings::Config;
use super::words::{format_memory, quote};
use crate::engine::data::numbers::{parse_integer, parse_memory};

/// One directive of redis.conf.
pub struct Directive {
    /// Its name, in lower case.
    pub name: &'static str,
    /// An older name for the same.
    pub alias: Option<&'static str>,
    /// How its value is read, checked and shown.
    pub kind: Kind,
    /// The value that holds when nothing is said, as it is written.
    pub default: &'static str,
    /// Where the value lives.
    pub place: Place,
    /// Checks that the kind does not make; an error gives the reason.
    pub check: Option<Check>,
    /// Cannot be changed at run time.
    pub immutable: bool,
    /// Its value is a secret: no log shows it.
    pub sensitive: bool,
    /// Several arguments, or one that holds several.
    pub several: bool,
    /// CONFIG GET shows it only by its full name.
    pub hidden: bool,
    /// CONFIG SET needs `enable-protected-configs`.
    pub protected: bool,
    /// CONFIG SET refuses it while a snapshot is loaded.
    pub not_while_loading: bool,
    /// How far the engine honours it.
    pub support: Support,
    /// What must be told of a change besides the field.
    pub applied: Option<Applied>,
}

/// How far the engine honours a directive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// As Redis does.
    Honoured,
    /// Any value is accepted and none has an effect; the text says why that is harmless.
    Ignored(&'static str),
    /// Only the default is accepted; the text says what is missing.
    OnlyDefault(&'static str),
}

/// What a change means for the engine beyond the field that changed: what it must do for the new value to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// Listen at another port, or fail with "Unable to listen on this port. Check server logs."
    Port,
    /// Listen at other addresses, or fail with "Failed to bind to specified addresses."
    Bind,
    /// Make room for more clients.
    MaxClients,
    /// Evict, if there is too much.
    MaxMemory,
    /// Close clients, if they take too much.
    ClientMemory,
    /// The default user's password.
    RequirePass,
    /// Resize the replication backlog.
    BacklogSize,
    /// Count good replicas again.
    GoodReplicas,
    /// Set the timer again.
    TimerFrequency,
    /// Log more or less.
    LogLevel,
    /// Write the process's OOM score.
    OomScore,
    /// This node's flags in the cluster.
    ClusterFlags,
    /// This node's ports in the cluster.
    ClusterPorts,
    /// This node's address in the cluster.
    ClusterIp,
    /// This node's host name in the cluster.
    ClusterHostname,
    /// Anything else the cluster decides by.
    ClusterSettings,
}

/// A value of any kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `yes` or `no`.
    Flag(bool),
    /// A number; a percentage is negative.
    Number(i128),
    /// One of a few words.
    Word(&'static str),
    /// Text.
    Text(Vec<u8>),
}

/// How a number is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Digits.
    Plain,
    /// With a unit of memory.
    Memory,
    /// With a unit of memory, or `%`.
    MemoryOrPercent,
    /// Octal.
    Octal,
}

/// How a value is read, checked and shown.
pub enum Kind {
    /// `yes` or `no`.
    YesNo,
    /// Any text; where empty means none, a rewritten file leaves it out.
    Text {
        /// Empty means none.
        empty_is_none: bool,
    },
    /// One of these words.
    Word(&'static [&'static str]),
    /// A number within bounds, both included.
    Number {
        /// The least.
        low: i128,
        /// The most.
        high: i128,
        /// How it is written.
        unit: Unit,
    },
    /// A kind of its own.
    Special(Special),
}

/// A check of a value that its kind does not make; an error gives the reason.
pub type Check = fn(&Value) -> Result<(), String>;
/// Reads arguments into the configuration; an error gives the reason.
pub type SetSpecial = fn(&mut Config, &[Vec<u8>], &mut dyn Files) -> Result<(), String>;

/// A line of a rewritten file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// What it says.
    pub text: Vec<u8>,
    /// It must be there even if the directive was not there before, since it says something else than the default.
    pub forced: bool,
}

impl Line {
    /// A line, and whether it must be there.
    pub fn new(text: impl Into<Vec<u8>>, forced: bool) -> Self {
        Self { text: text.into(), forced }
    }
}

/// A directive that reads and shows itself.
pub struct Special {
    /// Reads the arguments into the configuration; an error gives the reason and leaves it as it was.
    pub set: SetSpecial,
    /// The value on one line.
    pub show: fn(&Config) -> Vec<u8>,
    /// The lines of a rewritten file, after the name.
    pub lines: fn(&Config) -> Vec<Line>,
}

/// Where a value lives.
pub enum Place {
    /// In a field.
    Field {
        /// Reads it.
        get: fn(&Config) -> Value,
        /// Writes it; a value of another kind than it returned leaves it alone.
        set: fn(&mut Config, Value),
    },
    /// Among the values that are only remembered, so that they are shown as they were given.
    Remembered,
}

impl Directive {
    /// Reads arguments into the configuration. `Ok(true)` if the value is another one now.
    pub fn set(&self, config: &mut Config, arguments: &[Vec<u8>], files: &mut dyn Files) -> Result<bool, String> {
        if let Kind::Special(special) = &self.kind {
            let before = (special.show)(config);
            (special.set)(config, arguments, files)?;
            return Ok((special.show)(config) != before);
        }
        let [text] = arguments else {
            return Err(match &self.kind {
                Kind::Word(words) => word_error(words),
                _ => String::from("wrong number of arguments"),
            });
        };
        let value = self.parse(text)?;
        if let Support::OnlyDefault(reason) = self.support
            && self.parse(self.default.as_bytes())? != value
        {
            return Err(format!("only '{}' is supported: {reason}", self.default));
        }
        let changed = self.value(config) != value;
        match &self.place {
            Place::Field { set, .. } => set(config, value),
            Place::Remembered if self.parse(self.default.as_bytes())? == value => {
                config.remembered.remove(self.name);
            }
            Place::Remembered => {
                config.remembered.insert(self.name, value);
            }
        }
        Ok(changed)
    }

    /// The value as CONFIG GET shows it.
    pub fn show(&self, config: &Config) -> Vec<u8> {
        match &self.kind {
            Kind::Special(special) => (special.show)(config),
            kind => kind.show(&self.value(config)),
        }
    }

    /// The lines of a rewritten file, name included.
    pub fn lines(&self, config: &Config) -> Vec<Line> {
        let named = |value: &[u8]| [self.name.as_bytes(), b" ", value].concat();
        if let Kind::Special(special) = &self.kind {
            return (special.lines)(config).iter().map(|line| Line::new(named(&line.text), line.forced)).collect();
        }
        let value = self.value(config);
        let written = match (&self.kind, &value) {
            (Kind::Text { empty_is_none: true }, Value::Text(text)) if text.is_empty() => return Vec::new(),
            (_, Value::Text(text)) => quote(text),
            (Kind::Number { unit: Unit::Memory | Unit::MemoryOrPercent, .. }, Value::Number(bytes @ 0..)) => {
                format_memory(*bytes).into_bytes()
            }
            (kind, value) => kind.show(value),
        };
        vec![Line::new(named(&written), self.parse(self.default.as_bytes()).as_ref() != Ok(&value))]
    }

    /// Whether the value is the default one.
    pub fn is_default(&self, config: &Config) -> bool {
        match &self.kind {
            Kind::Special(special) => (special.show)(config) == self.default.as_bytes(),
            _ => self.parse(self.default.as_bytes()).is_ok_and(|default| default == self.value(config)),
        }
    }

    fn value(&self, config: &Config) -> Value {
        match &self.place {
            Place::Field { get, .. } => get(config),
            Place::Remembered => match config.remembered.get(self.name) {
                Some(value) => value.clone(),
                None => self.parse(self.default.as_bytes()).unwrap_or(Value::Text(Vec::new())),
            },
        }
    }

    fn parse(&self, text: &[u8]) -> Result<Value, String> {
        let value = match &self.kind {
            Kind::YesNo => parse_flag(text)?,
            Kind::Text { .. } => Value::Text(text.to_vec()),
            Kind::Word(words) => parse_word(words, text)?,
            Kind::Number { low, high, unit } => Value::Number(parse_number(text, *low, *high, *unit)?),
            Kind::Special(_) => return Err(String::from("not a single value")),
        };
        if let Some(check) = self.check {
            check(&value)?;
        }
        Ok(value)
    }
}

impl Kind {
    fn show(&self, value: &Value) -> Vec<u8> {
        match value {
            Value::Flag(flag) => (if *flag { "yes" } else { "no" }).into(),
            Value::Word(word) => (*word).into(),
            Value::Text(text) => text.clone(),
            Value::Number(number) => match self {
                Self::Number { unit: Unit::MemoryOrPercent, .. } if *number < 0 => format!("{}%", -number).into(),
                Self::Number { unit: Unit::Octal, .. } => format!("{number:o}").into(),
                _ => number.to_string().into(),
            },
        }
    }
}

fn parse_flag(text: &[u8]) -> Result<Value, String> {
    match text.to_ascii_lowercase().as_slice() {
        b"yes" => Ok(Value::Flag(true)),
        b"no" => Ok(Value::Flag(false)),
        _ => Err(String::from("argument must be 'yes' or 'no'")),
    }
}

fn parse_word(words: &[&'static str], text: &[u8]) -> Result<Value, String> {
    let word = words.iter().find(|word| word.as_bytes().eq_ignore_ascii_case(text));
    word.map(|word| Value::Word(word)).ok_or_else(|| word_error(words))
}

/// What is said where a word is not among those that are understood.
pub fn word_error(words: &[&str]) -> String {
    format!("argument(s) must be one of the following: {}", words.join(", "))
}

fn parse_number(text: &[u8], low: i128, high: i128, unit: Unit) -> Result<i128, String> {
    let number = match unit {
        Unit::Plain => parse_integer(text).map(i128::from),
        Unit::Memory => parse_memory(text).map(i128::from),
        Unit::MemoryOrPercent => parse_memory(text).map(i128::from).or_else(|| parse_percent(text)),
        Unit::Octal => std::str::from_utf8(text).ok().and_then(|text| i128::from_str_radix(text, 8).ok()),
    };
    let number = number.ok_or(match unit {
        Unit::Plain => "argument couldn't be parsed into an integer",
        Unit::Memory => "argument must be a memory value",
        Unit::MemoryOrPercent => "argument must be a memory or percent value",
        Unit::Octal => "argument couldn't be parsed as an octal number",
    })?;
    match unit {
        _ if (low..=high).contains(&number) => Ok(number),
        Unit::MemoryOrPercent if number < 0 => Err(format!("percentage argument must be less or equal to {}", -low)),
        Unit::Octal => Err(format!("argument must be between {low:o} and {high:o} inclusive")),
        _ => Err(format!("argument must be between {low} and {high} inclusive")),
    }
}

/// A percentage is kept as a negative number, to tell it from bytes.
fn parse_percent(text: &[u8]) -> Option<i128> {
    let percent = parse_integer(text.strip_suffix(b"%")?)?;
    (percent >= 0).then_some(-i128::from(percent))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_bounds() {
        assert_eq!(parse_number(b"65535", 0, 65535, Unit::Plain), Ok(65535));
        assert_eq!(
            parse_number(b"65536", 0, 65535, Unit::Plain),
            Err("argument must be between 0 and 65535 inclusive".into())
        );
        assert_eq!(
            parse_number(b"1k", 0, 65535, Unit::Plain),
            Err("argument couldn't be parsed into an integer".into())
        );
        assert_eq!(parse_number(b"1k", 0, 65535, Unit::Memory), Ok(1000));
        assert_eq!(parse_number(b"-1", 0, 65535, Unit::Memory), Err("argument must be a memory value".into()));
        assert_eq!(parse_number(b"700", 0, 0o777, Unit::Octal), Ok(0o700));
        assert_eq!(
            parse_number(b"1000", 0, 0o777, Unit::Octal),
            Err("argument must be between 0 and 777 inclusive".into())
        );
    }

    #[test]
    fn percentages_are_negative() {
        assert_eq!(parse_number(b"50%", -100, 1 << 40, Unit::MemoryOrPercent), Ok(-50));
        assert_eq!(
            parse_number(b"200%", -100, 1 << 40, Unit::MemoryOrPercent),
            Err("percentage argument must be less or equal to 100".into())
        );
        assert_eq!(
            parse_number(b"-5", -100, 1 << 40, Unit::MemoryOrPercent),
            Err("argument must be a memory or percent value".into())
        );
    }

    #[test]
    fn words_are_named_where_none_matches() {
        assert_eq!(parse_word(&["no", "yes"], b"YES"), Ok(Value::Word("yes")));
        assert_eq!(
            parse_word(&["no", "yes"], b"maybe"),
            Err("argument(s) must be one of the following: no, yes".into())
        );
    }
}
