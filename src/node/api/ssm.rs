//! SSM in its JSON dialect: the public parameters that lead to machine images.

use serde_json::{Value, json};

use super::http::Answer;
use crate::node::control::Region;
use crate::node::control::error::ApiError;

/// How both JSON services answer.
pub(super) const CONTENT_TYPE: &str = "application/x-amz-json-1.1";
/// 2026-01-01, when the images were made, in seconds since 1970.
const LAST_MODIFIED_S: f64 = 1_767_225_600.0;

/// Names of the operations.
pub(crate) const ACTIONS: &[&str] = &["GetParameter", "GetParameters"];

/// Answers an operation.
pub(crate) fn answer(region: &Region, action: &str, input: &Value, request_id: &str) -> Answer {
    let outcome = match action {
        "GetParameter" => get_parameter(region, input),
        "GetParameters" => get_parameters(region, input),
        _ => Err(ApiError::new("UnknownOperationException", format!("There is no operation {action} here"))),
    };
    match outcome {
        Ok(output) => Answer::json(200, CONTENT_TYPE, &output, request_id),
        Err(refusal) => refuse(&refusal, request_id),
    }
}

/// A refusal in the JSON dialect.
pub(crate) fn refuse(refusal: &ApiError, request_id: &str) -> Answer {
    let body = json!({ "__type": refusal.code, "message": refusal.message });
    Answer::json(refusal.status, CONTENT_TYPE, &body, request_id)
}

fn get_parameter(region: &Region, input: &Value) -> Result<Value, ApiError> {
    let Some(name) = input.get("Name").and_then(Value::as_str) else {
        return Err(ApiError::new("ValidationException", "Name must be given"));
    };
    match parameter(region, name) {
        Some(parameter) => Ok(json!({ "Parameter": parameter })),
        None => Err(ApiError::new("ParameterNotFound", format!("Systems Manager parameter {name} not found."))),
    }
}

fn get_parameters(region: &Region, input: &Value) -> Result<Value, ApiError> {
    let Some(names) = input.get("Names").and_then(Value::as_array) else {
        return Err(ApiError::new("ValidationException", "Names must be given"));
    };
    let names: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
    let found: Vec<Value> = names.iter().filter_map(|name| parameter(region, name)).collect();
    let invalid: Vec<&&str> = names.iter().filter(|name| parameter(region, name).is_none()).collect();
    Ok(json!({ "Parameters": found, "InvalidParameters": invalid }))
}

fn parameter(region: &Region, name: &str) -> Option<Value> {
    let image = region.images().into_iter().find(|image| image.parameter == name)?;
    Some(json!({
        "Name": name,
        "Type": "String",
        "Value": image.id,
        "Version": 1,
        "LastModifiedDate": LAST_MODIFIED_S,
        "ARN": format!("arn:aws:ssm:{}::parameter{name}", region.name),
        "DataType": "text",
    }))
}
