//! `autogw man [DIR]`, a hidden verb for those who package: the manual pages, out of the help texts.
//!
//! The same program writes the same bytes: no page has a date.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, Command};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use super::completions::visible;
use super::console::Console;
use super::exit::Exit;

/// Write the manual pages
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Examples:
  autogw man | man -l -                              the page of autogw itself
  autogw man ~/.local/share/man/man1                 that one and a page for each command

Exit status: 0 written, 1 the folder cannot be written to, 2 wrong usage.")]
pub struct ManArgs {
    /// Write every page into this folder, which is made if need be; without it, the main page to stdout
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,
}

/// Runs the verb for the whole `command`.
pub fn run(args: &ManArgs, command: &Command, console: &mut Console<'_>) -> Exit {
    let pages = pages(command);
    let Some(directory) = &args.directory else {
        console.data(pages[0].text.trim_end());
        return Exit::Done;
    };
    match write(&pages, directory) {
        Ok(()) => {
            console.say(format!("{} pages in {}", pages.len(), directory.display()));
            Exit::Done
        }
        Err(error) => {
            let directory = directory.display();
            console.error(format!("cannot write to {directory}: {error}"), None);
            Exit::Failed
        }
    }
}

/// A page of section 1.
struct Page {
    name: String,
    text: String,
}

fn write(pages: &[Page], directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    for page in pages {
        fs::write(directory.join(format!("{}.1", page.name)), &page.text)?;
    }
    Ok(())
}

/// The page of the program first, then one for each verb that can be called.
fn pages(command: &Command) -> Vec<Page> {
    let mut whole = visible(command).disable_help_subcommand(true);
    if let Some(after) = command.get_after_help() {
        whole = whole.after_help(after.clone());
    }
    whole.build();
    let mut pages = Vec::new();
    collect(&whole, &mut pages);
    pages
}

fn collect(command: &Command, pages: &mut Vec<Page>) {
    let name = command.get_display_name().unwrap_or(command.get_name());
    pages.push(Page {
        name: name.to_owned(),
        text: page(command, name),
    });
    for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        collect(verb, pages);
    }
}

fn page(command: &Command, name: &str) -> String {
    let source = format!("autogw {}", env!("CARGO_PKG_VERSION"));
    let man = Man::new(command.clone())
        .title(name.to_uppercase())
        .source(source)
        .manual("autogw");
    let mut text = Vec::new();
    render(&man, command, &mut text).expect("a vector takes everything");
    String::from_utf8(text).expect("help is text")
}

fn render(man: &Man, command: &Command, out: &mut Vec<u8>) -> io::Result<()> {
    man.render_title(out)?;
    man.render_name_section(out)?;
    man.render_synopsis_section(out)?;
    man.render_description_section(out)?;
    man.render_options_section(out)?;
    if command.has_subcommands() {
        man.render_subcommands_section(out)?;
    }
    if let Some(after) = command.get_after_help() {
        after_help(&after.to_string()).to_writer(out)?;
    }
    Ok(())
}

/// What stands behind the options: examples as they are typed, notes, and the exit status.
fn after_help(text: &str) -> Roff {
    let mut roff = Roff::default();
    let mut has_notes = false;
    for paragraph in text.split("\n\n") {
        if let Some(examples) = paragraph.strip_prefix("Examples:\n") {
            roff.control("SH", ["EXAMPLES"]);
            write_lines(&mut roff, examples);
        } else if let Some(status) = paragraph.strip_prefix("Exit status: ") {
            roff.control("SH", ["EXIT STATUS"]);
            roff.text([roman(status)]);
        } else {
            let (control, title): (_, &[&str]) = if has_notes {
                ("PP", &[])
            } else {
                ("SH", &["NOTES"])
            };
            roff.control(control, title.iter().copied());
            has_notes = true;
            write_lines(&mut roff, paragraph);
        }
    }
    roff
}

/// Lines that are indented stay as they are; others flow.
fn write_lines(roff: &mut Roff, text: &str) {
    for lines in text
        .lines()
        .collect::<Vec<_>>()
        .chunk_by(|one, next| is_kept(one) == is_kept(next))
    {
        let keeps = is_kept(lines[0]);
        if keeps {
            roff.control("nf", []);
        }
        for line in lines {
            roff.text([roman(*line)]);
        }
        if keeps {
            roff.control("fi", []);
        }
    }
}

fn is_kept(line: &str) -> bool {
    line.starts_with("  ")
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn every_verb_that_can_be_called_has_a_page_and_no_other() {
        let command = Cli::command();
        let pages = pages(&command);
        let names: Vec<&str> = pages.iter().map(|page| &*page.name).collect();
        assert_eq!(names[0], "autogw");
        for verb in command.get_subcommands() {
            let name = format!("autogw-{}", verb.get_name());
            assert_eq!(names.contains(&&*name), !verb.is_hide_set(), "{name}");
        }
        assert!(names.contains(&"autogw-config-show"), "{names:?}");
        for page in &pages {
            assert!(!page.text.contains("tunnel-child"), "{}", page.name);
            assert!(
                page.text.contains(&page.name.replace('-', "\\-")),
                "{}",
                page.text
            );
        }
    }

    #[test]
    fn what_stands_behind_the_options_has_its_sections() {
        let text = "Examples:\n  autogw x   y\n  .odd\n\nWords that\nflow.\n\nMore.\n\nExit status: 0 done.";
        let roff = after_help(text).to_roff();
        let expected = ".SH EXAMPLES\n.nf\n  autogw x   y\n  .odd\n.fi\n.SH NOTES\nWords that\nflow.\n.PP\nMore.\n\
                        .SH \"EXIT STATUS\"\n0 done.\n";
        assert_eq!(roff, expected);
    }
}
