//! Frames off the wire as they come: the numbers go into their row in whatever pieces the transport has them, so that no message
//! is ever in memory as a whole.
//!
//! A gRPC message is a flag, four bytes of length, and a [`v1::Frame`]. As everybody encodes it the numbers are its last field;
//! a message of another shape is as good a frame, and is collected first.

use prost::{Message as _, encoding::decode_varint};
use round::Rejection;

use crate::{Assembler, limits::MESSAGE_BYTES_MAX, v1};

/// Flag and length of a message.
const PREFIX: usize = 5;
/// Bytes within which the numbers of a frame begin: twice what the other fields can take, each given once.
const HEAD_MAX: usize = 128;

/// A tensor's stream cannot be read on.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum Unreadable {
    /// It is not what has to come next.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// It is no message at all.
    #[error("the bytes are no message: {0}")]
    Undecodable(&'static str),
}

/// Where in its messages a stream is.
#[derive(Debug)]
pub struct Reader(At);

#[derive(Debug)]
enum At {
    /// The numbers of a message did not begin yet.
    Head(Vec<u8>),
    /// So many bytes of numbers have to come.
    Numbers(usize),
    /// A message of another shape, and how long it is in all.
    Whole(Vec<u8>, usize),
}

/// What the first bytes of a message tell.
enum Head {
    /// Too little.
    Incomplete,
    /// Its numbers begin after so many bytes, and are so many: the rest of it.
    Numbers { frame: v1::Frame, start: usize, length: usize },
    /// So many bytes in all, to be collected.
    Whole(usize),
}

impl Default for Reader {
    fn default() -> Self {
        Self(At::Head(Vec::new()))
    }
}

impl Reader {
    /// Hands what `bytes` has to the assembler, and answers whether the tensor is complete.
    ///
    /// # Errors
    /// When that is not what has to come; reader and assembler are then of no more use.
    pub fn read(&mut self, mut bytes: &[u8], assembler: &mut Assembler) -> Result<bool, Unreadable> {
        let mut complete = false;
        while !bytes.is_empty() {
            let used = match &mut self.0 {
                At::Head(head) => {
                    let before = head.len();
                    head.extend_from_slice(&bytes[..bytes.len().min(HEAD_MAX - before)]);
                    match examine(head)? {
                        Head::Incomplete => bytes.len(),
                        Head::Numbers { frame, start, length } => {
                            assembler.begin(frame.header.as_ref(), frame.offset, length)?;
                            self.0 = At::Numbers(length);
                            start - before
                        }
                        Head::Whole(length) => {
                            head.truncate(before);
                            self.0 = At::Whole(std::mem::take(head), length);
                            0
                        }
                    }
                }
                At::Numbers(left) => {
                    let now = bytes.len().min(*left);
                    complete |= assembler.extend(&bytes[..now])?;
                    *left -= now;
                    if *left == 0 {
                        *self = Self::default();
                    }
                    now
                }
                At::Whole(message, length) => {
                    let now = bytes.len().min(*length - message.len());
                    message.extend_from_slice(&bytes[..now]);
                    if message.len() == *length {
                        complete |= assembler.push(&frame(&message[PREFIX..])?)?;
                        *self = Self::default();
                    }
                    now
                }
            };
            bytes = &bytes[used..];
        }
        Ok(complete)
    }

    /// Whether the stream may end here: between two messages.
    #[must_use]
    pub const fn is_between(&self) -> bool {
        matches!(&self.0, At::Head(head) if head.is_empty())
    }
}

fn frame(bytes: &[u8]) -> Result<v1::Frame, Unreadable> {
    v1::Frame::decode(bytes).map_err(|_| Unreadable::Undecodable("it is no frame"))
}

/// Looks for the numbers in the beginning of a message.
fn examine(head: &[u8]) -> Result<Head, Unreadable> {
    let Some((&[flag, a, b, c, d], rest)) = head.split_first_chunk::<PREFIX>() else {
        return Ok(Head::Incomplete);
    };
    if flag != 0 {
        return Err(Unreadable::Undecodable("it is compressed"));
    }
    let length = u32::from_be_bytes([a, b, c, d]) as usize;
    if length > MESSAGE_BYTES_MAX {
        return Err(Unreadable::Undecodable("it is too long"));
    }
    let body = &rest[..rest.len().min(length)];
    let mut at = 0;
    let whole = Ok(Head::Whole(PREFIX + length));
    // Where the message is all there, there is nothing to wait for: it is no frame, or one without numbers.
    let waits = body.len() < length && head.len() < HEAD_MAX;
    let short = if waits { Ok(Head::Incomplete) } else { Ok(Head::Whole(PREFIX + length)) };
    loop {
        let mut left = body.get(at..).unwrap_or_default();
        let available = left.len();
        let Ok(key) = decode_varint(&mut left) else { return short };
        let skip = match key & 7 {
            0 => match decode_varint(&mut left) {
                Ok(_) => 0,
                Err(_) => return short,
            },
            1 => 8,
            5 => 4,
            2 => {
                let Ok(field) = decode_varint(&mut left) else { return short };
                let field = usize::try_from(field).unwrap_or(usize::MAX);
                let start = at + available - left.len();
                if key >> 3 == 3 && start.checked_add(field) == Some(length) {
                    let frame = frame(&body[..at])?;
                    return Ok(Head::Numbers { frame, start: PREFIX + start, length: field });
                }
                field
            }
            _ => return whole,
        };
        at = (at + available - left.len()).saturating_add(skip);
        if at > length {
            return whole;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;
    use crate::{Expected, frames, limits::FRAME_BYTES_MAX};

    const RUN: u64 = 7;

    fn message(frame: &[u8]) -> Vec<u8> {
        let length = u32::try_from(frame.len()).unwrap();
        [&[0][..], &length.to_be_bytes(), frame].concat()
    }

    fn stream(frames: &[v1::Frame]) -> Vec<u8> {
        frames.iter().flat_map(|frame| message(&frame.encode_to_vec())).collect()
    }

    /// What comes of bytes that arrive in pieces of `size`: a row, or why there is none.
    fn read(bytes: &[u8], size: usize, dimension: usize) -> Result<Vec<f32>, String> {
        let expected = Expected { run: RUN, dimension: dimension as u64 };
        let (mut reader, mut assembler) = (Reader::default(), Assembler::new(expected, Vec::new()));
        for piece in bytes.chunks(size) {
            if reader.read(piece, &mut assembler).map_err(|why| why.to_string())? {
                return assembler.finish().map(|(_, row)| row).map_err(|why| why.to_string());
            }
        }
        Err(format!("incomplete, between messages: {}", reader.is_between()))
    }

    #[test]
    fn a_tensor_is_the_same_in_whatever_pieces_it_comes() {
        let values: Vec<f32> = (0..FRAME_BYTES_MAX / 4 + 77).map(|k| k as f32 * 0.5).collect();
        let bytes = stream(&frames(RUN, 3, &values));
        for size in [1, 3, 4, 63, 4096, 65_537, bytes.len()] {
            assert_eq!(read(&bytes, size, values.len()).as_ref(), Ok(&values), "{size}");
        }
        assert_eq!(
            read(&bytes[..bytes.len() - 1], 4096, values.len()),
            Err("incomplete, between messages: false".to_owned())
        );
    }

    /// Frames as nobody sends them, and that protobuf allows.
    #[test]
    fn a_frame_of_another_shape_is_as_good() {
        let values = [1.5, -2.5];
        let only = &frames(RUN, 3, &values)[0];
        let header = v1::Frame { data: Vec::new().into(), ..only.clone() }.encode_to_vec();
        let numbers = v1::Frame { header: None, ..only.clone() }.encode_to_vec();
        let unknown = |length: usize| [vec![0x7A, length as u8], vec![9; length]].concat();
        let decoy = [0x1A, 4, 1, 2, 3, 4];
        for (name, frame) in [
            ("as we send it", [&header[..], &numbers].concat()),
            ("numbers first", [&numbers[..], &header].concat()),
            ("with a field of a later version", [&header[..], &unknown(3), &numbers].concat()),
            ("with a long one", [&unknown(127), &header[..], &unknown(127), &numbers].concat()),
            ("with one behind", [&header[..], &numbers, &unknown(3)].concat()),
            ("with numbers that others replace", [&header[..], &decoy, &numbers].concat()),
        ] {
            for size in [1, 7, 500] {
                assert_eq!(read(&message(&frame), size, 2).as_deref(), Ok(&values[..]), "{name}");
            }
        }
    }

    #[test]
    fn what_is_no_frame_is_told_from_one_that_must_not_come() {
        let too_long = u32::try_from(MESSAGE_BYTES_MAX + 1).unwrap().to_be_bytes();
        let second = &frames(RUN, 3, &[1.0])[0];
        let second = v1::Frame { header: None, ..second.clone() };
        for (bytes, expected) in [
            (vec![1, 0, 0, 0, 0], "it is compressed"),
            ([&[0][..], &too_long].concat(), "it is too long"),
            (message(&[0xFF; 9]), "it is no frame"),
            (message(&[0x1A, 0x7F]), "it is no frame"),
            (message(&[0x0B, 1]), "it is no frame"),
            (message(&[]), &Rejection::NoHeader.to_string()),
            (stream(&[second]), &Rejection::NoHeader.to_string()),
        ] {
            for size in [1, 500] {
                let why = read(&bytes, size, 1).unwrap_err();
                assert!(why.contains(expected), "{why:?} does not say {expected:?}");
            }
        }
    }

    proptest! {
        /// The pieces decide nothing, whatever the bytes are.
        #[test]
        fn no_bytes_whatsoever_make_it_panic_or_disagree(
            junk in vec(any::<u8>(), 0..40),
            frame in any::<bool>(),
            size in 1..9_usize,
        ) {
            let bytes = if frame { message(&junk) } else { junk };
            prop_assert_eq!(read(&bytes, size, 2), read(&bytes, bytes.len().max(1), 2));
        }
    }
}
