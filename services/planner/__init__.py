"""Which experiment next? Owns the tree, the ledger and the budget; trains nothing."""
