//! Which properties of people to bring.

use crate::{Problem, Result};

/// `$select` for these properties, with `id` always among them. `None`: the usual ones.
pub(super) fn select(fields: Option<&[String]>) -> Result<Option<String>> {
    let Some(fields) = fields.filter(|fields| !fields.is_empty()) else {
        return Ok(None);
    };
    let mut select = vec!["id"];
    for field in fields {
        let field = field.trim();
        let fits = !field.is_empty()
            && field.len() <= 128
            && field
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !fits {
            return Err(Problem::invalid(format!(
                "{field:?} is no property of a user: `fields` takes names of Microsoft's user, \
                 like displayName,mail,department."
            )));
        }
        if !select.contains(&field) {
            select.push(field);
        }
    }
    Ok(Some(select.join(",")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_only_and_the_id_always() {
        let of = |fields: &[&str]| {
            let fields: Vec<_> = fields.iter().map(|&field| field.to_owned()).collect();
            select(Some(&fields))
        };
        assert_eq!(select(None).ok(), Some(None));
        assert_eq!(of(&[]).ok(), Some(None));
        assert_eq!(
            of(&["mail", "id", "mail", " city "]).ok(),
            Some(Some("id,mail,city".to_owned()))
        );
        for bad in ["", "a,b", "a&$expand=manager", "a b", "ä"] {
            assert!(of(&[bad]).is_err(), "{bad:?}");
        }
    }
}
