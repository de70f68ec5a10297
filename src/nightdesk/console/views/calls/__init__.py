"""The pages of the phone line: what goes on, what was, what callers left, who rings this reader."""
