"""The questions of docs/guides/bi.md, as a BI tool asks them."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

GUIDE: Final = Path("docs/guides/bi.md")
QUESTION: Final = re.compile(r"^### (.+)\n```sql\n([^`]+)```$", re.MULTILINE)


def read_questions(root: Path) -> Mapping[str, str]:
    """Return the SQL of each question by its title, in the guide's order. `root` is the repository's."""
    guide = (root / GUIDE).read_text("utf-8")
    return dict(QUESTION.findall(guide))
