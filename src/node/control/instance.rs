//! Instances: records with EC2's life cycle. No machine is behind them.

use serde::{Deserialize, Serialize};

use super::error::ApiError;
use super::instance_connect::PushedKey;
use super::interface::Interface;
use super::validate::{Tags, add_tags};
use super::{Context, Region, Timing};

/// How long a terminated instance stays visible.
const TERMINATED_KEPT_MS: u64 = 3_600_000;
const MOST_AT_ONCE: i64 = 20;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Instance {
    pub id: String,
    pub reservation_id: String,
    pub launch_index: usize,
    pub image_id: String,
    pub architecture: String,
    pub instance_type: String,
    pub key_name: Option<String>,
    pub client_token: Option<String>,
    /// Base64, as it was given.
    pub user_data: Option<String>,
    pub group_ids: Vec<String>,
    pub interface: Interface,
    pub metadata: MetadataOptions,
    pub has_public_address: bool,
    pub volume_id: String,
    pub delete_volume: bool,
    pub device_name: String,
    pub termination_protected: bool,
    pub profile: Option<String>,
    pub state: InstanceState,
    /// Accepted for a minute, which no restart is waited for.
    #[serde(skip)]
    pub pushed_keys: Vec<PushedKey>,
    /// When `state` gives way to the next one, in milliseconds since 1970.
    state_until_ms: Option<u64>,
    /// Milliseconds since 1970.
    pub launch_ms: u64,
    pub tags: Tags,
    pub volume_tags: Tags,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum InstanceState {
    Pending,
    Running,
    ShuttingDown,
    Terminated,
}

impl InstanceState {
    /// Code and name on the wire.
    pub fn code_and_name(self) -> (u16, &'static str) {
        match self {
            Self::Pending => (0, "pending"),
            Self::Running => (16, "running"),
            Self::ShuttingDown => (32, "shutting-down"),
            Self::Terminated => (48, "terminated"),
        }
    }
}

/// How an instance reaches the metadata service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct MetadataOptions {
    pub http_tokens: String,
    pub hop_limit: i64,
    pub http_endpoint: String,
    pub http_protocol_ipv6: String,
    pub instance_tags: String,
}

/// What of [`MetadataOptions`] a call names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct MetadataChange {
    pub http_tokens: Option<String>,
    pub hop_limit: Option<i64>,
    pub http_endpoint: Option<String>,
    pub http_protocol_ipv6: Option<String>,
    pub instance_tags: Option<String>,
}

impl Default for MetadataOptions {
    fn default() -> Self {
        // The defaults of Amazon Linux 2023 images: session tokens required, two hops for containers.
        Self {
            http_tokens: "required".to_owned(),
            hop_limit: 2,
            http_endpoint: "enabled".to_owned(),
            http_protocol_ipv6: "disabled".to_owned(),
            instance_tags: "disabled".to_owned(),
        }
    }
}

impl MetadataOptions {
    fn changed(&self, change: &MetadataChange) -> Result<Self, ApiError> {
        let one_of = |name: &str, value: &Option<String>, old: &String, allowed: [&str; 2]| match value {
            Some(value) if !allowed.contains(&value.as_str()) => {
                Err(ApiError::value(format!("Value ({value}) for parameter {name} is invalid.")))
            }
            value => Ok(value.clone().unwrap_or_else(|| old.clone())),
        };
        let hop_limit = change.hop_limit.unwrap_or(self.hop_limit);
        if !(1..=64).contains(&hop_limit) {
            let message = format!("Value ({hop_limit}) for parameter HttpPutResponseHopLimit is invalid: 1 to 64.");
            return Err(ApiError::value(message));
        }
        let switch = ["enabled", "disabled"];
        Ok(Self {
            http_tokens: one_of("HttpTokens", &change.http_tokens, &self.http_tokens, ["required", "optional"])?,
            hop_limit,
            http_endpoint: one_of("HttpEndpoint", &change.http_endpoint, &self.http_endpoint, switch)?,
            http_protocol_ipv6: one_of(
                "HttpProtocolIpv6",
                &change.http_protocol_ipv6,
                &self.http_protocol_ipv6,
                switch,
            )?,
            instance_tags: one_of("InstanceMetadataTags", &change.instance_tags, &self.instance_tags, switch)?,
        })
    }
}

/// What a client token was used for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Launch {
    input: RunInstances,
    instance_ids: Vec<String>,
}

/// Input of [`Region::run_instances`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct RunInstances {
    pub image_id: String,
    pub instance_type: Option<String>,
    pub key_name: Option<String>,
    pub group_ids: Vec<String>,
    pub group_names: Vec<String>,
    pub subnet_id: Option<String>,
    pub zone: Option<String>,
    pub client_token: Option<String>,
    pub user_data: Option<String>,
    pub metadata: MetadataChange,
    pub public_address: Option<bool>,
    pub delete_volume: Option<bool>,
    pub device_name: Option<String>,
    pub termination_protected: bool,
    pub profile: Option<String>,
    pub tags: Vec<(String, String)>,
    pub volume_tags: Vec<(String, String)>,
    pub least: i64,
    pub most: i64,
}

impl Instance {
    /// Whether it has ended.
    pub fn is_terminated(&self) -> bool {
        self.state == InstanceState::Terminated
    }

    /// When the clock next changes it.
    pub fn due_ms(&self) -> Option<u64> {
        self.state_until_ms
    }

    /// Public address: of the range reserved for documentation, so that nobody reaches a stranger by it.
    pub fn public_ip(&self) -> Option<String> {
        let has_one = self.has_public_address && matches!(self.state, InstanceState::Pending | InstanceState::Running);
        has_one.then(|| format!("203.0.113.{}", super::stable_number(&self.id) % 246 + 8))
    }

    /// Private name, such as `ip-172-31-0-4.ec2.internal`.
    pub fn private_name(&self, region: &str) -> String {
        let domain = if region == "us-east-1" { "ec2".to_owned() } else { format!("{region}.compute") };
        format!("ip-{}.{domain}.internal", self.interface.private_ip.replace('.', "-"))
    }
}

/// An instance that does not exist.
pub(crate) fn not_found(id: &str) -> ApiError {
    ApiError::new("InvalidInstanceID.NotFound", format!("The instance ID '{id}' does not exist"))
}

impl Region {
    /// Starts instances, or gives those that the same client token started before.
    pub fn run_instances(&mut self, context: &mut Context<'_>, input: RunInstances) -> Result<Vec<Instance>, ApiError> {
        if let Some(launch) = input.client_token.as_ref().and_then(|token| self.launches.get(token)) {
            if launch.input != input {
                return Err(ApiError::new(
                    "IdempotentParameterMismatch",
                    "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).",
                ));
            }
            return Ok(launch.instance_ids.iter().filter_map(|id| self.instances.get(id).cloned()).collect());
        }
        if input.client_token.as_ref().is_some_and(|token| token.len() > 64 || !token.is_ascii()) {
            return Err(ApiError::value("Client token is invalid: at most 64 ASCII characters are allowed."));
        }
        let template = self.instance_template(context, &input)?;
        let mut started = Vec::new();
        for launch_index in 0..usize::try_from(input.most).unwrap_or(1) {
            let of = template.interface.clone();
            let instance = Instance {
                id: context.source.id("i"),
                volume_id: context.source.id("vol"),
                interface: self.new_interface(context, &of.subnet_id, &of.vpc_id, &of.zone),
                launch_index,
                ..template.clone()
            };
            self.instances.insert(instance.id.clone(), instance.clone());
            started.push(instance);
        }
        if let Some(token) = input.client_token.clone() {
            let instance_ids = started.iter().map(|instance| instance.id.clone()).collect();
            self.launches.insert(token, Launch { input, instance_ids });
        }
        Ok(started)
    }

    fn instance_template(&self, context: &mut Context<'_>, input: &RunInstances) -> Result<Instance, ApiError> {
        if input.least < 1 || input.most < input.least || input.most > MOST_AT_ONCE {
            return Err(ApiError::value(format!(
                "MinCount must be at least 1, and MaxCount at least MinCount and at most {MOST_AT_ONCE}."
            )));
        }
        let image = self.images().into_iter().find(|image| image.id == input.image_id).ok_or_else(|| {
            let message = format!("The image id '[{}]' does not exist", input.image_id);
            ApiError::new("InvalidAMIID.NotFound", message)
        })?;
        let instance_type = input.instance_type.clone().unwrap_or_else(|| "m1.small".to_owned());
        check_type(&instance_type, image.architecture)?;
        if let Some(name) = input.key_name.as_ref().filter(|name| !self.key_pairs.contains_key(*name)) {
            return Err(super::key_pair::not_found(name));
        }
        let subnet = match &input.subnet_id {
            Some(id) => self.network.subnet(id)?,
            None => self.network.default_subnet(input.zone.as_deref())?,
        };
        let interface = Interface {
            id: String::new(),
            attachment_id: String::new(),
            subnet_id: subnet.id.clone(),
            vpc_id: subnet.vpc_id.clone(),
            zone: subnet.zone.clone(),
            private_ip: String::new(),
        };
        check_user_data(input.user_data.as_deref())?;
        Ok(Instance {
            id: String::new(),
            reservation_id: context.source.id("r"),
            launch_index: 0,
            image_id: image.id,
            architecture: image.architecture.to_owned(),
            instance_type,
            key_name: input.key_name.clone(),
            client_token: input.client_token.clone(),
            user_data: input.user_data.clone(),
            group_ids: self.launch_groups(input, &subnet.vpc_id)?,
            metadata: MetadataOptions::default().changed(&input.metadata)?,
            has_public_address: input.public_address.unwrap_or(subnet.is_default),
            interface,
            volume_id: String::new(),
            delete_volume: input.delete_volume.unwrap_or(true),
            device_name: input.device_name.clone().unwrap_or_else(|| "/dev/xvda".to_owned()),
            termination_protected: input.termination_protected,
            profile: input.profile.clone(),
            state: InstanceState::Pending,
            pushed_keys: Vec::new(),
            state_until_ms: Some(context.now_ms + context.timing.instance_ms),
            launch_ms: context.now_ms,
            tags: add_tags(&Tags::new(), &input.tags)?,
            volume_tags: add_tags(&Tags::new(), &input.volume_tags)?,
        })
    }

    fn launch_groups(&self, input: &RunInstances, vpc_id: &str) -> Result<Vec<String>, ApiError> {
        let mut ids = Vec::new();
        for id in &input.group_ids {
            match self.security_groups.get(id) {
                Some(group) if group.vpc_id == vpc_id => ids.push(id.clone()),
                Some(_) => {
                    let message = format!("Security group {id} and subnet {vpc_id} belong to different networks.");
                    return Err(ApiError::value(message));
                }
                None => return Err(super::security_group::not_found(id)),
            }
        }
        for name in &input.group_names {
            ids.push(self.security_group_id(None, Some(name))?);
        }
        if ids.is_empty() {
            let is_default =
                |group: &&super::security_group::SecurityGroup| group.vpc_id == vpc_id && group.name == "default";
            ids.extend(self.security_groups.values().find(is_default).map(|group| group.id.clone()));
        }
        Ok(ids)
    }

    /// Ends instances: all of them or none. Gives each with its state before and after.
    pub fn terminate_instances(
        &mut self,
        context: &Context<'_>,
        ids: &[String],
    ) -> Result<Vec<(String, InstanceState, InstanceState)>, ApiError> {
        for id in ids {
            let instance = self.instances.get(id).ok_or_else(|| not_found(id))?;
            if instance.termination_protected {
                return Err(ApiError::new(
                    "OperationNotPermitted",
                    format!(
                        "The instance '{id}' may not be terminated. Modify its 'disableApiTermination' instance attribute and try again."
                    ),
                ));
            }
        }
        let mut changes = Vec::new();
        for id in ids {
            let Some(instance) = self.instances.get_mut(id) else {
                continue;
            };
            let before = instance.state;
            if matches!(before, InstanceState::Pending | InstanceState::Running) {
                instance.state = InstanceState::ShuttingDown;
                instance.state_until_ms = Some(context.now_ms + context.timing.instance_ms);
            }
            changes.push((id.clone(), before, instance.state));
        }
        Ok(changes)
    }

    /// Changes how an instance reaches the metadata service.
    pub fn modify_metadata(&mut self, id: &str, change: &MetadataChange) -> Result<MetadataOptions, ApiError> {
        let instance = self.instances.get_mut(id).ok_or_else(|| not_found(id))?;
        if !matches!(instance.state, InstanceState::Pending | InstanceState::Running) {
            let message = format!("The instance '{id}' is not in a state from which it can be modified.");
            return Err(ApiError::new("IncorrectInstanceState", message));
        }
        instance.metadata = instance.metadata.changed(change)?;
        Ok(instance.metadata.clone())
    }

    /// Moves instances on by the clock; says whether anything changed.
    pub fn settle_instances(&mut self, now_ms: u64, timing: Timing) -> bool {
        let before = self.instances.len();
        let mut changed = false;
        for instance in self.instances.values_mut() {
            let is_due = |until_ms: u64| match instance.state {
                InstanceState::Terminated => until_ms <= now_ms,
                _ => timing.is_due(until_ms, now_ms),
            };
            if !instance.state_until_ms.is_some_and(is_due) {
                continue;
            }
            changed = true;
            (instance.state, instance.state_until_ms) = match instance.state {
                InstanceState::Pending | InstanceState::Running => (InstanceState::Running, None),
                InstanceState::ShuttingDown => (InstanceState::Terminated, Some(now_ms + TERMINATED_KEPT_MS)),
                // Its hour is over: taken out below.
                InstanceState::Terminated => (InstanceState::Terminated, Some(0)),
            };
        }
        self.instances.retain(|_, instance| instance.state_until_ms != Some(0));
        let instances = &self.instances;
        self.launches.retain(|_, launch| launch.instance_ids.iter().any(|id| instances.contains_key(id)));
        changed || self.instances.len() != before
    }
}

/// Family, generation and size as all instance types are named: `t4g.small`, `m7i-flex.xlarge`, `u-6tb1.metal`.
fn check_type(name: &str, architecture: &str) -> Result<(), ApiError> {
    const SIZES: &[&str] = &["nano", "micro", "small", "medium", "large", "xlarge", "metal"];
    let Some((family, size)) = name.split_once('.') else {
        return Err(bad_type(name));
    };
    let base = size.trim_start_matches(|one: char| one.is_ascii_digit());
    let is_size = SIZES.contains(&base) || size.starts_with("metal-");
    let is_family = family.starts_with(|one: char| one.is_ascii_lowercase())
        && family.chars().any(|one| one.is_ascii_digit())
        && family.chars().all(|one| one.is_ascii_lowercase() || one.is_ascii_digit() || one == '-');
    if !is_size || !is_family {
        return Err(bad_type(name));
    }
    // Graviton: a letter g after the generation's digit.
    let after_digits = family.split('-').next().unwrap_or(family).rsplit(|one: char| one.is_ascii_digit()).next();
    let is_arm = after_digits.is_some_and(|letters| letters.starts_with('g')) || family == "a1";
    if is_arm != (architecture == "arm64") {
        return Err(ApiError::value(format!(
            "The architecture '{}' of the specified instance type does not match the architecture '{architecture}' of \
             the specified AMI. Specify an instance type and an AMI that have matching architectures, and try again.",
            if is_arm { "arm64" } else { "x86_64" }
        )));
    }
    Ok(())
}

fn bad_type(name: &str) -> ApiError {
    ApiError::value(format!("Invalid value '{name}' for InstanceType."))
}

fn check_user_data(text: Option<&str>) -> Result<(), ApiError> {
    use base64::Engine as _;
    let Some(text) = text else { return Ok(()) };
    let Ok(bytes) = base64::engine::general_purpose::STANDARD.decode(text) else {
        return Err(ApiError::value("Invalid BASE64 encoding of user data."));
    };
    if bytes.len() > 16384 {
        return Err(ApiError::value("User data is limited to 16384 bytes"));
    }
    Ok(())
}
