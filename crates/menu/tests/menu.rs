//! The menu by its keys, drawn on a screen in memory.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use pith_kconfig::{Config, Kconfig, Origin, Variables};
use pith_menu::{End, Flow, Menu};
use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use std::collections::HashMap;

const TREE: &str = r#"
mainmenu "Test"
config BASE
	bool
	default y
	select CORE
config CORE
	bool "core"
	help
	  What everything stands on.
config NET
	bool "network"
	help
	  TCP/IP.
config IPV6
	bool "version 6"
	depends on NET
menu "Numbers"
comment "limits"
config QUEUES
	int "queues"
	range 1 8
	default 2
config START
	hex "start"
	default 0x1000
	range 0x1000 0xffff
config NAME
	string "name"
	default "pith"
endmenu
choice
	prompt "speed"
	default SMALL
config SMALL
	bool "small"
config FAST
	bool "fast"
endchoice
menuconfig DEBUG
	bool "debugging"
config TRACE
	bool "trace calls"
	depends on DEBUG
config SECRET
	bool "secret"
	depends on NET && DEBUG
	help
	  Offered with both only.
menu "Nothing"
	depends on TRACE
config DEEP
	bool "deep"
endmenu
"#;

fn tree() -> Kconfig {
    Kconfig::load(&HashMap::from([("Kconfig", TREE)]), "Kconfig", &Variables::default()).unwrap()
}

fn press(menu: &mut Menu<'_>, code: KeyCode) -> Flow {
    menu.key(KeyEvent::new(code, KeyModifiers::NONE))
}

/// Presses keys: characters as they are, and names in angle brackets.
fn keys(menu: &mut Menu<'_>, text: &str) -> Flow {
    let mut flow = Flow::Stay;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let (code, len) = match rest.strip_prefix('<').and_then(|inner| inner.split_once('>')) {
            Some((name, _)) => {
                let code = match name {
                    "up" => KeyCode::Up,
                    "down" => KeyCode::Down,
                    "left" => KeyCode::Left,
                    "right" => KeyCode::Right,
                    "enter" => KeyCode::Enter,
                    "esc" => KeyCode::Esc,
                    "back" => KeyCode::Backspace,
                    "home" => KeyCode::Home,
                    "end" => KeyCode::End,
                    "pagedown" => KeyCode::PageDown,
                    "pageup" => KeyCode::PageUp,
                    other => panic!("no key {other}"),
                };
                (code, name.len() + 2)
            }
            None => (KeyCode::Char(c), c.len_utf8()),
        };
        flow = press(menu, code);
        rest = &rest[len..];
    }
    flow
}

fn screen(menu: &mut Menu<'_>) -> String {
    screen_of(menu, 78, 20)
}

fn screen_of(menu: &mut Menu<'_>, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| menu.draw(frame)).unwrap();
    let buffer = terminal.backend().buffer().clone();
    let rows: Vec<String> =
        (0..height).map(|y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned()).collect();
    rows.join("\n")
}

fn value(menu: &Menu<'_>, name: &str) -> String {
    let config = menu.config();
    config.value(config.kconfig().find(name).unwrap()).text
}

fn line_with(screen: &str, text: &str) -> String {
    screen
        .lines()
        .find(|line| line.contains(text))
        .unwrap_or_else(|| panic!("no {text:?} in\n{screen}"))
        .trim_matches(['\u{2502}', ' '])
        .to_owned()
}

#[test]
fn the_first_screen() {
    let tree = tree();
    let mut menu = Menu::new(Config::new(&tree), "app, qemu/x86_64");
    insta::assert_snapshot!(screen(&mut menu));
}

#[test]
fn options_are_switched_and_what_depends_on_them_appears() {
    let tree = tree();
    let mut menu = Menu::new(Config::new(&tree), "t");
    assert!(!screen(&mut menu).contains("version 6"));
    keys(&mut menu, "j ");
    assert_eq!(value(&menu, "NET"), "y");
    let shown = screen(&mut menu);
    assert_eq!(line_with(&shown, "version 6"), "[ ]   version 6");
    assert!(shown.contains("(changed)"));
    keys(&mut menu, "<down>y");
    assert_eq!(value(&menu, "IPV6"), "y");
    keys(&mut menu, "<up>n");
    assert_eq!(value(&menu, "IPV6"), "n");
    assert_eq!(line_with(&screen(&mut menu), "CONFIG_NET"), "CONFIG_NET=n  (set by the menu)");
}

#[test]
fn what_others_need_cannot_be_switched_off() {
    let tree = tree();
    let mut menu = Menu::new(Config::new(&tree), "t");
    let shown = screen(&mut menu);
    assert_eq!(line_with(&shown, "-*-"), "-*- core");
    keys(&mut menu, " ");
    assert_eq!(line_with(&screen(&mut menu), "needed by"), "needed by BASE");
    assert_eq!(value(&menu, "CORE"), "y");
    assert!(!menu.is_changed());
}

#[test]
fn numbers_are_checked() {
    let tree = tree();
    let mut menu = Menu::new(Config::new(&tree), "t");
    keys(&mut menu, "jj<enter>");
    insta::assert_snapshot!("numbers", screen(&mut menu));
    // The comment is a row of its own.
    keys(&mut menu, "j<enter><back>9<enter>");
    insta::assert_snapshot!("entry", screen(&mut menu));
    assert_eq!(value(&menu, "QUEUES"), "2");
    keys(&mut menu, "<back>x<enter>");
    assert!(screen(&mut menu).contains("expected a whole number"));
    keys(&mut menu, "<back>8<enter>");
    assert_eq!(value(&menu, "QUEUES"), "8");
    keys(&mut menu, "j<enter><home><right><right><right><right><right><right>0<enter>");
    assert!(screen(&mut menu).contains("expected a number from 0x1000 to 0xffff"));
    keys(&mut menu, "<esc><enter><back><back><back>abc<enter>");
    assert_eq!(value(&menu, "START"), "0x1abc");
    keys(&mut menu, "j<enter> \u{fc}<enter>");
    assert_eq!(value(&menu, "NAME"), "pith \u{fc}");
}

#[test]
fn one_of_a_choice_is_picked() {
    let tree = tree();
    let mut menu = Menu::new(Config::new(&tree), "t");
    assert_eq!(line_with(&screen(&mut menu), "speed"), "speed (small)  --->");
    keys(&mut menu, "jjj<enter>");
    let shown = screen(&mut menu);
    assert_eq!((line_with(&shown, "(X)"), line_with(&shown, "( )")), ("(X) small".to_owned(), "( ) fast".to_owned()));
    keys(&mut menu, "jn");
    assert!(screen(&mut menu).contains("pick another one instead"));
    keys(&mut menu, " ");
    assert_eq!((value(&menu, "FAST"), value(&menu, "SMALL")), ("y".to_owned(), "n".to_owned()));
    assert_eq!(line_with(&screen(&mut menu), "speed"), "speed (fast)  --->");
}

#[test]
fn menus_are_gone_into_and_out_of() {
    let tree = tree();
    let mut menu = Menu::new(Config::new(&tree), "t");
    keys(&mut menu, "<end>y<enter>");
    let shown = screen(&mut menu);
    assert!(shown.starts_with(" t > debugging"), "{shown}");
    keys(&mut menu, " <esc>");
    assert_eq!(value(&menu, "TRACE"), "y");
    // The cursor is where it was.
    assert_eq!(line_with(&screen(&mut menu), "CONFIG_"), "CONFIG_DEBUG=y  (set by the menu)");
    assert!(screen(&mut menu).contains("Nothing  --->"));
    keys(&mut menu, "<left><home>");
    assert_eq!(line_with(&screen(&mut menu), "CONFIG_"), "CONFIG_CORE=y  (selected by BASE)");
}

#[test]
fn everything_can_be_shown_with_what_it_needs() {
    let tree = tree();
    let mut menu = Menu::new(Config::new(&tree), "t");
    keys(&mut menu, "z");
    insta::assert_snapshot!("all", screen(&mut menu));
    keys(&mut menu, "<end><up><enter><end> ");
    assert_eq!(line_with(&screen(&mut menu), "needs"), "needs NET, which is n and DEBUG, which is n");
    assert_eq!(value(&menu, "SECRET"), "n");
    keys(&mut menu, "z");
    assert!(!screen(&mut menu).contains("(all options)"));
}

#[test]
fn options_are_found_wherever_they_are() {
    let tree = tree();
    let mut menu = Menu::new(Config::new(&tree), "t");
    keys(&mut menu, "/config_t");
    insta::assert_snapshot!("search", screen(&mut menu));
    keys(&mut menu, "r<down><enter>");
    let shown = screen(&mut menu);
    assert!(shown.starts_with(" t > debugging (all options)"), "{shown}");
    assert!(line_with(&shown, "CONFIG_").starts_with("CONFIG_TRACE=n"), "{shown}");
    // Back out of it, the menus on the way stand where one came through.
    keys(&mut menu, "<esc>");
    assert!(line_with(&screen(&mut menu), "CONFIG_").starts_with("CONFIG_DEBUG=n"));
    keys(&mut menu, "/queue<enter>");
    assert!(screen(&mut menu).starts_with(" t > Numbers"));
    keys(&mut menu, "/nothing at all");
    assert!(screen(&mut menu).contains("nothing found"));
    assert_eq!(keys(&mut menu, "<enter><esc>"), Flow::Stay);
    assert!(screen(&mut menu).starts_with(" t > Numbers"));
}

#[test]
fn help_tells_everything_about_an_option() {
    let tree = tree();
    let mut menu = Menu::new(Config::new(&tree), "t");
    keys(&mut menu, "j?");
    insta::assert_snapshot!("help", screen(&mut menu));
    keys(&mut menu, "xh");
    insta::assert_snapshot!("keys", screen(&mut menu));
    // Long texts can be scrolled, and no further than their end.
    keys(&mut menu, "<pagedown><pagedown><down>");
    assert!(screen(&mut menu).contains("[*] on"));
    keys(&mut menu, "q");
    keys(&mut menu, "jj?");
    assert!(screen(&mut menu).contains("defined at: Kconfig:"));
}

#[test]
fn leaving_asks_when_something_is_unsaved() {
    let tree = tree();
    let mut menu = Menu::new(Config::new(&tree), "t");
    assert_eq!(keys(&mut menu, "q"), Flow::Leave(End::Saved));
    assert_eq!(keys(&mut menu, "<esc>"), Flow::Leave(End::Saved));
    keys(&mut menu, "j ");
    assert_eq!(keys(&mut menu, "<esc>"), Flow::Stay);
    insta::assert_snapshot!("leave", screen(&mut menu));
    assert_eq!(keys(&mut menu, "x"), Flow::Stay);
    assert_eq!(keys(&mut menu, "<esc>"), Flow::Stay);
    assert_eq!(keys(&mut menu, "qn"), Flow::Leave(End::Discarded));
    assert_eq!(keys(&mut menu, "qy"), Flow::Save);
    assert_eq!(menu.failed("the disk is full"), Flow::Stay);
    assert!(screen(&mut menu).contains("the disk is full"));
    keys(&mut menu, "x");
    assert_eq!(keys(&mut menu, "s"), Flow::Save);
    assert_eq!(menu.saved(".config.app"), Flow::Stay);
    assert!(screen(&mut menu).contains("saved to .config.app"));
    assert_eq!(keys(&mut menu, "q"), Flow::Leave(End::Saved));
    keys(&mut menu, " ");
    assert_eq!(keys(&mut menu, "Q"), Flow::Leave(End::Discarded));
    assert_eq!(keys(&mut menu, "qy"), Flow::Save);
    assert_eq!(menu.saved("x"), Flow::Leave(End::Saved));
}

#[test]
fn control_c_leaves_and_asks_like_q() {
    let tree = tree();
    let mut menu = Menu::new(Config::new(&tree), "t");
    keys(&mut menu, "j ");
    let control = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert_eq!(menu.key(control), Flow::Stay);
    assert!(screen(&mut menu).contains("Save your changes?"));
    let mut release = KeyEvent::new(KeyCode::Char('n'), KeyModifiers::NONE);
    release.kind = KeyEventKind::Release;
    assert_eq!(menu.key(release), Flow::Stay);
}

#[test]
fn a_long_menu_scrolls() {
    let mut text = String::new();
    for number in 0..40 {
        text += &format!("config A{number}\n\tbool \"option {number}\"\n");
    }
    let tree = Kconfig::load(&HashMap::from([("Kconfig", text.as_str())]), "Kconfig", &Variables::default()).unwrap();
    let mut menu = Menu::new(Config::new(&tree), "t");
    let first = screen_of(&mut menu, 40, 12);
    assert!(first.contains("option 5") && !first.contains("option 6") && first.contains('v'));
    keys(&mut menu, "<pagedown>");
    let second = screen_of(&mut menu, 40, 12);
    assert!(second.contains("option 6") && second.contains('^'), "{second}");
    keys(&mut menu, "<end>");
    assert!(screen_of(&mut menu, 40, 12).contains("option 39"));
    keys(&mut menu, "<pageup><home>");
    assert_eq!(screen_of(&mut menu, 40, 12), first);
}

#[test]
fn what_is_saved_reads_back() {
    let tree = tree();
    let mut menu = Menu::new(Config::new(&tree), "t");
    keys(&mut menu, "j jjj<enter>j ");
    let text = menu.config().write("");
    let mut again = Config::new(&tree);
    assert_eq!(again.read("saved", &text), []);
    assert_eq!(again.write(""), text);
    assert!(text.contains("CONFIG_FAST=y") && text.contains("CONFIG_NET=y"));
    let net = tree.find("NET").unwrap();
    assert_eq!(menu.config().asked(net), Some(("y", &Origin::Other("the menu".into()))));
}

proptest! {
    /// Whatever is typed, on whatever size of screen: no panic, no value outside its range, and Ctrl-C or Q always leads out.
    #[test]
    fn no_keys_break_it(codes in proptest::collection::vec(0_usize..24, 0..120), width in 1_u16..90, height in 1_u16..30) {
        let tree = tree();
        let mut menu = Menu::new(Config::new(&tree), "t");
        let all = [KeyCode::Up, KeyCode::Down, KeyCode::Left, KeyCode::Right, KeyCode::Enter, KeyCode::Esc, KeyCode::Backspace, KeyCode::Home,
            KeyCode::End, KeyCode::PageDown, KeyCode::PageUp, KeyCode::Delete, KeyCode::Char(' '), KeyCode::Char('y'), KeyCode::Char('n'),
            KeyCode::Char('/'), KeyCode::Char('?'), KeyCode::Char('z'), KeyCode::Char('j'), KeyCode::Char('9'), KeyCode::Char('\u{2603}'),
            KeyCode::Char('h'), KeyCode::Tab, KeyCode::F(1)];
        for code in codes {
            press(&mut menu, all[code]);
            screen_of(&mut menu, width, height);
            let queues: u32 = value(&menu, "QUEUES").parse().unwrap();
            prop_assert!((1..=8).contains(&queues));
        }
        let control = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        if menu.key(control) == Flow::Stay {
            prop_assert_eq!(press(&mut menu, KeyCode::Char('n')), Flow::Leave(End::Discarded));
        }
    }
}
