//! Log lines in the words that tools look for.
