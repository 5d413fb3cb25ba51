//! Private keys.

use crate::{Problem, Result};
use aws_lc_rs::rsa::KeyPair;
use pkcs8::pkcs5::EncryptionScheme;
use pkcs8::pkcs5::pbes2::Kdf;
use pkcs8::{EncryptedPrivateKeyInfoRef, ObjectIdentifier, PrivateKeyInfoRef};
use postroom_model::Secret;
use zeroize::Zeroizing;

/// `rsaEncryption` (RFC 8017, appendix A.1).
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
/// What a password may cost: a file must not keep a processor busy for minutes.
const MOST_ROUNDS: u32 = 2_000_000;
const MOST_SCRYPT_BYTES: u64 = 1 << 28;

/// Says that a key is of a kind that Entra does not take.
pub(super) fn not_rsa() -> Problem {
    Problem::invalid(
        "The private key is no RSA key. Entra takes certificates with RSA keys only: make one with \
         an RSA key of 2048 bits or more, or have one made here.",
    )
}

/// Reads an RSA key: PKCS#8 (RFC 5958) or PKCS#1 (RFC 8017), in DER.
pub(super) fn read(der: &[u8]) -> Result<KeyPair> {
    let parsed = match PrivateKeyInfoRef::try_from(der) {
        Ok(info) if info.algorithm.oid != RSA => return Err(not_rsa()),
        Ok(_) => KeyPair::from_pkcs8(der),
        Err(_) => KeyPair::from_der(der),
    };
    parsed.map_err(|rejected| {
        if rejected.to_string() == "TooSmall" {
            return Problem::invalid(
                "The private key is too short: Entra takes RSA keys of 2048 bits and more.",
            );
        }
        Problem::invalid(format!(
            "The private key cannot be read ({rejected}): give an RSA key of 2048 to 8192 bits in \
             PKCS#8 or PKCS#1."
        ))
    })
}

/// Decrypts a PKCS#8 key (RFC 5958, section 3).
pub(super) fn decrypt(der: &[u8], password: Option<&Secret>) -> Result<Zeroizing<Vec<u8>>> {
    let Some(password) = password.filter(|password| !password.is_empty()) else {
        return Err(Problem::invalid(
            "The private key is encrypted: give its password as well.",
        ));
    };
    let info = EncryptedPrivateKeyInfoRef::try_from(der).map_err(|_| {
        Problem::invalid("The encrypted private key is damaged: it cannot be read.")
    })?;
    if !is_affordable(&info.encryption_algorithm) {
        return Err(Problem::invalid(
            "The private key is encrypted in a way that is not read here. Convert it with `openssl \
             pkcs8 -topk8 -v2 aes256` and give that.",
        ));
    }
    let plain = info
        .decrypt(password.reveal())
        .map_err(|_| Problem::invalid("The private key does not open with that password."))?;
    Ok(Zeroizing::new(plain.as_bytes().to_vec()))
}

fn is_affordable(scheme: &EncryptionScheme) -> bool {
    match scheme {
        EncryptionScheme::Pbes2(parameters) => match &parameters.kdf {
            Kdf::Pbkdf2(parameters) => parameters.iteration_count <= MOST_ROUNDS,
            Kdf::Scrypt(parameters) => {
                parameters.parallelization <= 16
                    && 128_u64
                        .checked_mul(parameters.cost_parameter)
                        .and_then(|bytes| bytes.checked_mul(u64::from(parameters.block_size)))
                        .is_some_and(|bytes| bytes <= MOST_SCRYPT_BYTES)
            }
            _ => false,
        },
        _ => false,
    }
}
