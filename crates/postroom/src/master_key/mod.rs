//! Where the master key comes from: a file or a command that settings name, `POSTROOM_MASTER_KEY`, a
//! systemd credential, else one made beside the settings, outside the data folder.

mod command;

use crate::place::StorePlace;
use crate::settings::Settings;
use crate::trouble::usage;
use crate::{environment, output, platform};
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
    /// The output of a command that settings name.
    Command,
    /// The environment.
    Environment,
    /// systemd.
    Credential(PathBuf),
    /// A file that Postroom made itself: nobody else may know of it.
    Made(PathBuf),
    /// One that was made just now.
    New(PathBuf),
}

impl Origin {
    /// Says that a key was made, once there is something that cannot be read without it.
    pub(crate) fn announce(&self) {
        if let Self::New(path) = self {
            output::warning(format_args!(
                "a new master key was made: {}\n  Stored secrets and sign-ins cannot be read \
                 without it. Keep a copy in another place than the copies of the data, then run \
                 `postroom doctor --master-key-backed-up`.",
                path.display()
            ));
        }
    }

    /// After a copy, lets the key be found for the copy, too.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub(crate) fn lend_to(&self, copy: &StorePlace) -> anyhow::Result<()> {
        let (Self::Made(path) | Self::New(path)) = self else {
            return Ok(());
        };
        let own = own_file(copy)?;
        if own == *path {
            return Ok(());
        }
        let key = MasterKey::read_file(path)?;
        match key.write_new_file(&own) {
            Ok(()) => output::say(format_args!(
                "Its master key is in {} now, too.",
                own.display()
            )),
            Err(_) if MasterKey::read_file(&own).is_ok_and(|it| it.is_same_as(&key)) => {}
            Err(_) if own.exists() => output::warning(format_args!(
                "{copy} needs the master key in {}: give it with POSTROOM_MASTER_KEY_FILE, for there is \
                 another one in {}",
                path.display(),
                own.display()
            )),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Writes a key down that was made for a store ([`find_or_generate`]), where it is looked for.
    ///
    /// # Errors
    /// Where the file cannot be written, or is there by now.
    pub(crate) fn keep(&self, key: &MasterKey) -> anyhow::Result<()> {
        match self {
            Self::New(path) => Ok(key.write_new_file(path)?),
            _ => Ok(()),
        }
    }

    /// Takes a key away again that nothing was written with.
    pub(crate) fn forget(&self) {
        if let Self::New(path) = self {
            // One that stays behind is used by the next try.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// The key for a store. Makes one where there is neither a key nor a store yet.
pub(crate) async fn find(
    settings: &Settings,
    place: &StorePlace,
    is_made: bool,
) -> anyhow::Result<(MasterKey, Origin)> {
    if let Some(found) = look(settings, place).await? {
        return Ok(found);
    }
    let path = own_file(place)?;
    if is_made {
        anyhow::bail!(
            "{place} was made with a master key that is not here: it was expected in {path}. Give it \
             with POSTROOM_MASTER_KEY_FILE (a file) or POSTROOM_MASTER_KEY; if the store was moved, or \
             is named in another way than before, its key is in the same folder under its former \
             name. If the key is lost for good, `postroom vault reset` takes the store into use with \
             a new one: secrets are entered anew and users sign in again, and nothing else is lost",
            path = path.display(),
        );
    }
    make_folder_of(&path)?;
    let key = MasterKey::generate()?;
    key.write_new_file(&path)?;
    Ok((key, Origin::New(path)))
}

/// The key that is there, wherever it comes from.
async fn look(
    settings: &Settings,
    place: &StorePlace,
) -> anyhow::Result<Option<(MasterKey, Origin)>> {
    if let Some(path) = &settings.master_key_file {
        let key = MasterKey::read_file(path)
            .with_context(|| format!("the master key file {} cannot be used", path.display()))?;
        return Ok(Some((key, Origin::Named(path.clone()))));
    }
    if let Some(line) = &settings.master_key_command {
        return Ok(Some((command::read(line).await?, Origin::Command)));
    }
    if let Some(text) = environment::text("POSTROOM_MASTER_KEY") {
        let key = MasterKey::parse(&text).context("POSTROOM_MASTER_KEY cannot be used")?;
        return Ok(Some((key, Origin::Environment)));
    }
    if let Some(path) = platform::credentials_directory().map(|folder| folder.join(CREDENTIAL))
        && path.exists()
    {
        // systemd itself looks after the permissions of these.
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("reading the credential {}", path.display()))?;
        let key = MasterKey::parse(&text)
            .with_context(|| format!("the credential {} cannot be used", path.display()))?;
        return Ok(Some((key, Origin::Credential(path))));
    }
    let path = own_file(place)?;
    if path.exists() {
        return Ok(Some((MasterKey::read_file(&path)?, Origin::Made(path))));
    }
    Ok(None)
}

/// The key that a store is to have whose own is lost: the one that is named, or a new one for the
/// place where it is looked for. A new one is not there yet: what is in a file is taken for a key of
/// the store, and that it is only once the store was opened ([`Origin::keep`]).
pub(crate) async fn find_or_generate(
    settings: &Settings,
    place: &StorePlace,
) -> anyhow::Result<(MasterKey, Origin)> {
    let path = match &settings.master_key_file {
        Some(path) if !path.exists() => path.clone(),
        _ => match look(settings, place).await? {
            Some(found) => return Ok(found),
            None => own_file(place)?,
        },
    };
    make_folder_of(&path)?;
    Ok((MasterKey::generate()?, Origin::New(path)))
}

fn make_folder_of(path: &Path) -> anyhow::Result<()> {
    let Some(folder) = path.parent().filter(|it| !it.as_os_str().is_empty()) else {
        return Ok(());
    };
    // One that somebody made keeps the permissions that it has.
    if folder.is_dir() {
        return Ok(());
    }
    platform::make_private_folder(folder)
        .with_context(|| format!("making the folder {}", folder.display()))
}

/// The file of a key made for this place: named by it, so that several data folders of one user do
/// not get in each other's way.
fn own_file(place: &StorePlace) -> anyhow::Result<PathBuf> {
    let home = platform::config_home().ok_or_else(|| {
        usage(
            "there is no home folder to keep a master key in: make one with `openssl rand -hex 32 \
             > FILE`, give it mode 600, and name it with --master-key-file",
        )
    })?;
    let hash = blake3::hash(&place.name()).to_hex();
    Ok(home
        .join("postroom")
        .join(format!("master-{}.key", &hash[..16])))
}
