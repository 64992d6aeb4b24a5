"""`dateline doctor`: what is wrong and how to mend it, one line each; mends what is safe where asked."""

import json
from collections.abc import Sequence
from dataclasses import asdict

import click

from bot.terminal.errors import ANSWERED, FAILED, notify
from bot.terminal.render import safe
from rag.checkup import Finding, check_up
from rag.errors import SettingsError
from rag.settings import load_settings

DOCTOR_SCHEMA = "dateline/doctor/1"
STATUS_WORDS = {"ok": "ok      ", "note": "note    ", "problem": "PROBLEM "}


async def examine(fix: bool, as_json: bool) -> int:
    """Look, and say what was found; ANSWERED only when nothing is a problem."""
    try:
        settings = load_settings()
    except SettingsError as error:
        findings = [Finding("settings", "problem", str(error), "correct it in the environment or in .env")]
    else:
        findings = [Finding("settings", "ok", f"home {settings.home}"), *await check_up(settings, fix, notify)]
    well = all(finding.status != "problem" for finding in findings)
    if as_json:
        found = {"schema": DOCTOR_SCHEMA, "well": well, "findings": [asdict(finding) for finding in findings]}
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
    else:
        for line in doctor_lines(findings):
            click.echo(line)
    return ANSWERED if well else FAILED


def doctor_lines(findings: Sequence[Finding]) -> list[str]:
    """A line for each finding, and beneath it what to do."""
    lines = []
    for finding in findings:
        lines.append(f"{STATUS_WORDS[finding.status]} {finding.check:<10} {safe(finding.words)}")
        if finding.fix:
            lines.append(f"{'':<20}{safe(finding.fix)}")
    return lines
