//! The cluster that all tests of a process share.

use crate::{Cluster, Database};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// The variable that names a server to use.
pub(crate) const VARIABLE: &str = "POSTROOM_TEST_DATABASE_URL";

/// A server on which databases can be made.
#[derive(Debug)]
pub struct Admin {
    url: String,
    databases: AtomicU32,
}

static ADMIN: OnceLock<Admin> = OnceLock::new();

pub(crate) fn admin() -> &'static Admin {
    ADMIN.get_or_init(|| Admin {
        url: named().unwrap_or_else(start),
        databases: AtomicU32::new(0),
    })
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test's tool: there is nobody to hand the environment in"
)]
fn named() -> Option<String> {
    std::env::var(VARIABLE).ok().filter(|url| !url.is_empty())
}

/// Starts one that ends with this process: nothing static is dropped, so a shell of its own waits
/// until this process is gone and stops it then.
fn start() -> String {
    let cluster = match Cluster::start() {
        Ok(cluster) => cluster,
        Err(error) => panic!("{error}"),
    };
    let url = cluster.admin_url();
    // The pipe is never written to: it closes when this process ends, however it does.
    match watcher(&cluster) {
        Ok(child) => {
            std::mem::forget(child);
            std::mem::forget(cluster);
        }
        Err(error) => panic!("the cluster's watcher cannot be started: {error}"),
    }
    url
}

fn watcher(cluster: &Cluster) -> std::io::Result<Child> {
    let data = cluster.folder().join("data");
    let script = format!(
        "trap '' INT TERM HUP; cat >/dev/null; kill -QUIT $(head -1 '{pid}'); \
         while [ -e '{pid}' ]; do sleep 0.05; done; rm -rf '{folder}'",
        pid = data.join("postmaster.pid").display(),
        folder = cluster.folder().display(),
    );
    Command::new("sh")
        .args(["-c", &script])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
}

impl Admin {
    /// The address from which databases are made.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// An empty database, with a name that no other process takes.
    ///
    /// # Panics
    ///
    /// When the server makes none.
    pub fn create_database(&self) -> Database {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("postroom_test_{}_{number}", std::process::id());
        match Database::create(&self.url, &name) {
            Ok(database) => database,
            Err(error) => panic!("no database: {error}"),
        }
    }
}
