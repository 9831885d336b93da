//! shardform: a Redis or Valkey cluster on AWS ElastiCache from one plan file.
//!
//! Two programs share this library and meet only on the wire: `shardform`, the command line, and
//! `shardform-node`, the local cloud. In reading order:
//!
//! * The pure core, values in and values out (no input or output, no clock, no environment): [`resource`] names what
//!   a stack is made of, [`lifetime`] says how long it lives and whose it is; [`spec`] is the plan file; [`observed`]
//!   is what there is to be read of a cloud; [`desired`] decides all defaults; [`diff`] says what differs and by which
//!   [`call`]s it is mended; [`steps`] orders them; [`event`] is what an executor may tell; [`stacks`] finds all stacks
//!   of an account in what it lists.
//! * The edges: [`cloud`] is the seam to a cloud; [`aws`] the only place that names the SDK; [`keys`] keeps private
//!   keys in files, [`secret`] keeps what must never be shown; [`execute`] walks the steps; [`cluster`] looks at a
//!   live cluster, writes and reads, and judges what was seen; [`ssh`] gets to the client host by the system's `ssh`.
//! * [`node`] is the local cloud's side and [`engine`] the cache node that it runs: neither imports the rest, nor the other;
//!   nor does the rest import them.

pub mod lifetime;
pub mod resource;
pub mod spec;
pub mod templates;

pub mod call;
pub mod desired;
pub mod diff;
pub mod engine_version;
pub mod event;
pub mod observed;
pub mod stacks;
pub mod steps;

pub mod cloud;
pub mod cluster;
pub mod execute;

pub mod aws;
pub mod keys;
pub mod secret;
pub mod ssh;

pub mod engine;
pub mod node;
