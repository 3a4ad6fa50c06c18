"""OpenFinData: Chinese questions from the daily business of a broker."""
