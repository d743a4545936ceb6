//! Arbitrary bytes as every message that a server or a worker reads.
#![no_main]

#[path = "../decode.rs"]
#[allow(dead_code, reason = "each target fuzzes one of the two")]
mod decode;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| decode::messages(bytes));
