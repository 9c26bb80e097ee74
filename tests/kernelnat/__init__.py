"""The same conversations through this router and through Linux's masquerade: what each lets through, and how."""
