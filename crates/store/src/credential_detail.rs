//! What may be told of a credential besides its kind and times, as it lies in a column.

use postroom_model::connection::{CertificateInfo, CredentialInfo, FederatedSource};
use serde::{Deserialize, Serialize};

/// The column `detail` of `credentials`.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct CredentialDetail {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) certificate: Option<CertificateInfo>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) federated: Option<FederatedSource>,
}

impl CredentialDetail {
    /// What is to be kept; `None` when there is nothing.
    pub(crate) fn of(info: &CredentialInfo) -> Option<Self> {
        let detail = Self {
            certificate: info.certificate.clone(),
            federated: info.federated.clone(),
        };
        (detail.certificate.is_some() || detail.federated.is_some()).then_some(detail)
    }
}
