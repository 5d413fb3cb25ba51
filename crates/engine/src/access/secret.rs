//! A key's text: `prk_` and 256 random bits.

use postroom_model::{Dice, Secret};
use postroom_store::contract::keys::KeyHash;
use sha2::{Digest, Sha256};

/// What every key begins with, so that a key that got lost in a repository or a log is recognised.
const PREFIX: &str = "prk_";

/// Characters of base64url that 32 bytes make.
const RANDOM_LENGTH: usize = 43;

/// A new key's text.
pub(crate) fn new_secret(dice: &dyn Dice) -> Secret {
    Secret::new(format!("{PREFIX}{}", dice.token(32)))
}

/// The hash that a key is found by; `None` for a text that cannot be a key. 256 random bits cannot
/// be guessed from a fast hash, nor does a lookup by hash tell by its time how near a guess was.
pub(crate) fn hash_of(text: &str) -> Option<KeyHash> {
    let random = text.strip_prefix(PREFIX)?;
    let fits = random.len() == RANDOM_LENGTH
        && random
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    fits.then(|| Sha256::digest(text.as_bytes()).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use postroom_model::SeededDice;

    #[test]
    fn a_new_key_has_the_promised_form_and_a_hash() {
        let dice = SeededDice::new(1);
        let (one, other) = (new_secret(&dice), new_secret(&dice));
        assert_eq!(one.reveal().len(), PREFIX.len() + RANDOM_LENGTH);
        assert!(hash_of(one.reveal()).is_some());
        assert_ne!(hash_of(one.reveal()), hash_of(other.reveal()));
    }

    #[test]
    fn what_cannot_be_a_key_has_no_hash() {
        let good = new_secret(&SeededDice::new(2));
        for bad in [
            "",
            "prk_",
            &good.reveal()[1..],
            &format!("{}x", good.reveal()),
            &good.reveal().replacen("prk_", "PRK_", 1),
            &format!("prk_{}", "ä".repeat(21) + "a"),
            &format!("prk_{}", " ".repeat(43)),
        ] {
            assert_eq!(hash_of(bad), None, "{bad:?}");
        }
    }
}
