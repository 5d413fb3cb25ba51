//! The application signs that it is itself (RFC 7523, section 2.2; entra-docs,
//! `certificate-credentials.md`).

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PSS_SHA256;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use postroom_model::connection::Credential;
use postroom_model::{Secret, Timestamp};
use serde_json::json;
use url::Url;
use uuid::Uuid;
use zeroize::Zeroizing;

/// For how long an assertion is good, in seconds. Microsoft advises 5 to 10 minutes.
const LIFETIME_SECONDS: i64 = 600;

/// Signs an assertion for one address, the one that it is sent to: whoever gets it there cannot
/// show it anywhere else.
pub(super) fn sign(
    credential: &Credential,
    client_id: &str,
    audience: &Url,
    id: Uuid,
    now: Timestamp,
) -> Result<Secret, &'static str> {
    const UNUSABLE: &str = "what is stored of it cannot be read; remove it and add it anew";
    let certificate = credential.info.certificate.as_ref().ok_or(UNUSABLE)?;
    let key = pem::parse(credential.secret.reveal()).map_err(|_| UNUSABLE)?;
    let der = Zeroizing::new(key.into_contents());
    let key = KeyPair::from_pkcs8(&der).map_err(|_| UNUSABLE)?;
    let header = json!({
        "alg": "PS256",
        "typ": "JWT",
        "x5t#S256": certificate.x5t_s256,
    });
    let now = now.as_second();
    let claims = json!({
        "aud": audience.as_str(),
        "iss": client_id,
        "sub": client_id,
        "jti": id.to_string(),
        "nbf": now,
        "iat": now,
        "exp": now.saturating_add(LIFETIME_SECONDS),
    });
    let mut assertion = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header.to_string()),
        URL_SAFE_NO_PAD.encode(claims.to_string())
    );
    let mut signature = vec![0; key.public_modulus_len()];
    key.sign(
        &RSA_PSS_SHA256,
        &SystemRandom::new(),
        assertion.as_bytes(),
        &mut signature,
    )
    .map_err(|_| "its key does not sign; remove it and add it anew")?;
    assertion.push('.');
    URL_SAFE_NO_PAD.encode_string(&signature, &mut assertion);
    Ok(Secret::new(assertion))
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::encoding::AsDer as _;
    use aws_lc_rs::rsa::KeySize;
    use aws_lc_rs::signature::{KeyPair as _, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
    use postroom_model::connection::{CertificateInfo, CredentialInfo, CredentialKind};
    use serde_json::Value;

    fn credential(key: &str) -> Credential {
        Credential {
            info: CredentialInfo {
                id: "c".into(),
                kind: CredentialKind::Certificate,
                expires_at: None,
                created_at: Timestamp::UNIX_EPOCH,
                taken_at: None,
                certificate: Some(CertificateInfo {
                    pem: String::new(),
                    thumbprint: "00".to_owned(),
                    x5t_s256: "the-hash".to_owned(),
                    subject: "CN=x".to_owned(),
                    not_before: Timestamp::UNIX_EPOCH,
                }),
                federated: None,
            },
            secret: Secret::new(key),
        }
    }

    #[test]
    fn an_assertion_is_for_one_address_and_ten_minutes() {
        let key = KeyPair::generate(KeySize::Rsa2048).expect("a key");
        let der = key.as_der().expect("PKCS#8");
        let pem = pem::encode(&pem::Pem::new("PRIVATE KEY", der.as_ref()));
        let audience = Url::parse("https://login.microsoftonline.com/t/oauth2/v2.0/token")
            .expect("an address");
        let now = Timestamp::from_second(1_000).expect("a time");
        let signed = sign(&credential(&pem), "app", &audience, Uuid::nil(), now).expect("signed");
        let parts: Vec<&str> = signed.reveal().split('.').collect();
        let part = |at: usize| URL_SAFE_NO_PAD.decode(parts[at]).expect("base64url");
        let json = |at: usize| serde_json::from_slice::<Value>(&part(at)).expect("JSON");
        assert_eq!(
            json(0),
            json!({"alg": "PS256", "typ": "JWT", "x5t#S256": "the-hash"})
        );
        assert_eq!(
            json(1),
            json!({
                "aud": audience.as_str(), "iss": "app", "sub": "app",
                "jti": "00000000-0000-0000-0000-000000000000",
                "nbf": 1_000, "iat": 1_000, "exp": 1_600,
            })
        );
        let text = signed.reveal().rsplit_once('.').expect("three parts").0;
        UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, key.public_key().as_ref())
            .verify(text.as_bytes(), &part(2))
            .expect("the signature fits");
    }

    #[test]
    fn a_key_that_is_none_signs_nothing() {
        let audience = Url::parse("https://login.microsoftonline.com/").expect("an address");
        for key in [
            "",
            "rubbish",
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
        ] {
            let signed = sign(
                &credential(key),
                "app",
                &audience,
                Uuid::nil(),
                Timestamp::UNIX_EPOCH,
            );
            assert!(signed.is_err(), "{key}");
        }
    }
}
