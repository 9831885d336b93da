//! The cloud that flags and environment name: what commands with and without a plan file have in common.

use std::path::PathBuf;

use shardform::aws::AwsOptions;

use crate::args::{Global, parse_url};
use crate::environment::Environment;
use crate::error::Error;
use crate::local;
use crate::terminal::Terminal;

/// Where the local cloud is said to be when nobody names a region.
const LOCAL_REGION: &str = "us-east-1";

/// The variables that name other endpoints than AWS's own: EC2's, everybody's, and the others'.
const ENDPOINT_VARIABLES: [&str; 5] = [
    "AWS_ENDPOINT_URL_EC2",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_ELASTICACHE",
    "AWS_ENDPOINT_URL_SSM",
    "AWS_ENDPOINT_URL_STS",
];

/// Which cloud, and where its generated keys are.
pub struct Account {
    endpoint_url: Option<String>,
    region: Option<String>,
    profile: Option<String>,
    local: bool,
    /// Folder of generated keys; `None`: there is no home for one.
    pub key_dir: Option<PathBuf>,
}

impl Account {
    /// Looks at flags and environment; starts the local cloud if it is asked for.
    pub async fn named(global: &Global, environment: &Environment, terminal: &Terminal) -> Result<Self, Error> {
        let endpoint_url = if global.local {
            Some(local::ensure(environment, terminal).await?)
        } else {
            global.endpoint_url.clone().filter(|url| !url.is_empty())
        };
        let named = if endpoint_url.is_none() { named_endpoint(environment)? } else { None };
        let key_dir = key_folder(endpoint_url.as_deref().or(named), environment);
        let region = global.region.clone().filter(|region| !region.is_empty());
        Ok(Account { endpoint_url, region, profile: global.profile.clone(), local: global.local, key_dir })
    }

    /// What a cloud is connected with, for one stack; `region` counts where no flag names one.
    pub fn options(&self, region: Option<&str>, stack: &str) -> AwsOptions {
        let region = self.region.clone().or_else(|| region.map(str::to_owned));
        AwsOptions {
            region: region.or_else(|| self.local.then(|| LOCAL_REGION.to_owned())),
            profile: self.profile.clone(),
            endpoint_url: self.endpoint_url.clone(),
            local: self.local,
            stack: stack.to_owned(),
            key_dir: self.key_dir.clone().unwrap_or_default(),
            ..AwsOptions::default()
        }
    }
}

/// The flags that name the same cloud again.
pub fn words(global: &Global) -> Vec<String> {
    let mut words: Vec<String> = global.local.then(|| "--local".to_owned()).into_iter().collect();
    for (flag, value) in
        [("--endpoint-url", &global.endpoint_url), ("--region", &global.region), ("--profile", &global.profile)]
    {
        words.extend(value.iter().flat_map(|value| [flag.to_owned(), value.clone()]));
    }
    words
}

/// The endpoint of EC2 that the environment names; all that it names are checked, because an AWS client takes them as
/// they are.
fn named_endpoint(environment: &Environment) -> Result<Option<&str>, Error> {
    for name in ENDPOINT_VARIABLES {
        if let Some(url) = environment.text(name)
            && (url.is_empty() || parse_url(url).is_err())
        {
            return Err(Error::BadEndpoint(name));
        }
    }
    Ok(ENDPOINT_VARIABLES[..2].iter().find_map(|name| environment.text(name)))
}

/// Where generated keys are. Clouds other than AWS all have the same account, so each has a folder of its own.
fn key_folder(endpoint_url: Option<&str>, environment: &Environment) -> Option<PathBuf> {
    let folder = environment.key_folder()?;
    let authority = endpoint_url.and_then(|url| url.split('/').nth(2));
    Some(match authority {
        Some(authority) => folder.join(authority.replace(|c: char| !c.is_ascii_alphanumeric() && c != '.', "-")),
        None => folder,
    })
}
