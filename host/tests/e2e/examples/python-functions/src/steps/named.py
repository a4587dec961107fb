NAME = "found by its name"
