//! Calls from those who are not who they say, or announce what nobody would hold.

use bytes::Bytes;
use proto::{
    Session, frames, limits,
    v1::{JoinRequest, PullRequest, join_request::Wish},
};
use tonic::{Code, Request, Status};

use super::{
    Abuse, Answer, Target,
    member::{self, Member, status_words},
    raw::{self, Raw},
};

/// A session nobody was given.
const FORGED: Session = Session([0x5A; 16]);

fn refused(status: Result<(), Status>) -> String {
    status.map_or_else(|status| status_words(&status), |()| "taken".to_owned())
}

/// An update with a session that was never given out.
fn forged_update(target: &Target) -> Answer<'_> {
    Box::pin(async move {
        let mut client = target.client().await?;
        Ok(member::push(&mut client, FORGED, frames(1, 1, &[0.0])).await)
    })
}

/// A control stream with a session that was never given out.
fn forged_control(target: &Target) -> Answer<'_> {
    Box::pin(async move {
        let mut request = Request::new(tokio_stream::pending());
        FORGED.sign(&mut request);
        Ok(refused(target.client().await?.control(request).await.map(drop)))
    })
}

/// The model without a session.
fn no_session(target: &Target) -> Answer<'_> {
    Box::pin(async move {
        Ok(refused(target.client().await?.pull_model(PullRequest { round: 1 }).await.map(drop)))
    })
}

/// The place of a worker that is there.
fn another_rank(target: &Target) -> Answer<'_> {
    Box::pin(async move {
        let own = target.rank().unwrap_or(u32::MAX);
        let wish = Some(Wish::Rank(u32::from(own == 0)));
        let request = target.signed(JoinRequest { version: limits::VERSION, wish });
        Ok(refused(target.client().await?.join(request).await.map(drop)))
    })
}

/// Places that do not exist, and versions that were never spoken.
fn no_such_rank(target: &Target) -> Answer<'_> {
    Box::pin(async move {
        let wish = Some(Wish::Rank(u32::MAX));
        let request = target.signed(JoinRequest { version: limits::VERSION, wish });
        Ok(refused(target.client().await?.join(request).await.map(drop)))
    })
}

fn other_version(target: &Target) -> Answer<'_> {
    Box::pin(async move {
        let request = target.signed(JoinRequest { version: u32::MAX, ..JoinRequest::default() });
        Ok(refused(target.client().await?.join(request).await.map(drop)))
    })
}

/// Five bytes that announce a message of 4 GiB.
fn four_gib(target: &Target) -> Answer<'_> {
    Box::pin(async move {
        let member = Member::admitted(target).await?;
        let mut wire = Raw::connect(target).await?;
        let (response, mut stream) = wire.call("PushUpdate", Some(member.session)).await?;
        stream.send_data(Bytes::from_static(&[0, 0xFF, 0xFF, 0xFF, 0xFF]), false)?;
        Ok(raw::answer(response).await)
    })
}

/// The same on the call that needs no session.
fn four_gib_join(target: &Target) -> Answer<'_> {
    Box::pin(async move {
        let mut wire = Raw::connect(target).await?;
        let (response, mut stream) = wire.call("Join", None).await?;
        stream.send_data(Bytes::from_static(&[0, 0xFF, 0xFF, 0xFF, 0xFF]), false)?;
        Ok(raw::answer(response).await)
    })
}

/// Half a mebibyte of metadata.
fn oversized_header(target: &Target) -> Answer<'_> {
    Box::pin(async move {
        let mut wire = Raw::connect(target).await?;
        wire.sender = wire.sender.clone().ready().await?;
        let long = "x".repeat(512 << 10);
        let request = raw::request("Join", None, &[("equipoise-session", &long)]);
        match wire.sender.send_request(request, true) {
            Ok((response, _)) => Ok(raw::answer(response).await),
            Err(error) => Ok(format!("closed: {error}")),
        }
    })
}

/// A message that is no protobuf.
fn not_protobuf(target: &Target) -> Answer<'_> {
    Box::pin(async move {
        let member = Member::admitted(target).await?;
        let mut wire = Raw::connect(target).await?;
        let (response, mut stream) = wire.call("PushUpdate", Some(member.session)).await?;
        stream.send_data(Bytes::from_static(&[0, 0, 0, 0, 4, 0xFF, 0xFF, 0xFF, 0xFF]), true)?;
        Ok(raw::answer(response).await)
    })
}

/// A method that does not exist.
fn no_such_method(target: &Target) -> Answer<'_> {
    Box::pin(async move {
        let mut wire = Raw::connect(target).await?;
        let (response, mut stream) = wire.call("Elect", None).await?;
        stream.send_data(Bytes::new(), true)?;
        let answer = raw::answer(response).await;
        Ok(if answer.starts_with(&format!("{:?}", Code::Unimplemented)) {
            "Unimplemented".into()
        } else {
            answer
        })
    })
}

pub(super) const ALL: &[Abuse] = &[
    Abuse {
        name: "forged-session",
        what: "votes with a session that nobody was given",
        expected: &["Unauthenticated"],
        run: forged_update,
    },
    Abuse {
        name: "forged-control",
        what: "opens a control stream with a session that nobody was given",
        expected: &["Unauthenticated"],
        run: forged_control,
    },
    Abuse {
        name: "no-session",
        what: "asks for the model without having joined",
        expected: &["Unauthenticated"],
        run: no_session,
    },
    Abuse {
        name: "impersonation",
        what: "asks for the place of a worker that is there",
        expected: &["AlreadyExists", "PermissionDenied", "Unauthenticated"],
        run: another_rank,
    },
    Abuse {
        name: "no-such-rank",
        what: "asks for a place that does not exist",
        expected: &["OutOfRange", "PermissionDenied", "Unauthenticated"],
        run: no_such_rank,
    },
    Abuse {
        name: "other-version",
        what: "speaks a version of the protocol that there is not",
        expected: &["FailedPrecondition"],
        run: other_version,
    },
    Abuse {
        name: "four-gib",
        what: "announces an update message of 4 GiB in five bytes",
        expected: &["InvalidArgument", "OutOfRange"],
        run: four_gib,
    },
    Abuse {
        name: "four-gib-join",
        what: "announces a Join of 4 GiB in five bytes, as anybody can",
        expected: &["OutOfRange"],
        run: four_gib_join,
    },
    Abuse {
        name: "oversized-header",
        what: "sends half a mebibyte of metadata",
        expected: &["HTTP 431", "closed"],
        run: oversized_header,
    },
    Abuse {
        name: "not-protobuf",
        what: "sends a message that does not decode",
        expected: &["InvalidArgument"],
        run: not_protobuf,
    },
    Abuse {
        name: "no-such-method",
        what: "calls a method that does not exist",
        expected: &["Unimplemented"],
        run: no_such_method,
    },
];
