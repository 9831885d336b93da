//! EC2 Instance Connect in its JSON dialect: keys that open an instance for a minute.

use serde_json::{Value, json};

use super::http::Answer;
use super::ssm::{CONTENT_TYPE, refuse};
use crate::node::control::error::ApiError;
use crate::node::control::{Context, Region};

/// Names of the operations.
pub(crate) const ACTIONS: &[&str] = &["SendSSHPublicKey"];

/// Answers an operation.
pub(crate) fn answer(
    region: &mut Region,
    context: &Context<'_>,
    action: &str,
    input: &Value,
    request_id: &str,
) -> Answer {
    let outcome = match action {
        "SendSSHPublicKey" => send_ssh_public_key(region, context, input),
        _ => Err(ApiError::new("UnknownOperationException", format!("There is no operation {action} here"))),
    };
    match outcome {
        Ok(()) => {
            let body = json!({ "RequestId": request_id, "Success": true });
            Answer::json(200, CONTENT_TYPE, &body, request_id)
        }
        Err(refusal) => refuse(&refusal, request_id),
    }
}

fn send_ssh_public_key(region: &mut Region, context: &Context<'_>, input: &Value) -> Result<(), ApiError> {
    let text = |name: &str| {
        let given = input.get(name).and_then(Value::as_str);
        given.ok_or_else(|| ApiError::new("InvalidArgsException", format!("{name} must be given")))
    };
    let (id, user, key) = (text("InstanceId")?, text("InstanceOSUser")?, text("SSHPublicKey")?);
    region.send_ssh_public_key(context, id, user, key)
}
