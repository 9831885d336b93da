//! `validate`: checks a plan file and the files that it names, without asking any cloud.

use serde_json::json;

use super::Context;
use crate::args::PlanFileArgs;
use crate::error::Error;
use crate::plan_file;

pub(super) fn run(args: &PlanFileArgs, context: &Context) -> Result<u8, Error> {
    let plan_file = plan_file::load(args, context.environment)?;
    plan_file::inputs(&plan_file)?;
    let (file, stack) = (&plan_file.file, &plan_file.spec.name);
    if context.terminal.json {
        context.terminal.print_document(&json!({ "valid": true, "file": file, "stack": stack }))?;
    } else {
        context.terminal.say(&format!("{file} is valid (stack {stack})"))?;
    }
    Ok(0)
}
