//! 64 bytes at a time: which of them are quotes, backslashes and brackets, as bits, and where a bracket closes.
//!
//! The method is that of simdjson's first stage (Langdale and Lemire, "Parsing gigabytes of JSON per second"): a string is what lies between two
//! quotes that are not escaped, and a running XOR over the quotes' bits says what that is.

use wide::u8x16;

pub(super) const LEN: usize = 64;
const LANE: usize = 16;

pub(super) type Block = [u8; LEN];

/// Bits of a block's bytes, the first lowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Marks {
    quotes: u64,
    backslashes: u64,
    /// `{` and `[`.
    opening: u64,
    /// `}` and `]`.
    closing: u64,
}

/// How deep, and whether in a string, the text is between two blocks.
#[derive(Debug, Default)]
pub(super) struct Brackets {
    depth: u32,
    /// All ones in a string, else zero.
    in_string: u64,
    /// 1 where the first byte of the next block is escaped.
    escaped: u64,
}

impl Brackets {
    /// Where in the next block the bracket closes that the first block began with.
    pub(super) fn closed_in(&mut self, block: &Block) -> Option<usize> {
        let marks = marks(block);
        let quotes = marks.quotes & !self.escaped_in(marks.backslashes);
        let strings = running_xor(quotes) ^ self.in_string;
        // Its highest bit, everywhere.
        self.in_string = (strings.cast_signed() >> 63).cast_unsigned();
        let opening = marks.opening & !strings;
        let mut closing = marks.closing & !strings;
        let (opened, closed) = (opening.count_ones(), closing.count_ones());
        if closed >= self.depth {
            let mut closed_before = 0;
            while closing != 0 {
                let at = closing.trailing_zeros();
                let opened_before = (opening & ((1 << at) - 1)).count_ones();
                closed_before += 1;
                if self.depth + opened_before == closed_before {
                    return Some(at as usize);
                }
                closing &= closing - 1;
            }
        }
        self.depth = self.depth + opened - closed;
        None
    }

    /// The bytes behind an odd number of backslashes in a row.
    fn escaped_in(&mut self, backslashes: u64) -> u64 {
        if backslashes == 0 {
            return std::mem::take(&mut self.escaped);
        }
        let mut escaped = self.escaped;
        let mut left = backslashes & !escaped;
        self.escaped = 0;
        while left != 0 {
            let escaping = left & left.wrapping_neg();
            left &= left - 1;
            // The highest bit escapes the first byte of the next block.
            self.escaped = escaping >> 63;
            escaped |= escaping << 1;
            // One that is escaped escapes nothing.
            left &= !(escaping << 1);
        }
        escaped
    }
}

/// Each bit the XOR of itself and all lower ones.
fn running_xor(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

/// `[` and `]` differ from `{` and `}` in this one bit.
const CURLY: u8 = b'{' ^ b'[';

fn marks(block: &Block) -> Marks {
    let mut found = Marks { quotes: 0, backslashes: 0, opening: 0, closing: 0 };
    for (index, lane) in block.as_chunks::<LANE>().0.iter().enumerate() {
        let lane = u8x16::from(*lane);
        let curly = lane | u8x16::splat(CURLY);
        let shift = index * LANE;
        found.quotes |= find(lane, b'"') << shift;
        found.backslashes |= find(lane, b'\\') << shift;
        found.opening |= find(curly, b'{') << shift;
        found.closing |= find(curly, b'}') << shift;
    }
    found
}

fn find(lane: u8x16, byte: u8) -> u64 {
    u64::from(lane.simd_eq(u8x16::splat(byte)).to_bitmask())
}

/// How many bytes come before the first quote or backslash; all of them, where there is none.
pub(super) fn before_quote_or_backslash(bytes: &[u8]) -> usize {
    let (lanes, rest) = bytes.as_chunks::<LANE>();
    for (index, lane) in lanes.iter().enumerate() {
        let lane = u8x16::from(*lane);
        let found = find(lane, b'"') | find(lane, b'\\');
        if found != 0 {
            return index * LANE + found.trailing_zeros() as usize;
        }
    }
    let in_rest = rest.iter().position(|byte| matches!(byte, b'"' | b'\\'));
    lanes.len() * LANE + in_rest.unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_is_there() {
        let mut random = fastrand::Rng::with_seed(1);
        for _ in 0..10_000 {
            let mut block = [0; LEN];
            block.fill_with(|| if random.bool() { *random.choice(b"\"\\{}[]\xfb\xfd\xa2").unwrap_or(&0) } else { random.u8(..) });
            let expected = |bytes: &[u8]| {
                (0..)
                    .zip(block)
                    .filter(|(_, byte)| bytes.contains(byte))
                    .fold(0, |bits, (at, _)| bits | 1_u64 << at)
            };
            let expected =
                Marks { quotes: expected(b"\""), backslashes: expected(b"\\"), opening: expected(b"{["), closing: expected(b"}]") };
            assert_eq!(marks(&block), expected);
        }
    }
}
