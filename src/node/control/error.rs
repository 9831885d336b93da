//! A refusal of the local cloud: the code, the HTTP status and the words that the caller of the API gets.
//!
//! Codes and statuses are those of the official API models. Knows no dialect: the API side words it as XML or JSON.

/// Why an operation was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct ApiError {
    /// Code on the wire, such as `ReplicationGroupNotFoundFault`.
    pub code: &'static str,
    /// HTTP status, 400 to 599.
    pub status: u16,
    /// Words for people.
    pub message: String,
}

impl ApiError {
    /// A refusal with the caller's fault as its cause: HTTP 400.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, status: 400, message: message.into() }
    }

    /// The same refusal with another HTTP status.
    pub fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    /// A value that is not allowed by itself.
    pub fn value(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterValue", message)
    }

    /// Values that are not allowed together.
    pub fn combination(message: impl Into<String>) -> Self {
        Self::new("InvalidParameterCombination", message)
    }

    /// A parameter that has to be given.
    pub fn missing(name: &str) -> Self {
        Self::new("MissingParameter", format!("The request must contain the parameter {name}"))
    }
}
