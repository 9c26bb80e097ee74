"""What is counted: one record a worker and port, and one a worker for learning. Each counter has one writer.

``drops`` is indexed by drop reason and counted at the port where the frame came in. ``transmit_errors`` counts copies
that a port refused; a frame none of whose copies left is dropped as well.
"""

from typing import Final

import numpy as np

from dataplane.vector import MAX_PORTS
from dataplane.verdict import REASONS_CAPACITY

PORT_COUNTERS_DTYPE: Final = np.dtype(
    [
        ("rx_packets", "u8"),
        ("rx_bytes", "u8"),
        ("tx_packets", "u8"),
        ("tx_bytes", "u8"),
        ("transmit_errors", "u8"),
        ("consumed", "u8"),
        ("drops", "u8", (REASONS_CAPACITY,)),
    ],
    align=True,
)

WORKER_COUNTERS_DTYPE: Final = np.dtype([("ports", PORT_COUNTERS_DTYPE, (MAX_PORTS,))], align=True)

LEARNING_COUNTERS_DTYPE: Final = np.dtype(
    [
        ("learned", "u8"),
        ("moved", "u8"),
        ("expired", "u8"),
        ("refused_port", "u8"),
        ("refused_table", "u8"),
    ],
    align=True,
)
