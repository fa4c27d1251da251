"""The invoice on paper: one template, set by typst."""
