//! Reads requests and writes replies, in RESP2 and RESP3.
