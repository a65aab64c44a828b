//! Arrow arrays from values, each buffer of just the size it needs.

use arrow_array::types::ArrowPrimitiveType;
use arrow_array::{BooleanArray, PrimitiveArray, StringArray};
use arrow_buffer::{BooleanBuffer, NullBuffer, OffsetBuffer};

use crate::collected::TextBudget;

/// An array of texts; of nulls where they are more than the budget allows.
pub(crate) fn strings(budget: &TextBudget, values: &[Option<&str>]) -> StringArray {
    let bytes = values.iter().flatten().map(|value| value.len()).sum();
    if !budget.allows(bytes) {
        return StringArray::new_null(values.len());
    }
    let mut text = String::with_capacity(bytes);
    let mut offsets = Vec::with_capacity(values.len() + 1);
    offsets.push(0);
    for value in values {
        text.push_str(value.unwrap_or_default());
        offsets.push(text.len() as i32);
    }
    // The budget is below what an offset can say, and each offset is the end of a text.
    StringArray::try_new(OffsetBuffer::new(offsets.into()), text.into_bytes().into(), nulls(values))
        .expect("offsets at the ends of texts")
}

/// An array of numbers or days.
pub(crate) fn numbers<T: ArrowPrimitiveType>(values: &[Option<T::Native>]) -> PrimitiveArray<T> {
    let numbers: Vec<T::Native> = values.iter().map(|value| value.unwrap_or_default()).collect();
    PrimitiveArray::new(numbers.into(), nulls(values))
}

/// An array of booleans.
pub(crate) fn booleans(values: &[Option<bool>]) -> BooleanArray {
    let holds = BooleanBuffer::collect_bool(values.len(), |at| values[at] == Some(true));
    BooleanArray::new(holds, nulls(values))
}

fn nulls<T>(values: &[Option<T>]) -> Option<NullBuffer> {
    if values.iter().all(Option::is_some) {
        return None;
    }
    Some(NullBuffer::new(BooleanBuffer::collect_bool(values.len(), |at| values[at].is_some())))
}

#[cfg(test)]
mod tests {
    use arrow_array::Array;
    use arrow_array::types::UInt32Type;

    use super::*;

    #[test]
    fn arrays_hold_what_they_are_made_of() {
        let texts = [Some("a"), None, Some(""), Some("\u{e9}\u{10348}"), None];
        let array = strings(&TextBudget::of_words(), &texts);
        assert_eq!(array.iter().collect::<Vec<_>>(), texts);
        assert_eq!(array.null_count(), 2);
        let counts = [Some(7), None, Some(0)];
        assert_eq!(numbers::<UInt32Type>(&counts).iter().collect::<Vec<_>>(), counts);
        let answers = [Some(true), Some(false), None];
        assert_eq!(booleans(&answers).iter().collect::<Vec<_>>(), answers);
        assert_eq!(booleans(&answers[..2]).nulls(), None);
    }

    #[test]
    fn texts_beyond_the_budget_are_nulls_and_it_is_spent() {
        let budget = TextBudget::of_body(0);
        let long = "x".repeat((1 << 20) + 1);
        assert_eq!(strings(&budget, &[Some(&long), Some("x")]).null_count(), 2);
        assert!(budget.is_spent());
    }
}
