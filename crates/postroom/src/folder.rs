//! The data folder, seen from outside: is there a database, and which server has it.

use crate::platform;
use postroom_engine::shell_word;
use serde::{Deserialize, Serialize};
use std::path::Path;

const FILE: &str = "server.json";

/// What a running server says about itself in its data folder.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ServerNote {
    /// Its process.
    pub(crate) pid: u32,
    /// Where it is reached.
    pub(crate) url: String,
}

impl ServerNote {
    /// Leaves the note.
    pub(crate) fn write(folder: &Path, url: &str) -> anyhow::Result<()> {
        let note = Self {
            pid: std::process::id(),
            url: url.to_owned(),
        };
        platform::write_private(&folder.join(FILE), &serde_json::to_vec(&note)?)?;
        Ok(())
    }

    /// Takes it away.
    pub(crate) fn remove(folder: &Path) {
        let _ = std::fs::remove_file(folder.join(FILE));
    }

    /// The note of a server that, as far as can be told, still runs.
    pub(crate) fn of_running(folder: &Path) -> Option<Self> {
        let text = std::fs::read(folder.join(FILE)).ok()?;
        let note: Self = serde_json::from_slice(&text).ok()?;
        (platform::is_running(note.pid) != Some(false)).then_some(note)
    }
}

/// Whether a store was made in this folder (see `postroom_store::sqlite`).
pub(crate) fn has_database(folder: &Path) -> bool {
    folder.join("postroom.db").exists()
}

/// What to tell somebody who finds the folder in use.
pub(crate) fn in_use(folder: &Path, holder: &str) -> anyhow::Error {
    let folder_name = folder.display();
    match ServerNote::of_running(folder) {
        Some(note) => anyhow::anyhow!(
            "the data folder {folder_name} is in use by the server at {url} (process {pid}): talk \
             to it with --server {url} and a key (--key or POSTROOM_KEY); `postroom key create \
             --name NAME --data {data}` makes one beside the running server",
            data = shell_word(&folder_name.to_string()),
            url = note.url,
            pid = note.pid,
        ),
        None => anyhow::anyhow!(
            "the data folder {folder_name} is in use by {holder}: wait until it is done, or stop it"
        ),
    }
}
