"""Packet tests as rows, by subject: each subject's ``ROWS``, and all of them as ``ALL_ROWS``."""

from tests.rows import ageing, frames, isolation, learning, limits, spoofing, storms, vlan

SUBJECTS = {
    "frames": frames.ROWS,
    "learning": learning.ROWS,
    "ageing": ageing.ROWS,
    "limits": limits.ROWS,
    "vlan": vlan.ROWS,
    "isolation": isolation.ROWS,
    "storms": storms.ROWS,
    "spoofing": spoofing.ROWS,
}
ALL_ROWS = [(subject, row) for subject, rows in SUBJECTS.items() for row in rows]
