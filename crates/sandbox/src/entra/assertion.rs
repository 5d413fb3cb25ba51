//! Client assertions signed with a certificate ("Microsoft identity platform application
//! authentication certificate credentials").

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde::Deserialize;

use super::Entra;
use super::app::{AppRegistration, ClientCertificate};
use super::error::EntraError;

#[derive(Deserialize)]
struct Claims {
    aud: String,
    iss: String,
    sub: String,
    exp: i64,
    #[serde(default)]
    nbf: i64,
}

fn refused(number: u32, text: impl Into<String>) -> EntraError {
    EntraError::new("invalid_client", number, text)
}

fn unknown_key(thumbprint: &str, reason: &str) -> EntraError {
    refused(
        700_027,
        format!(
            "The certificate with identifier used to sign the client assertion is not registered on application. [Reason - {reason}, Thumbprint of key used by client: '{thumbprint}']"
        ),
    )
}

/// The thumbprints a header may name a certificate by: SHA-256 (`x5t#S256`) and SHA-1 (`x5t`).
fn thumbprints(certificate: &ClientCertificate) -> Option<[String; 2]> {
    let der = CertificateDer::from_pem_slice(certificate.pem.as_bytes()).ok()?;
    Some(
        [&digest::SHA256, &digest::SHA1_FOR_LEGACY_USE_ONLY]
            .map(|algorithm| URL_SAFE_NO_PAD.encode(digest::digest(algorithm, &der))),
    )
}

impl Entra {
    /// Checks the assertion of an application.
    pub(super) fn check_assertion(
        &self,
        app: &AppRegistration,
        assertion: &str,
        root: &str,
    ) -> Result<(), EntraError> {
        let malformed = || refused(50_027, "JWT token is invalid or malformed.");
        let header = decode_header(assertion).map_err(|_| malformed())?;
        if !matches!(header.alg, Algorithm::PS256 | Algorithm::RS256) {
            return Err(malformed());
        }
        let named = header.x5t_s256.or(header.x5t).ok_or_else(malformed)?;
        let named = named.trim_end_matches('=');
        let certificate = app
            .certificates
            .iter()
            .find(|known| {
                thumbprints(known).is_some_and(|known| known.iter().any(|one| one == named))
            })
            .ok_or_else(|| unknown_key(named, "The key was not found."))?;
        let now = self.clock.now();
        if certificate.expires <= now {
            return Err(unknown_key(named, "The key used is expired."));
        }
        let key = DecodingKey::from_rsa_pem(certificate.pem.as_bytes()).map_err(|_| malformed())?;
        let mut validation = Validation::new(header.alg);
        // The times are compared with the tenant's clock below.
        validation.validate_exp = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let claims = decode::<Claims>(assertion, &key, &validation)
            .map_err(|_| refused(700_027, "Client assertion failed signature validation."))?
            .claims;
        if claims.iss != app.client_id || claims.sub != app.client_id {
            return Err(refused(
                700_021,
                "Client assertion application identifier doesn't match 'client_id' parameter.",
            ));
        }
        let tenant = claims
            .aud
            .strip_prefix(root)
            .and_then(|path| path.strip_prefix('/'))
            .and_then(|path| {
                path.strip_suffix("/oauth2/v2.0/token")
                    .or_else(|| path.strip_suffix("/v2.0"))
            });
        if tenant.is_none_or(|tenant| self.tenant(tenant).is_err()) {
            return Err(refused(
                700_023,
                "Client assertion audience claim does not match Realm issuer.",
            ));
        }
        // Five minutes of difference between clocks are forgiven.
        let now = now.as_second();
        if claims.exp + 300 < now || claims.nbf > now + 300 {
            return Err(refused(
                700_024,
                "Client assertion is not within its valid time range.",
            ));
        }
        Ok(())
    }
}
