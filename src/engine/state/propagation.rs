//! What replicas must hear of a command: itself, something else in its place, or more.

/// Commands for replicas that are still to be sent, and how the command at hand wants to be told.
#[derive(Debug, Default)]
pub struct Propagation {
    /// What is to be told instead of the command at hand; `None`: the command itself.
    pub instead: Option<Vec<Vec<Vec<u8>>>>,
    /// What has been gathered since the outermost command began.
    pub pending: Vec<(usize, Vec<Vec<u8>>)>,
    /// Commands within commands: EXEC and scripts have those that they run within them.
    pub depth: usize,
    /// Whether what is pending must stand in a transaction, also if it is only one command.
    pub in_transaction: bool,
    /// Whether what is pending is no transaction although it is more than one command: keys that went of themselves.
    pub apart: bool,
}

impl Propagation {
    /// Tells the replicas this instead of the command at hand.
    pub fn instead(&mut self, command: &[&[u8]]) {
        self.instead = Some(vec![owned(command)]);
    }

    /// Tells the replicas this, too, in place of the command at hand.
    pub fn also(&mut self, command: &[&[u8]]) {
        self.instead.get_or_insert_default().push(owned(command));
    }

    /// The command at hand may find any number of keys that have expired: to the replicas they go one by one, unless it is
    /// itself part of something.
    pub fn may_meet_expired(&mut self) {
        self.apart = self.depth == 0;
    }

    /// Tells the replicas nothing of the command at hand.
    pub fn nothing(&mut self) {
        self.instead = Some(Vec::new());
    }
}

/// A copy of arguments.
pub fn owned(command: &[&[u8]]) -> Vec<Vec<u8>> {
    command.iter().map(|argument| argument.to_vec()).collect()
}

/// A command as replicas read it.
pub fn write_command<B: AsRef<[u8]>>(out: &mut Vec<u8>, command: &[B]) {
    let mut number = itoa::Buffer::new();
    out.push(b'*');
    out.extend_from_slice(number.format(command.len()).as_bytes());
    out.extend_from_slice(b"\r\n");
    for argument in command {
        let argument = argument.as_ref();
        out.push(b'$');
        out.extend_from_slice(number.format(argument.len()).as_bytes());
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(argument);
        out.extend_from_slice(b"\r\n");
    }
}
