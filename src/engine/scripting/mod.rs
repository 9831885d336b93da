//! Runs Lua scripts.
