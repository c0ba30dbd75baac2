"""What all suites in Python share: a failed test is named once more where scripts/suites.sh collects what failed."""

import os


def pytest_runtest_logreport(report):
    notes = os.environ.get("SUITE_NOTES")
    if report.failed and notes:
        crash = getattr(report.longrepr, "reprcrash", None)
        why = f"line {crash.lineno}: {crash.message}" if crash else str(report.longrepr).strip()
        with open(notes, "a", encoding="utf-8") as f:
            f.write(f"{report.nodeid} ({report.when}): {why.splitlines()[0]}\n")
