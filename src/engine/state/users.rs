//! Users: who may come in, with which password, and whether they may do everything or nothing.
//!
//! Rules finer than that are refused by name. Knows no connections.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::engine::config::settings::Access;

/// The user that every connection begins as.
pub const DEFAULT: &[u8] = b"default";

/// A user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// May come in.
    pub enabled: bool,
    /// Any password will do.
    pub no_password: bool,
    /// Digests of its passwords, in hexadecimal.
    pub passwords: Vec<String>,
    /// May touch all keys, or none.
    pub all_keys: bool,
    /// May use all channels, or none.
    pub all_channels: bool,
    /// May ask all commands, or none.
    pub all_commands: bool,
    /// What it restores is checked.
    pub sanitize_payload: bool,
}

impl Default for User {
    /// A new user, who may do nothing.
    fn default() -> Self {
        User {
            enabled: false,
            no_password: false,
            passwords: Vec::new(),
            all_keys: false,
            all_channels: false,
            all_commands: false,
            sanitize_payload: true,
        }
    }
}

/// A rule that can't be applied, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Error in ACL SETUSER modifier '{rule}': {reason}")]
pub struct RuleError {
    /// The rule.
    pub rule: String,
    /// Why.
    pub reason: &'static str,
}

impl User {
    /// Whether it may do everything.
    pub fn may_do_all(&self) -> bool {
        self.all_keys && self.all_channels && self.all_commands
    }

    /// Whether it may come in with this password.
    pub fn accepts(&self, password: &[u8]) -> bool {
        self.enabled && (self.no_password || self.passwords.contains(&digest(password)))
    }

    /// The user as rules that make it again.
    pub fn describe(&self) -> String {
        let mut rules = vec![if self.enabled { "on" } else { "off" }.to_owned()];
        if self.no_password {
            rules.push("nopass".to_owned());
        }
        if !self.sanitize_payload {
            rules.push("skip-sanitize-payload".to_owned());
        }
        rules.extend(self.passwords.iter().map(|digest| format!("#{digest}")));
        if self.all_keys {
            rules.push("~*".to_owned());
        }
        rules.push(if self.all_channels { "&*" } else { "resetchannels" }.to_owned());
        rules.push(if self.all_commands { "+@all" } else { "-@all" }.to_owned());
        rules.join(" ")
    }

    /// Its flags in ACL GETUSER.
    pub fn flags(&self) -> Vec<&'static str> {
        let flags = [
            (true, if self.enabled { "on" } else { "off" }),
            (self.no_password, "nopass"),
            (!self.sanitize_payload, "skip-sanitize-payload"),
        ];
        flags.into_iter().filter(|(set, _)| *set).map(|(_, name)| name).collect()
    }

    fn apply(&mut self, rule: &[u8]) -> Result<(), &'static str> {
        match rule.to_ascii_lowercase().as_slice() {
            b"on" => self.enabled = true,
            b"off" => self.enabled = false,
            b"nopass" => (self.no_password, self.passwords) = (true, Vec::new()),
            b"resetpass" => (self.no_password, self.passwords) = (false, Vec::new()),
            b"sanitize-payload" => self.sanitize_payload = true,
            b"skip-sanitize-payload" => self.sanitize_payload = false,
            b"~*" | b"allkeys" => self.all_keys = true,
            b"resetkeys" => self.all_keys = false,
            b"&*" | b"allchannels" => self.all_channels = true,
            b"resetchannels" => self.all_channels = false,
            b"+@all" | b"allcommands" => self.all_commands = true,
            b"-@all" | b"nocommands" => self.all_commands = false,
            b"clearselectors" => {}
            b"reset" => *self = User::default(),
            _ => return self.apply_password(rule),
        }
        Ok(())
    }

    fn apply_password(&mut self, rule: &[u8]) -> Result<(), &'static str> {
        const FINER: &str = "Only passwords and all or nothing are supported by this engine";
        match rule {
            [b'>', password @ ..] => self.add_password(digest(password)),
            [b'<', password @ ..] => self.remove_password(&digest(password))?,
            [b'#', digest @ ..] => self.add_password(checked_digest(digest)?),
            [b'!', digest @ ..] => self.remove_password(&checked_digest(digest)?)?,
            [b'~' | b'&' | b'+' | b'-' | b'%' | b'(', ..] => return Err(FINER),
            _ => return Err("Syntax error"),
        }
        Ok(())
    }

    fn add_password(&mut self, digest: String) {
        self.no_password = false;
        if !self.passwords.contains(&digest) {
            self.passwords.push(digest);
        }
    }

    fn remove_password(&mut self, digest: &str) -> Result<(), &'static str> {
        let place = self.passwords.iter().position(|known| known == digest);
        let place = place.ok_or("The password you are trying to remove from the user does not exist")?;
        self.passwords.remove(place);
        Ok(())
    }
}

fn checked_digest(digest: &[u8]) -> Result<String, &'static str> {
    let valid = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let text =
        String::from_utf8(digest.to_vec()).ok().filter(|text| text.len() == 64 && text.bytes().all(|b| valid(&b)));
    text.ok_or("The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters")
}

/// All users by name.
#[derive(Clone, Debug)]
pub struct Users(BTreeMap<Vec<u8>, User>);

impl Default for Users {
    /// The default user alone, who may do everything without a password.
    fn default() -> Self {
        let mut users = Users(BTreeMap::new());
        users.0.insert(DEFAULT.to_vec(), almighty());
        users
    }
}

fn almighty() -> User {
    User { enabled: true, no_password: true, all_keys: true, all_channels: true, all_commands: true, ..User::default() }
}

impl Users {
    /// Those that a configuration tells of.
    ///
    /// # Errors
    /// A rule of one of them is not one, or is not supported.
    pub fn configured(access: &Access) -> Result<Self, RuleError> {
        let mut users = Users::default();
        users.set_default_password(&access.requirepass);
        for line in &access.users {
            let words: Vec<&[u8]> = line.iter().map(Vec::as_slice).collect();
            if let Some((name, rules)) = words.split_first() {
                // A line says all there is to be said of a user.
                let rules = [&[&b"reset"[..]], rules].concat();
                users.set(name, &rules)?;
            }
        }
        Ok(users)
    }

    /// All by name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&[u8], &User)> {
        self.0.iter().map(|(name, user)| (name.as_slice(), user))
    }

    /// A user.
    pub fn get(&self, name: &[u8]) -> Option<&User> {
        self.0.get(name)
    }

    /// Applies rules to a user, whom they make if there is none: all of them, or none.
    ///
    /// # Errors
    /// A rule is not one, or is not supported.
    pub fn set(&mut self, name: &[u8], rules: &[&[u8]]) -> Result<(), RuleError> {
        let mut user = self.0.get(name).cloned().unwrap_or_default();
        for rule in rules {
            user.apply(rule)
                .map_err(|reason| RuleError { rule: String::from_utf8_lossy(rule).into_owned(), reason })?;
        }
        self.0.insert(name.to_vec(), user);
        Ok(())
    }

    /// Removes a user; tells whether there was one.
    pub fn remove(&mut self, name: &[u8]) -> bool {
        self.0.remove(name).is_some()
    }

    /// The default user's password, as `requirepass` sets it; empty: any will do.
    pub fn set_default_password(&mut self, password: &[u8]) {
        let user = self.0.entry(DEFAULT.to_vec()).or_insert_with(almighty);
        user.passwords.clear();
        user.no_password = password.is_empty();
        if !password.is_empty() {
            user.passwords.push(digest(password));
        }
    }

    /// Each user as a line of redis.conf, after the word `user`.
    pub fn lines(&self) -> Vec<Vec<u8>> {
        self.iter().map(|(name, user)| [name, b" ", user.describe().as_bytes()].concat()).collect()
    }
}

/// A password as it is kept: its SHA-256 in hexadecimal digits.
fn digest(password: &[u8]) -> String {
    Sha256::digest(password).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_begins_almighty() {
        let users = Users::default();
        assert_eq!(users.lines(), [b"default on nopass ~* &* +@all"]);
        assert!(users.get(DEFAULT).unwrap().accepts(b"anything"));
    }

    #[test]
    fn a_default_password_locks_others_out() {
        let mut users = Users::default();
        users.set_default_password(b"secret");
        let user = users.get(DEFAULT).unwrap();
        assert!(user.accepts(b"secret") && !user.accepts(b"") && user.may_do_all());
        users.set_default_password(b"");
        assert!(users.get(DEFAULT).unwrap().no_password);
    }

    #[test]
    fn rules_are_applied_all_or_none() {
        let mut users = Users::default();
        users.set(b"alice", &[b"on", b">one", b">two", b"~*", b"+@all"]).unwrap();
        let alice = users.get(b"alice").unwrap().clone();
        assert!(alice.accepts(b"one") && alice.accepts(b"two") && !alice.accepts(b"three") && !alice.may_do_all());
        let error = users.set(b"alice", &[b"off", b"+get"]).unwrap_err().to_string();
        assert_eq!(
            error,
            "Error in ACL SETUSER modifier '+get': Only passwords and all or nothing are supported by this engine"
        );
        assert_eq!(users.get(b"alice"), Some(&alice));
        users.set(b"alice", &[b"<one", b"ALLCHANNELS"]).unwrap();
        assert!(users.get(b"alice").unwrap().may_do_all() && !users.get(b"alice").unwrap().accepts(b"one"));
        assert!(users.set(b"alice", &[b"<one"]).is_err());
        assert!(users.remove(b"alice") && !users.remove(b"alice"));
    }

    #[test]
    fn a_configuration_tells_of_users() {
        let line = |text: &str| text.split(' ').map(|word| word.as_bytes().to_vec()).collect();
        let mut access = Access { requirepass: b"secret".to_vec(), ..Access::default() };
        access.users.push(line("alice on >p ~* &* +@all"));
        let users = Users::configured(&access).unwrap();
        assert!(users.get(DEFAULT).unwrap().accepts(b"secret") && users.get(b"alice").unwrap().may_do_all());
        access.users.push(line("default off"));
        assert!(!Users::configured(&access).unwrap().get(DEFAULT).unwrap().enabled);
        access.users.push(line("bob +get"));
        assert!(Users::configured(&access).is_err());
    }

    #[test]
    fn what_describes_a_user_makes_it_again() {
        let mut users = Users::default();
        users.set(b"bob", &[b"on", b">p", b"skip-sanitize-payload"]).unwrap();
        let line = users.get(b"bob").unwrap().describe();
        let rules: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        users.set(b"bob two", &rules).unwrap();
        assert_eq!(users.get(b"bob two"), users.get(b"bob"));
    }
}
