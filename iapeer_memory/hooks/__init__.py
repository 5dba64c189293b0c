"""What a harness calls. The scripts run by file path on the standard library; what they load of ours is never heavy."""
