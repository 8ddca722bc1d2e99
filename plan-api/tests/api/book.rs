//! The book's chapter on the API has every route, and no other: `UPDATE_BOOK=1 cargo test -p plan-api --test api book`
//! writes its tables anew.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use plan_api::{ApiLimits, RouteView, route_views};

use crate::rig::Rig;

fn table(routes: &[&RouteView], codes: &Codes) -> String {
    let mut table = "| | path | `?` | | answers |\n| --- | --- | --- | --- | --- |\n".to_owned();
    for route in routes {
        let query = route.query.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" ");
        let codes =
            codes.get(&(route.method, route.path)).map(|codes| codes.iter().cloned().collect::<Vec<_>>());
        let codes = codes.unwrap_or_default().join(" ");
        writeln!(table, "| {} | `{}` | {query} | {} | {codes} |", route.method, route.path, route.about)
            .unwrap();
    }
    table
}

/// The codes that each route was seen to answer with.
type Codes = BTreeMap<(&'static str, &'static str), BTreeSet<String>>;

/// What the requests of `requests/` were answered with, by their routes. Those that follow events have no reply that ends,
/// and tests of their own.
fn answered(routes: &[RouteView]) -> Codes {
    let mut codes =
        Codes::from([(("GET", "/v2/events"), BTreeSet::from(["200".to_owned(), "400".to_owned()]))]);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/api/requests");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "snap") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for (request, reply) in text.lines().zip(text.lines().skip(1)) {
            let mut words = request.split(' ');
            let (Some(method @ ("GET" | "POST" | "PUT")), Some(path)) = (words.next(), words.next()) else {
                continue;
            };
            let path = path.split('?').next().unwrap();
            // The most exact of those that fit.
            let fits = |route: &&RouteView| route.method == method && is_of(route, path);
            let route = routes.iter().filter(fits).min_by_key(|route| route.path.matches('{').count());
            if let Some(route) = route {
                codes.entry((route.method, route.path)).or_default().insert(reply[..3].to_owned());
            }
        }
    }
    codes
}

/// Whether a path is of a route, for the service that is meant or a named one.
fn is_of(route: &RouteView, path: &str) -> bool {
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    let own: Vec<&str> = match segments.as_slice() {
        [version, "service", _, rest @ ..] if route.per_service => [&[*version], rest].concat(),
        _ => segments,
    };
    let of_route: Vec<&str> = route.path.split('/').skip(1).collect();
    own.len() == of_route.len()
        && own.iter().zip(&of_route).all(|(own, of)| own == of || (of.starts_with('{') && !own.is_empty()))
}

#[test]
fn every_route_is_asked_in_the_tables_of_requests() {
    let all = route_views();
    let codes = answered(&all);
    let missing: Vec<_> = all
        .iter()
        .filter(|route| !codes.contains_key(&(route.method, route.path)))
        .map(|route| route.path)
        .collect();
    assert!(missing.is_empty(), "plan-api/tests/api/requests has no line for: {missing:?}");
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
    let codes = answered(&all);
    let of = |version: &str| all.iter().filter(|route| route.path.starts_with(version)).collect::<Vec<_>>();
    let text = renewed(&page, "routes of v1", &table(&of("/v1/"), &codes));
    let text = renewed(&text, "routes of v2", &table(&of("/v2/"), &codes));
    assert_eq!(of("/v1/").len() + of("/v2/").len(), all.len());
    if std::env::var_os("UPDATE_BOOK").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let same = std::fs::read_to_string(&path).unwrap() == text;
    assert!(same, "UPDATE_BOOK=1 cargo test -p plan-api --test api book   writes the tables anew");
}

/// What the table has, the router answers: not with 404 for the path, and not with 405.
#[tokio::test]
async fn the_router_has_every_route() {
    let rig = Rig::empty(ApiLimits::default()).await;
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
