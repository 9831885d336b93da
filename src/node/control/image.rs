//! Machine images: one Amazon Linux 2023 for each processor architecture, under the names that Parameter Store has.

use super::{Region, stable_id};

/// A machine image.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Image {
    pub id: String,
    pub name: String,
    pub description: String,
    /// `x86_64` or `arm64`.
    pub architecture: &'static str,
    /// Snapshot that its root volume is made from.
    pub snapshot_id: String,
    /// Name in Parameter Store that leads to it.
    pub parameter: String,
}

const CREATED: &str = "20260101.0";

/// Series: name in Parameter Store before the architecture, and image name before the date.
const SERIES: &[(&str, &str, &str)] = &[
    ("al2023-ami-kernel-default-", "al2023-ami-2023.9.", "Amazon Linux 2023 AMI"),
    ("al2023-ami-minimal-kernel-default-", "al2023-ami-minimal-2023.9.", "Amazon Linux 2023 minimal AMI"),
];

/// When all images were made.
pub(crate) const CREATION_DATE: &str = "2026-01-01T00:00:00.000Z";

impl Region {
    /// All images of the region.
    pub fn images(&self) -> Vec<Image> {
        let of = |(parameter, name, words): &(&str, &str, &str), architecture: &'static str| Image {
            id: stable_id("ami", &format!("{}/{parameter}{architecture}", self.name)),
            snapshot_id: stable_id("snap", &format!("{}/{parameter}{architecture}", self.name)),
            name: format!("{name}{CREATED}-kernel-6.1-{architecture}"),
            description: format!("{words} {architecture} HVM kernel-6.1"),
            architecture,
            parameter: format!("/aws/service/ami-amazon-linux-latest/{parameter}{architecture}"),
        };
        SERIES.iter().flat_map(|series| [of(series, "x86_64"), of(series, "arm64")]).collect()
    }
}
