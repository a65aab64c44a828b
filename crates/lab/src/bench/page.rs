//! The figures as a page for a browser: plots and a table in one file, which loads nothing and runs nothing.

use std::fmt::Write;

use bedside_warm::escape_html;

use super::Figures;
use super::plot::{Mark, bars, scatter};

/// Colours that stay apart for colour-blind readers and on a dark page.
const STYLE: &str = "\
:root{--ours:#1857b8;--typed:#c25e00;--value:#6b7280;--scan:#8a5fbf;--line:#d5d8dd;--text:#1c2128;--page:#fff}
@media(prefers-color-scheme:dark){:root{--ours:#6ea8ff;--typed:#ffab5c;--value:#a7b0bd;--scan:#c3a3ee;--line:#3a414b;
--text:#e8eaed;--page:#14171b}}
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:var(--text);
background:var(--page)}
h2{margin-top:2.5rem}svg{width:100%;font-size:13px}svg text{fill:currentColor}svg line{stroke:var(--line)}
.ours{fill:var(--ours)}.typed{fill:var(--typed)}.value{fill:var(--value)}
.scan{fill:none;stroke:var(--scan);stroke-width:2}.key svg{width:1rem;height:1rem;vertical-align:-.15rem}
.key span{margin-right:1.2rem;white-space:nowrap}.table{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}th,td{padding:.3rem .7rem;text-align:right;
border-bottom:1px solid var(--line)}th:first-child,td:first-child{text-align:left}";

/// What each approach does, by its name in the figures and its class in the style.
const SERIES: [(&str, &str, &str); 4] = [
    ("ours", "ours", "bytes to the record batches of every table, everything validated"),
    ("serde_json_typed", "typed", "owned structs of the same resources, no table made"),
    ("serde_json_value", "value", "a tree of serde_json::Value, no table made"),
    ("scan", "scan", "one pass of memchr over the bytes: a limit, not a parser"),
];

/// The page of all measured files, at least one.
pub(super) fn page(measured: &[Figures], seconds: f64) -> String {
    let mut sorted: Vec<&Figures> = measured.iter().collect();
    sorted.sort_by_key(|figures| figures.bytes);
    let mut page = String::from("<!DOCTYPE html>\n<html lang=\"en\"><meta charset=\"utf-8\">\n");
    page +=
        "<meta name=\"viewport\" content=\"width=device-width\"><title>Bundles to record batches</title>\n";
    page += &format!("<style>{STYLE}</style>\n<h1>Bundles to record batches</h1>\n");
    page += &conditions(&sorted, seconds);
    page += "<h2>Speed by size of the answer</h2>\n";
    page += &key(&SERIES);
    page += &scatter(&speeds_by_size(&sorted), (bytes, speed), ("bytes of the answer", "bytes per second"));
    page += "<h2>Speed by approach</h2>\n";
    page += &key(&SERIES[..3]);
    page += &bars(&speeds_by_file(&sorted), "bytes per second by file and approach", speed);
    page += "<h2>Memory</h2>\n<p>The most bytes that <b>ours</b> had allocated at once, its tables included, for each \
             byte of input; the input itself is not counted.</p>\n";
    page += &bars(&peaks(&sorted), "peak allocation for each byte of input", |peak| format!("{peak:.2}"));
    page += "<h2>All figures</h2>\n";
    page += &table(&sorted);
    page + "</html>\n"
}

fn conditions(sorted: &[&Figures], seconds: f64) -> String {
    let threads = sorted.first().map_or(1, |figures| figures.threads);
    let build = if cfg!(debug_assertions) { ", a development build: believe none of it" } else { "" };
    format!(
        "<p>bedside-lab {}, {} {}{build}. {threads} thread(s), {seconds} s for each file, medians. The approaches took \
         turns on the same bytes in one process, under one counting allocator: what else the machine did, it did to \
         all of them, so the ratios hold better than the speeds.</p>\n",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::ARCH,
        std::env::consts::OS,
    )
}

fn key(series: &[(&str, &str, &str)]) -> String {
    let mut key = String::from("<p class=\"key\">");
    for (name, class, words) in series {
        let mark =
            format!("<svg viewBox=\"0 0 16 16\"><circle class=\"{class}\" cx=\"8\" cy=\"8\" r=\"6\"/></svg>");
        key += &format!("<span title=\"{words}\">{mark} {name}</span> ");
    }
    key + "</p>\n"
}

fn speeds_by_size(sorted: &[&Figures]) -> Vec<Mark> {
    let marks = sorted.iter().flat_map(|figures| {
        let series = speeds(figures).into_iter();
        series.map(|(series, y)| Mark {
            series,
            x: figures.bytes as f64,
            y,
            label: label(figures, series, y),
        })
    });
    // Ours last, so that it lies on top.
    let (ours, mut others): (Vec<_>, Vec<_>) = marks.partition(|mark| mark.series == "ours");
    others.extend(ours);
    others
}

fn speeds_by_file(sorted: &[&Figures]) -> Vec<(String, Vec<Mark>)> {
    let group = |figures: &&Figures| {
        let series = speeds(figures).into_iter().filter(|(series, _)| *series != "scan");
        let marks = series.map(|(series, y)| Mark { series, x: 0.0, y, label: label(figures, series, y) });
        (name(figures), marks.collect())
    };
    sorted.iter().map(group).collect()
}

fn peaks(sorted: &[&Figures]) -> Vec<(String, Vec<Mark>)> {
    let group = |figures: &&Figures| {
        let y = figures.peak_ratio;
        let label = format!("{}: {y:.2} bytes for each byte", figures.file);
        (name(figures), vec![Mark { series: "ours", x: 0.0, y, label }])
    };
    sorted.iter().map(group).collect()
}

/// The speeds of a file by class, as far as there are any.
fn speeds(figures: &Figures) -> Vec<(&'static str, f64)> {
    let speeds = &figures.bytes_per_second;
    let mut found = vec![("ours", speeds.ours)];
    found.extend(speeds.serde_json_typed.map(|typed| ("typed", typed)));
    found.extend([("value", speeds.serde_json_value), ("scan", speeds.scan)]);
    found
}

fn name(figures: &Figures) -> String {
    format!("{} ({})", figures.file, bytes(figures.bytes as f64))
}

fn label(figures: &Figures, series: &str, value: f64) -> String {
    format!("{}: {series} {}", name(figures), speed(value))
}

/// Every figure of the JSON: what is shown is rounded, what a program reads from `value` is not.
fn table(sorted: &[&Figures]) -> String {
    const HEAD: [&str; 11] = [
        "file",
        "bytes",
        "threads",
        "ours",
        "scan",
        "serde_json_value",
        "serde_json_typed",
        "ours / scan",
        "ours / value",
        "ours / typed",
        "peak",
    ];
    let mut table = String::from("<div class=\"table\"><table><tr>");
    table.extend(HEAD.map(|head| format!("<th>{head}")));
    for figures in sorted {
        let (speeds, ratio) = (&figures.bytes_per_second, &figures.ratio);
        table += &format!("\n<tr><td>{}", escape_html(&figures.file));
        cell(&mut table, Some(figures.bytes as f64), |bytes| bytes.to_string());
        cell(&mut table, Some(f64::from(figures.threads)), |threads| threads.to_string());
        for value in
            [Some(speeds.ours), Some(speeds.scan), Some(speeds.serde_json_value), speeds.serde_json_typed]
        {
            cell(&mut table, value, speed);
        }
        for value in [Some(ratio.scan), Some(ratio.serde_json_value), ratio.serde_json_typed] {
            cell(&mut table, value, |ratio| format!("{ratio:.2}x"));
        }
        cell(&mut table, Some(figures.peak_ratio), |peak| format!("{peak:.2}"));
    }
    table + "</table></div>\n"
}

fn cell(table: &mut String, value: Option<f64>, shown: fn(f64) -> String) {
    // Writing to a text does not fail.
    let _ = match value {
        Some(value) => write!(table, "<td><data value=\"{value}\">{}</data>", shown(value)),
        None => write!(table, "<td>does not fit"),
    };
}

fn bytes(count: f64) -> String {
    match count {
        ..1e3 => format!("{count} B"),
        ..1e6 => format!("{} kB", rounded(count / 1e3)),
        _ => format!("{} MB", rounded(count / 1e6)),
    }
}

fn speed(bytes_per_second: f64) -> String {
    match bytes_per_second {
        ..1e6 => format!("{} kB/s", rounded(bytes_per_second / 1e3)),
        ..1e9 => format!("{} MB/s", rounded(bytes_per_second / 1e6)),
        _ => format!("{} GB/s", rounded(bytes_per_second / 1e9)),
    }
}

/// Three digits, and none after the point that say nothing.
fn rounded(value: f64) -> String {
    let digits = match value {
        ..10.0 => 2,
        ..100.0 => 1,
        _ => 0,
    };
    let text = format!("{value:.digits$}");
    if digits == 0 { text } else { text.trim_end_matches('0').trim_end_matches('.').to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_speeds_are_told_in_three_digits() {
        assert_eq!(bytes(25_000.0) + " " + &bytes(3_088_110.0), "25 kB 3.09 MB");
        assert_eq!(speed(1_004e6) + " " + &speed(235.4e6) + " " + &speed(97e6), "1 GB/s 235 MB/s 97 MB/s");
        assert_eq!(speed(100e3), "100 kB/s");
    }
}
