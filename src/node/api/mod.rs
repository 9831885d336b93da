//! The AWS API of the local cloud: dialects, and one module a service with its operations as rows of a table.
//!
//! Typed input is read from parameters, a typed operation runs on the control state, and its typed output is written.
//! No handler waits, reads a clock or does input or output.

pub(crate) mod ec2;
pub(crate) mod elasticache;
pub(crate) mod http;
pub(crate) mod query;
pub(crate) mod ssm;
pub(crate) mod sts;
pub(crate) mod xml;

use query::Parameters;
use xml::Xml;

use super::control::error::ApiError;
use super::control::{Context, Region};

/// One operation of a service that answers in XML.
pub(crate) struct Operation {
    pub name: &'static str,
    /// Whether it can change the state.
    pub writes: bool,
    pub run: fn(&mut Call<'_>) -> Result<(), ApiError>,
}

/// What a handler works on.
pub(crate) struct Call<'a> {
    pub region: &'a mut Region,
    pub context: Context<'a>,
    pub parameters: &'a Parameters,
    /// The inside of the answer.
    pub xml: Xml,
}

/// A row of an operation that only reads.
pub(crate) const fn reads(name: &'static str, run: fn(&mut Call<'_>) -> Result<(), ApiError>) -> Operation {
    Operation { name, writes: false, run }
}

/// A row of an operation that changes the state.
pub(crate) const fn writes(name: &'static str, run: fn(&mut Call<'_>) -> Result<(), ApiError>) -> Operation {
    Operation { name, writes: true, run }
}
