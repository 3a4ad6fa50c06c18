"""What a service tells of its work while it does it: spans, metrics, ids in logs. Off by default.

`stories` names the trace of an experiment, `spans` tells in it, `process` turns it on. Nothing here
imports OpenTelemetry's SDK but `sdk`, which is imported when something is to be sent or served.
"""
