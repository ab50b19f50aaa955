//! How it looks.

use crate::dialog::Dialog;
use crate::rows::{Kindness, Row, Shown};
use crate::state::Menu;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Position, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph, Wrap};

const KEYS: &str = " enter open  space switch  ? help  / search  z all  s save  q leave  h keys";

fn bold() -> Style {
    Style::default().add_modifier(Modifier::BOLD)
}

fn dim() -> Style {
    Style::default().fg(Color::DarkGray)
}

fn marked() -> Style {
    Style::default().add_modifier(Modifier::REVERSED)
}

impl Menu<'_> {
    /// Draws everything.
    pub fn draw(&mut self, frame: &mut Frame<'_>) {
        let [head, list, foot, keys] =
            Layout::vertical([Constraint::Length(1), Constraint::Min(3), Constraint::Length(2), Constraint::Length(1)]).areas(frame.area());
        let change = if self.is_changed() { " (changed)" } else { "" };
        let all = if self.shown == Shown::All { " (all options)" } else { "" };
        let path = [vec![self.title.clone()], self.path()].concat().join(" > ");
        frame.render_widget(Paragraph::new(Line::styled(format!(" {path}{change}{all}"), bold())), head);
        self.draw_list(frame, list);
        frame.render_widget(Paragraph::new(self.status()).wrap(Wrap { trim: false }), foot);
        frame.render_widget(Paragraph::new(Line::styled(KEYS, dim())), keys);
        self.page = usize::from(list.height.saturating_sub(2)).max(1);
        if let Some(dialog) = self.dialog.clone() {
            self.draw_dialog(frame, &dialog);
        }
    }

    fn draw_list(&mut self, frame: &mut Frame<'_>, area: Rect) {
        let rows = self.rows();
        let block = Block::bordered();
        let inner = block.inner(area);
        frame.render_widget(block, area);
        let height = usize::from(inner.height).max(1);
        let at = self.cursor();
        self.top = self.top.min(at).max((at + 1).saturating_sub(height)).min(rows.len().saturating_sub(height));
        let lines: Vec<Line<'_>> = rows
            .iter()
            .enumerate()
            .skip(self.top)
            .take(height)
            .map(|(number, row)| {
                let style = if number == at {
                    marked()
                } else if row.is_offered {
                    Style::default()
                } else {
                    dim()
                };
                Line::styled(format!("{:<width$}", line(row), width = usize::from(inner.width)), style)
            })
            .collect();
        let empty = lines.is_empty();
        frame.render_widget(if empty { Paragraph::new(" (nothing here)") } else { Paragraph::new(lines) }, inner);
        // More above or below.
        for (is_more, y, sign) in [(self.top > 0, area.y, "^"), (self.top + height < rows.len(), area.bottom().saturating_sub(1), "v")] {
            if is_more && area.width > 4 {
                frame.render_widget(Paragraph::new(sign), Rect::new(area.right() - 3, y, 1, 1));
            }
        }
    }

    /// The two lines below the list: what is marked, and why it is so.
    fn status(&self) -> Vec<Line<'static>> {
        if let Some(message) = &self.message {
            return vec![Line::styled(format!(" {message}"), bold())];
        }
        let Some(row) = self.current() else { return Vec::new() };
        let Some(symbol) = row.symbol() else { return Vec::new() };
        let name = &self.config.kconfig().symbol(symbol).name;
        let value = self.config.value(symbol).text;
        let mut lines = vec![Line::from(format!(" CONFIG_{name}={value}  ({})", self.config.why(symbol)))];
        let node = self.config.kconfig().node(row.node);
        if let Some(obstacle) = self.obstacle() {
            lines.push(Line::from(format!(" {obstacle}")));
        } else if let Some(limits) = self.config.limits_text(symbol) {
            lines.push(Line::from(format!(" from {limits}")));
        } else if !node.depends.is_yes() {
            lines.push(Line::from(format!(" depends on {}", node.depends.display(self.config.kconfig()))));
        }
        lines
    }

    fn draw_dialog(&self, frame: &mut Frame<'_>, dialog: &Dialog) {
        let full = frame.area();
        match dialog {
            Dialog::Text { title, lines, top } => {
                let width = 76.min(full.width.saturating_sub(2));
                let inside = usize::from(width.saturating_sub(2)).max(1);
                let height: usize = lines.iter().map(|line| line.chars().count().div_ceil(inside).max(1)).sum();
                let height = u16::try_from(height + 2).unwrap_or(u16::MAX);
                let inner = window(frame, centred(full, width, height), title, "any other key closes");
                // What fits is not scrolled.
                let top = if height > inner.height + 2 { *top } else { 0 };
                let shown: Vec<Line<'_>> = lines.iter().skip(top).map(|line| Line::from(line.as_str())).collect();
                frame.render_widget(Paragraph::new(shown).wrap(Wrap { trim: false }), inner);
            }
            Dialog::Search { field, hits, at } => {
                let inner = window(frame, centred(full, 76, 100), "Look for an option", "enter goes there, escape closes");
                let [line, list] = Layout::vertical([Constraint::Length(2), Constraint::Min(1)]).areas(inner);
                draw_field(frame, line, field);
                let height = usize::from(list.height).max(1);
                let top = (at + 1).saturating_sub(height);
                let shown = hits.iter().enumerate().skip(top).take(height);
                let mut lines: Vec<Line<'_>> = shown
                    .map(|(number, hit)| Line::styled(hit.text.as_str(), if number == *at { marked() } else { Style::default() }))
                    .collect();
                if lines.is_empty() && !field.text().trim().is_empty() {
                    lines.push(Line::styled("nothing found", dim()));
                }
                frame.render_widget(Paragraph::new(lines), list);
            }
            Dialog::Entry { symbol, field, problem } => {
                let title = crate::rows::title_of(self.config.kconfig(), *symbol);
                let kind = self.config.kconfig().symbol(*symbol).kind.as_str();
                let range = self.config.limits_text(*symbol).map(|limits| format!(", from {limits}")).unwrap_or_default();
                let inner = window(frame, centred(full, 60, 6), &format!("{title} ({kind}{range})"), "enter takes it, escape does not");
                let [line, below] = Layout::vertical([Constraint::Length(2), Constraint::Min(1)]).areas(inner);
                draw_field(frame, line, field);
                let problem = problem.clone().unwrap_or_default();
                frame.render_widget(Paragraph::new(Line::styled(problem, bold())).wrap(Wrap { trim: false }), below);
            }
            Dialog::Leave => {
                let inner = window(frame, centred(full, 50, 5), "Save your changes?", "");
                let line = |key: &'static str, text: &'static str| Line::from(vec![Span::styled(key, bold()), Span::raw(text)]);
                let lines = vec![line("y", "  save and leave"), line("n", "  leave without saving"), line("escape", "  stay")];
                frame.render_widget(Paragraph::new(lines), inner);
            }
        }
    }
}

fn line(row: &Row) -> String {
    let Row { depth, kindness, has_inside, mark, title, .. } = row;
    let indent = "  ".repeat(*depth);
    let arrow = if *has_inside { "  --->" } else { "" };
    match kindness {
        Kindness::Text => format!("     {indent}*** {title} ***"),
        Kindness::Inside if mark.is_empty() => format!("     {indent}{title}{arrow}"),
        Kindness::Inside => format!("     {indent}{title} {mark}{arrow}"),
        _ => format!(" {mark} {indent}{title}{arrow}"),
    }
}

/// A part of the screen in its middle, at most so wide and high.
fn centred(full: Rect, width: u16, height: u16) -> Rect {
    let (width, height) = (width.min(full.width.saturating_sub(2)), height.min(full.height.saturating_sub(2)));
    Rect::new(full.x + (full.width - width) / 2, full.y + (full.height - height) / 2, width, height)
}

/// An empty window with a frame; returns what is inside.
fn window(frame: &mut Frame<'_>, area: Rect, title: &str, foot: &str) -> Rect {
    let mut block = Block::bordered().title(format!(" {title} "));
    if !foot.is_empty() {
        block = block.title_bottom(format!(" {foot} "));
    }
    let inner = block.inner(area);
    frame.render_widget(Clear, area);
    frame.render_widget(block, area);
    inner
}

fn draw_field(frame: &mut Frame<'_>, area: Rect, field: &crate::dialog::Field) {
    let width = usize::from(area.width).max(1);
    // What does not fit runs out on the left.
    let skipped = (field.cursor() + 1).saturating_sub(width);
    let text: String = field.text().chars().skip(skipped).take(width).collect();
    let style = Style::default().add_modifier(Modifier::UNDERLINED);
    frame.render_widget(Paragraph::new(Line::styled(format!("{text:<width$}"), style)), Rect { height: area.height.min(1), ..area });
    let column = u16::try_from(field.cursor() - skipped).unwrap_or(0);
    frame.set_cursor_position(Position::new(area.x + column, area.y));
}
