/// For HTTP's basic authentication.
pub const STANDARD: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// For the RECORD of an installed Python package.
pub const URL_SAFE: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Base64 without padding.
pub fn encode(bytes: &[u8], alphabet: &[u8; 64]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let bits = (0..3).fold(0, |bits, at| bits << 8 | u32::from(*chunk.get(at).unwrap_or(&0)));
        for digit in 0..=chunk.len() {
            text.push(alphabet[(bits >> (18 - 6 * digit) & 63) as usize] as char);
        }
    }
    text
}

/// Base64 with the padding that HTTP wants.
pub fn encode_padded(bytes: &[u8]) -> String {
    let text = encode(bytes, STANDARD);
    let padding = (4 - text.len() % 4) % 4;
    text + &"=".repeat(padding)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_rfc_4648() {
        for (bytes, text) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(encode_padded(bytes.as_bytes()), text);
        }
        assert_eq!(encode(&[0xfb, 0xff], URL_SAFE), "-_8");
    }
}
