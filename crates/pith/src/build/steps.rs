//! How a build goes on: lines that move on a terminal, plain lines elsewhere.

use crate::report::Report;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use pith_dockerfile::engine::report as built_in;
use pith_image::Digest;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How many of a failed step's last lines are shown on a terminal, where they were not shown as they came.
const LAST_LINES: usize = 20;

struct Step {
    title: String,
    bar: Option<ProgressBar>,
    /// What it wrote, when that was not shown.
    lines: Vec<String>,
}

/// The steps of a build.
pub struct Steps {
    voice: Report,
    bars: Option<MultiProgress>,
    /// By the builder's own names for them.
    running: Mutex<BTreeMap<String, Step>>,
}

impl Steps {
    pub fn new(report: &Report) -> Self {
        Self { voice: report.clone(), bars: report.is_interactive().then(MultiProgress::new), running: Mutex::default() }
    }

    fn say(&self, text: &str) {
        match &self.bars {
            Some(bars) => bars.suspend(|| self.voice.info(text)),
            None => self.voice.info(text),
        }
    }

    fn start(&self, step: &str, title: &str) {
        let bar = self.bars.as_ref().map(|bars| {
            let bar = bars.add(ProgressBar::new_spinner().with_message(title.to_owned()));
            bar.enable_steady_tick(Duration::from_millis(100));
            ProgressStyle::with_template("{spinner} {wide_msg} {elapsed}").map_or(bar.clone(), |style| bar.with_style(style))
        });
        if bar.is_none() {
            self.say(title);
        }
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.insert(step.to_owned(), Step { title: title.to_owned(), bar, lines: Vec::new() });
    }

    fn output(&self, step: &str, line: &str) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(step) = running.get_mut(step) else { return };
        match &step.bar {
            Some(bar) => {
                bar.set_message(format!("{}: {line}", step.title));
                if step.lines.len() == LAST_LINES {
                    step.lines.remove(0);
                }
                step.lines.push(line.to_owned());
            }
            None => self.voice.info(&format!("  {line}")),
        }
    }

    fn finish(&self, step: &str, ending: &str) {
        let step = self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(step);
        let Some(Step { title, bar: Some(bar), lines }) = step else { return };
        bar.finish_and_clear();
        self.say(&format!("{title}{ending}"));
        if ending == FAILED {
            lines.iter().for_each(|line| self.say(&format!("  {line}")));
        }
    }
}

const FAILED: &str = ": failed";

fn ending(cached: bool) -> &'static str {
    if cached { " (cached)" } else { "" }
}

impl built_in::Reporter for Steps {
    fn event(&self, event: built_in::Event<'_>) {
        match event {
            built_in::Event::Warning(warning) => {
                let text = format!("Dockerfile:{}:{}: {}", warning.line, warning.column, warning.message);
                match &self.bars {
                    Some(bars) => bars.suspend(|| self.voice.warn(&text)),
                    None => self.voice.warn(&text),
                }
            }
            built_in::Event::Started { step, title } => self.start(&step.to_string(), title),
            built_in::Event::Output { step, line, .. } => self.output(&step.to_string(), &String::from_utf8_lossy(line)),
            built_in::Event::Finished { step, cached } => self.finish(&step.to_string(), ending(cached)),
            built_in::Event::Failed { step } => self.finish(&step.to_string(), FAILED),
        }
    }
}

impl pith_buildkit::Progress for Steps {
    fn event(&self, event: pith_buildkit::Event<'_>) {
        match event {
            pith_buildkit::Event::Started { step, name } => self.start(step, name),
            pith_buildkit::Event::Ended { step, cached, error, .. } => {
                self.finish(step, if error.is_empty() { ending(cached) } else { FAILED });
            }
            pith_buildkit::Event::Output { step, bytes } => {
                String::from_utf8_lossy(bytes).lines().for_each(|line| self.output(step, line));
            }
        }
    }
}

/// Images on their way.
pub struct Transfers {
    voice: Report,
    bars: Option<MultiProgress>,
    running: Mutex<BTreeMap<Digest, ProgressBar>>,
}

impl Transfers {
    pub fn new(report: &Report) -> Self {
        Self { voice: report.clone(), bars: report.is_interactive().then(MultiProgress::new), running: Mutex::default() }
    }
}

impl pith_image::Reporter for Transfers {
    fn event(&self, event: pith_image::Event<'_>) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            pith_image::Event::Resolving { reference, mapped_to: None } => self.voice.debug(&format!("looking up {reference}")),
            pith_image::Event::Resolving { reference, mapped_to: Some(target) } => {
                self.voice.debug(&format!("looking up {reference} as {target}"));
            }
            pith_image::Event::Present { digest } => self.voice.debug(&format!("{digest} is here already")),
            pith_image::Event::Transfer { digest, done, total } => {
                let Some(bars) = &self.bars else { return };
                let bar = running.entry(digest.clone()).or_insert_with(|| {
                    let bar =
                        bars.add(ProgressBar::new(total).with_message(digest.to_string().chars().skip(7).take(12).collect::<String>()));
                    let style = ProgressStyle::with_template("{msg} {wide_bar} {bytes}/{total_bytes}");
                    style.map_or(bar.clone(), |style| bar.with_style(style))
                });
                bar.set_position(done);
            }
            pith_image::Event::Done { digest } => {
                if let Some(bar) = running.remove(digest) {
                    bar.finish_and_clear();
                }
            }
            pith_image::Event::Retry { what, problem } => self.voice.warn(&format!("{what}: {problem}; trying again")),
        }
    }
}
