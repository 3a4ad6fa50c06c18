"""How good is it? Answers the sealed rows with a checkpoint and scores the answers."""
