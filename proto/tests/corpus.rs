//! The fuzz targets on a corpus that is the same every time: well-formed messages, cut, joined and flipped.

#[path = "../../fuzz/decode.rs"]
#[allow(missing_docs, unreachable_pub)]
mod decode;

use equipoise_proto::{Token, frames, v1};
use proptest::{
    prelude::*,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use prost::Message as _;

/// Mutations of each target.
const CASES: u32 = 20_000;

/// Messages as they should be.
fn well_formed() -> Vec<Vec<u8>> {
    let frame = frames(decode::RUN, 3, &[1.5; decode::DIMENSION as usize]).remove(0);
    let mut two = (frame.clone(), frame.clone());
    two.1.header = None;
    (two.1.data, two.1.offset) = (two.0.data.split_off(8), 8);
    let counted = |frames: &[&v1::Frame]| {
        frames
            .iter()
            .flat_map(|frame| {
                let bytes = frame.encode_to_vec();
                [vec![bytes.len() as u8], bytes].concat()
            })
            .collect::<Vec<u8>>()
    };
    let update = v1::from_worker::Message::Update(frame.clone());
    vec![
        counted(&[&frame]),
        counted(&[&two.0, &two.1]),
        v1::FromWorker { message: Some(update) }.encode_to_vec(),
        v1::JoinRequest { version: 1, ..v1::JoinRequest::default() }.encode_to_vec(),
        Token::new([0xA7; 32]).to_hex().into_bytes(),
    ]
}

/// What is done to well-formed bytes.
#[derive(Debug, Clone)]
enum Change {
    Flip(usize, u8),
    Cut(usize),
    Insert(usize, u8),
    Repeat(usize),
}

fn changed(mut bytes: Vec<u8>, changes: &[Change]) -> Vec<u8> {
    for change in changes {
        let length = bytes.len();
        match *change {
            Change::Flip(at, mask) if length > 0 => bytes[at % length] ^= mask,
            Change::Cut(at) => bytes.truncate(at % (length + 1)),
            Change::Insert(at, byte) => bytes.insert(at % (length + 1), byte),
            Change::Repeat(at) => bytes.extend_from_within(at % (length + 1)..),
            Change::Flip(..) => (),
        }
    }
    bytes
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (any::<usize>(), any::<u8>()).prop_map(|(at, mask)| Change::Flip(at, mask)),
        any::<usize>().prop_map(Change::Cut),
        (any::<usize>(), any::<u8>()).prop_map(|(at, byte)| Change::Insert(at, byte)),
        any::<usize>().prop_map(Change::Repeat),
    ]
}

#[test]
fn what_is_well_formed_is_taken() {
    let update = well_formed().swap_remove(1);
    decode::update(&update);
    let halves = update.split_at(1 + usize::from(update[0]));
    let mut assembler = equipoise_proto::Assembler::new(
        equipoise_proto::Expected { run: decode::RUN, dimension: decode::DIMENSION },
        Vec::new(),
    );
    for half in [halves.0, halves.1] {
        assembler.push(&v1::Frame::decode(&half[1..]).unwrap()).unwrap();
    }
    assert!(assembler.finish().is_ok(), "the corpus starts from an update that counts");
}

#[test]
fn no_mutation_of_a_message_breaks_a_decoder() {
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let corpus = well_formed();
    let cases = (0..corpus.len(), proptest::collection::vec(change(), 0..6));
    TestRunner::new_with_rng(config, rng)
        .run(&cases, |(index, changes)| {
            let bytes = changed(corpus[index].clone(), &changes);
            decode::update(&bytes);
            decode::messages(&bytes);
            Ok(())
        })
        .unwrap();
}

/// What fuzzing found worth keeping: each file gets somewhere that the others do not.
#[test]
fn what_fuzzing_kept_breaks_no_decoder() {
    for (target, decode) in [("update", decode::update as fn(&[u8])), ("messages", decode::messages)] {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
        let files =
            std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut count = 0;
        for file in files {
            decode(&std::fs::read(file.unwrap().path()).unwrap());
            count += 1;
        }
        assert!(count >= 6, "{}: {count} files", folder.display());
    }
}
