"""Root causes: where in the chain broken rows first appear, and which sub-population explains most of them."""
