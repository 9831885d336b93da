//! `apply`: makes it so.

use super::{Context, change};
use crate::args::Change;
use crate::error::Error;
use crate::session::Intent;

pub(super) fn run(args: &Change, context: &Context) -> Result<u8, Error> {
    change(args, Intent::Apply, None, context)
}
