//! All integration tests, in one crate: one link, one binary.

mod executing;
mod fake_cloud;
mod planning;
