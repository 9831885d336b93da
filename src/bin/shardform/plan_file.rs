//! The plan file and the files and variables that it names, read at the edge.

use std::path::{Path, PathBuf};

use shardform::desired::Inputs;
use shardform::resource::Address;
use shardform::secret::Secret;
use shardform::spec::{KeyPairSpec, PlanFile, ReadOptions, read};

use crate::args::PlanFileArgs;
use crate::environment::Environment;
use crate::error::{Error, Place};

/// Reads a plan file. `--set` comes before the environment.
pub fn load(args: &PlanFileArgs, environment: &Environment) -> Result<PlanFile, Error> {
    let text = std::fs::read_to_string(&args.file).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => Error::NoPlanFile(args.file.clone()),
        _ => Error::File { verb: "read", path: args.file.clone(), source },
    })?;
    let variable = |name: &str| {
        // The last of several wins, as people expect of a command line.
        let set = args.set.iter().rev().find(|(set, _)| set == name);
        let value = set.map(|(_, value)| value.as_str());
        value.or_else(|| environment.text(name)).map(str::to_owned)
    };
    let options = ReadOptions { variable: &variable };
    read(&args.file.display().to_string(), &text, &options).map_err(Error::PlanFile)
}

/// Where a part of the plan file stands.
pub fn place(plan_file: &PlanFile, path: &str) -> Place {
    let at = plan_file.locate(path);
    Place { file: plan_file.file.clone(), line: at.line, column: at.column }
}

/// Where the plan file asks for a resource.
pub fn place_of(plan_file: &PlanFile, address: Address) -> Place {
    place(plan_file, address.plan_file_path())
}

/// The files that the plan file refers to.
pub fn inputs(plan_file: &PlanFile) -> Result<Inputs, Error> {
    let public_key = match key_pair(plan_file) {
        Some(KeyPairSpec::PublicKeyFile(path)) => {
            let path = beside(plan_file, path);
            let text = std::fs::read_to_string(&path);
            let text = text.map_err(|source| Error::File { verb: "read", path, source })?;
            Some(text.trim().to_owned())
        }
        Some(KeyPairSpec::Generate { .. } | KeyPairSpec::Existing(_)) | None => None,
    };
    Ok(Inputs { public_key })
}

/// The AUTH token, from the variable that the plan file names.
pub fn auth_token(plan_file: &PlanFile, environment: &Environment) -> Result<Option<Secret>, Error> {
    let Some(variable) = &plan_file.spec.cluster.auth_token_env else {
        return Ok(None);
    };
    match environment.filled(variable) {
        Some(token) => Ok(Some(Secret::new(token.to_owned()))),
        None => Err(Error::NoToken { variable: variable.clone(), at: place(plan_file, "cluster.auth_token_env") }),
    }
}

/// Where the plan file wants the generated private key; `None`: it doesn't say.
pub fn private_key_file(plan_file: &PlanFile) -> Option<PathBuf> {
    match key_pair(plan_file)? {
        KeyPairSpec::Generate { private_key_file } => private_key_file.as_ref().map(|path| beside(plan_file, path)),
        KeyPairSpec::PublicKeyFile(_) | KeyPairSpec::Existing(_) => None,
    }
}

/// The private half of the public key that the plan file imports, where it lies beside it as ssh-keygen puts it.
pub fn imported_private_key(plan_file: &PlanFile) -> Option<PathBuf> {
    match key_pair(plan_file)? {
        KeyPairSpec::PublicKeyFile(path) => path.strip_suffix(".pub").map(|path| beside(plan_file, path)),
        KeyPairSpec::Generate { .. } | KeyPairSpec::Existing(_) => None,
    }
}

fn key_pair(plan_file: &PlanFile) -> Option<&KeyPairSpec> {
    plan_file.spec.client.as_ref()?.key_pair.as_ref()
}

/// Paths in the plan file are relative to it, so that it works from every folder.
fn beside(plan_file: &PlanFile, path: &str) -> PathBuf {
    let folder = Path::new(&plan_file.file).parent().unwrap_or(Path::new(""));
    folder.join(path)
}
