//! The master key: 32 bytes that are kept outside the data folder.

use super::Seal;
use crate::contract::{Result, StoreError};
use crate::private;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use std::fmt;
use std::io::Write as _;
use std::path::Path;
use zeroize::Zeroizing;

const LENGTH: usize = 32;

/// The key that encrypts a store's data key. Prints nothing of itself and is overwritten in memory
/// when dropped.
#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; LENGTH]>);

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey([secret])")
    }
}

impl MasterKey {
    /// A new one, of the system's randomness.
    pub fn generate() -> Result<Self> {
        let mut key = Zeroizing::new([0; LENGTH]);
        aws_lc_rs::rand::fill(key.as_mut_slice())
            .map_err(|_| StoreError::MasterKey("the system gives no randomness".into()))?;
        Ok(Self(key))
    }

    /// Takes these bytes.
    pub fn from_bytes(key: [u8; LENGTH]) -> Self {
        Self(Zeroizing::new(key))
    }

    /// Reads one from text: 64 hexadecimal digits, or base64 of 32 bytes (either alphabet, with
    /// padding or without). White space around it is no part of it.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        let bytes = if text.len() == 2 * LENGTH {
            unhex(text)
        } else {
            unbase64(text)
        };
        let bytes = bytes.ok_or_else(unfit)?;
        let key = <[u8; LENGTH]>::try_from(bytes.as_slice()).map_err(|_| unfit())?;
        Ok(Self::from_bytes(key))
    }

    /// Whether the other one is the same key.
    pub fn is_same_as(&self, other: &Self) -> bool {
        aws_lc_rs::constant_time::verify_slices_are_equal(self.0.as_slice(), other.0.as_slice())
            .is_ok()
    }

    /// Reads one from a file that only its owner may read.
    pub fn read_file(path: &Path) -> Result<Self> {
        let others = private::open_to_others(path).map_err(|source| reading(path, source))?;
        if let Some(mode) = others {
            return Err(StoreError::MasterKey(format!(
                "the master key's file {path} can be read by others (mode {mode:o}): run chmod 600 {path}",
                path = path.display()
            )));
        }
        let text = std::fs::read_to_string(path).map_err(|source| reading(path, source))?;
        Self::parse(&Zeroizing::new(text))
    }

    /// Writes it to a new file that only its owner may read. Fails when there is one already: a
    /// master key that is lost takes the stored secrets with it.
    pub fn write_new_file(&self, path: &Path) -> Result<()> {
        let doing = || format!("writing the master key to {}", path.display());
        let write = || {
            let mut file = private::file_options()
                .write(true)
                .create_new(true)
                .open(path)?;
            let mut text = self.to_text();
            text.push('\n');
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            match path.parent() {
                Some(folder) if folder != Path::new("") => private::sync_folder(folder),
                _ => private::sync_folder(Path::new(".")),
            }
        };
        write().map_err(|source| StoreError::Io {
            doing: doing(),
            source,
        })
    }

    /// The key as 64 hexadecimal digits.
    pub fn to_text(&self) -> Zeroizing<String> {
        use fmt::Write as _;
        let mut text = Zeroizing::new(String::with_capacity(2 * LENGTH + 1));
        for byte in self.0.iter() {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        text
    }

    pub(crate) fn seal(&self) -> Result<Seal> {
        Seal::new(self.0.as_slice()).ok_or_else(unfit)
    }
}

fn unfit() -> StoreError {
    StoreError::MasterKey(
        "the master key has to be 32 bytes, as 64 hexadecimal digits or base64: make one with \
         `openssl rand -hex 32`"
            .into(),
    )
}

fn reading(path: &Path, source: std::io::Error) -> StoreError {
    StoreError::Io {
        doing: format!("reading the master key from {}", path.display()),
        source,
    }
}

fn unhex(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(LENGTH));
    for pair in text.as_bytes().chunks(2) {
        let mut byte = 0;
        for digit in pair {
            byte = byte * 16 + u8::try_from(char::from(*digit).to_digit(16)?).ok()?;
        }
        bytes.push(byte);
    }
    Some(bytes)
}

fn unbase64(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let config =
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    [&alphabet::STANDARD, &alphabet::URL_SAFE]
        .into_iter()
        .find_map(|alphabet| GeneralPurpose::new(alphabet, config).decode(text).ok())
        .map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_usual_form() {
        let key = MasterKey::from_bytes([0xfb; 32]);
        let hex = "fb".repeat(32);
        for text in [
            hex.clone(),
            hex.to_uppercase(),
            format!(" {hex}\n"),
            "+/v7".repeat(10) + "+/s=",
            "-_v7".repeat(10) + "-_s",
        ] {
            let read = MasterKey::parse(&text).expect("a key");
            assert_eq!(read.0, key.0, "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_key() {
        for text in ["", "secret", &"f".repeat(63), &"g".repeat(64), "AAAA"] {
            assert!(matches!(
                MasterKey::parse(text),
                Err(StoreError::MasterKey(_))
            ));
        }
    }

    #[test]
    fn shows_nothing() {
        let shown = format!("{:?}", MasterKey::from_bytes([0xfb; 32]));
        assert_eq!(shown, "MasterKey([secret])");
    }

    #[test]
    fn a_file_is_private_and_never_overwritten() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("master.key");
        let key = MasterKey::generate().expect("a key");
        key.write_new_file(&path).expect("written");
        assert_eq!(MasterKey::read_file(&path).expect("read").0, key.0);
        assert!(matches!(
            key.write_new_file(&path),
            Err(StoreError::Io { .. })
        ));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640))
                .expect("changed");
            let error = MasterKey::read_file(&path).expect_err("refused");
            assert!(error.to_string().contains("chmod 600"), "{error}");
        }
    }
}
