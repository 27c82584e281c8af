//! Columns that line up.

/// Rows of cells as lines: every column but the last is as wide as its widest cell.
pub(super) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| shown(cell))
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    rows.iter().map(|row| line(row, &widths)).collect()
}

fn line(row: &[String], widths: &[usize]) -> String {
    let mut text = String::new();
    for (cell, width) in row.iter().zip(widths) {
        text.push_str(cell);
        let blanks = width.saturating_sub(shown(cell)) + 2;
        text.extend(std::iter::repeat_n(' ', blanks));
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// Characters that are seen: colours are not.
pub(super) fn shown(cell: &str) -> usize {
    let mut count = 0;
    let mut characters = cell.chars();
    while let Some(character) = characters.next() {
        if character == '\x1b' {
            characters.by_ref().find(char::is_ascii_alphabetic);
        } else {
            count += 1;
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_whatever_their_colour() {
        let row = |cells: [&str; 3]| cells.map(ToOwned::to_owned).to_vec();
        let rows = [
            row(["a", "\x1b[1mbb\x1b[0m", "c"]),
            row(["ü-ü", "b", "a long last one"]),
            row(["a", "", ""]),
        ];
        assert_eq!(
            table(&rows),
            "a    \x1b[1mbb\x1b[0m  c\nü-ü  b   a long last one\na\n"
        );
        assert_eq!(table(&[]), "");
    }
}
