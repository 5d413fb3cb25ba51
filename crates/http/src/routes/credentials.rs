//! Credentials of a connection: a secret goes in and never comes out.

use super::{Deleted, filled};
use crate::app::App;
use crate::extract::access::May;
use crate::extract::body::{NoBody, Sent};
use crate::extract::path::InPath;
use crate::extract::query::{Asked, Nothing};
use crate::extract::values::Moment;
use crate::files::small_file;
use crate::lists::{Page, Part, cut};
use crate::problem::Answer;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use postroom_engine::Problem;
use postroom_engine::access::act;
use postroom_engine::connections::{MADE_FOR_DAYS, NewCredential, NewFederated};
use postroom_model::connection::{CredentialInfo, CredentialKind, FederatedSource};
use postroom_model::{CredentialId, Secret, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(add_credential))
        .routes(routes!(list_credentials))
        .routes(routes!(remove_credential))
        .routes(routes!(get_certificate))
}

/// A credential to be kept: a secret, a certificate with its key, one that is made here, or another
/// issuer's assertion.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = NewCredential)]
pub(super) struct CredentialBody {
    /// The client secret's value (not its id). Empty is none.
    #[schema(value_type = Option<String>)]
    secret: Option<Secret>,
    /// When the secret ends at Microsoft, to be warned ahead of it: RFC 3339 or a plain date. A
    /// certificate says itself when it ends.
    #[schema(value_type = Option<String>)]
    expires_at: Option<Moment>,
    /// A certificate in PEM. Its key can be in the same text.
    #[schema(value_type = Option<String>)]
    certificate: Option<Secret>,
    /// The certificate's RSA key in PEM: PKCS#8, encrypted or not, or PKCS#1.
    #[schema(value_type = Option<String>)]
    private_key: Option<Secret>,
    /// A certificate with its key in PKCS#12 (`.pfx`, `.p12`), in base64.
    #[schema(value_type = Option<String>)]
    pkcs12: Option<Secret>,
    /// The password of an encrypted key or of the PKCS#12 file.
    #[schema(value_type = Option<String>)]
    password: Option<Secret>,
    /// `true`: a certificate is made here. Its public half is then read from
    /// `GET /connections/{id}/credentials/{cid}/certificate` and uploaded to the app registration.
    generate: Option<bool>,
    /// For how many days it is made; 730 unless given.
    valid_days: Option<u32>,
    /// Another issuer's assertion (workload identity federation). Needs the scope `admin`: it reads
    /// from the server.
    federated: Option<FederatedBody>,
}

/// Where another issuer's assertion is read from, anew for each use: a file or an address.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = NewFederatedCredential)]
struct FederatedBody {
    /// The whole path of a file on the server.
    file: Option<String>,
    /// An address that answers with it: as text, or as JSON with `access_token` or `value`. `https`,
    /// or `http` on this machine.
    url: Option<String>,
    /// Headers to send there, like `{"Metadata": "true"}`. Their values are kept as secrets.
    #[schema(value_type = Option<std::collections::BTreeMap<String, String>>)]
    headers: Option<BTreeMap<String, Secret>>,
}

impl CredentialBody {
    /// What was given; an empty one is none.
    pub(super) fn taken(self) -> Result<Option<NewCredential>, Problem> {
        let given = |secret: Option<Secret>| secret.filter(|one| !one.reveal().trim().is_empty());
        let secret = given(self.secret);
        let certificate = given(self.certificate);
        let private_key = given(self.private_key);
        let pkcs12 = given(self.pkcs12);
        let password = given(self.password);
        let made = self.generate == Some(true);
        let kinds = [
            secret.is_some(),
            certificate.is_some() || private_key.is_some(),
            pkcs12.is_some(),
            made,
            self.federated.is_some(),
        ];
        match kinds.iter().filter(|given| **given).count() {
            0 if self.expires_at.is_some() => {
                return Err(Problem::invalid(
                    "expiresAt alone changes nothing: give the client secret (`secret`) that it is \
                     the end of in the same call.",
                ));
            }
            0 if self.valid_days.is_some() || password.is_some() => {
                return Err(Problem::invalid(
                    "validDays and password are no credential alone: give what they belong to in \
                     the same call, or leave them out.",
                ));
            }
            0 => return Ok(None),
            1 => {}
            _ => {
                return Err(Problem::invalid(
                    "A credential is one of `secret`, `certificate` with `privateKey`, `pkcs12`, \
                     `generate` and `federated`: add a second one by a call of its own.",
                ));
            }
        }
        if self.expires_at.is_some() && secret.is_none() {
            return Err(Problem::invalid(
                "expiresAt is for a client secret: a certificate says itself when it ends. Leave it \
                 out.",
            ));
        }
        if self.valid_days.is_some() && !made {
            return Err(Problem::invalid(
                "validDays is for a certificate that is made here (`generate`): leave it out.",
            ));
        }
        if password.is_some() && certificate.is_none() && private_key.is_none() && pkcs12.is_none()
        {
            return Err(Problem::invalid(
                "password is for a certificate's key or a PKCS#12 file: leave it out.",
            ));
        }
        if let Some(secret) = secret {
            let expires_at = self.expires_at.map(|moment| moment.0);
            return Ok(Some(NewCredential::secret(secret, expires_at)));
        }
        if let Some(file) = pkcs12 {
            return Ok(Some(NewCredential::Pkcs12 { file, password }));
        }
        if made {
            return Ok(Some(NewCredential::Made {
                valid_days: self.valid_days.unwrap_or(MADE_FOR_DAYS),
            }));
        }
        if let Some(federated) = self.federated {
            return federated.taken().map(NewCredential::Federated).map(Some);
        }
        let Some(certificate) = certificate else {
            return Err(Problem::invalid(
                "There is a private key without its certificate: give `certificate` as well.",
            ));
        };
        Ok(Some(NewCredential::Pem {
            certificate,
            private_key,
            password,
        }))
    }
}

impl FederatedBody {
    fn taken(self) -> Result<NewFederated, Problem> {
        match (filled(self.file), filled(self.url)) {
            (Some(_), None) if self.headers.is_some() => Err(Problem::invalid(
                "federated: headers are sent to an address, and a file needs none: leave them out.",
            )),
            (Some(file), None) => Ok(NewFederated::File(file)),
            (None, Some(url)) => Ok(NewFederated::Url {
                url,
                headers: self.headers.unwrap_or_default().into_iter().collect(),
            }),
            _ => Err(Problem::invalid(
                "federated: give either the `file` or the `url` that the assertion is read from.",
            )),
        }
    }
}

/// What may be told of a credential.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Credential)]
pub(super) struct CredentialView {
    /// Ours.
    id: CredentialId,
    /// What it is.
    kind: CredentialKind,
    /// When it ends at Microsoft, where that is known.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
    /// Whole days until then; negative when it is over.
    days_left: Option<i64>,
    /// When it was added here.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// Since when Microsoft takes it. Nothing while it never did, and when it was refused last where
    /// another one was taken.
    #[schema(value_type = Option<String>, format = DateTime)]
    taken_at: Option<Timestamp>,
    /// The public half, when it is a certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate: Option<CertificateView>,
    /// Where the assertion comes from, when it is a federated one. What it says is never told.
    #[serde(skip_serializing_if = "Option::is_none")]
    federated: Option<FederatedSource>,
}

/// What is known of a certificate.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Certificate)]
struct CertificateView {
    /// SHA-1 in hexadecimal, as the Entra admin center shows it.
    thumbprint: String,
    /// SHA-256 in base64url, as assertions name it (`x5t#S256`).
    x5t_s256: String,
    /// Whom it names.
    subject: String,
    /// From when on it is good.
    #[schema(value_type = String, format = DateTime)]
    not_before: Timestamp,
}

impl CredentialView {
    pub(super) fn of(info: &CredentialInfo, now: Timestamp) -> Self {
        Self {
            id: info.id.clone(),
            kind: info.kind,
            expires_at: info.expires_at,
            days_left: info.days_left(now),
            created_at: info.created_at,
            taken_at: info.taken_at,
            certificate: info
                .certificate
                .as_ref()
                .map(|certificate| CertificateView {
                    thumbprint: certificate.thumbprint.clone(),
                    x5t_s256: certificate.x5t_s256.clone(),
                    subject: certificate.subject.clone(),
                    not_before: certificate.not_before,
                }),
            federated: info.federated.clone(),
        }
    }
}

/// Lists a connection's credentials, the newest first: the order in which they are tried.
#[utoipa::path(
    get, path = "/connections/{id}/credentials", tag = "connections", params(Part),
    security(("key" = ["connections.read"])),
    responses((status = 200, description = "A page of credentials", body = Page<CredentialView>))
)]
async fn list_credentials(
    State(app): State<App>,
    _: May<act::ListCredentials>,
    InPath(named): InPath<String>,
    Asked(part): Asked<Part>,
) -> Answer<Json<Page<CredentialView>>> {
    let connection = app.engine.connection(&named).await?;
    let now = app.engine.now();
    let all = connection.credentials.iter();
    let all = all.map(|info| CredentialView::of(info, now)).collect();
    Ok(Json(cut(all, &part, |one| one.id.as_str())?))
}

/// The public half of a certificate, in PEM: what is uploaded to the app registration (Certificates
/// & secrets, Certificates).
#[utoipa::path(
    get, path = "/connections/{id}/credentials/{cid}/certificate", tag = "connections",
    security(("key" = ["connections"])),
    responses((status = 200, description = "The certificate", content_type = "application/x-pem-file", body = String))
)]
async fn get_certificate(
    State(app): State<App>,
    _: May<act::GetCertificate>,
    InPath((named, credential)): InPath<(String, CredentialId)>,
    _: Asked<Nothing>,
) -> Answer<Response> {
    let id = app.engine.connection(&named).await?.id;
    let (name, pem) = app.engine.certificate_of(&id, &credential).await?;
    Ok(small_file(&name, "application/x-pem-file", pem.into()))
}

/// Adds a second credential beside the first, for rotation. The newest is tried first; while
/// Microsoft does not take it (a certificate that is not uploaded yet), the one before it is.
#[utoipa::path(
    post, path = "/connections/{id}/credentials", tag = "connections",
    request_body = CredentialBody,
    security(("key" = ["connections"])),
    responses((status = 201, description = "What may be told of it", body = CredentialView))
)]
async fn add_credential(
    State(app): State<App>,
    May { caller, .. }: May<act::AddCredential>,
    InPath(named): InPath<String>,
    _: Asked<Nothing>,
    sent: Sent<CredentialBody>,
) -> Answer {
    let credential = sent.value.taken()?.ok_or_else(|| {
        Problem::invalid(
            "The credential is empty: give `secret`, `certificate`, `pkcs12`, `generate` or \
                 `federated`.",
        )
    })?;
    let (engine, by) = (app.engine.clone(), caller.clone());
    let work = async move {
        let id = engine.connection(&named).await?.id;
        let added = engine.add_credential(&by, &id, credential).await?;
        Ok(CredentialView::of(&added, engine.now()))
    };
    sent.once
        .run(&app, &caller, StatusCode::CREATED, work)
        .await
}

/// Removes a credential.
#[utoipa::path(
    delete, path = "/connections/{id}/credentials/{cid}", tag = "connections",
    security(("key" = ["connections"])),
    responses((status = 200, description = "It is removed", body = Deleted))
)]
async fn remove_credential(
    State(app): State<App>,
    May { caller, .. }: May<act::RemoveCredential>,
    InPath((named, credential)): InPath<(String, CredentialId)>,
    _: Asked<Nothing>,
    sent: Sent<NoBody>,
) -> Answer {
    let engine = app.engine.clone();
    let work = async move {
        let id = engine.connection(&named).await?.id;
        engine.remove_credential(&id, &credential).await?;
        Ok(Deleted::of(credential))
    };
    sent.once.run(&app, &caller, StatusCode::OK, work).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::extract::body::parse;

    fn taken(json: &str) -> Result<Option<NewCredential>, Problem> {
        parse::<CredentialBody>(json.as_bytes())?.taken()
    }

    #[test]
    fn one_of_each_kind() {
        use NewCredential::{Federated, Made, Pem, Pkcs12, Secret};
        let kind = |json: &str| taken(json).expect("fit").expect("one");
        assert!(matches!(
            kind(r#"{"secret":"s","expiresAt":"2027-01-31"}"#),
            Secret {
                expires_at: Some(_),
                ..
            }
        ));
        assert!(matches!(
            kind(r#"{"certificate":"c","privateKey":"k","password":"p"}"#),
            Pem {
                private_key: Some(_),
                password: Some(_),
                ..
            }
        ));
        assert!(matches!(
            kind(r#"{"certificate":"both in one","privateKey":""}"#),
            Pem {
                private_key: None,
                password: None,
                ..
            }
        ));
        assert!(matches!(
            kind(r#"{"pkcs12":"AAAA","password":""}"#),
            Pkcs12 { password: None, .. }
        ));
        assert!(matches!(
            kind(r#"{"generate":true}"#),
            Made { valid_days: 730 }
        ));
        assert!(matches!(
            kind(r#"{"generate":true,"validDays":90}"#),
            Made { valid_days: 90 }
        ));
        assert!(matches!(
            kind(r#"{"federated":{"file":"/token"}}"#),
            Federated(NewFederated::File(_))
        ));
        assert!(matches!(
            kind(r#"{"federated":{"url":"https://x/","headers":{"Metadata":"true"}}}"#),
            Federated(NewFederated::Url { headers, .. }) if headers.len() == 1
        ));
        for none in ["{}", r#"{"secret":" "}"#, r#"{"generate":false}"#] {
            assert!(taken(none).expect("fit").is_none(), "{none}");
        }
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        for json in [
            r#"{"secret":"s","certificate":"c"}"#,
            r#"{"generate":true,"secret":"s"}"#,
            r#"{"certificate":"c","expiresAt":"2027-01-31"}"#,
            r#"{"generate":true,"password":"p"}"#,
            r#"{"secret":"s","validDays":3}"#,
            r#"{"secret":"s","password":"p"}"#,
            r#"{"privateKey":"k"}"#,
            r#"{"expiresAt":"2027-01-31"}"#,
            r#"{"secret":"","expiresAt":"2027-01-31"}"#,
            r#"{"validDays":3}"#,
            r#"{"generate":false,"validDays":3}"#,
            r#"{"password":"p"}"#,
            r#"{"federated":{}}"#,
            r#"{"federated":{"file":"/a","url":"https://b/"}}"#,
            r#"{"federated":{"file":"/a","headers":{}}}"#,
            r#"{"federated":"/a"}"#,
            r#"{"certificat":"c"}"#,
        ] {
            assert!(taken(json).is_err(), "{json}");
        }
        let shown = format!("{:?}", taken(r#"{"pkcs12":"AAAA","password":"hush"}"#));
        assert!(
            !shown.contains("hush") && !shown.contains("AAAA"),
            "{shown}"
        );
    }
}
