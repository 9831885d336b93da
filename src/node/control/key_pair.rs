//! Imported key pairs: OpenSSH public keys with EC2's fingerprints.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::Digest as _;

use super::error::ApiError;
use super::validate::{Tags, add_tags};
use super::{Context, Region};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct KeyPair {
    pub id: String,
    pub name: String,
    /// `ed25519` or `rsa`.
    pub kind: String,
    pub fingerprint: String,
    /// The OpenSSH line as it was given.
    pub public_key: String,
    /// Milliseconds since 1970.
    pub created_ms: u64,
    pub tags: Tags,
}

/// A key pair that does not exist.
pub(crate) fn not_found(name: &str) -> ApiError {
    ApiError::new("InvalidKeyPair.NotFound", format!("The key pair '{name}' does not exist"))
}

impl Region {
    /// Takes a public key, given as the base64 of its OpenSSH line.
    pub fn import_key_pair(
        &mut self,
        context: &mut Context<'_>,
        name: &str,
        material: &str,
        tags: &[(String, String)],
    ) -> Result<KeyPair, ApiError> {
        if name.is_empty() || name.len() > 255 || !name.is_ascii() {
            return Err(ApiError::value("Invalid value for keyName: 1 to 255 ASCII characters are allowed."));
        }
        let public_key = decode_line(material).ok_or_else(bad_format)?;
        let (kind, fingerprint) = fingerprint(&public_key)?;
        if self.key_pairs.contains_key(name) {
            let message = format!("The keypair already exists: {name}");
            return Err(ApiError::new("InvalidKeyPair.Duplicate", message));
        }
        let pair = KeyPair {
            tags: add_tags(&Tags::new(), tags)?,
            id: context.source.id("key"),
            name: name.to_owned(),
            kind: kind.to_owned(),
            fingerprint,
            public_key,
            created_ms: context.now_ms,
        };
        self.key_pairs.insert(name.to_owned(), pair.clone());
        Ok(pair)
    }

    /// Removes a key pair by name or id, and says which id it had; one that is not there is no error.
    pub fn delete_key_pair(&mut self, name: Option<&str>, id: Option<&str>) -> Result<Option<String>, ApiError> {
        if name.is_none() && id.is_none() {
            return Err(ApiError::missing("KeyName"));
        }
        let meant = |pair: &&KeyPair| name.is_none_or(|name| pair.name == name) && id.is_none_or(|id| pair.id == id);
        let Some(pair) = self.key_pairs.values().find(meant) else {
            return Ok(None);
        };
        let (name, id) = (pair.name.clone(), pair.id.clone());
        self.key_pairs.remove(&name);
        Ok(Some(id))
    }
}

fn bad_format() -> ApiError {
    ApiError::new("InvalidKey.Format", "Key is not in valid OpenSSH public key format")
}

fn decode_line(material: &str) -> Option<String> {
    let bytes: String = material.split_whitespace().collect();
    let line = String::from_utf8(STANDARD.decode(bytes).ok()?).ok()?;
    Some(line.trim().to_owned())
}

fn fingerprint(line: &str) -> Result<(&'static str, String), ApiError> {
    let mut words = line.split_whitespace();
    let (algorithm, blob) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let kind = match algorithm {
        "ssh-ed25519" => "ed25519",
        "ssh-rsa" => "rsa",
        _ => return Err(bad_format()),
    };
    let blob = STANDARD.decode(blob).map_err(|_| bad_format())?;
    // The blob repeats the algorithm's name after its length of four bytes.
    if blob.get(4..4 + algorithm.len()) != Some(algorithm.as_bytes()) || blob.len() < algorithm.len() + 36 {
        return Err(bad_format());
    }
    // For RSA keys EC2 gives the MD5 of the DER form; here both kinds get the OpenSSH fingerprint.
    Ok((kind, format!("{}=", STANDARD_NO_PAD.encode(sha2::Sha256::digest(&blob)))))
}
