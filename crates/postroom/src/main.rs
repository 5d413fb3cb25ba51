//! The program `postroom`.

use std::process::ExitCode;

fn main() -> ExitCode {
    postroom::run()
}
