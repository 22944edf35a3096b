//! TLS to the MySQL port of an FE, as `CLUSTER_TLS` asks for it.

use std::io;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore,
    SignatureScheme,
};

use super::packets::lost;
use crate::engine::failure::Failure;
use crate::file;
use crate::settings::{Host, Tls, TlsMode};

pub(super) type Config = Result<Arc<ClientConfig>, Failure>;

/// The certificates that are accepted: any, those of `CLUSTER_CA_FILE`, or those of the public authorities.
pub(super) fn config(tls: &Tls) -> Config {
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::Tls(error.to_string()))?;
    let config = if tls.mode == TlsMode::Verify {
        config.with_root_certificates(authorities(tls)?)
    } else {
        config
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Unverified(provider)))
    };
    Ok(Arc::new(config.with_no_client_auth()))
}

fn authorities(tls: &Tls) -> Result<RootCertStore, Failure> {
    let mut store = RootCertStore::empty();
    let Some(path) = &tls.ca_file else {
        store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        return Ok(store);
    };
    let failed = |why: String| {
        Failure::Tls(format!(
            "CLUSTER_CA_FILE {} cannot be read: {why}",
            path.display()
        ))
    };
    let content = file::read(path, file::AUTHORITIES).map_err(|error| failed(error.to_string()))?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&content).collect();
    let mut certificates = certificates.map_err(|error| failed(error.to_string()))?;
    if certificates.is_empty() {
        // Not PEM, so the certificate itself.
        certificates.push(CertificateDer::from(content));
    }
    for certificate in certificates {
        store
            .add(certificate)
            .map_err(|error| failed(error.to_string()))?;
    }
    Ok(store)
}

/// The name that the certificate has to hold.
pub(super) fn name(host: &Host) -> Result<ServerName<'static>, Failure> {
    ServerName::try_from(host.to_string()).map_err(|error| Failure::Tls(error.to_string()))
}

/// The reason in words, for what people meet.
pub(super) fn failure(error: &io::Error) -> Failure {
    if error.kind() != io::ErrorKind::InvalidData {
        return lost(error);
    }
    let said = error.to_string();
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<Error>());
    Failure::Tls(match cause {
        Some(Error::InvalidCertificate(why)) => certificate(why, &said),
        Some(Error::AlertReceived(AlertDescription::ProtocolVersion) | Error::PeerIncompatible(_)) => {
            format!("{said} (muster speaks TLS 1.2 and 1.3)")
        }
        _ => said,
    })
}

fn certificate(why: &CertificateError, said: &str) -> String {
    match why {
        CertificateError::UnknownIssuer => {
            "the FE's certificate is signed by an authority that is not known".to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the FE's certificate has expired, by the clock of this machine".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the FE's certificate is not valid yet, by the clock of this machine".to_owned()
        }
        CertificateError::NotValidForNameContext { expected, presented } => {
            let presented = if presented.is_empty() {
                "for no host, as its subjectAltName is missing".to_owned()
            } else {
                format!("for {}", presented.join(", "))
            };
            format!(
                "the FE's certificate is not for {}, but {presented}",
                expected.to_str()
            )
        }
        // The key in the keytool example of the vendor's manual has 1024 bits (seen to end like this, unverified too). An
        // authority that was made anew under its old name ends like this as well.
        CertificateError::BadSignature => {
            format!("{said} (signed by another authority of that name, or by an RSA key below 2048 bits)")
        }
        // The library keeps this one to itself. `openssl req -x509` makes such certificates.
        CertificateError::Other(other) if other.to_string().contains("CaUsedAsEndEntity") => {
            "the FE's certificate is that of an authority (CA:TRUE), which may only sign others".to_owned()
        }
        _ => said.to_owned(),
    }
}

/// Accepts every certificate: the connection is encrypted, and nobody knows to whom.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
