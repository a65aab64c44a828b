use bedside_model::EpisodeId;
use bedside_model::schema::Table;
use hyper::header::ACCEPT;
use hyper::http::request;
use hyper::{Method, StatusCode};
use percent_encoding::percent_decode_str;

use crate::refusal::Refusal;
use crate::table::Format;

/// What is asked for, before anybody looks at who asks.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Health,
    Metrics,
    Table(Wanted),
}

/// One table of one episode.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) episode: EpisodeId,
    pub(crate) table: Table,
    pub(crate) format: Format,
    /// A record that is older than the site's limit is wanted all the same.
    pub(crate) accept_stale: bool,
    /// The reader is asserted in the body; otherwise a token names them.
    pub(crate) asserted: bool,
}

impl Asked {
    /// Reads the head of a request.
    pub(crate) fn of(head: &request::Parts) -> Result<Self, Refusal> {
        let path: Vec<&str> = head.uri.path().split('/').skip(1).collect();
        match path.as_slice() {
            ["health"] => of_method(head, &[Method::GET]).map(|()| Self::Health),
            ["metrics"] => of_method(head, &[Method::GET]).map(|()| Self::Metrics),
            ["v1", "episodes", episode, "tables", table] => {
                of_method(head, &[Method::GET, Method::POST])?;
                Ok(Self::Table(Wanted {
                    episode: episode_of(episode)?,
                    table: table_of(table)?,
                    format: format_of(head)?,
                    accept_stale: accepts_stale(head.uri.query())?,
                    asserted: head.method == Method::POST,
                }))
            }
            _ => Err(Refusal::not_found("there are /v1/episodes/EPISODE/tables/TABLE, /health and /metrics")),
        }
    }
}

fn of_method(head: &request::Parts, permitted: &[Method]) -> Result<(), Refusal> {
    if permitted.contains(&head.method) {
        return Ok(());
    }
    let names: Vec<&str> = permitted.iter().map(Method::as_str).collect();
    let message = format!("this can be asked with {}", names.join(" and "));
    Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "method", message))
}

fn episode_of(segment: &str) -> Result<EpisodeId, Refusal> {
    let text =
        percent_decode_str(segment).decode_utf8().map_err(|_| Refusal::malformed("the path is not UTF-8"))?;
    text.parse().map_err(Refusal::malformed)
}

fn table_of(segment: &str) -> Result<Table, Refusal> {
    Table::from_name(segment).ok_or_else(|| {
        let names = Table::ALL.map(Table::as_str);
        Refusal::not_found(format!("there is no such table; there are {}", names.join(", ")))
    })
}

/// The first format that the asker names; JSON where nothing is named or anything will do.
fn format_of(head: &request::Parts) -> Result<Format, Refusal> {
    let mut named = head.headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).peekable();
    if named.peek().is_none() {
        return Ok(Format::Json);
    }
    for range in named.flat_map(|value| value.split(',')) {
        let media_type = range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match media_type.as_str() {
            "application/vnd.apache.arrow.stream" => return Ok(Format::Arrow),
            "application/json" | "application/*" | "*/*" => return Ok(Format::Json),
            _ => {}
        }
    }
    let formats = [Format::Arrow, Format::Json].map(Format::media_type).join(" and ");
    Err(Refusal::new(StatusCode::NOT_ACCEPTABLE, "format", format!("a table can be had as {formats}")))
}

fn accepts_stale(query: Option<&str>) -> Result<bool, Refusal> {
    match query {
        None | Some("" | "accept_stale=false") => Ok(false),
        Some("accept_stale=true") => Ok(true),
        Some(_) => Err(Refusal::malformed("the one parameter is accept_stale, true or false")),
    }
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    fn asked(method: &str, path: &str, accept: Option<&str>) -> Result<Asked, Refusal> {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(accept) = accept {
            request = request.header(ACCEPT, accept);
        }
        Asked::of(&request.body(()).expect("a request").into_parts().0)
    }

    fn wanted(method: &str, path: &str, accept: Option<&str>) -> Wanted {
        match asked(method, path, accept) {
            Ok(Asked::Table(wanted)) => wanted,
            other => panic!("{path}: {other:?}"),
        }
    }

    #[test]
    fn a_table_is_named_by_its_path() {
        let of = wanted("GET", "/v1/episodes/EP-1/tables/allergies", None);
        assert_eq!((of.episode.as_str(), of.table, of.format), ("EP-1", Table::Allergies, Format::Json));
        assert!(!of.accept_stale && !of.asserted);
        let of = wanted("POST", "/v1/episodes/ward%2F7%20%C3%A9/tables/links?accept_stale=true", None);
        assert_eq!((of.episode.as_str(), of.table), ("ward/7 é", Table::Links));
        assert!(of.accept_stale && of.asserted);
        assert_eq!(asked("GET", "/health", None), Ok(Asked::Health));
        assert_eq!(asked("GET", "/metrics", None), Ok(Asked::Metrics));
    }

    #[test]
    fn the_format_is_what_the_asker_names_first() {
        let arrow = "application/vnd.apache.arrow.stream";
        for (accept, expected) in [
            (Some(arrow), Format::Arrow),
            (Some("text/html, application/vnd.apache.arrow.stream;q=0.9, */*"), Format::Arrow),
            (Some("application/json"), Format::Json),
            (Some("*/*"), Format::Json),
            (None, Format::Json),
        ] {
            assert_eq!(wanted("GET", "/v1/episodes/e/tables/links", accept).format, expected, "{accept:?}");
        }
        let refused = asked("GET", "/v1/episodes/e/tables/links", Some("text/csv")).expect_err("not written");
        assert_eq!(refused.status, StatusCode::NOT_ACCEPTABLE);
    }

    #[test]
    fn what_is_not_there_or_not_well_put_is_refused() {
        for (method, path, status) in [
            ("GET", "/", 404),
            ("GET", "/v1/episodes", 404),
            ("GET", "/v1/episodes/e/tables/socks", 404),
            ("GET", "/v1/episodes/e/tables/links/x", 404),
            ("GET", "/v1/episodes//tables/links", 400),
            ("GET", "/v1/episodes/a%0Ab/tables/links", 400),
            ("GET", "/v1/episodes/%FF/tables/links", 400),
            ("GET", "/v1/episodes/e/tables/links?accept_stale=maybe", 400),
            ("GET", "/v1/episodes/e/tables/links?episode=f", 400),
            ("DELETE", "/v1/episodes/e/tables/links", 405),
            ("POST", "/metrics", 405),
            ("HEAD", "/health", 405),
        ] {
            let refused = asked(method, path, None).expect_err(path);
            assert_eq!(refused.status.as_u16(), status, "{method} {path}");
        }
    }
}
