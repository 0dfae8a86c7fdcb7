"""`python -m tests.simulator.renew_spending`: simulate anew and put the tables into docs/double-spending.md."""

from simulator.spending.measure import Findings, measure, tables
from tests.support import ROOT

PAGE = ROOT / "docs" / "double-spending.md"
BEGIN = "<!-- python -m bench spending -->\n"
END = "<!-- end -->\n"


def page_with(found: Findings) -> str:
    """The page as it is, with the tables of these findings."""
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    return before + BEGIN + "\n" + tables(found) + "\n" + END + rest.split(END)[1]


def main() -> None:
    PAGE.write_text(page_with(measure()), encoding="utf-8")
    print(f"{PAGE.name} is written.")


if __name__ == "__main__":
    main()
