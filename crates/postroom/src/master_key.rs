//! Where the master key comes from: a file that is named, `POSTROOM_MASTER_KEY`, a systemd
//! credential, else one made beside the settings, outside the data folder.

use crate::settings::Settings;
use crate::trouble::usage;
use crate::{environment, folder, output, platform};
use anyhow::Context;
use postroom_store::seal::MasterKey;
use std::path::{Path, PathBuf};

/// The name of the systemd credential.
const CREDENTIAL: &str = "postroom-master-key";

/// The setting by which the store remembers that somebody has a copy of the key.
pub(crate) const BACKED_UP: &str = "master_key_backed_up";

/// Where a key was found.
#[derive(Clone, Debug)]
pub(crate) enum Origin {
    /// A file that settings name.
    Named(PathBuf),
    /// The environment.
    Environment,
    /// systemd.
    Credential(PathBuf),
    /// A file that Postroom made itself: nobody else may know of it.
    Made(PathBuf),
}

/// The key for a data folder. Makes one where there is neither a key nor a database yet.
pub(crate) fn find(settings: &Settings, data: &Path) -> anyhow::Result<(MasterKey, Origin)> {
    if let Some(path) = &settings.master_key_file {
        let key = MasterKey::read_file(path)
            .with_context(|| format!("the master key file {} cannot be used", path.display()))?;
        return Ok((key, Origin::Named(path.clone())));
    }
    if let Some(text) = environment::text("POSTROOM_MASTER_KEY") {
        let key = MasterKey::parse(&text).context("POSTROOM_MASTER_KEY cannot be used")?;
        return Ok((key, Origin::Environment));
    }
    if let Some(path) = platform::credentials_directory().map(|folder| folder.join(CREDENTIAL))
        && path.exists()
    {
        // systemd itself looks after the permissions of these.
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("reading the credential {}", path.display()))?;
        let key = MasterKey::parse(&text)
            .with_context(|| format!("the credential {} cannot be used", path.display()))?;
        return Ok((key, Origin::Credential(path)));
    }
    let path = own_file(data)?;
    if path.exists() {
        return Ok((MasterKey::read_file(&path)?, Origin::Made(path)));
    }
    if folder::has_database(data) {
        anyhow::bail!(
            "the data folder {data} was made with a master key that is not here: it was expected \
             in {path}; give it with --master-key-file FILE or POSTROOM_MASTER_KEY. Without it \
             secrets and sign-ins cannot be read: move the data folder away and begin anew",
            data = data.display(),
            path = path.display(),
        );
    }
    Ok((make(&path)?, Origin::Made(path)))
}

fn make(path: &Path) -> anyhow::Result<MasterKey> {
    if let Some(folder) = path.parent() {
        platform::make_private_folder(folder)
            .with_context(|| format!("making the folder {}", folder.display()))?;
    }
    let key = MasterKey::generate()?;
    key.write_new_file(path)?;
    output::warning(format_args!(
        "a new master key was made: {}\n  Secrets and sign-ins in the data folder cannot be read \
         without it. Keep a copy in another place than the copies of the data folder, then run \
         `postroom doctor --master-key-backed-up`.",
        path.display()
    ));
    Ok(key)
}

/// The file of a key made for this data folder: named by the folder, so that several data folders
/// of one user do not get in each other's way.
fn own_file(data: &Path) -> anyhow::Result<PathBuf> {
    let home = platform::config_home().ok_or_else(|| {
        usage(
            "there is no home folder to keep a master key in: make one with `openssl rand -hex 32 \
             > FILE`, give it mode 600, and name it with --master-key-file",
        )
    })?;
    let whole = std::fs::canonicalize(data)
        .or_else(|_| std::path::absolute(data))
        .unwrap_or_else(|_| data.to_owned());
    let hash = blake3::hash(whole.as_os_str().as_encoded_bytes()).to_hex();
    Ok(home
        .join("postroom")
        .join(format!("master-{}.key", &hash[..16])))
}
