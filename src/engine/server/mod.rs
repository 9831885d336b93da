//! The edge: sockets, timers and files.
