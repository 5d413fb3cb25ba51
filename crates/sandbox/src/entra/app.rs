//! App registrations ("Application object", "Redirect URI (reply URL) restrictions and
//! limitations").

use jiff::Timestamp;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde::Deserialize;
use url::{Host, Url};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

/// A client secret. Prints nothing of its value.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    /// The secret's value.
    pub value: String,
    /// When it ends.
    pub expires: Timestamp,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Secret")
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

/// A certificate an application proves itself with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The certificate in PEM, without its key; it has to hold an RSA key.
    pub pem: String,
    /// When it ends.
    pub expires: Timestamp,
}

impl ClientCertificate {
    /// What is uploaded to an app registration: a certificate in PEM, which says itself when it
    /// ends. `None` when it is none, or one that comes with its key, which nobody uploads.
    pub fn from_pem(pem: &str) -> Option<Self> {
        if pem.contains("PRIVATE KEY") {
            return None;
        }
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?;
        let (_, certificate) = X509Certificate::from_der(&der).ok()?;
        let end = certificate.validity().not_after.timestamp();
        Some(Self {
            pem: pem.to_owned(),
            expires: Timestamp::from_second(end).ok()?,
        })
    }
}

/// Another issuer's assertion that an application proves itself with ("Configure an app to trust an
/// external identity provider"). All three are compared letter by letter.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FederatedCredential {
    /// The assertion's `iss`.
    pub issuer: String,
    /// Its `sub`.
    pub subject: String,
    /// Its `aud`; usually `api://AzureADTokenExchange`.
    pub audience: String,
    /// The issuer's key in PEM (an RSA public key or certificate). The sandbox's own issuer
    /// (`/sandbox/issuer`) needs none.
    pub public_key: Option<String>,
}

/// An application registered in the tenant.
#[derive(Clone, Debug)]
pub struct AppRegistration {
    /// `appId`.
    pub client_id: String,
    /// The name shown at consent.
    pub display_name: String,
    /// A public client has no credential.
    pub public: bool,
    /// A disabled application gets no tokens (AADSTS7000112).
    pub enabled: bool,
    /// May be used over `common` and `organizations` (else AADSTS50194).
    pub multi_tenant: bool,
    /// Registered redirect URIs, compared exactly, but without the port for `localhost` and
    /// `127.0.0.1`.
    pub redirect_uris: Vec<String>,
    /// Any loopback redirect URI is taken, whatever its port and path.
    pub any_loopback: bool,
    /// Secrets, all of them valid until they expire.
    pub secrets: Vec<Secret>,
    /// Certificates, any of which may sign a client assertion.
    pub certificates: Vec<ClientCertificate>,
    /// Issuers whose word is taken in place of a certificate.
    pub federated: Vec<FederatedCredential>,
    /// Personal Microsoft accounts may sign in (`signInAudience` with personal accounts).
    pub personal_accounts: bool,
    /// Delegated permissions configured: what `.default` means.
    pub delegated: Vec<String>,
    /// Application permissions configured.
    pub application: Vec<String>,
    /// An administrator consented to the delegated permissions for everyone.
    pub delegated_consent: bool,
    /// An administrator consented to the application permissions.
    pub application_consent: bool,
    /// Its service principal is an owner of it: what `Application.ReadWrite.OwnedBy` reaches.
    pub owns_itself: bool,
}

impl AppRegistration {
    /// A confidential application with nothing configured.
    pub fn new(client_id: impl Into<String>, display_name: impl Into<String>) -> Self {
        Self {
            client_id: client_id.into(),
            display_name: display_name.into(),
            public: false,
            enabled: true,
            multi_tenant: true,
            redirect_uris: Vec::new(),
            any_loopback: false,
            secrets: Vec::new(),
            certificates: Vec::new(),
            federated: Vec::new(),
            personal_accounts: false,
            delegated: Vec::new(),
            application: Vec::new(),
            delegated_consent: false,
            application_consent: false,
            owns_itself: false,
        }
    }

    /// Whether a redirect URI is registered.
    pub(crate) fn redirects_to(&self, asked: &str) -> bool {
        let Ok(asked_url) = Url::parse(asked) else {
            return false;
        };
        if self.any_loopback && is_loopback(&asked_url) {
            return true;
        }
        self.redirect_uris.iter().any(|registered| {
            if registered == asked {
                return true;
            }
            let Ok(mut registered) = Url::parse(registered) else {
                return false;
            };
            let mut asked = asked_url.clone();
            if !is_loopback(&registered) || !is_loopback(&asked) {
                return false;
            }
            registered.set_port(None).is_ok() && asked.set_port(None).is_ok() && registered == asked
        })
    }
}

fn is_loopback(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https")
        && match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            _ => false,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_matter_not_on_loopback() {
        let mut app = AppRegistration::new("a", "A");
        app.redirect_uris = vec![
            "http://localhost/done".to_owned(),
            "https://app.example/back".to_owned(),
        ];
        assert!(app.redirects_to("http://localhost:8123/done"));
        assert!(!app.redirects_to("http://localhost:8123/other"));
        assert!(!app.redirects_to("http://127.0.0.1:8123/done"));
        assert!(app.redirects_to("https://app.example/back"));
        assert!(!app.redirects_to("https://app.example:444/back"));
        assert!(!app.redirects_to("https://app.example/Back"));
        app.any_loopback = true;
        assert!(app.redirects_to("http://127.0.0.1:1/x"));
    }
}
