//! The plan file and the files and variables that it names, read at the edge.

use std::path::{Path, PathBuf};

use shardform::desired::Inputs;
use shardform::resource::Address;
use shardform::secret::Secret;
use shardform::spec::{KeyPairSpec, PlanFile, ReadOptions, read};

use crate::args::PlanFileArgs;
use crate::environment::Environment;
use crate::error::{Error, Finding, Place};

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
            let wrong = |message: String, hint: &str| {
                let at = place(plan_file, "client.key_pair.public_key_file");
                Error::Impossible(vec![Finding::in_plan_file(at, message, hint)])
            };
            let text = std::fs::read_to_string(&path);
            let text = text.map_err(|source| {
                wrong(format!("can't read {}: {source}", path.display()), "the path is relative to the plan file")
            })?;
            Some(public_key(&text).map_err(|(what, hint)| wrong(format!("{} {what}", path.display()), hint))?)
        }
        Some(KeyPairSpec::Generate { .. } | KeyPairSpec::Existing(_)) | None => None,
    };
    Ok(Inputs { public_key, ..Inputs::default() })
}

/// Checks that a text is a public key that EC2 takes, before it is shown or sent anywhere: it may be a private key that
/// was named by mistake. Answers with what is wrong, and what to do.
fn public_key(text: &str) -> Result<String, (&'static str, &'static str)> {
    if text.contains("PRIVATE KEY") {
        return Err(("is a private key", "name the file of its public half, which ends with .pub"));
    }
    let form = "EC2 takes a public key in OpenSSH's format: `ssh-ed25519 …` or `ssh-rsa …`";
    let key = ssh_key::PublicKey::from_openssh(text.trim()).map_err(|_| ("is not a public key", form))?;
    match key.algorithm() {
        ssh_key::Algorithm::Ed25519 | ssh_key::Algorithm::Rsa { .. } => Ok(text.trim().to_owned()),
        _ => Err(("is a public key of a kind that EC2 doesn't take", form)),
    }
}

/// The AUTH token, from the variable that the plan file names.
pub fn auth_token(plan_file: &PlanFile, environment: &Environment) -> Result<Option<Secret>, Error> {
    let Some(variable) = &plan_file.spec.cluster.auth_token_env else {
        return Ok(None);
    };
    match environment.filled(variable) {
        Some(token) if is_token(token) => Ok(Some(Secret::new(token.to_owned()))),
        Some(_) => {
            let at = place(plan_file, "cluster.auth_token_env");
            let message = format!("the value of {variable} can't be an AUTH token");
            let hint = "an AUTH token has 16 to 128 printable characters; of the others than letters and digits only \
                        ! & # $ ^ < > -";
            Err(Error::Impossible(vec![Finding::in_plan_file(at, message, hint)]))
        }
        None => Err(Error::NoToken { variable: variable.clone(), at: place(plan_file, "cluster.auth_token_env") }),
    }
}

/// ElastiCache's rule for AUTH tokens.
fn is_token(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "!&#$^<>-".contains(c);
    (16..=128).contains(&text.len()) && text.chars().all(allowed)
}

/// Where the plan file wants the generated private key; `None`: it doesn't say.
pub fn private_key_file(plan_file: &PlanFile) -> Option<PathBuf> {
    match key_pair(plan_file)? {
        KeyPairSpec::Generate { private_key_file } => private_key_file.as_ref().map(|path| beside(plan_file, path)),
        KeyPairSpec::PublicKeyFile(_) | KeyPairSpec::Existing(_) => None,
    }
}

/// Whether the client host's key is generated, and the plan file doesn't say where its private half goes.
pub fn generates_key_at_default(plan_file: &PlanFile) -> bool {
    let has_client = plan_file.spec.client.is_some();
    has_client && matches!(key_pair(plan_file), None | Some(KeyPairSpec::Generate { private_key_file: None }))
}

/// Whether the client host's key is generated.
pub fn generates_key(plan_file: &PlanFile) -> bool {
    plan_file.spec.client.is_some() && matches!(key_pair(plan_file), None | Some(KeyPairSpec::Generate { .. }))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_keys_that_ec2_takes_pass() {
        let ed25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti me@here\n";
        assert_eq!(public_key(ed25519).as_deref(), Ok(ed25519.trim()));
        let what = |text: &str| public_key(text).map_err(|(what, _)| what);
        let private = ["-----BEGIN OPENSSH", "PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA"].join(" ");
        assert_eq!(what(&private), Err("is a private key"));
        assert_eq!(what("hello"), Err("is not a public key"));
        assert_eq!(what(""), Err("is not a public key"));
    }

    #[test]
    fn tokens_keep_to_elasticaches_rule() {
        assert!(is_token("correct-horse-battery-staple"));
        for wrong in ["short", "with a blank in the middle of it", "umlaut-ä-umlaut-ä-umlaut", &"x".repeat(129)] {
            assert!(!is_token(wrong), "{wrong}");
        }
    }
}
