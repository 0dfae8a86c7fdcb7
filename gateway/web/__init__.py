"""The live page: one self-contained HTML file that asks nothing of any other host."""
