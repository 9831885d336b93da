//! Many short strings in one block.
