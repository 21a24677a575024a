//! What every listing takes in its query: `page`, `page_size` and `name`, `sort` and `sort_reverse`, `columns`.

use super::{Found, percent_decoded};
use serde_json::{Map, Value, json};
use std::cmp::Ordering;

const PAGE_SIZE: usize = 100;
const PAGE_SIZE_MAX: usize = 500;

/// The rows as the query wants them. With a page asked for, RabbitMQ answers an object around them.
pub fn arranged(mut rows: Vec<Value>, query: &str) -> Option<Found> {
    if let Some(column) = parameter(query, "sort") {
        rows.sort_by(|one, other| compared(&at(one, &column), &at(other, &column)));
        if parameter(query, "sort_reverse").as_deref() == Some("true") {
            rows.reverse();
        }
    }
    let Some(page) = parameter(query, "page") else {
        return Some((200, Value::Array(rows.into_iter().map(|row| with_columns(row, query)).collect())));
    };
    let size = parameter(query, "page_size").map_or(Ok(PAGE_SIZE), |size| size.parse());
    let (Ok(page), Ok(size @ 1..=PAGE_SIZE_MAX)) = (page.parse::<usize>(), size) else {
        return Some(refused("Invalid pagination parameters"));
    };
    let total_count = rows.len();
    if let Some(part) = parameter(query, "name").filter(|part| !part.is_empty()) {
        rows.retain(|row| row["name"].as_str().is_some_and(|name| name.contains(&part)));
    }
    let filtered_count = rows.len();
    let page_count = filtered_count.div_ceil(size).max(1);
    if page == 0 || page > page_count {
        return Some(refused(&format!("page_out_of_range, requested page {page} of {page_count}")));
    }
    let items = rows.into_iter().skip((page - 1) * size).take(size).map(|row| with_columns(row, query));
    let items: Vec<Value> = items.collect();
    let body = json!({
        "filtered_count": filtered_count,
        "item_count": items.len(),
        "items": items,
        "page": page,
        "page_count": page_count,
        "page_size": size,
        "total_count": total_count,
    });
    Some((200, body))
}

/// Only the columns asked for; `a.b` is a field of a field.
pub fn with_columns(row: Value, query: &str) -> Value {
    let Some(columns) = parameter(query, "columns") else { return row };
    let mut kept = Map::new();
    for column in columns.split(',') {
        let value = at(&row, column);
        if value.is_null() {
            continue;
        }
        let mut into = &mut kept;
        let mut parts: Vec<&str> = column.split('.').collect();
        let last = parts.pop().unwrap_or_default();
        for part in parts {
            let inner = into.entry(part).or_insert_with(|| json!({}));
            let Some(inner) = inner.as_object_mut() else { return row };
            into = inner;
        }
        into.insert(last.to_string(), value);
    }
    Value::Object(kept)
}

fn at(row: &Value, column: &str) -> Value {
    column.split('.').fold(row, |value, part| &value[part]).clone()
}

fn compared(one: &Value, other: &Value) -> Ordering {
    match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => one.total_cmp(&other),
        _ => one.to_string().cmp(&other.to_string()),
    }
}

fn refused(reason: &str) -> Found {
    (400, json!({ "error": "bad_request", "reason": reason }))
}

/// The value of a query's parameter, decoded.
fn parameter(query: &str, name: &str) -> Option<String> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.into_iter().find(|(key, _)| *key == name)?;
    percent_decoded(&value.replace('+', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Value> {
        [("b", 10), ("a", 9), ("ab", 100)]
            .map(
                |(name, messages)| json!({ "name": name, "messages": messages, "inner": { "x": 1, "y": 2 } }),
            )
            .to_vec()
    }

    fn names(found: &Value) -> Vec<&str> {
        found.as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect()
    }

    #[test]
    fn rows_are_sorted_as_numbers_or_texts() {
        let (status, found) = arranged(rows(), "sort=messages").unwrap();
        assert_eq!((status, names(&found)), (200, vec!["a", "b", "ab"]));
        let (_, found) = arranged(rows(), "sort=name&sort_reverse=true").unwrap();
        assert_eq!(names(&found), ["b", "ab", "a"]);
    }

    #[test]
    fn a_page_says_how_many_there_are() {
        let (_, found) = arranged(rows(), "page=2&page_size=1&name=a&sort=name&columns=name").unwrap();
        let expected = json!({
            "filtered_count": 2, "item_count": 1, "items": [{ "name": "ab" }],
            "page": 2, "page_count": 2, "page_size": 1, "total_count": 3,
        });
        assert_eq!(found, expected);
        for query in ["page=0", "page=4&page_size=1", "page=x", "page=1&page_size=0", "page=1&page_size=501"]
        {
            assert_eq!(arranged(rows(), query).unwrap().0, 400, "{query}");
        }
    }

    #[test]
    fn columns_reach_into_fields() {
        let row = rows().remove(0);
        assert_eq!(
            with_columns(row.clone(), "columns=name,inner.y,none"),
            json!({ "name": "b", "inner": { "y": 2 } })
        );
        assert_eq!(with_columns(row.clone(), "other=1"), row);
    }
}
