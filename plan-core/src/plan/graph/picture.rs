//! The parts of a picture: boxes, words and lines with coordinates. Invariant: every coordinate is a whole number. A
//! picture has a background of its own, so that it can be read on light and on dark pages.

use std::fmt;

use super::GraphOrder;

const PADDING: i32 = 14;
const TITLE_HEIGHT: i32 = 30;
const STEP_HEIGHT: i32 = 28;
const GAP: i32 = 10;
/// The gap between the boxes of a flow, wide enough for an arrow.
const FLOW_GAP: i32 = 26;
/// The longest name, in characters. A longer one is cut.
const LONGEST: usize = 48;
const MARGIN: i32 = 8;

/// The kind of a box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Plan,
    Phase,
    Step,
    Canary,
    Group,
}

impl Style {
    fn class(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Phase => "phase",
            Self::Step => "step",
            Self::Canary => "step canary",
            Self::Group => "group",
        }
    }
}

/// A rectangle, with its contents.
#[derive(Debug, Clone, Default)]
pub(super) struct Picture {
    pub(super) width: i32,
    pub(super) height: i32,
    /// Where an arrow to the picture ends, and where an arrow from it begins, counted from its left edge. The default
    /// is the middle.
    pub(super) ends: Option<(i32, i32)>,
    shapes: Vec<Shape>,
}

#[derive(Debug, Clone)]
enum Shape {
    Box { x: i32, y: i32, width: i32, height: i32, style: Style },
    Words { x: i32, y: i32, class: &'static str, text: String, whole: Option<String> },
    Line { points: Vec<Point>, order: GraphOrder, arrow: bool },
}

#[derive(Debug, Clone, Copy)]
enum Point {
    Move(i32, i32),
    Line(i32, i32),
    Curve { middle: i32, from: i32, x: i32, y: i32 },
}

impl Shape {
    fn moved(mut self, dx: i32, dy: i32) -> Self {
        match &mut self {
            Self::Box { x, y, .. } | Self::Words { x, y, .. } => {
                *x += dx;
                *y += dy;
            }
            Self::Line { points, .. } => {
                for point in points {
                    match point {
                        Point::Move(x, y) | Point::Line(x, y) => {
                            *x += dx;
                            *y += dy;
                        }
                        Point::Curve { middle, from, x, y } => {
                            *middle += dy;
                            *from += dx;
                            *x += dx;
                            *y += dy;
                        }
                    }
                }
            }
        }
        self
    }
}

impl Picture {
    /// A picture of words without a box.
    pub(super) fn words(text: &str) -> Self {
        let words = Shape::Words { x: 0, y: 15, class: "none", text: text.to_owned(), whole: None };
        Self { width: title_width(text), height: 20, ends: None, shapes: vec![words] }
    }

    /// The box of a step.
    pub(super) fn step(name: &str, mark: &str, style: Style) -> Self {
        let cut = name.chars().count() > LONGEST;
        let text = if cut {
            format!("{}…{mark}", name.chars().take(LONGEST - 1).collect::<String>())
        } else {
            format!("{name}{mark}")
        };
        let width = step_width(&text) + 20;
        let words =
            Shape::Words { x: 10, y: 18, class: "name", text, whole: cut.then(|| format!("{name}{mark}")) };
        let around = Shape::Box { x: 0, y: 0, width, height: STEP_HEIGHT, style };
        Self { width, height: STEP_HEIGHT, ends: None, shapes: vec![around, words] }
    }

    /// A box with a title around it.
    pub(super) fn titled(self, title: &str, style: Style) -> Self {
        let width = self.width.max(title_width(title)) + 2 * PADDING;
        let height = TITLE_HEIGHT + self.height + PADDING;
        let class = if style == Style::Plan { "title big" } else { "title" };
        let words = Shape::Words { x: PADDING, y: 20, class, text: title.to_owned(), whole: None };
        let around = Shape::Box { x: 0, y: 0, width, height, style };
        let mut canvas = Self { width, height, ends: None, shapes: vec![around, words] };
        let x = (width - self.width) / 2;
        canvas.put(x, TITLE_HEIGHT, self);
        canvas
    }

    /// A frame around pictures that arrows lead to together.
    pub(super) fn framed(self) -> Self {
        let (width, height) = (self.width + 2 * GAP, self.height + 2 * GAP);
        let around = Shape::Box { x: 0, y: 0, width, height, style: Style::Group };
        let mut canvas = Self { width, height, ends: None, shapes: vec![around] };
        canvas.put(GAP, GAP, self);
        canvas
    }

    /// Pictures in a grid: as many columns as fit, and as many rows as needed.
    pub(super) fn grid(parts: Vec<Self>, width: i32) -> Self {
        let cell = parts.iter().map(|part| part.width).max().unwrap_or(0);
        let columns = columns(parts.len(), cell, GAP, width);
        let mut canvas = Self::default();
        let mut parts = parts.into_iter().peekable();
        let mut y = 0;
        while parts.peek().is_some() {
            let row: Vec<_> = parts.by_ref().take(columns).collect();
            let height = row.iter().map(|part| part.height).max().unwrap_or(0);
            let mut x = 0;
            for part in row {
                canvas.put(x, y, part.widened(cell));
                x += cell + GAP;
            }
            y += height + GAP;
        }
        canvas
    }

    /// Boxes one after the other with arrows, in as many rows as needed. Each box comes with the kind of its edge from
    /// the one before.
    pub(super) fn flow(parts: Vec<(Self, GraphOrder)>, width: i32) -> Self {
        let cell = parts.iter().map(|(part, _)| part.width).max().unwrap_or(0);
        let columns = columns(parts.len(), cell, FLOW_GAP, width);
        let mut canvas = Self::default();
        let middle = STEP_HEIGHT / 2;
        let place = |at: usize| {
            let (row, column) = ((at / columns) as i32, (at % columns) as i32);
            (column * (cell + FLOW_GAP), row * (STEP_HEIGHT + FLOW_GAP))
        };
        let (last, _) = place(parts.len().saturating_sub(1));
        canvas.ends = Some((cell / 2, last + cell / 2));
        for (at, (part, order)) in parts.into_iter().enumerate() {
            let (x, y) = place(at);
            if at > 0 {
                let (before, above) = place(at - 1);
                let points = if above == y {
                    vec![Point::Move(before + cell, y + middle), Point::Line(x, y + middle)]
                } else {
                    let turn = y - FLOW_GAP / 2;
                    let (from, to) = (before + cell / 2, x + cell / 2);
                    let start = Point::Move(from, above + STEP_HEIGHT);
                    vec![start, Point::Line(from, turn), Point::Line(to, turn), Point::Line(to, y)]
                };
                canvas.shapes.push(Shape::Line { points, order, arrow: true });
            }
            canvas.put(x, y, part.widened(cell));
        }
        canvas
    }

    /// Puts a picture at these coordinates.
    pub(super) fn put(&mut self, x: i32, y: i32, part: Self) {
        self.width = self.width.max(x + part.width);
        self.height = self.height.max(y + part.height);
        self.shapes.extend(part.shapes.into_iter().map(|shape| shape.moved(x, y)));
    }

    /// Draws a vertical line, a part of a long arrow.
    pub(super) fn line(&mut self, x: i32, y: i32, height: i32, order: Option<GraphOrder>) {
        let points = vec![Point::Move(x, y), Point::Line(x, y + height)];
        self.shapes.push(Shape::Line { points, order: order.unwrap_or(GraphOrder::Strategy), arrow: false });
    }

    /// Draws an arrow from a box down to the end of its row, and from there to a point in the next row.
    pub(super) fn arrow(
        &mut self,
        from: (i32, i32),
        row_end: i32,
        to: (i32, i32),
        order: GraphOrder,
        arrow: bool,
    ) {
        let mut points = vec![Point::Move(from.0, from.1)];
        if row_end > from.1 {
            points.push(Point::Line(from.0, row_end));
        }
        points.push(if from.0 == to.0 {
            Point::Line(to.0, to.1)
        } else {
            Point::Curve { middle: (row_end + to.1) / 2, from: from.0, x: to.0, y: to.1 }
        });
        self.shapes.push(Shape::Line { points, order, arrow });
    }

    /// A step's box as wide as the others of its grid.
    fn widened(mut self, width: i32) -> Self {
        if let [Shape::Box { width: own, .. }, Shape::Words { .. }] = &mut self.shapes[..] {
            *own = width;
            self.width = width;
            self.ends = None;
        }
        self
    }

    /// The whole SVG document.
    pub(super) fn document(self, f: &mut fmt::Formatter<'_>, title: &str) -> fmt::Result {
        let (width, height) = (self.width + 2 * MARGIN, self.height + 2 * MARGIN);
        writeln!(
            f,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"planwright\" role=\"img\" width=\"{width}\" \
             height=\"{height}\" viewBox=\"{} {} {width} {height}\">",
            -MARGIN, -MARGIN
        )?;
        writeln!(f, "<title>{}</title>", Escaped(title))?;
        writeln!(f, "{STYLE}")?;
        for shape in &self.shapes {
            shape.write(f)?;
        }
        f.write_str("</svg>")
    }
}

const STYLE: &str = "<style>
.planwright rect { stroke: #8a96a3; stroke-width: 1; }
.planwright .plan { fill: #fbfcfd; }
.planwright .phase { fill: #e9eef4; }
.planwright .step { fill: #ffffff; stroke: #5b6b7c; }
.planwright .canary { fill: #fff6df; stroke: #8a5a00; stroke-dasharray: 5 3; }
.planwright .group { fill: none; stroke-dasharray: 2 3; }
.planwright text { fill: #1b242d; font-family: sans-serif; font-size: 13px; }
.planwright .title { font-weight: bold; }
.planwright .big { font-size: 15px; }
.planwright .none { fill: #55616d; font-style: italic; }
.planwright .name { font-family: monospace; font-size: 12px; }
.planwright path { fill: none; stroke: #44515e; stroke-width: 1.3; }
.planwright .released { stroke-dasharray: 5 3; }
.planwright marker path { fill: #44515e; stroke: none; }
</style>
<defs><marker id=\"planwright-arrow\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" \
markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path d=\"M0 0.5 L8 4 L0 7.5 z\"/></marker></defs>";

impl Shape {
    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Box { x, y, width, height, style } => {
                let (class, round) = (style.class(), if matches!(style, Style::Plan) { 8 } else { 5 });
                writeln!(
                    f,
                    "<rect class=\"{class}\" x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"{round}\"/>"
                )
            }
            Self::Words { x, y, class, text, whole } => {
                write!(f, "<text class=\"{class}\" x=\"{x}\" y=\"{y}\">")?;
                if let Some(whole) = whole {
                    write!(f, "<title>{}</title>", Escaped(whole))?;
                }
                writeln!(f, "{}</text>", Escaped(text))
            }
            Self::Line { points, order, arrow } => {
                f.write_str("<path")?;
                if *order == GraphOrder::Canary {
                    f.write_str(" class=\"released\"")?;
                }
                f.write_str(" d=\"")?;
                for point in points {
                    match point {
                        Point::Move(x, y) => write!(f, "M{x} {y}")?,
                        Point::Line(x, y) => write!(f, " L{x} {y}")?,
                        Point::Curve { middle, from, x, y } => {
                            write!(f, " C{from} {middle} {x} {middle} {x} {y}")?;
                        }
                    }
                }
                let end = if *arrow { " marker-end=\"url(#planwright-arrow)\"" } else { "" };
                writeln!(f, "\"{end}/>")
            }
        }
    }
}

/// How many columns fit into a width: at least one, and at most as many as there are cells.
fn columns(cells: usize, cell: i32, gap: i32, width: i32) -> usize {
    let fit = usize::try_from((width + gap) / (cell + gap).max(1)).unwrap_or(1);
    fit.clamp(1, cells.max(1))
}

/// About how many letters wide a text is. East Asian letters count as two.
fn letters(text: &str) -> i32 {
    text.chars().map(|c| if c >= '\u{1100}' { 2 } else { 1 }).sum()
}

fn step_width(text: &str) -> i32 {
    (letters(text) * 29 + 3) / 4
}

fn title_width(text: &str) -> i32 {
    letters(text) * 8
}

/// A text between tags or quotes. A character that XML cannot represent becomes the replacement character.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\t' | '\n' | '\r' => f.write_str(" ")?,
                '\u{fffe}' | '\u{ffff}' => f.write_str("\u{fffd}")?,
                c if c.is_control() => f.write_str("\u{fffd}")?,
                c => write!(f, "{c}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_in_xml_is_escaped() {
        assert_eq!(Escaped("a<b>&\"c\u{0}\n").to_string(), "a&lt;b&gt;&amp;&quot;c\u{fffd} ");
    }

    #[test]
    fn columns_are_at_least_one_and_not_more_than_there_are_cells() {
        assert_eq!(columns(100, 140, 10, 900), 6);
        assert_eq!(columns(3, 140, 10, 900), 3);
        assert_eq!(columns(3, 2000, 10, 900), 1);
        assert_eq!(columns(0, 0, 10, 900), 1);
    }
}
