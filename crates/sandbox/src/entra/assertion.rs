//! Client assertions: signed with a certificate ("Microsoft identity platform application
//! authentication certificate credentials"), or another issuer's ("Workload identity federation").

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde::Deserialize;

use super::Entra;
use super::app::{AppRegistration, ClientCertificate};
use super::error::EntraError;
use super::issuer::ISSUER_PATH;

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

/// A certificate's thumbprint as a header names it.
fn thumbprint(certificate: &ClientCertificate, algorithm: &'static digest::Algorithm) -> String {
    CertificateDer::from_pem_slice(certificate.pem.as_bytes())
        .map(|der| URL_SAFE_NO_PAD.encode(digest::digest(algorithm, &der)))
        .unwrap_or_default()
}

fn malformed() -> EntraError {
    refused(50_027, "JWT token is invalid or malformed.")
}

fn bad_signature() -> EntraError {
    refused(700_027, "Client assertion failed signature validation.")
}

/// The claims of an assertion that this key signed. Times and audience are compared elsewhere, with
/// the tenant's clock.
fn opened(assertion: &str, algorithm: Algorithm, pem: &str) -> Result<Claims, EntraError> {
    let key = DecodingKey::from_rsa_pem(pem.as_bytes()).map_err(|_| malformed())?;
    let mut validation = Validation::new(algorithm);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    decode::<Claims>(assertion, &key, &validation)
        .map(|token| token.claims)
        .map_err(|error| match error.kind() {
            ErrorKind::InvalidSignature => bad_signature(),
            _ => malformed(),
        })
}

impl Entra {
    /// Checks the assertion of an application.
    pub(super) fn check_assertion(
        &self,
        app: &AppRegistration,
        assertion: &str,
        root: &str,
    ) -> Result<(), EntraError> {
        let header = decode_header(assertion).map_err(|_| malformed())?;
        if !matches!(header.alg, Algorithm::PS256 | Algorithm::RS256) {
            return Err(malformed());
        }
        let (named, algorithm) = match (&header.x5t_s256, &header.x5t) {
            (Some(named), _) => (named, &digest::SHA256),
            (None, Some(named)) => (named, &digest::SHA1_FOR_LEGACY_USE_ONLY),
            (None, None) => return self.check_federated(app, assertion, header.alg, root),
        };
        let named = named.trim_end_matches('=');
        let certificate = app
            .certificates
            .iter()
            .find(|known| thumbprint(known, algorithm) == named)
            .ok_or_else(|| unknown_key(named, "The key was not found."))?;
        if certificate.expires <= self.clock.now() {
            return Err(unknown_key(named, "The key used is expired."));
        }
        let claims = opened(assertion, header.alg, &certificate.pem)?;
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
        self.check_times(&claims)
    }

    /// Another issuer's word: issuer, subject and audience have to be those of a federated
    /// credential of the application, and the signature the issuer's.
    fn check_federated(
        &self,
        app: &AppRegistration,
        assertion: &str,
        algorithm: Algorithm,
        root: &str,
    ) -> Result<(), EntraError> {
        let claims: Claims = assertion
            .split('.')
            .nth(1)
            .and_then(|part| URL_SAFE_NO_PAD.decode(part).ok())
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .ok_or_else(malformed)?;
        let unmatched = |number: u32, what: &str, value: &str| {
            refused(
                number,
                format!(
                    "No matching federated identity record found for presented assertion {what} '{value}'. Check your federated identity credential Subject, Audience and Issuer against the presented assertion."
                ),
            )
        };
        let by_issuer: Vec<_> = app
            .federated
            .iter()
            .filter(|known| known.issuer == claims.iss)
            .collect();
        if by_issuer.is_empty() {
            return Err(unmatched(700_211, "issuer", &claims.iss));
        }
        let by_subject: Vec<_> = by_issuer
            .into_iter()
            .filter(|known| known.subject == claims.sub)
            .collect();
        if by_subject.is_empty() {
            return Err(unmatched(700_213, "subject", &claims.sub));
        }
        let known = by_subject
            .into_iter()
            .find(|known| known.audience == claims.aud)
            .ok_or_else(|| unmatched(700_212, "audience", &claims.aud))?;
        let claims = match &known.public_key {
            Some(pem) => opened(assertion, algorithm, pem)?,
            None if known.issuer == format!("{root}{ISSUER_PATH}") => {
                opened(assertion, algorithm, self.keys.foreign_pem())?
            }
            None => return Err(bad_signature()),
        };
        self.check_times(&claims)
    }

    /// Five minutes of difference between clocks are forgiven.
    fn check_times(&self, claims: &Claims) -> Result<(), EntraError> {
        let now = self.clock.now().as_second();
        if claims.exp.saturating_add(300) < now || claims.nbf > now.saturating_add(300) {
            return Err(refused(
                700_024,
                "Client assertion is not within its valid time range.",
            ));
        }
        Ok(())
    }
}
