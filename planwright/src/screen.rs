//! A whole screen of a terminal, drawn again whenever something changes.
//!
//! Invariant: when the screen is dropped, the terminal is as it was before, also after a panic. What has to stay is
//! printed then.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use plan_core::engine::{Tree, TreeLine};
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;
use ratatui::{DefaultTerminal, Frame};
use tokio::sync::mpsc;

/// The content of a screen.
#[derive(Debug, Clone, Default)]
pub(crate) struct Page {
    /// The first lines.
    pub(crate) head: Vec<String>,
    /// The trees that change.
    pub(crate) trees: Vec<Tree>,
    /// The notes below the trees.
    pub(crate) notes: Vec<String>,
    /// The last line.
    pub(crate) foot: String,
}

/// Whether a screen has colors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colours {
    /// With colors.
    On,
    /// Without colors.
    Off,
}

/// What someone at the terminal wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// To leave.
    Leave,
    /// To see the page again, since it has scrolled or the screen has changed.
    Again,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    Leave,
    By(i32),
    Again,
}

/// A screen.
#[derive(Debug)]
pub(crate) struct Screen {
    terminal: DefaultTerminal,
    colours: Colours,
    scroll: u16,
    keys: mpsc::UnboundedReceiver<Key>,
    over: Arc<AtomicBool>,
    reader: Option<JoinHandle<()>>,
}

impl Screen {
    /// Takes the terminal.
    ///
    /// # Errors
    /// There is no terminal, or it is gone.
    pub(crate) fn open(colours: Colours) -> io::Result<Self> {
        let terminal = ratatui::try_init()?;
        let (pressed, keys) = mpsc::unbounded_channel();
        let over = Arc::new(AtomicBool::new(false));
        let reader = {
            let over = over.clone();
            std::thread::spawn(move || read_keys(&over, &pressed))
        };
        Ok(Self { terminal, colours, scroll: 0, keys, over, reader: Some(reader) })
    }

    /// Draws a page.
    ///
    /// # Errors
    /// The terminal is gone.
    pub(crate) fn draw(&mut self, page: &Page) -> io::Result<()> {
        let (colours, scroll) = (self.colours, &mut self.scroll);
        self.terminal.draw(|frame| *scroll = render(frame, page, colours, *scroll))?;
        Ok(())
    }

    /// Waits until someone wants something.
    pub(crate) async fn wish(&mut self) -> Wish {
        match self.keys.recv().await {
            // The reader ends with the terminal.
            None | Some(Key::Leave) => Wish::Leave,
            Some(Key::Again) => Wish::Again,
            Some(Key::By(lines)) => {
                let scroll = i32::from(self.scroll).saturating_add(lines);
                self.scroll = u16::try_from(scroll.clamp(0, i32::from(u16::MAX))).unwrap_or(u16::MAX);
                Wish::Again
            }
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(reader) = self.reader.take() {
            // After a panic of the reader, only its end is known.
            let _ = reader.join();
        }
        ratatui::restore();
    }
}

/// Reads keys until the screen is closed. Each wait for a key is short, so the end is soon noticed.
fn read_keys(over: &AtomicBool, pressed: &mpsc::UnboundedSender<Key>) {
    while !over.load(Ordering::Relaxed) {
        let event = match event::poll(Duration::from_millis(100)) {
            Ok(false) => continue,
            Ok(true) => event::read(),
            Err(error) => Err(error),
        };
        let key = match event {
            Ok(Event::Key(key)) if key.kind != KeyEventKind::Release => match key.code {
                KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => Key::Leave,
                KeyCode::Char('q') | KeyCode::Esc => Key::Leave,
                KeyCode::Up | KeyCode::Char('k') => Key::By(-1),
                KeyCode::Down | KeyCode::Char('j') => Key::By(1),
                KeyCode::PageUp => Key::By(-20),
                KeyCode::PageDown | KeyCode::Char(' ') => Key::By(20),
                KeyCode::Home => Key::By(-i32::from(u16::MAX)),
                KeyCode::End => Key::By(i32::from(u16::MAX)),
                _ => continue,
            },
            Ok(Event::Resize(..)) => Key::Again,
            Ok(_) => continue,
            Err(_) => return,
        };
        if pressed.send(key).is_err() {
            return;
        }
    }
}

/// Draws a page from a line of its trees on. Returns the line, which is lower if that was too far down.
fn render(frame: &mut Frame<'_>, page: &Page, colours: Colours, scroll: u16) -> u16 {
    let mut body: Vec<Line<'_>> = Vec::new();
    for tree in &page.trees {
        if !body.is_empty() {
            body.push(Line::default());
        }
        body.extend(tree.lines().into_iter().map(|line| drawn(line, colours)));
    }
    if !page.notes.is_empty() {
        body.push(Line::default());
        body.extend(page.notes.iter().map(|note| Line::raw(note.as_str())));
    }
    let head: Vec<Line<'_>> = page.head.iter().map(|line| Line::raw(line.as_str())).collect();
    let height = u16::try_from(head.len()).unwrap_or(u16::MAX);
    let [top, _, middle, bottom] = Layout::vertical([
        Constraint::Length(height),
        Constraint::Length(1),
        Constraint::Min(1),
        Constraint::Length(1),
    ])
    .areas(frame.area());
    let beyond = u16::try_from(body.len()).unwrap_or(u16::MAX).saturating_sub(middle.height);
    let scroll = scroll.min(beyond);
    let more = if beyond > scroll {
        format!("{}   ↓ {} more lines", page.foot, beyond - scroll)
    } else {
        page.foot.clone()
    };
    frame.render_widget(Paragraph::new(head), top);
    frame.render_widget(Paragraph::new(body).scroll((scroll, 0)), middle);
    frame.render_widget(Paragraph::new(Line::styled(more, Style::new().add_modifier(Modifier::DIM))), bottom);
    scroll
}

fn drawn(line: TreeLine, colours: Colours) -> Line<'static> {
    let mut spans = vec![Span::raw(line.stem), Span::raw(line.label)];
    if let Some(status) = line.status {
        let style = if colours == Colours::On { colour(&status) } else { Style::new() };
        spans.push(Span::styled(format!(" ({status})"), style));
    }
    Line::from(spans)
}

/// The color that repeats a status.
fn colour(status: &str) -> Style {
    let word = status.split(',').next().unwrap_or(status);
    Style::new().fg(match word {
        "COMPLETE" | "RUNNING" | "FINISHED" => Color::Green,
        "ERROR" | "FAILED" | "LOST" => Color::Red,
        "WAITING" | "DELAYED" | "PAUSED" | "PAUSING" => Color::Yellow,
        "PENDING" => Color::Reset,
        _ => Color::Cyan,
    })
}

#[cfg(test)]
mod tests {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;

    use super::*;

    fn page() -> Page {
        let steps = (0..6).map(|nth| Tree::leaf(format!("web-{nth}:[server]"), Some("COMPLETE".to_owned())));
        let plan = Tree {
            label: "deploy (serial strategy)".to_owned(),
            status: Some("IN_PROGRESS".to_owned()),
            below: steps.collect(),
        };
        Page {
            head: vec!["web at http://127.0.0.1:8080".to_owned()],
            trees: vec![plan],
            notes: vec!["recovery: nothing".to_owned()],
            foot: "q: leave".to_owned(),
        }
    }

    fn frame(height: u16, scroll: u16) -> (String, u16) {
        let mut terminal = Terminal::new(TestBackend::new(44, height)).unwrap();
        let mut to = 0;
        terminal.draw(|frame| to = render(frame, &page(), Colours::On, scroll)).unwrap();
        (terminal.backend().to_string(), to)
    }

    #[test]
    fn a_page_that_fits_is_shown_whole() {
        insta::assert_snapshot!(frame(14, 5).0);
        assert_eq!(frame(14, 5).1, 0);
    }

    #[test]
    fn a_page_that_does_not_fit_is_shown_in_part() {
        insta::assert_snapshot!(frame(7, 2).0);
        assert_eq!(frame(7, 100).1, 5, "and not beyond its end");
    }
}
