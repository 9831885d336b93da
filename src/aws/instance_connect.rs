//! EC2 Instance Connect: a way onto a client host for who doesn't have its key.

use super::AwsCloud;
use super::error::failed;
use crate::cloud::CloudError;

impl AwsCloud {
    /// Has an instance accept a public key (OpenSSH's format) for a user, for 60 seconds: long enough to log in with it.
    ///
    /// # Errors
    /// The cloud doesn't know the instance, or it isn't running, or these credentials may not do it.
    pub async fn push_public_key(&self, instance_id: &str, user: &str, public_key: &str) -> Result<(), CloudError> {
        let request = self.instance_connect.send_ssh_public_key().instance_id(instance_id).instance_os_user(user);
        let sent = Box::pin(request.ssh_public_key(public_key).send()).await;
        sent.map_err(failed("ec2-instance-connect:SendSSHPublicKey"))?;
        Ok(())
    }
}
