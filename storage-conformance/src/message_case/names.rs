//! Names: what stands in them, whatever the string.

use storage_stores::messages::{Result, names};

use super::{category, open, stream, write};
use crate::subject::Subject;

pub(crate) fn case_01_category_of_a_name<S: Subject>(_: &S) -> Result<()> {
    let names = [
        ("account-123", "account"),
        ("account", "account"),
        ("account-123+456", "account"),
        ("account-prefix-123", "account"),
        ("account+1-2", "account+1"),
        ("-123", ""),
        ("", ""),
    ];
    for (name, expected) in names {
        assert_eq!(names::category(name), expected, "{name}");
    }
    Ok(())
}

pub(crate) fn case_02_category_keeps_its_types<S: Subject>(_: &S) -> Result<()> {
    assert_eq!(names::category("someStream:someType+someOtherType-ID"), "someStream:someType+someOtherType");
    Ok(())
}

pub(crate) fn case_03_id_of_a_name<S: Subject>(_: &S) -> Result<()> {
    let names = [
        ("account-123", Some("123")),
        ("account-123+456", Some("123+456")),
        ("account-prefix-123", Some("prefix-123")),
        ("account", None),
        ("account-", Some("")),
    ];
    for (name, expected) in names {
        assert_eq!(names::id(name), expected, "{name}");
    }
    Ok(())
}

pub(crate) fn case_04_cardinal_id_of_a_name<S: Subject>(_: &S) -> Result<()> {
    let names = [
        ("account-123+456+789", Some("123")),
        ("account", None),
        ("account-", Some("")),
        ("account-+x", Some("")),
    ];
    for (name, expected) in names {
        assert_eq!(names::cardinal_id(name), expected, "{name}");
    }
    Ok(())
}

pub(crate) fn case_05_what_is_a_category<S: Subject>(_: &S) -> Result<()> {
    let names = [("account", true), ("account-123", false), ("account-", false), ("account:command", true)];
    for (name, expected) in names {
        assert_eq!(names::is_category(name), expected, "{name}");
    }
    Ok(())
}

pub(crate) fn case_06_entity_and_types<S: Subject>(_: &S) -> Result<()> {
    assert_eq!(names::types("s:t+u-1").collect::<Vec<_>>(), ["t", "u"]);
    assert_eq!(names::types("s").count(), 0);
    assert_eq!((names::entity("s:t-1"), names::entity("s-1"), names::entity("s")), ("s", "s", "s"));
    Ok(())
}

pub(crate) fn case_07_names_of_any_script<S: Subject>(subject: &S) -> Result<()> {
    let messages = open(subject)?;
    write(&messages, "заказ-ключ")?;
    assert_eq!(stream(&messages, "заказ-ключ")?, ["заказ-ключ/0@1"]);
    assert_eq!(category(&messages, "заказ")?, ["заказ-ключ/0@1"]);
    Ok(())
}
