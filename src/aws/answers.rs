//! For tests: a cloud that answers from a function, without a network, and keeps what it was asked.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_ec2::config::retry::RetryConfig;
use aws_sdk_ec2::config::{Credentials, SharedCredentialsProvider};
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};

use super::{AwsCloud, AwsOptions};

/// A request's parameters.
pub(super) type Form = BTreeMap<String, String>;

/// What a cloud was asked, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked(Arc<Mutex<Vec<Form>>>);

impl Asked {
    /// The requests of one operation.
    pub(super) fn of(&self, action: &str) -> Vec<Form> {
        let all = self.0.lock().unwrap();
        all.iter().filter(|form| form["Action"] == action).cloned().collect()
    }
}

/// A cloud of the stack `day19` in us-east-1. A text that tells of an error is sent with the status 400.
pub(super) fn cloud(answer: impl Fn(&Form) -> String + Send + Sync + 'static) -> (AwsCloud, Asked) {
    let asked = Asked::default();
    let connector = SharedHttpConnector::new(Answers { answer: Box::new(answer), asked: asked.clone() });
    let sdk = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new("test", "test", None, None, "test")))
        .retry_config(RetryConfig::disabled())
        .http_client(http_client_fn(move |_, _| connector.clone()))
        .build();
    (AwsCloud::with(&sdk, AwsOptions { stack: "day19".to_owned(), ..AwsOptions::default() }), asked)
}

/// An error in ElastiCache's dialect.
pub(super) fn refusal(code: &str, message: &str) -> String {
    format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
         </ErrorResponse>"
    )
}

/// An error in EC2's dialect.
pub(super) fn ec2_refusal(code: &str, message: &str) -> String {
    format!("<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors></Response>")
}

/// An answer of ElastiCache.
pub(super) fn result(action: &str, content: &str) -> String {
    format!("<{action}Response><{action}Result>{content}</{action}Result></{action}Response>")
}

/// An answer of EC2.
pub(super) fn response(action: &str, content: &str) -> String {
    format!("<{action}Response>{content}</{action}Response>")
}

struct Answers {
    answer: Box<dyn Fn(&Form) -> String + Send + Sync>,
    asked: Asked,
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answers")
    }
}

impl HttpConnector for Answers {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let form: Form = form_urlencoded::parse(request.body().bytes().unwrap()).into_owned().collect();
        let body = (self.answer)(&form);
        self.asked.0.lock().unwrap().push(form);
        let status: u16 = if body.contains("<Error>") { 400 } else { 200 };
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status.try_into().unwrap(), body.into())))
    }
}
