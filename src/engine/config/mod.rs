//! What can be set: the directives of redis.conf, read from a file and from the command line, asked for and changed
//! while the engine runs, and written back. Knows nothing of what the settings do.
//!
//! * [`settings`] is what the engine reads: [`Config`], with one field for each directive that matters;
//!   [`choices`] and [`events`] are the types of some fields.
//! * [`table`] has one row for each directive; [`directive`] and [`special`] read, check and show values.
//! * [`words`], [`load`] and [`arguments`] are the syntax of the file and of the command line.
//! * [`change`] is CONFIG GET and CONFIG SET, [`rewrite`] is CONFIG REWRITE, and [`files`] is the edge.

pub mod arguments;
pub mod change;
pub mod choices;
pub mod directive;
pub mod events;
pub mod files;
pub mod load;
pub mod rewrite;
pub mod settings;
pub mod special;
pub mod table;
pub mod words;

pub use directive::Applied;
pub use events::KeyspaceEvents;
pub use settings::Config;

/// The version of Redis whose behaviour the engine has.
pub const REDIS_VERSION: &str = "7.0.15";
