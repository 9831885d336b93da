//! Another EC2 in place of the local cloud's own: subnets and security groups that ElastiCache calls name are looked
//! up there. The only file on this side that knows the AWS SDK; it decides nothing.

use aws_sdk_ec2::Client;
use aws_sdk_ec2::config::retry::RetryConfig;
use aws_sdk_ec2::config::timeout::TimeoutConfig;
use aws_sdk_ec2::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_ec2::types::Filter;

use super::control::error::ApiError;
use super::control::network::{SecurityGroupFact, SubnetFact, Surroundings};

/// How long one answer of the other EC2 may take.
const ANSWER_TIMEOUT: std::time::Duration = std::time::Duration::from_secs(10);

/// Asks the EC2 at `endpoint` for the named subnets and security groups, and for the default ones of the region.
pub(crate) async fn look_up(
    endpoint: &str,
    region: &str,
    subnet_ids: &[String],
    security_group_ids: &[String],
) -> Result<Surroundings, ApiError> {
    let client = client(endpoint, region);
    let mut found = Surroundings::default();
    add_subnets(&client, &mut found, filter("default-for-az", ["true".to_owned()])).await?;
    if !subnet_ids.is_empty() {
        add_subnets(&client, &mut found, filter("subnet-id", subnet_ids.to_vec())).await?;
    }
    add_groups(&client, &mut found, filter("group-name", ["default".to_owned()])).await?;
    if !security_group_ids.is_empty() {
        add_groups(&client, &mut found, filter("group-id", security_group_ids.to_vec())).await?;
    }
    Ok(found)
}

fn client(endpoint: &str, region: &str) -> Client {
    let timeouts = TimeoutConfig::builder().operation_timeout(ANSWER_TIMEOUT).build();
    let config = aws_sdk_ec2::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region.to_owned()))
        .endpoint_url(endpoint)
        .credentials_provider(Credentials::new("test", "test", None, None, "fixed"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .retry_config(RetryConfig::standard().with_max_attempts(2))
        .timeout_config(timeouts)
        .build();
    Client::from_conf(config)
}

/// A filter instead of a list of ids: what does not exist is then absent, and not an error for all.
fn filter(name: &str, values: impl IntoIterator<Item = String>) -> Filter {
    Filter::builder().name(name).set_values(Some(values.into_iter().collect())).build()
}

async fn add_subnets(client: &Client, found: &mut Surroundings, filter: Filter) -> Result<(), ApiError> {
    let answer = client.describe_subnets().filters(filter).send().await.map_err(unreachable_peer)?;
    for subnet in answer.subnets() {
        let fact = SubnetFact {
            id: subnet.subnet_id().unwrap_or_default().to_owned(),
            vpc_id: subnet.vpc_id().unwrap_or_default().to_owned(),
            zone: subnet.availability_zone().unwrap_or_default().to_owned(),
            is_default: subnet.default_for_az().unwrap_or(false),
        };
        if !found.subnets.contains(&fact) {
            found.subnets.push(fact);
        }
    }
    Ok(())
}

async fn add_groups(client: &Client, found: &mut Surroundings, filter: Filter) -> Result<(), ApiError> {
    let answer = client.describe_security_groups().filters(filter).send().await.map_err(unreachable_peer)?;
    for group in answer.security_groups() {
        let fact = SecurityGroupFact {
            id: group.group_id().unwrap_or_default().to_owned(),
            vpc_id: group.vpc_id().unwrap_or_default().to_owned(),
            is_default: group.group_name() == Some("default"),
        };
        if !found.security_groups.contains(&fact) {
            found.security_groups.push(fact);
        }
    }
    Ok(())
}

fn unreachable_peer(error: impl std::error::Error) -> ApiError {
    // The outermost words say only that it failed; why stands in the sources.
    let sources = std::iter::successors(error.source(), |source| source.source());
    let words: Vec<String> = std::iter::once(error.to_string()).chain(sources.map(ToString::to_string)).collect();
    let message = format!("The EC2 that this local cloud was told to ask gave no answer: {}", words.join(": "));
    ApiError::new("InternalFailure", message).with_status(500)
}
