//! The yardstick: the same bytes down and up over plain TCP, from memory to a buffer, with nothing done to them.

use std::{future::Future, path::Path, sync::Arc, time::Instant};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::quantile;
use crate::{cluster::Cluster, failure::Failure, ready::Ready};

/// Bytes that are read at once.
const BUFFER: usize = 1 << 20;
/// How often it is done.
const REPETITIONS: usize = 7;

/// Sends so many bytes to whoever asks, reads as many, and says that it has them.
pub(crate) async fn serve(shutdown: impl Future<Output = ()>) -> Result<(), Failure> {
    let serving = async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let ready = Ready { listening: listener.local_addr()? };
        println!("{}", serde_json::to_string(&ready)?);
        loop {
            let (socket, _) = listener.accept().await?;
            tokio::spawn(answer(socket));
        }
    };
    let served: std::io::Result<()> = tokio::select! {
        served = serving => served,
        () = shutdown => Ok(()),
    };
    served.map_err(|error| Failure::unfinished(&error))
}

async fn answer(mut socket: TcpStream) -> std::io::Result<()> {
    socket.set_nodelay(true)?;
    let bytes = usize::try_from(socket.read_u64().await?).map_err(std::io::Error::other)?;
    let memory = vec![1; bytes];
    let mut buffer = vec![0; BUFFER];
    // As often as the peer likes.
    while socket.read_u8().await.is_ok() {
        socket.write_all(&memory).await?;
        read(&mut socket, bytes, &mut buffer).await?;
        socket.write_u8(1).await?;
    }
    Ok(())
}

async fn read(socket: &mut TcpStream, bytes: usize, buffer: &mut [u8]) -> std::io::Result<()> {
    let mut left = bytes;
    while left > 0 {
        let most = left.min(buffer.len());
        match socket.read(&mut buffer[..most]).await? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            read => left -= read,
        }
    }
    Ok(())
}

/// Seconds that it takes `peers` at once to get `bytes` from another process and to send as many: the median.
pub(super) async fn seconds(folder: &Path, peers: usize, bytes: usize) -> Result<f64, Failure> {
    std::fs::create_dir_all(folder).map_err(|error| Failure::unfinished(&error))?;
    let mut cluster = Cluster::default();
    let url = cluster.start_server(&["bench", "copy"].map(str::to_owned), folder.join("copy.log")).await?;
    let address = url.trim_start_matches("http://");
    let copied = copies(address, peers, bytes).await;
    cluster.interrupt();
    cluster.finish().await;
    copied.map_err(|error| Failure::unfinished(&error))
}

async fn copies(address: &str, peers: usize, bytes: usize) -> std::io::Result<f64> {
    let memory = Arc::new(vec![2; bytes]);
    let mut sockets = Vec::new();
    for _ in 0..peers {
        let mut socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        socket.write_u64(bytes as u64).await?;
        sockets.push((socket, vec![0; BUFFER]));
    }
    let mut seconds = Vec::new();
    for _ in 0..REPETITIONS {
        let start = Instant::now();
        let mut tasks = JoinSet::new();
        for (mut socket, mut buffer) in sockets.drain(..) {
            let memory = Arc::clone(&memory);
            tasks.spawn(async move {
                socket.write_u8(1).await?;
                read(&mut socket, memory.len(), &mut buffer).await?;
                socket.write_all(&memory).await?;
                socket.read_u8().await?;
                Ok::<_, std::io::Error>((socket, buffer))
            });
        }
        for done in tasks.join_all().await {
            sockets.push(done?);
        }
        seconds.push(start.elapsed().as_secs_f64());
    }
    Ok(quantile(&mut seconds, 0.5))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_bytes_go_down_and_up() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(answer(socket));
            }
        });
        assert!(copies(&address, 2, 3 * BUFFER + 1).await.unwrap() > 0.0);
    }
}
