//! From the file system's errors to the store's.

use crate::contract::StoreError;
use std::io;
use std::path::Path;

/// The store's error for one of the file system's.
pub(crate) fn from_io(doing: &str, path: &Path, source: io::Error) -> StoreError {
    let place = path.display().to_string();
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            StoreError::Full { place }
        }
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            StoreError::ReadOnly {
                place,
                reason: source.to_string(),
            }
        }
        _ => StoreError::Io {
            doing: format!("{doing} {place}"),
            source,
        },
    }
}
