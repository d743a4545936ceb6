//! Peers that take their time, or stop in the middle.

use std::time::Duration;

use bytes::Bytes;
use h2::client::Builder;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    time,
};

use super::{
    Abuse, Answer, PATIENCE, Target, Watch,
    member::{Member, join},
    raw::{self, Raw},
};

/// Time between two bytes of a slow peer.
const DRIP: Duration = Duration::from_millis(200);

/// Time for which a peer that does not read lets the server send.
const UNREAD: Duration = Duration::from_secs(2);

/// The start of a well-formed update, up to the middle of a number.
fn half(member: &Member) -> Bytes {
    let bytes = member.update(member.round, 0.0).first().map(raw::message).unwrap_or_default();
    bytes.slice(..bytes.len() / 2)
}

/// One byte at a time, for as long as the server lets it.
fn slow_loris(target: &Target) -> Answer<'_> {
    Box::pin(async move {
        let member = Member::admitted(target).await?;
        let mut wire = Raw::connect(target).await?;
        let (response, mut stream) = wire.call("PushUpdate", Some(member.session)).await?;
        let bytes = half(&member);
        let dripping = async {
            for byte in bytes.chunks(1) {
                if stream.send_data(Bytes::copy_from_slice(byte), false).is_err() {
                    break;
                }
                time::sleep(DRIP).await;
            }
            std::future::pending::<String>().await
        };
        Ok(tokio::select! { biased; answer = raw::answer(response) => answer, never = dripping => never })
    })
}

/// Half a frame, and then nothing.
fn stall(target: &Target) -> Answer<'_> {
    Box::pin(async move {
        let member = Member::admitted(target).await?;
        let mut wire = Raw::connect(target).await?;
        let (response, mut stream) = wire.call("PushUpdate", Some(member.session)).await?;
        stream.send_data(half(&member), false)?;
        Ok(raw::answer(response).await)
    })
}

/// Half a message, and then the end of the stream.
fn truncated(target: &Target) -> Answer<'_> {
    Box::pin(async move {
        let member = Member::admitted(target).await?;
        let mut wire = Raw::connect(target).await?;
        let (response, mut stream) = wire.call("PushUpdate", Some(member.session)).await?;
        stream.send_data(half(&member), true)?;
        Ok(raw::answer(response).await)
    })
}

/// Half a message, and then the connection is gone.
fn cut(target: &Target) -> Answer<'_> {
    Box::pin(async move {
        let mut member = Member::admitted(target).await?;
        let mut wire = Raw::connect(target).await?;
        let (_response, mut stream) = wire.call("PushUpdate", Some(member.session)).await?;
        stream.send_data(half(&member), false)?;
        drop(wire);
        // The vote is still ours: a broken network is no lie.
        let zeros = member.update(member.round, 0.0);
        Ok(format!("sent again, {}", member.push(zeros).await))
    })
}

/// A Join that never comes to its end.
fn slow_join(target: &Target) -> Answer<'_> {
    Box::pin(async move {
        let mut wire = Raw::connect(target).await?;
        let (response, mut stream) = wire.call("Join", None).await?;
        stream.send_data(Bytes::from_static(&[0, 0, 0, 0, 200]), false)?;
        Ok(raw::answer(response).await)
    })
}

/// A connection on which nothing ever comes.
fn idle_connection(target: &Target) -> Answer<'_> {
    Box::pin(async move {
        let mut socket = target.socket().await?;
        let mut buffer = [0; 256];
        let reading = async { while socket.read(&mut buffer).await.is_ok_and(|bytes| bytes > 0) {} };
        Ok(match time::timeout(PATIENCE, reading).await {
            Ok(()) => "closed".to_owned(),
            Err(_) => "silence".to_owned(),
        })
    })
}

/// Bytes that are no HTTP/2.
fn garbage(target: &Target) -> Answer<'_> {
    Box::pin(async move {
        let mut socket = target.socket().await?;
        let _ = socket.write_all(&[0xA5; 4096]).await;
        let mut buffer = [0; 256];
        let reading = async { while socket.read(&mut buffer).await.is_ok_and(|bytes| bytes > 0) {} };
        Ok(match time::timeout(PATIENCE, reading).await {
            Ok(()) => "closed".to_owned(),
            Err(_) => "silence".to_owned(),
        })
    })
}

/// A peer that grants the server no window to send in.
fn deaf() -> Builder {
    let mut builder = Builder::new();
    builder.initial_window_size(0).initial_connection_window_size(65_535);
    builder
}

/// Whether rounds close while nobody reads, once whatever the server holds for us is full.
async fn rounds_meanwhile(target: &Target) -> Result<String, super::AbuseError> {
    let watch = Watch::start(target).await?;
    time::sleep(UNREAD).await;
    let full = watch.mark();
    let end = time::Instant::now() + PATIENCE;
    while watch.since(&full).rounds < 3 {
        if time::Instant::now() > end {
            return Ok("no round closed".to_owned());
        }
        time::sleep(DRIP).await;
    }
    Ok("the rounds went on".to_owned())
}

/// A worker that never reads what it is told.
fn never_reading(target: &Target) -> Answer<'_> {
    Box::pin(async move {
        let (_client, reply) = join(target).await?;
        let session = proto::Session::from_bytes(&reply.session);
        let mut wire = Raw::with(target, &deaf()).await?;
        let (_response, _stream) = wire.call("Control", session).await?;
        rounds_meanwhile(target).await
    })
}

/// Observers that want every model and read none.
fn deaf_observers(target: &Target) -> Answer<'_> {
    Box::pin(async move {
        let every_model = Bytes::from_static(&[0, 0, 0, 0, 2, 8, 1]);
        let mut wires = Vec::new();
        for _ in 0..8 {
            let mut wire = Raw::with(target, &deaf()).await?;
            let (response, mut stream) = wire.call("Observe", None).await?;
            stream.send_data(every_model.clone(), true)?;
            wires.push((wire, response, stream));
        }
        rounds_meanwhile(target).await
    })
}

pub(super) const ALL: &[Abuse] = &[
    Abuse {
        name: "slow-loris",
        what: "sends its update a byte at a time",
        expected: &["stalled", "wrong-round"],
        run: slow_loris,
    },
    Abuse {
        name: "stall",
        what: "stops in the middle of a chunk",
        expected: &["stalled", "wrong-round"],
        run: stall,
    },
    Abuse {
        name: "truncated-stream",
        what: "ends its stream in the middle of a message",
        expected: &["InvalidArgument"],
        run: truncated,
    },
    Abuse {
        name: "cut",
        what: "breaks its connection in the middle of a message, then votes on another",
        expected: &["sent again, taken"],
        run: cut,
    },
    Abuse {
        name: "slow-join",
        what: "never ends its call to join",
        expected: &["DeadlineExceeded", "Unknown", "Internal", "closed"],
        run: slow_join,
    },
    Abuse {
        name: "idle-connection",
        what: "connects and says nothing",
        expected: &["closed"],
        run: idle_connection,
    },
    Abuse { name: "garbage", what: "sends bytes that are no HTTP/2", expected: &["closed"], run: garbage },
    Abuse {
        name: "never-reading",
        what: "holds a place and never reads",
        expected: &["the rounds went on"],
        run: never_reading,
    },
    Abuse {
        name: "deaf-observers",
        what: "eight observers that want every model and read none",
        expected: &["the rounds went on"],
        run: deaf_observers,
    },
];
