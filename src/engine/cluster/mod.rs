//! The cluster bus, topology and elections, as step functions.
