//! Loads real mail into a mailbox: an mbox file, a Maildir, an `.eml` file or a folder of them.
//! Whatever is not loaded is named with its reason.

mod mbox;
pub(crate) mod parse;

use std::fs;
use std::path::{Path, PathBuf};

use super::folder::{ROOT, well_known};
use super::item::Item;
use super::mailbox::Mailbox;

/// What an import did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// How many messages are in the mailbox now that were not before.
    pub loaded: usize,
    /// What was refused: its source, and why.
    pub rejected: Vec<(String, String)>,
}

/// How deep folders of folders are followed.
const DEEPEST: usize = 16;

/// Loads everything at a path.
pub(crate) fn import(mailbox: &mut Mailbox, path: &Path, now: i64) -> ImportReport {
    let mut report = ImportReport::default();
    let inbox = well_known("inbox").unwrap_or(ROOT);
    let mut importer = Importer {
        mailbox,
        report: &mut report,
        now,
    };
    importer.any(path, inbox, 0);
    report
}

struct Importer<'a> {
    mailbox: &'a mut Mailbox,
    report: &'a mut ImportReport,
    now: i64,
}

impl Importer<'_> {
    fn any(&mut self, path: &Path, folder: u32, depth: usize) {
        match fs::metadata(path) {
            Err(error) => self.reject(path.display().to_string(), error.to_string()),
            Ok(data) if data.is_dir() && path.join("cur").is_dir() => {
                self.maildir(path, folder);
            }
            Ok(data) if data.is_dir() => self.directory(path, folder, depth),
            Ok(_) => self.file(path, folder),
        }
    }

    fn directory(&mut self, path: &Path, folder: u32, depth: usize) {
        if depth > DEEPEST {
            self.reject(path.display().to_string(), "nested too deeply".to_owned());
            return;
        }
        for entry in self.sorted(path) {
            if entry.is_dir() {
                let name = entry
                    .file_name()
                    .map(|name| name.to_string_lossy().into_owned())
                    .unwrap_or_default();
                let parent = if depth == 0 { ROOT } else { folder };
                let below = self.mailbox.folder_named(parent, &name);
                self.any(&entry, below, depth + 1);
            } else {
                self.file(&entry, folder);
            }
        }
    }

    /// A Maildir with the folders of Maildir++: `.Name.Below` beside `cur` and `new`.
    fn maildir(&mut self, path: &Path, folder: u32) {
        for part in ["cur", "new"] {
            for entry in self.sorted(&path.join(part)) {
                let name = entry.to_string_lossy().into_owned();
                let flags = name.rsplit_once(":2,").map_or("", |(_, flags)| flags);
                let read = flags.contains('S');
                let flagged = flags.contains('F');
                self.message_file(&entry, folder, |item| {
                    item.is_read = read;
                    if flagged {
                        item.flag.status = super::item::FlagStatus::Flagged;
                    }
                });
            }
        }
        for entry in self.sorted(path) {
            let Some(name) = entry
                .file_name()
                .map(|name| name.to_string_lossy().into_owned())
            else {
                continue;
            };
            if let Some(below) = name
                .strip_prefix('.')
                .filter(|_| entry.join("cur").is_dir())
            {
                let mut target = ROOT;
                for part in below.split('.').filter(|part| !part.is_empty()) {
                    target = match well_known(&part.to_ascii_lowercase()) {
                        Some(known) => known,
                        None => self.mailbox.folder_named(target, part),
                    };
                }
                self.maildir(&entry, target);
            }
        }
    }

    fn file(&mut self, path: &Path, folder: u32) {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) => return self.reject(path.display().to_string(), error.to_string()),
        };
        let is_message = path
            .extension()
            .is_some_and(|end| end.eq_ignore_ascii_case("eml"));
        if !is_message && mbox::looks_like(&bytes) {
            for (place, raw) in mbox::split(&bytes).into_iter().enumerate() {
                let source = format!("{} message {}", path.display(), place + 1);
                self.message(source, &raw, folder, |_| {});
            }
            return;
        }
        self.message(path.display().to_string(), &bytes, folder, |_| {});
    }

    fn message_file(&mut self, path: &Path, folder: u32, change: impl FnOnce(&mut Item)) {
        match fs::read(path) {
            Ok(bytes) => self.message(path.display().to_string(), &bytes, folder, change),
            Err(error) => self.reject(path.display().to_string(), error.to_string()),
        }
    }

    fn message(&mut self, source: String, raw: &[u8], folder: u32, change: impl FnOnce(&mut Item)) {
        match parse::read(raw, self.now) {
            Ok(mut item) => {
                change(&mut item);
                self.mailbox.add(folder, item);
                self.report.loaded += 1;
            }
            Err(reason) => self.reject(source, reason),
        }
    }

    fn sorted(&mut self, path: &Path) -> Vec<PathBuf> {
        let mut found = Vec::new();
        match fs::read_dir(path) {
            Ok(entries) => {
                for entry in entries {
                    match entry {
                        Ok(entry) => found.push(entry.path()),
                        Err(error) => self.reject(path.display().to_string(), error.to_string()),
                    }
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => self.reject(path.display().to_string(), error.to_string()),
        }
        found.sort();
        found
    }

    fn reject(&mut self, source: String, reason: String) {
        self.report.rejected.push((source, reason));
    }
}
