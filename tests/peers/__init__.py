"""What is known of other nodes."""
