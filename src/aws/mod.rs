//! AWS itself, and whatever answers like it: the only place that names the SDK.
//!
//! `observe` reads, `start` makes one call, `status` asks once how far a wait has come; `error` words what goes wrong.
//! Nothing here decides: requests are what [`crate::call`] says, and answers become [`crate::observed`] values.

#[cfg(test)]
mod answers;
mod error;
mod http;
mod instance_connect;
mod inventory;
mod observe;
mod operations;
mod start;
mod status;

use std::path::PathBuf;
use std::time::Duration;

use aws_config::environment::EnvironmentVariableRegionProvider;
use aws_config::meta::region::RegionProviderChain;
use aws_config::profile::ProfileFileRegionProvider;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_ec2::config::Credentials;
use aws_sdk_ec2::config::retry::RetryConfig;
use aws_sdk_ec2::config::timeout::TimeoutConfig;
use tokio::sync::OnceCell;

use crate::call::{Call, Wait};
use crate::cloud::{Accepted, Cloud, CloudError, ErrorKind, Ids, Progress};
use crate::lifetime::caller_name;
use crate::observed::{Observed, Query};
use crate::resource::Tags;
use crate::secret::Secret;

/// The region of a local endpoint where none is named.
const LOCAL_REGION: &str = "us-east-1";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(30);
const ATTEMPTS: u32 = 5;
/// Short, because whoever waits for a plan sees it; longer waits are the executor's.
const FIRST_BACKOFF: Duration = Duration::from_millis(200);
const FIRST_LOCAL_BACKOFF: Duration = Duration::from_millis(25);

/// How to reach a cloud, and what only this edge holds.
#[derive(Clone, Debug, Default)]
pub struct AwsOptions {
    /// Region; `None`: the environment's or the profile's.
    pub region: Option<String>,
    /// Profile; `None`: the environment's or `default`.
    pub profile: Option<String>,
    /// Where all calls go; `None`: as the AWS configuration says, service by service.
    pub endpoint_url: Option<String>,
    /// A local cloud: signs as `local`, and reads no profile files.
    pub local: bool,
    /// The stack's name, by whose tag ownership is told.
    pub stack: String,
    /// AUTH token for clusters that want one.
    pub auth_token: Option<Secret>,
    /// File of the generated private key; `None`: a file of the stack's own in `key_dir`.
    pub private_key_file: Option<PathBuf>,
    /// Where generated private keys are kept by default.
    pub key_dir: PathBuf,
}

/// Who signs the calls, as far as the cloud tells it.
#[derive(Clone, Debug, Default)]
struct Identity {
    /// The account's id.
    account: Option<String>,
    /// The user's or the session's name.
    caller: Option<String>,
}

/// AWS, or what answers like it.
#[derive(Debug)]
pub struct AwsCloud {
    ec2: aws_sdk_ec2::Client,
    elasticache: aws_sdk_elasticache::Client,
    instance_connect: aws_sdk_ec2instanceconnect::Client,
    ssm: aws_sdk_ssm::Client,
    sts: aws_sdk_sts::Client,
    region: String,
    options: AwsOptions,
    /// What the clients are made from, for other regions.
    sdk: SdkConfig,
    /// Who signs, asked for once.
    identity: OnceCell<Identity>,
    looks: status::Looks,
}

impl AwsCloud {
    /// Reads the AWS configuration and makes the clients. Sends nothing (a profile may have to).
    ///
    /// # Errors
    /// No region is known.
    pub async fn connect(options: AwsOptions) -> Result<AwsCloud, CloudError> {
        let sdk = sdk_config(&options).await?;
        Ok(AwsCloud::with(&sdk, options))
    }

    fn with(sdk: &SdkConfig, options: AwsOptions) -> AwsCloud {
        let retry = || http::NoRetryOfHtml;
        let ec2 = aws_sdk_ec2::config::Builder::from(sdk).retry_classifier(retry());
        let elasticache = aws_sdk_elasticache::config::Builder::from(sdk)
            .retry_classifier(retry())
            .retry_classifier(http::RetryOfThrottling);
        let instance_connect = aws_sdk_ec2instanceconnect::config::Builder::from(sdk).retry_classifier(retry());
        let ssm = aws_sdk_ssm::config::Builder::from(sdk).retry_classifier(retry());
        let sts = aws_sdk_sts::config::Builder::from(sdk).retry_classifier(retry());
        AwsCloud {
            ec2: aws_sdk_ec2::Client::from_conf(ec2.build()),
            elasticache: aws_sdk_elasticache::Client::from_conf(elasticache.build()),
            instance_connect: aws_sdk_ec2instanceconnect::Client::from_conf(instance_connect.build()),
            ssm: aws_sdk_ssm::Client::from_conf(ssm.build()),
            sts: aws_sdk_sts::Client::from_conf(sts.build()),
            region: sdk.region().map(ToString::to_string).unwrap_or_default(),
            options,
            sdk: sdk.clone(),
            identity: OnceCell::new(),
            looks: status::Looks::default(),
        }
    }

    /// The same cloud for another stack.
    pub fn of_stack(&self, stack: &str) -> AwsCloud {
        AwsCloud {
            ec2: self.ec2.clone(),
            elasticache: self.elasticache.clone(),
            instance_connect: self.instance_connect.clone(),
            ssm: self.ssm.clone(),
            sts: self.sts.clone(),
            region: self.region.clone(),
            options: AwsOptions { stack: stack.to_owned(), ..self.options.clone() },
            sdk: self.sdk.clone(),
            identity: self.identity.clone(),
            looks: status::Looks::default(),
        }
    }

    /// The same account in another region.
    pub fn in_region(&self, region: &str) -> AwsCloud {
        let sdk = self.sdk.clone().into_builder().region(Region::new(region.to_owned())).build();
        let options = AwsOptions { region: Some(region.to_owned()), ..self.options.clone() };
        AwsCloud { identity: self.identity.clone(), ..AwsCloud::with(&sdk, options) }
    }

    /// The region in use.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Who signs the calls.
    async fn identity(&self) -> &Identity {
        let ask = || async {
            // Of so little use that it isn't worth a retry.
            let once = aws_sdk_sts::config::Builder::new().retry_config(RetryConfig::disabled());
            let request = self.sts.get_caller_identity().customize().config_override(once);
            let Ok(answer) = request.send().await else { return Identity::default() };
            Identity { account: text(answer.account()), caller: answer.arn().and_then(caller_name) }
        };
        self.identity.get_or_init(ask).await
    }

    /// The account's id as names have it: where the cloud doesn't tell it, a word stands for it.
    async fn account_name(&self) -> &str {
        self.identity().await.account.as_deref().unwrap_or("account")
    }

    /// Where the stack's generated private key is.
    pub async fn private_key_file(&self) -> PathBuf {
        match &self.options.private_key_file {
            Some(path) => path.clone(),
            None => {
                let account = self.account_name().await;
                crate::keys::default_path(&self.options.key_dir, account, &self.region, &self.options.stack)
            }
        }
    }

    /// Whose a generated private key is, as its file says.
    async fn key_owner(&self) -> String {
        crate::keys::owner(self.account_name().await, &self.region, &self.options.stack)
    }
}

impl Cloud for AwsCloud {
    async fn observe(&self, query: &Query) -> Result<Observed, CloudError> {
        // The SDK's futures are large; on the heap they don't fill the stack of whoever awaits several.
        Box::pin(observe::observe(self, query)).await
    }

    async fn start(&self, call: &Call, ids: &Ids) -> Result<Accepted, CloudError> {
        Box::pin(start::start(self, call, ids)).await
    }

    async fn status(&self, wait: &Wait, ids: &Ids) -> Result<Progress, CloudError> {
        Box::pin(status::status(self, wait, ids)).await
    }
}

async fn sdk_config(options: &AwsOptions) -> Result<SdkConfig, CloudError> {
    let Some(region) = region(options).await else {
        return Err(CloudError {
            hint: Some("set `region` in the plan file, use --region, or set AWS_REGION".to_owned()),
            ..error::own(ErrorKind::Configuration, "configuration", "no AWS region is set")
        });
    };
    let backoff = if options.local { FIRST_LOCAL_BACKOFF } else { FIRST_BACKOFF };
    let timeouts =
        TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).operation_attempt_timeout(ATTEMPT_TIMEOUT).build();
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .region(region)
        .http_client(http::client())
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS).with_initial_backoff(backoff))
        .timeout_config(timeouts);
    if options.local {
        let credentials = Credentials::new("local", "local", None, None, "shardform local");
        loader = without_profile_files(loader.credentials_provider(credentials));
    } else if let Some(profile) = &options.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(url) = &options.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    Ok(loader.load().await)
}

/// The region by the usual order, without a question to an instance's metadata: that costs seconds everywhere else.
async fn region(options: &AwsOptions) -> Option<Region> {
    let chain = RegionProviderChain::first_try(options.region.clone().map(Region::new))
        .or_else(EnvironmentVariableRegionProvider::new());
    let chain = if options.local {
        chain.or_else(Region::new(LOCAL_REGION))
    } else {
        let mut profile = ProfileFileRegionProvider::builder();
        if let Some(name) = &options.profile {
            profile = profile.profile_name(name);
        }
        chain.or_else(profile.build())
    };
    chain.region().await.filter(|region| !region.as_ref().is_empty())
}

/// A local run must not depend on what a user's profile files say (and may not be able to read them).
#[expect(deprecated, reason = "the loader takes no other type, and its new home is no public interface of aws-config")]
fn without_profile_files(loader: aws_config::ConfigLoader) -> aws_config::ConfigLoader {
    use aws_config::profile::profile_file::{Builder, ProfileFileKind};
    let empty = Builder::new()
        .with_contents(ProfileFileKind::Config, "")
        .with_contents(ProfileFileKind::Credentials, "")
        .build();
    loader.profile_files(empty).profile_name("default")
}

/// The clock, in milliseconds since 1970.
fn now_ms() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.ok().and_then(|now| u64::try_from(now.as_millis()).ok()).unwrap_or(0)
}

/// A text that is not empty.
fn text(value: Option<&str>) -> Option<String> {
    value.filter(|value| !value.is_empty()).map(str::to_owned)
}

/// EC2's tags.
fn ec2_tags(tags: &[aws_sdk_ec2::types::Tag]) -> Tags {
    tags.iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned()))).collect()
}

/// A filter of EC2's reads.
fn filter<V: Into<String>>(name: impl Into<String>, values: impl IntoIterator<Item = V>) -> aws_sdk_ec2::types::Filter {
    aws_sdk_ec2::types::Filter::builder()
        .name(name)
        .set_values(Some(values.into_iter().map(Into::into).collect()))
        .build()
}
