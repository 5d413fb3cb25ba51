//! The lock on a data folder: one engine at a time. The system lets go of it when the process ends,
//! however it ends.

use crate::contract::{Result, StoreError};
use crate::file_error::from_io;
use crate::private;
use postroom_model::Timestamp;
use std::fs::{File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;

/// The lock file's name.
const NAME: &str = "postroom.lock";

/// Held until dropped.
#[derive(Debug)]
pub(super) struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Takes the lock and writes into it who holds it, for whoever comes second.
    pub(super) fn take(folder: &Path) -> Result<Self> {
        let failed = |source| from_io("locking", folder, source);
        let mut file = private::file_options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(folder.join(NAME))
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::Locked {
                    place: format!("the data folder {}", folder.display()),
                    holder: holder(&mut file),
                });
            }
            Err(TryLockError::Error(source)) => return Err(failed(source)),
        }
        let write = |file: &mut File| {
            file.set_len(0)?;
            file.rewind()?;
            file.write_all(introduction().as_bytes())
        };
        write(&mut file).map_err(failed)?;
        Ok(Self { _file: file })
    }
}

/// Who this process is.
#[expect(
    clippy::disallowed_methods,
    reason = "the time is for people who look for the process, on the machine's clock"
)]
fn introduction() -> String {
    let program = std::env::current_exe()
        .ok()
        .and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
        .unwrap_or_else(|| "a program".into());
    format!(
        "{program}, process {}, since {:.0}",
        std::process::id(),
        Timestamp::now()
    )
}

fn holder(file: &mut File) -> String {
    let mut text = String::new();
    // Where a lock forbids reading (Windows), the holder stays unknown.
    match file.read_to_string(&mut text) {
        Ok(_) if !text.trim().is_empty() => text.trim().to_owned(),
        _ => "another process".into(),
    }
}
