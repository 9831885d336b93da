//! STS: who the caller is. Everybody is the root of the one account.

use super::{Call, Operation, reads};
use crate::node::control::ACCOUNT_ID;
use crate::node::control::error::ApiError;

/// Operations of the service.
pub(crate) const OPERATIONS: &[Operation] = &[reads("GetCallerIdentity", get_caller_identity)];

fn get_caller_identity(call: &mut Call<'_>) -> Result<(), ApiError> {
    call.xml.leaf("Arn", format!("arn:aws:iam::{ACCOUNT_ID}:root"));
    call.xml.leaf("UserId", "AKIAIOSFODNN7EXAMPLE");
    call.xml.leaf("Account", ACCOUNT_ID);
    Ok(())
}
