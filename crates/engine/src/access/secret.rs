//! Secrets that callers show: a prefix that says what it is, and 256 random bits.

use postroom_model::{Dice, Secret};
use postroom_store::contract::keys::KeyHash;
use sha2::{Digest, Sha256};

/// What a kind of secret begins with, so that one that got lost in a repository or a log is
/// recognised.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Form(&'static str);

/// A key.
pub(crate) const KEY: Form = Form("prk_");
/// What signs somebody in, once.
pub(crate) const SIGN_IN: Form = Form("pri_");
/// A session.
pub(crate) const SESSION: Form = Form("prs_");

/// Characters of base64url that 32 bytes make.
const RANDOM_LENGTH: usize = 43;

impl Form {
    /// A new one with its hash.
    pub(crate) fn make(self, dice: &dyn Dice) -> (Secret, KeyHash) {
        let secret = Secret::new(format!("{}{}", self.0, dice.token(32)));
        let hash = Sha256::digest(secret.reveal().as_bytes()).into();
        (secret, hash)
    }

    /// The hash that one is found by; `None` for a text that cannot be one. 256 random bits cannot
    /// be guessed from a fast hash, nor does a lookup by hash tell by its time how near a guess
    /// was.
    pub(crate) fn hash_of(self, text: &str) -> Option<KeyHash> {
        let random = text.strip_prefix(self.0)?;
        let fits = random.len() == RANDOM_LENGTH
            && random
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        fits.then(|| Sha256::digest(text.as_bytes()).into())
    }
}

/// Whether a text looks like one of these, whole or not.
pub(crate) fn is_secret(text: &str) -> bool {
    let text = text.trim_start().to_ascii_lowercase();
    [KEY, SIGN_IN, SESSION]
        .iter()
        .any(|form| text.starts_with(form.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use postroom_model::SeededDice;

    #[test]
    fn a_new_key_has_the_promised_form_and_a_hash() {
        let dice = SeededDice::new(1);
        let ((one, hash), (other, _)) = (KEY.make(&dice), KEY.make(&dice));
        assert_eq!(one.reveal().len(), "prk_".len() + RANDOM_LENGTH);
        assert_eq!(KEY.hash_of(one.reveal()), Some(hash));
        assert_ne!(KEY.hash_of(other.reveal()), Some(hash));
    }

    #[test]
    fn what_cannot_be_a_key_has_no_hash() {
        let (good, _) = KEY.make(&SeededDice::new(2));
        for bad in [
            "",
            "prk_",
            &good.reveal()[1..],
            &format!("{}x", good.reveal()),
            &good.reveal().replacen("prk_", "PRK_", 1),
            &good.reveal().replacen("prk_", "prs_", 1),
            &format!("prk_{}", "ä".repeat(21) + "a"),
            &format!("prk_{}", " ".repeat(43)),
        ] {
            assert_eq!(KEY.hash_of(bad), None, "{bad:?}");
        }
    }
}
