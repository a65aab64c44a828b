//! The figures as a page for a browser: plots and a table in one file, which loads nothing and runs nothing.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use bedside_warm::escape_html;

use super::Figures;
use super::plot::{Mark, Row, bars, rows, scatter};
use super::stages::Lap;

/// Colours that stay apart for colour-blind readers and on a dark page.
const STYLE: &str = "\
:root{--ours:#1857b8;--typed:#c25e00;--value:#6b7280;--scan:#8a5fbf;--line:#d5d8dd;--text:#1c2128;--page:#fff}
@media(prefers-color-scheme:dark){:root{--ours:#6ea8ff;--typed:#ffab5c;--value:#a7b0bd;--scan:#c3a3ee;--line:#3a414b;
--text:#e8eaed;--page:#14171b}}
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:var(--text);
background:var(--page)}
h2{margin-top:2.5rem}.summary{font-size:1.2rem}.plot,.table{overflow-x:auto}
.plot svg{width:100%;min-width:40rem;font-size:13px}svg text{fill:currentColor}svg line{stroke:var(--line)}
.ours{fill:var(--ours)}.typed{fill:var(--typed)}.value{fill:var(--value)}
.scan{fill:none;stroke:var(--scan);stroke-width:2}.key svg{width:1rem;height:1rem;vertical-align:-.15rem}
.entries{fill:#0072b2}.index{fill:#009e73}.relations{fill:#e69f00}.tables{fill:#d55e00}.rest{fill:#999}
.key span{margin-right:1.2rem;white-space:nowrap}
table{border-collapse:collapse;font-size:.875rem;font-variant-numeric:tabular-nums}
th,td{padding:.25rem .6rem;text-align:right;border-bottom:1px solid var(--line)}th{vertical-align:bottom;line-height:1.2}
td{white-space:nowrap}th:first-child,td:first-child{text-align:left}";

/// What each approach does, by its name in the figures and its class in the style.
const SERIES: [(&str, &str, &str); 4] = [
    ("ours", "ours", "bytes to the record batches of every table, everything validated"),
    ("serde_json_typed", "typed", "owned structs of the same resources, no table made"),
    ("serde_json_value", "value", "a tree of serde_json::Value, no table made"),
    ("scan", "scan", "one pass of memchr over the bytes: a limit, not a parser"),
];

/// The parts of the way that are drawn, and what is in them; tables are one.
const PARTS: [(&str, &str, &str); 5] = [
    ("entries", "entries", "tokens are found, all JSON is validated, resources are read"),
    ("index", "index", "resources by type and id, repeated ones among them"),
    ("relations", "relations", "which lists, problems and consultations name a record"),
    (TABLES, "tables", "nine tables are resolved and their columns made"),
    ("rest", "rest", "accounting, and giving everything back"),
];

const TABLES: &str = "tables";

/// The page of all measured files, at least one.
pub(super) fn page(measured: &[Figures], seconds: f64) -> String {
    let mut sorted: Vec<&Figures> = measured.iter().collect();
    sorted.sort_by_key(|figures| figures.bytes);
    let mut page = String::from("<!DOCTYPE html>\n<html lang=\"en\"><meta charset=\"utf-8\">\n");
    page +=
        "<meta name=\"viewport\" content=\"width=device-width\"><title>Bundles to record batches</title>\n";
    page += &format!("<style>{STYLE}</style>\n<h1>Bundles to record batches</h1>\n");
    page += &summary(&sorted);
    page += &conditions(&sorted, seconds);
    page += "<h2>Speed by size of the answer</h2>\n";
    page += &key(&SERIES);
    page += &scatter(&speeds_by_size(&sorted), (bytes, speed), ("bytes of the answer", "bytes per second"));
    page += "<h2>Speed by approach</h2>\n";
    page += &key(&SERIES[..3]);
    page += &bars(&speeds_by_file(&sorted), "bytes per second by file and approach");
    page += "<h2>Cost of each stage</h2>\n<p>Where the time of <b>ours</b> goes on one thread, told by the way itself as it \
             goes; finding the tokens is a part of <b>entries</b>, and was measured by itself.</p>\n";
    page += &key(&PARTS);
    page += &rows(&parts_by_file(&sorted), "share of the time of each stage by file");
    page += &stages(&sorted);
    page += "<h2>Memory</h2>\n<p>The most bytes that <b>ours</b> had allocated at once, its tables included, for each \
             byte of input; the input itself is not counted.</p>\n";
    page += &rows(&peaks(&sorted), "peak allocation for each byte of input");
    page += "<h2>All figures</h2>\n";
    page += &table(&sorted);
    page + "</html>\n"
}

/// The page in a sentence: what a reader wants to know first.
fn summary(sorted: &[&Figures]) -> String {
    let over = |name: &str, ratios: Vec<f64>| {
        let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
        let most = ratios.iter().copied().fold(0.0, f64::max);
        let mean = (ratios.iter().map(|ratio| ratio.ln()).sum::<f64>() / ratios.len() as f64).exp();
        match ratios.len() {
            0 => String::new(),
            1 => format!(" <b>{mean:.1}x</b> the speed of {name}."),
            _ => format!(" <b>{mean:.1}x</b> the speed of {name} ({least:.1}x to {most:.1}x)."),
        }
    };
    let value = sorted.iter().map(|figures| figures.ratio.serde_json_value).collect();
    let typed = sorted.iter().filter_map(|figures| figures.ratio.serde_json_typed).collect();
    let means = if sorted.len() > 1 { ", geometric means" } else { "" };
    format!(
        "<p class=\"summary\">Nine tables, everything validated, over {} file(s){means}:{}{}</p>\n",
        sorted.len(),
        over("a tree of serde_json::Value", value),
        over("serde_json into structs", typed),
    )
}

fn conditions(sorted: &[&Figures], seconds: f64) -> String {
    let threads = sorted.first().map_or(1, |figures| figures.threads);
    let build = if cfg!(debug_assertions) { ", a development build: believe none of it" } else { "" };
    format!(
        "<p>bedside-lab {}, {}{build}. {threads} thread(s), {seconds} s for each file, medians. The approaches took turns of \
         some 20 ms on the same bytes in one process, under one counting allocator: what else the machine did, it did to \
         all of them, so the ratios hold better than the speeds. A reading right after other work is slower.</p>\n",
        env!("CARGO_PKG_VERSION"),
        escape_html(&machine()),
    )
}

/// The processor where the system names it, else its architecture.
fn machine() -> String {
    let told = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = told.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or(std::env::consts::ARCH, |(_, model)| model.trim());
    format!("{model}, {}", std::env::consts::OS)
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
            said: String::new(),
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
        let marks = series.map(|(series, y)| {
            let ratio = figures.bytes_per_second.ours / y;
            let said = if series == "ours" { speed(y) } else { format!("{}, ours {ratio:.1}x", speed(y)) };
            Mark { series, x: 0.0, y, label: label(figures, series, y), said }
        });
        (name(figures), marks.collect())
    };
    sorted.iter().map(group).collect()
}

/// How the time of each file is shared.
fn parts_by_file(sorted: &[&Figures]) -> Vec<Row> {
    let row = |figures: &&Figures| {
        let whole = whole(figures);
        let marks = PARTS.map(|(part, series, _)| {
            let laps = figures.stages.laps.iter().filter(|lap| part_of(lap) == part);
            let took: Duration = laps.map(|lap| lap.took).sum();
            let y = share(took, whole);
            let label = format!("{}: {part} {}, {:.1} %", name(figures), time(took), y * 100.0);
            Mark { series, x: 0.0, y, label, said: String::new() }
        });
        let a_byte = whole.as_secs_f64() * 1e9 / figures.bytes as f64;
        let said = format!("{}, {} ns a byte", time(whole), rounded(a_byte));
        Row { name: name(figures), marks: marks.into(), said }
    };
    sorted.iter().map(row).collect()
}

/// Which of [`PARTS`] a stage belongs to.
fn part_of(lap: &Lap) -> &'static str {
    PARTS.iter().map(|part| part.0).find(|part| *part == lap.stage).unwrap_or(TABLES)
}

/// Every stage's share of each file's time, each table by itself.
fn stages(sorted: &[&Figures]) -> String {
    let mut table = String::from("<div class=\"table\"><table><tr><th>% of the time<th>tokens, of entries");
    let laps = sorted.first().map(|figures| figures.stages.laps.as_slice()).unwrap_or_default();
    table.extend(laps.iter().map(|lap| format!("<th>{}", lap.stage.replace('_', " "))));
    for figures in sorted {
        table += &format!("\n<tr><td>{}", escape_html(&name(figures)));
        let times = figures.stages.laps.iter().map(|lap| lap.took);
        table.extend([figures.stages.tokens].into_iter().chain(times).map(|took| {
            let share = share(took, whole(figures)) * 100.0;
            format!("<td title=\"{}\">{share:.1}", time(took))
        }));
    }
    table + "</table></div>\n"
}

fn whole(figures: &Figures) -> Duration {
    figures.stages.laps.iter().map(|lap| lap.took).sum()
}

fn share(part: Duration, whole: Duration) -> f64 {
    part.as_secs_f64() / whole.as_secs_f64().max(f64::MIN_POSITIVE)
}

fn peaks(sorted: &[&Figures]) -> Vec<Row> {
    let row = |figures: &&Figures| {
        let y = figures.peak_ratio;
        let label = format!("{}: {y:.2} bytes for each byte", name(figures));
        let said = format!("{y:.2}, {}", bytes(y * figures.bytes as f64));
        Row {
            name: name(figures),
            marks: vec![Mark { series: "ours", x: 0.0, y, label, said: String::new() }],
            said,
        }
    };
    sorted.iter().map(row).collect()
}

/// The speeds of a file by class, as far as there are any.
fn speeds(figures: &Figures) -> Vec<(&'static str, f64)> {
    let speeds = &figures.bytes_per_second;
    let mut found = vec![("ours", speeds.ours)];
    found.extend(speeds.serde_json_typed.map(|typed| ("typed", typed)));
    found.extend([("value", speeds.serde_json_value), ("scan", speeds.scan)]);
    found
}

/// The file's own name and its size; the table of all figures has the whole path.
fn name(figures: &Figures) -> String {
    let file = Path::new(&figures.file)
        .file_name()
        .map_or(figures.file.as_str().into(), |name| name.to_string_lossy());
    format!("{file} ({})", bytes(figures.bytes as f64))
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

fn time(took: Duration) -> String {
    let seconds = took.as_secs_f64();
    match seconds {
        ..1e-3 => format!("{} µs", rounded(seconds * 1e6)),
        ..1.0 => format!("{} ms", rounded(seconds * 1e3)),
        _ => format!("{} s", rounded(seconds)),
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
        assert_eq!(
            time(Duration::from_nanos(57_340)) + " " + &time(Duration::from_micros(2_310)),
            "57.3 µs 2.31 ms"
        );
    }
}
