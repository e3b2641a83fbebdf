"""The tools by which a model works in a box. One file each."""
