"""The questions of the labs, a file a lab: a notebook asks them in one line."""
