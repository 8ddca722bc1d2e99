//! Every request of the SDK that is kept (SDK rules R70 to R79), and those of `/v2`, each with its reply:
//! `requests/*.txt` has the requests, one to a line, and the snapshot beside each file what they get. `UNTIL settled`
//! waits until the service `hello` has done what it was told; a line that begins with `#` says what follows.

use std::fmt::Write as _;
use std::path::Path;

use plan_api::ApiLimits;
use plan_core::engine::Engine;

use crate::rig::{Rig, model};

async fn told(rig: &Rig, file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/api/requests").join(file);
    let mut told = String::new();
    let lines = std::fs::read_to_string(path).unwrap();
    for (number, line) in lines.lines().enumerate().filter(|(_, line)| !line.is_empty()) {
        writeln!(told, "{line}").unwrap();
        let mut words = line.splitn(3, ' ');
        let (method, path, body) =
            (words.next().unwrap(), words.next().unwrap_or(""), words.next().unwrap_or(""));
        match method {
            "#" => continue,
            "UNTIL" => {
                rig.settle("hello").await;
                continue;
            }
            _ => {}
        }
        // A name of its own for each request, and the same at each run.
        let request = format!("line {}", number + 1);
        let headers = [("planwright-request", request.as_str()), ("planwright-who", "table")];
        let reply = rig.ask_with(method, path, &headers, &filled_in(body)).await;
        write!(told, "{}", reply.status.as_u16()).unwrap();
        for name in ["content-type", "retry-after", "allow"] {
            if !matches!(reply.header(name), "" | "application/json") {
                write!(told, " {name}: {}", reply.header(name)).unwrap();
            }
        }
        writeln!(told, "\n{}", reply.body).unwrap();
    }
    told
}

/// A body with specifications in place of their names: `<hello: greeting>`.
fn filled_in(body: &str) -> String {
    let Some((before, rest)) = body.split_once('<') else { return body.to_owned() };
    let (named, after) = rest.split_once('>').unwrap();
    let (name, greeting) = named.split_once(": ").unwrap();
    let spec = serde_json::to_string(model(name, greeting).spec()).unwrap();
    format!("{before}{spec}{}", filled_in(after))
}

async fn table(rig: &Rig, name: &str) {
    let told = told(rig, &format!("{name}.txt")).await;
    insta::with_settings!({ snapshot_path => "requests", prepend_module_to_snapshot => false, omit_expression => true }, {
        insta::assert_snapshot!(name, told);
    });
}

/// Waits until the engine of a service says so.
async fn until(rig: &Rig, service: &str, so: impl Fn(&Engine) -> bool + Clone + Send + 'static) {
    let service = rig.service(service).await;
    let wait = service.wait(so);
    tokio::time::timeout(std::time::Duration::from_secs(10), wait).await.unwrap().unwrap();
}

macro_rules! tables {
    ($($name:ident)*) => {
        $(#[tokio::test]
        async fn $name() {
            let rig = Rig::new().await;
            for other in ["full", "refused"] {
                rig.submit(other).await;
                until(&rig, other, |engine| {
                    let world = "world-0".parse().unwrap();
                    let words = engine.why(&world).iter().map(ToString::to_string).collect::<String>();
                    words.contains("no room") || words.contains("refused")
                })
                .await;
            }
            table(&rig, stringify!($name)).await;
            rig.end().await;
        })*
    };
}

tables! { plans pods others v2_reads v2_commands wrong }

#[tokio::test]
async fn words() {
    let rig = Rig::empty(ApiLimits::default()).await;
    rig.submit("ill").await;
    until(&rig, "ill", |engine| {
        let record = engine.pod(&"world-0".parse().unwrap());
        record.is_some_and(|record| record.tasks().any(|task| task.delayed_until().is_some()))
    })
    .await;
    table(&rig, "words").await;
    rig.end().await;
}
