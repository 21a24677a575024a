//! The order in which SORT puts elements.

use super::pattern::{Pattern, Source};
use crate::command::CommandError;
use crate::keyspace::entry::Value;
use crate::keyspace::{Container, Place};
use crate::parse;
use crate::values::Text;
use std::cmp::Ordering;

#[derive(Default)]
pub struct Order<'a> {
    pub is_descending: bool,
    pub is_alphabetical: bool,
    /// BY a pattern without a `*`: elements stay as they are.
    pub is_kept: bool,
    by: Option<Pattern<'a>>,
}

impl<'a> Order<'a> {
    pub fn set_by(&mut self, pattern: &'a [u8]) {
        if pattern.contains(&b'*') {
            self.by = Some(Pattern::of(pattern));
        } else {
            self.is_kept = true;
        }
    }

    /// By the text of the elements, whatever BY said.
    pub fn become_alphabetical(&mut self) {
        (self.is_alphabetical, self.is_kept, self.by) = (true, false, None);
    }
}

/// The elements of the list, set or sorted set at a place, in order; none where there is no key.
///
/// # Errors
/// WRONGTYPE; something to sort by is no number.
pub fn sorted_elements<'k>(
    source: Source<'k>,
    place: Place<'_>,
    order: &Order<'_>,
) -> Result<Vec<Text<'k>>, CommandError> {
    let (mut elements, has_order): (Vec<Text<'k>>, bool) = match source.value(place) {
        None => (Vec::new(), true),
        Some(Value::Container(Container::List(list))) => (list.iter().collect(), true),
        Some(Value::Container(Container::Set(set))) => (set.iter().collect(), false),
        Some(Value::Container(Container::SortedSet(sorted_set))) => {
            (sorted_set.iter().map(|(member, _)| member).collect(), true)
        }
        Some(_) => return Err(CommandError::WrongType),
    };
    if order.is_kept {
        if has_order && order.is_descending {
            elements.reverse();
        }
        return Ok(elements);
    }
    if order.is_alphabetical {
        sort_by_text(source, elements, order)
    } else {
        sort_by_number(source, elements, order)
    }
}

fn sort_by_text<'k>(
    source: Source<'k>,
    elements: Vec<Text<'k>>,
    order: &Order<'_>,
) -> Result<Vec<Text<'k>>, CommandError> {
    let weight = |element: Text<'k>| match order.by {
        Some(pattern) => pattern.look_up(source, element),
        None => Some(element),
    };
    let mut weighted: Vec<_> = elements.into_iter().map(|element| (weight(element), element)).collect();
    weighted.sort_by(|(left, _), (right, _)| {
        // What a pattern does not find goes first.
        let ordering = left.as_ref().map(Text::as_slice).cmp(&right.as_ref().map(Text::as_slice));
        directed(ordering, order)
    });
    Ok(weighted.into_iter().map(|(_, element)| element).collect())
}

fn sort_by_number<'k>(
    source: Source<'k>,
    elements: Vec<Text<'k>>,
    order: &Order<'_>,
) -> Result<Vec<Text<'k>>, CommandError> {
    let weight = |element: Text<'k>| match order.by {
        // What a pattern does not find weighs nothing.
        Some(pattern) => pattern.look_up(source, element).map_or(Ok(0.0), |text| number(&text)),
        None => number(&element),
    };
    let mut weighted = elements
        .into_iter()
        .map(|element| Ok((weight(element)?, element)))
        .collect::<Result<Vec<_>, CommandError>>()?;
    weighted.sort_by(|(left, left_element), (right, right_element)| {
        let ordering = left.partial_cmp(right).unwrap_or(Ordering::Equal);
        directed(ordering.then_with(|| left_element.as_slice().cmp(right_element.as_slice())), order)
    });
    Ok(weighted.into_iter().map(|(_, element)| element).collect())
}

fn directed(ordering: Ordering, order: &Order<'_>) -> Ordering {
    if order.is_descending { ordering.reverse() } else { ordering }
}

/// A number as C's strtod reads it: blanks may stand before it, and nothing at all is 0.
fn number(text: &[u8]) -> Result<f64, CommandError> {
    if text.is_empty() {
        return Ok(0.0);
    }
    let is_blank = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0x0b;
    let start = text.iter().position(|byte| !is_blank(byte)).unwrap_or(text.len());
    parse::float(&text[start..])
        .ok_or(CommandError::fixed("ERR One or more scores can't be converted into double"))
}
