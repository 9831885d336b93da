//! A command as a row of the table: all that is known of it but what it does.
//!
//! COMMAND, the routing of a cluster, the checks before a command and its replication read these rows.

use super::error::Outcome;
use crate::engine::state::Engine;

/// What does it. The first argument is the command's name.
pub type Execute = fn(&mut Engine, &[&[u8]]) -> Outcome;

macro_rules! bits {
    ($(#[$meta:meta])* $name:ident { $($(#[$constant_meta:meta])* $constant:ident = $bit:expr, $text:expr;)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $name(pub u32);

        impl $name {
            $($(#[$constant_meta])* pub const $constant: $name = $name(1 << $bit);)*
            /// Each with its name in COMMAND's reply, in order.
            pub const NAMES: &'static [($name, &'static str)] = &[$(($name::$constant, $text)),*];

            /// Whether any of the others is among these.
            #[inline]
            pub const fn has(self, others: $name) -> bool {
                self.0 & others.0 != 0
            }

            /// These and others.
            pub const fn and(self, others: $name) -> $name {
                $name(self.0 | others.0)
            }

            /// Names of those that are set.
            pub fn names(self) -> impl Iterator<Item = &'static str> {
                Self::NAMES.iter().filter(move |(bit, _)| self.has(*bit)).map(|(_, name)| *name)
            }
        }
    };
}

bits! {
    /// What a command is like.
    Flags {
        /// May change keys.
        WRITE = 0, "write";
        /// Reads keys and never changes them.
        READONLY = 1, "readonly";
        /// May need more memory.
        DENYOOM = 2, "denyoom";
        /// A module's own.
        MODULE = 3, "module";
        /// For operators.
        ADMIN = 4, "admin";
        /// Publishes or subscribes.
        PUBSUB = 5, "pubsub";
        /// Not within a script.
        NOSCRIPT = 6, "noscript";
        /// May block the client.
        BLOCKING = 8, "blocking";
        /// Also while the data is being loaded.
        LOADING = 9, "loading";
        /// Also on a replica that has lost its primary.
        STALE = 10, "stale";
        /// Not shown to MONITOR.
        SKIP_MONITOR = 11, "skip_monitor";
        /// Not in the slow log.
        SKIP_SLOWLOG = 12, "skip_slowlog";
        /// Needs no `CLUSTER` ASKING before it in a slot that is being imported.
        ASKING = 13, "asking";
        /// Takes constant or logarithmic time.
        FAST = 14, "fast";
        /// Needs no authentication.
        NO_AUTH = 15, "no_auth";
        /// May make changes on a replica, or run in any case: EVAL and the like.
        MAY_REPLICATE = 16, "may_replicate";
        /// Not within a MULTI.
        NO_MULTI = 20, "no_multi";
        /// Keys are at places that a plain range can't tell.
        MOVABLE_KEYS = 21, "movablekeys";
        /// Also while a script runs on and on.
        ALLOW_BUSY = 22, "allow_busy";
        /// Its reply depends on what asks for it being on one thread.
        NO_ASYNC_LOADING = 23, "no_async_loading";
        /// Sensitive: arguments must not be logged.
        SENSITIVE = 24, "";
        /// Only where it was switched on: DEBUG.
        PROTECTED = 25, "";
    }
}

bits! {
    /// What a command is for, in ACL's words.
    Categories {
        /// Keys of any type.
        KEYSPACE = 0, "@keyspace";
        /// Reads.
        READ = 1, "@read";
        /// Writes.
        WRITE = 2, "@write";
        /// Sets.
        SET = 3, "@set";
        /// Sorted sets.
        SORTED_SET = 4, "@sortedset";
        /// Lists.
        LIST = 5, "@list";
        /// Hashes.
        HASH = 6, "@hash";
        /// Strings.
        STRING = 7, "@string";
        /// Bits of strings.
        BITMAP = 8, "@bitmap";
        /// HyperLogLogs.
        HYPERLOGLOG = 9, "@hyperloglog";
        /// Places.
        GEO = 10, "@geo";
        /// Streams.
        STREAM = 11, "@stream";
        /// Publishing and subscribing.
        PUBSUB = 12, "@pubsub";
        /// For operators.
        ADMIN = 13, "@admin";
        /// Quick.
        FAST = 14, "@fast";
        /// Not quick.
        SLOW = 15, "@slow";
        /// Blocks the client.
        BLOCKING = 16, "@blocking";
        /// Not for everybody.
        DANGEROUS = 17, "@dangerous";
        /// The connection itself.
        CONNECTION = 18, "@connection";
        /// MULTI and what belongs to it.
        TRANSACTION = 19, "@transaction";
        /// Scripts.
        SCRIPTING = 20, "@scripting";
    }
}

/// Where a command's keys are among its arguments.
#[derive(Clone, Copy, Debug)]
pub enum Keys {
    /// There are none.
    None,
    /// From `first` to `last`, every `step`th. A negative `last` counts from the end: -1 is the last argument.
    Range {
        /// Where the first key is; the command's name is at 0.
        first: usize,
        /// Where the last one is.
        last: isize,
        /// How far one is from the next.
        step: usize,
    },
    /// As many as the argument at `count` says, from `first` on.
    Counted {
        /// Where their number is.
        count: usize,
        /// Where the first key is.
        first: usize,
        /// Another key before them, such as a destination; 0: none.
        also: usize,
    },
    /// At places that only a look at the arguments tells.
    Found(fn(&[&[u8]]) -> Vec<usize>),
}

/// A command.
#[derive(Debug)]
pub struct Command {
    /// Its name in lower case.
    pub name: &'static str,
    /// How many arguments it takes with its name; negative: at least so many.
    pub arity: i16,
    /// What it is like.
    pub flags: Flags,
    /// Where its keys are.
    pub keys: Keys,
    /// What it does with its keys, in the words of COMMAND's key specifications.
    pub access: &'static str,
    /// What it is for, besides what its flags say.
    pub categories: Categories,
    /// The version of Redis in which it came.
    pub since: &'static str,
    /// Its group in COMMAND DOCS.
    pub group: &'static str,
    /// What it does, in a few words.
    pub summary: &'static str,
    /// Commands within it, such as those of CONFIG.
    pub subcommands: &'static [Command],
    /// What does it.
    pub execute: Execute,
}

impl Command {
    /// A command without flags or keys.
    pub const fn new(name: &'static str, arity: i16, execute: Execute) -> Command {
        Command {
            name,
            arity,
            flags: Flags(0),
            keys: Keys::None,
            access: "",
            categories: Categories(0),
            since: "1.0.0",
            group: "generic",
            summary: "",
            subcommands: &[],
            execute,
        }
    }

    /// With these flags, too.
    pub const fn flags(mut self, flags: Flags) -> Command {
        self.flags = self.flags.and(flags);
        self
    }

    /// With one key, as its first argument.
    pub const fn key(self, access: &'static str) -> Command {
        self.range(1, 1, 1, access)
    }

    /// With keys from `first` to `last`, every `step`th.
    pub const fn range(mut self, first: usize, last: isize, step: usize, access: &'static str) -> Command {
        self.keys = Keys::Range { first, last, step };
        self.access = access;
        self
    }

    /// With as many keys from `first` on as the argument at `count` says; and one at `also`, unless that is 0.
    pub const fn counted(mut self, count: usize, first: usize, also: usize, access: &'static str) -> Command {
        self.keys = Keys::Counted { count, first, also };
        self.flags = self.flags.and(Flags::MOVABLE_KEYS);
        self.access = access;
        self
    }

    /// With keys that `find` finds.
    pub const fn found(mut self, find: fn(&[&[u8]]) -> Vec<usize>, access: &'static str) -> Command {
        self.keys = Keys::Found(find);
        self.flags = self.flags.and(Flags::MOVABLE_KEYS);
        self.access = access;
        self
    }

    /// In these categories, too.
    pub const fn categories(mut self, categories: Categories) -> Command {
        self.categories = self.categories.and(categories);
        self
    }

    /// Its group, its first version and what it does.
    pub const fn about(mut self, group: &'static str, since: &'static str, summary: &'static str) -> Command {
        self.group = group;
        self.since = since;
        self.summary = summary;
        self
    }

    /// With commands within it.
    pub const fn with(mut self, subcommands: &'static [Command]) -> Command {
        self.subcommands = subcommands;
        self
    }

    /// Whether it takes so many arguments, its name among them.
    #[inline]
    pub fn takes(&self, count: usize) -> bool {
        let arity = usize::from(self.arity.unsigned_abs());
        if self.arity < 0 { count >= arity } else { count == arity }
    }

    /// All categories: its own, and those that follow from its flags.
    pub fn all_categories(&self) -> Categories {
        let follow = [
            (Flags::WRITE, Categories::WRITE),
            (Flags::READONLY, Categories::READ),
            (Flags::ADMIN, Categories::ADMIN.and(Categories::DANGEROUS)),
            (Flags::PUBSUB, Categories::PUBSUB),
            (Flags::FAST, Categories::FAST),
            (Flags::BLOCKING, Categories::BLOCKING),
        ];
        let with_flags = follow.iter().filter(|(flag, _)| self.flags.has(*flag));
        let mut all = with_flags.fold(self.categories, |all, (_, category)| all.and(*category));
        // READ and WRITE are of data, which scripting commands and the like don't have of themselves.
        if self.categories.has(Categories::SCRIPTING) {
            all = Categories(all.0 & !(Categories::READ.0 | Categories::WRITE.0));
        }
        if all.has(Categories::FAST) { all } else { all.and(Categories::SLOW) }
    }

    /// Where its keys are among these arguments; `None` where the arguments can't tell.
    pub fn key_places(&self, arguments: &[&[u8]]) -> Option<Vec<usize>> {
        let count = arguments.len();
        match self.keys {
            Keys::None => Some(Vec::new()),
            Keys::Range { first, last, step } => {
                let last = if last < 0 { count.checked_sub(last.unsigned_abs())? } else { last.unsigned_abs() };
                let places: Vec<usize> = (first..=last).step_by(step.max(1)).collect();
                places.iter().all(|place| *place < count).then_some(places)
            }
            Keys::Counted { count: at, first, also } => {
                let text = std::str::from_utf8(arguments.get(at)?).ok()?;
                let keys: usize = text.parse().ok()?;
                let end = first.checked_add(keys).filter(|end| *end <= count)?;
                Some((also > 0).then_some(also).into_iter().chain(first..end).collect())
            }
            Keys::Found(find) => Some(find(arguments)),
        }
    }
}
