//! Who may take which place: anybody any, or each the one of its credential.

use proto::Token;
use round::Rank;
use tonic::{
    Request, Status,
    transport::{ServerTlsConfig, server::TlsConnectInfo},
};

use crate::door::Pass;

/// Whom a credential stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// The worker of this rank.
    Worker(Rank),
    /// Somebody who may follow the run.
    Observer,
}

/// How the server knows who calls.
#[derive(Debug, Clone, Default)]
pub enum Identity {
    /// It does not: whoever comes takes a place that is free. For one machine.
    #[default]
    Open,
    /// By tokens, over TLS.
    Token {
        /// The server's certificate and key; none where nobody can listen, as in a simulated network.
        tls: Option<ServerTlsConfig>,
        /// Every token with its owner.
        tokens: Vec<(Token, Who)>,
    },
    /// By the certificates of the clients, which the TLS configuration asks for.
    Mtls {
        /// The server's certificate and key, and the authority of the clients'.
        tls: ServerTlsConfig,
        /// Every certificate, DER, with its owner.
        certificates: Vec<(Vec<u8>, Who)>,
    },
}

impl Identity {
    pub(crate) fn tls(&self) -> Option<ServerTlsConfig> {
        match self {
            Self::Open => None,
            Self::Token { tls, .. } => tls.clone(),
            Self::Mtls { tls, .. } => Some(tls.clone()),
        }
    }

    /// Whose credential a call brings; `None` where nobody has one.
    ///
    /// # Errors
    /// When it brings none, or one that is not known.
    pub(crate) fn who<T>(&self, request: &Request<T>) -> Result<Option<Who>, Status> {
        match self {
            Self::Open => Ok(None),
            Self::Token { tokens, .. } => {
                let token = Token::of(request).ok_or_else(|| {
                    Status::unauthenticated(format!("the call has no `{}`", proto::token::KEY))
                })?;
                let known = tokens.iter().find(|(known, _)| *known == token);
                let unknown = || Status::unauthenticated("the token is not known");
                known.map(|(_, who)| Some(*who)).ok_or_else(unknown)
            }
            Self::Mtls { certificates, .. } => {
                let shown =
                    request.extensions().get::<TlsConnectInfo<Pass>>().and_then(TlsConnectInfo::peer_certs);
                let shown = shown.as_ref().and_then(|certificates| certificates.first());
                let known =
                    shown.and_then(|shown| certificates.iter().find(|(known, _)| *known == shown.as_ref()));
                let unknown = || Status::unauthenticated("the certificate belongs to no worker of this run");
                known.map(|(_, who)| Some(*who)).ok_or_else(unknown)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_stands_for_its_owner_and_an_unknown_one_for_nobody() {
        let token = |number| Token::new([number; 32]);
        let identity = Identity::Token {
            tls: None,
            tokens: vec![(token(1), Who::Worker(Rank(0))), (token(2), Who::Observer)],
        };
        let asked = |token: Option<Token>| {
            let mut request = Request::new(());
            token.iter().for_each(|token| token.sign(&mut request));
            identity.who(&request).map_err(|status| status.code())
        };
        assert_eq!(asked(Some(token(1))), Ok(Some(Who::Worker(Rank(0)))));
        assert_eq!(asked(Some(token(2))), Ok(Some(Who::Observer)));
        assert_eq!(asked(Some(token(3))), Err(tonic::Code::Unauthenticated));
        assert_eq!(asked(None), Err(tonic::Code::Unauthenticated));
        assert_eq!(Identity::Open.who(&Request::new(())).unwrap(), None);
    }
}
