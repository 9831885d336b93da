//! Reads requests and writes replies, in RESP2 and RESP3.
//!
//! Knows the protocol's bytes; must not know commands or connections.

mod reply;
mod request;

pub use reply::Reply;
pub use request::{Limits, ProtocolError, Request, RequestParser};
