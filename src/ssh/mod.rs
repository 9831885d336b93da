//! The client host by the system's `ssh`: nothing else is needed on the operator's machine.
//!
//! An edge: [`proxy`] and [`pipe`] start processes. [`command`] is pure: command lines and remote scripts as values. Neither knows
//! clouds, plan files or what is said to users; no secret ever becomes part of a command line.

pub mod command;
pub mod pipe;
pub mod proxy;

/// The user of Amazon Linux images.
pub const USER: &str = "ec2-user";

/// Why `ssh` doesn't do what it is asked for.
#[derive(Debug, thiserror::Error)]
pub enum SshError {
    /// It can't be started.
    #[error("can't start {program}: {source}")]
    Start {
        /// Its name, as it was called.
        program: String,
        /// Why.
        source: std::io::Error,
    },
    /// It has ended; its words, which may be many lines or none.
    #[error("{}", last_line(.words))]
    Ended {
        /// What it wrote to its standard error.
        words: String,
    },
    /// It says nothing at all.
    #[error("no answer within {seconds} s")]
    Silent {
        /// How long it was waited for.
        seconds: u64,
    },
}

/// The line that matters most: `ssh` tells the cause last.
pub fn last_line(words: &str) -> &str {
    let mut lines = words.lines().rev().map(str::trim);
    lines.find(|line| !line.is_empty()).unwrap_or("it ended without a word")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_is_the_last_line() {
        let words = "Warning: something\r\nssh: connect to host 192.0.2.1 port 22: Connection timed out\r\n\n";
        assert_eq!(last_line(words), "ssh: connect to host 192.0.2.1 port 22: Connection timed out");
        assert_eq!(last_line("\n"), "it ended without a word");
    }
}
