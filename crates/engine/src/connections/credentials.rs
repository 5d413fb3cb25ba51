//! Credentials: kept beside each other, so that one can replace the other without a gap.

use super::certificate::{self, Certificate};
use super::federated::NewFederated;
use crate::access::Caller;
use crate::{Code, Engine, Problem, Result};
use postroom_model::connection::{Credential, CredentialInfo, CredentialKind, FederatedSource};
use postroom_model::{ConnectionId, CredentialId, Secret, Timestamp};

/// How long a certificate is good that is made here, in days, unless told otherwise.
pub const MADE_FOR_DAYS: u32 = 730;
/// The longest, in days.
const LONGEST_MADE: u32 = 3_650;
/// How many credentials a connection has at most: each one may be tried at a sign-in.
const MOST: usize = 8;

/// A credential to be kept.
#[derive(Clone, Debug)]
pub enum NewCredential {
    /// A client secret.
    Secret {
        /// Its value (not its id); empty is none.
        secret: Secret,
        /// When it ends at Microsoft.
        expires_at: Option<Timestamp>,
    },
    /// A certificate in PEM.
    Pem {
        /// The certificate; its key can be in the same text.
        certificate: Secret,
        /// The key in a text of its own: PKCS#8, encrypted or not, or PKCS#1.
        private_key: Option<Secret>,
        /// The password of an encrypted key.
        password: Option<Secret>,
    },
    /// A certificate with its key in PKCS#12 (`.pfx`, `.p12`).
    Pkcs12 {
        /// The file, in base64.
        file: Secret,
        /// Its password.
        password: Option<Secret>,
    },
    /// A certificate that is made here, to be uploaded to the app registration.
    Made {
        /// For how many days it is good.
        valid_days: u32,
    },
    /// Another issuer's assertion. It reads from the server, so only `admin` may set it.
    Federated(NewFederated),
}

impl NewCredential {
    /// A client secret.
    pub fn secret(secret: Secret, expires_at: Option<Timestamp>) -> Self {
        Self::Secret { secret, expires_at }
    }

    /// An empty credential is none.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Secret { secret, .. } => secret.reveal().trim().is_empty(),
            _ => false,
        }
    }
}

/// A credential that was found fit to be kept, without its id.
pub(super) struct Fit {
    kind: CredentialKind,
    expires_at: Option<Timestamp>,
    certificate: Option<postroom_model::connection::CertificateInfo>,
    federated: Option<FederatedSource>,
    secret: Secret,
}

impl Engine {
    /// Adds a credential beside those that are there, for rotation.
    ///
    /// # Errors
    /// `notFound`; `invalidRequest` for an empty one, and for a certificate that cannot be used;
    /// `forbidden` for a federated one from a caller without `admin`; `conflict` when there are
    /// too many, and for a certificate that is there already.
    pub async fn add_credential(
        &self,
        caller: &Caller,
        id: &ConnectionId,
        credential: NewCredential,
    ) -> Result<CredentialInfo> {
        if credential.is_empty() {
            return Err(Problem::invalid(
                "The credential is empty: give the client secret's value as Microsoft showed it \
                 when it was made, or a certificate.",
            ));
        }
        let name = self.connection_now(id).await?.name;
        let fit = self.fit(caller, &name, credential).await?;
        let _turn = self.shared.adding_credentials.lock().await;
        let connection = self.connection_now(id).await?;
        if connection.credentials.len() >= MOST {
            return Err(Problem::new(
                Code::Conflict,
                format!(
                    "The connection {:?} has {MOST} credentials already: remove those that are \
                     over or replaced.",
                    connection.name
                ),
            ));
        }
        if let Some(same) = fit.same_certificate(&connection.credentials) {
            return Err(Problem::new(
                Code::Conflict,
                format!(
                    "The connection {:?} has this certificate already, as the credential {same}.",
                    connection.name
                ),
            ));
        }
        let credential = self.credential_of(fit);
        self.store().insert_credential(id, &credential).await?;
        self.door().forget_connection(id);
        self.settle_application(id, true).await?;
        Ok(credential.info)
    }

    /// Removes a credential.
    pub async fn remove_credential(
        &self,
        id: &ConnectionId,
        credential: &CredentialId,
    ) -> Result<()> {
        self.connection_now(id).await?;
        if !self.store().remove_credential(id, credential).await? {
            return Err(Problem::not_found("credential", credential.as_str()));
        }
        self.door().forget_connection(id);
        self.settle_application(id, false).await
    }

    /// The public half of a certificate, in PEM, and a name for its file.
    ///
    /// # Errors
    /// `notFound`; `invalidRequest` for a credential that is no certificate.
    pub async fn certificate_of(
        &self,
        id: &ConnectionId,
        credential: &CredentialId,
    ) -> Result<(String, String)> {
        let connection = self.connection_now(id).await?;
        let info = connection
            .credentials
            .iter()
            .find(|info| info.id == *credential)
            .ok_or_else(|| Problem::not_found("credential", credential.as_str()))?;
        let Some(certificate) = &info.certificate else {
            return Err(Problem::invalid(format!(
                "The credential {credential} is a {}: only certificates have a public half.",
                info.kind.words()
            )));
        };
        let beginning = certificate.thumbprint.get(..8).unwrap_or_default();
        let file = format!("Postroom {} {beginning}.pem", connection.name);
        Ok((file, certificate.pem.clone()))
    }

    /// Looks whether a credential can be kept, before anything is written.
    pub(super) async fn fit(
        &self,
        caller: &Caller,
        connection: &str,
        credential: NewCredential,
    ) -> Result<Fit> {
        if let NewCredential::Federated(new) = credential {
            let (source, secret) = new.taken(caller)?;
            return Ok(Fit {
                kind: CredentialKind::Federated,
                expires_at: None,
                certificate: None,
                federated: Some(source),
                secret,
            });
        }
        let (now, connection) = (self.now(), connection.to_owned());
        // Keys are made and passwords tried: work for a processor, not for this task; and for one
        // only, however many ask.
        let _turn = self.shared.fitting.lock().await;
        let looked = tokio::task::spawn_blocking(move || match credential {
            NewCredential::Pem {
                certificate,
                private_key,
                password,
            } => {
                let key = private_key.as_ref();
                certificate::from_pem(&certificate, key, password.as_ref(), now).map(Fit::of)
            }
            NewCredential::Pkcs12 { file, password } => {
                certificate::from_pkcs12(&file, password.as_ref(), now).map(Fit::of)
            }
            NewCredential::Made { valid_days } => {
                if !(1..=LONGEST_MADE).contains(&valid_days) {
                    return Err(Problem::invalid(format!(
                        "validDays: a certificate is made for 1 to {LONGEST_MADE} days."
                    )));
                }
                certificate::make(&connection, valid_days, now).map(Fit::of)
            }
            NewCredential::Secret { secret, expires_at } => Ok(Fit {
                kind: CredentialKind::Secret,
                expires_at,
                certificate: None,
                federated: None,
                // A file that a secret was kept in ends with a line break; no secret does.
                secret: Secret::new(secret.reveal().trim()),
            }),
            NewCredential::Federated(_) => Err(Problem::new(
                Code::Internal,
                "A federated credential came the wrong way.",
            )),
        });
        looked.await.map_err(|error| {
            Problem::new(Code::Internal, "The certificate could not be looked at.").because(error)
        })?
    }

    /// The credential that is kept of it.
    pub(super) fn credential_of(&self, fit: Fit) -> Credential {
        let now = self.now();
        Credential {
            info: CredentialInfo {
                id: CredentialId::new(self.shared.dice.timed_guid(now).to_string()),
                kind: fit.kind,
                expires_at: fit.expires_at,
                created_at: now,
                taken_at: None,
                certificate: fit.certificate,
                federated: fit.federated,
            },
            secret: fit.secret,
        }
    }
}

impl Fit {
    /// The one among these that has the same certificate.
    fn same_certificate<'c>(&self, there: &'c [CredentialInfo]) -> Option<&'c CredentialId> {
        let ours = self.certificate.as_ref()?;
        there
            .iter()
            .find(|it| {
                it.certificate
                    .as_ref()
                    .is_some_and(|it| it.x5t_s256 == ours.x5t_s256)
            })
            .map(|it| &it.id)
    }

    fn of(certificate: Certificate) -> Self {
        Self {
            kind: CredentialKind::Certificate,
            expires_at: Some(certificate.not_after),
            certificate: Some(certificate.info),
            federated: None,
            secret: certificate.key,
        }
    }
}
