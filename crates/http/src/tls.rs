//! HTTPS.

use crate::options::TlsFiles;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::path::PathBuf;
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;

/// Why HTTPS cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate's file.
    #[error("the certificate file {path} cannot be used: it takes PEM, the server's certificate first", path = .0.display())]
    Certificate(PathBuf, #[source] rustls_pki_types::pem::Error),
    /// The key's file.
    #[error("the key file {path} cannot be used: it takes an unencrypted private key in PEM", path = .0.display())]
    Key(PathBuf, #[source] rustls_pki_types::pem::Error),
    /// The two do not fit.
    #[error(
        "the certificate file {cert} and the key file {key} do not belong together, or not to a \
         server",
        cert = .0.cert.display(),
        key = .0.key.display()
    )]
    Pair(TlsFiles, #[source] rustls::Error),
}

/// Reads the files.
pub(crate) fn acceptor(files: &TlsFiles) -> Result<TlsAcceptor, TlsError> {
    let certificates = CertificateDer::pem_file_iter(&files.cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .and_then(|all| {
            if all.is_empty() {
                Err(rustls_pki_types::pem::Error::NoItemsFound)
            } else {
                Ok(all)
            }
        })
        .map_err(|error| TlsError::Certificate(files.cert.clone(), error))?;
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|error| TlsError::Key(files.key.clone(), error))?;
    let pair = |error| TlsError::Pair(files.clone(), error);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(pair)?
        .with_no_client_auth()
        .with_single_cert(certificates, key)
        .map_err(pair)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_none_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let cert = folder.path().join("cert.pem");
        std::fs::write(&cert, "no certificate").expect("a file");
        let files = TlsFiles {
            cert,
            key: folder.path().join("key.pem"),
        };
        let error = acceptor(&files).err().map(|error| error.to_string());
        assert!(error.is_some_and(|text| text.contains("cert.pem")));
    }
}
