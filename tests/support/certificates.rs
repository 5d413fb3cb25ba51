//! Made certificates.

use anyhow::Result;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use std::path::{Path, PathBuf};

/// A server's certificate and key and the authority that signed it, as PEM files.
pub struct Certificates {
    /// What clients trust.
    pub authority: PathBuf,
    /// The server's certificate, for 127.0.0.1 and localhost.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// A sound key of another certificate.
    pub other_key: PathBuf,
}

impl Certificates {
    /// Made in this folder.
    pub fn make(folder: &Path) -> Result<Self> {
        let mut authority = CertificateParams::new(Vec::<String>::new())?;
        authority
            .distinguished_name
            .push(DnType::CommonName, "An authority of the tests");
        authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let authority_key = KeyPair::generate()?;
        let authority_pem = authority.self_signed(&authority_key)?.pem();
        let issuer = Issuer::new(authority, authority_key);
        let mut server =
            CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])?;
        server.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let certificate = server.signed_by(&key, &issuer)?.pem();
        let write = |name: &str, text: &str| {
            let path = folder.join(name);
            std::fs::write(&path, text).map(|()| path)
        };
        Ok(Self {
            authority: write("authority.pem", &authority_pem)?,
            certificate: write("certificate.pem", &certificate)?,
            key: write("key.pem", &key.serialize_pem())?,
            other_key: write("other-key.pem", &KeyPair::generate()?.serialize_pem())?,
        })
    }
}
