//! Keys are made, and dealt to who needs them.

use std::{
    fs,
    io::Write as _,
    path::Path,
    time::{Duration, SystemTime},
};

use clap::ValueEnum;
use proto::Token;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    date_time_ymd,
};

use super::Texts;
use crate::failure::Failure;

/// Names that a server is found by when nothing else is said.
const NAMES: [&str; 4] = ["localhost", "127.0.0.1", "::1", "server"];

/// How keys are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Split {
    /// One folder for all.
    #[default]
    None,
    /// A folder each for `server`, `workers`, `attackers` and `observer`, with what they need of the keys.
    Folders,
    /// The same as files, `server.keys` and so on.
    Files,
}

/// From when to when certificates are good, as days from now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days {
    /// The first day.
    pub from: i64,
    /// The last.
    pub to: i64,
}

/// Makes the keys of a run with so many workers, the last of them attackers; `names` are further names of the server.
///
/// # Errors
/// When the folder cannot be written to, or has keys already.
pub fn init(
    folder: &Path,
    (workers, attackers): (usize, usize),
    names: &[String],
    days: Days,
    split: Split,
) -> Result<(), Failure> {
    let all = make(workers + attackers, names, days)?;
    if split == Split::None {
        return lay(folder, &all);
    }
    let of = |name: &str, first: usize, end: usize| {
        let owner = name.split('.').next().and_then(|owner| owner.strip_prefix("worker-")?.parse().ok());
        name == "ca.pem" || owner.is_some_and(|number| (first..end).contains(&number))
    };
    let server =
        |name: &str| name == "server.key" || Path::new(name).extension().is_none_or(|end| end != "key");
    let observer = |name: &str| name == "ca.pem" || name.starts_with("observer.");
    let share = |wanted: &dyn Fn(&str) -> bool| -> Texts {
        all.iter().filter(|(name, _)| wanted(name)).map(|(name, text)| (name.clone(), text.clone())).collect()
    };
    for (who, share) in [
        ("workers", share(&|name| of(name, 0, workers))),
        ("attackers", share(&|name| of(name, workers, workers + attackers))),
        ("observer", share(&observer)),
        ("server", share(&server)),
    ] {
        if split == Split::Folders {
            lay(&folder.join(who), &share)?;
        } else {
            make_folder(folder)?;
            let text = toml::to_string(&share).map_err(|error| cannot(&error))?;
            write(&folder.join(format!("{who}.keys")), &text)?;
        }
    }
    Ok(())
}

fn cannot(error: &dyn std::fmt::Display) -> Failure {
    Failure::because(format!("cannot make keys: {error}"))
}

fn make_folder(folder: &Path) -> Result<(), Failure> {
    fs::create_dir_all(folder)
        .map_err(|error| Failure::because(format!("cannot make {}: {error}", folder.display())))
}

fn lay(folder: &Path, texts: &Texts) -> Result<(), Failure> {
    make_folder(folder)?;
    texts.iter().try_for_each(|(name, text)| write(&folder.join(name), text))
}

fn make(workers: usize, names: &[String], days: Days) -> Result<Texts, Failure> {
    let mut all = Texts::new();
    let authority_key = KeyPair::generate().map_err(|error| cannot(&error))?;
    let mut authority = parameters("equipoise authority", &[], days)?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    let certificate = authority.self_signed(&authority_key).map_err(|error| cannot(&error))?;
    all.insert("ca.pem".to_owned(), certificate.pem());
    let issuer = Issuer::new(authority, authority_key);
    let mut sign = |name: &str, names: &[String], purpose| {
        let key = KeyPair::generate().map_err(|error| cannot(&error))?;
        let mut parameters = parameters(name, names, days)?;
        parameters.extended_key_usages = vec![purpose];
        let certificate = parameters.signed_by(&key, &issuer).map_err(|error| cannot(&error))?;
        all.insert(format!("{name}.pem"), certificate.pem());
        all.insert(format!("{name}.key"), key.serialize_pem());
        Ok::<_, Failure>(())
    };
    let server: Vec<String> = NAMES.map(str::to_owned).into_iter().chain(names.iter().cloned()).collect();
    sign("server", &server, ExtendedKeyUsagePurpose::ServerAuth)?;
    let clients = || (0..workers).map(|rank| format!("worker-{rank}")).chain(["observer".to_owned()]);
    for name in clients() {
        sign(&name, std::slice::from_ref(&name), ExtendedKeyUsagePurpose::ClientAuth)?;
    }
    for name in clients() {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(|error| cannot(&error))?;
        all.insert(format!("{name}.token"), Token::new(secret).to_hex());
    }
    Ok(all)
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
