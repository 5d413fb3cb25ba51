//! Large contents as files.
//!
//! A file gets its name only when it is whole and on disk, and its row only after that: a file
//! without a row is an orphan that the next collection removes, a row without its file cannot be.
//! What is between the two, [`Pending`], is held against a collection that runs meanwhile.

use crate::contract::{Result, StoreError};
use crate::file_error::from_io;
use crate::private;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use postroom_model::resource::attachment::BlobRef;
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::io::AsyncReadExt as _;

/// Contents up to this size lie in the database.
pub(crate) const IN_DATABASE: u64 = 128 * 1024;

/// The file that says whose the folder is: the ids of stores, a line each.
const OWNER: &str = "store";

/// The folder of files.
#[derive(Clone, Debug)]
pub(crate) struct BlobFiles(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    temporary: PathBuf,
    next: AtomicU64,
    held: Mutex<Held>,
}

/// What a collection must leave alone.
#[derive(Debug, Default)]
struct Held {
    /// By hash: how many hold it now.
    now: HashMap<String, usize>,
    /// What was held at any time since a collection began; kept while one runs.
    since: HashSet<String>,
    collections: usize,
}

/// A collection under way.
#[derive(Debug)]
pub(crate) struct Collection {
    files: BlobFiles,
    /// The hashes of the files that are there.
    pub(crate) hashes: Vec<String>,
}

/// Files that are whole and have, or soon have, a row. While this lives, no collection removes
/// them.
#[derive(Debug)]
pub(crate) struct Pending {
    files: BlobFiles,
    hash: String,
}

/// A file that is being written; removed when dropped.
#[derive(Debug)]
pub(crate) struct Temporary {
    path: PathBuf,
    file: File,
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // Gone already when it got its name. If it stays, the next start removes it.
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Temporary {
    /// Adds a piece.
    pub(crate) fn write(&mut self, piece: &[u8]) -> Result<()> {
        self.file
            .write_all(piece)
            .map_err(|error| self.failed(error))
    }

    fn failed(&self, source: io::Error) -> StoreError {
        failed(&self.path, "writing", source)
    }
}

impl BlobFiles {
    /// Opens the folder; with `clear`, removes what a process that died was writing.
    pub(crate) fn open(folder: PathBuf, clear: bool) -> Result<Self> {
        let temporary = folder.join("temporary");
        if clear && temporary.exists() {
            std::fs::remove_dir_all(&temporary)
                .map_err(|source| failed(&temporary, "clearing", source))?;
        }
        private::create_folder(&temporary)
            .map_err(|source| failed(&temporary, "making", source))?;
        Ok(Self(Arc::new(Inner {
            folder,
            temporary,
            next: AtomicU64::new(0),
            held: Mutex::default(),
        })))
    }

    /// Sees that the folder is this store's own, and notes so: a store removes files that it has no
    /// row for, and must not be given the folder of another one.
    pub(crate) fn claim(&self, store: &str) -> Result<()> {
        let owners = self.owners()?;
        if owners.iter().any(|owner| owner == store) {
            return Ok(());
        }
        if !owners.is_empty() || !self.hashes()?.is_empty() {
            return Err(StoreError::Unusable {
                place: format!("the folder {}", self.0.folder.display()),
                reason: "it holds the contents of another store: name an empty folder, or the one \
                         that belongs to this database"
                    .into(),
            });
        }
        self.own(store)
    }

    fn owners(&self) -> Result<Vec<String>> {
        let path = self.0.folder.join(OWNER);
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok(text.lines().map(str::to_owned).collect()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(source) => Err(failed(&path, "reading", source)),
        }
    }

    /// Notes that the folder is this store's, too: it is about to take that name.
    pub(crate) fn own(&self, store: &str) -> Result<()> {
        if self.owners()?.iter().any(|owner| owner == store) {
            return Ok(());
        }
        let path = self.0.folder.join(OWNER);
        let write = || {
            let mut file = private::file_options()
                .append(true)
                .create(true)
                .open(&path)?;
            writeln!(file, "{store}")?;
            file.sync_all()?;
            private::sync_folder(&self.0.folder)
        };
        write().map_err(|source| failed(&path, "writing", source))
    }

    /// Where a content lies. `None` when the text is no hash: it must not lead out of the folder.
    pub(crate) fn path(&self, hash: &str) -> Option<PathBuf> {
        let is_hash = hash.len() == 64 && hash.bytes().all(|digit| digit.is_ascii_hexdigit());
        is_hash.then(|| self.0.folder.join(&hash[..2]).join(&hash[2..]))
    }

    /// Begins a file. Another process (`Beside`) may write here too, hence its number in the name.
    pub(crate) fn begin(&self) -> Result<Temporary> {
        let number = self.0.next.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{number}", std::process::id());
        let path = self.0.temporary.join(name);
        let file = private::file_options()
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path)
            .map_err(|source| failed(&path, "writing", source))?;
        Ok(Temporary { path, file })
    }

    /// Gives a file its name. When this returns, content and name survive a power cut.
    pub(crate) fn finish(&self, temporary: Temporary, blob: &BlobRef) -> Result<Pending> {
        let pending = self.hold(&blob.hash);
        let path = self.path(&blob.hash).ok_or_else(not_a_hash)?;
        if self.is_whole(&path, blob) {
            return Ok(pending);
        }
        let place = || {
            temporary.file.sync_all()?;
            let folder = path.parent().unwrap_or(&self.0.folder);
            if !folder.exists() {
                private::create_folder(folder)?;
                private::sync_folder(&self.0.folder)?;
            }
            std::fs::rename(&temporary.path, &path)?;
            private::sync_folder(folder)
        };
        place().map_err(|source| failed(&path, "writing", source))?;
        Ok(pending)
    }

    /// Keeps a content that is at hand.
    pub(crate) fn put(&self, blob: &BlobRef, content: &[u8]) -> Result<Pending> {
        let mut temporary = self.begin()?;
        temporary.write(content)?;
        self.finish(temporary, blob)
    }

    /// Opens a content's file.
    pub(crate) fn read(&self, blob: &BlobRef) -> Result<File> {
        let path = self.path(&blob.hash).ok_or_else(not_a_hash)?;
        let open = || {
            let file = File::open(&path)?;
            if file.metadata()?.len() == blob.size {
                Ok(file)
            } else {
                Err(io::Error::other(
                    "the file is not as long as it was written",
                ))
            }
        };
        open().map_err(|source| failed(&path, "reading", source))
    }

    /// Begins a collection: lists the files. Whoever collects asks the database which of them have
    /// a row, without holding anybody up, and then calls [`Collection::remove`].
    pub(crate) fn begin_collection(&self) -> Result<Collection> {
        self.lock().collections += 1;
        // Counted already: dropped with an error, it counts back.
        let mut collection = Collection {
            files: self.clone(),
            hashes: Vec::new(),
        };
        collection.hashes = self.hashes()?;
        Ok(collection)
    }

    fn hashes(&self) -> Result<Vec<String>> {
        let list = || -> io::Result<Vec<String>> {
            let mut hashes = Vec::new();
            for folder in std::fs::read_dir(&self.0.folder)? {
                let folder = folder?;
                let start = folder.file_name().to_string_lossy().into_owned();
                if start.len() != 2 || !folder.file_type()?.is_dir() {
                    continue;
                }
                for file in std::fs::read_dir(folder.path())? {
                    let hash = format!("{start}{}", file?.file_name().to_string_lossy());
                    if self.path(&hash).is_some() {
                        hashes.push(hash);
                    }
                }
            }
            Ok(hashes)
        };
        list().map_err(|source| failed(&self.0.folder, "listing", source))
    }

    fn is_whole(&self, path: &Path, blob: &BlobRef) -> bool {
        // Only whole files have such a name; the length guards against a damaged disk.
        std::fs::metadata(path).is_ok_and(|found| found.len() == blob.size)
    }

    fn hold(&self, hash: &str) -> Pending {
        let mut held = self.lock();
        *held.now.entry(hash.to_owned()).or_default() += 1;
        if held.collections > 0 {
            held.since.insert(hash.to_owned());
        }
        drop(held);
        Pending {
            files: self.clone(),
            hash: hash.to_owned(),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Held> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Collection {
    /// Removes those of `orphans` that nobody held since the collection began: such a one may have
    /// got its row after it was asked for. Gives how many.
    pub(crate) fn remove(self, orphans: &[String]) -> Result<u64> {
        let mut removed = 0;
        for hash in orphans {
            let Some(path) = self.files.path(hash) else {
                continue;
            };
            // Under the lock, so that nobody begins to need it at this moment.
            let held = self.files.lock();
            if held.now.contains_key(hash) || held.since.contains(hash) {
                continue;
            }
            std::fs::remove_file(&path).map_err(|source| failed(&path, "removing", source))?;
            removed += 1;
        }
        Ok(removed)
    }
}

impl Drop for Collection {
    fn drop(&mut self) {
        let mut held = self.files.lock();
        held.collections -= 1;
        if held.collections == 0 {
            held.since.clear();
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        let mut held = self.files.lock();
        if let Some(holders) = held.now.get_mut(&self.hash) {
            *holders -= 1;
            if *holders == 0 {
                held.now.remove(&self.hash);
            }
        }
    }
}

/// A file is read in pieces of this size.
const PIECE: usize = 64 * 1024;

/// A content's file, piece by piece.
pub(crate) fn pieces(file: File) -> BoxStream<'static, Result<Bytes>> {
    let file = tokio::fs::File::from_std(file);
    stream::try_unfold(file, |mut file| async move {
        let mut piece = Vec::with_capacity(PIECE);
        let read = file
            .read_buf(&mut piece)
            .await
            .map_err(|source| StoreError::Io {
                doing: "reading a content".into(),
                source,
            })?;
        Ok((read > 0).then(|| (Bytes::from(piece), file)))
    })
    .boxed()
}

fn not_a_hash() -> StoreError {
    StoreError::Database {
        doing: "keeping a content".into(),
        reason: "its hash is not 64 hexadecimal digits".into(),
    }
}

fn failed(path: &Path, doing: &str, source: io::Error) -> StoreError {
    from_io(doing, path, source)
}
