//! What the operating systems do differently: signals, permissions, places, disks. Everything
//! that only Unix can do stands here.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A folder named by an environment variable, if that says an absolute one (XDG Base Directory
/// Specification: others are to be ignored).
fn folder_of(variable: &str) -> Option<PathBuf> {
    let path = PathBuf::from(crate::environment::raw(variable)?);
    path.is_absolute().then_some(path)
}

/// Where this user's programs keep data.
pub(crate) fn data_home() -> Option<PathBuf> {
    if cfg!(windows) {
        return folder_of("LOCALAPPDATA");
    }
    folder_of("XDG_DATA_HOME").or_else(|| Some(folder_of("HOME")?.join(".local/share")))
}

/// Where this user's programs keep settings.
pub(crate) fn config_home() -> Option<PathBuf> {
    if cfg!(windows) {
        return folder_of("APPDATA");
    }
    folder_of("XDG_CONFIG_HOME").or_else(|| Some(folder_of("HOME")?.join(".config")))
}

/// The folder that systemd made for the service (`StateDirectory=`, systemd.exec(5)).
pub(crate) fn state_directory() -> Option<PathBuf> {
    let all = crate::environment::text("STATE_DIRECTORY")?;
    let first = PathBuf::from(all.split(':').next()?);
    first.is_absolute().then_some(first)
}

/// Where systemd puts credentials (`LoadCredential=`, systemd.exec(5)).
pub(crate) fn credentials_directory() -> Option<PathBuf> {
    folder_of("CREDENTIALS_DIRECTORY")
}

/// The settings of the whole machine.
pub(crate) fn machine_config() -> Option<PathBuf> {
    if cfg!(windows) {
        return Some(
            folder_of("PROGRAMDATA")?
                .join("postroom")
                .join("postroom.toml"),
        );
    }
    Some(PathBuf::from("/etc/postroom/postroom.toml"))
}

/// Makes a folder that only its owner can enter; one that is there stays as it is.
pub(crate) fn make_private_folder(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt;
        builder.mode(0o700);
    }
    builder.create(path)
}

/// Writes a file that only its owner can read, whole or not at all.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or_else(|| Path::new("."));
    // tempfile makes files with mode 0600.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Whether others than the owner can read or write it; `None` where that cannot be told.
#[cfg(unix)]
pub(crate) fn open_to_others(path: &Path) -> Option<bool> {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(path).ok()?.permissions().mode();
    Some(mode & 0o077 != 0)
}

/// Whether others than the owner can read or write it; `None` where that cannot be told.
#[cfg(not(unix))]
pub(crate) fn open_to_others(_path: &Path) -> Option<bool> {
    None
}

/// Bytes that may still be written where this lies.
#[cfg(unix)]
pub(crate) fn free_space(path: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(path).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Bytes that may still be written where this lies.
#[cfg(not(unix))]
pub(crate) fn free_space(_path: &Path) -> Option<u64> {
    None
}

/// Whether a process of this number runs; `None` where that cannot be told.
#[cfg(unix)]
pub(crate) fn is_running(process: u32) -> Option<bool> {
    let process = rustix::process::Pid::from_raw(i32::try_from(process).ok()?)?;
    match rustix::process::test_kill_process(process) {
        Ok(()) | Err(rustix::io::Errno::PERM) => Some(true),
        Err(_) => Some(false),
    }
}

/// Whether a process of this number runs; `None` where that cannot be told.
#[cfg(not(unix))]
pub(crate) fn is_running(_process: u32) -> Option<bool> {
    None
}

/// Makes writing beyond a limit on file size (`ulimit -f`, systemd's `LimitFSIZE`) an error that can
/// be told, in place of a signal that kills the program: SIGXFSZ, 25 on every system that this is
/// built for (setrlimit(2)).
#[cfg(unix)]
pub(crate) fn survive_file_size_limit() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    signal(SignalKind::from_raw(25)).map(drop)
}

/// There is no such limit.
#[cfg(not(unix))]
pub(crate) fn survive_file_size_limit() -> io::Result<()> {
    Ok(())
}

/// What asks the program to stop.
#[cfg(unix)]
pub(crate) struct StopSignals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl StopSignals {
    /// Listens from now on: nothing that comes later is missed.
    pub(crate) fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Returns at the next one, with its name.
    pub(crate) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}

/// What asks the program to stop.
#[cfg(not(unix))]
pub(crate) struct StopSignals;

#[cfg(not(unix))]
impl StopSignals {
    /// Listens from now on.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self)
    }

    /// Returns at the next one, with its name.
    pub(crate) async fn next(&mut self) -> &'static str {
        let _ = tokio::signal::ctrl_c().await;
        "Ctrl-C"
    }
}

/// Waits until the program is asked to stop; being asked a second time ends it at once.
pub(crate) async fn asked_to_stop(mut signals: StopSignals) -> &'static str {
    let signal = signals.next().await;
    tokio::spawn(async move {
        signals.next().await;
        std::process::exit(130);
    });
    signal
}
