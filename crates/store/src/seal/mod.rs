//! Encryption of what must not be read in the data folder.
//!
//! An envelope: a data key, made with the store, encrypts the secrets; the master key, kept outside
//! the data folder, encrypts the data key. Both can be changed (`rotation.rs`), and a store whose
//! master key is lost can be taken into use again (`reset.rs`). AES-256-GCM-SIV, because a nonce that repeats then costs
//! nothing but the equality of two texts (RFC 8452). Table, row and column are authenticated along
//! with every secret: a ciphertext copied to another row does not open.

mod master_key;
mod reset;
mod rotation;
mod sealed;
mod vault;

pub use master_key::MasterKey;
pub(crate) use reset::{MARK_ACCOUNTS, MARKS, not_needed, removals};
pub use reset::{NEW_CREDENTIAL, SIGN_IN_AGAIN, VaultReset};
pub use rotation::{ROWS_AT_ONCE, Rotated, VaultStatus, change_master_key, rotate, vault_status};
pub(crate) use vault::{Vault, new_store_id};

use aws_lc_rs::aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

/// Where a secret lies.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The table.
    pub table: &'static str,
    /// The row's id.
    pub row: &'a str,
    /// The column.
    pub column: &'static str,
}

impl Place<'_> {
    /// Each part with its length before it, so that no two places read the same.
    fn associated_data(&self) -> Vec<u8> {
        let mut data = Vec::new();
        for part in [self.table, self.row, self.column] {
            data.extend_from_slice(&(part.len() as u64).to_be_bytes());
            data.extend_from_slice(part.as_bytes());
        }
        data
    }
}

/// What was sealed does not open: another key, another place, or altered bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unopened;

/// The first byte of everything sealed, so that another cipher can follow one day.
const VERSION: u8 = 1;

/// Seals and opens with one key.
pub struct Seal(LessSafeKey);

impl std::fmt::Debug for Seal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seal([secret])")
    }
}

impl Seal {
    /// One with this key. `None` when it is not 32 bytes.
    pub fn new(key: &[u8]) -> Option<Self> {
        UnboundKey::new(&AES_256_GCM_SIV, key)
            .ok()
            .map(|key| Self(LessSafeKey::new(key)))
    }

    /// Encrypts a text for a place. Fails only when the system has no randomness to give.
    pub fn seal(&self, place: Place<'_>, plain: &[u8]) -> Result<Vec<u8>, Unopened> {
        let mut nonce = [0; NONCE_LEN];
        aws_lc_rs::rand::fill(&mut nonce).map_err(|_| Unopened)?;
        let mut sealed = plain.to_vec();
        let aad = Aad::from(place.associated_data());
        self.0
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut sealed)
            .map_err(|_| Unopened)?;
        let mut whole = Vec::with_capacity(1 + NONCE_LEN + sealed.len());
        whole.push(VERSION);
        whole.extend_from_slice(&nonce);
        whole.append(&mut sealed);
        Ok(whole)
    }

    /// Decrypts what was sealed for this place.
    pub fn open(&self, place: Place<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Unopened> {
        let (&version, rest) = sealed.split_first().ok_or(Unopened)?;
        if version != VERSION || rest.len() < NONCE_LEN {
            return Err(Unopened);
        }
        let (nonce, text) = rest.split_at(NONCE_LEN);
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| Unopened)?;
        let mut text = Zeroizing::new(text.to_vec());
        let length = self
            .0
            .open_in_place(nonce, Aad::from(place.associated_data()), &mut text)
            .map_err(|_| Unopened)?
            .len();
        text.truncate(length);
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place<'static> = Place {
        table: "grants",
        row: "a",
        column: "refresh_token",
    };

    fn seal() -> Seal {
        Seal::new(&[7; 32]).expect("32 bytes")
    }

    #[test]
    fn opens_only_in_its_place_and_unaltered() {
        let sealed = seal().seal(PLACE, b"token").expect("sealed");
        assert_eq!(
            seal().open(PLACE, &sealed).expect("opens").as_slice(),
            b"token"
        );
        for other in [
            Place { row: "b", ..PLACE },
            Place {
                table: "logins",
                ..PLACE
            },
            Place {
                column: "x",
                ..PLACE
            },
        ] {
            assert_eq!(seal().open(other, &sealed), Err(Unopened));
        }
        for at in 0..sealed.len() {
            let mut altered = sealed.clone();
            altered[at] ^= 1;
            assert_eq!(seal().open(PLACE, &altered), Err(Unopened), "byte {at}");
            assert_eq!(seal().open(PLACE, &sealed[..at]), Err(Unopened));
        }
        let other = Seal::new(&[8; 32]).expect("32 bytes");
        assert_eq!(other.open(PLACE, &sealed), Err(Unopened));
    }

    #[test]
    fn equal_secrets_look_different() {
        let one = seal().seal(PLACE, b"token").expect("sealed");
        let two = seal().seal(PLACE, b"token").expect("sealed");
        assert_ne!(one, two);
    }
}
