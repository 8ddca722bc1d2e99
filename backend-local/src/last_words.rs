//! The last output of a process, which a person wants to read first when it failed.
//!
//! Invariant: the text has a bounded length and is one line, whatever the process wrote.

use std::collections::VecDeque;

/// How many bytes are remembered.
const LONGEST: usize = 512;

/// The end of an output.
#[derive(Debug, Default)]
pub(crate) struct LastWords {
    bytes: VecDeque<u8>,
    /// Whether the first line that is remembered lacks its beginning.
    cut: bool,
}

impl LastWords {
    pub(crate) fn hear(&mut self, bytes: &[u8]) {
        self.bytes.extend(&bytes[bytes.len().saturating_sub(LONGEST + 1)..]);
        let more = self.bytes.len().saturating_sub(LONGEST);
        let lost = self.bytes.drain(..more).next_back();
        // The dropped part may have ended with a whole line.
        self.cut = lost.map_or(self.cut, |last| last != b'\n');
    }

    /// The last non-empty lines, as one line; empty if there are none.
    pub(crate) fn text(&self, count: usize) -> String {
        let bytes: Vec<u8> = self.bytes.iter().copied().collect();
        let text = String::from_utf8_lossy(&bytes);
        let whole = match text.split_once('\n') {
            // Half a line misleads, unless there is nothing else.
            Some((_, rest)) if self.cut && !rest.trim().is_empty() => rest,
            _ => &text,
        };
        let lines: Vec<&str> = whole.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let last = lines[lines.len().saturating_sub(count)..].join(" / ");
        last.chars().map(|char| if char.is_control() { ' ' } else { char }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(parts: &[&str]) -> String {
        let mut words = LastWords::default();
        for part in parts {
            words.hear(part.as_bytes());
        }
        words.text(3)
    }

    #[test]
    fn the_last_lines_are_told_in_one() {
        let long = "x".repeat(600);
        for (parts, text) in [
            (&[][..], ""),
            (&["\n \n"], ""),
            (&["sh: 1: ./no", "t: not found\n"], "sh: 1: ./not: not found"),
            (&["a\nb\n\nc\nd\n"], "b / c / d"),
            (&["\u{1b}[31mred\u{7}\n"], " [31mred "),
            (&[&long, "\nend\n"], "end"),
            (&["a\n", &long[..512]], &long[..512]),
            (&[&long], &long[..512]),
        ] {
            assert_eq!(told(parts), text, "{parts:?}");
        }
        let mut words = LastWords::default();
        words.hear(b"\xff\xfe ok\n");
        words.hear(b"a\nb\n");
        assert_eq!(
            (words.text(3), words.text(1)),
            ("\u{fffd}\u{fffd} ok / a / b".to_owned(), "b".to_owned())
        );
    }
}
