"""Who may say what: sequence and the privacy rules. Pure logic."""
