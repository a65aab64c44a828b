//! Plots as SVG inside a page: points on two logarithmic axes, and bars.
//!
//! Colours and marks come from the page's style by the class of a series; whoever hovers over a mark reads what it
//! stands for.

use std::fmt::Write;

use bedside_warm::escape_html;

/// Width of every plot in units of its own; the page scales it.
const WIDTH: f64 = 760.0;

/// Room for the labels of the upright axis, and for those of the lying one.
const LEFT: f64 = 84.0;
const BELOW: f64 = 44.0;

/// One mark of a plot or one bar.
pub(super) struct Mark {
    /// Class of the series in the page's style.
    pub series: &'static str,
    /// Where it stands on the lying axis; bars have no use for it.
    pub x: f64,
    /// Its value.
    pub y: f64,
    /// What it stands for, in words, for whoever points at it.
    pub label: String,
    /// What is written behind it where it is a bar of its own.
    pub said: String,
}

/// A bar in parts.
pub(super) struct Row {
    /// What is written before it.
    pub name: String,
    /// Its parts; of a mark's places only the value counts.
    pub marks: Vec<Mark>,
    /// What is written behind it.
    pub said: String,
}

/// How a value of an axis is written.
pub(super) type Written = fn(f64) -> String;

/// Marks over two logarithmic axes, whose values are all above zero; what goes across, then what goes up.
pub(super) fn scatter(marks: &[Mark], written: (Written, Written), titles: (&str, &str)) -> String {
    const HEIGHT: f64 = 380.0;
    let across = Axis::around(marks.iter().map(|mark| mark.x), (LEFT, WIDTH - 20.0));
    let up = Axis::around(marks.iter().map(|mark| mark.y), (HEIGHT - BELOW, 12.0));
    let mut svg = begin(HEIGHT, &format!("{} by {}", titles.1, titles.0));
    for tick in &across.ticks {
        let (x, foot) = (across.place(*tick), HEIGHT - BELOW);
        line(&mut svg, (x, 12.0), (x, foot));
        text(&mut svg, "middle", (x, foot + 16.0), &written.0(*tick));
    }
    for tick in &up.ticks {
        let y = up.place(*tick);
        line(&mut svg, (LEFT, y), (WIDTH - 20.0, y));
        text(&mut svg, "end", (LEFT - 8.0, y + 4.0), &written.1(*tick));
    }
    text(&mut svg, "middle", ((LEFT + WIDTH) / 2.0, HEIGHT - 6.0), titles.0);
    for mark in marks {
        let (x, y) = (across.place(mark.x), up.place(mark.y));
        put(&mut svg, format_args!("<circle class=\"{}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"6\">", mark.series));
        put(&mut svg, format_args!("<title>{}</title></circle>\n", escape_html(&mark.label)));
    }
    svg + "</svg></div>\n"
}

/// Bars in groups, each group under its name, behind each bar what is said of it.
pub(super) fn bars(groups: &[(String, Vec<Mark>)], title: &str) -> String {
    const BAR: f64 = 18.0;
    const HEAD: f64 = 24.0;
    const ROOM: f64 = WIDTH - 150.0;
    let marks = || groups.iter().flat_map(|group| &group.1);
    let most = marks().map(|mark| mark.y).fold(f64::MIN_POSITIVE, f64::max);
    let height = groups.iter().map(|group| HEAD + 10.0 + BAR * group.1.len() as f64).sum();
    let mut svg = begin(height, title);
    let mut y = 0.0;
    for (group, marks) in groups {
        text(&mut svg, "start", (0.0, y + HEAD - 7.0), group);
        y += HEAD;
        for mark in marks {
            let width = mark.y / most * ROOM;
            bar(&mut svg, mark, (0.0, y + 2.0), (width.max(1.0), BAR - 4.0));
            text(&mut svg, "start", (width + 8.0, y + BAR - 5.0), &mark.said);
            y += BAR;
        }
        y += 10.0;
    }
    svg + "</svg></div>\n"
}

/// One bar for each row, made of its marks one after the other: the row's name before it, and what is said of it behind.
pub(super) fn rows(rows: &[Row], title: &str) -> String {
    const BAR: f64 = 26.0;
    const NAME: f64 = 230.0;
    const ROOM: f64 = WIDTH - NAME - 170.0;
    let sum = |row: &Row| row.marks.iter().map(|mark| mark.y).sum();
    let most = rows.iter().map(sum).fold(f64::MIN_POSITIVE, f64::max);
    let mut svg = begin(BAR * rows.len() as f64, title);
    let mut y = 0.0;
    for row in rows {
        text(&mut svg, "end", (NAME - 10.0, y + 17.0), &shortened(&row.name, 30));
        let mut x = NAME;
        for mark in &row.marks {
            let width = mark.y / most * ROOM;
            bar(&mut svg, mark, (x, y + 4.0), (width, BAR - 8.0));
            x += width;
        }
        text(&mut svg, "start", (x + 8.0, y + 17.0), &row.said);
        y += BAR;
    }
    svg + "</svg></div>\n"
}

/// A logarithmic axis that begins and ends at 1, 2 or 5 times a power of ten.
struct Axis {
    ticks: Vec<f64>,
    from: f64,
    to: f64,
    span: (f64, f64),
}

impl Axis {
    /// The shortest axis that holds the values, between two places of the plot.
    fn around(values: impl Iterator<Item = f64> + Clone, span: (f64, f64)) -> Self {
        let least = values.clone().fold(f64::INFINITY, f64::min);
        let most = values.fold(0.0, f64::max);
        let steps = || (-3..=12).flat_map(|power| [1.0, 2.0, 5.0].map(|step| step * 10_f64.powi(power)));
        let from = steps().take_while(|step| *step <= least).last().unwrap_or(1e-3);
        let to = steps().find(|step| *step >= most && *step > from).unwrap_or(1e13);
        let mut ticks: Vec<f64> = steps().filter(|step| (from..=to).contains(step)).collect();
        if ticks.len() > 9 {
            ticks.retain(|tick| (tick.log10() - tick.log10().round()).abs() < 1e-6);
        }
        Self { ticks, from, to, span }
    }

    fn place(&self, value: f64) -> f64 {
        let share = (value / self.from).ln() / (self.to / self.from).ln();
        self.span.0 + share * (self.span.1 - self.span.0)
    }
}

fn begin(height: f64, title: &str) -> String {
    let title = escape_html(title);
    format!(
        "<div class=\"plot\"><svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{title}\">\n"
    )
}

fn bar(svg: &mut String, mark: &Mark, (x, y): (f64, f64), (width, height): (f64, f64)) {
    put(svg, format_args!("<rect class=\"{}\" x=\"{x:.1}\" y=\"{y:.1}\" ", mark.series));
    put(svg, format_args!("width=\"{width:.1}\" height=\"{height:.1}\">"));
    put(svg, format_args!("<title>{}</title></rect>\n", escape_html(&mark.label)));
}

/// A name that fits, its middle left out where it does not: files are told apart by how they begin and end.
fn shortened(name: &str, most: usize) -> String {
    let length = name.chars().count();
    if length <= most {
        return name.to_owned();
    }
    let (head, tail) = (most / 2, most - most / 2 - 1);
    let (begin, end) = (name.chars().take(head), name.chars().skip(length - tail));
    begin.chain(['…']).chain(end).collect()
}

fn line(svg: &mut String, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
    put(svg, format_args!("<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>\n"));
}

fn text(svg: &mut String, anchor: &str, (x, y): (f64, f64), words: &str) {
    let words = escape_html(words);
    put(svg, format_args!("<text text-anchor=\"{anchor}\" x=\"{x:.1}\" y=\"{y:.1}\">{words}</text>\n"));
}

/// Writing to a text does not fail.
fn put(svg: &mut String, words: std::fmt::Arguments<'_>) {
    let _ = svg.write_fmt(words);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(values: &[f64]) -> Axis {
        Axis::around(values.iter().copied(), (0.0, 100.0))
    }

    #[test]
    fn an_axis_holds_its_values_between_round_ends() {
        let axis = axis(&[30.0, 700.0]);
        assert_eq!((axis.from, axis.to), (20.0, 1000.0));
        assert_eq!(axis.ticks, [20.0, 50.0, 100.0, 200.0, 500.0, 1000.0]);
        assert_eq!((axis.place(20.0), axis.place(1000.0)), (0.0, 100.0));
        assert!(axis.place(30.0) > 0.0 && axis.place(700.0) < 100.0);
    }

    #[test]
    fn one_value_has_an_axis_too_and_a_long_one_shows_powers_of_ten_alone() {
        let lone = axis(&[100.0]);
        assert!((lone.from, lone.to) == (100.0, 200.0) && lone.place(100.0) == 0.0);
        assert_eq!(axis(&[1.0, 100_000.0]).ticks, [1.0, 10.0, 100.0, 1e3, 1e4, 1e5]);
    }

    fn mark(y: f64) -> Mark {
        Mark { series: "ours", x: 0.0, y, label: "<b>".into(), said: "<i>".into() }
    }

    #[test]
    fn the_longest_bar_has_all_the_room_and_names_are_no_markup() {
        let svg = bars(&[("<a>".into(), vec![mark(1.0), mark(2.0)])], "a title");
        assert!(svg.contains("width=\"305.0\"") && svg.contains("width=\"610.0\""), "{svg}");
        assert!(
            svg.contains("&lt;a&gt;")
                && svg.contains("&lt;b&gt;")
                && !svg.contains("<b>")
                && !svg.contains("<i>")
        );
    }

    #[test]
    fn the_parts_of_a_bar_follow_each_other_and_the_longest_bar_has_all_the_room() {
        let row = |marks| Row { name: "<a>".into(), marks, said: "<i>".into() };
        let svg = rows(&[row(vec![mark(1.0), mark(2.0)]), row(vec![mark(6.0)])], "a title");
        for part in [
            "x=\"230.0\" y=\"4.0\" width=\"60.0\"",
            "x=\"290.0\" y=\"4.0\" width=\"120.0\"",
            "width=\"360.0\"",
        ] {
            assert!(svg.contains(part), "{part} in {svg}");
        }
        assert!(!svg.contains("<a>") && !svg.contains("<i>"));
    }

    #[test]
    fn a_long_name_keeps_its_begin_and_its_end() {
        assert_eq!(shortened("emis-3MB-pretty", 9), "emis…etty");
        assert_eq!(shortened("ängste", 6), "ängste");
    }
}
