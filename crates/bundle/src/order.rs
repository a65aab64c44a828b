//! Rows in the order of the bundle.

/// The places of rows in the order of their numbers, each below `numbers`; those of one number stay in their order. Resources
/// and entries are numbered without gaps, so that rows are counted instead of compared.
pub(crate) fn by_number(rows: impl Iterator<Item = u32> + Clone, numbers: usize) -> Vec<u32> {
    let mut ends = vec![0_u32; numbers + 1];
    for number in rows.clone() {
        ends[number as usize + 1] += 1;
    }
    let mut end = 0;
    for count in &mut ends {
        end += *count;
        *count = end;
    }
    let mut order = vec![0; end as usize];
    // Each end is where the rows of the next number begin, and moves on as they are placed.
    for (row, number) in (0..).zip(rows) {
        let place = &mut ends[number as usize];
        order[*place as usize] = row;
        *place += 1;
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_by_number_and_those_of_one_in_their_order() {
        let rows = [3_u32, 0, 3, 1, 0, 4, 1];
        let mut expected: Vec<u32> = (0..7).collect();
        expected.sort_by_key(|row| rows[*row as usize]);
        assert_eq!(by_number(rows.into_iter(), 5), expected);
        assert!(by_number([].into_iter(), 0).is_empty());
    }
}
