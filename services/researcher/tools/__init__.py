"""What the researcher looks into before a search: literature, documents and data sets.

Plain functions behind a Protocol (`research.Research`). None raises for what others do wrong: what
could not be looked into is a sentence beside what was found.
"""
