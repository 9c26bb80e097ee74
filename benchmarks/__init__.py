"""What is measured, each figure of docs/performance.md by one command."""
