"""The pages: NiceGUI's and the plain ones. None asks anything of any other host."""
