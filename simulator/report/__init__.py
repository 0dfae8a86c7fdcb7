"""Reports of studies: one self-contained page a run, or two runs side by side."""
