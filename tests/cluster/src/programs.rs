//! PostgreSQL's programs on this machine.

use std::io::{Error, ErrorKind, Result};
use std::path::{Path, PathBuf};

/// What is said where PostgreSQL is not installed.
pub const MISSING: &str = "PostgreSQL is not installed: type `apt install postgresql` (Debian, \
    Ubuntu) or `brew install postgresql` (macOS), or set POSTROOM_TEST_DATABASE_URL to a server's \
    admin address";

/// Where its programs are.
#[derive(Clone, Debug)]
pub(crate) struct Programs(PathBuf);

impl Programs {
    /// The newest below `/usr/lib/postgresql`, else those in the PATH.
    pub(crate) fn find() -> Result<Self> {
        let is_there =
            |folder: &Path| folder.join("initdb").exists() && folder.join("pg_ctl").exists();
        let mut installed: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| {
                let version = entry.file_name().to_str()?.parse().ok()?;
                Some((version, entry.path().join("bin")))
            })
            .filter(|(_, folder)| is_there(folder))
            .collect();
        installed.sort();
        if let Some((_, folder)) = installed.pop() {
            return Ok(Self(folder));
        }
        #[expect(
            clippy::disallowed_methods,
            reason = "a test's tool: there is nobody to hand the PATH in"
        )]
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path)
            .find(|folder| is_there(folder))
            .map(Self)
            .ok_or_else(|| Error::new(ErrorKind::NotFound, MISSING))
    }

    pub(crate) fn path(&self, program: &str) -> PathBuf {
        self.0.join(program)
    }
}
