"""Published tables: every printed number, who printed it, and whether it holds."""
