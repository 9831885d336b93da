//! What the program takes from its environment, captured once at the start. Nothing else reads the environment.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

/// Arguments, variables and executable of this process.
pub struct Environment {
    /// Arguments, the program's name first.
    pub args: Vec<OsString>,
    /// Path of this executable, to start the local cloud from.
    pub executable: Option<PathBuf>,
    variables: BTreeMap<OsString, OsString>,
}

impl Environment {
    /// Reads all of it.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads the environment; everybody else gets it as an argument"
    )]
    pub fn capture() -> Self {
        Environment {
            args: std::env::args_os().collect(),
            executable: std::env::current_exe().ok(),
            variables: std::env::vars_os().collect(),
        }
    }

    /// A variable, where it is set and is text.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.raw(name)?.to_str()
    }

    /// A variable that is set and not empty: an empty one counts as unset, as users mean it.
    pub fn filled(&self, name: &str) -> Option<&str> {
        self.text(name).filter(|value| !value.is_empty())
    }

    /// Where state is kept: `$XDG_STATE_HOME/shardform` or `~/.local/state/shardform`.
    pub fn state_folder(&self) -> Option<PathBuf> {
        self.user_folder("XDG_STATE_HOME", ".local/state")
    }

    /// Where private keys are kept: `$XDG_DATA_HOME/shardform/keys` or `~/.local/share/shardform/keys`.
    pub fn key_folder(&self) -> Option<PathBuf> {
        Some(self.user_folder("XDG_DATA_HOME", ".local/share")?.join("keys"))
    }

    /// A variable as the system has it, such as a path.
    pub fn raw(&self, name: &str) -> Option<&OsString> {
        self.variables.get(std::ffi::OsStr::new(name))
    }

    fn user_folder(&self, variable: &str, below_home: &str) -> Option<PathBuf> {
        // A relative path is to be ignored, as the XDG specification has it.
        let absolute = |name: &str| self.raw(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let base = absolute(variable).or_else(|| Some(absolute("HOME")?.join(below_home)))?;
        Some(base.join("shardform"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(variables: &[(&str, &str)]) -> Environment {
        let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
        Environment { args: Vec::new(), executable: None, variables: variables.collect() }
    }

    #[test]
    fn folders_follow_the_xdg_specification() {
        let home = with(&[("HOME", "/home/ann")]);
        assert_eq!(home.state_folder(), Some("/home/ann/.local/state/shardform".into()));
        assert_eq!(home.key_folder(), Some("/home/ann/.local/share/shardform/keys".into()));
        let set = with(&[("HOME", "/home/ann"), ("XDG_STATE_HOME", "/state"), ("XDG_DATA_HOME", "data")]);
        assert_eq!(set.state_folder(), Some("/state/shardform".into()));
        assert_eq!(set.key_folder(), Some("/home/ann/.local/share/shardform/keys".into()));
        assert_eq!(with(&[]).state_folder(), None);
    }

    #[test]
    fn an_empty_variable_counts_as_unset() {
        let empty = with(&[("NO_COLOR", "")]);
        assert_eq!(empty.text("NO_COLOR"), Some(""));
        assert_eq!(empty.filled("NO_COLOR"), None);
    }
}
