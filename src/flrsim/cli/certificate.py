"""The certificate of ``flrsim doctor`` on the terminal."""

from __future__ import annotations

from flrsim.cli.tables import open_console, result_table
from flrsim.results import RESEARCH_NOTE, DoctorCheck, DoctorResult

MARKS = {"passed": "[green]✓[/green]", "failed": "[red]✗[/red]", "not_installed": "–"}


def print_certificate(result: DoctorResult) -> None:
    """Print one line a check, the reasons of those that failed, versions and machine, and the total."""
    from rich.markup import escape

    console = open_console()
    for topic in dict.fromkeys(check.topic for check in result.checks):
        table = result_table("", "check", "expected", "found", "error", "limit", title=topic)
        table.columns[1].justify = "left"
        for check in (c for c in result.checks if c.topic == topic):
            table.add_row(MARKS[check.status], escape(check.name), *_numbers(check))
        console.print(table)
    for check in result.checks:
        if check.status == "failed":
            console.print(f"[red]✗[/red] {escape(f'{check.topic}, {check.name}: {check.reason}')}")
    versions = ", ".join(f"{name} {number or 'not installed'}" for name, number in result.versions.items())
    machine = result.machine
    console.print(escape(versions))
    console.print(
        escape(
            f"{machine['system']}, {machine['processor']}, {machine['cores']} cores, {machine['threads']} threads used"
        )
    )
    absent = f", {result.not_installed} not installed" if result.not_installed else ""
    word = "[green]sound[/green]" if result.sound else "[red]NOT SOUND[/red]"
    console.print(
        f"{word}: {result.passed} of {result.passed + result.failed} checks passed{absent}, in {result.seconds:.1f} s"
    )
    if not result.sound:
        console.print(
            "Do not use this installation: reinstall flrsim, and report this certificate if it stays red."
        )
    console.print(RESEARCH_NOTE)


def _numbers(check: DoctorCheck) -> tuple[str, str, str, str]:
    if check.expected is None or check.found is None or check.limit is None:
        return ("", check.reason if check.status == "not_installed" else "", "", "")
    share = " ×" if check.relative else ""
    error = "not a number" if check.error is None else f"{check.error:.2g}{share}"
    # A difference has no more than an order of magnitude to tell.
    digits = 8 if check.expected else 2
    found = f"{check.found:.{digits}g}"
    return (f"{check.expected:.8g} {check.unit}", found, error, f"{check.limit:.2g}{share}")
