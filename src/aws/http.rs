//! The HTTP side of all clients: one pool of connections, TLS only where it is needed, and what is worth a retry.

use std::error::Error;
use std::fmt;

use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::interceptors::context::InterceptorContext;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::retries::classifiers::{ClassifyRetry, RetryAction};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

/// The one HTTP client of all services.
pub(super) fn client() -> SharedHttpClient {
    SharedHttpClient::new(ByScheme {
        plain: aws_smithy_http_client::Builder::new().build_http(),
        tls: aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https(),
    })
}

/// Chooses by the request's scheme, so that a local endpoint never costs the loading of the system's root
/// certificates.
#[derive(Debug)]
struct ByScheme {
    plain: SharedHttpClient,
    tls: SharedHttpClient,
}

impl HttpClient for ByScheme {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(SchemeConnector {
            plain: self.plain.http_connector(settings, components),
            tls: self.tls.clone(),
            settings: settings.clone(),
            components: components.clone(),
        })
    }
}

#[derive(Debug)]
struct SchemeConnector {
    plain: SharedHttpConnector,
    tls: SharedHttpClient,
    settings: HttpConnectorSettings,
    components: RuntimeComponents,
}

impl HttpConnector for SchemeConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let address = address_of(request.uri());
        let answer = if request.uri().starts_with("http://") {
            self.plain.call(request)
        } else {
            // The client keeps its connectors: the certificates are loaded once.
            self.tls.http_connector(&self.settings, &self.components).call(request)
        };
        HttpConnectorFuture::new(async move { answer.await.map_err(|error| with_address(error, address)) })
    }
}

/// Scheme, host and port of a URI.
fn address_of(uri: &str) -> String {
    let (scheme, rest) = uri.split_once("://").unwrap_or(("", uri));
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    format!("{scheme}://{host}")
}

/// A connector's error with the address that it is about, which the error itself doesn't tell.
#[derive(Debug)]
pub(super) struct AtAddress {
    /// Scheme, host and port.
    pub(super) address: String,
    source: Box<dyn Error + Send + Sync>,
}

impl fmt::Display for AtAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address)
    }
}

impl Error for AtAddress {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.source)
    }
}

fn with_address(error: ConnectorError, address: String) -> ConnectorError {
    let (timeout, io, user, other) = (error.is_timeout(), error.is_io(), error.is_user(), error.as_other());
    let wrapped = Box::new(AtAddress { address, source: error.into_source() });
    match () {
        () if timeout => ConnectorError::timeout(wrapped),
        () if io => ConnectorError::io(wrapped),
        () if user => ConnectorError::user(wrapped),
        () => ConnectorError::other(wrapped, other),
    }
}

/// An answer in HTML comes from something that lacks the call (or is no AWS API at all): the same call again gets
/// the same answer, so it isn't tried again.
#[derive(Debug)]
pub(super) struct NoRetryOfHtml;

impl ClassifyRetry for NoRetryOfHtml {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let body = context.response().and_then(|response| response.body().bytes());
        if body.is_some_and(is_html) { RetryAction::RetryForbidden } else { RetryAction::NoActionIndicated }
    }

    fn name(&self) -> &'static str {
        "no retry of HTML"
    }
}

/// ElastiCache's own word for calls that come too fast, which is not among the SDK's.
#[derive(Debug)]
pub(super) struct RetryOfThrottling;

impl ClassifyRetry for RetryOfThrottling {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        let body = context.response().and_then(|response| response.body().bytes());
        if body.is_some_and(tells_of_throttling) {
            RetryAction::throttling_error()
        } else {
            RetryAction::NoActionIndicated
        }
    }

    fn name(&self) -> &'static str {
        "retry of ElastiCache's throttling"
    }
}

fn tells_of_throttling(body: &[u8]) -> bool {
    const CODE: &[u8] = b"<Code>APICallRateForCustomerExceeded";
    // An error is short; a long answer isn't searched.
    body.len() < 4096 && body.windows(CODE.len()).any(|part| part == CODE)
}

/// Whether a body is an HTML page.
pub(super) fn is_html(body: &[u8]) -> bool {
    let start: Vec<u8> = body.iter().copied().skip_while(u8::is_ascii_whitespace).take(14).collect();
    let start = start.to_ascii_lowercase();
    start.starts_with(b"<!doctype html") || start.starts_with(b"<html")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_is_told_from_xml() {
        assert!(is_html(b"<!doctype html>\n<html lang=en>"));
        assert!(is_html(b"\n <HTML><body>502</body>"));
        assert!(!is_html(b"<?xml version=\"1.0\"?><ErrorResponse/>"));
        assert!(!is_html(b""));
    }

    #[test]
    fn elasticaches_throttling_is_tried_again() {
        let error = |code: &str| format!("<ErrorResponse><Error><Code>{code}</Code></Error></ErrorResponse>");
        assert!(tells_of_throttling(error("APICallRateForCustomerExceeded").as_bytes()));
        assert!(tells_of_throttling(error("APICallRateForCustomerExceededFault").as_bytes()));
        assert!(!tells_of_throttling(error("InvalidParameterValue").as_bytes()));
    }

    #[test]
    fn an_address_is_scheme_host_and_port() {
        assert_eq!(address_of("http://127.0.0.1:4566/?a=b"), "http://127.0.0.1:4566");
        assert_eq!(address_of("https://ec2.us-east-1.amazonaws.com"), "https://ec2.us-east-1.amazonaws.com");
    }
}
