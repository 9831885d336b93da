//! Directives whose value is one word of a few, each as an enum that knows its words.

/// Declares an enum whose variants are spelt in redis.conf; the first word of a variant is the one that is shown, and
/// the words keep the order in which an error lists them.
macro_rules! choices {
    ($($(#[$doc:meta])* $name:ident, default $default:ident {
        $($(#[$variant_doc:meta])* $variant:ident = $($word:literal)+,)+
    })+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$variant_doc])* $variant,)+ }

        impl $name {
            /// Every word that is understood.
            pub const WORDS: &'static [&'static str] = &[$($($word,)+)+];

            /// The word that stands for this value.
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => [$($word,)+][0],)+ }
            }

            /// The value that a word (in lower case) stands for.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($($word)|+ => Some(Self::$variant),)+ _ => None }
            }
        }

        impl Default for $name {
            fn default() -> Self { Self::$default }
        }
    )+};
}

choices! {
    /// What goes when memory is full.
    EvictionPolicy, default NoEviction {
        /// The least recently used of the keys that expire.
        VolatileLru = "volatile-lru",
        /// The least often used of the keys that expire.
        VolatileLfu = "volatile-lfu",
        /// Any of the keys that expire.
        VolatileRandom = "volatile-random",
        /// The key that expires first.
        VolatileTtl = "volatile-ttl",
        /// The least recently used of all keys.
        AllKeysLru = "allkeys-lru",
        /// The least often used of all keys.
        AllKeysLfu = "allkeys-lfu",
        /// Any key.
        AllKeysRandom = "allkeys-random",
        /// Nothing: commands that need memory are refused.
        NoEviction = "noeviction",
    }
    /// How much is logged.
    LogLevel, default Notice {
        /// All there is.
        Debug = "debug",
        /// Much that is rarely of use.
        Verbose = "verbose",
        /// What a production server logs.
        Notice = "notice",
        /// Only what is very important.
        Warning = "warning",
    }
    /// When a replica loads a snapshot straight from the socket.
    DisklessLoad, default Disabled {
        /// Never: by way of a file.
        Disabled = "disabled",
        /// Only when there is nothing to lose.
        OnEmptyDatabase = "on-empty-db",
        /// Always, keeping the old keys until the new are there.
        Swap = "swapdb",
    }
    /// Whether the kernel is told whom to kill first when memory runs out.
    OomScoreAdjust, default No {
        /// It is not.
        No = "no",
        /// By values that are added to what the process began with.
        Relative = "yes" "relative",
        /// By values as they are.
        Absolute = "absolute",
    }
    /// How much a serialised value is checked before it is taken.
    SanitizePayload, default No {
        /// Only as it is read.
        No = "no",
        /// Always.
        Yes = "yes",
        /// For ordinary clients.
        Clients = "clients",
    }
    /// Who may do what can hurt.
    Allowed, default No {
        /// Nobody.
        No = "no",
        /// Everybody.
        Yes = "yes",
        /// Clients of this host.
        Local = "local",
    }
    /// What clients are told to connect to.
    EndpointType, default Ip {
        /// The address.
        Ip = "ip",
        /// The announced host name.
        Hostname = "hostname",
        /// Whatever the client used already.
        Unknown = "unknown-endpoint",
    }
    /// Which channels a user may use who was told nothing of channels.
    PubSubDefault, default ResetChannels {
        /// All.
        AllChannels = "allchannels",
        /// None.
        ResetChannels = "resetchannels",
    }
}

impl EvictionPolicy {
    /// Only keys that expire may go.
    pub fn only_volatile(self) -> bool {
        matches!(self, Self::VolatileLru | Self::VolatileLfu | Self::VolatileRandom | Self::VolatileTtl)
    }

    /// Keys carry how often they are used, not when they were used last.
    pub fn counts_uses(self) -> bool {
        matches!(self, Self::VolatileLfu | Self::AllKeysLfu)
    }

    /// Keys carry when they were used last.
    pub fn is_least_recently_used(self) -> bool {
        matches!(self, Self::VolatileLru | Self::AllKeysLru)
    }
}

impl Allowed {
    /// Whether a client may; `local` is a client of this host or of the Unix socket.
    pub fn permits(self, local: bool) -> bool {
        self == Self::Yes || (self == Self::Local && local)
    }
}
