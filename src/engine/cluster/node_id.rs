//! A node's name on the bus: 40 characters, chosen once at random. Knows nothing of nodes.

use std::fmt;

/// The name of a node (or of a shard): 40 lower-case letters and digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId([u8; 40]);

impl NodeId {
    /// How many bytes a name has.
    pub const LENGTH: usize = 40;

    /// A new name: 160 random bits in hexadecimal.
    pub fn random(rng: &mut fastrand::Rng) -> Self {
        let mut name = [0; Self::LENGTH];
        for byte in &mut name {
            *byte = hex_digit(rng.u8(..16));
        }
        Self(name)
    }

    /// Reads a name; `None` unless it is exactly 40 of `a-z0-9`, the set that nodes accept from each other.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let name: [u8; Self::LENGTH] = text.try_into().ok()?;
        name.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()).then_some(Self(name))
    }

    /// Another name that always follows from this one.
    pub fn derived(&self) -> Self {
        use sha1::Digest;
        let mut name = [0; Self::LENGTH];
        for (pair, byte) in name.chunks_exact_mut(2).zip(sha1::Sha1::digest(self.0)) {
            pair.copy_from_slice(&[hex_digit(byte >> 4), hex_digit(byte & 15)]);
        }
        Self(name)
    }

    /// The name as bytes.
    pub fn as_bytes(&self) -> &[u8; 40] {
        &self.0
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        // Only ASCII gets in.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

fn hex_digit(value: u8) -> u8 {
    if value < 10 { b'0' + value } else { b'a' + value - 10 }
}

impl fmt::Display for NodeId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_names_parse_and_differ() {
        let mut rng = fastrand::Rng::with_seed(1);
        let (one, two) = (NodeId::random(&mut rng), NodeId::random(&mut rng));
        assert_ne!(one, two);
        assert_eq!(NodeId::parse(one.as_bytes()), Some(one));
        assert_eq!(one.to_string().len(), 40);
        assert_eq!(NodeId::parse(one.derived().as_bytes()), Some(one.derived()));
        assert_ne!(one.derived(), one);
    }

    #[test]
    fn only_forty_lower_case_letters_and_digits_are_a_name() {
        assert_eq!(NodeId::parse(&[b'a'; 39]), None);
        assert_eq!(NodeId::parse(&[b'a'; 41]), None);
        assert_eq!(NodeId::parse(&[b'A'; 40]), None);
        assert_eq!(NodeId::parse(&[0; 40]), None);
        assert!(NodeId::parse(&[b'z'; 40]).is_some());
    }
}
