//! The tenant's signing keys and the tokens signed with them. The keys ship with the sandbox: they
//! guard nothing but a pretend tenant.

use std::sync::Arc;

use aws_lc_rs::digest;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{
    KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use serde_json::{Value, json};

use crate::Error;

const FIXTURES: [(&[u8], &[u8]); 2] = [
    (
        include_bytes!("../fixtures/signing-1.key.pem"),
        include_bytes!("../fixtures/signing-1.cert.pem"),
    ),
    (
        include_bytes!("../fixtures/signing-2.key.pem"),
        include_bytes!("../fixtures/signing-2.cert.pem"),
    ),
];

/// The other issuer's.
const FOREIGN: (&[u8], &[u8]) = (
    include_bytes!("../fixtures/foreign.key.pem"),
    include_bytes!("../fixtures/foreign.cert.pem"),
);

/// A key and what the key set says of it.
struct SigningKey {
    pair: KeyPair,
    /// The certificate as it stands in its file.
    pem: &'static str,
    /// The certificate's SHA-1 thumbprint, `kid` and `x5t` alike ("Access tokens": key samples).
    kid: String,
    certificate: String,
}

fn signing_key(key: &[u8], certificate: &'static [u8]) -> Result<SigningKey, Error> {
    let key = PrivatePkcs8KeyDer::from_pem_slice(key).map_err(|_| Error::SigningKey)?;
    let der = CertificateDer::from_pem_slice(certificate).map_err(|_| Error::SigningKey)?;
    let thumbprint = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &der);
    Ok(SigningKey {
        pair: KeyPair::from_pkcs8(key.secret_pkcs8_der()).map_err(|_| Error::SigningKey)?,
        pem: std::str::from_utf8(certificate).map_err(|_| Error::SigningKey)?,
        kid: URL_SAFE_NO_PAD.encode(thumbprint),
        certificate: STANDARD.encode(&der),
    })
}

impl SigningKey {
    /// An RS256 signature.
    fn signature(&self, text: &str) -> Result<Vec<u8>, Error> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                text.as_bytes(),
                &mut signature,
            )
            .map_err(|_| Error::SigningKey)?;
        Ok(signature)
    }
}

/// The tenant's keys, and that of another issuer.
pub(crate) struct SigningKeys {
    keys: Vec<SigningKey>,
    foreign: SigningKey,
}

impl std::fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.keys.iter().map(|key| &key.kid))
            .finish()
    }
}

impl SigningKeys {
    /// Reads the fixed keys.
    pub(crate) fn load() -> Result<Arc<Self>, Error> {
        let keys = FIXTURES
            .iter()
            .map(|(key, certificate)| signing_key(key, certificate))
            .collect::<Result<_, Error>>()?;
        let (key, certificate) = FOREIGN;
        let foreign = signing_key(key, certificate)?;
        Ok(Arc::new(Self { keys, foreign }))
    }

    /// The other issuer's certificate.
    pub(crate) fn foreign_pem(&self) -> &str {
        self.foreign.pem
    }

    /// The other issuer's key set.
    pub(crate) fn foreign_set(&self) -> Value {
        let public = self.foreign.pair.public_key();
        json!({"keys": [{
            "kty": "RSA",
            "use": "sig",
            "alg": "RS256",
            "kid": self.foreign.kid,
            "n": URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero()),
            "e": URL_SAFE_NO_PAD.encode(public.exponent().big_endian_without_leading_zero()),
        }]})
    }

    /// Signs claims as the other issuer, with RS256.
    pub(crate) fn sign_foreign(&self, claims: &Value) -> Result<String, Error> {
        let header = json!({"typ": "JWT", "alg": "RS256", "kid": self.foreign.kid});
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header.to_string()),
            URL_SAFE_NO_PAD.encode(claims.to_string())
        );
        let signature = self.foreign.signature(&signed)?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// The key set. Entra's published sample has no `alg` ("Access tokens").
    pub(crate) fn set(&self, issuer: &str) -> Value {
        let keys: Vec<Value> = self
            .keys
            .iter()
            .map(|key| {
                let public = key.pair.public_key();
                json!({
                    "kty": "RSA",
                    "use": "sig",
                    "kid": key.kid,
                    "x5t": key.kid,
                    "n": URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero()),
                    "e": URL_SAFE_NO_PAD.encode(public.exponent().big_endian_without_leading_zero()),
                    "x5c": [key.certificate],
                    "issuer": issuer,
                })
            })
            .collect();
        json!({ "keys": keys })
    }

    /// Signs claims with RS256. With a nonce the header carries it while its hash is what is
    /// signed, which is why nobody but Graph can check a Graph token ("Access tokens").
    pub(crate) fn sign(&self, claims: &Value, nonce: Option<&str>) -> Result<String, Error> {
        let key = self.keys.first().ok_or(Error::SigningKey)?;
        let header = |nonce: Option<&str>| {
            let mut header = json!({"typ": "JWT", "alg": "RS256", "kid": key.kid});
            if let Some(nonce) = nonce {
                header["x5t"] = Value::from(key.kid.as_str());
                header["nonce"] = Value::from(nonce);
            }
            URL_SAFE_NO_PAD.encode(header.to_string())
        };
        let body = URL_SAFE_NO_PAD.encode(claims.to_string());
        let hashed = nonce.map(hash_of);
        let signed = format!("{}.{body}", header(hashed.as_deref()));
        let signature = key.signature(&signed)?;
        Ok(format!(
            "{}.{body}.{}",
            header(nonce),
            URL_SAFE_NO_PAD.encode(signature)
        ))
    }

    /// The claims of a token with a nonce, if this tenant signed it.
    pub(crate) fn open(&self, token: &str) -> Option<Value> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, body) = signed.split_once('.')?;
        let mut header: Value =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
        let kid = header["kid"].as_str()?.to_owned();
        let key = self.keys.iter().find(|key| key.kid == kid)?;
        let nonce = header["nonce"].as_str()?.to_owned();
        header["nonce"] = Value::from(hash_of(&nonce));
        let signed = format!("{}.{body}", URL_SAFE_NO_PAD.encode(header.to_string()));
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.pair.public_key().as_ref())
            .verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).ok()?)
            .ok()?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(body).ok()?).ok()
    }
}

fn hash_of(nonce: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, nonce.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_only_what_it_signed() {
        let keys = SigningKeys::load().expect("keys");
        let token = keys.sign(&json!({"a": 1}), Some("n")).expect("signed");
        assert_eq!(keys.open(&token), Some(json!({"a": 1})));
        let forged = token.replace(
            &URL_SAFE_NO_PAD.encode(r#"{"a":1}"#),
            &URL_SAFE_NO_PAD.encode(r#"{"a":2}"#),
        );
        assert_ne!(forged, token);
        assert_eq!(keys.open(&forged), None);
        assert_eq!(keys.set("x")["keys"].as_array().map(Vec::len), Some(2));
    }
}
