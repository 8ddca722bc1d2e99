//! What the book and the README show is what the program does: every line `$ planwright …` of a `console`
//! block is run from the repository's root, and what follows it, up to the next such line, is compared with
//! its output: standard output, then standard error (of `run`, which goes on, both as they come), then `# exit N` if that
//! is not 0. A block after the line
//! `<!-- shows: planwright … -->` is the output of that command, and one after `<!-- file: F -->` is that file
//! of the book. `<!-- draws: F planwright … -->` says that the file F of the book is the output of a command.
//!
//! `run`, and the commands that ask a scheduler, have a state folder that is the page's own. From the line
//! `<!-- scheduler: planwright run … -->` on a scheduler runs; at `<!-- scheduler ends -->` it is ended as by Ctrl-C, and
//! the block after that is what it has said. Of what is another each time (ports, processes, times, ids) the page shows
//! one example, and of what `run` says on the way only the end. A file below `~/` is one of the page's own. A command that
//! names the example of an id is run with the one that was shown last. `<!-- until: TEXT -->` waits until the scheduler has
//! said that. What a command shows until Ctrl-C (`--watch`, `--follow`) is ended by that once all is shown, and of ` | head -3`
//! the first three lines are kept.
//!
//! `UPDATE_BOOK=1 cargo test -p planwright --test book` writes the blocks anew; the diff is read.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[allow(dead_code, reason = "of what tests of schedulers share, a part is enough")]
#[path = "scheduler/place.rs"]
mod place;
mod program;

use std::fmt::Write as _;
use std::path::PathBuf;

use place::{Place, Ran, Scheduler};
use program::{planwright, root};
use regex::Regex;
use rustix::process::Signal;

/// The commands that run a service, ask who runs it, or look at what it left.
const SCHEDULED: [&str; 8] = ["run", "plan", "pod", "endpoints", "update", "debug", "uninstall", "replay"];

/// The files whose blocks are run.
fn pages() -> Vec<PathBuf> {
    let book = std::fs::read_dir(root().join("docs/src")).unwrap().map(|entry| entry.unwrap().path());
    let mut pages: Vec<_> = book.filter(|path| path.extension().is_some_and(|e| e == "md")).collect();
    pages.push(root().join("README.md"));
    pages.sort();
    pages
}

/// The words of a command, as a shell would take them: quotes keep blanks.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let (mut word, mut quote, mut begun) = (String::new(), None, false);
    for c in line.chars() {
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            ('\'' | '"', None) => (quote, begun) = (Some(c), true),
            (c, None) if c.is_whitespace() => {
                if begun {
                    words.push(std::mem::take(&mut word));
                }
                begun = false;
            }
            (c, _) => {
                word.push(c);
                begun = true;
            }
        }
    }
    assert!(quote.is_none(), "an open quote in `{line}`");
    if begun {
        words.push(word);
    }
    words
}

/// What a page has begun, besides its blocks.
#[derive(Default)]
struct Page {
    place: Option<Place>,
    scheduler: Option<Scheduler>,
    /// What the example of an id stands for.
    id: Option<String>,
}

impl Page {
    fn place(&mut self) -> &Place {
        self.place.get_or_insert_with(Place::new)
    }

    /// What a block shows under a command.
    fn answer(&mut self, command: &str) -> String {
        if let Some((command, lines)) = command.split_once(" | head -") {
            let lines: usize = lines.parse().unwrap();
            let answer = self.answer(command);
            return answer.split_inclusive('\n').take(lines).collect();
        }
        let command = command.replace(ID, self.id.as_deref().unwrap_or(ID));
        let words = words(&command);
        assert_eq!(words[0], "planwright", "only the program itself is run: `{command}`");
        let arguments: Vec<&str> = words[1..].iter().map(String::as_str).collect();
        let own = arguments.iter().any(|word| word.starts_with("~/"));
        if !own && !SCHEDULED.contains(&arguments[0]) || arguments.contains(&"--help") {
            let program::Ran { code, out, err } = planwright(&arguments);
            return shown(&Ran { code, out, err });
        }
        let endless = ["--watch", "--follow", "-f"].iter().any(|word| arguments.contains(word));
        let place = self.place();
        let arguments: Vec<String> = arguments.iter().map(|word| at_home(place, word)).collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let ran = match arguments.split_first() {
            Some((&"run", arguments)) => seen(place.spawn_seen(arguments).ended()),
            _ if endless => until_ctrl_c(place, &arguments),
            _ => place.planwright(&arguments),
        };
        let redacted = redacted(&shown(&ran), place);
        let id = Regex::new(UUID).unwrap().find_iter(&ran.out).last().map(|id| id.as_str().to_owned());
        self.id = id.or(self.id.take());
        redacted
    }

    /// Starts a scheduler, which then runs beside the page's commands.
    fn begin(&mut self, command: &str) {
        let words = words(command);
        assert_eq!(words[..2], ["planwright", "run"], "a scheduler is `run`: `{command}`");
        let place = self.place();
        let arguments: Vec<String> = words[2..].iter().map(|word| at_home(place, word)).collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let scheduler = self.place().spawn_seen(&arguments);
        scheduler.until_err("deploy: COMPLETE");
        self.scheduler = Some(scheduler);
    }

    /// Ends it; gives what it has said.
    fn end(&mut self) -> String {
        let ran = seen(self.scheduler.take().expect("a scheduler runs").end(Signal::INT));
        redacted(&shown(&ran), self.place())
    }
}

/// A word of a command; what is below `~/` is the page's own.
fn at_home(place: &Place, word: &str) -> String {
    word.strip_prefix("~/").map_or_else(|| word.to_owned(), |file| place.path(file))
}

/// What a scheduler whose outputs were one has said, once.
fn seen(ran: Ran) -> Ran {
    Ran { err: String::new(), ..ran }
}

/// The example of an id.
const ID: &str = "5e1f0a52-93cf-4b7e-8d3c-2f6a1b0c9d84";
const UUID: &str = r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b";

/// What a command shows that has no end by itself: it is ended when it has shown something, and goes on to show that.
fn until_ctrl_c(place: &Place, arguments: &[&str]) -> Ran {
    let command = place.begin(arguments);
    let shown = std::cell::RefCell::new((String::new(), 0));
    let is_shown = || {
        let mut shown = shown.borrow_mut();
        let out = command.out();
        *shown = if out == shown.0 { (out, shown.1 + 1) } else { (out, 0) };
        !shown.0.is_empty() && shown.1 > 15
    };
    place::until("it is shown", is_shown, || command.out());
    command.end(Signal::INT)
}

/// What came of a command, as a block shows it.
fn shown(ran: &Ran) -> String {
    let mut text = ran.out.clone();
    text.push_str(ran.err.trim_end_matches('\n'));
    let mut text = text.trim_end_matches('\n').to_owned();
    if !text.is_empty() {
        text.push('\n');
    }
    if ran.code != 0 {
        writeln!(text, "# exit {}", ran.code).unwrap();
    }
    text
}

/// What is another each time, as one example.
fn redacted(text: &str, place: &Place) -> String {
    let mut text = text.replace(&place.path("state"), "~/.local/state").replace(&place.path(""), "~/");
    for (found, instead) in [
        (r#""127\.0\.0\.1:[0-9]{4,}""#, r#""127.0.0.1:31847""#),
        (r"localhost:3[0-9]{4}", "localhost:31847"),
        (r#""(begin|end)": [0-9]{4,}"#, r#""$1": 31847"#),
        (r#"127\.0\.0\.1:[0-9]{4,}([^0-9"]|$)"#, "127.0.0.1:8080$1"),
        (r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}", "2026-11-23 09:30:00"),
        (r"(?m)^[0-9]{1,3} +(2026-11-23 09:30:00 )", "7    $1"),
        (r"[0-9]+\.[0-9] s\b", "1.2 s"),
        (r"process [0-9]+", "process 4711"),
        (r"\b[0-9]+ inputs\b", "40 inputs"),
        (UUID, ID),
        (r"\b[0-9a-f]{32}\b", "9f86d081884c7d659a2feaa0c55ad015"),
        (r#""(begun|ended|since)": [0-9]{13}"#, r#""$1": 1795426267123"#),
        // What a scheduler says on the way: how much of it is seen depends on the machine.
        (r"(?m)^(deploy|recovery|uninstall|decommission)( / .*)?: [A-Z_]+\n", ""),
    ] {
        text = Regex::new(found).unwrap().replace_all(&text, instead).into_owned();
    }
    text
}

/// A page with its blocks written anew.
fn renewed(page: &str) -> String {
    let mut text = String::new();
    let mut begun = Page::default();
    let mut lines = page.split_inclusive('\n').peekable();
    while let Some(line) = lines.next() {
        text.push_str(line);
        let mark =
            |name: &str| line.strip_prefix("<!-- ")?.strip_prefix(name)?.trim_end().strip_suffix(" -->");
        if let Some(command) = mark("scheduler: ") {
            begun.begin(command);
            continue;
        }
        if let Some(said) = mark("until: ") {
            begun.scheduler.as_ref().expect("a scheduler runs").until_err(said);
            continue;
        }
        let block = if let Some(command) = mark("shows: ") {
            Some(begun.answer(command))
        } else if let Some(file) = mark("file: ") {
            Some(std::fs::read_to_string(root().join("docs/src").join(file)).unwrap())
        } else {
            mark("scheduler ends").map(|_| begun.end())
        };
        if let Some(block) = block {
            // What stands before the block stays.
            for line in lines.by_ref() {
                text.push_str(line);
                if line.starts_with("```") {
                    break;
                }
            }
            text.push_str(&block);
            text.extend(lines.by_ref().find(|line| line.trim_end() == "```"));
            continue;
        }
        if line.trim_end() != "```console" {
            continue;
        }
        let mut known = true;
        for line in lines.by_ref() {
            if line.trim_end() == "```" {
                text.push_str(line);
                break;
            }
            match line.strip_prefix("$ ") {
                Some(command) if command.starts_with("planwright ") => {
                    known = true;
                    text.push_str(line);
                    text.push_str(&begun.answer(command.trim_end()));
                }
                Some(_) => {
                    known = false;
                    text.push_str(line);
                }
                None if known => {}
                None => text.push_str(line),
            }
        }
    }
    text
}

#[test]
fn the_pages_show_what_the_program_does() {
    let update = std::env::var_os("UPDATE_BOOK").is_some();
    let mut wrong = Vec::new();
    for path in pages() {
        let page = std::fs::read_to_string(&path).unwrap();
        let renewed = renewed(&page);
        if renewed == page {
            continue;
        }
        if update {
            std::fs::write(&path, renewed).unwrap();
            continue;
        }
        let name = path.strip_prefix(root()).unwrap().display().to_string();
        let (at, (shown, done)) = page
            .lines()
            .chain(std::iter::repeat(""))
            .zip(renewed.lines().chain(std::iter::repeat("")))
            .enumerate()
            .find(|(_, (shown, done))| shown != done)
            .unwrap();
        wrong.push(format!("{name}:{}: it shows\n    {shown}\nand the program says\n    {done}", at + 1));
    }
    let help = "UPDATE_BOOK=1 cargo test -p planwright --test book   writes the blocks anew";
    assert!(wrong.is_empty(), "{}\n{help}", wrong.join("\n"));
}

/// Every key that a file can hold is a part of the chapter on the file.
#[test]
fn the_plan_file_chapter_has_every_key() {
    fn keys(schema: &serde_json::Value, found: &mut std::collections::BTreeSet<String>) {
        match schema {
            serde_json::Value::Object(object) => {
                if let Some(serde_json::Value::Object(properties)) = object.get("properties") {
                    found.extend(properties.keys().cloned());
                }
                object.values().for_each(|inner| keys(inner, found));
            }
            serde_json::Value::Array(array) => array.iter().for_each(|inner| keys(inner, found)),
            _ => {}
        }
    }
    let mut found = std::collections::BTreeSet::new();
    keys(&plan_core::spec::json_schema(), &mut found);
    assert!(found.contains("max-consecutive-failures") && found.len() > 60, "{found:?}");
    let page = std::fs::read_to_string(root().join("docs/src/plan-file.md")).unwrap();
    let missing: Vec<_> = found.iter().filter(|key| !page.contains(&format!("`{key}`"))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// The page of ten mistakes shows ten rules.
#[test]
fn ten_mistakes_get_ten_messages() {
    let ran = planwright(&["validate", "docs/src/examples/ten.yml", "--output", "json"]);
    let result: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let problems = result["files"][0]["diagnostics"].as_array().unwrap();
    let codes: std::collections::BTreeSet<_> =
        problems.iter().map(|one| one["code"].as_str().unwrap()).collect();
    assert_eq!((problems.len(), codes.len()), (10, 10), "{codes:?}");
    for one in problems {
        assert!(one["line"].is_u64() && one["column"].is_u64() && one["help"].is_string(), "{one}");
    }
}

/// The pictures are what the program draws.
#[test]
fn the_pictures_are_what_the_program_draws() {
    let mut wrong = Vec::new();
    for path in pages() {
        let page = std::fs::read_to_string(&path).unwrap();
        for line in page.lines() {
            let Some(rest) = line.strip_prefix("<!-- draws: ").and_then(|rest| rest.strip_suffix(" -->"))
            else {
                continue;
            };
            let (file, command) = rest.split_once(' ').unwrap();
            let (file, drawn) = (root().join("docs/src").join(file), Page::default().answer(command));
            if std::env::var_os("UPDATE_BOOK").is_some() {
                std::fs::write(&file, &drawn).unwrap();
            }
            if std::fs::read_to_string(&file).ok() != Some(drawn) {
                wrong.push(file.display().to_string());
            }
        }
    }
    let help = "UPDATE_BOOK=1 cargo test -p planwright --test book   draws them anew";
    assert!(wrong.is_empty(), "{}\n{help}", wrong.join("\n"));
}

#[test]
fn nothing_is_left_to_be_filled_in() {
    for path in pages() {
        let page = std::fs::read_to_string(&path).unwrap();
        let line = page.lines().position(|line| line.contains("TODO"));
        assert_eq!(line.map(|at| at + 1), None, "{}", path.display());
    }
}

#[test]
fn commands_are_taken_apart_as_a_shell_does() {
    assert_eq!(
        words("planwright show 'a b' --do \"1s:x\" c'd'e ''"),
        ["planwright", "show", "a b", "--do", "1s:x", "cde", ""]
    );
}
