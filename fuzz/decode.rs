// What is done to arbitrary bytes, and what must be true afterwards. Shared by the fuzz targets and proto/tests/corpus.rs.

use equipoise_proto::{Assembler, Expected, Token, v1};
use prost::Message as _;

/// The run and the dimension of the model that updates are for.
pub const RUN: u64 = 7;
pub const DIMENSION: u64 = 6;

/// Takes the bytes for frames, each after its length in one byte, and puts them together.
pub fn update(mut bytes: &[u8]) {
    let mut assembler = Assembler::new(Expected { run: RUN, dimension: DIMENSION }, Vec::new());
    while let Some((length, rest)) = bytes.split_first() {
        let (frame, rest) = rest.split_at(rest.len().min(usize::from(*length)));
        bytes = rest;
        let Ok(frame) = v1::Frame::decode(frame) else { return };
        let taken = assembler.push(&frame);
        let (got, want) = assembler.progress();
        assert!(got <= want, "{got} bytes of {want}");
        if taken.is_err() {
            return;
        }
    }
    if let Ok((_, row)) = assembler.finish() {
        assert_eq!(row.len() as u64, DIMENSION);
        assert!(row.iter().all(|value| value.is_finite()));
    }
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
