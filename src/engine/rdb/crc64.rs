//! The checksum of snapshots and of DUMP payloads: CRC-64 with Jones's polynomial, reflected, starting from zero.
//!
//! Knows nothing of what the bytes mean.

/// Jones's polynomial 0xad93d23594c935a9 with its bits reversed, as a reflected CRC uses it.
const POLYNOMIAL: u64 = 0x95ac_9329_ac4b_c9b5;

/// `TABLES[n][byte]`: what a byte contributes once `n` further bytes have been shifted in behind it.
static TABLES: [[u64; 256]; 8] = tables();

/// The checksum of what `crc` covers followed by `bytes`. Start from 0.
#[must_use]
pub fn crc64(crc: u64, bytes: &[u8]) -> u64 {
    let mut crc = crc;
    let (eights, rest) = bytes.as_chunks::<8>();
    for chunk in eights {
        let mixed = (crc ^ u64::from_le_bytes(*chunk)).to_le_bytes();
        crc = mixed.iter().zip(TABLES.iter().rev()).fold(0, |sum, (byte, table)| sum ^ table[usize::from(*byte)]);
    }
    for byte in rest {
        let [lowest, ..] = crc.to_le_bytes();
        crc = TABLES[0][usize::from(lowest ^ byte)] ^ (crc >> 8);
    }
    crc
}

const fn tables() -> [[u64; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u64;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { (crc >> 1) ^ POLYNOMIAL } else { crc >> 1 };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut level = 1;
    while level < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before: u64 = tables[level - 1][byte];
            tables[level][byte] = tables[0][(before & 0xff) as usize] ^ (before >> 8);
            byte += 1;
        }
        level += 1;
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::crc64;

    #[test]
    fn the_catalogue_s_check_value() {
        assert_eq!(crc64(0, b"123456789"), 0xe9c6_d914_c4b8_d9ca);
    }

    #[test]
    fn it_does_not_matter_how_the_bytes_are_cut() {
        let bytes: Vec<u8> = (0..1000_u32).map(|place| (place * 31 % 251) as u8).collect();
        let whole = crc64(0, &bytes);
        for cut in 0..bytes.len() {
            assert_eq!(crc64(crc64(0, &bytes[..cut]), &bytes[cut..]), whole);
        }
    }
}
