//! Words and numbers on a page of a terminal.

/// Words wrapped to `width` characters: the first line after `first`, the others as far in as it is wide.
pub(super) fn wrap(first: &str, words: &str, width: usize) -> String {
    let indent = first.chars().count();
    let (mut text, mut column) = (first.to_owned(), indent);
    for word in words.split_whitespace() {
        let length = word.chars().count();
        if column > indent && column + 1 + length > width {
            text.push('\n');
            text.push_str(&" ".repeat(indent));
            column = indent;
        } else if column > indent {
            text.push(' ');
            column += 1;
        }
        text.push_str(word);
        column += length;
    }
    text.push('\n');
    text
}

/// Columns as wide as their widest cell, the first `words` of them to the left and the others, which are numbers,
/// to the right. The space between them is two characters, or one where the page is too narrow for that.
pub(super) fn columns(rows: &[Vec<String>], words: usize, width: usize) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widest = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..count).map(widest).collect();
    let gap = if widths.iter().sum::<usize>() + 2 * count <= width { "  " } else { " " };
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| match column < words {
            true => format!("{cell:<width$}"),
            false => format!("{cell:>width$}"),
        });
        text.push_str(cells.collect::<Vec<_>>().join(gap).trim_end());
        text.push('\n');
    }
    text
}

/// A number with its thousands set apart.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_wrap_under_the_first_and_none_is_lost() {
        assert_eq!(wrap("* ", "one two three", 9), "* one two\n  three\n");
        assert_eq!(wrap("* ", "overlong-word x", 5), "* overlong-word\n  x\n");
        assert_eq!(wrap("", "", 5), "\n");
    }

    #[test]
    fn columns_line_up_and_move_closer_on_a_narrow_page() {
        let rows = [vec!["a".to_owned(), "1".to_owned()], vec!["bb".to_owned(), "23".to_owned()]];
        assert_eq!(columns(&rows, 1, 80), "a    1\nbb  23\n");
        assert_eq!(columns(&rows, 1, 6), "a   1\nbb 23\n");
    }

    #[test]
    fn thousands_are_set_apart() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), text);
        }
    }
}
