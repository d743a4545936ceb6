//! Too much of everything, for a second each.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use proto::{
    limits,
    v1::{JoinRequest, from_worker::Message},
};
use tokio::{
    io::AsyncReadExt as _,
    task::JoinSet,
    time::{self, Instant},
};

use tonic::Request;

use super::{
    Abuse, Answer, Target,
    member::{self, Member, status_words},
    raw::{self, Raw},
};

/// How long a flood lasts.
const FLOOD: Duration = Duration::from_secs(1);
/// Connections of a flood that needs several.
const CONNECTIONS: usize = 8;
/// Streams that are opened and reset in a row.
const RESETS: u32 = 50_000;

/// Joins as fast as they are answered.
fn joins(target: &Target) -> Answer<'_> {
    Box::pin(async move {
        let mut flood = JoinSet::new();
        for _ in 0..CONNECTIONS {
            let mut client = target.client().await?;
            let token = target.token();
            flood.spawn(async move {
                let (mut answers, end) = (BTreeMap::<String, u32>::new(), Instant::now() + FLOOD);
                while Instant::now() < end {
                    let mut request = Request::new(JoinRequest { version: limits::VERSION, wish: None });
                    token.iter().for_each(|token| token.sign(&mut request));
                    let answer = client.join(request).await;
                    let words =
                        answer.map_or_else(|status| format!("{:?}", status.code()), |_| "a place".into());
                    *answers.entry(words).or_default() += 1;
                }
                answers
            });
        }
        let mut all = BTreeMap::<String, u32>::new();
        for answers in flood.join_all().await {
            for (words, count) in answers {
                *all.entry(words).or_default() += count;
            }
        }
        let words: Vec<String> = all.iter().map(|(words, count)| format!("{count} times {words}")).collect();
        Ok(words.join(", "))
    })
}

/// Every stream of several connections busy with an update that does not go on.
fn streams(target: &Target) -> Answer<'_> {
    Box::pin(async move {
        let member = Member::admitted(target).await?;
        let mut open = Vec::new();
        for _ in 0..CONNECTIONS {
            let mut wire = Raw::connect(target).await?;
            let mut calls = Vec::new();
            for _ in 0..limits::STREAMS_MAX {
                let (response, mut stream) = wire.call("PushUpdate", Some(member.session)).await?;
                // A message of 1 MiB is announced and does not come.
                // The stream may be gone already: a later one took its place.
                let _ = stream.send_data(Bytes::from_static(&[0, 0, 0x10, 0, 0]), false);
                calls.push((response, stream));
            }
            open.push((wire, calls));
        }
        let mut answers = BTreeMap::<String, u32>::new();
        let end = Instant::now() + FLOOD;
        for (_wire, calls) in open {
            for (response, _stream) in calls {
                let answer = time::timeout_at(end, raw::answer(response)).await;
                let words = answer.unwrap_or_else(|_| "still read".to_owned());
                let short = words.split(':').next().unwrap_or_default().to_owned();
                *answers.entry(short).or_default() += 1;
            }
        }
        let words: Vec<String> = answers.iter().map(|(words, count)| format!("{count} {words}")).collect();
        Ok(words.join(", "))
    })
}

/// Streams that are reset as soon as they are open (CVE-2023-44487).
fn rapid_reset(target: &Target) -> Answer<'_> {
    Box::pin(async move {
        let mut wire = Raw::connect(target).await?;
        for number in 0..RESETS {
            match wire.call("Join", None).await {
                Ok((_, mut stream)) => stream.send_reset(h2::Reason::CANCEL),
                Err(error) => return Ok(format!("closed after {number} streams: {error}")),
            }
            if number % 100 == 0 {
                tokio::task::yield_now().await;
            }
        }
        Ok(format!("{RESETS} streams were opened and reset, {}", wire.end().await))
    })
}

/// Connections that say nothing, more than there are places for.
fn connections(target: &Target) -> Answer<'_> {
    Box::pin(async move {
        let (_client, reply) = member::join(target).await?;
        let workers = limits::CONNECTIONS_PER_WORKER * reply.workers as usize;
        let mut sockets = Vec::new();
        for _ in 0..workers + 2 * limits::CONNECTIONS_MIN {
            sockets.push(target.socket().await?);
        }
        time::sleep(FLOOD).await;
        let mut closed = 0;
        let mut buffer = [0; 256];
        for socket in &mut sockets {
            // An end is there at once; from a connection that is kept nothing more than the server's settings comes.
            let reading = async { while socket.read(&mut buffer).await.is_ok_and(|bytes| bytes > 0) {} };
            closed += u32::from(time::timeout(Duration::from_millis(1), reading).await.is_ok());
        }
        Ok(match closed {
            0 => format!("all {} were let in", sockets.len()),
            closed => format!("{closed} of {} were closed at once", sockets.len()),
        })
    })
}

/// Signs of life without a pause.
fn heartbeats(target: &Target) -> Answer<'_> {
    Box::pin(async move {
        let mut member = Member::admitted(target).await?;
        let (mut sent, end) = (0_u32, Instant::now() + FLOOD);
        while Instant::now() < end && member.say(Message::Heartbeat(proto::v1::Heartbeat {})).await {
            sent += 1;
        }
        // The rounds that opened meanwhile come first.
        let ended = async { while member.hear().await.is_some() {} };
        Ok(match time::timeout(FLOOD, ended).await {
            Ok(()) => "expelled".to_owned(),
            Err(_) => format!("{sent} heartbeats were sent, and still there"),
        })
    })
}

/// Updates of a wrong round without a pause, on the control stream.
fn updates(target: &Target) -> Answer<'_> {
    Box::pin(async move {
        let mut member = Member::admitted(target).await?;
        let update = member.update(member.round + 1000, 0.0);
        let Some(frame) = update.into_iter().next() else { return Ok("nothing to send".to_owned()) };
        let end = Instant::now() + FLOOD;
        let mut rejected = 0_u32;
        while Instant::now() < end {
            if !member.say(Message::Update(frame.clone())).await {
                break;
            }
            match time::timeout(Duration::ZERO, member.hear()).await {
                Ok(Some(_)) => rejected += 1,
                Ok(None) => return Ok("expelled".to_owned()),
                Err(_) => (),
            }
        }
        Ok(format!("{rejected} answers, and still there"))
    })
}

/// Calls without a session, as fast as they are answered.
fn strangers(target: &Target) -> Answer<'_> {
    Box::pin(async move {
        let mut client = target.client().await?;
        let (mut calls, end) = (0_u32, Instant::now() + FLOOD);
        let mut last = String::new();
        while Instant::now() < end {
            match client.pull_model(proto::v1::PullRequest { round: 1 }).await {
                Ok(_) => return Ok("taken".to_owned()),
                Err(status) => last = status_words(&status),
            }
            calls += 1;
            if !last.starts_with("Unauthenticated") {
                return Ok(format!("closed: {last}"));
            }
        }
        Ok(format!("{} calls were refused: {last}", if calls > 0 { "all" } else { "no" }))
    })
}

pub(super) const ALL: &[Abuse] = &[
    Abuse {
        name: "join-flood",
        what: "joins as fast as it is answered, on eight connections",
        expected: &["ResourceExhausted", "Unauthenticated", "Unavailable"],
        run: joins,
    },
    Abuse {
        name: "stream-flood",
        what: "128 updates at once that announce 1 MiB each and stop",
        expected: &["replaced"],
        run: streams,
    },
    Abuse {
        name: "rapid-reset",
        what: "opens and resets 50,000 streams",
        expected: &["closed"],
        run: rapid_reset,
    },
    Abuse {
        name: "connection-flood",
        what: "opens more connections than there are workers for",
        expected: &["were closed at once"],
        run: connections,
    },
    Abuse {
        name: "heartbeat-flood",
        what: "sends heartbeats without a pause",
        expected: &["expelled"],
        run: heartbeats,
    },
    Abuse {
        name: "update-flood",
        what: "sends updates of a wrong round without a pause",
        expected: &["expelled"],
        run: updates,
    },
    Abuse {
        name: "stranger-flood",
        what: "calls without a session without a pause",
        expected: &["closed"],
        run: strangers,
    },
];
