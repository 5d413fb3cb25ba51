//! What a process opens a store for.

/// What a process opens a store for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// To run the gateway: one at a time has the store.
    Engine,
    /// To read or write something small, beside an engine that may be running (`key create`). The
    /// engine sees what was written at once. A data folder's engine is not woken by it, a
    /// database's is.
    Beside,
}
