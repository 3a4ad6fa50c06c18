"""What a user installs and types: the client, the `trex` command, the local launcher."""
