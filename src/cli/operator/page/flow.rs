//! The picture of the rows' way: source tables, maps, target tables, each with its number of rows.
//!
//! Drawn as SVG without a script; the tables below it hold the same numbers.

use crate::cli::operator::report::Report;
use crate::cli::operator::table::{counted, thousands};

use super::writer::Html;

const NODE_WIDTH: f64 = 236.0;
const NODE_HEIGHT: f64 = 46.0;
const ROW: f64 = 62.0;
const GAP: f64 = 76.0;
/// Room above the nodes, for the headings of the columns.
const TOP: f64 = 30.0;
const MARGIN: f64 = 6.0;
/// Characters of a name that fit into a node in any font, and those that fit if they are squeezed.
const NAME: (usize, usize) = (26, 38);

/// A box of the picture.
struct Node {
    name: String,
    /// What stands under the name.
    rows: String,
    /// Further words, in the colour of a warning.
    lost: Option<String>,
}

/// A band between two boxes of neighbouring columns.
struct Band {
    column: usize,
    from: usize,
    to: usize,
    rows: u64,
    /// What is said of it.
    title: String,
}

/// The columns and what lies between them.
#[derive(Default)]
struct Picture {
    columns: [Vec<Node>; 3],
    bands: Vec<Band>,
}

/// Draws the picture, if every row was looked at.
pub(super) fn figure(html: &mut Html, report: &Report) {
    if report.maps.is_empty() {
        return;
    }
    let picture = Picture::of(report);
    let rows = picture.columns.iter().map(Vec::len).max().unwrap_or(0);
    #[expect(clippy::cast_precision_loss, reason = "a few dozen at most")]
    let height = TOP + ROW * rows as f64 + MARGIN;
    let width = MARGIN.mul_add(2.0, NODE_WIDTH.mul_add(3.0, GAP * 2.0));
    html.element(
        "figure",
        &[
            ("class", &"flow"),
            ("tabindex", &"0"),
            ("role", &"group"),
            ("aria-label", &"The way of the rows"),
        ],
        |html| {
            html.element(
                "svg",
                &[
                    ("viewBox", &format!("0 0 {width} {height}")),
                    ("role", &"img"),
                    ("aria-labelledby", &"flow-title flow-desc"),
                ],
                |html| {
                    html.leaf(
                        "title",
                        &[("id", &"flow-title")],
                        "The rows' way from the source's tables through maps to the target's tables",
                    );
                    html.leaf("desc", &[("id", &"flow-desc")], description(&picture));
                    for (column, heading) in ["source tables", "maps", "target tables"]
                        .into_iter()
                        .enumerate()
                    {
                        let x = left(column) + NODE_WIDTH / 2.0;
                        html.leaf(
                            "text",
                            &[("class", &"head"), ("x", &x), ("y", &16)],
                            heading,
                        );
                    }
                    for band in &picture.bands {
                        picture.band(html, band, height);
                    }
                    for (column, nodes) in picture.columns.iter().enumerate() {
                        for (number, node) in nodes.iter().enumerate() {
                            picture.node(html, node, column, number, height);
                        }
                    }
                },
            );
        },
    );
}

/// Where a column begins.
#[expect(clippy::cast_precision_loss, reason = "one of three")]
fn left(column: usize) -> f64 {
    (NODE_WIDTH + GAP).mul_add(column as f64, MARGIN)
}

/// The bands in words.
fn description(picture: &Picture) -> String {
    let bands: Vec<&str> = picture
        .bands
        .iter()
        .map(|band| band.title.as_str())
        .collect();
    bands.join("; ")
}

fn rows(number: u64) -> String {
    counted(number, "row")
}

/// The place of a name in a column, where it is put if it is not there yet.
fn place(nodes: &mut Vec<Node>, name: &str, node: impl FnOnce() -> Node) -> usize {
    if let Some(place) = nodes.iter().position(|node| node.name == name) {
        return place;
    }
    nodes.push(node());
    nodes.len() - 1
}

impl Picture {
    fn of(report: &Report) -> Self {
        let mut picture = Self::default();
        let [sources, maps, targets] = &mut picture.columns;
        for (number, map) in report.maps.iter().enumerate() {
            let ledger = &map.ledger;
            let read = report
                .read
                .iter()
                .find(|table| table.table == ledger.table)
                .map_or(ledger.read, |table| table.rows);
            let source = place(sources, &ledger.table, || Node {
                name: ledger.table.clone(),
                rows: format!("{} read", rows(read)),
                lost: None,
            });
            let lost = ledger.read.saturating_sub(ledger.written);
            let rejected: u64 = ledger.rejected.iter().map(|count| count.rows).sum();
            maps.push(Node {
                name: ledger.map.clone(),
                rows: format!("{} of {}", thousands(ledger.written), rows(ledger.read)),
                lost: match (lost - rejected.min(lost), rejected) {
                    (0, 0) => None,
                    (left, 0) => Some(format!("{} left out", thousands(left))),
                    (_, rejected) => Some(format!("{} rejected", thousands(rejected))),
                },
            });
            picture.bands.push(Band {
                column: 0,
                from: source,
                to: number,
                rows: ledger.read,
                title: format!(
                    "table {} to map {}: {}",
                    ledger.table,
                    ledger.map,
                    rows(ledger.read)
                ),
            });
            for table in &map.targets {
                let made = report
                    .written
                    .iter()
                    .find(|written| written.table == *table)
                    .map_or(0, |written| written.rows);
                let target = place(targets, table, || Node {
                    name: table.clone(),
                    rows: rows(made),
                    lost: None,
                });
                // What one map alone writes is known; of a table that several fill, the sum is.
                let others = report
                    .maps
                    .iter()
                    .filter(|other| other.targets.contains(table))
                    .count();
                let title = if others == 1 {
                    format!("map {} to table {table}: {}", ledger.map, rows(made))
                } else {
                    format!(
                        "map {} to table {table}, which {others} maps fill: {} in all",
                        ledger.map,
                        rows(made)
                    )
                };
                picture.bands.push(Band {
                    column: 1,
                    from: number,
                    to: target,
                    rows: made.min(ledger.written),
                    title,
                });
            }
        }
        picture
    }

    /// The upper edge of a box: the boxes of a column are spread over the height.
    #[expect(clippy::cast_precision_loss, reason = "a few dozen at most")]
    fn top(&self, column: usize, number: usize, height: f64) -> f64 {
        let count = self.columns.get(column).map_or(1, Vec::len).max(1) as f64;
        let room = (height - TOP - MARGIN) / count;
        room.mul_add(number as f64, TOP) + (room - NODE_HEIGHT) / 2.0
    }

    fn band(&self, html: &mut Html, band: &Band, height: f64) {
        let middle = |column, number| self.top(column, number, height) + NODE_HEIGHT / 2.0;
        let (x1, y1) = (
            left(band.column) + NODE_WIDTH,
            middle(band.column, band.from),
        );
        let (x2, y2) = (left(band.column + 1), middle(band.column + 1, band.to));
        let half = (x2 - x1) / 2.0;
        // As many digits, as wide: a table of millions would leave nothing to see of the others.
        #[expect(clippy::cast_precision_loss, reason = "a logarithm of it is drawn")]
        let stroke = (band.rows as f64 + 1.0).log10().mul_add(1.8, 1.2);
        html.element(
            "path",
            &[
                ("class", &if band.rows == 0 { "band none" } else { "band" }),
                (
                    "d",
                    &format!(
                        "M{x1:.1} {y1:.1}C{:.1} {y1:.1} {:.1} {y2:.1} {x2:.1} {y2:.1}",
                        x1 + half,
                        x2 - half
                    ),
                ),
                ("stroke-width", &format!("{stroke:.1}")),
            ],
            |html| html.leaf("title", &[], &band.title),
        );
    }

    fn node(&self, html: &mut Html, node: &Node, column: usize, number: usize, height: f64) {
        let (x, y) = (left(column), self.top(column, number, height));
        html.element("g", &[("class", &"node")], |html| {
            html.leaf("title", &[], &node.name);
            html.element(
                "rect",
                &[
                    ("x", &x),
                    ("y", &format!("{y:.1}")),
                    ("width", &NODE_WIDTH),
                    ("height", &NODE_HEIGHT),
                    ("rx", &7),
                ],
                |_| {},
            );
            let line = |html: &mut Html, class: &'static str, down: f64, text: &str| {
                html.leaf(
                    "text",
                    &[
                        ("class", &class),
                        ("x", &(x + 11.0)),
                        ("y", &format!("{:.1}", y + down)),
                    ],
                    text,
                );
            };
            let name = shortened(&node.name);
            if name.chars().count() > NAME.0 {
                html.leaf(
                    "text",
                    &[
                        ("class", &"name"),
                        ("x", &(x + 11.0)),
                        ("y", &format!("{:.1}", y + 19.0)),
                        ("textLength", &(NODE_WIDTH - 22.0)),
                        ("lengthAdjust", &"spacingAndGlyphs"),
                    ],
                    name,
                );
            } else {
                line(html, "name", 19.0, &name);
            }
            line(html, "rows", 36.0, &node.rows);
            if let Some(lost) = &node.lost {
                html.leaf(
                    "text",
                    &[
                        ("class", &"lost"),
                        ("x", &(x + NODE_WIDTH - 11.0)),
                        ("y", &format!("{:.1}", y + 36.0)),
                    ],
                    lost,
                );
            }
        });
    }
}

/// A name that fits into its box; the whole one stands in the tables.
fn shortened(name: &str) -> String {
    if name.chars().count() <= NAME.1 {
        return name.to_owned();
    }
    let kept: String = name.chars().take(NAME.1 - 1).collect();
    format!("{kept}…")
}
