//! Tensors as frames: cut on one side, checked and put together on the other.

use std::sync::Arc;

use bytes::Bytes;
use round::{Rejection, Round};

use crate::{limits::FRAME_BYTES_MAX, v1};

/// Bytes that are checked and copied at once: a longest stride of the checksum, wherever in memory it starts.
const PIECE: usize = (24 << 10) + 8;
const F32: i32 = v1::header::NumberType::F32 as i32;

/// Cuts `values` into frames; `round` and `run` go into the header of the first.
#[must_use]
pub fn frames(run: u64, round: u32, values: &[f32]) -> Vec<v1::Frame> {
    share(run, round, Arc::new(values.to_vec()))
}

/// The same without a copy: the frames keep `values` alive.
#[must_use]
pub fn share(run: u64, round: u32, values: Arc<Vec<f32>>) -> Vec<v1::Frame> {
    let dimension = values.len() as u64;
    let bytes = Bytes::from_owner(LittleEndian::new(values));
    let header = v1::Header { run, round, dimension, number_type: F32, checksum: crc32c::crc32c(&bytes) };
    let mut frames: Vec<v1::Frame> = (0..bytes.len())
        .step_by(FRAME_BYTES_MAX)
        .map(|start| v1::Frame {
            header: None,
            offset: start as u64,
            data: bytes.slice(start..bytes.len().min(start + FRAME_BYTES_MAX)),
        })
        .collect();
    if let Some(first) = frames.first_mut() {
        first.header = Some(header);
    }
    frames
}

/// Numbers whose bytes in memory are those of the wire.
struct LittleEndian(Arc<Vec<f32>>);

impl LittleEndian {
    fn new(values: Arc<Vec<f32>>) -> Self {
        if cfg!(target_endian = "little") {
            return Self(values);
        }
        Self(Arc::new(values.iter().map(|value| f32::from_bits(value.to_bits().to_le())).collect()))
    }
}

impl AsRef<[u8]> for LittleEndian {
    fn as_ref(&self) -> &[u8] {
        bytemuck::cast_slice(&self.0)
    }
}

/// CRC-32C of the bytes that `values` would be sent as.
#[must_use]
pub fn checksum(values: &[f32]) -> u32 {
    let mut bytes = [0; 4096];
    values.chunks(bytes.len() / 4).fold(0, |checksum, part| {
        let bytes = &mut bytes[..4 * part.len()];
        for (four, value) in bytes.as_chunks_mut::<4>().0.iter_mut().zip(part) {
            *four = value.to_le_bytes();
        }
        crc32c::crc32c_append(checksum, bytes)
    })
}

/// What a tensor has to be to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    /// Which run it belongs to.
    pub run: u64,
    /// How many numbers it has.
    pub dimension: u64,
}

/// A tensor on its way in: frames go in one after another, a row of finite numbers comes out, or a reason why not.
#[derive(Debug)]
pub struct Assembler {
    expected: Expected,
    header: Option<Accepted>,
    row: Vec<f32>,
    frames: u64,
    checksum: u32,
    /// The bytes of a number that did not all come yet, and how many there are.
    cut: ([u8; 4], usize),
}

#[derive(Debug, Clone, Copy)]
struct Accepted {
    round: Round,
    checksum: u32,
}

impl Assembler {
    /// Nothing has come yet. `buffer` is cleared and becomes the row; it need not have any capacity.
    #[must_use]
    pub fn new(expected: Expected, mut buffer: Vec<f32>) -> Self {
        buffer.clear();
        Self { expected, header: None, row: buffer, frames: 0, checksum: 0, cut: ([0; 4], 0) }
    }

    /// The round that the header names, once it has come.
    #[must_use]
    pub fn round(&self) -> Option<Round> {
        self.header.map(|header| header.round)
    }

    /// Takes the next frame and answers whether the tensor is complete.
    ///
    /// # Errors
    /// When the frame is not what has to come next; the assembler is then of no more use.
    pub fn push(&mut self, frame: &v1::Frame) -> Result<bool, Rejection> {
        self.begin(frame.header.as_ref(), frame.offset, frame.data.len())?;
        self.extend(&frame.data)
    }

    /// Makes sure that a frame of `length` bytes is what has to come next: as much is to follow in [`Self::extend`].
    ///
    /// # Errors
    /// When it is not; the assembler is then of no more use.
    pub fn begin(
        &mut self,
        header: Option<&v1::Header>,
        offset: u64,
        length: usize,
    ) -> Result<(), Rejection> {
        match (header, self.header) {
            (Some(header), None) => self.header = Some(self.accept(header)?),
            (None, Some(_)) => (),
            (None, None) => return Err(Rejection::NoHeader),
            (Some(_), Some(_)) => return Err(Rejection::SecondHeader(self.frames)),
        }
        let (want, total) = (4 * self.row.len() as u64, 4 * self.expected.dimension);
        if offset != want {
            return Err(Rejection::Offset { got: offset, want });
        }
        if length > FRAME_BYTES_MAX {
            return Err(Rejection::FrameTooLong { got: length, most: FRAME_BYTES_MAX });
        }
        if length == 0 || !length.is_multiple_of(4) {
            return Err(Rejection::Alignment(length));
        }
        if want + length as u64 > total {
            return Err(Rejection::TooLong { got: want + length as u64, want: total });
        }
        self.frames += 1;
        Ok(())
    }

    /// Takes bytes of the frame that was begun, and answers whether the tensor is complete.
    ///
    /// # Errors
    /// When there is a number among them that is none.
    pub fn extend(&mut self, mut data: &[u8]) -> Result<bool, Rejection> {
        let (cut, had) = &mut self.cut;
        if *had > 0 {
            let (now, rest) = data.split_at(data.len().min(4 - *had));
            cut[*had..*had + now.len()].copy_from_slice(now);
            *had += now.len();
            data = rest;
            if *had == 4 {
                *had = 0;
                let four = *cut;
                self.append(&four)?;
            }
        }
        let whole = data.len() - data.len() % 4;
        let (numbers, rest) = data.split_at(whole);
        // Piece by piece, so that a number is still in the processor's cache when it is looked at again.
        for piece in numbers.chunks(PIECE) {
            self.append(piece)?;
        }
        if !rest.is_empty() {
            self.cut.0[..rest.len()].copy_from_slice(rest);
            self.cut.1 = rest.len();
        }
        Ok(self.row.len() as u64 == self.expected.dimension)
    }

    /// The row with the round it is for.
    ///
    /// # Errors
    /// When frames are missing, or the numbers are not those that the checksum was computed from.
    pub fn finish(self) -> Result<(Round, Vec<f32>), Rejection> {
        let Some(header) = self.header else { return Err(Rejection::NoHeader) };
        let (got, want) = (4 * self.row.len() as u64, 4 * self.expected.dimension);
        if got != want {
            return Err(Rejection::Truncated { got, want });
        }
        if self.checksum != header.checksum {
            return Err(Rejection::Checksum { got: self.checksum, want: header.checksum });
        }
        Ok((header.round, self.row))
    }

    /// CRC-32C of all bytes that came.
    #[must_use]
    pub const fn checksum(&self) -> u32 {
        self.checksum
    }

    /// Bytes that came, and bytes that have to come in all.
    #[must_use]
    pub fn progress(&self) -> (u64, u64) {
        (4 * self.row.len() as u64, 4 * self.expected.dimension)
    }

    fn accept(&self, header: &v1::Header) -> Result<Accepted, Rejection> {
        if header.run != self.expected.run {
            return Err(Rejection::WrongRun { got: header.run, want: self.expected.run });
        }
        let round = Round::new(header.round).ok_or(Rejection::RoundZero)?;
        if header.number_type != F32 {
            return Err(Rejection::NumberType { got: header.number_type, want: F32 });
        }
        if header.dimension != self.expected.dimension {
            return Err(Rejection::Dimension { got: header.dimension, want: self.expected.dimension });
        }
        Ok(Accepted { round, checksum: header.checksum })
    }

    /// Copies the numbers to the end of the row and looks at each once; the bytes need not be aligned.
    fn append(&mut self, data: &[u8]) -> Result<(), Rejection> {
        self.checksum = crc32c::crc32c_append(self.checksum, data);
        let start = self.row.len();
        // The memory grows with what came, not with what was announced, and never beyond the row.
        let (fours, _) = data.as_chunks::<4>();
        if self.row.capacity() < start + fours.len() {
            let all = usize::try_from(self.expected.dimension).unwrap_or(usize::MAX);
            self.row.reserve_exact((2 * start).max(start + fours.len()).min(all) - start);
        }
        self.row.extend(fours.iter().map(|&four| f32::from_le_bytes(four)));
        // The exponent bits are all ones in NaN and the infinities only; OR-ing a flag keeps the loop vectorised.
        let numbers = &self.row[start..];
        if numbers.iter().fold(false, |found, value| found | !value.is_finite()) {
            let place = numbers.iter().position(|value| !value.is_finite()).unwrap_or(0);
            return Err(Rejection::NonFinite { index: (start + place) as u64, value: numbers[place] });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    const RUN: u64 = 0xE0;

    fn put_together(frames: &[v1::Frame], dimension: u64) -> Result<(Round, Vec<f32>), Rejection> {
        let mut assembler = Assembler::new(Expected { run: RUN, dimension }, Vec::new());
        for frame in frames {
            assembler.push(frame)?;
        }
        assembler.finish()
    }

    fn three_frames() -> (Vec<v1::Frame>, Vec<f32>) {
        let values: Vec<f32> = (0..2 * (FRAME_BYTES_MAX / 4) + 5).map(|k| k as f32 * 0.5).collect();
        (frames(RUN, 9, &values), values)
    }

    #[test]
    fn what_is_cut_is_put_together_again() {
        let (frames, values) = three_frames();
        assert_eq!(frames.len(), 3);
        assert_eq!(frames[0].header.unwrap().checksum, checksum(&values));
        assert_eq!(put_together(&frames, values.len() as u64), Ok((Round::new(9).unwrap(), values)));
    }

    /// One good tensor, one change a row, and the reason it has to be refused for.
    #[test]
    fn every_defect_has_its_own_reason() {
        type Change = fn(&mut Vec<v1::Frame>);
        let changes: [(&str, Change); 16] = [
            ("wrong-run", |f| f[0].header.as_mut().unwrap().run = 1),
            ("round-zero", |f| f[0].header.as_mut().unwrap().round = 0),
            ("dimension", |f| f[0].header.as_mut().unwrap().dimension += 1),
            ("dimension", |f| f[0].header.as_mut().unwrap().dimension = u64::MAX),
            ("number-type", |f| f[0].header.as_mut().unwrap().number_type = 0),
            ("checksum", |f| f[0].header.as_mut().unwrap().checksum ^= 1),
            ("no-header", |f| f[0].header = None),
            ("no-header", Vec::clear),
            ("second-header", |f| f[1].header = f[0].header),
            ("offset", |f| f[1].offset += 4),
            ("offset", |f| f.swap(1, 2)),
            ("offset", |f| f.push(f[2].clone())),
            ("alignment", |f| f[2].data.truncate(7)),
            ("alignment", |f| f[2].data.clear()),
            ("truncated", |f| drop(f.pop())),
            ("frame-too-long", |f| f[1].data = vec![0; FRAME_BYTES_MAX + 4].into()),
        ];
        for (expected, change) in changes {
            let (mut frames, values) = three_frames();
            change(&mut frames);
            let why = put_together(&frames, values.len() as u64).unwrap_err();
            assert_eq!(why.label(), expected, "{why}");
        }
        let (mut frames, values) = three_frames();
        frames[2].data = vec![0; 24].into();
        assert_eq!(put_together(&frames, values.len() as u64).unwrap_err().label(), "too-long");
    }

    #[test]
    fn numbers_that_are_none_are_found_with_their_place() {
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut values = three_frames().1;
            let index = FRAME_BYTES_MAX / 4 + 3;
            values[index] = value;
            let why = put_together(&frames(RUN, 1, &values), values.len() as u64).unwrap_err();
            assert!(matches!(why, Rejection::NonFinite { index: got, .. } if got == index as u64), "{why}");
        }
        let fine = [f32::MIN_POSITIVE / 2.0, -0.0, f32::MAX, f32::MIN];
        assert!(put_together(&frames(RUN, 1, &fine), 4).is_ok());
    }

    fn any_frame() -> impl Strategy<Value = v1::Frame> {
        let header = proptest::option::of((0..3_u64, 0..3_u32, 0..9_u64, 0..3_i32, any::<u32>()).prop_map(
            |(run, round, dimension, number_type, checksum)| v1::Header {
                run: RUN + run,
                round,
                dimension,
                number_type,
                checksum,
            },
        ));
        (header, 0..40_u64, vec(any::<u8>(), 0..40)).prop_map(|(header, offset, data)| v1::Frame {
            header,
            offset,
            data: data.into(),
        })
    }

    proptest! {
        #[test]
        fn no_frames_whatsoever_make_it_panic_or_grow(frames in vec(any_frame(), 0..6), dimension in 0..9_u64) {
            if let Ok((_, row)) = put_together(&frames, dimension) {
                prop_assert_eq!(row.len() as u64, dimension);
                prop_assert!(row.iter().all(|value| value.is_finite()));
            }
        }
    }
}
