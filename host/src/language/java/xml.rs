//! As much of XML as a `pom.xml` needs: elements, texts and comments, with where they are.

use std::ops::Range;

/// A piece of a document.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'t> {
    /// An element begins; its name.
    Start(&'t str),
    /// The element that began last ends.
    End,
    /// Text that is not blank, without the blanks around it.
    Text(&'t str),
    /// A comment's text, and where all of it is.
    Comment(&'t str, Range<usize>),
}

/// Takes a document apart; on an error the number of the line.
pub fn pieces(text: &str) -> Result<Vec<Piece<'_>>, usize> {
    let mut pieces = Vec::new();
    let mut open = Vec::new();
    let mut at = 0;
    let line = |at: usize| text[..at].matches('\n').count() + 1;
    while at < text.len() {
        let rest = &text[at..];
        let up_to = |begin: &str, end: &str| {
            let length = rest[begin.len()..].find(end).ok_or(line(at))?;
            Ok::<_, usize>((&rest[begin.len()..begin.len() + length], begin.len() + length + end.len()))
        };
        if let Some(next) = rest.find('<').filter(|next| *next > 0) {
            push_text(&mut pieces, &rest[..next]);
            at += next;
        } else if rest.starts_with("<!--") {
            let (comment, length) = up_to("<!--", "-->")?;
            pieces.push(Piece::Comment(comment, at..at + length));
            at += length;
        } else if rest.starts_with("<![CDATA[") {
            let (characters, length) = up_to("<![CDATA[", "]]>")?;
            push_text(&mut pieces, characters);
            at += length;
        } else if rest.starts_with("<?") {
            at += up_to("<?", "?>")?.1;
        } else if rest.starts_with("<!") {
            at += up_to("<!", ">")?.1;
        } else if rest.starts_with("</") {
            let (name, length) = up_to("</", ">")?;
            if open.pop() != Some(name.trim()) {
                return Err(line(at));
            }
            pieces.push(Piece::End);
            at += length;
        } else if rest.starts_with('<') {
            let length = tag_length(rest).ok_or(line(at))?;
            let tag = &rest[1..length - 1];
            let name_end = tag.find(|c: char| c.is_whitespace() || c == '/').unwrap_or(tag.len());
            pieces.push(Piece::Start(&tag[..name_end]));
            match tag.ends_with('/') {
                true => pieces.push(Piece::End),
                false => open.push(&tag[..name_end]),
            }
            at += length;
        } else {
            push_text(&mut pieces, rest);
            break;
        }
    }
    if open.is_empty() { Ok(pieces) } else { Err(line(text.len())) }
}

fn push_text<'t>(pieces: &mut Vec<Piece<'t>>, text: &'t str) {
    if !text.trim().is_empty() {
        pieces.push(Piece::Text(text.trim()));
    }
}

/// How long a tag is, with both of its brackets; one inside quotes does not end it.
fn tag_length(text: &str) -> Option<usize> {
    let mut quote = None;
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), c) if open == c => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, '>') => return Some(at + 1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_taken_apart() {
        let text = "<?xml version=\"1.0\"?>\n<!DOCTYPE a>\n<a b=\">\">\n <c/> <!-- <d> --><e ><![CDATA[x<]]></e >\n</a>\n";
        use Piece::{Comment, End, Start, Text};
        let comment = text.find("<!-- ").unwrap();
        assert_eq!(
            pieces(text).unwrap(),
            [
                Start("a"),
                Start("c"),
                End,
                Comment(" <d> ", comment..comment + 12),
                Start("e"),
                Text("x<"),
                End,
                End
            ]
        );
    }

    #[test]
    fn what_is_malformed_is_an_error_with_its_line() {
        for (text, line) in
            [("<a>\n<b></a>", 2), ("<a>\n<!-- x", 2), ("<a", 1), ("<a>\n\n", 3), ("<a b='>", 1), ("</a>", 1)]
        {
            assert_eq!(pieces(text), Err(line), "{text}");
        }
    }
}
