//! Compression of values: one LZ4 block behind the length of what it holds (32 bits, the lowest byte first).

use lz4_flex::block;

use crate::error::{Error, Kind, Result};

const PREFIX_LEN: usize = size_of::<u32>();

/// No byte of a block stands for more than 255, so that a longer claim is damage.
const RATIO_MAX: usize = 255;

/// The compressed form of `bytes`, or `None` if it is not smaller.
pub(crate) fn compress(bytes: &[u8]) -> Option<Vec<u8>> {
    let prefix = u32::try_from(bytes.len()).ok()?.to_le_bytes();
    let mut compressed = vec![0; PREFIX_LEN + block::get_maximum_output_size(bytes.len())];
    compressed[..PREFIX_LEN].copy_from_slice(&prefix);
    let len = PREFIX_LEN
        + block::compress_into(bytes, &mut compressed[PREFIX_LEN..])
            .expect("the output has the size that no input exceeds");
    if len >= bytes.len() {
        return None;
    }
    compressed.truncate(len);
    compressed.shrink_to_fit();
    Some(compressed)
}

/// What was compressed. `Corrupt` if it is damaged or, before any room is made for it, over `len_max` bytes.
pub(crate) fn decompress(bytes: &[u8], len_max: usize) -> Result<Vec<u8>> {
    let Some((prefix, packed)) = bytes.split_first_chunk() else {
        return Err(corrupt(format!("compressed value is {} bytes, shortest is {PREFIX_LEN}", bytes.len())));
    };
    let len = u32::from_le_bytes(*prefix) as usize;
    if len > len_max {
        return Err(corrupt(format!("compressed value claims {len} bytes, limit is {len_max}")));
    }
    if len > packed.len().saturating_mul(RATIO_MAX) {
        return Err(corrupt(format!("compressed value claims {len} bytes in {}", packed.len())));
    }
    let mut value = vec![0; len];
    match block::decompress_into(packed, &mut value) {
        Ok(found) if found == len => Ok(value),
        Ok(found) => Err(corrupt(format!("compressed value holds {found} bytes, claims {len}"))),
        Err(error) => Err(corrupt("compressed value is damaged".to_owned()).caused_by(error)),
    }
}

fn corrupt(message: String) -> Error {
    Error::new(Kind::Corrupt, message)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_compressed_comes_back(
            part in proptest::collection::vec(any::<u8>(), 1..40),
            times in 1..400_usize,
        ) {
            let bytes = part.repeat(times);
            if let Some(compressed) = compress(&bytes) {
                prop_assert!(compressed.len() < bytes.len());
                prop_assert_eq!(&decompress(&compressed, bytes.len()).unwrap(), &bytes);
                prop_assert_eq!(decompress(&compressed, bytes.len() - 1).unwrap_err().kind(), Kind::Corrupt);
            }
        }

        #[test]
        fn damage_is_an_error_or_another_value_never_more(bytes in any::<Vec<u8>>()) {
            if let Ok(value) = decompress(&bytes, 1 << 20) {
                prop_assert!(value.len() <= bytes.len() * RATIO_MAX);
            }
        }
    }

    #[test]
    fn only_what_shrinks_is_compressed() {
        assert!(compress(&[7; 4096]).is_some_and(|compressed| compressed.len() < 64));
        assert!(compress(b"short").is_none());
        assert!(compress(b"").is_none());
    }

    #[test]
    fn the_best_ratio_is_within_the_bound() {
        let zeros = vec![0; 16 << 20];
        let compressed = compress(&zeros).unwrap();
        assert_eq!(decompress(&compressed, zeros.len()).unwrap(), zeros);
    }

    #[test]
    fn wrong_claims_are_refused() {
        let compressed = compress(&[7; 4096]).unwrap();
        for claim in [0, 4095, 4097, u32::MAX] {
            let mut damaged = compressed.clone();
            damaged[..PREFIX_LEN].copy_from_slice(&claim.to_le_bytes());
            assert_eq!(decompress(&damaged, usize::MAX).unwrap_err().kind(), Kind::Corrupt, "claim {claim}");
        }
        assert_eq!(decompress(&compressed[..3], usize::MAX).unwrap_err().kind(), Kind::Corrupt);
        assert_eq!(decompress(&compressed[..compressed.len() - 1], 4096).unwrap_err().kind(), Kind::Corrupt);
    }
}
