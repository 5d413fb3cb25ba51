//! Moves what is committed from the log into the database, beside the writer: a checkpoint of tens
//! of megabytes in the middle of a first sync would hold up every commit behind it.

use super::connection;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;

/// The log is moved whenever it has grown by so many bytes.
const EVERY: u64 = 8 << 20;

/// The thread that moves the log, and the way to it.
pub(super) struct Checkpoints {
    log: PathBuf,
    asked_at: u64,
    ask: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpoints {
    /// For a database. Without a thread (there is none to be had) the writer does it, as SQLite
    /// does by itself.
    pub(super) fn start(database: &Path) -> Self {
        let mut log = database.as_os_str().to_owned();
        log.push("-wal");
        // One that is asked for while one is under way is enough.
        let (ask, asked) = sync_channel(1);
        let path = database.to_owned();
        let thread = std::thread::Builder::new()
            .name("postroom-log".into())
            .spawn(move || run(&path, &asked));
        Self {
            log: log.into(),
            asked_at: 0,
            ask: thread.is_ok().then_some(ask),
            thread: thread.ok(),
        }
    }

    /// To be called after a commit.
    pub(super) fn committed(&mut self) {
        let Some(ask) = &self.ask else {
            return;
        };
        let size = std::fs::metadata(&self.log).map_or(0, |log| log.len());
        if size < self.asked_at {
            // It begins anew.
            self.asked_at = 0;
        }
        if size >= self.asked_at + EVERY {
            self.asked_at = size;
            // Full: it is asked for already.
            let _ = ask.try_send(());
        }
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        self.ask = None;
        if let Some(thread) = self.thread.take() {
            // Nothing in it panics, and nothing is to be learned here.
            let _ = thread.join();
        }
    }
}

fn run(path: &Path, asked: &Receiver<()>) {
    let Ok(connection) = connection::checkpointer(path) else {
        return;
    };
    while asked.recv().is_ok() {
        // What cannot be moved now, for a reader looks at it, is moved the next time.
        let _ = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    /// A log that began anew is short, and has to grow only as much as the first one did.
    #[test]
    fn every_log_is_moved_as_it_grows() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("log");
        let file = File::create(&log).expect("made");
        let (ask, asked) = sync_channel(1);
        let mut checkpoints = Checkpoints {
            log,
            asked_at: 0,
            ask: Some(ask),
            thread: None,
        };
        let mut asks = |size: u64| {
            file.set_len(size).expect("as long");
            checkpoints.committed();
            asked.try_recv().is_ok()
        };
        for _ in 0..2 {
            assert!(!asks(EVERY - 1));
            assert!(asks(EVERY));
            assert!(!asks(EVERY + 1));
            assert!(asks(2 * EVERY));
            assert!(!asks(4096), "it began anew");
        }
    }
}
