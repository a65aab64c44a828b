//! Arrays that hold nothing, as most columns of most tables do: nulls, or empty lists.

use std::cell::RefCell;
use std::sync::{Arc, LazyLock};

use arrow_array::cast::AsArray;
use arrow_array::{ArrayRef, ListArray, RecordBatch, StringArray, new_empty_array, new_null_array};
use arrow_buffer::OffsetBuffer;
use arrow_schema::DataType;
use bedside_model::schema::Table;

/// A table without rows. There are some in most records, and each is made once; no record holds one, since threads that count
/// the uses of its columns would wait for each other.
pub(crate) fn empty(table: Table) -> &'static RecordBatch {
    static EMPTY: LazyLock<Vec<RecordBatch>> =
        LazyLock::new(|| Table::ALL.iter().map(|table| RecordBatch::new_empty(table.schema())).collect());
    &EMPTY[table as usize]
}

/// A record of few rows costs little more than its arrays.
const MOST_KEPT_ROWS: usize = 32;

thread_local! {
    /// By rows, then by the number of the type. Of each thread, since threads that count the uses of one array wait for
    /// each other.
    static KEPT: RefCell<Vec<Vec<Option<ArrayRef>>>> =
        RefCell::new(vec![vec![None; TYPES.arrays.len()]; MOST_KEPT_ROWS + 1]);
}

/// The arrays of nothing for a table: one for all columns of a type.
pub(crate) struct Nothing<'a> {
    types: &'static Types,
    numbers: &'static [usize],
    rows: usize,
    made: &'a mut [Option<ArrayRef>],
}

/// Gives the arrays of nothing for a table of so many rows; those of few rows stay for the tables to come.
pub(crate) fn with_nothing(table: Table, rows: usize, give: impl FnOnce(Nothing<'_>)) {
    let types = &*TYPES;
    let numbers = &types.of_columns[table as usize];
    let given = |made: &mut [Option<ArrayRef>]| give(Nothing { types, numbers, rows, made });
    if rows <= MOST_KEPT_ROWS {
        KEPT.with_borrow_mut(|kept| given(&mut kept[rows]));
    } else {
        given(&mut vec![None; types.arrays.len()]);
    }
}

impl Nothing<'_> {
    /// The array for a column.
    pub(crate) fn array(&mut self, column: usize) -> ArrayRef {
        let number = self.numbers[column];
        let made = &mut self.made[number];
        Arc::clone(made.get_or_insert_with(|| nothing(&self.types.arrays[number], self.rows)))
    }
}

/// The types of all columns.
struct Types {
    /// An array without rows of each.
    arrays: Vec<ArrayRef>,
    /// By table and column: the number of its type.
    of_columns: Vec<Vec<usize>>,
}

static TYPES: LazyLock<Types> = LazyLock::new(|| {
    let mut arrays: Vec<ArrayRef> = Vec::new();
    let mut number = |of: &DataType| {
        arrays.iter().position(|known| known.data_type() == of).unwrap_or_else(|| {
            arrays.push(new_empty_array(of));
            arrays.len() - 1
        })
    };
    let of_columns = Table::ALL
        .iter()
        .map(|table| table.schema().fields().iter().map(|field| number(field.data_type())).collect())
        .collect();
    Types { arrays, of_columns }
});

/// Nulls; empty lists, since a list is never null.
fn nothing(without_rows: &ArrayRef, rows: usize) -> ArrayRef {
    match without_rows.data_type() {
        DataType::List(item) => {
            let items = Arc::clone(without_rows.as_list::<i32>().values());
            Arc::new(ListArray::new(Arc::clone(item), OffsetBuffer::new_zeroed(rows), items, None))
        }
        DataType::Utf8 => Arc::new(StringArray::new_null(rows)),
        of => new_null_array(of, rows),
    }
}
