//! Proof Key for Code Exchange (RFC 7636).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use postroom_model::{Dice, Secret};
use sha2::{Digest, Sha256};

/// A verifier, and the challenge that is sent ahead of it with the method `S256`.
#[derive(Clone, Debug)]
pub struct Pkce {
    /// Kept until the code is redeemed.
    pub verifier: Secret,
    /// Sent with the authorization request.
    pub challenge: String,
}

/// A new pair: 32 random bytes, as RFC 7636, section 4.1, recommends.
pub fn pkce(dice: &dyn Dice) -> Pkce {
    let verifier = dice.token(32);
    Pkce {
        challenge: challenge(&verifier),
        verifier: Secret::new(verifier),
    }
}

/// The `S256` challenge of a verifier (RFC 7636, section 4.2).
pub fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use postroom_model::SeededDice;

    #[test]
    fn the_example_of_rfc_7636_appendix_b() {
        assert_eq!(
            challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }

    #[test]
    fn a_new_pair_fits_together() {
        let pair = pkce(&SeededDice::new(1));
        assert_eq!(pair.verifier.reveal().len(), 43);
        assert_eq!(challenge(pair.verifier.reveal()), pair.challenge);
    }
}
