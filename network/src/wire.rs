//! Bytes on their way through a line that has faults.

use tokio::{
    io::{self, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream},
    sync::mpsc,
    time::Instant,
};

use crate::{Line, Socket, line::Way};

/// Bytes that set out together.
const CHUNK: usize = 16 << 10;
/// Chunks that may be on their way: what a line holds that is long or slow.
const CHUNKS: usize = 256;

/// A connection with the faults of `line` around `socket`.
pub(crate) fn around(socket: impl Socket, line: Line) -> DuplexStream {
    let (near, far) = io::duplex(4 * CHUNK);
    tokio::spawn(async move {
        let (from_server, to_server) = io::split(socket);
        let (from_worker, to_worker) = io::split(far);
        // When one way breaks, both do; both ends see that when the halves are dropped.
        let _ = tokio::try_join!(
            carry(&line, Way::Up, from_worker, to_server),
            carry(&line, Way::Down, from_server, to_worker),
        );
    });
    near
}

/// Carries bytes one way until they end.
async fn carry(
    line: &Line,
    way: Way,
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
) -> io::Result<()> {
    let (departures, mut arrivals) = mpsc::channel::<(Instant, Vec<u8>)>(CHUNKS);
    // It owns its end of the queue, so that what arrives ends when it does.
    let departing = async move {
        let mut free = Instant::now();
        let mut due = free;
        loop {
            let mut chunk = vec![0; CHUNK];
            let length = from.read(&mut chunk).await?;
            if length == 0 {
                return Ok(());
            }
            chunk.truncate(length);
            free = free.max(Instant::now()) + line.occupied(length);
            // Bytes do not overtake each other.
            due = due.max(free + line.delay(way));
            if departures.send((due, chunk)).await.is_err() {
                return Ok(());
            }
        }
    };
    let arriving = async {
        while let Some((due, chunk)) = arrivals.recv().await {
            line.pass(due).await;
            if way == Way::Up && line.breaks() {
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            to.write_all(&chunk).await?;
            to.flush().await?;
        }
        to.shutdown().await
    };
    tokio::try_join!(departing, arriving).map(drop)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::{io::DuplexStream, time::timeout};

    use super::*;
    use crate::Network;

    /// The worker's end and the server's, and what is between them; every draw is one half.
    fn ends(faults: &str) -> (DuplexStream, DuplexStream, Line) {
        let network: Network = toml::from_str(faults).unwrap();
        let line = Line::new(&network, 0, 1, |_, _| 0.5).unwrap();
        let (socket, server) = io::duplex(1 << 20);
        (line.spoil(socket), server, line)
    }

    async fn arrives(to: &mut DuplexStream, bytes: usize) -> Duration {
        let start = Instant::now();
        to.read_exact(&mut vec![0; bytes]).await.unwrap();
        start.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_arrive_after_the_delay_and_half_the_jitter_each_way() {
        let (mut worker, mut server, _line) =
            ends("[[faults]]\nfault = { name = \"delay\", time = \"10ms\", jitter = \"20ms\" }");
        for _ in 0..2 {
            worker.write_all(b"up").await.unwrap();
            assert_eq!(arrives(&mut server, 2).await, Duration::from_millis(20));
            server.write_all(b"down").await.unwrap();
            assert_eq!(arrives(&mut worker, 4).await, Duration::from_millis(20));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_thin_line_lets_through_what_it_can() {
        let (mut worker, mut server, line) = ends(
            "[[faults]]\nrounds = { to = 3 }\nfault = { name = \"bandwidth\", bytes_per_second = 10000 }",
        );
        worker.write_all(&vec![7; 30_000]).await.unwrap();
        assert_eq!(arrives(&mut server, 30_000).await, Duration::from_secs(3));
        line.opened(4);
        worker.write_all(&vec![7; 30_000]).await.unwrap();
        assert_eq!(arrives(&mut server, 30_000).await, Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_passes_a_cut_and_all_does_after_it() {
        let (mut worker, mut server, line) =
            ends("[[faults]]\nrounds = { from = 2, to = 3 }\nfault = { name = \"partition\" }");
        for (round, cut) in [(0, None), (1, None), (2, Some(3)), (3, Some(3)), (4, None)] {
            line.opened(round);
            assert_eq!(line.cut(), cut, "{round}");
        }
        line.opened(2);
        worker.write_all(b"up").await.unwrap();
        server.write_all(b"down").await.unwrap();
        assert!(timeout(Duration::from_secs(60), server.read_u8()).await.is_err());
        assert!(timeout(Duration::from_secs(60), worker.read_u8()).await.is_err());
        assert!(timeout(Duration::from_secs(60), line.whole()).await.is_err());
        line.opened(4);
        assert_eq!(arrives(&mut server, 2).await, Duration::ZERO);
        assert_eq!(arrives(&mut worker, 4).await, Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_breaks_where_the_update_goes_up_and_the_next_one_of_that_round_does_not() {
        let faults = "[[faults]]\nrounds = { from = 2 }\nfault = { name = \"reset\", probability = 0.6 }";
        let (mut worker, mut server, line) = ends(faults);
        line.opened(1);
        worker.write_all(b"one").await.unwrap();
        arrives(&mut server, 3).await;
        line.opened(2);
        server.write_all(b"down").await.unwrap();
        arrives(&mut worker, 4).await;
        worker.write_all(b"two").await.unwrap();
        assert_eq!(worker.read(&mut [0]).await.unwrap(), 0);
        assert_eq!(server.read(&mut [0]).await.unwrap(), 0, "the update went nowhere");
        let (socket, mut server) = io::duplex(64);
        let mut again = line.spoil(socket);
        again.write_all(b"two").await.unwrap();
        arrives(&mut server, 3).await;
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_on_its_way_when_one_end_closes_still_arrives() {
        let (mut worker, mut server, _line) =
            ends("[[faults]]\nfault = { name = \"delay\", time = \"10ms\" }");
        worker.write_all(b"last").await.unwrap();
        worker.shutdown().await.unwrap();
        let mut all = Vec::new();
        timeout(Duration::from_secs(1), server.read_to_end(&mut all)).await.unwrap().unwrap();
        assert_eq!(all, b"last");
    }
}
