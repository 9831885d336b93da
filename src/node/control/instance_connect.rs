//! EC2 Instance Connect: public keys that an instance accepts for a minute. No machine is behind an instance; what it
//! would accept can be read below `/_shardform/ssh-keys`, for an ssh server that plays its part.

use super::error::ApiError;
use super::instance::InstanceState;
use super::{Context, Region, State};

/// How long a key is accepted.
const ACCEPTED_MS: u64 = 60_000;
/// Lengths of a public key and of a user's name, by the API's model.
const KEY_LENGTHS: std::ops::RangeInclusive<usize> = 80..=4096;
const USER_LENGTHS: std::ops::RangeInclusive<usize> = 1..=32;

/// A key that an instance accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PushedKey {
    pub user: String,
    /// In OpenSSH's format.
    pub public_key: String,
    /// Until when, in milliseconds since 1970.
    pub until_ms: u64,
}

impl Region {
    /// Has a running instance accept a key for a user.
    pub fn send_ssh_public_key(
        &mut self,
        context: &Context<'_>,
        id: &str,
        user: &str,
        public_key: &str,
    ) -> Result<(), ApiError> {
        check(id, user, public_key)?;
        let instance = self.instances.get_mut(id).filter(|instance| !instance.is_terminated());
        let instance = instance.ok_or_else(|| {
            ApiError::new("EC2InstanceNotFoundException", format!("Could not find instance with instance ID {id}."))
        })?;
        if instance.state != InstanceState::Running {
            let message = "The instance is not in a valid state. Wait until it is running, and try again.";
            return Err(ApiError::new("EC2InstanceStateInvalidException", message));
        }
        instance.pushed_keys.retain(|key| key.until_ms > context.now_ms);
        instance.pushed_keys.push(PushedKey {
            user: user.to_owned(),
            public_key: public_key.trim().to_owned(),
            until_ms: context.now_ms + ACCEPTED_MS,
        });
        Ok(())
    }
}

impl State {
    /// The keys that are accepted now: each with its region and its instance.
    pub(crate) fn pushed_keys(&self, now_ms: u64) -> impl Iterator<Item = (&str, &str, &PushedKey)> {
        self.regions.values().flat_map(move |region| {
            region.instances.values().flat_map(move |instance| {
                let accepted = instance.pushed_keys.iter().filter(move |key| key.until_ms > now_ms);
                accepted.map(move |key| (region.name.as_str(), instance.id.as_str(), key))
            })
        })
    }
}

fn check(id: &str, user: &str, public_key: &str) -> Result<(), ApiError> {
    let digits = id.strip_prefix("i-").unwrap_or_default();
    let is_hex = digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    if !(8..=30).contains(&digits.len()) || !is_hex {
        return Err(wrong("InstanceId must be i- and 8 to 30 hexadecimal digits"));
    }
    let is_user = user.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"@._-$".contains(&byte));
    let begins_well = user.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    if !USER_LENGTHS.contains(&user.len()) || !is_user || !begins_well {
        return Err(wrong("InstanceOSUser is not the name of a user"));
    }
    let mut words = public_key.split_whitespace();
    let kind = words.next().unwrap_or_default();
    let is_key = ["ssh-rsa", "ssh-ed25519"].contains(&kind) && words.next().is_some_and(|key| key.starts_with("AAAA"));
    if !KEY_LENGTHS.contains(&public_key.len()) || !is_key || public_key.trim().contains('\n') {
        return Err(wrong("SSHPublicKey must be one RSA or ED25519 key in OpenSSH's format"));
    }
    Ok(())
}

fn wrong(message: &str) -> ApiError {
    ApiError::new("InvalidArgsException", message)
}

#[cfg(test)]
mod tests {
    use super::super::Timing;
    use super::super::instance::RunInstances;
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti";

    fn push(state: &mut State, now_ms: u64, id: &str, user: &str, key: &str) -> Result<(), &'static str> {
        state.tick(now_ms, Timing::default(), &crate::node::wanted::FleetReport::default());
        let (region, context) = state.enter("us-east-1", now_ms, Timing::default(), None);
        region.send_ssh_public_key(&context, id, user, key).map_err(|refusal| refusal.code)
    }

    #[test]
    fn a_running_instance_accepts_a_key_for_a_minute() {
        let mut state = State::new(1);
        let (region, mut context) = state.enter("us-east-1", 0, Timing::default(), None);
        let image_id = region.images()[0].id.clone();
        let instance_type = Some(if region.images()[0].architecture == "arm64" { "t4g.micro" } else { "t3.micro" });
        let instance_type = instance_type.map(str::to_owned);
        let input = RunInstances { image_id, instance_type, least: 1, most: 1, ..RunInstances::default() };
        let id = region.run_instances(&mut context, input).unwrap()[0].id.clone();
        assert_eq!(push(&mut state, 0, &id, "ec2-user", KEY), Err("EC2InstanceStateInvalidException"));
        assert_eq!(push(&mut state, 2000, &id, "ec2-user", KEY), Ok(()));
        let all: Vec<_> = state.pushed_keys(61_999).collect();
        assert_eq!(all.len(), 1);
        assert_eq!((all[0].0, all[0].1, all[0].2.public_key.as_str()), ("us-east-1", id.as_str(), KEY));
        assert_eq!(state.pushed_keys(62_000).count(), 0);
    }

    #[test]
    fn what_is_no_instance_user_or_key_is_refused() {
        let mut state = State::new(1);
        let mut refused = |id: &str, user: &str, key: &str| push(&mut state, 0, id, user, key).unwrap_err();
        assert_eq!(refused("i-0123456789abcdef0", "ec2-user", KEY), "EC2InstanceNotFoundException");
        assert_eq!(refused("i-X", "ec2-user", KEY), "InvalidArgsException");
        for user in ["", "-x", "a b", &"x".repeat(33)] {
            assert_eq!(refused("i-0123456789abcdef0", user, KEY), "InvalidArgsException", "{user}");
        }
        for key in ["", "ssh-dss AAAA", &KEY[..79], &format!("{KEY}\n{KEY}")] {
            assert_eq!(refused("i-0123456789abcdef0", "ec2-user", key), "InvalidArgsException", "{key}");
        }
    }
}
