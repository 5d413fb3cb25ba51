//! What can end a round.

use crate::Problem;
use postroom_microsoft::DoorError;
use postroom_store::StoreError;

/// Why a round did not end level.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MirrorError {
    /// Microsoft, or the way there.
    #[error(transparent)]
    Door(#[from] DoorError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something that the engine itself found.
    #[error(transparent)]
    Problem(#[from] Problem),
    /// An answer that Microsoft's reference does not know.
    #[error("Microsoft's answer cannot be used: {0}")]
    Unfit(String),
    /// The engine stops; the next start goes on.
    #[error("stopping")]
    Stopping,
}

impl From<super::item::Unfit> for MirrorError {
    fn from(error: super::item::Unfit) -> Self {
        Self::Unfit(error.to_string())
    }
}
