//! `destroy`: deletes all that the stack owns, whatever half of it exists, and keeps its data if asked to.

use super::{Context, change};
use crate::args::Destroy;
use crate::error::Error;
use crate::session::Intent;

pub(super) fn run(args: &Destroy, context: &Context) -> Result<u8, Error> {
    change(&args.change, Intent::Destroy, |session| session.keeping_data(args.snapshot.as_deref()), context)
}
