//! What INFO says, as values. Pure.

use std::collections::BTreeMap;

/// The fields of an INFO answer by their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Info {
    fields: BTreeMap<String, String>,
}

impl Info {
    /// Reads `name:value` lines; headings and empty lines are passed over.
    pub fn parse(text: &str) -> Info {
        let field = |line: &str| {
            let (name, value) = line.trim_end().split_once(':')?;
            (!name.starts_with('#')).then(|| (name.to_owned(), value.to_owned()))
        };
        Info { fields: text.lines().filter_map(field).collect() }
    }

    /// A field, where it is told.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.fields.get(name).map(String::as_str)
    }

    /// A field that is a whole number; a negative one counts as not told.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.text(name)?.parse().ok()
    }

    /// Keys in all databases (`dbN:keys=…,expires=…`).
    pub fn keys(&self) -> u64 {
        let is_database = |name: &str| name.strip_prefix("db").is_some_and(|rest| rest.parse::<u32>().is_ok());
        let count = |value: &String| value.strip_prefix("keys=")?.split(',').next()?.parse::<u64>().ok();
        self.fields.iter().filter(|(name, _)| is_database(name)).filter_map(|(_, value)| count(value)).sum()
    }

    /// Engine and version as the node says them: `redis 7.0.15`, `valkey 8.0.1`.
    pub fn engine(&self) -> Option<String> {
        let valkey = self.text("valkey_version").map(|version| format!("valkey {version}"));
        valkey.or_else(|| self.text("redis_version").map(|version| format!("redis {version}")))
    }

    /// Bytes of replication that this node has sent or taken over.
    pub fn offset(&self) -> Option<u64> {
        let name = if self.text("role") == Some("slave") { "slave_repl_offset" } else { "master_repl_offset" };
        self.number(name)
    }

    /// Whether the link to its primary is up; `None`: it is no replica.
    pub fn is_linked(&self) -> Option<bool> {
        self.text("master_link_status").map(|status| status == "up")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_and_headings_passed_over() {
        let info = Info::parse(
            "# Replication\r\nrole:slave\r\nmaster_link_status:up\r\nslave_repl_offset:42\r\nmaster_repl_offset:40\r\n\r\n\
             # Keyspace\r\ndb0:keys=3,expires=1,avg_ttl=0\r\ndb1:keys=2,expires=0,avg_ttl=0\r\n\
             redis_version:7.0.15\r\nmaster_last_io_seconds_ago:-1\r\n",
        );
        assert_eq!((info.keys(), info.offset(), info.is_linked()), (5, Some(42), Some(true)));
        assert_eq!(info.engine().as_deref(), Some("redis 7.0.15"));
        assert_eq!(info.number("master_last_io_seconds_ago"), None);
        assert_eq!(Info::parse("nonsense"), Info::default());
    }
}
