//! What stands below each other: paragraphs, headings, lists, quotations, code,
//! tables.

use super::inlines::longest_run;
use super::{Writer, name};
use crate::domain::outlet::Generator;
use dom_query::NodeRef;

/// Elements that stand below each other.
const BLOCKS: [&str; 32] = [
    "p",
    "div",
    "section",
    "article",
    "main",
    "header",
    "footer",
    "aside",
    "figure",
    "figcaption",
    "center",
    "details",
    "summary",
    "address",
    "nav",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "blockquote",
    "ul",
    "ol",
    "pre",
    "table",
    "hr",
    "dl",
    "dt",
    "dd",
    "li",
    "hgroup",
];

impl Writer<'_> {
    /// What stands in a node, block by block.
    pub(super) fn blocks(&self, node: &NodeRef<'_>) -> Vec<String> {
        let (mut blocks, mut run) = (Vec::new(), Vec::new());
        for child in node.children() {
            if holds_blocks(&child) {
                self.end_run(&mut run, &mut blocks);
                self.block(&child, &mut blocks);
            } else {
                run.push(child);
            }
        }
        self.end_run(&mut run, &mut blocks);
        blocks
    }

    /// Text between blocks is a paragraph.
    fn end_run(&self, run: &mut Vec<NodeRef<'_>>, blocks: &mut Vec<String>) {
        let line = self.line(run);
        if !line.is_empty() {
            blocks.push(line);
        }
        run.clear();
    }

    fn block(&self, node: &NodeRef<'_>, blocks: &mut Vec<String>) {
        match name(node).as_str() {
            heading @ ("h1" | "h2" | "h3" | "h4" | "h5" | "h6") => {
                let level = heading.trim_start_matches('h').parse().unwrap_or(2);
                let line = self.line(&node.children()).replace("\\\n", " ");
                if !line.is_empty() {
                    blocks.push(format!("{} {line}", "#".repeat(level)));
                }
            }
            "blockquote" => {
                let inner = self.blocks(node).join("\n\n");
                let lines: Vec<String> = inner
                    .lines()
                    .map(|line| if line.is_empty() { ">".to_owned() } else { format!("> {line}") })
                    .collect();
                blocks.extend((!inner.is_empty()).then(|| lines.join("\n")));
            }
            "ul" | "ol" => blocks.extend(self.list(node)),
            "pre" => blocks.push(self.fenced(node)),
            "table" => blocks.push(self.table(node)),
            "hr" => blocks.push("***".to_owned()),
            "dt" => {
                let line = self.line(&node.children());
                blocks.extend((!line.is_empty()).then(|| format!("**{line}**")));
            }
            _ => blocks.extend(self.blocks(node)),
        }
    }

    fn list(&self, list: &NodeRef<'_>) -> Option<String> {
        let is_ordered = name(list) == "ol";
        let first: i64 = list.attr("start").and_then(|start| start.parse().ok()).filter(|n| *n >= 0).unwrap_or(1);
        let (mut items, mut is_loose) = (Vec::new(), false);
        for (number, item) in (first..).zip(list.children().iter().filter(|child| name(child) == "li")) {
            let blocks = self.blocks(item);
            let marker = if is_ordered { format!("{number}. ") } else { "- ".to_owned() };
            let indent = " ".repeat(marker.len());
            is_loose |= item.children().iter().filter(|child| name(child) == "p").count() > 1;
            let lines = blocks.join("\n\n");
            let lines: Vec<String> = lines
                .lines()
                .enumerate()
                .map(|(at, line)| match (at, line.is_empty()) {
                    (0, _) => format!("{marker}{line}"),
                    (_, true) => String::new(),
                    (_, false) => format!("{indent}{line}"),
                })
                .collect();
            items.push(if lines.is_empty() { marker.trim_end().to_owned() } else { lines.join("\n") });
        }
        (!items.is_empty()).then(|| items.join(if is_loose { "\n\n" } else { "\n" }))
    }

    /// Code between fences that it holds none of (`CommonMark` section 4.5).
    fn fenced(&self, pre: &NodeRef<'_>) -> String {
        let code = pre.text();
        let code = code.trim_end_matches('\n').strip_prefix('\n').unwrap_or(code.trim_end_matches('\n'));
        let fence = "`".repeat(longest_run(code).max(2) + 1);
        format!("{fence}{}\n{}\n{fence}", language(pre).unwrap_or_default(), self.inert(code))
    }

    /// A table of single lines is GFM's; any other stays HTML.
    fn table(&self, table: &NodeRef<'_>) -> String {
        let rows: Vec<NodeRef<'_>> = table.descendants().into_iter().filter(|node| name(node) == "tr").collect();
        let is_plain = |cell: &NodeRef<'_>| {
            ["colspan", "rowspan"].iter().all(|span| cell.attr(span).is_none_or(|span| span.as_ref() == "1"))
                && !cell
                    .descendants()
                    .iter()
                    .any(|node| matches!(name(node).as_str(), "table" | "ul" | "ol" | "pre" | "blockquote"))
        };
        let width = rows.iter().map(|row| cells(row).len()).max().unwrap_or(0);
        if width == 0 || !rows.iter().all(|row| cells(row).iter().all(is_plain)) {
            return super::relinked(&crate::domain::html::CleanHtml::sanitise(&table.html(), None), self.links);
        }
        let mut lines: Vec<Vec<String>> = Vec::new();
        for row in &rows {
            let mut line: Vec<String> = cells(row).iter().map(|cell| self.cell(cell)).collect();
            line.resize(width, String::new());
            lines.push(line);
        }
        // GFM wants a head; a table without one gets an empty one.
        let has_head = rows.first().is_some_and(|row| cells(row).iter().all(|cell| name(cell) == "th"));
        if !has_head {
            lines.insert(0, vec![String::new(); width]);
        }
        lines.insert(1, vec!["---".to_owned(); width]);
        lines.iter().map(|cells| format!("| {} |", cells.join(" | "))).collect::<Vec<_>>().join("\n")
    }

    fn cell(&self, cell: &NodeRef<'_>) -> String {
        let lines: Vec<String> = self.blocks(cell).iter().map(|block| block.replace("\\\n", "<br>")).collect();
        lines.join("<br>").replace('\n', " ").replace('|', "\\|")
    }

    /// Code in which a generator finds no command: in code no reference would be read.
    pub(super) fn inert(&self, code: &str) -> String {
        let pairs: &[(&str, &str)] = match self.generator {
            // gohugo.io/content-management/shortcodes: what is commented out is shown as it stands.
            Generator::Hugo => &[("{{<", ">}}"), ("{{%", "%}}")],
            // getzola.org/documentation/content/shortcodes
            Generator::Zola => &[("{{", "}}"), ("{%", "%}")],
            // Jekyll is told not to look (`render_with_liquid`), and Astro has no commands in Markdown.
            Generator::Jekyll | Generator::Astro => &[],
        };
        pairs.iter().fold(code.to_owned(), |code, (open, close)| commented(&code, open, close))
    }
}

/// The cells of a row.
fn cells<'a>(row: &NodeRef<'a>) -> Vec<NodeRef<'a>> {
    row.children().into_iter().filter(|cell| matches!(name(cell).as_str(), "td" | "th")).collect()
}

/// Each `open … close` with its inside commented out.
fn commented(code: &str, open: &str, close: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(code.len()), code);
    while let Some((before, behind)) = rest.split_once(open) {
        let Some((inside, after)) = behind.split_once(close) else { break };
        out.push_str(before);
        for part in [open, "/*", inside, "*/", close] {
            out.push_str(part);
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// Whether a node is a block, or has one in it.
fn holds_blocks(node: &NodeRef<'_>) -> bool {
    let is_block = |node: &NodeRef<'_>| BLOCKS.contains(&name(node).as_str());
    is_block(node) || node.descendants().iter().any(is_block)
}

/// The language of code, by its class.
fn language(pre: &NodeRef<'_>) -> Option<String> {
    let nodes = std::iter::once(*pre).chain(pre.descendants());
    let classes = nodes.filter_map(|node| node.attr("class")).map(|class| class.to_string());
    classes
        .flat_map(|classes| classes.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
        .find_map(|class| class.strip_prefix("language-").or_else(|| class.strip_prefix("lang-")).map(str::to_owned))
}
