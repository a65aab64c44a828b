//! The figures as bars, for a terminal.

use std::fmt::Write;

use super::Figures;

/// Bars of the speeds of one file, the fastest as wide as it gets; the scan, which is a limit and no parser, is told
/// in figures alone.
pub fn draw(figures: &Figures) -> String {
    const WIDTH: f64 = 40.0;
    let speeds = &figures.bytes_per_second;
    let mut rows = vec![("ours", speeds.ours, None)];
    rows.push(("scan", speeds.scan, Some(figures.ratio.scan)));
    rows.push(("serde_json_value", speeds.serde_json_value, Some(figures.ratio.serde_json_value)));
    if let Some(typed) = speeds.serde_json_typed {
        rows.push(("serde_json_typed", typed, figures.ratio.serde_json_typed));
    }
    let parsers = rows.iter().filter(|row| row.0 != "scan");
    let fastest = parsers.map(|row| row.1).fold(f64::MIN, f64::max);
    let mut chart = format!(
        "{}  {} bytes, {} thread(s), peak {:.2} bytes per byte\n",
        figures.file, figures.bytes, figures.threads, figures.peak_ratio
    );
    for (name, speed, ratio) in rows {
        let width = if name == "scan" { 0.0 } else { (speed / fastest * WIDTH).max(1.0) };
        let bar = "█".repeat(width.round() as usize);
        let ratio = ratio.map_or(String::new(), |ratio| format!("  ours {ratio:.2}x"));
        // Writing to a string does not fail.
        let _ = writeln!(chart, "  {name:<17} {:>9.1} MB/s  {bar}{ratio}", speed / 1e6);
    }
    if speeds.serde_json_typed.is_none() {
        chart.push_str("  serde_json_typed  does not fit this bundle\n");
    }
    chart
}
