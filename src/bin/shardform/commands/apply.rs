//! `apply`: makes it so.

use super::{Context, change};
use crate::args::Apply;
use crate::error::Error;
use crate::session::Intent;

pub(super) fn run(args: &Apply, context: &Context) -> Result<u8, Error> {
    change(&args.change, Intent::Apply, |session| session.expiring_in(args.expires_in), context)
}
