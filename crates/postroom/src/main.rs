//! The program `postroom`.

use mimalloc::MiMalloc;
use std::process::ExitCode;

/// A call makes and drops some dozens of small things, mostly on one thread and sometimes on another:
/// glibc's allocator takes a tenth of its time for that, and musl's several times as much.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    postroom::run()
}
