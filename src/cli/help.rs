//! `completions` and `man`: what shells and `man` know of the commands.

use super::{Arguments, Failure, print};
use clap::CommandFactory as _;
use clap_complete::Shell;

/// Prints the completions of a shell.
pub(super) fn completions(shell: Shell) -> Result<(), Failure> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "reportgate", &mut text);
    print(&String::from_utf8_lossy(&text))
}

/// Prints one manual page: the program, then every command.
pub(super) fn manual() -> Result<(), Failure> {
    let failed = |error| Failure::because("cannot write the manual page", error);
    let mut command = Arguments::command();
    command.build();
    let mut text = Vec::new();
    let man = clap_mangen::Man::new(command.clone());
    man.render_title(&mut text).map_err(failed)?;
    man.render_name_section(&mut text).map_err(failed)?;
    man.render_synopsis_section(&mut text).map_err(failed)?;
    man.render_description_section(&mut text).map_err(failed)?;
    man.render_options_section(&mut text).map_err(failed)?;
    let mut page = String::from_utf8_lossy(&text).into_owned();
    page.push_str(".SH COMMANDS\n");
    for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
        page.push_str(&of_command(inner, "reportgate").map_err(failed)?);
    }
    print(&page)
}

/// The sections of a command and those below it, as paragraphs of their own.
fn of_command(command: &clap::Command, above: &str) -> std::io::Result<String> {
    let name = format!("{above} {}", command.get_name());
    let mut page = String::new();
    let inner: Vec<_> = command.get_subcommands().filter(|inner| inner.get_name() != "help").collect();
    if inner.is_empty() {
        let mut text = Vec::new();
        let man = clap_mangen::Man::new(command.clone());
        man.render_synopsis_section(&mut text)?;
        man.render_description_section(&mut text)?;
        man.render_options_section(&mut text)?;
        man.render_extra_section(&mut text)?;
        page.push_str(&format!(".SS \"{name}\"\n"));
        // One section per command: its parts are paragraphs.
        page.push_str(&String::from_utf8_lossy(&text).replace(".SH ", ".PP\n.B "));
    }
    for inner in inner {
        page.push_str(&of_command(inner, &name)?);
    }
    Ok(page)
}
