"""The open data: people of the open body, moved by real motion capture, seen by perspective cameras."""
