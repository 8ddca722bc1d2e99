//! The clients that are let in.
//!
//! Invariant: a request passes only if it is meant for this machine (`Host`), if no page of another site sends it
//! (`Origin`), and if it has the token. No answer says more about the token than that it is wrong.

use std::net::IpAddr;

use axum::http::header::{AUTHORIZATION, HOST, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, Uri};

use super::problem::Problem;
use super::token::Token;

/// Whether a host name is this machine.
fn is_loopback(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether an authority, such as `localhost:8080`, is ours.
fn is_ours(authority: &str, port: u16) -> bool {
    let Ok(authority) = authority.parse::<Authority>() else { return false };
    // A foreign domain name for the loopback's address is refused (DNS rebinding).
    !authority.as_str().contains('@')
        && is_loopback(authority.host())
        && authority.port_u16().unwrap_or(80) == port
}

/// Whether a request is meant for this machine, and comes from no foreign page.
pub(crate) fn local(uri: &Uri, headers: &HeaderMap, port: u16) -> Result<(), Problem> {
    let mut hosts = headers.get_all(HOST).iter();
    let host = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().unwrap_or(""),
        (None, _) => return Err(Problem::bad("a request has a `Host` header: this one has none")),
        (Some(_), Some(_)) => {
            return Err(Problem::bad("a request has one `Host` header: this one has several"));
        }
    };
    let forbidden = |detail: String| Problem::new(StatusCode::FORBIDDEN, detail);
    let asked = uri.authority().map(Authority::as_str);
    if !is_ours(host, port) || asked.is_some_and(|asked| !is_ours(asked, port)) {
        let detail = format!("the `Host` is not this scheduler's: ask for http://localhost:{port}/");
        return Err(
            forbidden(detail).hint("only this machine's own names are answered: 127.0.0.1, [::1], localhost")
        );
    }
    for origin in headers.get_all(ORIGIN) {
        let ours = origin.to_str().ok().and_then(|origin| origin.strip_prefix("http://"));
        if !ours.is_some_and(|authority| is_ours(authority, port)) {
            let detail = "the `Origin` is another site's: pages of other sites may not ask";
            return Err(forbidden(detail.to_owned()));
        }
    }
    Ok(())
}

/// Whether a request has the token: as `Bearer`, or as clients of DC/OS send it (`token=`).
pub(crate) fn authorized(headers: &HeaderMap, token: &Token) -> Result<(), Problem> {
    let refused = |detail: &str| {
        Problem::new(StatusCode::UNAUTHORIZED, detail)
            .hint("send `Authorization: Bearer TOKEN`; the token is the file `token` in the scheduler's data folder")
    };
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let given = match (given.next(), given.next()) {
        (Some(given), None) => given,
        (None, _) => return Err(refused("a token is wanted")),
        (Some(_), Some(_)) => {
            return Err(refused("a request has one `Authorization` header: this one has several"));
        }
    };
    let claimed =
        claimed(given.as_bytes()).ok_or_else(|| refused("the `Authorization` is of an unknown kind"))?;
    if token.is(claimed) { Ok(()) } else { Err(refused("the token is not right")) }
}

fn claimed(value: &[u8]) -> Option<&[u8]> {
    if let Some(token) = value.strip_prefix(b"token=") {
        return Some(token);
    }
    let (kind, token) = value.split_at_checked(b"Bearer ".len())?;
    kind.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let pairs = pairs.iter().map(|(name, value)| {
            (axum::http::HeaderName::from_static(name), value.parse::<axum::http::HeaderValue>().unwrap())
        });
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name, value);
        }
        headers
    }

    #[test]
    fn only_this_machines_names_with_the_right_port_are_answered() {
        for (host, good) in [
            ("127.0.0.1:8080", true),
            ("127.1.2.3:8080", true),
            ("localhost:8080", true),
            ("LOCALHOST:8080", true),
            ("[::1]:8080", true),
            ("localhost", false),
            ("localhost:8081", false),
            ("evil.example:8080", false),
            ("127.0.0.1.evil.example:8080", false),
            ("localhost.:8080", false),
            ("me@localhost:8080", false),
            ("192.168.0.1:8080", false),
            ("0.0.0.0:8080", false),
            ("", false),
        ] {
            let told = local(&Uri::from_static("/v1/plans"), &headers(&[("host", host)]), 8080);
            assert_eq!(told.is_ok(), good, "{host}: {told:?}");
        }
        let foreign = Uri::from_static("http://evil.example:8080/v1/plans");
        assert!(local(&foreign, &headers(&[("host", "localhost:8080")]), 8080).is_err());
        assert!(local(&Uri::from_static("/"), &headers(&[]), 8080).is_err());
        let two = headers(&[("host", "localhost:8080"), ("host", "localhost:8080")]);
        assert!(local(&Uri::from_static("/"), &two, 8080).is_err());
        assert!(local(&Uri::from_static("/"), &headers(&[("host", "localhost")]), 80).is_ok());
    }

    #[test]
    fn a_page_of_another_site_gets_nothing() {
        for (origin, good) in [
            ("http://localhost:8080", true),
            ("http://127.0.0.1:8080", true),
            ("http://localhost:3000", false),
            ("https://localhost:8080", false),
            ("http://evil.example:8080", false),
            ("null", false),
        ] {
            let headers = headers(&[("host", "localhost:8080"), ("origin", origin)]);
            let told = local(&Uri::from_static("/v1/plans"), &headers, 8080);
            assert_eq!(told.is_ok(), good, "{origin}: {told:?}");
        }
    }

    #[test]
    fn the_token_is_wanted_in_one_of_two_forms() {
        let token = Token::parse(&"5a".repeat(32)).unwrap();
        let right = token.reveal().to_owned();
        for (value, good) in [
            (format!("Bearer {right}"), true),
            (format!("bearer {right}"), true),
            (format!("token={right}"), true),
            (format!("Bearer {right}0"), false),
            (format!("Bearer {}", &right[1..]), false),
            (format!("Basic {right}"), false),
            ("Bearer".to_owned(), false),
            ("Bearer ".to_owned(), false),
            ("token=".to_owned(), false),
            (right.clone(), false),
            (String::new(), false),
        ] {
            let told = authorized(&headers(&[("authorization", &value)]), &token);
            assert_eq!(told.is_ok(), good, "{value}");
            assert!(told.is_ok() || !format!("{told:?}").contains(&right));
        }
        let value = format!("Bearer {right}");
        assert!(authorized(&headers(&[]), &token).is_err());
        assert!(
            authorized(&headers(&[("authorization", &value), ("authorization", &value)]), &token).is_err()
        );
    }
}
