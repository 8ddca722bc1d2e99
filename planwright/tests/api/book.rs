//! The book's chapter on the API has every route, and no other: `UPDATE_BOOK=1 cargo test -p planwright --test api book`
//! writes its tables anew.

use std::fmt::Write as _;
use std::path::Path;

use planwright::api::{Limits, RouteView, route_views};

use crate::rig::Rig;

fn table(routes: &[&RouteView]) -> String {
    let mut table = "| | path | `?` | |\n| --- | --- | --- | --- |\n".to_owned();
    for route in routes {
        let query = route.query.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" ");
        writeln!(table, "| {} | `{}` | {query} | {} |", route.method, route.path, route.about).unwrap();
    }
    table
}

fn renewed(page: &str, name: &str, text: &str) -> String {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->"));
    let (before, rest) = page.split_once(&begin).unwrap();
    let (_, after) = rest.split_once(&end).unwrap();
    format!("{before}{begin}\n{text}\n{end}{after}")
}

#[test]
fn the_chapter_has_every_route() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/src/api.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let all = route_views();
    let of = |version: &str| all.iter().filter(|route| route.path.starts_with(version)).collect::<Vec<_>>();
    let text = renewed(&page, "routes of v1", &table(&of("/v1/")));
    let text = renewed(&text, "routes of v2", &table(&of("/v2/")));
    assert_eq!(of("/v1/").len() + of("/v2/").len(), all.len());
    if std::env::var_os("UPDATE_BOOK").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let same = std::fs::read_to_string(&path).unwrap() == text;
    assert!(same, "UPDATE_BOOK=1 cargo test -p planwright --test api book   writes the tables anew");
}

/// What the table has, the router answers: not with 404 for the path, and not with 405.
#[tokio::test]
async fn the_router_has_every_route() {
    let rig = Rig::empty(Limits::default()).await;
    let service = rig.service("hello").await;
    for route in route_views() {
        let plain = route.path.replace(['{', '}'], "");
        let named = format!("{}/service/hello{}", &plain[..3], &plain[3..]);
        for path in [Some(plain.clone()), route.per_service.then_some(named)].into_iter().flatten() {
            let bearer = format!("Bearer {}", rig.token.reveal());
            let response = rig.open(route.method, &path, &[("authorization", &bearer)], "").await;
            assert_ne!(response.status(), 405, "{} {path}", route.method);
            if response.status() == 404 {
                use http_body_util::BodyExt as _;
                let body = response.into_body().collect().await.unwrap().to_bytes();
                let body = String::from_utf8_lossy(&body).into_owned();
                assert!(!body.contains("\"Path "), "{} {path}: {body}", route.method);
            }
        }
    }
    drop(service);
    rig.end().await;
}
