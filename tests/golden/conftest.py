"""The scripts here need libraries that the tests don't: they are run by hand, never collected."""

collect_ignore_glob = ["make_*.py"]
