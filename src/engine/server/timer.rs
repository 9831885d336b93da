//! What happens by itself: ten times a second, and when a blocked client's time is over.

use std::rc::Rc;
use std::time::Duration;

use super::shared::Shared;

/// Lets the engine do what is due, for ever.
pub async fn run(shared: Rc<Shared>) {
    loop {
        let wait = {
            let mut engine = shared.engine();
            let wait = engine.tick();
            shared.settle(&mut engine);
            wait
        };
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(wait)) => {}
            () = shared.sooner.notified() => {}
        }
    }
}
