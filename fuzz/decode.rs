// What is done to arbitrary bytes, and what must be true afterwards. Shared by the fuzz targets and proto/tests/corpus.rs.

use equipoise_proto::{Assembler, Expected, Reader, Token, v1};
use prost::Message as _;

/// The run and the dimension of the model that updates are for.
pub const RUN: u64 = 7;
pub const DIMENSION: u64 = 6;

/// Takes the bytes for frames, each after its length in one byte, and puts them together: message by message, and as they would
/// come off the wire, in pieces. Both have to come to the same.
pub fn update(bytes: &[u8]) {
    let (messages, piece) = (cut(bytes), 1 + bytes.len() % 7);
    let row = by_messages(&messages);
    if let Some(row) = &row {
        assert_eq!(row.len() as u64, DIMENSION);
        assert!(row.iter().all(|value| value.is_finite()));
    }
    assert_eq!(row, by_pieces(&messages, piece), "in pieces of {piece}");
}

fn cut(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut messages = Vec::new();
    while let Some((length, rest)) = bytes.split_first() {
        let (message, rest) = rest.split_at(rest.len().min(usize::from(*length)));
        messages.push(message);
        bytes = rest;
    }
    messages
}

fn assembler() -> Assembler {
    Assembler::new(Expected { run: RUN, dimension: DIMENSION }, Vec::new())
}

fn by_messages(messages: &[&[u8]]) -> Option<Vec<f32>> {
    let mut assembler = assembler();
    for message in messages {
        let taken = assembler.push(&v1::Frame::decode(*message).ok()?);
        let (got, want) = assembler.progress();
        assert!(got <= want, "{got} bytes of {want}");
        taken.ok()?;
    }
    Some(assembler.finish().ok()?.1)
}

fn by_pieces(messages: &[&[u8]], piece: usize) -> Option<Vec<f32>> {
    let prefixed = |message: &&[u8]| [&[0, 0, 0, 0, message.len() as u8], *message].concat();
    let wire: Vec<u8> = messages.iter().flat_map(prefixed).collect();
    let (mut assembler, mut reader) = (assembler(), Reader::default());
    for piece in wire.chunks(piece) {
        let taken = reader.read(piece, &mut assembler);
        let (got, want) = assembler.progress();
        assert!(got <= want, "{got} bytes of {want}");
        taken.ok()?;
    }
    assert!(reader.is_between(), "all messages came to their end");
    Some(assembler.finish().ok()?.1)
}

/// Decodes the bytes as each message; what decodes has to survive being encoded.
pub fn messages(bytes: &[u8]) {
    fn one<M: prost::Message + Default + PartialEq>(bytes: &[u8]) {
        if let Ok(message) = M::decode(bytes) {
            let again = M::decode(message.encode_to_vec().as_slice());
            // NaN in a double is no equal of itself: the bytes are compared.
            assert_eq!(again.map(|again| again.encode_to_vec()), Ok(message.encode_to_vec()));
        }
    }
    one::<v1::JoinRequest>(bytes);
    one::<v1::FromWorker>(bytes);
    one::<v1::PullRequest>(bytes);
    one::<v1::ObserveRequest>(bytes);
    one::<v1::JoinReply>(bytes);
    one::<v1::FromServer>(bytes);
    one::<v1::Observation>(bytes);
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Some(token) = Token::from_hex(text)
    {
        assert_eq!(token.to_hex(), text.to_ascii_lowercase());
    }
}
