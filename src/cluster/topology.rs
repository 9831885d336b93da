//! What CLUSTER NODES says, counted. Pure.

/// Hash slots of a Redis cluster.
pub(super) const SLOTS: usize = 16384;

/// Counts of what one node sees.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Topology {
    /// Primaries that serve slots.
    pub(super) primaries: usize,
    /// Replicas that are connected.
    pub(super) replicas: usize,
    /// Slots that are served.
    pub(super) slots: usize,
    /// Nodes that are failing, or thought to be.
    pub(super) failing: usize,
}

/// Reads CLUSTER NODES: `id address flags primary ping pong epoch link slot…` a line.
pub(super) fn parse_nodes(text: &str) -> Topology {
    let mut topology = Topology::default();
    for line in text.lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, _, flags, _, _, _, _, link, slots @ ..] = fields.as_slice() else {
            continue;
        };
        let flags: Vec<&str> = flags.split(',').collect();
        if flags.iter().any(|flag| matches!(*flag, "fail" | "fail?" | "noaddr" | "handshake")) {
            topology.failing += 1;
            continue;
        }
        let served: usize = slots.iter().map(|range| slots_in(range)).sum();
        if flags.contains(&"master") && served > 0 {
            topology.primaries += 1;
            topology.slots += served;
        } else if flags.contains(&"slave") && (*link == "connected" || flags.contains(&"myself")) {
            topology.replicas += 1;
        }
    }
    topology
}

/// Slots of `7` or `0-5461`; of a slot on its way (`[7->-id]`) none, because it is counted where it is served.
fn slots_in(range: &str) -> usize {
    let mut ends = range.splitn(2, '-').map(str::parse::<usize>);
    match (ends.next(), ends.next()) {
        (Some(Ok(_)), None) => 1,
        (Some(Ok(first)), Some(Ok(last))) if last >= first => last - first + 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_on_their_way_are_counted_once() {
        let line = "aaa 10.0.0.1:6379@16379 master - 0 0 1 connected 0-99 200 [300->-bbb] [301-<-ccc]\n";
        assert_eq!(parse_nodes(line), Topology { primaries: 1, replicas: 0, slots: 101, failing: 0 });
    }

    #[test]
    fn lines_that_are_no_nodes_are_passed_over() {
        assert_eq!(parse_nodes("\n\nnonsense\n"), Topology::default());
    }
}
