//! From the parts of an HTTP request to a call of a service, and from its outcome to an answer. No sockets.
//!
//! The region and the service come from the signature's credential scope; the signature itself is not verified: the
//! local cloud has no secrets and listens on loopback.

use std::net::{Ipv4Addr, Ipv6Addr};

use hyper::{HeaderMap, Method, Uri, header};
use serde_json::{Value, json};

use super::query::Parameters;
use super::xml::Xml;
use super::{Call, Operation, ec2, elasticache, instance_connect, ssm, sts};
use crate::node::control::error::ApiError;
use crate::node::control::network::Surroundings;
use crate::node::control::{State, Timing};

const DEFAULT_REGION: &str = "us-east-1";

/// A service of the local cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Service {
    ElastiCache,
    Ec2,
    Sts,
    Ssm,
    InstanceConnect,
}

impl Service {
    /// Name as in a credential scope.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ElastiCache => "elasticache",
            Self::Ec2 => "ec2",
            Self::Sts => "sts",
            Self::Ssm => "ssm",
            Self::InstanceConnect => "ec2-instance-connect",
        }
    }

    fn named(name: &str) -> Option<Self> {
        let all = [Self::ElastiCache, Self::Ec2, Self::Sts, Self::Ssm, Self::InstanceConnect];
        all.into_iter().find(|service| service.as_str() == name)
    }

    /// The service and the operation that the header of a JSON call names.
    fn targeted(target: &str) -> Option<(Self, &str)> {
        let (name, action) = target.split_once('.')?;
        match name {
            "AmazonSSM" => Some((Self::Ssm, action)),
            "AWSEC2InstanceConnectService" => Some((Self::InstanceConnect, action)),
            _ => None,
        }
    }

    /// The operations of a service that speaks JSON.
    fn json_actions(self) -> &'static [&'static str] {
        match self {
            Self::Ssm => ssm::ACTIONS,
            Self::InstanceConnect => instance_connect::ACTIONS,
            Self::ElastiCache | Self::Ec2 | Self::Sts => &[],
        }
    }

    fn operations(self) -> &'static [Operation] {
        match self {
            Self::ElastiCache => elasticache::OPERATIONS,
            Self::Ec2 => ec2::OPERATIONS,
            Self::Sts => sts::OPERATIONS,
            // Their answers are JSON, not rows of an XML table.
            Self::Ssm | Self::InstanceConnect => &[],
        }
    }

    fn namespace(self) -> &'static str {
        match self {
            Self::Ec2 => "http://ec2.amazonaws.com/doc/2016-11-15/",
            Self::Sts => "https://sts.amazonaws.com/doc/2011-06-15/",
            Self::ElastiCache | Self::Ssm | Self::InstanceConnect => "http://elasticache.amazonaws.com/doc/2015-02-02/",
        }
    }
}

/// A call as it was understood.
#[derive(Clone, Debug)]
pub(crate) struct ApiCall {
    pub service: Service,
    pub region: String,
    pub action: String,
    pub parameters: Parameters,
    /// Body of a JSON service.
    pub json: Value,
}

/// An answer that is ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub status: u16,
    pub content_type: &'static str,
    pub body: String,
    pub request_id: String,
}

/// What a call did.
pub(crate) struct Outcome {
    pub answer: Answer,
    /// Whether the state may have changed.
    pub wrote: bool,
}

impl ApiCall {
    /// Reads a request.
    pub fn read(method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Result<Self, ApiError> {
        let query = uri.query().unwrap_or_default();
        let scope = Scope::read(headers, query);
        let region = scope.as_ref().map_or(DEFAULT_REGION, |scope| scope.region.as_str()).to_owned();
        check_region(&region)?;
        if let Some(target) = headers.get("x-amz-target").and_then(|target| target.to_str().ok()) {
            let (service, action) = Service::targeted(target).ok_or_else(|| unknown_operation(target))?;
            let json = serde_json::from_slice(body)
                .map_err(|error| ApiError::new("SerializationException", error.to_string()))?;
            let action = action.to_owned();
            return Ok(Self { service, region, action, parameters: Parameters::default(), json });
        }
        let form = if *method == Method::GET { query.as_bytes() } else { body };
        let parameters = Parameters::decode(form)?;
        let action = parameters
            .string("Action")
            .ok_or_else(|| ApiError::new("MissingAction", "The request must contain the parameter Action"))?;
        if *method == Method::GET && scope.is_none() {
            return Err(only_post("without a signature"));
        }
        let service = match scope.as_ref().and_then(|scope| Service::named(&scope.service)) {
            Some(service) => service,
            None => guess(&action, parameters.text("Version"))?,
        };
        let call = Self { service, region, action, parameters, json: Value::Null };
        // Any web page can make a browser get a URL, whatever is in it; headers it can't add unasked.
        let is_bare_url = *method == Method::GET && !headers.contains_key(header::AUTHORIZATION);
        match is_bare_url && call.operation().is_some_and(|operation| operation.writes) {
            true => Err(only_post("for what changes something")),
            false => Ok(call),
        }
    }

    /// Name for counting, such as `elasticache:DescribeReplicationGroups`.
    pub fn counted_name(&self) -> String {
        format!("{}:{}", self.service.as_str(), self.action)
    }

    /// Whether there is such an operation; what is not is not counted by name.
    pub fn is_known(&self) -> bool {
        self.operation().is_some() || self.service.json_actions().contains(&self.action.as_str())
    }

    fn operation(&self) -> Option<&'static Operation> {
        self.service.operations().iter().find(|row| row.name == self.action)
    }

    /// Runs the call on the state.
    pub fn run(
        &self,
        state: &mut State,
        now_ms: u64,
        timing: Timing,
        peer: Option<&Surroundings>,
        request_id: &str,
    ) -> Outcome {
        let (region, context) = state.enter(&self.region, now_ms, timing, peer);
        match self.service {
            Service::Ssm => {
                return Outcome { answer: ssm::answer(region, &self.action, &self.json, request_id), wrote: false };
            }
            // What is accepted for a minute is not kept.
            Service::InstanceConnect => {
                let answer = instance_connect::answer(region, &context, &self.action, &self.json, request_id);
                return Outcome { answer, wrote: false };
            }
            Service::ElastiCache | Service::Ec2 | Service::Sts => {}
        }
        let Some(operation) = self.operation() else {
            return Outcome { answer: self.refuse(&self.invalid_action(), request_id), wrote: false };
        };
        let mut call = Call { region, context, parameters: &self.parameters, xml: Xml::default() };
        let is_rehearsal = self.service == Service::Ec2 && self.parameters.text("DryRun") == Some("true");
        let outcome = match is_rehearsal {
            true => Err(ApiError::new("DryRunOperation", "Request would have succeeded, but DryRun flag is set.")
                .with_status(412)),
            false => (operation.run)(&mut call),
        };
        match outcome {
            Ok(()) => Outcome { answer: self.succeed(call.xml, request_id), wrote: operation.writes },
            Err(refusal) => Outcome { answer: self.refuse(&refusal, request_id), wrote: false },
        }
    }

    fn invalid_action(&self) -> ApiError {
        let version = self.parameters.text("Version").unwrap_or_default();
        let message = match self.service {
            Service::Ec2 => format!("The action {} is not valid for this web service.", self.action),
            _ => format!("Could not find operation {} for version {version}", self.action),
        };
        ApiError::new("InvalidAction", message)
    }

    fn succeed(&self, inside: Xml, request_id: &str) -> Answer {
        let mut xml = Xml::default();
        xml.root(&format!("{}Response", self.action), self.service.namespace(), |xml| {
            if self.service == Service::Ec2 {
                xml.leaf("requestId", request_id);
                return xml.append(inside);
            }
            xml.group(&format!("{}Result", self.action), |xml| xml.append(inside));
            xml.group("ResponseMetadata", |xml| xml.leaf("RequestId", request_id));
        });
        Answer::xml(200, xml, request_id)
    }

    /// A refusal in the service's dialect.
    pub fn refuse(&self, refusal: &ApiError, request_id: &str) -> Answer {
        match self.service {
            Service::Ssm | Service::InstanceConnect => ssm::refuse(refusal, request_id),
            Service::Ec2 => refuse_ec2(refusal, request_id),
            service => refuse_query(service, refusal, request_id),
        }
    }
}

fn only_post(when: &str) -> ApiError {
    ApiError::new("AccessDenied", format!("The method GET is not answered {when}: use POST.")).with_status(403)
}

/// Why a request is not answered that a web page may have made, directly or through a name that it made lead here.
pub(crate) fn refuse_web_page(headers: &HeaderMap) -> Option<&'static str> {
    let is_own = |value: &header::HeaderValue| value.as_bytes() == b"none";
    if headers.contains_key(header::ORIGIN) || !headers.get_all("sec-fetch-site").iter().all(is_own) {
        return Some("requests of web pages are not answered");
    }
    let is_here = |value: &header::HeaderValue| value.to_str().is_ok_and(is_name_of_here);
    match headers.get_all(header::HOST).iter().all(is_here) {
        true => None,
        false => Some("requests by this host name are not answered: use the IP address or localhost"),
    }
}

/// Whether a Host header's value can't be a name that somebody else's name server makes lead here.
fn is_name_of_here(host: &str) -> bool {
    let is_port = |port: &str| port.bytes().all(|digit| digit.is_ascii_digit());
    let name = host.rsplit_once(':').filter(|(_, port)| is_port(port)).map_or(host, |(name, _)| name);
    if let Some(inside) = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return inside.parse::<Ipv6Addr>().is_ok();
    }
    let name = name.to_ascii_lowercase();
    name.parse::<Ipv4Addr>().is_ok() || name == "localhost" || name.ends_with(".localhost")
}

/// A refusal of a request of which not even the service is known.
pub(crate) fn refuse_unread(headers: &HeaderMap, refusal: &ApiError, request_id: &str) -> Answer {
    let service = Scope::read(headers, "").and_then(|scope| Service::named(&scope.service));
    match service {
        Some(Service::Ssm | Service::InstanceConnect) => ssm::refuse(refusal, request_id),
        Some(Service::Ec2) => refuse_ec2(refusal, request_id),
        service if !headers.contains_key("x-amz-target") => {
            refuse_query(service.unwrap_or(Service::ElastiCache), refusal, request_id)
        }
        _ => ssm::refuse(refusal, request_id),
    }
}

fn refuse_query(service: Service, refusal: &ApiError, request_id: &str) -> Answer {
    let mut xml = Xml::default();
    xml.root("ErrorResponse", service.namespace(), |xml| {
        xml.group("Error", |xml| {
            xml.leaf("Type", if refusal.status < 500 { "Sender" } else { "Receiver" });
            xml.leaf("Code", refusal.code);
            xml.leaf("Message", &refusal.message);
        });
        xml.leaf("RequestId", request_id);
    });
    Answer::xml(refusal.status, xml, request_id)
}

fn refuse_ec2(refusal: &ApiError, request_id: &str) -> Answer {
    let mut xml = Xml::default();
    xml.group("Response", |xml| {
        xml.group("Errors", |xml| {
            xml.group("Error", |xml| {
                xml.leaf("Code", refusal.code);
                xml.leaf("Message", &refusal.message);
            });
        });
        xml.leaf("RequestID", request_id);
    });
    Answer::xml(refusal.status, xml, request_id)
}

impl Answer {
    fn xml(status: u16, xml: Xml, request_id: &str) -> Self {
        Self { status, content_type: "text/xml", body: xml.into_text(), request_id: request_id.to_owned() }
    }

    /// A JSON answer.
    pub fn json(status: u16, content_type: &'static str, body: &Value, request_id: &str) -> Self {
        Self { status, content_type, body: body.to_string(), request_id: request_id.to_owned() }
    }

    /// A short JSON answer to what is no call of the API.
    pub fn note(status: u16, words: &str, request_id: &str) -> Self {
        Self::json(status, "application/json", &json!({ "message": words }), request_id)
    }
}

/// Where a signature says that its request goes.
struct Scope {
    region: String,
    service: String,
}

impl Scope {
    fn read(headers: &HeaderMap, query: &str) -> Option<Self> {
        let from_header = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(|value| {
            let (_, rest) = value.split_once("Credential=")?;
            rest.split([',', ' ']).next().map(str::to_owned)
        });
        let from_query = || {
            let mut pairs = form_urlencoded::parse(query.as_bytes());
            pairs.find(|(name, _)| name == "X-Amz-Credential").map(|(_, value)| value.into_owned())
        };
        let credential = from_header.or_else(from_query)?;
        // The access key may hold slashes, the four parts after it may not.
        let mut parts = credential.rsplitn(5, '/');
        let terminator = parts.next()?;
        let (service, region) = (parts.next()?.to_owned(), parts.next()?.to_owned());
        (terminator == "aws4_request").then_some(Self { region, service })
    }
}

fn check_region(region: &str) -> Result<(), ApiError> {
    let made_well = region.chars().all(|one| one.is_ascii_lowercase() || one.is_ascii_digit() || one == '-');
    match made_well && (1..=32).contains(&region.len()) {
        true => Ok(()),
        false => Err(ApiError::value(format!("{region:?} is no name of a region"))),
    }
}

/// The service of a request without a signature: by its version, else by who has the operation.
fn guess(action: &str, version: Option<&str>) -> Result<Service, ApiError> {
    match version {
        Some("2015-02-02") => return Ok(Service::ElastiCache),
        Some("2016-11-15") => return Ok(Service::Ec2),
        Some("2011-06-15") => return Ok(Service::Sts),
        _ => {}
    }
    let services = [Service::ElastiCache, Service::Ec2, Service::Sts];
    let has = |service: &Service| service.operations().iter().any(|row| row.name == action);
    services.into_iter().find(has).ok_or_else(|| {
        ApiError::new(
            "InvalidAction",
            format!("Could not find operation {action} for version {}", version.unwrap_or_default()),
        )
    })
}

fn unknown_operation(target: &str) -> ApiError {
    ApiError::new("UnknownOperationException", format!("{target} is not an operation of this local cloud"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(authorization: &str, body: &str) -> Result<ApiCall, ApiError> {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, authorization.parse().unwrap());
        ApiCall::read(&Method::POST, &Uri::from_static("/"), &headers, body.as_bytes())
    }

    #[test]
    fn region_and_service_come_from_the_scope() {
        let scope =
            "AWS4-HMAC-SHA256 Credential=a/b/20261122/eu-west-1/ec2/aws4_request, SignedHeaders=host, Signature=0";
        let call = read(scope, "Action=DescribeVpcs").unwrap();
        assert_eq!((call.region.as_str(), call.service), ("eu-west-1", Service::Ec2));
        assert_eq!(call.counted_name(), "ec2:DescribeVpcs");
    }

    #[test]
    fn unsigned_calls_are_guessed() {
        let call = read("none", "Action=DescribeVpcs").unwrap();
        assert_eq!((call.region.as_str(), call.service), ("us-east-1", Service::Ec2));
        assert_eq!(read("none", "Action=X&Version=2015-02-02").unwrap().service, Service::ElastiCache);
        assert_eq!(read("none", "Action=X").unwrap_err().code, "InvalidAction");
        assert_eq!(read("none", "").unwrap_err().code, "MissingAction");
    }

    #[test]
    fn query_signatures_are_read() {
        let uri =
            Uri::from_static("/?Action=GetCallerIdentity&X-Amz-Credential=AK%2F1%2Fus-west-2%2Fsts%2Faws4_request");
        let call = ApiCall::read(&Method::GET, &uri, &HeaderMap::new(), b"").unwrap();
        assert_eq!((call.region.as_str(), call.service), ("us-west-2", Service::Sts));
    }

    #[test]
    fn bare_urls_change_nothing() {
        let get = |query: &str, authorization: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            headers.extend(authorization.map(|value| (header::AUTHORIZATION, header::HeaderValue::from_static(value))));
            let uri = format!("/?Version=2015-02-02&{query}").parse().unwrap();
            ApiCall::read(&Method::GET, &uri, &headers, b"").map_err(|refusal| (refusal.code, refusal.status))
        };
        let scope = "X-Amz-Credential=a/1/us-west-2/elasticache/aws4_request";
        let delete = "Action=DeleteReplicationGroup&ReplicationGroupId=a";
        assert_eq!(get(delete, None).unwrap_err(), ("AccessDenied", 403));
        assert_eq!(get("Action=DescribeReplicationGroups", None).unwrap_err(), ("AccessDenied", 403));
        assert_eq!(get(&format!("{delete}&{scope}"), None).unwrap_err(), ("AccessDenied", 403));
        assert!(get(&format!("Action=DescribeReplicationGroups&{scope}"), None).is_ok());
        assert!(get(delete, Some("Credential=a/1/us-west-2/elasticache/aws4_request, Signature=0")).is_ok());
    }

    #[test]
    fn web_pages_are_known_by_their_headers() {
        let refusal = |name: &'static str, value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, header::HeaderValue::from_static(value));
            refuse_web_page(&headers)
        };
        for here in
            ["127.0.0.1:4510", "127.0.0.1", "[::1]:4510", "[::1]", "10.0.0.7:1", "LocalHost:4510", "a.localhost"]
        {
            assert_eq!(refusal("host", here), None, "{here}");
        }
        for other in
            ["example.com", "example.com:4510", "localhost.example.com", "xlocalhost", "127.0.0.1.example.com", ""]
        {
            assert!(refusal("host", other).is_some_and(|words| words.contains("host name")), "{other}");
        }
        assert_eq!(refusal("sec-fetch-site", "none"), None);
        for page in ["cross-site", "same-site", "same-origin", ""] {
            assert!(refusal("sec-fetch-site", page).is_some(), "{page}");
        }
        assert!(refusal("origin", "null").is_some());
    }

    #[test]
    fn images_say_what_their_root_volume_is() {
        let call = read("none", "Action=DescribeImages&Version=2016-11-15").unwrap();
        let body = call.run(&mut State::default(), 0, Timing::default(), None, "id").answer.body;
        assert!(body.contains("<rootDeviceName>/dev/xvda</rootDeviceName>"), "{body}");
        let (_, device) = body.split_once("<blockDeviceMapping><item><deviceName>/dev/xvda</deviceName><ebs>").unwrap();
        let (device, _) = device.split_once("</ebs>").unwrap();
        assert!(device.contains("<volumeSize>8</volumeSize>") && device.contains("<snapshotId>snap-0"), "{device}");
    }

    #[test]
    fn unknown_actions_are_refused_in_the_dialect_of_the_service() {
        let mut state = State::default();
        let mut answer = |service: &str| {
            let scope = format!("Credential=a/1/eu-west-1/{service}/aws4_request");
            let call = read(&scope, "Action=Nothing&Version=1").unwrap();
            call.run(&mut state, 0, Timing::default(), None, "id").answer
        };
        let ec2 = answer("ec2");
        assert!(ec2.body.starts_with("<Response><Errors><Error><Code>InvalidAction</Code>"), "{}", ec2.body);
        assert_eq!(ec2.status, 400);
        assert!(answer("elasticache").body.contains("<Error><Type>Sender</Type><Code>InvalidAction</Code>"));
    }
}
