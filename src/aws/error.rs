//! From the SDK's errors to [`CloudError`]: code and message word for word, what kind of error it is, and a hint where
//! we know what to do next.

use std::error::Error;

use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};

use super::http::{AtAddress, is_html};
use crate::cloud::{CloudError, ErrorKind};

/// Makes `map_err`'s closure for one operation, such as `ec2:DescribeSubnets`.
pub(super) fn failed<E>(operation: &'static str) -> impl FnOnce(SdkError<E>) -> CloudError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    move |error| cloud_error(operation, &error)
}

/// The error of one operation.
pub(super) fn cloud_error<E>(operation: &str, error: &SdkError<E>) -> CloudError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    if let Some(code) = error.code() {
        let status = error.raw_response().map_or(0, |raw| raw.status().as_u16());
        return told(operation, code, error.message().unwrap_or_default(), status);
    }
    if let Some(raw) = error.raw_response() {
        let (status, body) = (raw.status().as_u16(), raw.body().bytes().unwrap_or_default());
        // An error in another service's dialect, as what stands before a cloud may send it.
        let body_text = String::from_utf8_lossy(body);
        return match element(&body_text, "Code") {
            Some(code) => told(operation, code, element(&body_text, "Message").unwrap_or_default(), status),
            None => unreadable(operation, status, body),
        };
    }
    unsent(operation, error)
}

/// An error that we word ourselves.
pub(super) fn own(kind: ErrorKind, operation: &str, message: impl Into<String>) -> CloudError {
    CloudError { kind, operation: operation.to_owned(), code: String::new(), message: message.into(), hint: None }
}

fn told(operation: &str, code: &str, message: &str, status: u16) -> CloudError {
    let kind = kind_of(code, status);
    let lacking = || (kind == ErrorKind::Unsupported).then(|| lacking(operation));
    CloudError {
        kind,
        operation: operation.to_owned(),
        code: code.to_owned(),
        message: message.to_owned(),
        hint: hint_of(operation, code).or_else(lacking),
    }
}

fn lacking(operation: &str) -> String {
    let service = operation.split(':').next().unwrap_or_default().to_uppercase().replace('-', "_");
    format!("what answers here lacks {operation}; AWS_ENDPOINT_URL_{service} sends this service's calls elsewhere")
}

/// The text of the first XML element of a name.
fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    let (value, _) = rest.split_once(&format!("</{name}>"))?;
    Some(value.trim()).filter(|value| !value.is_empty())
}

/// An answer without a code that could be read.
fn unreadable(operation: &str, status: u16, body: &[u8]) -> CloudError {
    let unsupported = is_html(body) || status == 501;
    let kind = match status {
        _ if unsupported => ErrorKind::Unsupported,
        400..500 => ErrorKind::Rejected,
        _ => ErrorKind::Unreachable,
    };
    CloudError {
        hint: unsupported.then(|| lacking(operation)),
        ..own(kind, operation, format!("HTTP {status}, and no answer that can be read"))
    }
}

/// No answer at all.
fn unsent(operation: &str, error: &(dyn Error + 'static)) -> CloudError {
    let chain = chain(error);
    let texts: Vec<String> = chain.iter().map(ToString::to_string).collect();
    let cause = texts.last().cloned().unwrap_or_default();
    if let Some(at) = chain.iter().find_map(|error| error.downcast_ref::<AtAddress>()) {
        return CloudError {
            hint: Some("check that the endpoint runs and can be reached from here".to_owned()),
            ..own(ErrorKind::Unreachable, operation, format!("{}: {cause}", at.address))
        };
    }
    let about_credentials = texts.iter().any(|text| text.to_lowercase().contains("credential"));
    if about_credentials {
        return CloudError {
            hint: Some(
                "sign in (`aws configure`, `aws sso login`), or set AWS_PROFILE or AWS_ACCESS_KEY_ID and \
                 AWS_SECRET_ACCESS_KEY"
                    .to_owned(),
            ),
            ..own(ErrorKind::Configuration, operation, no_credentials(&cause))
        };
    }
    let kind = if matches!(texts.first(), Some(text) if text.contains("construct")) {
        ErrorKind::Configuration
    } else {
        ErrorKind::Unreachable
    };
    own(kind, operation, texts.join(": "))
}

/// What the search for credentials has come to. A list of all the places that have none is of no use; why one of them
/// fails is.
fn no_credentials(cause: &str) -> String {
    let first_line = cause.lines().next().unwrap_or_default();
    if first_line.is_empty() || first_line.contains("no credentials found in chain") {
        "there are no AWS credentials to sign with".to_owned()
    } else {
        format!("there are no AWS credentials to sign with: {first_line}")
    }
}

/// An error and all that have caused it.
fn chain<'a>(error: &'a (dyn Error + 'static)) -> Vec<&'a (dyn Error + 'static)> {
    let mut chain = vec![error];
    let mut last = error;
    while let Some(source) = last.source() {
        chain.push(source);
        last = source;
    }
    chain
}

/// Whether the code says that calls come too fast. ElastiCache's own is not among the SDK's.
fn is_throttling(code: &str) -> bool {
    matches!(
        code,
        "Throttling"
            | "ThrottlingException"
            | "ThrottledException"
            | "RequestThrottled"
            | "RequestThrottledException"
            | "RequestLimitExceeded"
            | "TooManyRequestsException"
            | "BandwidthLimitExceeded"
            | "SlowDown"
            | "APICallRateForCustomerExceeded"
            | "APICallRateForCustomerExceededFault"
    )
}

fn kind_of(code: &str, status: u16) -> ErrorKind {
    match code {
        _ if is_throttling(code) => ErrorKind::Busy,
        "DependencyViolation"
        | "InvalidGroup.InUse"
        | "IncorrectInstanceState"
        | "CacheSubnetGroupInUse"
        | "InvalidReplicationGroupState"
        | "InvalidReplicationGroupStateFault"
        | "InvalidCacheClusterState"
        | "InvalidCacheClusterStateFault"
        | "InvalidCacheParameterGroupState"
        | "InvalidCacheParameterGroupStateFault"
        | "InvalidUserGroupState"
        | "InvalidUserGroupStateFault"
        | "Unavailable"
        | "ServiceUnavailable" => ErrorKind::Busy,
        "InvalidAction" | "UnknownOperation" | "UnknownOperationException" | "NotImplemented" => ErrorKind::Unsupported,
        _ if status == 501 => ErrorKind::Unsupported,
        "InternalFailure" | "InternalError" | "InternalServiceError" | "ServerInternal" => ErrorKind::Unreachable,
        "ExpiredToken"
        | "ExpiredTokenException"
        | "RequestExpired"
        | "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "AuthFailure"
        | "SignatureDoesNotMatch"
        | "InvalidSignatureException"
        | "MissingAuthenticationToken" => ErrorKind::Configuration,
        _ => ErrorKind::Rejected,
    }
}

fn hint_of(operation: &str, code: &str) -> Option<String> {
    let hint = match code {
        "UnauthorizedOperation" | "AccessDenied" | "AccessDeniedException" => {
            return Some(format!("these credentials need the permission {operation}"));
        }
        "ExpiredToken" | "ExpiredTokenException" => "the session has expired: sign in again (`aws sso login`)",
        "RequestExpired" | "InvalidSignatureException" => "check this computer's clock, and sign in again",
        "AuthFailure" => {
            let check = "check AWS_PROFILE, the access key and the region";
            return Some(format!("these credentials are not known here ({check}), or lack the permission {operation}"));
        }
        "InvalidClientTokenId" | "UnrecognizedClientException" | "SignatureDoesNotMatch" => {
            "these credentials are not known here: check AWS_PROFILE, the access key and the region"
        }
        "OptInRequired" => "this account is not signed up for the service, or the region has to be enabled first",
        "InsufficientCacheClusterCapacity" | "InsufficientCacheClusterCapacityFault" => {
            "there is no room for this node type in that zone at the moment: choose another `cluster.node_type`, or \
             subnets in other zones"
        }
        "InsufficientInstanceCapacity" | "Unsupported" if operation == "ec2:RunInstances" => {
            "choose another `client.instance_type`, or a `client.subnet` in another zone"
        }
        "APICallRateForCustomerExceeded" | "APICallRateForCustomerExceededFault"
            if operation == "elasticache:TestFailover" =>
        {
            "ElastiCache fails at most 15 shards of an account over in 24 hours, and each call counts: wait"
        }
        "TestFailoverNotAvailableFault" | "TestFailoverNotAvailable" => {
            "it needs a shard with a replica, and nothing that is under way; ElastiCache says no more"
        }
        "NodeQuotaForClusterExceeded"
        | "NodeQuotaForCustomerExceeded"
        | "ClusterQuotaForCustomerExceeded"
        | "NodeGroupsPerReplicationGroupQuotaExceeded" => {
            "use fewer shards or replicas, or ask for a higher quota (Service Quotas, Amazon ElastiCache)"
        }
        "CacheSubnetGroupQuotaExceeded" | "CacheParameterGroupQuotaExceeded" => {
            "remove groups that are not used, or ask for a higher quota (Service Quotas, Amazon ElastiCache)"
        }
        "SnapshotQuotaExceededFault" | "SnapshotQuotaExceeded" => {
            "delete snapshots that nobody needs, or wait: ElastiCache takes so many of a node a day"
        }
        "VcpuLimitExceeded" | "InstanceLimitExceeded" => {
            "choose a smaller `client.instance_type`, or ask for a higher quota (Service Quotas, Amazon EC2)"
        }
        "EC2InstanceUnavailableException" => "the client host has just started, or is about to go: wait a minute",
        "InvalidSubnetID.NotFound" => "check `network.subnets`, and the region",
        "InvalidAMIID.NotFound" | "InvalidAMIID.Malformed" => "check `client.ami`: an image belongs to one region",
        "InvalidKeyPair.Format" => {
            "check the file that `client.key_pair.public_key_file` names: RSA or ED25519 in \
             OpenSSH's format"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_decide_what_is_tried_again() {
        assert_eq!(kind_of("DependencyViolation", 400), ErrorKind::Busy);
        assert_eq!(kind_of("APICallRateForCustomerExceeded", 400), ErrorKind::Busy);
        assert_eq!(kind_of("InvalidUserGroupState", 400), ErrorKind::Busy);
        assert_eq!(kind_of("InvalidParameterValue", 400), ErrorKind::Rejected);
        assert_eq!(kind_of("InternalFailure", 501), ErrorKind::Unsupported);
        assert_eq!(kind_of("ExpiredToken", 403), ErrorKind::Configuration);
    }

    #[test]
    fn html_means_that_the_call_is_lacking() {
        let error = unreadable("elasticache:DescribeEvents", 500, b"<!doctype html>\n<title>500");
        assert_eq!(error.kind, ErrorKind::Unsupported);
        assert_eq!(error.message, "HTTP 500, and no answer that can be read");
        let error = unreadable("ec2:DescribeVpcs", 502, b"");
        assert_eq!(error.kind, ErrorKind::Unreachable);
    }

    #[test]
    fn an_error_in_another_dialect_is_read_all_the_same() {
        let body =
            "<ErrorResponse><Error><Code>ExpiredToken</Code><Message>It has expired</Message></Error></ErrorResponse>";
        assert_eq!(element(body, "Code"), Some("ExpiredToken"));
        assert_eq!(element(body, "Message"), Some("It has expired"));
        assert_eq!(element("<html>", "Code"), None);
    }

    #[test]
    fn missing_credentials_are_told_of_in_one_line() {
        assert_eq!(
            no_credentials("no credentials found in chain. Attempted:\n  Environment: …"),
            "there are no AWS credentials to sign with"
        );
        assert_eq!(
            no_credentials("the SSO token has expired\nmore"),
            "there are no AWS credentials to sign with: the SSO token has expired"
        );
    }

    #[test]
    fn a_missing_permission_is_named() {
        let error = told("ec2:RunInstances", "UnauthorizedOperation", "You are not authorized.", 403);
        assert_eq!(error.message, "You are not authorized.");
        assert_eq!(error.hint.as_deref(), Some("these credentials need the permission ec2:RunInstances"));
        // EC2 says so of credentials that it doesn't know, and of some that may not do this.
        let hint = told("ec2:RunInstances", "AuthFailure", "Not authorized for images: [ami-1]", 403).hint.unwrap();
        assert!(hint.contains("not known") && hint.ends_with("lack the permission ec2:RunInstances"), "{hint}");
    }
}
