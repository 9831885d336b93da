//! Key pairs on the wire.

use super::super::Call;
use super::filter::{keep, one};
use super::{succeed, tag_specification, write_tags};
use crate::node::control::error::ApiError;
use crate::node::control::key_pair::{KeyPair, not_found};
use crate::node::control::time::iso8601;

pub(super) fn import(call: &mut Call<'_>) -> Result<(), ApiError> {
    let (name, material) = (call.parameters.required("KeyName")?, call.parameters.required("PublicKeyMaterial")?);
    let tags = tag_specification(call.parameters, "key-pair");
    let pair = call.region.import_key_pair(&mut call.context, name, material, &tags)?;
    call.xml.leaf("keyName", &pair.name);
    call.xml.leaf("keyFingerprint", &pair.fingerprint);
    call.xml.leaf("keyPairId", &pair.id);
    write_tags(&mut call.xml, &pair.tags);
    Ok(())
}

pub(super) fn describe(call: &mut Call<'_>) -> Result<(), ApiError> {
    let (names, ids) = (call.parameters.strings("KeyName"), call.parameters.strings("KeyPairId"));
    let shows_key = call.parameters.boolean("IncludePublicKey")?.unwrap_or(false);
    let all: Vec<KeyPair> = call.region.key_pairs.values().cloned().collect();
    if let Some(name) = names.iter().find(|name| !all.iter().any(|pair| pair.name == **name)) {
        return Err(not_found(name));
    }
    if let Some(id) = ids.iter().find(|id| !all.iter().any(|pair| pair.id == **id)) {
        return Err(not_found(id));
    }
    let is_asked =
        |pair: &KeyPair| (names.is_empty() && ids.is_empty()) || names.contains(&pair.name) || ids.contains(&pair.id);
    let asked = all.into_iter().filter(is_asked).collect();
    let field = |pair: &KeyPair, name: &str| match name {
        "key-name" => one(&pair.name),
        "key-pair-id" => one(&pair.id),
        "fingerprint" => one(&pair.fingerprint),
        _ => None,
    };
    let shown = keep(call.parameters, asked, |pair| Some(&pair.tags), field)?;
    call.xml.list("keySet", "item", shown, |xml, pair| {
        xml.leaf("keyPairId", &pair.id);
        xml.leaf("keyType", &pair.kind);
        xml.leaf("keyName", &pair.name);
        xml.leaf("keyFingerprint", &pair.fingerprint);
        xml.optional("publicKey", shows_key.then_some(&pair.public_key));
        xml.leaf("createTime", iso8601(pair.created_ms));
        write_tags(xml, &pair.tags);
    });
    Ok(())
}

pub(super) fn delete(call: &mut Call<'_>) -> Result<(), ApiError> {
    let (name, id) = (call.parameters.text("KeyName"), call.parameters.text("KeyPairId"));
    let gone = call.region.delete_key_pair(name, id)?;
    succeed(call);
    call.xml.optional("keyPairId", gone);
    Ok(())
}
