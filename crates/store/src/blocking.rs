//! Work that blocks, within asynchronous work.

use tokio::runtime::{Handle, RuntimeFlavor};

/// Does something that blocks for a short time: in place, for a hop to another thread costs more
/// than the read. On a runtime of one thread `block_in_place` would panic and nobody is to be let
/// by.
pub(crate) fn short<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}
