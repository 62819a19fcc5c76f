use super::limits::MAX_TEXT;

/// Text of a plugin's as it may be shown: no control characters that a terminal obeys, and not
/// without end.
pub fn shown(text: &str) -> String {
    let is_fine = |character: char| matches!(character, '\n' | '\t') || !character.is_control();
    let mut shown: String =
        text.chars().map(|character| if is_fine(character) { character } else { '\u{fffd}' }).collect();
    if shown.len() > MAX_TEXT {
        let end = shown.floor_char_boundary(MAX_TEXT);
        shown.truncate(end);
        shown.push_str("...");
    }
    shown.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_not_told_what_to_do() {
        assert_eq!(shown("no\x1b[2J\u{9b}way\n"), "no\u{fffd}[2J\u{fffd}way");
        assert!(shown(&"é".repeat(10_000)).len() < 5000);
    }
}
