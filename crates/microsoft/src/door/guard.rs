//! Short critical sections.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks for a moment. Never held over an await. What is behind such a lock is whole between any
/// two statements, so a panic elsewhere does not spoil it.
pub(crate) fn held<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
