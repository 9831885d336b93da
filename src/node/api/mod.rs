//! The AWS API of the local cloud: dialects, and one module a service with its operations as rows of a table.
//!
//! Typed input is read from parameters, a typed operation runs on the control state, and its typed output is written.
//! No handler waits, reads a clock or does input or output.

pub(crate) mod ec2;
pub(crate) mod elasticache;
pub(crate) mod http;
pub(crate) mod instance_connect;
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

/// Where a list goes on after the item whose id is the marker; if that is gone, where the first greater id is. So a
/// removal between two pages neither skips nor repeats anything.
fn place_after<Item>(items: &[Item], marker: &str, id: impl Fn(&Item) -> String) -> usize {
    let same = items.iter().position(|item| id(item) == marker).map(|at| at + 1);
    let greater = || items.iter().position(|item| id(item).as_str() > marker);
    same.or_else(greater).unwrap_or(items.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_goes_on_after_the_marker_even_if_that_is_gone() {
        let after = |items: &[&str], marker: &str| place_after(items, marker, |item| (*item).to_owned());
        assert_eq!(after(&["a", "b", "c"], "b"), 2);
        assert_eq!(after(&["b", "c"], "b"), 1);
        assert_eq!(after(&["a", "c"], "b"), 1);
        assert_eq!(after(&["a", "c"], "c"), 2);
        assert_eq!(after(&["a"], "z"), 1);
        assert_eq!(after(&[], "a"), 0);
    }
}
