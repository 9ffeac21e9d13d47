//! The example that imports chats, run on small files that are made for it.

#![allow(clippy::unwrap_used, reason = "what fails here fails the test")]

#[path = "../examples/import_chats/main.rs"]
#[allow(dead_code, reason = "its `main` belongs to the example")]
mod import_chats;

use std::path::{Path, PathBuf};

use import_chats::{ImportError, Problem, run};

/// Two threads: one of three mails by two people, the answer before what it answers; and one mail in parts.
const MAILBOX: &str = "From ann@example.org Mon Feb  5 10:20:30 2024
From: =?utf-8?Q?Ann_M=C3=BCller?= <ann@example.org>
Message-ID: <one@example.org>
Subject: Sourdough
\tbread
Date: Mon, 5 Feb 2024 10:20:30 +0100 (CET)

How long does the dough rest?

From bob@example.org Mon Feb  5 12:00:00 2024
From: Bob <bob@example.org>
Message-ID: <three@example.org>
References: <one@example.org> <two@example.org>
Subject: Re: Sourdough bread
Date: Tue, 6 Feb 2024 12:00:00 GMT

>From here I would say: a second night.

From bob@example.org Mon Feb  5 11:00:00 2024
From: Bob <bob@example.org>
Message-ID: <two@example.org>
In-Reply-To: <one@example.org>
Subject: Re: Sourdough bread
Date: Mon, 5 Feb 2024 11:00 +0100
Content-Transfer-Encoding: quoted-printable

A night, in a caf=C3=A9 even lon=
ger.

From cyd@example.org Fri Mar  1 08:00:00 2024
From: cyd@example.org
Message-ID: <four@example.org>
Subject: Tickets
Date: Fri, 1 Mar 2024 08:00:00 -0500
Content-Type: multipart/alternative; boundary=\"xyz\"

--xyz
Content-Type: text/html

<b>tickets</b>
--xyz
Content-Type: text/plain
Content-Transfer-Encoding: base64

VHdvIHRpY2tldHMgZm9yIHRoZSBuaWdodCB0cmFpbg==
--xyz--
";

/// Two sessions, mixed.
const LINES: &str = r#"{"session":"s-1","role":"user","content":"When does the night train leave?","timestamp":"2024-02-29T12:00:00Z","title":"To Rome"}
{"conversation_id":"s-2","role":"human","content":"What is a café?\nA place?","time":1706745600,"from":"Dee"}

{"session":"s-1","role":"assistant","content":"At nine.","timestamp":"2024-02-29T12:00:05+00:00","model":"passed over"}
"#;

fn printed(arguments: &[&str]) -> String {
    let mut out = Vec::new();
    run(&owned(arguments), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn owned(arguments: &[&str]) -> Vec<String> {
    arguments.iter().map(|&argument| argument.to_owned()).collect()
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// What `ImportError::Malformed` says of a file.
fn wrong(text: &str) -> (usize, Problem) {
    let folder = tempfile::tempdir().unwrap();
    let path = write(folder.path(), "file", text).display().to_string();
    let error = run(&owned(&["--file", &path]), &mut Vec::new()).unwrap_err();
    let shown = error.to_string();
    let ImportError::Malformed { line, problem, .. } = error else { panic!("{error:?}") };
    assert!(shown.starts_with(&format!("{path}, line {line}: ")), "{shown}");
    (line, problem)
}

/// The lines behind a heading.
fn table<'t>(text: &'t str, heading: &str) -> Vec<&'t str> {
    let lines = text.lines().skip_while(|line| !line.starts_with(heading)).skip(1);
    lines.take_while(|line| !line.is_empty()).map(str::trim).collect()
}

fn assert_mails(text: &str) {
    assert!(text.starts_with("4 of 4 messages in 2 sessions"), "{text}");
    let months = table(text, "Sessions by month (2 in all)");
    assert!(months[0].starts_with("2024-02      1 sessions        3 messages"), "{months:?}");
    assert!(months[1].starts_with("2024-03      1 sessions        1 messages"), "{months:?}");
    let longest = table(text, "The longest");
    assert_eq!(longest, ["3 messages  2024-02-05  Sourdough bread", "1 messages  2024-03-01  Tickets"]);
    let hits = table(text, "The best of 3 for night");
    let expected = [
        "Tickets, 2024-03-01: cyd@example.org (User), message 1 of 1",
        "Two tickets for the [night] train",
        "Sourdough bread, 2024-02-05: Bob (Assistant), message 3 of 3",
        "From here I would say: a second [night].",
        "Sourdough bread, 2024-02-05: Bob (Assistant), message 2 of 3",
        "A [night], in a café even longer.",
    ];
    assert_eq!(hits.len(), expected.len(), "{hits:?}");
    let hits: Vec<&str> =
        hits.into_iter().map(|hit| hit.trim_start_matches(|c: char| c.is_ascii_digit())).collect();
    for line in expected {
        assert!(hits.iter().any(|hit| hit.ends_with(line)), "{line}: {hits:?}");
    }
}

#[test]
fn a_mailbox_is_imported_and_searched_on_every_engine() {
    let folder = tempfile::tempdir().unwrap();
    let mailbox = write(folder.path(), "box", MAILBOX).display().to_string();
    let file = |name: &str| folder.path().join(name).display().to_string();
    for url in ["mem:".to_owned(), format!("fs:{}", file("fs")), format!("redb:{}", file("redb"))]
        .into_iter()
        .chain([format!("sqlite:{}", file("sqlite.db")), "sqlite::memory:".to_owned()])
    {
        assert_mails(&printed(&[&url, "--file", &mailbox, "--query", "night"]));
    }
}

#[test]
fn threads_that_a_later_mail_joins_are_one_session() {
    let mail = |id: &str, before: &str, subject: &str, minute: u8| {
        format!(
            "From x\nFrom: a@b\nDate: 5 Feb 2024 10:{minute}:00 +0000\nMessage-ID: <{id}>\nReferences: {before}\n\
             Subject: {subject}\n\nwords\n\n"
        )
    };
    let folder = tempfile::tempdir().unwrap();
    let mails = [
        mail("a", "<lost>", "Re: one", 11),
        mail("b", "", "two", 12),
        mail("c", "<lost> <b>", "Re: one", 13),
        mail("c", "<lost> <b>", "Re: one", 13),
        mail("d", "", "Fwd: RE: two", 14),
        mail("e", "", "two", 15),
    ];
    let mailbox = write(folder.path(), "box", &mails.concat()).display().to_string();
    let text = printed(&["--file", &mailbox]);
    assert!(text.starts_with("5 of 5 messages in 2 sessions"), "{text}");
    assert_eq!(
        table(&text, "The longest"),
        ["4 messages  2024-02-05  Re: one", "1 messages  2024-02-05  two"]
    );
}

#[test]
fn only_what_is_new_is_imported_the_next_time() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("redb:{}", folder.path().join("chats.redb").display());
    let lines = write(folder.path(), "chats.jsonl", LINES).display().to_string();
    let first = printed(&[&url, "--file", &lines]);
    assert!(first.starts_with("3 of 3 messages in 2 sessions"), "{first}");
    assert!(printed(&[&url, "--file", &lines]).starts_with("0 of 3 messages"));
    let more = format!("{LINES}{}", LINES.lines().last().unwrap().replace("At nine", "From platform 2"));
    write(folder.path(), "chats.jsonl", &more);
    let again = printed(&[&url, "--file", &lines, "--query", "platf*"]);
    assert!(again.starts_with("1 of 4 messages"), "{again}");
    let hits = table(&again, "The best of 1 for platf*");
    assert_eq!(hits, ["1. To Rome, 2024-02-29: Assistant, message 3 of 3", "From [platform] 2."]);
    assert_eq!(table(&again, "The longest")[1], "1 messages  2024-02-01  What is a café?");
}

#[test]
fn without_a_file_there_is_a_sample() {
    let text = printed(&[]);
    assert!(text.contains("in 40 sessions of the sample are new in mem:"), "{text}");
    assert_eq!(table(&text, "Sessions by month (40 in all)").len(), 6);
    let hits = table(&text, "The best of");
    assert!(hits.len() == 20 && hits[1].contains("[night train]"), "{hits:?}");
}

#[test]
fn what_is_malformed_is_an_error_that_names_the_line() {
    let line = |fields: &str| wrong(&format!("{LINES}{{{fields}}}"));
    let (at, problem) = line(r#""session":"s""#);
    assert_eq!((at, problem), (5, Problem::Missing("role")));
    let said = |fields: &str| line(&format!(r#""session":"s-1","content":"x",{fields}"#)).1;
    assert_eq!(said(r#""role":"tool","timestamp":1"#), Problem::Role("tool".to_owned()));
    assert_eq!(said(r#""role":"user""#), Problem::Missing("timestamp"));
    assert_eq!(line(r#""session":"s","role":"user""#).1, Problem::Missing("content"));
    assert_eq!(said(r#""role":"user","timestamp":"soon""#), Problem::Time("\"soon\"".to_owned()));
    assert_eq!(said(r#""role":"user","timestamp":1,"id":"0""#), Problem::Twice("0".to_owned()));
    assert!(matches!(wrong("{\n"), (1, Problem::Json(_))));

    assert_eq!(wrong("Dear all,\n"), (1, Problem::UnknownFormat));
    assert_eq!(wrong(""), (1, Problem::UnknownFormat));
    let mail = |head: &str| wrong(&format!("From x\n{head}\n\nwords\n"));
    assert_eq!(mail("From: a"), (1, Problem::Missing("Date")));
    assert_eq!(mail("Date: Mon, 5 Feb 2024 10:20:30 +0100"), (1, Problem::Missing("From")));
    assert_eq!(mail("From: a\nDate: yesterday"), (3, Problem::Time("yesterday".to_owned())));
    assert_eq!(mail("From: a\nno header"), (3, Problem::Header("no header".to_owned())));
}

#[test]
fn arguments_that_are_wrong_say_how_they_go() {
    let told = |arguments: &[&str]| run(&owned(arguments), &mut Vec::new()).unwrap_err();
    assert!(matches!(told(&["--wrong"]), ImportError::Usage(_)));
    assert!(told(&["--file"]).to_string().contains("usage: import_chats"));
    assert!(matches!(told(&["--file", "/nowhere/at-all"]), ImportError::File { .. }));
    assert!(told(&["nosuch:"]).to_string().contains("nosuch"));
    assert!(matches!(told(&["--query", "\"open"]), ImportError::Session(_)));
}
