//! Keys of a run in a folder: an authority, and a certificate and a token for each.
//!
//! ```text
//! ca.pem                    the authority's certificate, for everybody; its key is not kept
//! server.pem  server.key    the server
//! NAME.pem  NAME.key        worker-0, worker-1, … and observer: by certificate
//! NAME.token                the same: by token
//! ```
//!
//! Everything is readable by its owner only. The server needs the folder without the others' `.key`; everybody else needs
//! `ca.pem` and the files of its name.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use clap::Args;
use proto::Token;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    date_time_ymd,
};
use round::Rank;
use server::{Identity, Mode, Who};
use tokio_rustls::rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, ServerTlsConfig};

use crate::failure::Failure;

/// Names that a server is found by when nothing else is said.
const NAMES: [&str; 4] = ["localhost", "127.0.0.1", "::1", "server"];

/// Where keys are.
#[derive(Debug, Clone, Default, Args)]
pub struct Keys {
    /// Folder with our keys, as `equipoise keys init` makes it
    #[arg(long = "keys", value_name = "DIR", env = "EQUIPOISE_KEYS")]
    pub folder: Option<PathBuf>,
}

/// From when to when certificates are good, as days from now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days {
    /// The first day.
    pub from: i64,
    /// The last.
    pub to: i64,
}

/// Makes the keys of a run with so many workers; `names` are further names of the server.
///
/// # Errors
/// When the folder cannot be written to, or has keys already.
pub fn init(folder: &Path, workers: usize, names: &[String], days: Days) -> Result<(), Failure> {
    let cannot = |error: &dyn std::fmt::Display| Failure::because(format!("cannot make keys: {error}"));
    fs::create_dir_all(folder)
        .map_err(|error| Failure::because(format!("cannot make {}: {error}", folder.display())))?;
    let authority_key = KeyPair::generate().map_err(|error| cannot(&error))?;
    let mut authority = parameters("equipoise authority", &[], days)?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let certificate = authority.self_signed(&authority_key).map_err(|error| cannot(&error))?;
    write(&folder.join("ca.pem"), &certificate.pem())?;
    let issuer = Issuer::new(authority, authority_key);
    let sign = |name: &str, names: &[String], purpose| {
        let key = KeyPair::generate().map_err(|error| cannot(&error))?;
        let mut parameters = parameters(name, names, days)?;
        parameters.extended_key_usages = vec![purpose];
        let certificate = parameters.signed_by(&key, &issuer).map_err(|error| cannot(&error))?;
        write(&folder.join(format!("{name}.pem")), &certificate.pem())?;
        write(&folder.join(format!("{name}.key")), &key.serialize_pem())
    };
    let server: Vec<String> = NAMES.map(str::to_owned).into_iter().chain(names.iter().cloned()).collect();
    sign("server", &server, ExtendedKeyUsagePurpose::ServerAuth)?;
    for name in (0..workers).map(|rank| format!("worker-{rank}")).chain(["observer".to_owned()]) {
        sign(&name, std::slice::from_ref(&name), ExtendedKeyUsagePurpose::ClientAuth)?;
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(|error| cannot(&error))?;
        write(&folder.join(format!("{name}.token")), &Token::new(secret).to_hex())?;
    }
    Ok(())
}

fn parameters(name: &str, names: &[String], days: Days) -> Result<CertificateParams, Failure> {
    let mut parameters = CertificateParams::new(names.to_vec())
        .map_err(|error| Failure::wrong(format!("{names:?} cannot all be names of a server: {error}")))?;
    parameters.distinguished_name.push(DnType::CommonName, name);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let day = |days: i64| {
        let seconds = now.as_secs().saturating_add_signed(86_400 * days);
        date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds)
    };
    (parameters.not_before, parameters.not_after) = (day(days.from), day(days.to));
    Ok(parameters)
}

/// Writes a file that is new and readable by its owner only.
fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(path).and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| {
        let failure = Failure::because(format!("cannot write {}: {error}", path.display()));
        match error.kind() {
            std::io::ErrorKind::AlreadyExists => failure.hint("keys are not replaced: choose another folder"),
            _ => failure,
        }
    })
}

fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|error| {
        Failure::wrong(format!("cannot read {}: {error}", path.display()))
            .hint("`equipoise keys init --workers N --out DIR` makes such a folder")
    })
}

impl Keys {
    /// How a server in this mode knows who calls.
    ///
    /// # Errors
    /// When the folder, or what has to be in it, cannot be read.
    pub fn identity(&self, mode: Mode, workers: usize) -> Result<Identity, Failure> {
        if mode == Mode::Open {
            return Ok(Identity::Open);
        }
        let folder = self.folder.as_deref().ok_or_else(|| {
            Failure::wrong("the server's identity is not open, and there is no folder with keys")
                .hint("give --keys DIR")
        })?;
        let (certificate, key) = (read(&folder.join("server.pem"))?, read(&folder.join("server.key"))?);
        let tls = ServerTlsConfig::new().identity(tonic::transport::Identity::from_pem(certificate, key));
        let owners = (0..workers).map(|rank| (format!("worker-{rank}"), Who::Worker(Rank(rank as u32))));
        let owners = owners.chain([("observer".to_owned(), Who::Observer)]);
        if mode == Mode::Token {
            let token = |(name, who): (String, Who)| Ok((token(folder, &name)?, who));
            return Ok(Identity::Token { tls, tokens: owners.map(token).collect::<Result<_, Failure>>()? });
        }
        let certificate = |(name, who): (String, Who)| {
            let path = folder.join(format!("{name}.pem"));
            let der = pem::parse(read(&path)?);
            let bad = |error| Failure::wrong(format!("{} is no certificate: {error}", path.display()));
            Ok((der.map_err(bad)?.into_contents(), who))
        };
        let certificates = owners.map(certificate).collect::<Result<_, Failure>>()?;
        let tls = tls.client_ca_root(Certificate::from_pem(read(&folder.join("ca.pem"))?));
        Ok(Identity::Mtls { tls, certificates })
    }

    /// A server's endpoint with what `name` needs to talk to it: over https, the authority and our certificate.
    ///
    /// # Errors
    /// When the folder, or what has to be in it, cannot be read.
    pub fn endpoint(&self, endpoint: Endpoint, name: &str) -> Result<Endpoint, Failure> {
        if endpoint.uri().scheme_str() != Some("https") {
            return Ok(endpoint);
        }
        let folder = self.folder.as_deref().ok_or_else(|| {
            Failure::wrong(format!("{} needs keys, and there is no folder with them", endpoint.uri()))
                .hint("give --keys DIR")
        })?;
        let mut tls =
            ClientTlsConfig::new().ca_certificate(Certificate::from_pem(read(&folder.join("ca.pem"))?));
        let (certificate, key) = (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")));
        if key.is_file() {
            tls = tls.identity(tonic::transport::Identity::from_pem(read(&certificate)?, read(&key)?));
        }
        endpoint.tls_config(tls).map_err(|error| Failure::unfinished(&error))
    }

    /// The same for whoever speaks HTTP/2 by hand.
    ///
    /// # Errors
    /// As [`Self::endpoint`].
    pub fn client_config(
        &self,
        endpoint: &Endpoint,
        name: &str,
    ) -> Result<Option<Arc<ClientConfig>>, Failure> {
        let Some(folder) = self.folder.as_deref().filter(|_| endpoint.uri().scheme_str() == Some("https"))
        else {
            return Ok(None);
        };
        let bad = |path: &Path, why: &dyn std::fmt::Display| {
            Failure::wrong(format!("{} cannot be used: {why}", path.display()))
        };
        let path = folder.join("ca.pem");
        let mut authorities = RootCertStore::empty();
        let authority =
            CertificateDer::from_pem_slice(read(&path)?.as_bytes()).map_err(|why| bad(&path, &why))?;
        authorities.add(authority).map_err(|why| bad(&path, &why))?;
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| Failure::unfinished(&error))?
            .with_root_certificates(authorities);
        let (certificate, path) = (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")));
        let mut config = if path.is_file() {
            let shown = CertificateDer::from_pem_slice(read(&certificate)?.as_bytes())
                .map_err(|why| bad(&certificate, &why))?;
            let key =
                PrivateKeyDer::from_pem_slice(read(&path)?.as_bytes()).map_err(|why| bad(&path, &why))?;
            config.with_client_auth_cert(vec![shown], key).map_err(|why| bad(&path, &why))?
        } else {
            config.with_no_client_auth()
        };
        config.alpn_protocols = vec![b"h2".to_vec()];
        Ok(Some(Arc::new(config)))
    }

    /// The token of `name`, if it has one. It is not sent to a server that does not show a certificate.
    ///
    /// # Errors
    /// When the file has no token in it.
    pub fn token(&self, endpoint: &Endpoint, name: &str) -> Result<Option<Token>, Failure> {
        let encrypted = endpoint.uri().scheme_str() == Some("https");
        match &self.folder {
            Some(folder) if encrypted && folder.join(format!("{name}.token")).is_file() => {
                token(folder, name).map(Some)
            }
            _ => Ok(None),
        }
    }
}

fn token(folder: &Path, name: &str) -> Result<Token, Failure> {
    let path = folder.join(format!("{name}.token"));
    Token::from_hex(read(&path)?.trim()).ok_or_else(|| {
        Failure::wrong(format!("{} has no token in it, expected 64 hexadecimal digits", path.display()))
    })
}
