use comfy_table::{ColumnConstraint, ContentArrangement, Table, TableComponent, Width, presets};

/// Columns under a header, wrapped between words to `width` characters. The cells must have been escaped.
pub fn words_table(header: &[&str], rows: &[Vec<String>], width: u16) -> String {
    let mut table = Table::new();
    table
        .load_preset(presets::NOTHING)
        .set_style(TableComponent::HeaderLines, '─')
        .set_style(TableComponent::MiddleHeaderIntersections, '─')
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(width)
        .set_header(header.to_vec());
    table.add_rows(rows);
    let constraints = least_widths(header, rows, width).into_iter();
    table.set_constraints(constraints.map(|width| ColumnConstraint::LowerBoundary(Width::Fixed(width))));
    let mut text = table.trim_fmt();
    text.push('\n');
    text
}

/// Rows for people: columns, or each row below the one before it with its headers, whichever is shorter; columns
/// only where every word of them stays whole, because a drug or a dose that is cut in two is misread. The cells must
/// have been escaped.
pub(super) fn records(header: &[&str], rows: &[Vec<String>], width: u16) -> String {
    let stacked = stacked(header, rows, width);
    let columns: u32 =
        longest_words(header, rows, width).map(|word| u32::from(word + PADDING + SEPARATOR)).sum();
    if columns > u32::from(width) {
        return stacked;
    }
    let table = words_table(header, rows, width);
    if table.lines().count() > stacked.lines().count() { stacked } else { table }
}

/// A row as a name and, below it, what is known of it.
fn stacked(header: &[&str], rows: &[Vec<String>], width: u16) -> String {
    let mut text = "─".repeat(usize::from(width)) + "\n";
    for row in rows {
        let mut cells = row.iter().zip(header).filter(|(cell, _)| !cell.is_empty());
        if let Some((name, _)) = cells.next() {
            text.push_str(&wrapped(" ", name, width));
        }
        for (cell, header) in cells {
            text.push_str(&wrapped(&format!("   {header}: "), cell, width));
        }
    }
    text
}

/// Text between words to `width` characters, below `prefix` in its first line and spaces of the same width in
/// the others. It must have been escaped; a word that is wider than the page stays whole.
pub(super) fn wrapped(prefix: &str, text: &str, width: u16) -> String {
    let indent = " ".repeat(prefix.chars().count());
    let (mut lines, mut line) = (String::new(), prefix.to_owned());
    let mut is_empty = true;
    for word in text.split(' ') {
        let needed = line.chars().count() + usize::from(!is_empty) + word.chars().count();
        if !is_empty && needed > usize::from(width) {
            lines.push_str(line.trim_end());
            lines.push('\n');
            line = indent.clone();
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    lines + line.trim_end() + "\n"
}

/// Space on both sides of a cell.
const PADDING: u16 = 2;
/// Space between two columns.
const SEPARATOR: u16 = 1;

/// For each column, room for its longest word, padding included: a date or a dose that is cut in two is misread.
/// Where not all words fit the page, the longest give way.
fn least_widths(header: &[&str], rows: &[Vec<String>], width: u16) -> Vec<u16> {
    let longest: Vec<u16> = longest_words(header, rows, width).collect();
    let capped = |cap: u16| longest.iter().map(move |word| word.min(&cap) + PADDING);
    let fits =
        |cap: &u16| capped(*cap).map(|least| u32::from(least + SEPARATOR)).sum::<u32>() <= u32::from(width);
    let cap = (1..=width).rev().find(fits).unwrap_or(1);
    capped(cap).collect()
}

/// The length of the longest word of each column, its header included.
fn longest_words(header: &[&str], rows: &[Vec<String>], width: u16) -> impl Iterator<Item = u16> {
    (0..header.len()).map(move |column| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(String::as_str);
        let words = cells.chain([header[column]]).flat_map(str::split_whitespace);
        words.map(|word| u16::try_from(word.chars().count()).unwrap_or(width)).max().unwrap_or(0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(cells: [&str; 3]) -> Vec<Vec<String>> {
        vec![cells.map(str::to_owned).to_vec()]
    }

    #[test]
    fn words_stay_whole_while_they_fit() {
        let header = ["Medication", "Last issue", "Note"];
        let long = "a long note of many words ".repeat(8);
        for width in [60, 80, 120] {
            let text = words_table(&header, &rows(["Hydroxychloroquine", "2026-01-02", &long]), width);
            assert!(text.contains("Hydroxychloroquine") && text.contains("2026-01-02"), "{text}");
            assert!(text.lines().all(|line| line.chars().count() <= usize::from(width)), "{text}");
        }
    }

    #[test]
    fn the_longest_words_give_way_where_the_page_is_narrow() {
        let url = "x".repeat(200);
        let text = words_table(&["A", "B", "C"], &rows([&url, "2026-01-02", "word"]), 60);
        assert!(text.contains("2026-01-02") && text.contains("word"), "{text}");
        assert_eq!(text.matches('x').count(), 200, "nothing is lost");
    }

    #[test]
    fn a_row_that_does_not_fit_is_told_line_by_line_and_no_word_is_cut() {
        let header = ["Medication", "Type", "For", "Note"];
        let row = ["Clarithromycin 250mg tablets", "repeat-dispensing", "", "authorisation lapsed"]
            .map(str::to_owned);
        let rows = [row.to_vec()];
        assert_eq!(
            records(&header, &rows, 40),
            "────────────────────────────────────────\n Clarithromycin 250mg tablets\n   Type: repeat-dispensing\n   \
             Note: authorisation lapsed\n"
        );
        assert!(
            records(&header, &rows, 80).lines().next().is_some_and(|line| line.contains("Type")),
            "columns"
        );
    }

    #[test]
    fn a_long_text_is_wrapped_below_its_own_start() {
        let text = "one two three four";
        assert_eq!(wrapped("! ", text, 11), "! one two\n  three\n  four\n");
        assert_eq!(wrapped("  x  ", text, 80), "  x  one two three four\n");
        assert_eq!(wrapped("! ", "a-word-wider-than-the-page b", 8), "! a-word-wider-than-the-page\n  b\n");
        assert_eq!(wrapped("! ", "", 8), "!\n");
    }
}
