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
//! `ca.pem` and the files of its name. A folder may be one file, a TOML table of texts by these names: what a cluster's
//! secrets are. There may be keys for more than the run has: honest workers have the lowest, attackers the highest.

mod init;
mod own;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use clap::Args;
pub use init::{Days, Split, init};
pub(crate) use own::Own;
use proto::Token;
use round::Rank;
use server::{Identity, Mode, Who};
use tokio_rustls::rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, ServerTlsConfig};

use crate::failure::Failure;

/// Where keys are.
#[derive(Debug, Clone, Default, Args)]
pub struct Keys {
    /// Folder with our keys, or file, as `equipoise keys init` makes it
    #[arg(long = "keys", value_name = "DIR", env = "EQUIPOISE_KEYS")]
    pub folder: Option<PathBuf>,
}

type Texts = BTreeMap<String, String>;

/// What a place of keys has under this name, if it has it.
fn find(place: &Path, name: &str) -> Result<Option<String>, Failure> {
    let unreadable = |path: &Path, error: &dyn std::fmt::Display| {
        Failure::wrong(format!("cannot read {}: {error}", path.display()))
    };
    if place.is_file() {
        let text = fs::read_to_string(place).map_err(|error| unreadable(place, &error))?;
        let mut texts: Texts =
            toml::from_str(&text).map_err(|error| unreadable(place, &error.message().to_owned()))?;
        return Ok(texts.remove(name));
    }
    let path = place.join(name);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(&path, &error)),
    }
}

fn read(place: &Path, name: &str) -> Result<String, Failure> {
    find(place, name)?.ok_or_else(|| {
        Failure::wrong(format!("cannot read {}: there is no such file", place.join(name).display()))
            .hint("`equipoise keys init --workers N --out DIR` makes such a folder")
    })
}

impl Keys {
    /// How a server in this mode knows who calls: so many workers, the first of them honest.
    ///
    /// # Errors
    /// When the folder, or what has to be in it, cannot be read.
    pub fn identity(&self, mode: Mode, honest: usize, workers: usize) -> Result<Identity, Failure> {
        if mode == Mode::Open {
            return Ok(Identity::Open);
        }
        let folder = self.folder.as_deref().ok_or_else(|| {
            Failure::wrong("the server's identity is not open, and there is no folder with keys")
                .hint("give --keys DIR")
        })?;
        let (certificate, key) = (read(folder, "server.pem")?, read(folder, "server.key")?);
        let tls = ServerTlsConfig::new().identity(tonic::transport::Identity::from_pem(certificate, key));
        let mut there = 0_usize;
        while find(folder, &format!("worker-{there}.pem"))?.is_some() {
            there += 1;
        }
        let spare = there.saturating_sub(workers);
        let owners = (0..workers).map(|rank| {
            let number = if rank < honest { rank } else { rank + spare };
            (format!("worker-{number}"), Who::Worker(Rank(rank as u32)))
        });
        let owners = owners.chain([("observer".to_owned(), Who::Observer)]);
        if mode == Mode::Token {
            let token = |(name, who): (String, Who)| Ok((token(folder, &name)?, who));
            return Ok(Identity::Token {
                tls: Some(tls),
                tokens: owners.map(token).collect::<Result<_, Failure>>()?,
            });
        }
        let certificate = |(name, who): (String, Who)| {
            let name = format!("{name}.pem");
            let der = pem::parse(read(folder, &name)?);
            let bad = |error| {
                Failure::wrong(format!("{} is no certificate: {error}", folder.join(&name).display()))
            };
            Ok((der.map_err(bad)?.into_contents(), who))
        };
        let certificates = owners.map(certificate).collect::<Result<_, Failure>>()?;
        let tls = tls.client_ca_root(Certificate::from_pem(read(folder, "ca.pem")?));
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
        let mut tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(read(folder, "ca.pem")?));
        if let Some(key) = find(folder, &format!("{name}.key"))? {
            let certificate = read(folder, &format!("{name}.pem"))?;
            tls = tls.identity(tonic::transport::Identity::from_pem(certificate, key));
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
        let bad = |name: &str, why: &dyn std::fmt::Display| {
            Failure::wrong(format!("{} cannot be used: {why}", folder.join(name).display()))
        };
        let mut authorities = RootCertStore::empty();
        let authority = CertificateDer::from_pem_slice(read(folder, "ca.pem")?.as_bytes())
            .map_err(|why| bad("ca.pem", &why))?;
        authorities.add(authority).map_err(|why| bad("ca.pem", &why))?;
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| Failure::unfinished(&error))?
            .with_root_certificates(authorities);
        let (certificate, secret) = (format!("{name}.pem"), format!("{name}.key"));
        let mut config = match find(folder, &secret)? {
            Some(key) => {
                let shown = CertificateDer::from_pem_slice(read(folder, &certificate)?.as_bytes())
                    .map_err(|why| bad(&certificate, &why))?;
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|why| bad(&secret, &why))?;
                config.with_client_auth_cert(vec![shown], key).map_err(|why| bad(&secret, &why))?
            }
            None => config.with_no_client_auth(),
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
            Some(folder) if encrypted => {
                find(folder, &format!("{name}.token"))?.map(|_| token(folder, name)).transpose()
            }
            _ => Ok(None),
        }
    }
}

fn token(folder: &Path, name: &str) -> Result<Token, Failure> {
    let name = format!("{name}.token");
    Token::from_hex(read(folder, &name)?.trim()).ok_or_else(|| {
        let path = folder.join(name);
        Failure::wrong(format!("{} has no token in it, expected 64 hexadecimal digits", path.display()))
    })
}
