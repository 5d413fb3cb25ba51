//! Made certificates.

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p12_keystore::{Certificate, KeyStore, KeyStoreEntry, PrivateKey, PrivateKeyChain};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_RSA_SHA256, RsaKeySize,
};
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

/// A certificate that an application proves itself with, and its key.
pub struct ClientCertificate {
    /// The certificate in PEM.
    pub certificate: String,
    /// Its RSA key: PKCS#8 in PEM.
    pub key: String,
    certificate_der: Vec<u8>,
    key_der: Vec<u8>,
}

impl ClientCertificate {
    /// Made with these dates: year, month, day.
    pub fn make(from: (i32, u8, u8), to: (i32, u8, u8)) -> Result<Self> {
        let mut parameters = CertificateParams::default();
        parameters
            .distinguished_name
            .push(DnType::CommonName, "An application of the tests");
        parameters.not_before = rcgen::date_time_ymd(from.0, from.1, from.2);
        parameters.not_after = rcgen::date_time_ymd(to.0, to.1, to.2);
        let key = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048)?;
        let certificate = parameters.self_signed(&key)?;
        Ok(Self {
            certificate: certificate.pem(),
            key: key.serialize_pem(),
            certificate_der: certificate.der().to_vec(),
            key_der: key.serialize_der(),
        })
    }

    /// One that is good for longer than any test runs.
    pub fn good() -> Result<Self> {
        Self::make((2020, 1, 1), (2120, 1, 1))
    }

    /// The two as a PKCS#12 file, in base64.
    pub fn pkcs12(&self, password: &str) -> Result<String> {
        let chain = PrivateKeyChain::new(
            "1",
            PrivateKey::from_der(&self.key_der)?,
            [Certificate::from_der(&self.certificate_der)?],
        );
        let mut store = KeyStore::new();
        store.add_entry("app", KeyStoreEntry::PrivateKeyChain(chain));
        Ok(STANDARD.encode(store.writer(password).write()?))
    }
}
