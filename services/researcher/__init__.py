"""What should the experiment be? Briefs, proposals and lessons; never sees dev or test rows."""
